"""Tests of the proof of a contract: each saboteur is caught by exactly its test."""

import pytest

from arlen_conformance import Contract, ContractError, Saboteurs, promise

pytest_plugins = ["pytester"]

SABOTEURS = "class TestSaboteurs(Good, Saboteurs, contract=CounterContract): "


def test_every_saboteur_is_caught(lab):
    """Each is a test of its own, named after what must catch it."""
    result = lab.run(SABOTEURS + "pass")
    result.assert_outcomes(passed=3, skipped=1)
    result.stdout.fnmatch_lines(["PASSED*TestSaboteurs::test_counts?Stuck?"])


def test_a_saboteur_whose_test_does_not_apply(lab):
    """It is skipped, with the reason."""
    result = lab.run(SABOTEURS + "pass")
    result.stdout.fnmatch_lines(["SKIPPED*test_refuses claims reset"])


def test_without_the_capability(lab):
    """A good adapter that claims less proves the tests of refusals."""
    result = lab.run(
        "import counter\n"
        "@pytest.fixture(autouse=True)\n"
        "def unable(monkeypatch): monkeypatch.setattr(counter.Stuck, 'resets', False)\n"
        + SABOTEURS
        + "\n    capabilities = ()\n    @pytest.fixture\n    def adapter(self): return Plain()\n"
    )
    result.assert_outcomes(passed=3, skipped=1)
    result.stdout.fnmatch_lines(["PASSED*test_refuses?Pretends?", "SKIPPED*test_reset does not claim reset"])


MORE = """
class More(Contract, name="more", version=1):
    @promise
    async def test_one(self, adapter):
        "One is there."
        assert await adapter.one()

    @promise
    async def test_two(self, adapter):
        "Two is there."
        assert adapter.two

class Fine:
    two = True
    def __init__(self, adapter=None): pass
    async def one(self): return True

@More.saboteur("test_two")
class NotTwo(Fine):
    two = False

class TestMore(Saboteurs, contract=More):
    timeout = 0.05
    @pytest.fixture
    def adapter(self): return Fine()

@More.saboteur("test_one")
"""


def test_a_saboteur_that_survives(lab):
    """One that its test does not catch fails, and the message says so."""
    result = lab.run(MORE + "def harmless(adapter): return adapter")
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["the saboteur harmless must fail in test_one*", "  test_one passed, which should*"])


def test_a_saboteur_that_breaks_too_much(lab):
    """One that other tests catch too fails, and the message names them and their reasons."""
    result = lab.run(MORE + "def breaks(adapter): return None")
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["  test_two: AttributeError:*"])


def test_a_heavy_test(lab):
    """A heavy test meets its own saboteurs alone."""
    heavy = MORE.replace("    @promise\n    async def test_two", "    @promise(heavy=True)\n    async def test_two")
    result = lab.run(heavy + "class NotOne(NotTwo):\n    async def one(self): return False")
    result.assert_outcomes(passed=2)


def test_alone(lab):
    """A class may have each saboteur meet its own test alone."""
    result = lab.run(MORE.replace("    timeout", "    alone = True\n    timeout") + "def breaks(adapter): return None")
    result.assert_outcomes(passed=2)


def test_a_saboteur_that_hangs(lab):
    """A test that takes longer than the timeout has failed, which is what a saboteur may want."""
    import_ = "import anyio\n"
    result = lab.run(import_ + MORE + "class Hangs(Fine):\n    async def one(self): await anyio.sleep_forever()")
    result.assert_outcomes(passed=2)


def test_no_good_adapter(lab):
    """A fixture that fails proves nothing: the saboteurs fail, with the fixture's error."""
    result = lab.run(SABOTEURS + "\n    @pytest.fixture\n    async def adapter(self): raise OSError('no engine')")
    result.assert_outcomes(failed=3, skipped=1)
    result.stdout.fnmatch_lines(["no good adapter for test_begins_at_zero:", "*OSError: no engine"])


def test_an_adapter_for_each_run(lab):
    """Every run of a contract test has an adapter, and function-scoped fixtures, of its own."""
    result = lab.run(
        "made = []\n"
        + SABOTEURS
        + "\n    @pytest.fixture\n"
        + "    async def adapter(self, tmp_path):\n"
        + "        made.append(tmp_path)\n        yield Counter()\n        made.append('closed')\n"
        + "def test_count(): assert (9, 10) == (made.count('closed'), len(set(made)))\n"
    )
    result.assert_outcomes(passed=4, skipped=1)


def test_fixtures_of_the_contract(lab):
    """What the contract's author defines in its class is there, and `self` is of that class."""
    result = lab.run(
        "class Own(Contract, name='own', version=1):\n"
        "    @pytest.fixture\n"
        "    async def doubled(self, adapter): return [adapter, adapter]\n"
        "    def helper(self, value): return len(value)\n"
        "    @promise\n"
        "    async def test_two(self, adapter, doubled):\n"
        "        'There are two.'\n"
        "        assert self.helper(doubled) == 2 and adapter.real\n"
        "@Own.saboteur('test_two')\n"
        "class Unreal:\n"
        "    real = False\n"
        "    def __init__(self, adapter): pass\n"
        "class TestOwn(Saboteurs, contract=Own):\n"
        "    @pytest.fixture\n"
        "    def adapter(self):\n"
        "        class Real: real = True\n"
        "        return Real()\n"
    )
    result.assert_outcomes(passed=1)


def test_parameters(lab):
    """A parametrised class proves the contract with each set of parameters."""
    result = lab.run(
        "@pytest.mark.parametrize('start', [0, 5])\n"
        + SABOTEURS
        + "\n    @pytest.fixture\n    def adapter(self, start): made = Counter(); made.start = start; return made\n"
    )
    result.assert_outcomes(passed=6, skipped=2)
    result.stdout.fnmatch_lines(["PASSED*test_counts?Stuck-0?", "PASSED*test_counts?Stuck-5?*"])


def test_several_processes(lab):
    """It works under pytest-xdist, and with a choice of tests."""
    lab.run(SABOTEURS + "pass", "-n2", process=True).assert_outcomes(passed=3, skipped=1)
    lab.run(SABOTEURS + "pass", "-kStuck").assert_outcomes(passed=1, deselected=3)


@pytest.mark.parametrize(
    ("body", "code"), [("pass", "saboteur_missing: odd.test_x"), ("capabilities = {'b'}", "capability_unknown")]
)
def test_refusals(lab, body, code):
    """A contract with a hole is refused, and so is a claim that it does not know."""
    result = lab.run(
        "class Odd(Contract, name='odd', version=1):\n"
        "    @promise\n"
        "    def test_x(self, adapter): 'It stands.'\n"
        f"class TestOdd(Good, Saboteurs, contract=Odd):\n    {body}"
    )
    result.stdout.fnmatch_lines([f"*{code}*"])


def test_no_contract():
    """A class that names no contract is refused where it is written."""
    with pytest.raises(ContractError, match="contract_missing: TestOdd"):
        type("TestOdd", (Saboteurs,), {})


class Known(Contract, name="known", version=1):
    """A contract for the tests below."""

    @promise
    def test_x(self, adapter):
        """It stands."""


def test_a_saboteur_of_nothing():
    """A saboteur names a test that there is."""
    with pytest.raises(ContractError, match="saboteur_unknown_test: the saboteur breaks is for test_y"):

        @Known.saboteur("test_y")
        def breaks(adapter): ...


def test_two_saboteurs_of_one_name():
    """Two saboteurs of a test have different names, so that both can be chosen."""
    Known.saboteur("test_x")(test_no_contract)
    with pytest.raises(ContractError, match="saboteur_twice"):
        Known.saboteur("test_x")(test_no_contract)

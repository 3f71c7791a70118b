"""Tests of what pytest collects, skips and refuses."""

import pytest

pytest_plugins = ["pytester"]

GOOD = "class TestGood(Good, CounterContract): "


def test_each_promise_is_a_test(lab):
    """A subclass of a contract runs each contract test with its own adapter."""
    result = lab.run(GOOD + "pass")
    result.assert_outcomes(passed=3, skipped=1)


def test_a_capability_that_is_not_claimed(lab):
    """A test that needs it is skipped, and the reason names the capability."""
    result = lab.run(GOOD + "capabilities = ()")
    result.assert_outcomes(passed=2, failed=1, skipped=1)
    result.stdout.fnmatch_lines(["SKIPPED*does not claim reset"])


def test_a_refusal_is_tested_without_the_capability(lab):
    """A test for adapters without a capability runs for them alone."""
    result = lab.run(
        "class TestPlain(Good, CounterContract):\n"
        "    capabilities = ()\n"
        "    @pytest.fixture\n"
        "    def adapter(self): return Plain()\n"
        "class TestGood(Good, CounterContract): pass\n"
    )
    result.stdout.fnmatch_lines(["PASSED*TestPlain::test_refuses*", "SKIPPED*claims reset"])


def test_a_promise_that_is_newer(lab):
    """It does not count against an adapter that claims an older version."""
    result = lab.run(GOOD + "version = 1")
    result.assert_outcomes(passed=2, skipped=2)
    result.stdout.fnmatch_lines(["SKIPPED*is newer than version 1"])


def test_a_known_failure(lab):
    """It fails as announced, with its reason."""
    result = lab.run(
        "class TestOff(Good, CounterContract):\n"
        "    known_failures = {'test_begins_at_zero': 'issue 12'}\n"
        "    @pytest.fixture\n"
        "    def adapter(self):\n"
        "        made = Counter(); made.now = -1; made.step = made.reset; return made\n"
    )
    assert result.parseoutcomes()["xfailed"] == 1
    result.stdout.fnmatch_lines(["XFAIL*test_begins_at_zero - issue 12"])


def test_a_known_failure_that_passes(lab):
    """It fails the run: the list is kept true."""
    result = lab.run(GOOD + "known_failures = {'test_counts': 'issue 12'}")
    result.assert_outcomes(passed=2, failed=1, skipped=1)
    result.stdout.fnmatch_lines(["*XPASS(strict)*issue 12*"])


def test_a_known_failure_of_what_is_not_claimed(lab):
    """A test that does not apply is skipped, listed or not."""
    result = lab.run(GOOD + "version = 1; known_failures = {'test_reset': 'issue 12'}")
    result.assert_outcomes(passed=2, skipped=2)


def test_own_tests_may_stand_beside(lab):
    """A test that is not the contract's runs, and does not count."""
    result = lab.run(GOOD + "\n    def test_own(self): pass")
    result.assert_outcomes(passed=4, skipped=1)
    assert "test_own" not in lab.outcomes()


def test_parameters_of_a_third_party(lab):
    """A parametrised class is one adapter for each set of parameters."""
    lab.run(
        "@pytest.mark.parametrize('start', [0, 1])\n"
        "class TestMany(Good, CounterContract):\n"
        "    @pytest.fixture\n"
        "    def adapter(self, start):\n"
        "        made = Counter(); made.now = start; return made\n"
    )
    assert [each.title for each in lab.report.subjects] == ["Many[0]", "Many[1]"]
    assert lab.outcomes(0)["test_counts"] == "passed"
    assert lab.outcomes(1)["test_counts"] == "failed"


def test_the_fixture_may_be_in_a_conftest(lab):
    """An adapter of the module, or of a conftest, serves too."""
    result = lab.run("@pytest.fixture\ndef adapter(): return Counter()\nclass TestGood(CounterContract): version = 1")
    result.assert_outcomes(passed=2, failed=1, skipped=1)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("version = 0", "version_missing"),
        ("version = 3", "version_unknown"),
        ("version = '2'", "version_unknown"),
        ("capabilities = {'rest'}", "capability_unknown"),
        ("capabilities = 'reset'", "capabilities_invalid"),
        ("known_failures = {'test_x': 'issue 12'}", "known_failure_unknown"),
        ("known_failures = {'test_counts': ' '}", "known_failure_reasonless"),
        ("test_counts = None", "test_removed"),
        ("\n    async def test_counts(self, adapter): pass", "test_overridden"),
        ("test_counts = pytest.mark.skip(lambda self: None)", "test_overridden"),
    ],
)
def test_a_claim_that_is_refused(lab, body, code):
    """Pytest does not collect the class, and says the code, the reason and the fix."""
    result = lab.run(GOOD + body)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([f"*{code}: *(fix: *)"])


def test_no_adapter(lab):
    """A class without the fixture is refused."""
    result = lab.run("class TestNone(CounterContract): version = 1")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*adapter_missing: TestNone has no fixture named adapter*"])


def test_everything_at_once(lab):
    """All that is wrong is said together."""
    result = lab.run(GOOD + "version = 3; capabilities = {'rest'}; test_reset = None")
    result.stdout.fnmatch_lines(["*version_unknown*", "*capability_unknown*rest*", "*test_removed*"])


CONTRACT = """
class OddContract(Contract, name="odd", version=1, capabilities=("a",)):
    {}

    @promise
    def test_fine(self, adapter):
        "It stands."

@OddContract.saboteur("test_fine")
def breaks(adapter): raise OSError

class TestOdd(Good, OddContract): version = 1; capabilities = ()
"""


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("@promise\n    def test_x(self, adapter): pass", "promise_untold"),
        ("def test_x(self, adapter): pass", "promise_missing"),
        ("@promise\n    def x(self, adapter): 'It stands.'", "test_name"),
        ("@promise(needs=('b',))\n    def test_x(self, adapter): 'It stands.'", "capability_undeclared"),
        ("@promise(unless='b')\n    def test_x(self, adapter): 'It stands.'", "capability_undeclared"),
        ("@promise(since=2)\n    def test_x(self, adapter): 'It stands.'", "since_unknown"),
        ("@promise\n    def test_x(self, adapter): 'It stands.'", "saboteur_missing"),
        (
            "@promise\n    @pytest.mark.parametrize('n', [1])\n    def test_x(self, adapter, n): 'It stands.'",
            "test_parametrised",
        ),
    ],
)
def test_a_contract_that_is_refused(lab, body, code):
    """A contract with a test that proves nothing is refused where it is used."""
    result = lab.run(CONTRACT.format(body))
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([f"*{code}: *odd.*"])


def test_a_sound_contract(lab):
    """The contract of the cases above is refused for nothing else."""
    lab.run(CONTRACT.format("")).assert_outcomes(passed=1)


def test_no_contract_at_all(lab):
    """A subclass of the base class names no contract."""
    result = lab.run("class TestOdd(Contract): pass")
    result.stdout.fnmatch_lines(["*contract_missing: TestOdd*"])


def test_a_contract_with_an_odd_name_is_no_test(lab):
    """Contracts and helpers without a name that pytest looks for are not collected."""
    lab.run("class Mine(Good, CounterContract): pass\nclass TestMine(Mine): pass").assert_outcomes(passed=3, skipped=1)


def test_a_contract_may_build_on_another(lab):
    """Its promises and saboteurs come with it."""
    result = lab.run(
        "class Big(CounterContract, name='big', version=1, capabilities=('reset',)):\n"
        "    @promise\n"
        "    async def test_more(self, adapter):\n"
        "        'There is more.'\n"
        "        assert await adapter.value() == 0\n"
        "Big.saboteur('test_more')(lambda adapter: None)\n"
        "class TestBig(Good, Big): version = 1\n"
    )
    result.stdout.fnmatch_lines(["*since_unknown: big.test_reset is since 2*"])
    assert "saboteur_missing" not in result.stdout.str()


def test_a_run_without_contracts(pytester):
    """Other tests do not notice the plugin."""
    pytester.makepyfile("def test_x(): pass")
    result = pytester.runpytest_inprocess("-pno:cacheprovider")
    result.assert_outcomes(passed=1)
    assert "conformance" not in result.stdout.str().partition("collected")[2]

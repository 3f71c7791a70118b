"""What the tests of the kit share: a contract, and a run of pytest inside a test."""

from pathlib import Path

import pytest

from arlen_conformance.reports import load

COUNTER = '''
"""A contract and a good adapter."""

from arlen_conformance import Contract, promise


class CounterContract(Contract, name="counter", version=2, capabilities=("reset", "negative")):
    """What every counter promises."""

    @promise
    async def test_begins_at_zero(self, adapter) -> None:
        """A new counter is at zero."""
        assert await adapter.value() == 0

    @promise
    async def test_counts(self, adapter) -> None:
        """Each step adds one."""
        await adapter.step()
        assert await adapter.value() == 1

    @promise(since=2, needs=("reset",))
    async def test_reset(self, adapter, clock, tmp_path) -> None:
        """After a reset the value is zero."""
        await adapter.step()
        await adapter.reset()
        assert await adapter.value() == 0

    @promise(unless=("reset",))
    def test_refuses(self, adapter) -> None:
        """Without the capability there is no reset."""
        assert not hasattr(adapter, "reset")


class Counter:
    def __init__(self):
        self.now = 0

    async def value(self):
        return self.now

    async def step(self):
        self.now += 1

    async def reset(self):
        self.now = 0


class Plain(Counter):
    reset = property()


@CounterContract.saboteur("test_begins_at_zero")
async def begun(adapter):
    step = adapter.step
    if not adapter.now:
        adapter.now = 7
    async def once():
        adapter.now = 0
        await step()
    adapter.step = once
    return adapter


@CounterContract.saboteur("test_counts")
class Stuck(Counter):
    def __init__(self, adapter):
        super().__init__()

    async def step(self):
        pass

    def __getattribute__(self, name):
        if name == "reset" and not Stuck.resets:
            raise AttributeError(name)
        return super().__getattribute__(name)

    resets = True


@CounterContract.saboteur("test_reset")
class Forgets(Counter):
    def __init__(self, adapter):
        super().__init__()

    async def reset(self):
        pass


@CounterContract.saboteur("test_refuses")
class Pretends(Counter):
    def __init__(self, adapter):
        super().__init__()
'''

HEAD = """
import pytest
from arlen_conformance import Contract, Saboteurs, promise
from counter import Counter, CounterContract, Plain


class Good:
    version = 2
    capabilities = {"reset"}

    @pytest.fixture
    async def adapter(self):
        yield Counter()


"""

SETUP = """
import pytest

pytest.register_assert_rewrite("counter")


@pytest.fixture(scope="session")
def anyio_backend():
    return "asyncio"
"""


class Lab:
    """Runs pytest on a text."""

    def __init__(self, pytester) -> None:
        self.pytester = pytester

    def run(self, text, *words, process=False):
        """Run the tests in a text; `Good`, `CounterContract`, `Counter` and `Plain` are there."""
        self.pytester.makepyfile(counter=COUNTER, test_it=HEAD + text)
        self.pytester.makeconftest(SETUP)
        run = self.pytester.runpytest_subprocess if process else self.pytester.runpytest_inprocess
        return run("--conformance-report=report.json", "-pno:cacheprovider", "-rA", *words)

    @property
    def report(self):
        """The report of the last run."""
        return load(Path(self.pytester.path, "report.json"))

    def outcomes(self, place=0):
        """Return what came of each promise of one adapter."""
        return {row.name: str(row.outcome) for row in self.report.subjects[place].promises}


@pytest.fixture
def lab(pytester):
    """A folder with the contract of a counter, where pytest runs."""
    return Lab(pytester)

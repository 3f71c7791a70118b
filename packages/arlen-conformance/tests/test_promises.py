"""Tests of promises, and of what counts as a claim."""

from types import SimpleNamespace

import pytest

from arlen_conformance import ContractError, Refusal, VirtualClock, promise
from arlen_conformance.promises import Promise, claimed, promised
from arlen_core.clock import VirtualClock as Original


def test_a_bare_decorator():
    """`@promise` alone asks for nothing and is there since version 1."""

    @promise
    def test_x(self, adapter):
        """It stands, whatever
        comes.

        More for readers of the source.
        """  # noqa: D205 - on two lines, as a long one is

    assert promised(test_x) == Promise("test_x", "It stands, whatever comes.")


def test_a_decorator_with_arguments():
    """Names may be one text or several."""

    @promise(since=2, needs=("a", "b"), unless="c")
    async def test_x(self, adapter):
        """It stands."""

    assert promised(test_x) == Promise("test_x", "It stands.", 2, ("a", "b"), ("c",))


@pytest.mark.parametrize("thing", [None, 1, print, SimpleNamespace(__promise__="no")])
def test_what_makes_no_promise(thing):
    """Anything else makes none."""
    assert promised(thing) is None


@pytest.mark.parametrize(
    ("version", "names", "reason"),
    [
        (2, {"a"}, ""),
        (1, {"a"}, "is newer than version 1"),
        (2, {}, "does not claim a"),
        (2, {"a", "c"}, "claims c"),
    ],
)
def test_when_it_need_not_be_kept(version, names, reason):
    """The version counts first, then what is lacking, then what is too much."""
    assert Promise("test_x", "", 2, ("a",), ("c",)).waived(version, frozenset(names)) == reason


def test_several_that_lack():
    """All that lack are named."""
    assert Promise("test_x", "", 1, ("a", "b")).waived(1, frozenset()) == "does not claim a and b"


class Flags:
    """Capabilities as production code has them."""

    reset = True
    negative = False
    limit = 1
    _hidden = True


@pytest.mark.parametrize(
    ("given", "names"),
    [
        ((), set()),
        (["a", "b"], {"a", "b"}),
        ({"a": 1, "b": 2}.keys(), {"a", "b"}),
        ({"a": True, "b": False, "c": 1}, {"a"}),
        (Flags(), {"reset"}),
        (Flags, {"reset"}),
    ],
)
def test_claims(given, names):
    """Names count as they are; of a mapping or an object, what is exactly true."""
    assert claimed(given) == names


def test_a_text_is_no_claim():
    """A text would claim its letters."""
    with pytest.raises(ContractError, match="capabilities_invalid") as caught:
        claimed("reset")
    assert [refusal.code for refusal in caught.value.refusals] == ["capabilities_invalid"]


def test_a_refusal_reads_as_one_line():
    """The code, the reason and the fix."""
    assert str(Refusal("code", "it is wrong", "right it")) == "code: it is wrong (fix: right it)"
    assert str(ContractError(Refusal("a", "b", "c"), Refusal("d", "e", "f"))) == "a: b (fix: c)\nd: e (fix: f)"


def test_the_clock_is_the_cores():
    """The kit has no clock of its own."""
    assert VirtualClock is Original


def test_the_clock_is_a_fixture(clock):
    """A test gets a clock that stands still."""
    assert clock.monotonic() == 0

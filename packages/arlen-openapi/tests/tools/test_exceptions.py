"""Exceptions: a change may be wanted, for a reason, until a release."""

import pytest

from arlen_core.commands import CommandError
from arlen_openapi.changes import Change
from arlen_openapi.exceptions import Allowance, judge, read

GONE = Change("operation-removed", "breaking", "GET /old", "it is gone")
ELSE = Change(
    "request-type-narrowed", "breaking", "POST /new request application/json $.a", "string: not among integer"
)
FILE = """
[[exception]]
rule = "operation-removed"
place = "GET /old"
reason = "nobody has called it since May"
until = "2.0"
"""


def allowance(rule="operation-removed", place="GET /old", until="2.0"):
    """Return an exception."""
    return Allowance(rule, place, "because", until)


def refusal(text):
    """Return why a file is refused."""
    with pytest.raises(CommandError) as caught:
        read(text, "openapi.toml")
    assert "exceptions_invalid" == caught.value.code
    assert "[[exception]]" in caught.value.fix
    return caught.value.message


def test_a_file_has_an_entry_for_each():
    """An empty one has none."""
    assert (Allowance("operation-removed", "GET /old", "nobody has called it since May", "2.0"),) == read(FILE, "x")
    assert () == read("", "x")


@pytest.mark.parametrize("missing", ["rule", "place", "reason", "until"])
def test_an_entry_says_everything(missing):
    """What is missing is named."""
    text = "\n".join(line for line in FILE.splitlines() if not line.startswith(missing))
    assert f"`{missing}`" in refusal(text)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"nobody has called it since May"', '" "', "has no reason"),
        ('"2.0"', '"soon"', "'soon' is no release"),
        ('"2.0"', "2.0", "Expected `str`"),
        ("rule", "rules", "rules"),
        ("[[exception]]", "[[exceptions]]", "exceptions"),
        ("[[exception]]", "[[", "openapi.toml"),
    ],
)
def test_a_wrong_file_is_refused(old, new, message):
    """A word that is mistyped would otherwise except nothing, or everything."""
    assert message in refusal(FILE.replace(old, new))


def test_an_exception_takes_its_change_out():
    """And no other one."""
    judged = judge([GONE, ELSE], [allowance()], "1.4.0")
    assert ((ELSE,), (GONE,), (), ()) == (judged.counted, judged.excepted, judged.unused, judged.expired)


@pytest.mark.parametrize(
    ("rule", "place"),
    [
        ("operation-removed", "GET /older"),
        ("operation-removed", "GET /ol"),
        ("operation-added", "GET /old"),
        ("*", "GET /old"),
    ],
)
def test_rule_and_place_have_to_be_the_same(rule, place):
    """Word for word."""
    assert (GONE,) == judge([GONE], [allowance(rule, place)], "1.0").counted


@pytest.mark.parametrize(
    ("place", "covered"), [("POST /new*", True), ("POST /new request*", True), ("*", True), ("GET*", False)]
)
def test_a_star_stands_for_the_rest(place, covered):
    """At the end alone."""
    judged = judge([ELSE], [allowance("request-type-narrowed", place)], "1.0")
    assert covered is (judged.excepted == (ELSE,))


@pytest.mark.parametrize(
    ("version", "holds"),
    [
        ("1.9.9", True),
        ("2.0", True),
        ("2.0.0", True),
        ("2", True),
        ("v1.0", True),
        ("2.0.1", False),
        ("2.1", False),
        ("10.0", False),
        ("2.0.0-rc1", True),
    ],
)
def test_an_exception_ends_with_its_release(version, holds):
    """Releases are numbers, not texts: 10 comes after 2."""
    judged = judge([GONE], [allowance()], version)
    assert (holds, not holds) == (judged.excepted == (GONE,), judged.expired == (allowance(),))
    assert (() if holds else (GONE,)) == judged.counted


def test_an_exception_that_covers_nothing_is_told():
    """So that the file does not grow for ever; one that has ended is told as that alone."""
    judged = judge([], [allowance(), allowance(until="0.9")], "1.0")
    assert ((allowance(),), (allowance(until="0.9"),)) == (judged.unused, judged.expired)


@pytest.mark.parametrize("version", ["", "main", "latest 2"])
def test_a_document_without_a_release_has_no_exceptions(version):
    """It would not be known whether they hold."""
    with pytest.raises(CommandError) as caught:
        judge([GONE], [allowance()], version)
    assert "version_invalid" == caught.value.code
    assert (GONE,) == judge([GONE], [], version).counted

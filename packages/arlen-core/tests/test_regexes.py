"""Tests of arlen_core.regexes."""

import re

import pytest

from arlen_core.regexes import LIMIT, refusal

GOOD = [
    "[A-Z]{3}", r"\d+", "[a-z]+-[0-9]+", "(?:en|de)", "(en|de)?x", "(ab){2,3}", "[0-9a-f]{6}", r"v\d+(?:\.\d+)?",
    "[()*]+", r"\(a\)", "[]a]+", "[^]a]+", r"[\]]+", "a{2}", "x|y",
]  # fmt: skip
SLOW = ["(a+)+", "(a*)*", "(a|aa)+", "(a|a)*", "([a-z]+-)*[a-z]+", "((a+))+", "(a{1,9}){9}", "(?:a?b)+", "((?:x|y)z)*"]


@pytest.mark.parametrize("pattern", GOOD)
def test_plain_patterns_are_accepted(pattern):
    """A pattern without repeated loose groups may be used."""
    assert "" == refusal(pattern)


@pytest.mark.parametrize("pattern", SLOW)
def test_nested_repetition_is_refused(pattern):
    """A group that repeats holds neither an alternative nor a part of changing length."""
    assert "a group that repeats may not hold an alternative or a part of changing length" == refusal(pattern)


@pytest.mark.parametrize(
    ("pattern", "part"),
    [
        ("[a", "wrong: unterminated character set"),
        ("(a", "wrong: missing )"),
        ("a{99999999999}", "wrong: the repetition number is too large"),
        ("a*", "matches the empty text"),
        ("(?:)", "matches the empty text"),
        ("a/b", "cannot hold a slash"),
        (r"a\/b", "cannot hold a slash"),
        (r"(a)\1", "backreferences"),
        ("(?P<x>a)", "'(?P'"),
        ("(?=a)a", "'(?='"),
        ("(?!b)a", "'(?!'"),
        ("(?<=b)a", "'(?<'"),
        ("(?i)a", "'(?i'"),
    ],
)
def test_what_is_not_supported_is_named(pattern, part):
    """A refusal says what is wrong with the pattern."""
    assert part in refusal(pattern)


def test_a_slash_in_a_class_is_seen():
    """A class may name a slash: it only makes the pattern match less, as no segment holds one unless it was encoded."""
    assert "" == refusal("[^/]+")


@pytest.mark.parametrize("pattern", [*GOOD, "[a-z]+[a-z]+[a-z]+x"])
def test_an_accepted_pattern_ends_in_bounded_steps(pattern):
    """On the longest segment that is tried, an accepted pattern comes to an end."""
    for text in ("a" * LIMIT, "1" * LIMIT, "a-" * (LIMIT // 2)):
        assert re.fullmatch(pattern, text) is None or not refusal(pattern)

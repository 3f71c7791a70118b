"""Tests of arlen_core.patterns."""

import pytest

from arlen_core.grammar import parse
from arlen_core.placeholders import lookup


def read(template, *segments):
    """Read texts with the segments of a template."""
    pattern = parse(template)
    return [segment.read(text.encode()) for segment, text in zip(pattern.segments, segments, strict=True)]


@pytest.mark.parametrize(
    ("template", "text", "values"),
    [
        ("/{name}.{ext}", "a.b.c", ("a.b", "c")),
        ("/{name}.{ext}", "ab", None),
        ("/{name}.{ext}", ".b", None),
        ("/{a}-{b}", "x-y-z", ("x-y", "z")),
        ("/v{n:int}", "v12", (12,)),
        ("/v{n:int}", "v", None),
        ("/v{n:int}", "w12", None),
        ("/{a:int}-{b:int}", "1--2", (1, -2)),
        ("/{a:int}x{b}", "99999999999999999999x1", None),
        ("/{a:int}x{b}", "9999999999999999999x1", None),
        ("/{a}+{b}", "1+2", ("1", "2")),
        ("/{d:date}.{ext:[a-z]+}", "2024-01-31.json", ((2024, 1, 31), "json")),
        ("/{d:date}.{ext:[a-z]+}", "2024-13-31.json", None),
    ],
)
def test_several_placeholders_in_a_segment(template, text, values):
    """Placeholders on the left take as much as they can; every one must match its type."""
    found = read(template, text)[0]
    plain = found and tuple(each.timetuple()[:3] if hasattr(each, "timetuple") else each for each in found)
    assert values == plain


def test_a_mixed_segment_is_bounded():
    """A segment with text and placeholders is not tried on more than 255 characters."""
    assert read("/{a}-{b}", "a" * 200 + "-b") != [None]
    assert [None] == read("/{a}-{b}", "a" * 300 + "-b")


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        ("/a/b", "/a/{x:int}"),
        ("/a/{x:int}", "/a/{x}"),
        ("/a/{x}", "/a/{x:path}"),
        ("/a/v{x}", "/a/{x}"),
        ("/{x}/b", "/{x:int}/{y:int}"),
        ("/a/b/{x:path}", "/a/{x:path}"),
        ("/a/{y}/{x:path}", "/a/{x:path}"),
        ("/a/{y:int}/{x:path}", "/a/{y}/{x:path}"),
        ("/{a}/{b}/{c}", "/a/b/{x:path}"),
    ],
)
def test_the_more_specific_pattern_ranks_first(better, worse):
    """No rest of the path first, then more text, then more types, then more segments."""
    assert parse(better).rank < parse(worse).rank


def test_the_path_of_a_pattern_without_placeholders():
    """A static pattern has one path; others have none."""
    assert ["/é/b/".encode(), None] == [parse("/é/b/").path, parse("/{x}").path]


def test_types_can_be_given_later():
    """Specialising changes the named placeholders only."""
    pattern = parse("/{a}/{b}/x{c}").specialise({"a": lookup("int"), "c": lookup("int")})
    assert ("{int}", "{str}", "x{int}") == pattern.shape
    assert [(7,), (8,)] == [pattern.segments[0].read(b"7"), pattern.segments[2].read(b"x8")]

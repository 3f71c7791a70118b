"""Tests of arlen_core.patterns."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arlen_core.errors import StartupError
from arlen_core.patterns import parse
from arlen_core.placeholders import lookup


def read(template, *segments):
    """Read texts with the segments of a template."""
    pattern = parse(template)
    return [segment.read(text.encode()) for segment, text in zip(pattern.segments, segments, strict=True)]


@pytest.mark.parametrize(
    ("template", "shape", "names"),
    [
        ("/", ("=",), ()),
        ("/a", ("=a",), ()),
        ("/a/", ("=a", "="), ()),
        ("/a/{id}", ("=a", "{str}"), ("id",)),
        ("/a/{id:int}/b", ("=a", "{int}", "=b"), ("id",)),
        ("/{code:[A-Z]{3}}", ("{[A-Z]{3}}",), ("code",)),
        ("/{a}-{b:int}", ("{str}-{int}",), ("a", "b")),
        ("/v{n:int}", ("v{int}",), ("n",)),
        ("/{{x}}", ("={x}",), ()),
        ("/{{{x}}}", ("{{{str}}}",), ("x",)),
        ("/é/{ü}", ("=é", "{str}"), ("ü",)),
        ("/files/{rest:path}", ("=files", "{path}"), ("rest",)),
        ("/{x:[{}]}", ("{[{}]}",), ("x",)),
        (r"/{x:\{a\}}", (r"{\{a\}}",), ("x",)),
    ],
)
def test_a_template_is_read_into_segments(template, shape, names):
    """The shape says what each segment matches, whatever the names."""
    pattern = parse(template)
    assert (shape, names) == (pattern.shape, pattern.names)


@pytest.mark.parametrize(
    ("template", "position", "reason", "fix"),
    [
        ("", 0, "begins with a slash", "write '/'"),
        ("a", 0, "begins with a slash", "write '/a'"),
        ("/a//b", 3, "two slashes in a row", "leave one out"),
        ("//", 1, "two slashes in a row", "leave one out"),
        ("/a/../b", 3, "dot segments", "leave it out"),
        ("/.", 1, "dot segments", "leave it out"),
        ("/a/{id", 3, "not closed", "{{ for a brace"),
        ("/a/{id:[0-9}", 7, "unterminated character set", "simpler"),
        ("/a/id}", 5, "nothing opened", "}} for a brace"),
        ("/{}", 2, "'' is no name", "letters"),
        ("/{1a}", 2, "'1a' is no name", "letters"),
        ("/{a b}", 2, "'a b' is no name", "letters"),
        ("/{class}", 2, "'class' is no name", "letters"),
        ("/{_root}", 2, "'_root' is no name", "letters"),
        ("/{id}/{id:int}", 7, "two placeholders called 'id'", "rename"),
        ("/{id:itn}", 5, "no type of placeholder called 'itn'", "did you mean 'int'?"),
        ("/{id:zzzz}", 5, "no type of placeholder called 'zzzz'", "use one of date, float, "),
        ("/{id:}", 5, "no type of placeholder called ''", "regular expression"),
        ("/{id:(a+)+}", 5, "a group that repeats", "simpler"),
        ("/{id:a/b}", 5, "cannot hold a slash", "simpler"),
        ("/{a}{b}", 4, "touch", "character between"),
        ("/{a:path}/b", 9, "nothing may follow", "at the end"),
        ("/{a:path}/", 9, "nothing may follow", "at the end"),
        ("/x{a:path}", 10, "stands alone", "slash before"),
        ("/a?b=1", 2, "'?' cannot stand", "without query"),
        ("/a#b", 2, "'#' cannot stand", "without query"),
        ("/a%20b", 2, "'%' cannot stand", "decoded"),
        ("/a\\b", 2, "cannot stand", "decoded"),
        ("/a\nb", 2, "cannot stand", "decoded"),
    ],
)
def test_a_wrong_template_is_refused(template, position, reason, fix):
    """The error names the template, the position, the reason and the fix."""
    with pytest.raises(StartupError) as error:
        parse(template)
    assert f"route {template!r}, position {position}: " in error.value.reason
    assert reason in error.value.reason
    assert fix in error.value.fix
    assert "template_invalid" == error.value.code


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


@given(st.text("ab{}:/+*()[]\\.?%#0,é", max_size=15))
def test_any_text_is_a_template_or_a_clear_error(text):
    """Parsing ends in a pattern or in a StartupError with a position and a fix."""
    try:
        pattern = parse(text)
    except StartupError as caught:
        error = caught
    else:
        assert text.startswith("/")
        assert len(pattern.names) == len(set(pattern.names))
        return
    assert re.search(r"position \d+: ", error.reason)
    assert error.fix

"""Tests of arlen_core.grammar."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arlen_core.errors import StartupError
from arlen_core.grammar import parse


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

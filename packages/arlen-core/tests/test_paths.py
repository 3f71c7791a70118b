"""Tests of arlen_core.paths."""

from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arlen_core.paths import BadPath, Path, quoted


def segments(target):
    """Return the segments after the first slash."""
    return Path.read(target).segments[1:]


@pytest.mark.parametrize(
    ("target", "wanted"),
    [
        (b"/", [b""]),
        (b"/a", [b"a"]),
        (b"/a/", [b"a", b""]),
        (b"//a", [b"", b"a"]),
        (b"/a%2Fb/c", [b"a/b", b"c"]),
        (b"/a%2fb", [b"a/b"]),
        (b"/%61%62", [b"ab"]),
        (b"/caf%C3%A9", ["café".encode()]),
        ("/café".encode(), ["café".encode()]),
        (b"/a%252Fb", [b"a%2Fb"]),
        (b"/a+b", [b"a+b"]),
        (b"/.well-known/x", [b".well-known", b"x"]),
        (b"/...", [b"..."]),
        (b"/a%3Fb", [b"a?b"]),
    ],
)
def test_a_path_is_split_before_it_is_decoded(target, wanted):
    """A percent-encoded slash never separates segments; decoding happens once (RFC 3986 §2.4)."""
    assert wanted == segments(target)


@pytest.mark.parametrize(
    ("target", "part"),
    [
        (b"", "begin with a slash"),
        (b"a", "begin with a slash"),
        (b"*", "begin with a slash"),
        (b"http://a/b", "begin with a slash"),
        (b"/%", "percent sign"),
        (b"/%2", "percent sign"),
        (b"/%2/x", "percent sign"),
        (b"/%zz", "percent sign"),
        (b"/%%41", "percent sign"),
        (b"/%ff", "not UTF-8"),
        (b"/\xff", "not UTF-8"),
        (b"/%C3/%A9", "not UTF-8"),
        (b"/%c0%af", "not UTF-8"),
        (b"/%ed%a0%80", "not UTF-8"),
        (b"/a%00b", "NUL"),
        (b"/a\0b", "NUL"),
        (b"/.", "dot segment"),
        (b"/..", "dot segment"),
        (b"/a/../b", "dot segment"),
        (b"/a/./b", "dot segment"),
        (b"/a/..", "dot segment"),
        (b"/%2e", "dot segment"),
        (b"/%2e%2E/etc/passwd", "dot segment"),
        (b"/.%2e/x", "dot segment"),
    ],
)
def test_a_path_that_cannot_be_trusted_is_refused(target, part):
    """Wrong encodings, text that is not UTF-8, NUL and dot segments in any spelling are refused."""
    with pytest.raises(BadPath, match=part):
        Path.read(target)


@pytest.mark.parametrize(
    ("target", "turned"), [(b"/a", b"/a/"), (b"/a/", b"/a"), (b"/", b"//"), (b"/a%2F", b"/a%2F/"), (b"/a//", b"/a/")]
)
def test_a_path_can_be_turned(target, turned):
    """One slash is added at the end, or taken away; the raw form is kept."""
    assert turned == b"/".join(Path.read(target).turned().raw)


@given(st.binary(max_size=30))
def test_any_bytes_are_a_path_or_refused(data):
    """What is not refused has as many segments as slashes, each of them UTF-8 without NUL."""
    try:
        path = Path.read(b"/" + data)
    except BadPath:
        return
    assert data.count(b"/") + 2 == len(path.segments)
    assert all("\0" not in each.decode() and each not in {b".", b".."} for each in path.segments)


@given(st.text(st.characters(codec="utf-8")))
def test_quoting_comes_back(text):
    """What is percent-encoded decodes to the same text and holds neither slash, query nor fragment."""
    made = quoted(text)
    assert text == unquote(made)
    assert not set("/?#% ") & set(made.replace("%", "", made.count("%")))
    assert made.isascii()


def test_what_is_encoded_already_can_be_left():
    """With `percent` only what may not stand in a URL at all is encoded."""
    assert "/a%20b?c=%22%C3%A9" == quoted('/a%20b?c="é', slash=True, percent=True)

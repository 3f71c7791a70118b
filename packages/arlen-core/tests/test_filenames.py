"""File names: nothing that a client sends is dangerous on a disk or in a header."""

import re
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arlen_core.filenames import disposition, safe_name
from arlen_core.headers import Headers


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("photo.jpg", "photo.jpg"),
        ("My  Holiday\tPhoto.jpg", "My HolidayPhoto.jpg"),
        ("../../etc/passwd", "passwd"),
        ("/etc/passwd", "passwd"),
        ("..\\..\\boot.ini", "boot.ini"),
        ("C:\\Users\\x\\cv.pdf", "cv.pdf"),
        ("a/", "file"),
        ("", "file"),
        (".", "file"),
        ("..", "file"),
        (" . . ", "file"),
        (".htaccess", "htaccess"),
        ("a.txt.", "a.txt"),
        ("a.txt ", "a.txt"),
        ("a\x00b.txt", "ab.txt"),
        ("a\r\nb.txt", "ab.txt"),
        ("\u202egpj.exe", "gpj.exe"),
        ("zero\u200bwidth.txt", "zerowidth.txt"),
        ('a<b>c:d"e|f?g*h', "abcdefgh"),
        ("CON", "_CON"),
        ("con.txt", "_con.txt"),
        ("Com1.log.txt", "_Com1.log.txt"),
        ("console.txt", "console.txt"),
        ("cafe\u0301.txt", "caf\u00e9.txt"),
        ("日本語.txt", "日本語.txt"),
    ],
)
def test_names_are_made_safe(raw, expected):
    """Folders, invisible characters, device names and leading dots go; real names stay."""
    assert expected == safe_name(raw)


@given(st.text(max_size=80))
def test_any_text_becomes_one_safe_name(raw):
    """The result is one file name, not hidden, not special, and stable."""
    name = safe_name(raw)
    assert name
    assert re.search(r'[/\\\x00-\x1f\x7f<>:"|?*]', name) is None
    assert name.strip(". ") == name
    assert name == safe_name(name)


@given(st.text(max_size=400), st.integers(min_value=24, max_value=255))
def test_the_length_is_bounded_in_bytes(raw, limit):
    """A file system counts bytes, not characters."""
    assert limit >= len(safe_name(raw, limit=limit).encode())


def test_a_long_name_keeps_its_extension():
    """The stem is cut, at a character."""
    assert "a" * 196 + ".pdf" == safe_name("a" * 500 + ".pdf")
    assert "é" * 98 + ".pdf" == safe_name("é" * 500 + ".pdf")
    assert 200 == len(safe_name("a." + "b" * 500))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("report.pdf", 'attachment; filename="report.pdf"'),
        ("May report.pdf", 'attachment; filename="May report.pdf"'),
        ('a"b.txt', "attachment; filename=\"a_b.txt\"; filename*=UTF-8''a%22b.txt"),
        ("50%.txt", "attachment; filename=\"50_.txt\"; filename*=UTF-8''50%25.txt"),
        ("€.txt", "attachment; filename=\"_.txt\"; filename*=UTF-8''%E2%82%AC.txt"),
        ("../x.txt", 'attachment; filename="x.txt"'),
        ("", 'attachment; filename="file"'),
        (".gitignore", 'attachment; filename=".gitignore"'),
    ],
)
def test_the_header_names_the_download(name, expected):
    """ASCII in the plain form, everything in the extended one (RFC 6266 §4.3, Appendix D)."""
    assert expected == disposition(name)


def test_a_file_may_be_shown():
    """Inline shows it when the browser can."""
    assert 'inline; filename="a.pdf"' == disposition("a.pdf", inline=True)


@given(st.text(max_size=60))
def test_no_name_can_break_the_header(name):
    """Whatever the name, the value is a legal header, and the extended form gives back the last part of the name."""
    value = disposition(name)
    Headers().add("content-disposition", value)
    if found := re.fullmatch(r"attachment; filename=\"[^\"\\]*\"; filename\*=UTF-8''(.*)", value):
        assert unquote(found[1]) in re.sub(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]", "", name)

"""Media types: the table and what is asked of it."""

import re

import pytest

from arlen_core.media import FORMATS, TYPES, compressible, guess, type_of


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("index.html", "text/html; charset=utf-8"),
        ("a/b.c/app.js", "text/javascript; charset=utf-8"),
        ("data.json", "application/json"),
        ("logo.SVG", "image/svg+xml"),
        ("archive.tar.gz", "application/gzip"),
        ("css", "application/octet-stream"),
        ("a.b/css", "application/octet-stream"),
        (".css", "text/css; charset=utf-8"),
        ("x.unheard-of", "application/octet-stream"),
        ("", "application/octet-stream"),
    ],
)
def test_the_extension_decides(name, expected):
    """The last extension, in any case, decides; text is said to be UTF-8."""
    assert expected == guess(name)


def test_the_default_is_the_callers():
    """An unknown extension gets the default."""
    assert "text/plain; charset=utf-8" == guess("README", "text/plain")
    assert "text/plain; charset=latin-1" == guess("README", "text/plain; charset=latin-1")


def test_every_format_is_a_type():
    """Formats are a part of the table of extensions."""
    assert dict(FORMATS) == {name: TYPES[name] for name in FORMATS}


@pytest.mark.parametrize("table", [FORMATS, TYPES])
def test_the_tables_are_well_formed(table):
    """Keys are lower-case extensions, values media types without parameters."""
    assert [] == [row for row in table.items() if not re.fullmatch(r"[a-z0-9]+", row[0])]
    assert [] == [row for row in table.items() if not re.fullmatch(r"[a-z]+/[a-z0-9.+-]+", row[1])]


def test_the_tables_cannot_be_changed():
    """One application cannot change another's types."""
    with pytest.raises(TypeError):
        TYPES["evil"] = "text/html"


def test_a_format_has_its_type():
    """A name is looked up, a media type stands for itself, anything else is refused with the choices."""
    assert "text/csv" == type_of("csv")
    assert "image/png" == type_of("Image/PNG")
    with pytest.raises(ValueError, match="'jsn' is no known format: use one of html, json"):
        type_of("jsn")


@pytest.mark.parametrize(
    "media",
    [
        "text/css",
        "text/html; charset=utf-8",
        "application/json",
        "application/problem+json",
        "image/svg+xml",
        "font/ttf",
    ],
)
def test_text_is_worth_compressing(media):
    """Text by any name gets smaller."""
    assert compressible(media)


@pytest.mark.parametrize("media", ["", "image/png", "video/mp4", "application/zip", "font/woff2", "application/pdf"])
def test_what_is_compressed_already_is_not(media):
    """Pictures, films and archives do not get smaller."""
    assert not compressible(media)

"""Assets: a fingerprint is that of the bytes, whatever else is true of the file."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arlen_web.assets import Fingerprints, marked, unmarked
from arlen_web.folders import Folder

HEX = "0123456789abcdef"
stems = st.text(st.characters(categories=["L", "N"], include_characters="-_."), min_size=1, max_size=9)


@given(stems, st.sampled_from(["css", "js", "woff2"]), st.text(HEX, min_size=16, max_size=16))
def test_a_mark_comes_off_again(stem, extension, fingerprint):
    """Name and fingerprint are found in the marked name."""
    name = f"{stem}.{extension}"
    assert (name, fingerprint) == unmarked(marked(name, fingerprint))


@pytest.mark.parametrize(
    "name",
    [
        "app.css",
        "app.min.css",
        f"app.{HEX[:15]}.css",
        f"app.{HEX}0.css",
        f"app.{HEX.upper()}.css",
        f".{HEX}.css",
        f"{HEX}.css",
        "",
    ],
)
def test_other_names_have_no_mark(name):
    """Sixteen digits between two dots, after something, and nothing else."""
    assert unmarked(name) is None


@pytest.fixture
def folder(tmp_path):
    """A folder with a file."""
    (tmp_path / "app.css").write_bytes(b"body{}")
    return Folder(tmp_path)


def test_the_bytes_decide(folder):
    """The same bytes in another file, with another time, have the same fingerprint; other bytes do not."""
    (folder.path / "copy.css").write_bytes(b"body{}")
    os.utime(folder.path / "copy.css", (1, 1))
    prints = Fingerprints(folder)
    first = prints.of(["app.css"])
    assert first == prints.of(["copy.css"])
    (folder.path / "app.css").write_bytes(b"body{ }")
    assert first != prints.of(["app.css"])


def test_a_file_is_read_once(folder, monkeypatch):
    """While it stays the same its fingerprint is remembered."""
    reads, prints = [], Fingerprints(folder)
    monkeypatch.setattr("arlen_web.assets._digest", lambda file: reads.append(file) or "0" * 16)
    for _ in range(3):
        prints.of(["app.css"])
    assert 1 == len(reads)


def test_what_is_remembered_is_bounded(folder, monkeypatch):
    """Many files do not fill the memory; those that were forgotten are read again."""
    monkeypatch.setattr("arlen_web.assets._KEPT", 2)
    prints = Fingerprints(folder)
    for name in "abcd":
        (folder.path / f"{name}.css").write_text(name)
        prints.of([f"{name}.css"])
    assert 2 == len(prints._known)
    assert 16 == len(prints.of(["a.css"]))


def test_what_is_no_file_has_none(folder):
    """A folder, a missing file and a FIFO are refused, without waiting."""
    (folder.path / "sub").mkdir()
    os.mkfifo(folder.path / "pipe.css")
    for name in ("sub", "missing.css", "pipe.css"):
        with pytest.raises(OSError):  # noqa: PT011  # which one depends on the system
            Fingerprints(folder).of([name])

"""Chunks: where a body ends, byte by byte; the grammar itself is tested by the corpus and against httptools."""

import pytest

from arlen_server.chunks import Chunked, Sized
from arlen_server.refusals import Refusal


def test_sized():
    """A sized body takes its own bytes and not one more."""
    body = Sized(10)
    assert ([b"hello"], 5) == body.take(b"hello")
    assert (5, False) == (body.remains(), body.done)
    assert ([b"world"], 7) == body.take(b"??world, and more", 2)
    assert (0, True) == (body.remains(), body.done)
    assert ([], 0) == body.take(b"more")


def test_sized_nothing():
    """A body of no bytes is done from the start."""
    assert Sized(0).done


def test_chunked():
    """A chunked body takes its own bytes and not one more, and says what remains of a chunk."""
    body = Chunked(100, 100)
    assert ([b"hel"], 6) == body.take(b"5\r\nhel")
    assert (2, False) == (body.remains(), body.done)
    assert ([b"lo", b"!"], 15) == body.take(b"??lo\r\n1\r\n!\r\n0\r\n", 2)
    assert ([], 2) == body.take(b"\r\nGET")
    assert body.done
    assert ([], 0) == body.take(b"GET")


def test_large_chunks_are_not_copied_together():
    """A chunk that comes in parts is given on in parts."""
    body = Chunked(100, 100)
    body.take(b"7ffffff\r\n")
    part = b"x" * 100_000
    assert ([part], len(part)) == body.take(part)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"x" * 11, "chunk_too_long"),
        (b"0;" + b"x" * 9, "chunk_too_long"),
        (b"1;abc\r\nx\r\n1;abcd\r\n", "chunk_too_long"),
        (b"0\r\nX: yy\r\nX: yy\r\n", "chunk_too_long"),
        (b"z\r\n", "chunk_invalid"),
        (b"1\r\nx", None),
        (b"1\r\nx\r", None),
        (b"1\r\nxy", "chunk_invalid"),
        (b"1\r\nx\n", "chunk_invalid"),
        (b"1\r\nxy\r\n", "chunk_invalid"),
        (b"1\n", "chunk_invalid"),
    ],
)
def test_bounds(data, code):
    """A line is bounded by itself, extensions and trailers all together."""
    try:
        Chunked(10, 8).take(data)
        found = None
    except Refusal as refusal:
        found = refusal.status, refusal.code
    assert (None if code is None else (400, code)) == found


def test_bounds_hold_across_cuts():
    """A line that comes byte by byte is bounded just the same."""
    body = Chunked(10, 100)
    for _ in range(10):
        body.take(b"0")
    with pytest.raises(Refusal, match="longer than 10 bytes"):
        body.take(b"0")

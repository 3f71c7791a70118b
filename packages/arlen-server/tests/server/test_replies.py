"""Replies: heads as bytes: whose fields they hold, and that nobody can smuggle a line into one."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arlen_server.replies import CLOSE, JOIN, HeadWriter, bodiless, length


@pytest.fixture
def writer() -> HeadWriter:
    """Return a writer at a known time."""
    made = HeadWriter()
    made.refresh(784111777.9)
    return made


DATE = b"date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"


def test_head(writer):
    """A head is the status line, the date, the application's fields in order, then the server's lines."""
    parts, own = writer.begin(404, [(b"a", b"1"), (b"b", b"2"), (b"a", b"3")])
    assert {} == own
    expected = b"HTTP/1.1 404 Not Found\r\n" + DATE + b"a: 1\r\nb: 2\r\na: 3\r\ncontent-length: 0\r\n" + CLOSE + b"\r\n"
    assert expected == writer.end(parts, length(0) + CLOSE)


def test_plain(writer):
    """A head with nothing special about it comes out the same on the short way."""
    one, two = [(b"a", b"1")], [(b"a", b"1"), (b"b", b"2")]
    for raw, status, size in product((one, two, []), (200, 404), (0, 511, 512)):
        for _ in range(2):  # the second comes from what is kept
            whole = writer.end(writer.begin(status, [*raw, (b"c", b"3")])[0], length(size)) + b"x" * size
            assert whole == writer.plain(status, raw, b"c: 3\r\n", b"x" * size)
    assert writer.plain(204, two, b"", b"") is None
    assert writer.plain(200, [*two, (b"connection", b"close")], b"", b"") is None
    assert writer.plain(200, [(b"date", b"today")], b"", b"") is None


def test_a_large_body_is_not_copied(writer):
    """From `JOIN` bytes on the head comes alone."""
    assert writer.plain(200, [], b"", b"x" * (JOIN - 1)).endswith(b"x")
    assert writer.plain(200, [], b"", b"x" * JOIN).endswith(b"content-length: %d\r\n\r\n" % JOIN)


def test_what_is_kept_is_bounded_and_has_the_date_of_its_second(writer):
    """A thousand fields of which none comes twice take no memory for good; a kept head has no old date."""
    raw = [(b"a", b"1")]
    first = writer.plain(200, raw, b"", b"")
    for each in range(1000):
        assert b"x: %d\r\n" % each in writer.plain(200, [(b"x", b"%d" % each)], b"", b"")
    assert first == writer.plain(200, raw, b"", b"")
    writer.refresh(784111778.0)
    assert b"08:49:38" in writer.plain(200, raw, b"", b"")


def test_own_fields(writer):
    """Fields about connection and framing are the server's: they are left out, and told to whoever frames."""
    raw = [(b"date", b"x"), (b"content-length", b"1"), (b"a", b"b"), (b"connection", b"close"), (b"keep-alive", b"5")]
    raw += [(b"transfer-encoding", b"chunked"), (b"upgrade", b"x")]
    parts, own = writer.begin(200, raw)
    assert b"HTTP/1.1 200 OK\r\n" + DATE + b"a: b\r\n\r\n" == writer.end(parts, b"")
    assert (b"1", b"close") == (own[b"content-length"], own[b"connection"])


def test_unknown_status(writer):
    """A status without a name has an empty reason; the space before it stays (RFC 9112 §4)."""
    assert writer.end(writer.begin(299, [])[0], b"").startswith(b"HTTP/1.1 299 \r\n")


def test_lines_follow_the_second(writer):
    """The date is made once a second and no head has an old one."""
    first = writer.begin(200, [])[0][0]
    writer.refresh(784111777.99)
    assert first is writer.begin(200, [])[0][0]
    writer.refresh(784111778.0)
    assert b"08:49:38" in writer.begin(200, [])[0][0]


@given(name=st.binary(max_size=10), value=st.binary(max_size=10))
def test_no_smuggled_lines(name, value):
    """No field, whatever it holds, makes a head with more lines than fields (RFC 9112 §11.1)."""
    made = HeadWriter()
    made.refresh(0)
    parts, _ = made.begin(200, [(b"x" + name, value)])
    if b"\r" in name + value or b"\n" in name + value:
        with pytest.raises(ValueError, match="CR or LF"):
            made.end(parts, length(5))
        with pytest.raises(ValueError, match="CR or LF"):
            made.plain(200, [(b"x" + name, value)], b"", b"")
    else:
        assert 5 == made.end(parts, length(5)).count(b"\r\n")


@pytest.mark.parametrize("size", [0, 1, 511, 512, 10**12])
def test_length(size):
    """Small lengths are made in advance, all are right."""
    assert b"content-length: %d\r\n" % size == length(size)


def test_bodiless():
    """Interim answers, 204 and 304 have no body (RFC 9110 §6.4.1)."""
    assert [100, 101, 204, 304] == [status for status in (100, 101, 200, 204, 205, 206, 304, 404) if bodiless(status)]

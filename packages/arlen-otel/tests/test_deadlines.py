"""Deadlines: an exchange ends in time, in whatever pieces it goes."""

from __future__ import annotations

import io

import pytest

from arlen_otel import deadlines
from arlen_otel.deadlines import POOLS, until


class Clock:
    """A time that passes when somebody says so."""

    now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    """The time of the module."""
    made = Clock()
    monkeypatch.setattr(deadlines, "monotonic", made)
    return made


class Slow:
    """A socket that takes and gives one byte in a second."""

    def __init__(self, clock, data=b""):
        self.clock, self.data, self.taken, self.waits = clock, io.BytesIO(data), b"", []

    def settimeout(self, seconds):
        """Write down how long it may take."""
        self.waits.append(seconds)

    def send(self, data):
        """Take a byte."""
        self.clock.now += 1
        self.taken += bytes(data[:1])
        return 1

    def makefile(self, mode, buffering=-1):
        """Return what gives bytes."""
        assert ("rb", 0) == (mode, buffering)
        return self

    def readinto(self, buffer):
        """Give a byte."""
        self.clock.now += 1
        data = self.data.read(1)
        buffer[: len(data)] = data
        return len(data)

    def close(self):
        """Give no more."""
        self.data.close()


@pytest.fixture(params=["http", "https"])
def connection(request):
    """A connection of each kind."""
    return POOLS[request.param].ConnectionCls("collector", 4318)


def test_sending_in_pieces_ends_in_time(connection, clock):
    """What is left is the bound of the next piece."""
    sock = connection.sock = Slow(clock)
    with until(103.0), pytest.raises(TimeoutError):
        connection.send(b"abcdef")
    assert (b"abc", [3.0, 2.0, 1.0]) == (sock.taken, sock.waits)


def test_sending_in_pieces_sends_all(connection, clock):
    """When there is time."""
    sock = connection.sock = Slow(clock)
    with until(200.0):
        connection.send(b"abcdef")
    assert b"abcdef" == sock.taken


def test_reading_in_pieces_ends_in_time(connection, clock):
    """From the first byte of the answer on."""
    sock = Slow(clock, b"HTTP/1.1 200 OK\r\n\r\n")
    answer = connection.response_class(sock)
    with until(104.0), pytest.raises(TimeoutError):
        answer.begin()
    assert ([4.0, 3.0, 2.0, 1.0], b"/1.1") == (sock.waits, sock.data.read(4))
    answer.close()
    assert sock.data.closed


def test_reading_in_pieces_reads_all(connection, clock):
    """When there is time, and also when nobody has said until when."""
    answer = connection.response_class(sock := Slow(clock, b"HTTP/1.1 204 No\r\n\r\n"))
    answer.begin()
    assert (204, []) == (answer.status, sock.waits)


def test_the_handshake_has_what_is_left(clock, monkeypatch):
    """Connecting has taken its part."""

    def connects(_):
        clock.now += 3
        return Slow(clock)

    monkeypatch.setattr("urllib3.connection.HTTPConnection._new_conn", connects)
    with until(110.0):
        assert [7.0] == POOLS["https"].ConnectionCls("collector", 4318)._new_conn().waits


def test_after_the_block_there_is_no_bound(connection, clock):
    """It is that of one exchange."""
    with until(1.0):
        pass
    sock = connection.sock = Slow(clock)
    connection.send(b"abc")
    assert (b"abc", []) == (sock.taken, sock.waits)

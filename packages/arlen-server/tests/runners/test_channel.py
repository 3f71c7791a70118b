"""Channel: messages between a manager and its processes, whatever the other end does."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arlen_server.channel import Beat, Channel, Failed, Ready, Refresh, Retire
from arlen_server.failures import Failure


@pytest.fixture
def ends():
    """Two connected ends."""
    left, right = Channel.pair()
    yield left, right
    left.close()
    right.close()


@pytest.mark.parametrize(
    "message",
    [
        Ready([{"method": "GET", "path": "/", "name": "home", "handler": "app:home"}]),
        Beat(7, 3, 1 << 30),
        Failed(Failure(stage="load", message="bad\nluck", line=3, exit_code=1)),
        Retire(),
        Refresh(["a.css"], css=True),
    ],
)
def test_message_arrives_as_sent(ends, message):
    """Every kind of message arrives equal to what was sent."""
    left, right = ends
    assert left.send(message)
    assert [message] == list(right.receive())


def test_many_messages_arrive_in_order(ends):
    """Messages arrive in order, several at a time."""
    left, right = ends
    sent = [Beat(number) for number in range(200)]
    assert all(left.send(beat) for beat in sent)
    assert sent == list(right.receive())


def test_end_of_the_other_is_seen_after_its_last_words(ends):
    """What was said before the end is read; then the channel is no longer open."""
    left, right = ends
    left.send(Retire())
    left.close()
    assert [Retire()] == list(right.receive())
    assert not right.open
    assert not right.send(Retire())


def test_nothing_to_read_blocks_nobody(ends):
    """An empty channel gives nothing, and stays open."""
    assert [] == list(ends[0].receive())
    assert ends[0].open


def test_reader_that_does_not_read_blocks_nobody(ends):
    """A full channel loses the message instead of blocking, and never sends half of one for ever."""
    left, right = ends
    results = [left.send(Beat(number)) for number in range(20_000)]
    assert results[0]
    assert not results[-1]
    read = [beat.requests for beat in right.receive()]
    assert read == list(range(len(read)))


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_noise_is_skipped(noise):
    """Lines that are no message are skipped, and the next message is read."""
    left, right = Channel.pair()
    try:
        left.sock.send(noise + b"\n")
        left.send(Retire())
        assert Retire() in list(right.receive())
    finally:
        left.close()
        right.close()


def test_line_without_end_is_dropped(ends):
    """A line that never ends is not held in memory past its bound."""
    left, right = ends
    for _ in range(40):
        left.sock.send(b"x" * 65536)
        list(right.receive())
    assert len(right._held) <= 1 << 20


def test_close_twice(ends):
    """Closing is idempotent."""
    ends[0].close()
    ends[0].close()
    assert -1 == ends[0].fileno()

"""Bodies: bounded, pausable, and nothing is lost or reordered whatever the order of events."""

import gc
from collections import deque

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from arlen_core.bodies import Body, Feed
from arlen_core.errors import Disconnected, PayloadTooLarge

pytestmark = pytest.mark.anyio


class Transport:
    """Counts what a feed asks of its transport."""

    def __init__(self) -> None:
        self.paused = False
        self.calls = []

    def pause(self) -> None:
        assert not self.paused
        self.paused = True
        self.calls.append("pause")

    def resume(self) -> None:
        assert self.paused
        self.paused = False
        self.calls.append("resume")

    def begin(self) -> None:
        self.calls.append("begin")


def fed(*chunks: bytes, **options) -> Feed:
    """Return a feed with these chunks, closed."""
    feed = Feed(**options)
    for chunk in chunks:
        feed.feed(chunk)
    feed.close()
    return feed


async def test_a_whole_body_is_read_once():
    """The first read gives everything, later ones nothing."""
    body = Body(b"hello")
    assert (b"hello", b"", b"", 5) == (await body.read(), await body.read(), await body.next(), body.length)


async def test_an_empty_body_is_at_its_end():
    """Nothing to read is the end, not a wait."""
    assert (b"", 0) == (await Body().read(), Body().length)
    assert b"" == await fed().read()


@pytest.mark.parametrize("make", [Body, fed])
async def test_the_limit_is_the_last_size_that_is_taken(make):
    """`limit` bytes are read; one more is 413."""
    body = make(b"x" * 10)
    body.limit = 10
    assert 10 == len(await body.read())
    body = make(b"x" * 11)
    body.limit = 10
    with pytest.raises(PayloadTooLarge, match="larger than 10 bytes"):
        await body.read()


async def test_a_declared_length_over_the_limit_is_refused_before_anything_is_asked():
    """The client that waits for `100 Continue` gets 413 and sends nothing."""
    transport = Transport()
    feed = Feed(11, limit=10, begin=transport.begin)
    with pytest.raises(PayloadTooLarge):
        await feed.next()
    assert [] == transport.calls


async def test_chunks_over_the_limit_are_refused_when_they_come():
    """A body without a declared length is counted, and stays refused."""
    feed = fed(b"12345", b"67890", b"x", b"y", limit=10)
    assert b"12345" == await feed.next()
    assert b"67890" == await feed.next()
    for _ in range(2):
        with pytest.raises(PayloadTooLarge):
            await feed.next()


async def test_limit_none_is_no_limit():
    """Without a limit everything is taken."""
    assert 1_000_000 == len(await fed(b"x" * 1_000_000).read())


async def test_begin_is_called_once_when_somebody_reads():
    """`100 Continue` is sent at the first read, never again, and never when the body is there already."""
    transport = Transport()
    feed = Feed(begin=transport.begin)
    assert [] == transport.calls
    async with anyio.create_task_group() as group:
        group.start_soon(feed.read)
        await anyio.wait_all_tasks_blocked()
        assert ["begin"] == transport.calls
        feed.feed(b"x")
        feed.close()
    assert ["begin"] == transport.calls
    late = Transport()
    await fed(b"x", begin=late.begin).read()
    assert [] == late.calls


async def test_a_reader_waits_for_the_network():
    """A read that comes first is woken by the chunk, by the end and by an error."""
    seen = []
    feed = Feed()

    async def read() -> None:
        async for chunk in feed:
            seen.append(chunk)  # noqa: PERF401  # one by one, to be looked at meanwhile

    async with anyio.create_task_group() as group:
        group.start_soon(read)
        for chunk in (b"a", b"b"):
            await anyio.wait_all_tasks_blocked()
            feed.feed(chunk)
        await anyio.wait_all_tasks_blocked()
        assert [b"a", b"b"] == seen
        feed.close()
    assert (True, b"") == (feed.done, await feed.next())


async def test_an_empty_chunk_is_not_the_end():
    """A transport may feed nothing; only `close` ends the body."""
    assert b"ab" == await fed(b"", b"a", b"", b"b", b"").read()


async def test_what_came_before_an_error_is_read_first():
    """`abort` loses nothing that had arrived; then the reader gets the error, each time."""
    feed = Feed()
    feed.feed(b"a")
    feed.abort()
    assert b"a" == await feed.next()
    for _ in range(2):
        with pytest.raises(Disconnected):
            await feed.next()


async def test_abort_wakes_the_reader_with_its_error():
    """A reader that waits gets the error that the server names."""
    feed = Feed()

    async def read() -> None:
        with pytest.raises(ValueError, match="bad chunk"):
            await feed.read()

    async with anyio.create_task_group() as group:
        group.start_soon(read)
        await anyio.wait_all_tasks_blocked()
        feed.abort(ValueError("bad chunk"))


async def test_two_readers_both_wake():
    """Reading in two tasks is strange, but neither may hang."""
    feed, got = Feed(), []

    async def read() -> None:
        got.append(await feed.next())

    with anyio.fail_after(5):
        async with anyio.create_task_group() as group:
            group.start_soon(read)
            group.start_soon(read)
            await anyio.wait_all_tasks_blocked()
            feed.feed(b"a")
            feed.close()
    assert [b"", b"a"] == sorted(got)


async def test_a_reader_that_is_cancelled_loses_nothing():
    """The next reader gets what comes after."""
    feed = Feed()
    with anyio.move_on_after(0):
        await feed.read()
    feed.feed(b"a")
    feed.close()
    assert b"a" == await feed.read()


@pytest.mark.parametrize("make", [Body, fed])
async def test_leaving_a_loop_early_leaves_nothing_open(make):
    """Iteration holds no generator that somebody would have to close; reading can go on."""
    body = make(b"a")
    async for _ in body:
        break
    gc.collect()
    assert b"" == await body.next()
    assert not hasattr(aiter(body), "aclose")


async def test_the_transport_pauses_past_high_and_resumes_at_half():
    """One more byte than `high` pauses; half of it resumes."""
    transport = Transport()
    feed = Feed(high=10, pause=transport.pause, resume=transport.resume)
    for size in (5, 5):
        feed.feed(b"x" * size)
    assert [] == transport.calls
    feed.feed(b"x")
    assert ["pause"] == transport.calls
    await feed.next()
    assert ["pause"] == transport.calls
    await feed.next()
    assert ["pause", "resume"] == transport.calls


class Model:
    """Drives a feed by a script, with a transport that obeys, and checks the promises after each step."""

    def __init__(self, high: int) -> None:
        self.transport = Transport()
        self.high = high
        self.feed = Feed(high=high, pause=self.transport.pause, resume=self.transport.resume)
        self.sent, self.got = b"", b""
        self.largest = self.held = 0
        self.ended = self.aborted = False
        self.waiting: deque[bytes] = deque()

    def push(self, data: bytes) -> None:
        if self.ended or self.aborted:
            return
        self.waiting.append(data)
        self.flow()

    def flow(self) -> None:
        """Give what waits in the network for as long as the feed wants it."""
        while self.waiting and not self.transport.paused:
            data = self.waiting.popleft()
            self.sent += data
            self.held += len(data)
            self.largest = max(self.largest, len(data))
            self.feed.feed(data)
            assert self.held <= self.high + self.largest

    async def pull(self) -> None:
        """Read once, if that would not wait."""
        if not self.held and not self.ended and not self.aborted:
            return
        try:
            data = await self.feed.next()
        except Disconnected:
            assert self.aborted
            assert self.sent == self.got
            return
        self.held -= len(data)
        self.got += data
        assert self.sent.startswith(self.got)
        assert data or (self.ended and self.sent == self.got)
        self.flow()

    def end(self) -> None:
        if not self.waiting and not self.aborted:
            self.ended = True
            self.feed.close()

    def abort(self) -> None:
        if not self.ended:
            self.aborted = True
            self.feed.abort()


steps = st.lists(
    st.one_of(st.binary(max_size=12), st.sampled_from(["pull", "pull", "pull", "end", "abort"])), max_size=60
)


@given(steps, st.integers(0, 20))
def test_random_interleavings_keep_the_promises(script, high):
    """Nothing is lost, order is kept, never more than `high` and one chunk is held, whatever happens when."""

    async def run() -> None:
        model = Model(high)
        for step in script:
            if isinstance(step, bytes):
                model.push(step)
            elif step == "pull":
                await model.pull()
            else:
                getattr(model, step)()
        while model.held:
            await model.pull()
        assert model.sent == model.got
        assert not model.transport.paused

    anyio.run(run)


@given(st.lists(st.binary(max_size=9), max_size=12), st.integers(1, 30))
def test_a_reader_and_a_writer_at_the_same_time(chunks, high):
    """With both sides in tasks, all bytes arrive in order and neither side waits for ever."""

    async def run() -> bytes:
        transport = Transport()
        gate = anyio.Event()

        def resume() -> None:
            transport.resume()
            gate.set()

        feed = Feed(high=high, pause=transport.pause, resume=resume)

        async def write() -> None:
            nonlocal gate
            for chunk in chunks:
                feed.feed(chunk)
                if transport.paused:
                    await gate.wait()
                    gate = anyio.Event()
            feed.close()

        async with anyio.create_task_group() as group:
            group.start_soon(write)
            return await feed.read()

    assert b"".join(chunks) == anyio.run(run)

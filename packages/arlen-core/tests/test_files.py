"""Files: what is sent, what is promised about it, and that nothing stays open."""

import os
import threading
from email.utils import formatdate
from pathlib import Path
from time import time

import anyio
import pytest
from anyio import to_thread
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from arlen_core.errors import HTTPError, NotFound
from arlen_core.files import CHUNK, INLINE, FileChanged, FileResponse
from arlen_core.requests import Request

pytestmark = pytest.mark.anyio

OLD = 1_600_000_000
LARGE = bytes(range(256)) * (2 * CHUNK // 256) + b"end"


def asking(method: str = "GET", **fields: str) -> Request:
    """Make a request with header fields."""
    return Request(
        method, headers=[(name.replace("_", "-").encode(), value.encode()) for name, value in fields.items()]
    )


async def body(response) -> bytes:
    """Read what a server would send."""
    if response.body is not None:
        return response.body
    return b"".join([chunk async for chunk in response.stream])


async def send(path, request=None, **options):
    """Prepare a file's response."""
    return await FileResponse(path, **options).prepare(request or asking())


def descriptors() -> int:
    """Count the open ones."""
    return sum(1 for _ in Path("/dev/fd").iterdir())


@pytest.fixture
def small(tmp_path) -> Path:
    """A small file, not new."""
    return written(tmp_path / "small.txt", b"0123456789")


@pytest.fixture
def large(tmp_path) -> Path:
    """A file of three chunks, not new."""
    return written(tmp_path / "large.bin", LARGE)


def written(path: Path, data: bytes) -> Path:
    """Write a file that was last changed long ago."""
    path.write_bytes(data)
    os.utime(path, (OLD, OLD))
    return path


async def test_a_small_file_is_read_at_once(small):
    """Its bytes are the body; type, length, validators and ranges are announced."""
    response = await send(small)
    assert (200, b"0123456789", None) == (response.status, response.body, response.stream)
    fields = response.headers
    assert "text/plain; charset=utf-8" == fields["content-type"]
    assert "10" == fields["content-length"]
    assert formatdate(OLD, usegmt=True) == fields["last-modified"]
    assert "bytes" == fields["accept-ranges"]
    assert "nosniff" == fields["x-content-type-options"]
    assert fields["etag"].startswith('"')


async def test_a_large_file_is_streamed(large):
    """It is read in chunks and arrives whole."""
    response = await send(large)
    assert response.body is None
    chunks = [chunk async for chunk in response.stream]
    assert [CHUNK, CHUNK, 3] == [len(chunk) for chunk in chunks]
    assert LARGE == b"".join(chunks)
    assert (0, len(LARGE)) == (response.offset, response.length)


async def test_head_reads_nothing(small):
    """The header of HEAD is that of GET; the file is not read."""
    response = await send(small, asking("HEAD"))
    assert ("10", None) == (response.headers["content-length"], response.body)
    got = await send(small)
    assert sorted(response.headers.items()) == sorted(got.headers.items())


async def test_an_empty_file_is_an_answer(tmp_path):
    """Nothing is something too."""
    response = await send(written(tmp_path / "empty.css", b""))
    assert (200, b"", "0") == (response.status, await body(response), response.headers["content-length"])


async def test_a_file_in_proc_that_lies_about_its_size_is_cut():
    """A file that says 0 bytes is sent as 0 bytes: the promise of the header holds."""
    if not Path("/proc/self/status").exists():
        pytest.skip("there is no /proc here")
    response = await send("/proc/self/status")
    assert ("0", b"") == (response.headers["content-length"], await body(response))


@pytest.mark.parametrize("name", ["missing.txt", "sub", "small.txt/x", "x" * 300, "nul\x00.txt"])
async def test_what_is_no_regular_file_is_not_found(small, name):
    """Missing, a folder, below a file, too long, with NUL: 404."""
    (small.parent / "sub").mkdir()
    with pytest.raises(NotFound):
        await send(f"{small.parent}/{name}")


async def test_special_files_are_not_found(tmp_path):
    """A FIFO nobody writes to must not block; a device is no file to send."""
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(NotFound):
        await send(tmp_path / "fifo")
    with pytest.raises(NotFound):
        await send("/dev/null")


async def test_a_file_that_may_not_be_read_is_the_servers_mistake(small):
    """A permission error is no 404: it would hide a wrong installation."""

    def refuse(path, flags):
        raise PermissionError(13, "Permission denied", path)

    with pytest.raises(PermissionError):
        await send(small, opener=refuse)


async def test_the_same_file_has_the_same_tag(small):
    """The tag stays while nothing changes."""
    assert (await send(small)).headers["etag"] == (await send(small)).headers["etag"]


async def test_a_change_of_size_time_or_file_changes_the_tag(small):
    """Each of the three parts of a tag counts."""
    seen = {(await send(small)).headers["etag"]}
    written(small, b"01234567890")
    seen.add((await send(small)).headers["etag"])
    os.utime(small, ns=(OLD * 10**9, OLD * 10**9 + 1))
    seen.add((await send(small)).headers["etag"])
    written(small.with_name("other"), b"01234567890").replace(small)
    seen.add((await send(small)).headers["etag"])
    assert 4 == len(seen)


async def test_the_tag_of_a_new_file_is_weak(tmp_path):
    """A change a moment ago may be followed by one with the same time."""
    path = written(tmp_path / "new.txt", b"x")
    os.utime(path, (time() + 30, time() + 30))
    assert (await send(path)).headers["etag"].startswith('W/"')


async def test_a_time_in_the_future_is_not_claimed(small):
    """Last-Modified is never later than now (RFC 9110 §8.8.2.1)."""
    os.utime(small, (4_000_000_000, 4_000_000_000))
    assert "2096" not in (await send(small)).headers["last-modified"]


async def test_the_tag_may_be_given(small):
    """Several machines agree on a tag of their own making."""
    response = await send(small, asking(if_none_match='"v7"'), etag='"v7"')
    assert (304, '"v7"') == (response.status, response.headers["etag"])


async def test_what_the_client_has_is_not_sent_again(small):
    """304 by tag and by time, without the headers of a body."""
    tag = (await send(small)).headers["etag"]
    for fields in ({"if_none_match": tag}, {"if_modified_since": formatdate(OLD, usegmt=True)}):
        response = await send(small, asking(**fields))
        assert (304, b"") == (response.status, response.body)
        assert "content-length" not in response.headers
        assert tag == response.headers["etag"]


async def test_another_version_than_wanted_is_412(small):
    """If-Match and If-Unmodified-Since are kept."""
    assert 412 == (await send(small, asking(if_match='"other"'))).status
    assert 412 == (await send(small, asking(if_unmodified_since=formatdate(OLD - 9, usegmt=True)))).status


@pytest.mark.parametrize(
    ("value", "expected", "says"),
    [
        ("bytes=0-3", b"0123", "bytes 0-3/10"),
        ("bytes=4-", b"456789", "bytes 4-9/10"),
        ("bytes=-3", b"789", "bytes 7-9/10"),
        ("bytes=8-99", b"89", "bytes 8-9/10"),
    ],
)
async def test_a_range_is_cut(small, value, expected, says):
    """206 with the bytes, their number and their place."""
    response = await send(small, asking(range=value))
    assert (206, expected) == (response.status, await body(response))
    assert (says, str(len(expected))) == (response.headers["content-range"], response.headers["content-length"])


async def test_several_ranges_get_the_whole(small):
    """One answer with the whole file is allowed, and simpler than a multipart one."""
    response = await send(small, asking(range="bytes=0-1,4-5"))
    assert (200, b"0123456789") == (response.status, response.body)
    assert "content-range" not in response.headers


async def test_a_range_outside_is_416(small):
    """The answer says how long the file is."""
    with pytest.raises(HTTPError) as caught:
        await send(small, asking(range="bytes=10-"))
    assert (416, "range_not_satisfiable") == (caught.value.status, caught.value.code)
    assert {"Content-Range": "bytes */10"} == caught.value.headers


async def test_a_download_goes_on_only_with_the_same_file(small):
    """If-Range with the tag gets the rest; after a change it gets the whole."""
    tag = (await send(small)).headers["etag"]
    assert b"89" == await body(await send(small, asking(range="bytes=8-", if_range=tag)))
    written(small, b"abcdefghij")
    os.utime(small, (OLD + 5, OLD + 5))
    assert b"abcdefghij" == await body(await send(small, asking(range="bytes=8-", if_range=tag)))


@given(st.integers(0, len(LARGE) + 5), st.integers(0, len(LARGE) + 5))
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_range_of_a_streamed_file_is_a_slice(large, first, last):
    """Across chunks, too, the bytes are those of a slice."""

    async def read() -> tuple[int, bytes]:
        response = await send(large, asking(range=f"bytes={first}-{last}"))
        return response.status, await body(response)

    if last < first:
        assert (200, LARGE) == anyio.run(read)
    elif first >= len(LARGE):
        with pytest.raises(HTTPError):
            anyio.run(read)
    else:
        assert (206, LARGE[first : last + 1]) == anyio.run(read)


async def test_another_status_is_sent_whole(small):
    """A page for an error has no ranges and no conditions."""
    response = await send(small, asking(range="bytes=0-1", if_none_match="*"), status=404)
    assert (404, b"0123456789") == (response.status, response.body)


async def test_a_download_has_a_name(small):
    """The name is in Content-Disposition; media, caching and more headers are the caller's."""
    response = await send(small, media="text/x-log", filename="ä.log", cache="no-store", headers={"X-A": "b"})
    assert "attachment; filename=\"_.log\"; filename*=UTF-8''%C3%A4.log" == response.headers["content-disposition"]
    assert ("text/x-log", "no-store", "b") == tuple(
        response.headers[n] for n in ("content-type", "cache-control", "x-a")
    )


async def test_open_gives_a_server_the_place(large):
    """A server that uses sendfile opens the file at the offset."""
    response = await send(large, asking(range=f"bytes={CHUNK}-{CHUNK + 9}"))
    with response.open() as file:
        assert (CHUNK, LARGE[CHUNK : CHUNK + 10]) == (file.tell(), file.read(response.length))


async def test_a_file_that_was_exchanged_is_not_sent(large):
    """What was promised in the header cannot be kept, so nothing is sent."""
    response = await send(large)
    written(large.with_name("other"), LARGE[::-1]).replace(large)
    with pytest.raises(FileChanged, match="was changed"):
        await body(response)
    with pytest.raises(FileChanged, match="was changed"):
        response.open()


async def test_a_file_that_became_a_folder_leaks_nothing(large):
    """The descriptor of what cannot be read is closed again."""
    response, before = await send(large), descriptors()
    large.unlink()
    large.mkdir()
    with pytest.raises(OSError, match="directory"):
        response.open()
    assert before == descriptors()


async def test_a_file_that_shrinks_breaks_the_answer(large):
    """A client must notice that it got too little."""
    stream = aiter((await send(large)).stream)
    assert LARGE[:CHUNK] == await anext(stream)
    os.truncate(large, CHUNK + 1)
    assert LARGE[CHUNK : CHUNK + 1] == await anext(stream)
    with pytest.raises(FileChanged, match="became shorter"):
        await anext(stream)


async def test_a_file_that_grows_is_cut(large):
    """No byte more than the header says."""
    response = await send(large)
    got = b""
    async for chunk in response.stream:
        with large.open("ab") as file:
            file.write(b"more")
        got += chunk
    assert LARGE == got


async def test_an_unfinished_stream_closes_its_file(large):
    """A client that goes away leaves no descriptor."""
    before = descriptors()
    stream = aiter((await send(large)).stream)
    await anext(stream)
    assert before + 1 == descriptors()
    await stream.aclose()
    assert before == descriptors()


async def test_a_task_that_is_cancelled_while_opening_leaks_nothing(large):
    """The thread goes on to open the file after the task has gone; the file is closed even so."""
    opening, go, opened = threading.Event(), threading.Event(), []

    def slow(path, flags):
        if opening.is_set():
            raise AssertionError("opened twice")
        opening.set()
        go.wait(10)
        opened.append(os.open(path, flags))
        return opened[0]

    response = FileResponse(large, opener=slow)
    response.length = len(LARGE)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(body, response)
        await to_thread.run_sync(opening.wait, 10)
        tasks.cancel_scope.cancel()
        go.set()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(opened[0])


async def test_a_native_cancellation_while_opening_leaks_nothing(large):
    """A server may cancel the task itself, which does not wait for the thread."""
    import asyncio

    opening, go, done = threading.Event(), threading.Event(), threading.Event()
    files = []

    def slow(path, flags):
        opening.set()
        go.wait(10)
        return os.open(path, flags)

    class Slow(FileResponse):
        __slots__ = ()

        def open(self):
            files.append(super().open())
            done.set()
            return files[0]

    response = Slow(large, opener=slow)
    task = asyncio.get_running_loop().create_task(body(response))
    await to_thread.run_sync(opening.wait, 10)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    go.set()
    await to_thread.run_sync(done.wait, 10)
    with anyio.fail_after(10):
        while not files[0].closed:
            await anyio.lowlevel.checkpoint()


def test_the_inline_size_is_within_a_chunk():
    """What is read at once is no more than a chunk."""
    assert CHUNK >= INLINE

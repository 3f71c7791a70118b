"""Compression: what is compressed, what is left alone, and what the headers say of it."""

import gzip
import threading
import zlib

import anyio
import pytest

from arlen_core import codecs
from arlen_core.app import App
from arlen_core.compression import Compression, compress
from arlen_core.conditional import etag
from arlen_core.files import FileResponse
from arlen_core.requests import Request
from arlen_core.responses import Response, Stream, Upgrade, html, json, text
from arlen_core.testing import Client

pytestmark = pytest.mark.anyio

LONG = "a long text that is worth it. " * 200


def asking(accept: str = "gzip", method: str = "GET") -> Request:
    """Make a request that takes a coding."""
    return Request(method, headers=[(b"accept-encoding", accept.encode())] if accept else [])


async def source(*chunks, log=None):
    """Yield chunks and note the end."""
    try:
        for chunk in chunks:
            yield chunk
    finally:
        if log is not None:
            log.append("closed")


async def test_a_long_text_gets_smaller():
    """Coding, Vary and the body agree."""
    made = await compress(asking(), text(LONG))
    assert LONG == gzip.decompress(made.body).decode()
    assert ("gzip", "accept-encoding") == (made.headers["content-encoding"], made.headers["vary"])
    assert len(made.body) < len(LONG) / 5


@pytest.mark.parametrize("name", codecs.available())
async def test_every_coding_is_negotiated(name):
    """What the client takes and what is installed is used."""
    assert name == (await compress(asking(name), text(LONG))).headers["content-encoding"]


async def test_the_preferred_coding_is_the_applications():
    """Of equal weights the settings' first one wins; names that are not installed are passed over."""
    settings = Compression(codings=("snappy", "gzip", "br"))
    assert "gzip" == (await compress(asking("br, gzip, snappy"), text(LONG), settings)).headers["content-encoding"]


@pytest.mark.parametrize("accept", ["", "identity", "gzip;q=0", "deflate"])
async def test_a_client_that_takes_none_gets_the_text_and_vary(accept):
    """A cache must know that others would get another body."""
    answer = text(LONG)
    assert answer is await compress(asking(accept), answer)
    assert (LONG.encode(), "accept-encoding") == (answer.body, answer.headers["vary"])
    assert "content-encoding" not in answer.headers


UNTOUCHED = [
    pytest.param(lambda: text("short"), id="small"),
    pytest.param(lambda: Response(LONG, media="image/png"), id="picture"),
    pytest.param(lambda: Response(LONG, media=""), id="no type"),
    pytest.param(lambda: Response(LONG, media="text/css", headers={"Content-Encoding": "br"}), id="encoded"),
    pytest.param(lambda: Response(LONG, 206, media="text/css", headers={"Content-Range": "bytes 0-9/10"}), id="range"),
    pytest.param(lambda: Response(LONG, 204, media="text/css"), id="204"),
    pytest.param(lambda: Response(LONG, 304, media="text/css"), id="304"),
    pytest.param(lambda: text(LONG, headers={"Cache-Control": "public, No-Transform"}), id="no-transform"),
    pytest.param(lambda: Upgrade(lambda transport: None), id="upgrade"),
    pytest.param(lambda: Stream(source(LONG), headers={"Content-Length": "99"}), id="small stream"),
    pytest.param(lambda: Stream(source(LONG), media="text/event-stream"), id="events"),
]


@pytest.mark.parametrize("make", UNTOUCHED)
async def test_what_is_left_alone(make):
    """The response comes back as it was, without Vary."""
    answer = make()
    before = (answer.status, answer.body, answer.stream, list(answer.raw))
    assert answer is await compress(asking(), answer)
    assert before == (answer.status, answer.body, answer.stream, answer.raw)


async def test_it_can_be_off():
    """Nothing is compressed, nothing varies."""
    answer = text(LONG)
    assert answer is await compress(asking(), answer, Compression(enabled=False))
    assert "vary" not in answer.headers


async def test_the_smallest_body_is_a_setting():
    """At the minimum a body is compressed, one byte below it is not."""
    settings = Compression(minimum=100)
    assert "content-encoding" in (await compress(asking(), text("x" * 100), settings)).headers
    assert "content-encoding" not in (await compress(asking(), text("x" * 99), settings)).headers


@pytest.mark.parametrize(("tag", "expected"), [('"v1"', 'W/"v1"'), ('W/"v1"', 'W/"v1"')])
async def test_the_tag_becomes_weak(tag, expected):
    """Other bytes, same meaning: a strong tag would be a lie (RFC 9110 §8.8.1)."""
    assert expected == (await compress(asking(), html(LONG, headers={"ETag": tag}))).headers["etag"]


async def test_length_and_ranges_are_withdrawn():
    """They were true of the other bytes."""
    answer = text(LONG, headers={"Content-Length": str(len(LONG)), "Accept-Ranges": "bytes", "X-Keep": "1"})
    made = await compress(asking(), answer)
    assert {"content-type", "x-keep", "vary", "content-encoding"} == set(made.headers)


async def test_errors_are_compressed_too():
    """A long page is long at any status."""
    made = await compress(asking(), json({"detail": LONG}, 500))
    assert (500, "gzip") == (made.status, made.headers["content-encoding"])


async def test_several_headers_are_one_list():
    """Two Accept-Encoding fields count together."""
    request = Request(headers=[(b"accept-encoding", b"deflate"), (b"accept-encoding", b"gzip")])
    assert "gzip" == (await compress(request, text(LONG))).headers["content-encoding"]


async def test_a_stream_arrives_chunk_by_chunk():
    """Each chunk is readable when it was sent; text is UTF-8; empty chunks send nothing."""
    made = await compress(asking(), Stream(source("é", b"", b"second", "third")))
    flow = zlib.decompressobj(31)
    got = [flow.decompress(data) async for data in made.stream]
    assert ["é".encode(), b"second", b"third", b""] == got
    assert flow.eof


async def test_events_are_compressed_when_asked():
    """Server-sent events use gzip alone, which holds little memory a connection."""
    answer = Stream(source("data: 1\n\n", "data: 2\n\n"), media="text/event-stream; charset=utf-8")
    made = await compress(asking("zstd, br, gzip"), answer, Compression(events=True))
    assert "gzip" == made.headers["content-encoding"]
    assert b"data: 1\n\ndata: 2\n\n" == gzip.decompress(b"".join([data async for data in made.stream]))


async def test_a_client_that_leaves_closes_the_source():
    """Clean-up in the source runs at once."""
    log = []
    made = await compress(asking(), Stream(source(LONG, LONG, log=log)))
    stream = aiter(made.stream)
    await anext(stream)
    await stream.aclose()
    assert ["closed"] == log


async def test_closing_before_the_start_is_fine():
    """HEAD reads no body: the stream is closed unread."""
    made = await compress(asking(method="HEAD"), Stream(source(LONG)))
    await made.stream.aclose()
    assert [] == [data async for data in made.stream if gzip.decompress(data)]


async def test_an_error_in_the_source_passes_through():
    """A broken source is not a short body: the error is the server's to see."""

    async def broken():
        yield LONG
        raise OSError("gone")

    made = await compress(asking(), Stream(broken()))
    with pytest.raises(OSError, match="gone"):
        [data async for data in made.stream]


async def test_large_bodies_are_compressed_off_the_loop(monkeypatch):
    """Only what is over `offload` goes to a worker thread."""
    threads = []

    class Spy:
        def feed(self, data):
            threads.append(threading.current_thread() is threading.main_thread())
            return data

        def finish(self, data=b""):
            return self.feed(data) if data else b""

    monkeypatch.setattr("arlen_core.compression.codec", lambda name, small: Spy())
    settings = Compression(offload=2000)
    await compress(asking(), text("x" * 2000), settings)
    await compress(asking(), text("x" * 2001), settings)
    made = await compress(asking(), Stream(source("x" * 2000, "x" * 2001)), settings)
    assert b"x" * 4001 == b"".join([data async for data in made.stream])
    assert [True, False, True, False] == threads


async def test_a_file_becomes_a_plain_response(tmp_path):
    """A server would send the file itself, past our stream, if the response still said where it is."""
    for size in (5000, 500_000):
        path = tmp_path / f"{size}.txt"
        path.write_bytes(b"x" * size)
        made = await compress(asking(), await FileResponse(path).prepare(asking()))
        assert Response is type(made)
        data = made.body if made.body is not None else b"".join([data async for data in made.stream])
        assert b"x" * size == gzip.decompress(data)


async def test_a_range_of_a_file_is_sent_as_it_is(tmp_path):
    """Offsets count the file's own bytes."""
    path = tmp_path / "a.txt"
    path.write_bytes(LONG.encode())
    request = Request(headers=[(b"accept-encoding", b"gzip"), (b"range", b"bytes=0-1999")])
    made = await compress(request, await FileResponse(path).prepare(request))
    assert (206, LONG[:2000].encode()) == (made.status, made.body)


def test_it_works_without_a_running_setting():
    """The defaults serve."""
    assert "gzip" == anyio.run(compress, asking(), text(LONG)).headers["content-encoding"]


@pytest.fixture
def app(tmp_path) -> App:
    """An application that answers in every way."""
    made = App("answers", environ={})
    (tmp_path / "big.txt").write_text(LONG * 40)

    @made.get("/page")
    async def page() -> Response:
        answer = text(LONG)
        etag(answer)
        return answer

    @made.get("/file")
    async def file() -> FileResponse:
        return FileResponse(tmp_path / "big.txt")

    @made.get("/events")
    async def events() -> Stream:
        return Stream(source("data: 1\n\n"), media="text/event-stream")

    return made


async def test_a_compressed_page_is_revalidated(app):
    """The weak tag that the client got brings 304, and the header says what the answer varies by."""
    async with Client(app, headers={"Accept-Encoding": "gzip"}) as client:
        first = await client.get("/page")
        again = await client.get("/page", headers={"If-None-Match": first.headers["etag"]})
    assert first.headers["etag"].startswith('W/"')
    assert LONG == gzip.decompress(first.body).decode()
    assert (304, b"") == (again.status, again.body)


async def test_a_file_is_compressed_whole_and_cut_plain(app):
    """A client that takes gzip gets all of it so; a range counts the file's own bytes."""
    async with Client(app, headers={"Accept-Encoding": "gzip"}) as client:
        whole = await client.get("/file")
        part = await client.get("/file", headers={"Range": "bytes=10-19"})
        bad = await client.get("/file", headers={"Range": "bytes=999999999-"})
    assert (LONG * 40).encode() == gzip.decompress(whole.body)
    assert (206, (LONG * 40)[10:20]) == (part.status, part.text)
    assert "content-encoding" not in part.headers
    assert (416, f"bytes */{len(LONG) * 40}") == (bad.status, bad.headers["content-range"])


async def test_head_says_what_get_would(app):
    """The same coding, tag and type; no body."""
    async with Client(app, headers={"Accept-Encoding": "gzip"}) as client:
        for path in ("/page", "/file"):
            head, full = await client.head(path), await client.get(path)
            assert b"" == head.body
            names = ("content-type", "content-encoding", "etag", "vary", "last-modified")
            assert [full.headers.get(name) for name in names] == [head.headers.get(name) for name in names]


async def test_events_are_left_alone_unless_the_setting_says_so(app):
    """The section `[compression]` is for every answer."""
    async with Client(app, headers={"Accept-Encoding": "gzip"}) as client:
        assert b"data: 1\n\n" == (await client.get("/events")).body
    other = App("events", environ={"ARLEN_COMPRESSION__EVENTS": "true"})

    @other.get("/events")
    async def events() -> Stream:
        return Stream(source("data: 1\n\n"), media="text/event-stream")

    async with Client(other, headers={"Accept-Encoding": "gzip"}) as client:
        assert b"data: 1\n\n" == gzip.decompress((await client.get("/events")).body)


@pytest.mark.parametrize("size", [0, 1, 1023, 1024, 65_536, 65_537, 300_000])
@pytest.mark.parametrize("name", codecs.available())
async def test_every_size_decodes(name, size):
    """Below and above each limit, in a body and in a stream."""
    reader = {"gzip": gzip.decompress, "br": lambda data: pytest.importorskip("brotli").decompress(data)}
    reader["zstd"] = lambda data: pytest.importorskip("zstandard").ZstdDecompressor().decompressobj().decompress(data)
    data = bytes(range(256)) * (size // 256) + bytes(size % 256)
    for answer in (Response(data, media="text/css"), Stream(source(data[:100], data[100:]), media="text/css")):
        made = await compress(asking(name), answer, Compression(minimum=0))
        body = made.body if made.stream is None else b"".join([chunk async for chunk in made.stream])
        assert data == reader[name](body)

"""Properties: where the network cuts a stream of requests changes nothing; what was malformed poisons nobody."""

import asyncio
from collections.abc import Coroutine

import httptools
import pytest
from hypothesis import given
from hypothesis import strategies as st

from arlen_core.clock import VirtualClock
from arlen_core.responses import Response, text
from arlen_server.chunks import Chunked
from arlen_server.heads import HeadParser
from arlen_server.refusals import Refusal
from arlen_server.server import Server
from arlen_server.settings import Settings

GET = b"GET /%b HTTP/1.1\r\nHost: x\r\n\r\n"

names = st.text("abcXYZ-_09", min_size=1, max_size=8).map(str.encode)
values = st.binary(max_size=20).map(lambda data: bytes(byte for byte in data if byte > 31 and byte != 127).strip())
bodies = st.binary(max_size=60)


@st.composite
def chunked(draw) -> bytes:
    """Return a chunked body."""
    parts = draw(st.lists(st.binary(min_size=1, max_size=20), max_size=4))
    extensions = st.sampled_from([b"", b";a", b";a=b", b';a="b;\\" c"'])
    body = b"".join(b"%x%b\r\n%b\r\n" % (len(part), draw(extensions), part) for part in parts)
    trailer = draw(st.sampled_from([b"", b"X: y\r\n", b"Host: z\r\nY: \xe9\r\n"]))
    return body + b"0\r\n" + trailer + b"\r\n"


@st.composite
def requests(draw) -> bytes:
    """Return one valid request that keeps the connection."""
    target = b"/" + draw(st.sampled_from([b"", b"a", b"slow", b"none", b"unread", b"a?b=c"]))
    fields = [b"Host: x"] + [b"X-%b: %b" % pair for pair in draw(st.lists(st.tuples(names, values), max_size=3))]
    kind = draw(st.sampled_from(["none", "sized", "chunked"]))
    method, body = (b"GET", b"") if kind == "none" else (b"POST", draw(bodies))
    if kind == "sized":
        fields.append(b"Content-Length: %d" % len(body))
    elif kind == "chunked":
        body = draw(chunked())
        fields.append(b"Transfer-Encoding: chunked")
    order = draw(st.permutations(fields))
    return b"%b %b HTTP/1.1\r\n%b\r\n\r\n%b" % (method, target, b"\r\n".join(order), body)


def cut(data: bytes, places: list[int]) -> list[bytes]:
    """Cut bytes at these places."""
    ends = sorted({place % (len(data) + 1) for place in places} | {len(data)})
    return [data[start:end] for start, end in zip([0, *ends], ends, strict=False) if end > start]


def run(coroutine: Coroutine) -> object:
    """Run a coroutine in an event loop of its own."""
    return asyncio.run(coroutine)


async def answers(recorder, wire, parts: list[bytes]) -> tuple[bytes, list]:
    """Return what a server answers to bytes that come in these parts, and what its application saw."""
    app = recorder()

    async def slow(request):
        await asyncio.sleep(0)
        return text(repr(await request.body.read()))

    async def none(request):
        return Response(b"", 204)

    async def unread(request):
        return text("unread")

    app.handlers.update({"/slow": slow, "/none": none, "/unread": unread})
    server = Server(app, Settings(port=0), clock=VirtualClock())
    await server.start()
    line = wire(server)
    for part in parts:
        await line.feed(part)
    await line.settle(60)
    data = line.transport.data
    line.transport.abort()
    await asyncio.sleep(0)
    await server.stop()
    return data, app.seen


@given(pipeline=st.lists(requests(), min_size=1, max_size=4), places=st.lists(st.integers(0, 2000), max_size=12))
def test_cuts_change_nothing(recorder, wire, pipeline, places):
    """Any stream of valid requests gets the same answers, wherever it is cut."""
    data = b"".join(pipeline)
    whole, seen = run(answers(recorder, wire, [data]))
    assert len(pipeline) == whole.count(b"HTTP/1.1 2")
    assert len(pipeline) == len(seen)
    assert (whole, seen) == run(answers(recorder, wire, cut(data, places)))


@given(data=st.binary(max_size=200), places=st.lists(st.integers(0, 200), max_size=4))
def test_rubbish_is_refused(recorder, wire, data, places):
    """Rubbish never reaches the application and never breaks the server: it is refused, or waited for."""
    answered, seen = run(answers(recorder, wire, cut(data, places)))
    assert [] == seen
    assert b"" == answered or answered.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 505 ", b"HTTP/1.1 501 "))


@given(
    pipeline=st.lists(requests(), min_size=1, max_size=3),
    edits=st.lists(
        st.tuples(st.integers(0, 999), st.sampled_from(["drop", "put", "swap"]), st.binary(min_size=1, max_size=3))
    ),
)
def test_edits_break_nothing(recorder, wire, pipeline, edits):
    """Requests with random edits are answered or refused in order; the server itself never fails."""
    data = bytearray(b"".join(pipeline))
    for place, kind, piece in edits[:4]:
        at = place % (len(data) + 1)
        data[at : at + (0 if kind == "put" else len(piece))] = b"" if kind == "drop" else piece
    answered, seen = run(answers(recorder, wire, [bytes(data)]))
    statuses = [int(part[:3]) for part in answered.split(b"HTTP/1.1 ")[1:] if part[:3].isdigit()]
    assert set(statuses) <= {200, 204, 400, 417, 431, 501, 505}
    assert all(status < 400 for status in statuses[:-1])
    assert len(seen) >= sum(status < 400 for status in statuses) - answered.count(b"allow: ")


def outcome(parser: HeadParser, head: bytes, memory: object = None) -> object:
    """Return what a parser makes of a head."""
    try:
        parser.parse(head, memory)
    except Refusal as refusal:
        return refusal.status
    framing = parser.keep, parser.length, parser.expect, parser.upgrade, parser.version
    return parser.method, parser.target, parser.query, list(parser.fields), framing


BROKEN = [
    b"",
    b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close",
    b"GET / HTTP/1.0",
    b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5",
    b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked",
    b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 5",
    b"CONNECT a:80 HTTP/1.1\r\nHost: a",
    b"GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket",
    b"GET / HTTP/1.1\r\nHost: a\r\nProxy-Connection: close",
    b"GET / HTTP/1.1\r\nConnection: keep-alive, close",
    b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Keep-Alive \r\nX: y",
    b"PRI * HTTP/2.0",
    b"GET / HTTP/1.1\r\nHost: a\r\nX: \0",
    b"BREW / HTTP/1.1\r\nHost: a",
    b"GET  HTTP/1.1\r\nHost: a\r\nContent-Length: 3",
    b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nX: \0",
    b"POST / HTTP/1.1\r\nHost: a, b\r\nTransfer-Encoding: chunked",
    b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3",
    b"POST / HTTP/1.1\r\nHost: a\r\nExpect: x\r\nContent-Length: 3",
]
heads = st.one_of(st.sampled_from(BROKEN), st.binary(max_size=60).filter(lambda data: b"\r\n\r\n" not in data))


@given(before=st.lists(heads, max_size=5))
def test_parser_remembers_nothing(before):
    """One parser serves all connections, so no head, however broken, changes what becomes of the next."""
    parser = HeadParser(8192, 32768, 100)
    good = b"GET /a?b HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\n\r\n"
    expected = outcome(HeadParser(8192, 32768, 100), good)
    for head in before:
        fresh = outcome(HeadParser(8192, 32768, 100), head + b"\r\n\r\n")
        assert fresh == outcome(parser, head + b"\r\n\r\n")
        assert expected == outcome(parser, good)


class Connection:
    """A connection's memory."""

    def __init__(self) -> None:
        self.block, self.fields = b"", []


targets = st.one_of(
    st.sampled_from([b"/", b"/a?b", b"*", b"", b"/#", b"http://a/b", b"/\xe9", b"/\0", b"/ "]), st.binary(max_size=9)
)
blocks = st.sampled_from(
    [
        b"Host: a",
        b"Host: a\r\nX: 1 ",
        b"Host: a\r\nConnection: keep-alive",
        b"Host: a\r\nConnection: close",
        b"X: y",
        b"Host: b\r\nContent-Length: 3",
        b"Host: a\r\nUpgrade: x\r\nConnection: upgrade",
        b"Host: a\r\nX: " + b"y" * 2000,
    ]
)
lines = st.tuples(
    st.sampled_from([b"GET", b"POST", b"BREW", b"get", b"CONNECT", b"OPTIONS"]),
    targets,
    st.sampled_from([b"HTTP/1.1", b"HTTP/1.1", b"HTTP/1.0", b"HTTP/2.0"]),
).map(b" ".join)


@given(sent=st.lists(st.tuples(lines, blocks), min_size=1, max_size=6))
def test_memory_changes_nothing(sent):
    """What a connection remembers of its last head changes nothing about the next but its cost."""
    parser, memory = HeadParser(8192, 32768, 100), Connection()
    for line, block in sent:
        head = line + b"\r\n" + block + b"\r\n\r\n"
        expected = outcome(HeadParser(8192, 32768, 100), head)
        assert expected == outcome(parser, head, memory)
        parser.fields.append((b"middleware", b"was here"))


class Judge:
    """What httptools makes of a chunked body: the independent opinion."""

    def __init__(self) -> None:
        self.body, self.done = b"", False

    def on_body(self, data: bytes) -> None:
        self.body += data

    def on_message_complete(self) -> None:
        self.done = True

    @classmethod
    def of(cls, data: bytes) -> tuple[str, bytes]:
        """Return "good", "bad" or "more", and the body so far."""
        judge = cls()
        parser = httptools.HttpRequestParser(judge)
        parser.feed_data(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
        try:
            for byte in data:
                parser.feed_data(bytes([byte]))
                if judge.done:
                    return "good", judge.body
        except httptools.HttpParserError:
            return "bad", judge.body
        return "more", judge.body


def ours(parts: list[bytes]) -> tuple[str, bytes]:
    """Return the same of our own decoder."""
    decoder, body = Chunked(256, 4096), b""
    try:
        for part in parts:
            body += b"".join(decoder.take(part)[0])
            if decoder.done:
                return "good", body
    except Refusal:
        return "bad", body
    return "more", body


pieces = st.sampled_from(
    [
        b"0",
        b"5",
        b"a",
        b"\r\n",
        b"\n",
        b"\r",
        b"hello",
        b";",
        b"x",
        b"=",
        b'"',
        b" ",
        b"\t",
        b"0\r\n\r\n",
        b"X: y\r\n",
        b":",
    ]
)


@given(
    data=st.one_of(chunked(), st.lists(pieces, max_size=12).map(b"".join)),
    places=st.lists(st.integers(0, 99), max_size=6),
)
def test_chunks_against_httptools(data, places):
    """Our decoder takes nothing that httptools refuses, finds the same body, and does not care where it is cut."""
    verdict, body = Judge.of(data)
    mine, found = ours(cut(data, places))
    assert mine == ours([data])[0]
    if mine == "good":
        assert ("good", body) == (verdict, found)
    if verdict == "bad":
        assert "good" != mine


@pytest.mark.parametrize("size", [0, 1, 5])
def test_every_single_cut(recorder, wire, size):
    """Every single place to cut a small pipeline gives the same answers, exhaustively."""
    data = GET % b"a" + b"POST /slow HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % size + b"x" * size
    data += (
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3;a=b\r\nabc\r\n0\r\nT: u\r\n\r\n"
        + GET % b"z"
    )
    whole = run(answers(recorder, wire, [data]))
    for place in range(1, len(data)):
        assert whole == run(answers(recorder, wire, [data[:place], data[place:]])), place

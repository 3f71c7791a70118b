"""Heads: what the parser makes of a good head, and which refusal a bad one gets."""

import pytest

from arlen_server.heads import HeadParser
from arlen_server.refusals import Refusal


@pytest.fixture
def parser() -> HeadParser:
    """Return a parser with small limits."""
    return HeadParser(60, 200, 5)


def refused(parser: HeadParser, head: bytes) -> tuple[int, str]:
    """Return the status and the code with which a head is refused."""
    with pytest.raises(Refusal) as caught:
        parser.parse(head)
    return caught.value.status, caught.value.code


def test_fields(parser):
    """Names come in lower case, values without the whitespace around them, in order and with duplicates."""
    parser.parse(b"POST /a?b=c HTTP/1.1\r\nHOST: x\r\nx-A:  1 \t\r\nX-a: 2\r\nAccept:\r\n\r\n")
    assert [(b"host", b"x"), (b"x-a", b"1"), (b"x-a", b"2"), (b"accept", b"")] == parser.fields
    assert ("POST", b"/a", b"b=c", "1.1") == (parser.method, parser.target, parser.query, parser.version)


def test_usual_names_are_shared(parser):
    """The names of usual fields are not made anew for each request."""
    names = []
    for spelling in (b"User-Agent", b"user-agent", b"USER-AGENT"):
        parser.parse(b"GET / HTTP/1.1\r\nHost: x\r\n%b: y\r\n\r\n" % spelling)
        names.append(parser.fields[1][0])
    assert names[0] is names[1] is names[2]


def test_lists_are_fresh(parser):
    """Each head has a list of its own, so that middleware may change it."""
    head = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
    parser.parse(head)
    first = parser.fields
    first.append((b"x", b"y"))
    parser.parse(head)
    assert [(b"host", b"x")] == parser.fields


@pytest.mark.parametrize(
    ("fields", "keep"),
    [
        (b"", True),
        (b"Connection: keep-alive\r\n", True),
        (b"Connection: close\r\n", False),
        (b"Connection: Close\r\n", False),
        (b"Connection: x,close ,y\r\n", False),
        (b"Connection: closed\r\n", True),
        (b"Connection: keep-alive, close\r\n", False),
    ],
)
def test_keep(parser, fields, keep):
    """HTTP/1.1 goes on unless a side says close (RFC 9112 §9.3)."""
    parser.parse(b"GET / HTTP/1.1\r\nHost: x\r\n" + fields + b"\r\n")
    assert keep is parser.keep


@pytest.mark.parametrize(("fields", "keep"), [(b"", False), (b"Connection: Keep-Alive\r\n", True)])
def test_old_keep(parser, fields, keep):
    """HTTP/1.0 ends unless the client asks to go on."""
    parser.parse(b"GET / HTTP/1.0\r\n" + fields + b"\r\n")
    assert (keep, "1.0") == (parser.keep, parser.version)


@pytest.mark.parametrize(
    ("fields", "length"),
    [
        (b"", 0),
        (b"Content-Length: 0\r\n", 0),
        (b"Content-Length: 17\r\n", 17),
        (b"Content-Length: 999999999999999999\r\n", 10**18 - 1),
        (b"Transfer-Encoding: chunked\r\n", -1),
    ],
)
def test_length(parser, fields, length):
    """The size of the body, or -1 for a chunked one."""
    parser.parse(b"POST / HTTP/1.1\r\nHost: x\r\n" + fields + b"\r\n")
    assert length == parser.length


@pytest.mark.parametrize(
    ("method", "version", "fields", "upgrade"),
    [
        (b"GET", b"1.1", b"Connection: Upgrade\r\nUpgrade: websocket\r\n", "websocket"),
        (b"GET", b"1.1", b"Connection: x, upgrade\r\nUpgrade: WebSocket, x\r\n", "websocket"),
        (b"GET", b"1.1", b"Upgrade: websocket\r\n", ""),
        (b"GET", b"1.1", b"Connection: Upgrade\r\nUpgrade: h2c\r\n", ""),
        (b"POST", b"1.1", b"Connection: Upgrade\r\nUpgrade: websocket\r\n", ""),
        (b"GET", b"1.0", b"Connection: Upgrade\r\nUpgrade: websocket\r\n", ""),
    ],
)
def test_upgrade(parser, method, version, fields, upgrade):
    """A request asks for a WebSocket by both fields, with GET, in HTTP/1.1 (RFC 6455 §4.2.1)."""
    parser.parse(b"%b / HTTP/%b\r\nHost: x\r\n%b\r\n" % (method, version, fields))
    assert upgrade == parser.upgrade


def test_expect(parser):
    """A client waits for 100 only when it has a body to send, and only in HTTP/1.1."""
    expect = []
    for version, size in ((b"1.1", 5), (b"1.1", 0), (b"1.0", 5)):
        head = b"POST / HTTP/%b\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n" % (version, size)
        parser.parse(head)
        expect.append(parser.expect)
    assert [True, False, False] == expect


def test_limits(parser):
    """The limits of line, bytes and count, at their edges."""
    line = b"GET /%b HTTP/1.1\r\nHost: x\r\n\r\n"
    parser.parse(line % (b"x" * 46))
    assert (414, "line_too_long") == refused(parser, line % (b"x" * 47))
    field = b"GET / HTTP/1.1\r\nHost: x\r\nX: %b\r\n\r\n"
    parser.parse(field % (b"y" * 186))
    assert (431, "headers_too_large") == refused(parser, field % (b"y" * 187))
    count = b"GET / HTTP/1.1\r\nHost: x\r\n%b\r\n"
    parser.parse(count % (b"X: y\r\n" * 4))
    assert (431, "headers_too_many") == refused(parser, count % (b"X: y\r\n" * 5))


@pytest.mark.parametrize(
    ("part", "outcome"),
    [
        (b"", None),
        (b"G", None),
        (b"\r", None),
        (b"\r\n", None),
        (b"\r\nGET", None),
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r", None),
        (b"\x16\x03", (400, "line_invalid")),
        (b"\n", (400, "line_invalid")),
        (b"\r\r", (400, "line_invalid")),
        (b"\r\n\x16", (400, "line_invalid")),
        (b"GET / HTTP/1.1\nHost: x\n\n", (400, "head_invalid")),
        (b"x" * 60, None),
        (b"x" * 60 + b"\r", None),
        (b"x" * 61, (414, "line_too_long")),
        (b"\r\n" + b"x" * 60, None),
        (b"GET / HTTP/1.1\r\n" + b"x" * 200, None),
        (b"GET / HTTP/1.1\r\n" + b"x" * 198 + b"\r\n", None),
        (b"GET / HTTP/1.1\r\n" + b"x" * 198 + b"\r\n\r", None),
        (b"GET / HTTP/1.1\r\n" + b"x" * 201, (431, "headers_too_large")),
    ],
)
def test_check(parser, part, outcome):
    """The beginning of a head is refused as soon as nothing that follows can save it."""
    try:
        parser.check(bytearray(part))
        found = None
    except Refusal as refusal:
        found = refusal.status, refusal.code
    assert outcome == found


class Memory:
    block, fields, length = b"", [], 0


def test_memory(parser):
    """Fields that are sent again are not parsed again; they are a fresh list all the same."""
    memory = Memory()
    head = b"GET /%b HTTP/1.1\r\nHost: x\r\nX: y\r\n\r\n"
    parser.parse(head % b"a?b", memory)
    assert b"Host: x\r\nX: y\r\n\r\n" == memory.block
    parser.fields.clear()
    parser.parse(head % b"c?d", memory)
    assert (b"/c", b"d", [(b"host", b"x"), (b"x", b"y")]) == (parser.target, parser.query, parser.fields)
    parser.fields.clear()
    parser.parse(head % b"e", memory)
    assert [(b"host", b"x"), (b"x", b"y")] == parser.fields


@pytest.mark.parametrize(
    "fields",
    [
        b"Connection: close\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"Content-Length: 5\r\nConnection: close\r\n",
        b"Content-Length: 5\r\nExpect: 100-continue\r\n",
        b"Connection: Upgrade\r\nUpgrade: websocket\r\n",
        b"X: " + b"y" * 1100 + b"\r\n",
    ],
)
def test_not_remembered(fields):
    """Fields about the connection, and very long ones, are parsed each time."""
    memory = Memory()
    HeadParser(8192, 8192, 100).parse(b"GET / HTTP/1.1\r\nHost: x\r\n" + fields + b"\r\n", memory)
    assert b"" == memory.block


@pytest.mark.parametrize("method", [b"POST", b"GET", b"PUT"])
def test_a_length_is_remembered_with_its_fields(parser, method):
    """The same fields mean the same body, whatever the line; the next head without them has none."""
    memory, fields = Memory(), b"Host: x\r\nContent-Length: 5\r\n\r\n"
    parser.parse(b"POST /a HTTP/1.1\r\n" + fields, memory)
    for _ in range(2):
        parser.parse(method + b" /b HTTP/1.1\r\n" + fields, memory)
        assert (5, fields) == (parser.length, memory.block)
    other = Memory()
    parser.parse(b"GET /c HTTP/1.1\r\nHost: x\r\n\r\n", other)
    assert 0 == parser.length
    parser.parse(b"GET /c HTTP/1.1\r\nHost: x\r\n\r\n", other)
    assert 0 == parser.length


def test_a_known_line_needs_known_fields(parser):
    """A line is only taken as it is together with fields that were the last ones of its connection."""
    memory = Memory()
    for _ in range(3):
        parser.parse(b"GET /a?b HTTP/1.1\r\nHost: x\r\n\r\n", memory)
    assert {b"GET /a?b HTTP/1.1": ("GET", b"/a", b"b")} == parser.lines
    assert (400, "host_missing") == refused(parser, b"GET /a?b HTTP/1.1\r\nX: y\r\n\r\n")
    parser.parse(b"GET /a?b HTTP/1.1\r\nHost: y\r\nConnection: close\r\n\r\n", memory)
    assert (False, [(b"host", b"y"), (b"connection", b"close")]) == (parser.keep, parser.fields)
    parser.parse(b"GET /a?b HTTP/1.1\r\nHost: x\r\n\r\n", memory)
    assert (True, b"/a", b"b", [(b"host", b"x")]) == (parser.keep, parser.target, parser.query, parser.fields)


def test_known_lines_are_bounded(monkeypatch):
    """Lines are remembered up to a number, and long ones are not."""
    parser = HeadParser(8192, 8192, 100)
    monkeypatch.setattr("arlen_server.heads._MAX_LINES", 3)
    memory = Memory()
    for path in [b"a" * 300, *(b"%d" % each for each in range(10))]:
        for _ in range(2):
            parser.parse(b"GET /" + path + b" HTTP/1.1\r\nHost: x\r\n\r\n", memory)
            assert b"/" + path == parser.target
    assert [b"GET /0 HTTP/1.1", b"GET /1 HTTP/1.1", b"GET /2 HTTP/1.1"] == list(parser.lines)


def test_known_hosts_are_bounded(parser, monkeypatch):
    """Hosts that were found valid are remembered, but not without end."""
    monkeypatch.setattr("arlen_server.heads._MAX_HOSTS", 3)
    for number in range(10):
        parser.parse(b"GET / HTTP/1.1\r\nHost: host%d\r\n\r\n" % number)
    assert 3 == len(parser._known)
    parser.parse(b"GET / HTTP/1.1\r\nHost: host9\r\n\r\n")


def test_refused_head_leaves_what_is_known(parser):
    """After a refusal, the method and the fields that were read are there: the refusal is negotiated by them."""
    assert (417, "expectation_unknown") == refused(
        parser, b"HEAD / HTTP/1.1\r\nHost: x\r\nAccept: a/b\r\nExpect: z\r\n\r\n"
    )
    assert ("HEAD", (b"accept", b"a/b")) == (parser.method, parser.fields[1])
    assert (400, "line_invalid") == refused(parser, b"rubbish\r\n\r\n")
    assert ("", []) == (parser.method, parser.fields)

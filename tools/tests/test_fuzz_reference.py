"""The reference parsers of the fuzzer: they agree with the corpus, and with the examples of the RFCs."""

import tomllib

import pytest

from tools.fuzz import answers, frames, judge, mutations
from tools.fuzz.answers import Nonsense
from tools.fuzz.reference import Bounds, Heard, Reading, authority, read
from tools.fuzz.rig import Outcome, Seen

CASES = [
    pytest.param(case, id=f"{path.stem}: {case['name']}")
    for path in sorted(mutations.CORPUS.glob("*.toml"))
    for case in tomllib.loads(path.read_text())["case"]
]


@pytest.mark.parametrize("case", CASES)
def test_the_corpus(case):
    """The reference sees the requests that each case of the corpus says, and refuses what it says."""
    data = case.get("raw", mutations.CHUNKED + case.get("body", "")).encode("latin-1")
    found = read(data + (b"" if case.get("alone") else mutations.CANARY))
    refused = case["status"][-1] >= 400
    good = sum(status < 400 for status in case["status"])
    if case.get("code") == "method_unknown":  # the reference knows no list of methods
        return
    closed = case.get("closed", refused)
    assert good + (not closed) == len(found.requests)
    if refused and not case.get("alone"):
        assert "refused" == found.end
    elif closed:
        assert found.end in {"closed", "refused", "head"}


def test_a_pipeline():
    """Requests, bodies and queries come apart, up to one that is not whole."""
    found = read(
        b"GET /a?b HTTP/1.1\r\nHost: x\r\n\r\n\r\nPOST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: Chunked\r\n\r\n"
        b'3;a="b\\"c";d=e\r\nabc\r\n00\r\nX: y\r\n\r\nPUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nabc'
    )
    expected = [("GET", b"/a", b"b", b""), ("POST", b"/", b"", b"abc")]
    assert expected == [(each.method, each.path, each.query, each.body) for each in found.requests]
    assert ("body", "PUT") == (found.end, found.partial.method)


@pytest.mark.parametrize(
    ("fields", "keep"),
    [
        (b"HTTP/1.1\r\nHost: x", True),
        (b"HTTP/1.1\r\nHost: x\r\nConnection: a, Close", False),
        (b"HTTP/1.0", False),
        (b"HTTP/1.0\r\nConnection: keep-alive", True),
        (b"HTTP/1.0\r\nConnection: keep-alive\r\nConnection: close", False),
    ],
)
def test_persistence(fields, keep):
    """A connection goes on after HTTP/1.1 without close, and after HTTP/1.0 with keep-alive (RFC 9112 §9.3)."""
    found = read(b"GET / %b\r\n\r\nGET" % fields)
    assert [keep] == [each.keep for each in found.requests]
    assert ("head" if keep else "closed") == found.end


@pytest.mark.parametrize(
    ("part", "count", "size"), [("line", 200, 0), ("fields", 0, 700), ("count", 20, 0), ("chunk", 40, 0)]
)
def test_bounds(part, count, size):
    """Each bound is met exactly: what fits is taken, one more is refused."""
    bounds = Bounds(line=200, fields=700, count=20, chunk=40)

    def stream(extra):
        if part == "line":
            return b"GET /%b HTTP/1.1\r\nHost: x\r\n\r\n" % (b"x" * (count - 14 + extra))
        if part == "fields":
            return b"GET / HTTP/1.1\r\nHost: x\r\nX: %b\r\n\r\n" % (b"x" * (size - 14 + extra))
        if part == "count":
            return b"GET / HTTP/1.1\r\nHost: x\r\n%b\r\n" % (b"X:\r\n" * (count - 1 + extra))
        head = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        return head + b"0;%b\r\n\r\n" % (b"x" * (count - 2 + extra))

    assert ["idle", "refused"] == [read(stream(extra), bounds).end for extra in (0, 1)]


@pytest.mark.parametrize(
    ("text", "valid"),
    [
        (b"a", True),
        (b"a:80", True),
        (b"a:", True),
        (b"[::1]:65535", True),
        (b"[::1]:65536", False),
        (b"[::1%lo]", False),
        (b"[::1]80", False),
        (b":80", False),
        (b"", False),
        (b"a:1:2", False),
    ],
)
def test_authorities(text, valid):
    """Names and addresses with an optional port are hosts (RFC 3986 §3.2)."""
    assert valid == authority(text)


# -- answers

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi"


def test_answers():
    """Responses come apart by their lengths; 204 has no body, nor has an answer to HEAD."""
    stream = OK + b"HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 9\r\nconnection: close\r\n\r\n"
    found = answers.read(stream, ["GET", "GET", "HEAD"])
    assert [(200, b"hi"), (204, b""), (200, b"")] == [(each.status, each.body) for each in found]
    assert [False, False, True] == [each.closes for each in found]


CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    ("body", "expected", "cut"),
    [
        (b"2\r\nhi\r\n0\r\n\r\n", b"hi", False),
        (b"1\r\nh\r\n1\r\ni\r\n0\r\n\r\n", b"hi", False),
        (b"0\r\n\r\n", b"", False),
        (b"2\r\nhi\r\n", b"hi", True),
        (b"", b"", True),
    ],
)
def test_chunked_answers(body, expected, cut):
    """A chunked answer has its chunks, and an end unless it is cut."""
    [found] = answers.read(CHUNKED + body, ["GET"])
    assert (expected, cut) == (found.body, found.cut)


def test_an_answer_until_the_end():
    """A stream to HTTP/1.0 ends with the connection."""
    [found] = answers.read(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nhi", ["GET"])
    assert b"hi" == found.body


@pytest.mark.parametrize(
    "stream",
    [
        CHUNKED + b"2\r\nhi\r\n0\r\n\r\nx",
        CHUNKED + b"2\r\nhi0\r\n\r\n",
        CHUNKED + b"02;a\r\nhi\r\n0\r\n\r\n",
        CHUNKED + b"A\r\n0123456789\r\n0\r\n\r\n",
        CHUNKED + b"2\r\nhi\r\nHTTP/1.1 100 Continue\r\n\r\n0\r\n\r\n",
        OK[:-1],
        OK + b"x",
        OK.replace(b"\r\n", b"\n"),
        OK.replace(b"HTTP/1.1", b"HTTP/1.0"),
        OK.replace(b" OK", b""),
        OK.replace(b"content-length: 2", b"x: y"),
        OK.replace(b"content-length", b"Content-Length"),
        OK.replace(b"content-length: 2", b"content-length : 2"),
        OK.replace(b"content-length: 2", b"content-length: 2\r\ncontent-length: 2"),
        OK.replace(b"content-length: 2", b"content-length: 2\r\ntransfer-encoding: chunked"),
        OK.replace(b"content-length: 2", b"content-length: 2\r\nx: a\rb"),
        OK.replace(b"content-length: 2", b"content-length: 2\r\n x: a"),
    ],
)
def test_nonsense(stream):
    """Everything else is no answer."""
    with pytest.raises(Nonsense):
        answers.read(stream, ["GET"])


# -- frames


def masked(first: int, payload: bytes) -> bytes:
    """Make a masked frame."""
    return (
        bytes([first, 0x80 | len(payload)]) + b"\1\2\3\4" + bytes(b ^ b"\1\2\3\4"[n % 4] for n, b in enumerate(payload))
    )


def test_the_examples_of_the_rfc():
    """The frames of RFC 6455 §5.7 are read as it says."""
    assert ["Hello"] == frames.listen(b"\x81\x05Hello", masked=False).messages
    assert ["Hello"] == frames.listen(b"\x81\x857\xfa!=\x7f\x9fMQX", masked=True).messages
    assert ["Hello"] == frames.listen(b"\x01\x03Hel\x80\x02lo", masked=False).messages
    said = frames.listen(b"\x89\x05Hello\x8a\x857\xfa!=\x7f\x9fMQX", masked=False)
    assert ([b"Hello"], "failed") == (said.pings, said.end)
    assert [bytes(256)] == frames.listen(b"\x82\x7e\x01\0" + bytes(256), masked=False, limit=256).messages


@pytest.mark.parametrize(
    ("data", "end"),
    [
        (masked(0x81, b"x"), "open"),
        (masked(0x88, b""), "closed"),
        (masked(0x88, b"\x03\xe8bye"), "closed"),
        (masked(0x88, b"\x03"), "failed"),
        (masked(0x88, b"\x03\xed"), "failed"),
        (masked(0x88, b"\x03\xe8\xff"), "failed"),
        (masked(0x81, b"\xff"), "failed"),
        (masked(0x01, b"\xc3") + masked(0x80, b"\xa9"), "open"),
        (masked(0x01, b"\xc3") + masked(0x80, b""), "failed"),
        (masked(0x80, b"x"), "failed"),
        (masked(0x01, b"x") + masked(0x81, b"y"), "failed"),
        (masked(0x09, b"x"), "failed"),
        (masked(0x83, b"x"), "failed"),
        (masked(0xC1, b"x"), "failed"),
        (b"\x81\x01x", "failed"),
        (masked(0x02, b"x" * 100) + masked(0x80, b"x" * 101), "failed"),
        (masked(0x02, b"x" * 100) + masked(0x89, b"x" * 125) + masked(0x80, b"x" * 100), "open"),
    ],
)
def test_frames(data, end):
    """What RFC 6455 §5 allows goes on or closes; everything else fails the connection."""
    assert end == frames.listen(data, masked=True).end


# -- the judge

GOOD = Heard("GET", b"/", b"", keep=True)


@pytest.mark.parametrize(
    ("outcome", "reading", "problem"),
    [
        (Outcome(), Reading([GOOD]), "0 good answers to 1 requests"),
        (Outcome([Seen("GET", b"/", b"", b"")] * 2, OK * 2), Reading([GOOD]), "the reference sees none"),
        (Outcome([Seen("GET", b"/x", b"", b"")], OK), Reading([GOOD]), "to the reference it is"),
        (Outcome([Seen("GET", b"/", b"", b"body")], OK), Reading([GOOD]), "has the body"),
        (Outcome([Seen("GET", b"/", b"", b"")], OK, ended=True), Reading([GOOD]), "ends without a reason"),
        (Outcome([Seen("GET", b"/", b"", b"")], OK), Reading([GOOD], end="closed"), "and it goes on"),
        (Outcome([Seen("GET", b"/", b"", b"")], OK), Reading([GOOD], end="refused"), "there is no refusal"),
        (Outcome([], OK.replace(b"200", b"400"), ended=True), Reading(), "for nothing"),
        (Outcome([], OK.replace(b"200", b"400")), Reading(end="refused"), "leaves the connection open"),
        (Outcome([], OK.replace(b"200", b"400") + OK, ended=True), Reading([GOOD]), "answers behind [400]"),
        (Outcome([], b"HTTP/1.1 100 Continue\r\n\r\n"), Reading(end="head"), "for 0 expectations"),
        (Outcome([], b"nonsense"), Reading(), "is no HTTP"),
        (Outcome([Seen("GET", b"/", b"", b"")], CHUNKED), Reading([GOOD]), "an answer is cut"),
        (Outcome(broken=["an error"]), Reading(), "an error"),
    ],
)
def test_the_judge(outcome, reading, problem):
    """Each broken invariant is named."""
    assert problem in " | ".join(judge.verdict(b"", reading, outcome))


def test_the_judge_is_content():
    """What is as it should be breaks nothing."""
    assert [] == judge.verdict(b"", Reading([GOOD]), Outcome([Seen("GET", b"/", b"", b"")], OK))
    assert [] == judge.verdict(b"", Reading(end="refused"), Outcome([], OK.replace(b"200", b"400"), ended=True))


def test_the_third_opinion():
    """Where h11 sees another request than the reference, that is a problem; where it refuses, it says nothing."""
    pytest.importorskip("h11")
    data = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi"
    right = Heard("POST", b"/", b"", keep=True, body=b"hi")
    assert [] == judge.opinion(data, [right])
    assert 1 == len(judge.opinion(data, [Heard("POST", b"/", b"", keep=True, body=b"")]))
    assert [] == judge.opinion(b"nonsense\r\n\r\n", [right])

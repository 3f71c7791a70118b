"""Mutations: what becomes of a stream of requests when somebody meddles with it."""

import tomllib
from itertools import pairwise
from pathlib import Path
from random import Random

__all__ = ["CORPUS", "PIECES", "cut", "mutate", "pipeline", "seeds"]

CORPUS = Path(__file__).parents[2] / "packages/arlen-server/tests/server/corpus"
CHUNKED = "POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
CANARY = b"GET /canary HTTP/1.1\r\nHost: a\r\n\r\n"
PIECES = [
    b"\r\n", b"\n", b"\r", b"\r\n\r\n", b"\n\n", b"\r\r\n", b" ", b"\t", b"\0", b"\x0b", b"\x0c", b"\x85", b"\xa0",
    b":", b": ", b" :", b",", b";", b"=", b'"', b"\\", b"0", b"1", b"5", b"a", b"f", b"0\r\n\r\n", b"5\r\nhello\r\n",
    b"-", b"+", b"0x", b"/", b"//", b"?", b"#", b"%", b"*", b"http://a", b"https://a:443", b"@", b"[::1]", b"[", b"]",
    b"_", b"\x7f", b"Host: a\r\n", b"Host: b\r\n", b"Host", b"Content-Length: 5\r\n", b"Content-Length: 0\r\n",
    b"content-length", b"Transfer-Encoding: chunked\r\n", b"Transfer-Encoding: identity\r\n", b"chunked", b"identity",
    b"gzip", b", chunked", b"Connection: close\r\n", b"Connection: keep-alive\r\n", b"close",
    b"Expect: 100-continue\r\n", b"Upgrade: h2c\r\n", b"X: y\r\n", b" folded\r\n", b"GET / HTTP/1.1\r\n", b"GET",
    b"POST", b"HEAD", b"OPTIONS", b"CONNECT", b"HTTP/1.1", b"HTTP/1.0", b"HTTP/2.0", b"x" * 60,
    b";y=" + b"z" * 50, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"/slow", b"/unread", b"/none", b"/stream",
    CANARY,
]  # fmt: skip


_FIELDS = [
    b"Connection: keep-alive", b"Connection: Close", b"X-Y: z", b"X:", b"X: \t y\t", b"Accept: */*", b"Upgrade: h2c",
    b"Connection: upgrade", b"TE: trailers", b"Cookie: a=b; c=d", b"X: \xff\x80",
]  # fmt: skip


def seeds() -> list[bytes]:
    """Return the corpus, each case with a good request behind it."""
    cases = [case for path in sorted(CORPUS.glob("*.toml")) for case in tomllib.loads(path.read_text("utf-8"))["case"]]
    return [case.get("raw", CHUNKED + case.get("body", "")).encode("latin-1") + CANARY for case in cases]


def pipeline(random: Random) -> bytes:
    """Return one to four requests, with and without bodies, most of which keep the connection; all are valid."""
    return b"".join(_request(random) for _ in range(random.choice((1, 1, 2, 3, 4))))


def _request(random: Random) -> bytes:
    method = random.choice((b"GET", b"GET", b"POST", b"POST", b"PUT", b"HEAD", b"OPTIONS", b"DELETE", b"QUERY"))
    targets = (b"/", b"/a?b=c", b"/slow", b"/unread", b"/none", b"/stream", b"/a/b", b"http://a:80/c", b"//d")
    target = random.choice(targets)
    fields = [b"Host:" + random.choice((b" a", b"a", b" a:80", b" A ")) if target[:1] == b"h" else b"Host: a"]
    fields += random.sample(_FIELDS, random.choice((0, 0, 1, 2)))
    body, kind = random.randbytes(random.choice((0, 1, 5, 5, 40, 300))), random.randrange(4)
    if kind == 0:
        fields.append(b"Content-Length: %d" % len(body))
    elif kind == 1:
        fields.append(random.choice((b"Transfer-Encoding: chunked", b"transfer-encoding:CHUNKED ")))
        body = _chunks(body, random)
    else:
        body = b""
    if kind < 2 and random.randrange(8) == 0:
        fields.append(b"Expect: 100-continue")
    random.shuffle(fields)
    version = random.choice((b"HTTP/1.1",) * 9 + (b"HTTP/1.0",)) if kind != 1 else b"HTTP/1.1"
    return b"%b %b %b\r\n%b\r\n\r\n%b" % (method, target, version, b"\r\n".join(fields), body)


def _chunks(body: bytes, random: Random) -> bytes:
    size = random.choice((1, 3, 1000))
    extension = random.choice((b"", b"", b"", b";a=b", b';a="b;\\"c"', b";" + b"e" * random.randrange(1, 60)))
    sizes = random.choice((b"%x", b"%X", b"0%x")) + extension + b"\r\n%b\r\n"
    parts = [body[at : at + size] for at in range(0, len(body), size)]
    last = random.choice((b"0\r\n\r\n", b"0\r\n\r\n", b"00;a\r\nX: y\r\nHost: z\r\n\r\n"))
    return b"".join(sizes % (len(part), part) for part in parts) + last


def mutate(data: bytes, random: Random, others: list[bytes], pieces: list[bytes] = PIECES) -> bytes:
    """Return `data` after one to eight small changes, or one joined with another stream."""
    made = bytearray(data)
    for _ in range(random.choice((0, 1, 1, 1, 1, 2, 2, 3, 8))):
        at = random.randrange(len(made) + 1)
        size = random.choice((1, 1, 1, 2, 4, 16))
        kind = random.randrange(7)
        if kind == 0:
            made[at:at] = random.choice(pieces)
        elif kind == 1:
            made[at : at + size] = b""
        elif kind == 2:
            made[at : at + 1] = bytes([random.randrange(256)])
        elif kind == 3:
            made[at : at + size] = random.choice(pieces)
        elif kind == 4:
            made[at:at] = made[at : at + size * 4]
        elif kind == 5:
            made = _spliced(made, random.choice(others), at, random)
        else:
            made[at : at + size] = made[at : at + size].swapcase()
    return bytes(made)


def cut(data: bytes, random: Random) -> list[bytes]:
    """Cut a stream into the parts in which it arrives: at once, in some pieces, or byte by byte."""
    kind = random.randrange(10)
    if kind < 4 or not data:
        return [data]
    if kind == 9 and len(data) < 300:
        return [data[at : at + 1] for at in range(len(data))]
    places = sorted({random.randrange(len(data) + 1) for _ in range(random.choice((1, 1, 2, 3, 8)))} | {0, len(data)})
    return [data[start:end] for start, end in pairwise(places)]


def _spliced(data: bytearray, other: bytes, at: int, random: Random) -> bytearray:
    """Go on with another stream, from its beginning or from anywhere."""
    start = random.choice((0, random.randrange(len(other) + 1)))
    return data[:at] + other[start:] if random.random() < 0.5 else data + other[start:]

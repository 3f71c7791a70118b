"""Heads: the request line and the header fields, parsed by httptools and checked where that is too lenient."""

from __future__ import annotations

import re
from typing import Protocol

import httptools

from arlen_core.headers import Raw
from arlen_server.refusals import Refusal
from arlen_server.targets import check_host, reduce

__all__ = ["HeadParser", "Memory"]

# what changes the framing or the fate of the connection; the first five are all that llhttp itself looks at
_SPECIAL = frozenset(
    {b"connection", b"proxy-connection", b"content-length", b"transfer-encoding", b"upgrade", b"expect"}
)
_USUAL = (
    "Host Connection Accept Accept-Encoding Accept-Language User-Agent Content-Type Content-Length Cookie Referer "
    "Origin Authorization Cache-Control If-None-Match If-Modified-Since Range Upgrade-Insecure-Requests Priority DNT "
    "Sec-Fetch-Dest Sec-Fetch-Mode Sec-Fetch-Site Sec-Fetch-User TE Pragma X-Request-Id Forwarded X-Forwarded-For "
    "X-Forwarded-Proto X-Forwarded-Host traceparent tracestate Transfer-Encoding Upgrade Expect Proxy-Connection"
)
_LOWER = {each.encode(): each.lower().encode() for each in _USUAL.split()}
_LOWER |= {each: each for each in _LOWER.values()}
_HOST = _LOWER[b"Host"]

_token = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+").fullmatch
_version = re.compile(rb"HTTP/[0-9]\.[0-9]").fullmatch
_length = re.compile(rb"[0-9]{1,18}").fullmatch
_CLEAN: tuple[Raw, ...] = ([(b"connection", b"keep-alive")], [(b"connection", b"Keep-Alive")])
_MAX_HOSTS = 1024
_NO_HOST: bytes | None = None  # mypy would take a bare None for the last word, but httptools calls `on_header`
_SLASH = 47
_MAX_LINES, _MAX_LINE = 512, 256  # request lines that are remembered, and their bytes
_MAX_BLOCK = 1024  # bytes that an idle connection may hold for its next request
_TWO = b", "  # stands for more than one Host; no value can be this
_METHODS = {each.encode(): each for each in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "QUERY")}


class Memory(Protocol):
    """What a connection remembers: the header lines of its last head as bytes, b"" for nothing, and what they say."""

    block: bytes
    fields: Raw
    length: int


class HeadParser:
    r"""Parses one whole head after another; no state of a head outlives its `parse`, so one serves every connection.

    Args:
        max_line: most bytes of the request line, else 414.
        max_bytes: most bytes of all header lines with their line ends, else 431.
        max_headers: most header fields, else 431.

    Attributes:
        method, target, query: of the last head; the target is reduced to a path, or `*`.
        fields: its header fields, names in lower case, in order.
        version: "1.1" or "1.0".
        keep: whether the connection may be used again after it (RFC 9112 §9.3).
        length: the declared size of the body, 0 for none, -1 for a chunked one.
        expect: whether the client waits for `100 Continue`.
        upgrade: "websocket" or "".
        lines: request lines that were found valid, with what they say, at most 512; whoever has a clock clears them
            now and then.

    >>> parser = HeadParser(8192, 32768, 100)
    >>> parser.parse(b"GET /a?b=c HTTP/1.1\r\nHost: example.org\r\n\r\n")
    >>> parser.method, parser.target, parser.query, parser.fields, parser.keep
    ('GET', b'/a', b'b=c', [(b'host', b'example.org')], True)
    """

    __slots__ = (
        "_host", "_known", "_llhttp", "_max_bytes", "_max_headers", "_max_line", "_odd", "_quick", "_special",
        "expect", "fields", "keep", "length", "lines", "method", "query", "target", "upgrade", "version",
    )  # fmt: skip

    def __init__(self, max_line: int, max_bytes: int, max_headers: int) -> None:
        self._max_line, self._max_bytes, self._max_headers = max_line, max_bytes, max_headers
        self._quick = min(max_line, max_bytes)  # no longer head can break a limit
        self.lines: dict[bytes, tuple[str, bytes, bytes]] = {}
        self._known: set[bytes] = set()  # Host values that were found valid
        self._llhttp = httptools.HttpRequestParser(self)
        self._odd = False  # whether the last head left something to forget
        self.fields: Raw = []
        self._special: Raw = []
        self._host: bytes | None = None
        self.method, self.target, self.query, self.version = "", b"/", b"", "1.1"
        self.keep, self.length, self.expect, self.upgrade = True, 0, False, ""

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a field from httptools."""
        lower = _LOWER.get(name)
        if lower is None:
            lower = name.lower()
            lower = _LOWER.get(lower, lower)
        self.fields.append((lower, value))
        if lower is _HOST:
            self._take_host(value)
        elif lower in _SPECIAL:
            self._special.append((lower, value))

    def parse(self, data: bytes, memory: Memory | None = None) -> None:
        """Parse a head.

        Args:
            data: from its first byte to the empty line that ends it.
            memory: of the connection. Clients send the same fields again and again: those of the last head are not
                parsed a second time. That saves four of ten instructions when they are a browser's.

        Raises `Refusal`.
        """
        # `partition` takes half as many instructions as `find` and a slice, `find` half as many as `in`
        line, _, block = data.partition(b"\r\n")
        if self._odd:
            self._forget()
        known = None
        if memory is not None and block == memory.block:
            known = self.lines.get(line) or self.read(line)
        if known is not None and memory is not None:
            self.method, self.target, self.query = known
            self.fields, self.length = memory.fields.copy(), memory.length
        else:
            self._whole(data, line, block, memory)

    def read(self, line: bytes) -> tuple[str, bytes, bytes] | None:
        """Return method, path and query of a request line with nothing special about it, or `None`."""
        if len(line) > self._max_line:
            return None
        try:
            method, target, version = line.split(b" ")
        except ValueError:
            return None
        name = _METHODS.get(method)
        if name is None or version != b"HTTP/1.1" or not _plain(target):
            return None
        path, _, query = target.partition(b"?")
        known = name, path, query
        if len(self.lines) < _MAX_LINES and len(line) <= _MAX_LINE:
            self.lines[line] = known
        return known

    def _whole(self, data: bytes, line: bytes, block: bytes, memory: Memory | None) -> None:
        """Parse a head of which something is new."""
        self.method, self.fields, self._host, self.length = "", [], _NO_HOST, 0
        self._odd = True  # until this head has turned out to be like most: a refusal in between must not matter
        if not line and len(data) > 4:  # one empty line before a request is forgiven (RFC 9112 §2.2)
            data = data[2:]
            line, _, block = data.partition(b"\r\n")
        if len(data) > self._quick:
            self._measure(len(line), len(data) - len(line) - 4)
        try:
            method, target, version = line.split(b" ")
        except ValueError:
            raise _bad_line() from None
        self.method = _METHODS.get(method) or _other(method)
        if version != b"HTTP/1.1":
            self._check_version(version)
        try:
            self._llhttp.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self._fail(data, error)
        if self._special or self.version != "1.1":
            self._keep_clean()
        if data.find(b" \r\n") >= 0 or data.find(b"\t") >= 0:  # httptools keeps whitespace after a value
            self._trim()
        if len(self.fields) > self._max_headers:
            raise Refusal(431, "headers_too_many", f"there are more than {self._max_headers} header fields")
        host = self._host
        if host not in self._known:
            host = self._check_host(host)
        if target.partition(b"#")[1] or not target or target[0] != _SLASH:
            target = reduce(method, target, host)
        self.target, _, self.query = target.partition(b"?")
        if self._special or self.version != "1.1":
            self._examine()
        else:
            self._odd = False
        if memory is not None:
            self._remember(memory, block)

    def _remember(self, memory: Memory, block: bytes) -> None:
        """Keep fields that say nothing about the connection, for the next head of the same one.

        They may say how long a body is: then the next one, with the same fields, has that length too.
        """
        usual = self.version == "1.1" and self.length >= 0 and self.keep and len(block) <= _MAX_BLOCK
        if usual and all(field[0] == b"content-length" or [field] in _CLEAN for field in self._special):
            memory.block, memory.fields, memory.length = block, self.fields.copy(), self.length

    def _forget(self) -> None:
        """Forget what the last head had that most heads have not."""
        self._special, self.version = [], "1.1"
        self.keep, self.length, self.expect, self.upgrade = True, 0, False, ""

    def _keep_clean(self) -> None:
        """Take a new httptools parser unless this head left the old one where it was."""
        if self.version != "1.1" or self._special not in _CLEAN:
            self._renew()

    def _trim(self) -> None:
        """Remove the whitespace after values (RFC 9112 §5)."""
        self.fields = [(name, value.rstrip(b" \t")) for name, value in self.fields]
        self._special = [(name, value.rstrip(b" \t")) for name, value in self._special]

    def check(self, part: bytearray) -> None:
        """Raise `Refusal` when a head that begins like this will be refused whatever follows."""
        start = 2 if part.startswith(b"\r\n") else 0
        seen = len(part) - part.endswith(b"\r")  # that one may belong to a line end that does not count
        end = part.find(b"\r\n", start)
        self._measure((seen if end < 0 else end) - start, 0 if end < 0 else seen - end - 2)
        if seen > start and not _token(part[start : start + 1]):
            raise _bad_line()
        if part.count(b"\n") != part.count(b"\r\n"):
            raise Refusal(400, "head_invalid", "the request is malformed: a line ends without CR LF")

    def _measure(self, line: int, headers: int) -> None:
        if line > self._max_line:
            raise Refusal(414, "line_too_long", f"the request line is longer than {self._max_line} bytes")
        if headers > self._max_bytes:
            raise Refusal(431, "headers_too_large", f"the header fields are larger than {self._max_bytes} bytes")

    def _fail(self, data: bytes, error: Exception) -> None:
        self._renew()
        if isinstance(error, httptools.HttpParserInvalidMethodError):
            raise Refusal(501, "method_unknown", "this server does not know the method") from None
        if not isinstance(error, httptools.HttpParserUpgrade):  # that one is no failure: it is examined later
            raise self._reason(data, error) from None

    def _renew(self) -> None:
        """Start with a clean httptools parser, because this head leaves the old one in the middle of something."""
        self._llhttp = httptools.HttpRequestParser(self)

    def _reason(self, data: bytes, error: Exception) -> Refusal:
        """Say which rule was broken; the framing rules have codes of their own."""
        special: dict[bytes, list[bytes]] = {}
        for line in data.split(b"\r\n")[1:-2]:
            name, _, value = line.partition(b":")
            special.setdefault(name.lower(), []).append(value.strip(b" \t"))
        try:
            self._frame(special)
        except Refusal as refusal:
            return refusal
        return Refusal(400, "head_invalid", f"the request is malformed: {error}")

    def _check_version(self, version: bytes) -> None:
        if version == b"HTTP/1.0":
            self.version, self.keep = "1.0", False
        elif _version(version):
            raise Refusal(505, "version_unsupported", "this server speaks HTTP/1.1 and HTTP/1.0")
        else:
            raise _bad_line()

    def _take_host(self, value: bytes) -> None:
        self._host = value if self._host is None else _TWO

    def _check_host(self, host: bytes | None) -> bytes | None:
        if host is None:
            if self.version == "1.1":
                raise Refusal(400, "host_missing", "a request needs a Host header")
            return None
        if host is _TWO:
            raise Refusal(400, "host_duplicate", "a request needs one Host header only")
        host = host.rstrip(b" \t")
        check_host(host)
        if len(self._known) < _MAX_HOSTS:
            self._known.add(host)
        return host

    def _examine(self) -> None:
        special: dict[bytes, list[bytes]] = {}
        for name, value in self._special:
            special.setdefault(name, []).append(value)
        tokens = _tokens(special.get(b"connection"))
        self.keep = b"close" not in tokens and (self.version == "1.1" or b"keep-alive" in tokens)
        self._frame(special)
        if self.version == "1.1":
            self._expect(special.get(b"expect"))
            if b"upgrade" in tokens and self.method == "GET" and b"websocket" in _tokens(special.get(b"upgrade")):
                self.upgrade = "websocket"

    def _frame(self, special: dict[bytes, list[bytes]]) -> None:
        """Find the size of the body (RFC 9112 §6.3); what is ambiguous is refused, because it smuggles requests."""
        codings, lengths = special.get(b"transfer-encoding"), special.get(b"content-length")
        if codings is not None:
            self._check_coding(codings)
            if lengths is not None:
                raise Refusal(400, "length_conflict", "Content-Length and Transfer-Encoding exclude each other")
            self.length = -1
        elif lengths is not None:
            if len(lengths) > 1 or not _length(lengths[0]):
                raise Refusal(400, "length_invalid", "there must be one Content-Length, a number")
            self.length = int(lengths[0])

    def _check_coding(self, values: list[bytes]) -> None:
        """Only `chunked`, once, in HTTP/1.1; codings before it are not implemented (RFC 9112 §6.1, §6.3)."""
        codings = [each.strip(b" \t").lower() for each in b",".join(values).split(b",")]
        if self.version != "1.1":
            raise Refusal(400, "coding_invalid", "HTTP/1.0 has no Transfer-Encoding")
        if codings[-1] != b"chunked" or codings.count(b"chunked") > 1:
            raise Refusal(400, "coding_invalid", "Transfer-Encoding must end with chunked, once")
        if len(codings) > 1:
            raise Refusal(501, "coding_unsupported", "the only transfer coding is chunked")

    def _expect(self, values: list[bytes] | None) -> None:
        if values is not None:
            if [each.lower() for each in values] != [b"100-continue"]:
                raise Refusal(417, "expectation_unknown", "the only expectation is 100-continue")
            self.expect = self.length != 0


def _plain(target: bytes) -> bool:
    """Say whether a target is a path that httptools would take: printable ASCII, without a fragment."""
    if not target or target[0] != _SLASH or not target.isascii():
        return False
    return target.decode().isprintable() and not target.partition(b"#")[1]


def _other(method: bytes) -> str:
    if not _token(method):
        raise _bad_line()
    if method == b"CONNECT":  # whatever its target is: 501 is for what is not implemented (RFC 9110 §9.1, §9.3.6)
        raise Refusal(501, "connect_unsupported", "this server is no proxy: it opens no tunnels")
    return method.decode("ascii")


def _tokens(values: list[bytes] | None) -> list[bytes]:
    return [each.strip(b" \t").lower() for each in b",".join(values or ()).split(b",")]


def _bad_line() -> Refusal:
    return Refusal(400, "line_invalid", "the request line is malformed")

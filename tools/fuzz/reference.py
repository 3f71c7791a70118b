"""A reference: HTTP/1.1 requests read from a whole stream, slowly, straight from RFC 9112 and RFC 9110.

It shares no code with the server and no parser with anybody. Where docs/security-http.md says that the server is
stricter than the RFCs, so is this.
"""

import re
import socket
from dataclasses import dataclass, field

__all__ = ["Bounds", "Heard", "Reading", "authority", "read"]

TCHAR = frozenset(b"!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
VALUE = frozenset([0x09, *range(0x20, 0x7F), *range(0x80, 0x100)])
TARGET = frozenset(range(0x21, 0x7F)) - {0x23}
NAME = frozenset(b"-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
DIGITS, HEX = frozenset(b"0123456789"), frozenset(b"0123456789abcdefABCDEF")
OWS = b" \t"


class Refused(Exception):
    """The stream breaks a rule here."""


class More(Exception):
    """The stream ends here, in the middle of something."""


@dataclass(frozen=True)
class Bounds:
    """The limits of a reader, as the server's settings have them."""

    line: int = 8192
    fields: int = 32768
    count: int = 100
    chunk: int = 256


@dataclass
class Heard:
    """One request: what an application must see of it, and whether the connection may be used after it."""

    method: str
    path: bytes
    query: bytes
    keep: bool
    expects: bool = False
    body: bytes = b""


@dataclass
class Reading:
    """What a stream holds.

    Attributes:
        requests: the whole ones, in order.
        partial: one whose body is not whole, or wrong.
        end: "idle", "head" or "body" when the stream ends between requests, in a head or in a body; "refused", or
            "closed" when a request ended the connection.
        reason: why it was refused.
    """

    requests: list[Heard] = field(default_factory=list)
    partial: Heard | None = None
    end: str = "idle"
    reason: str = ""


def read(data: bytes, bounds: Bounds = Bounds()) -> Reading:
    r"""Read a stream.

    >>> found = read(b"POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhiGET ")
    >>> [(each.method, each.path, each.body) for each in found.requests], found.end
    ([('POST', b'/a', b'hi')], 'head')
    """
    found, at = Reading(), 0
    while at < len(data):
        try:
            heard, coding, length, at = _head(data, at, bounds)
        except (Refused, More) as why:
            found.end, found.reason = ("refused" if isinstance(why, Refused) else "head"), str(why)
            return found
        try:
            heard.body, at = _chunked(data, at, bounds) if coding else _sized(data, at, length)
        except (Refused, More) as why:
            found.partial = heard
            found.end, found.reason = ("refused" if isinstance(why, Refused) else "body"), str(why)
            return found
        found.requests.append(heard)
        if not heard.keep:
            found.end = "closed"
            return found
    return found


def _head(data: bytes, at: int, bounds: Bounds) -> tuple[Heard, bool, int, int]:
    """RFC 9112 §3 and §5: a request line, field lines, an empty line."""
    if data.startswith(b"\r\n", at):  # §2.2: at least one empty line before it is ignored, and no more here
        at += 2
    end = data.find(b"\r\n\r\n", at)
    if end < 0:
        raise More("the head has no end")
    first, *rest = data[at:end].split(b"\r\n")
    method, target, version = _line(first, bounds)
    fields = [_field(line) for line in rest]
    if sum(len(line) + 2 for line in rest) > bounds.fields or len(rest) > bounds.count:
        raise Refused("too many or too large fields")
    host = _host(fields, version)
    path, query = _target(method, target, host)
    coding, length = _framing(fields, version)
    options = _members(fields, b"connection")
    keep = b"close" not in options and (version == b"HTTP/1.1" or b"keep-alive" in options)
    expects = _expects(fields, version) and (coding or length > 0)
    return Heard(method.decode(), path, query, keep, expects), coding, length, end + 4


def _line(line: bytes, bounds: Bounds) -> tuple[bytes, bytes, bytes]:
    """RFC 9112 §3: method SP target SP version."""
    if len(line) > bounds.line:
        raise Refused("the line is too long")
    parts = line.split(b" ")
    if len(parts) != 3:
        raise Refused("not three parts with one space between")
    method, target, version = parts
    if not _all(method, TCHAR):
        raise Refused("the method is no token")
    if method == b"CONNECT":
        raise Refused("no tunnels")
    if version not in {b"HTTP/1.1", b"HTTP/1.0"}:
        raise Refused("another version")
    if not _all(target, TARGET):
        raise Refused("the target has other characters")
    return method, target, version


def _field(line: bytes) -> tuple[bytes, bytes]:
    """RFC 9112 §5, RFC 9110 §5.1 and §5.5: name ":" OWS value OWS."""
    name, colon, value = line.partition(b":")
    if not colon or not _all(name, TCHAR):
        raise Refused("no field line")
    if value and not _all(value, VALUE):
        raise Refused("a control character in a value")
    if name.lower() == b"transfer-encoding" and value.strip(b" ").endswith(b"\t"):
        raise Refused("a tab that only attackers send")
    return name.lower(), value.strip(OWS)


def _host(fields: list[tuple[bytes, bytes]], version: bytes) -> bytes | None:
    """RFC 9112 §3.2: one valid Host, which only HTTP/1.0 may leave out."""
    hosts = [value for name, value in fields if name == b"host"]
    if len(hosts) > 1 or (not hosts and version == b"HTTP/1.1"):
        raise Refused("no Host, or two")
    if hosts and not authority(hosts[0]):
        raise Refused("an invalid Host")
    return hosts[0] if hosts else None


def authority(text: bytes) -> bool:
    """Say whether this is a name or an address in brackets, and perhaps a port (RFC 3986 §3.2).

    >>> authority(b"[::1]:80"), authority(b"[::::]")
    (True, False)
    """
    if text.startswith(b"["):
        address, bracket, port = text[1:].partition(b"]")
        if not bracket or (port and not port.startswith(b":")) or not _six(address):
            return False
        port = port[1:]
    else:
        name, _, port = text.partition(b":")
        if not _all(name, NAME):
            return False
    return len(port) <= 5 and (not port or (_all(port, DIGITS) and int(port) < 65536))


def _six(address: bytes) -> bool:
    try:
        socket.inet_pton(socket.AF_INET6, address.decode("ascii"))
    except (OSError, ValueError):
        return False
    return b"%" not in address


def _target(method: bytes, target: bytes, host: bytes | None) -> tuple[bytes, bytes]:
    """RFC 9112 §3.2: origin form, absolute form, asterisk form."""
    if target == b"*" and method == b"OPTIONS":
        return b"*", b""
    if not target.startswith(b"/"):
        found = re.match(rb"(https?)://([^/?]*)", target, re.IGNORECASE)
        if found is None or not authority(found[2]):
            raise Refused("no form of a target")
        port = b":443" if found[1].lower() == b"https" else b":80"
        if host is not None and _same(found[2], port) != _same(host, port):
            raise Refused("the target and Host differ")
        target = target[found.end() :]
        if not target and method == b"OPTIONS":
            return b"*", b""
        target = target if target.startswith(b"/") else b"/" + target
    path, _, query = target.partition(b"?")
    return path, query


def _same(name: bytes, port: bytes) -> bytes:
    return name.lower().removesuffix(port).removesuffix(b":")


def _framing(fields: list[tuple[bytes, bytes]], version: bytes) -> tuple[bool, int]:
    """RFC 9112 §6: chunked alone, or one length, or no body."""
    codings = [value for name, value in fields if name == b"transfer-encoding"]
    lengths = [value for name, value in fields if name == b"content-length"]
    if codings:
        if version != b"HTTP/1.1" or lengths or len(codings) > 1 or codings[0].lower() != b"chunked":
            raise Refused("a coding beside something, or another one")
        return True, 0
    if not lengths:
        return False, 0
    if len(lengths) > 1 or not _all(lengths[0], DIGITS) or len(lengths[0]) > 18:
        raise Refused("no length, or two")
    return False, int(lengths[0])


def _expects(fields: list[tuple[bytes, bytes]], version: bytes) -> bool:
    """RFC 9110 §10.1.1: 100-continue, which HTTP/1.0 does not know."""
    values = [value.lower() for name, value in fields if name == b"expect"]
    if version != b"HTTP/1.1" or not values:
        return False
    if values != [b"100-continue"]:
        raise Refused("another expectation")
    return True


def _members(fields: list[tuple[bytes, bytes]], wanted: bytes) -> list[bytes]:
    """RFC 9110 §5.6.1: the members of a list."""
    return [each.strip(OWS).lower() for name, value in fields if name == wanted for each in value.split(b",")]


def _sized(data: bytes, at: int, length: int) -> tuple[bytes, int]:
    """RFC 9112 §6.2."""
    if len(data) - at < length:
        raise More("the body is not whole")
    return data[at : at + length], at + length


def _chunked(data: bytes, at: int, bounds: Bounds) -> tuple[bytes, int]:
    """RFC 9112 §7.1: chunks, a last chunk, trailer fields, an empty line."""
    body, extra = b"", 0
    while True:
        line, at = _whole(data, at, bounds)
        digits = len(line) - len(line.lstrip(bytes(HEX)))
        if not 0 < digits < 16:
            raise Refused("no chunk size")
        _extensions(line[digits:])
        extra = _within(extra + len(line) - digits, bounds)
        size = int(line[:digits], 16)
        if not size:
            return body, _trailers(data, at, extra, bounds)
        body, at = body + data[at : at + size], at + size
        ending = data[at : at + 2]
        if not b"\r\n".startswith(ending):
            raise Refused("a chunk has another end")
        if len(ending) < 2:
            raise More("the chunk is not whole")
        at += 2


def _trailers(data: bytes, at: int, extra: int, bounds: Bounds) -> int:
    while True:
        line, at = _whole(data, at, bounds)
        if not line:
            return at
        _field(line)
        extra = _within(extra + len(line) + 2, bounds)


def _whole(data: bytes, at: int, bounds: Bounds) -> tuple[bytes, int]:
    """Return a line of a chunked body without its CR LF; no other CR or LF may be in it."""
    end = data.find(b"\n", at)
    line = data[at:] if end < 0 else data[at:end]
    if len(line.removesuffix(b"\r")) > bounds.chunk:
        raise Refused("a line is too long")
    if end < 0:
        raise More("a line has no end")
    if not line.endswith(b"\r") or b"\r" in line[:-1]:
        raise Refused("a bare CR or LF")
    return line[:-1], end + 1


def _extensions(text: bytes) -> None:
    """RFC 9112 §7.1.1 without the bad whitespace: *( ";" token [ "=" ( token / quoted-string ) ] )."""
    at = 0
    while at < len(text):
        if text[at : at + 1] != b";":
            raise Refused("no extension")
        at = _token(text, at + 1)
        if text[at : at + 1] == b"=":
            at = _quoted(text, at + 2) if text[at + 1 : at + 2] == b'"' else _token(text, at + 1)


def _token(text: bytes, at: int) -> int:
    start = at
    while at < len(text) and text[at] in TCHAR:
        at += 1
    if at == start:
        raise Refused("an extension without a name or value")
    return at


def _quoted(text: bytes, at: int) -> int:
    """RFC 9110 §5.6.4."""
    while at < len(text):
        if text[at] == 0x22:
            return at + 1
        at += 2 if text[at] == 0x5C else 1
        if at > len(text) or text[at - 1] not in VALUE:
            break
    raise Refused("a quoted string without an end")


def _within(extra: int, bounds: Bounds) -> int:
    if extra > bounds.fields:
        raise Refused("too many extensions and trailers")
    return extra


def _all(text: bytes, allowed: frozenset[int]) -> bool:
    return bool(text) and allowed.issuperset(text)

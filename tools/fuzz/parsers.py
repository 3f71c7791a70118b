"""Parsers: Host, forwarding headers, Range and conditions, each against rules of its own."""

from random import Random
from typing import Self

from arlen_core.conditional import evaluate
from arlen_core.dates import format_date
from arlen_core.ranges import Unsatisfiable, select
from arlen_core.requests import Request
from arlen_server.proxies import Proxies
from arlen_server.refusals import Refusal
from arlen_server.targets import check_host
from tools.fuzz.mutations import mutate
from tools.fuzz.reference import authority

__all__ = ["Fuzzer"]

SIZE, TAG, TIME = 1000, '"v1"', 1_700_000_000
HOSTS = [b"a", b"a.example:80", b"[::1]", b"[2001:db8::1]:8080", b"192.0.2.1", b"[::ffff:1.2.3.4]", b"a:", b"xn--a"]
HOST_PIECES = [
    b":",
    b"::",
    b"[",
    b"]",
    b".",
    b"%",
    b"@",
    b"/",
    b"0",
    b"65536",
    b"f",
    b"g",
    b"-",
    b"_",
    b",",
    b" ",
    b"\\",
]
RANGES = [b"bytes=0-", b"bytes=0-99", b"bytes=-5", b"bytes=999-", b"bytes=1000-", b"bytes=5-4", b"bytes=0-0,5-6"]
RANGE_PIECES = [b"bytes", b"=", b"-", b",", b"0", b"9", b"1000", b" ", b"\t", b"+", b"_", b"\xb2", b"9" * 19, b"-0"]
DATE = format_date(TIME).encode()
OLDER = format_date(TIME - 3600).encode()
CONDITIONS = [b'"v1"', b'W/"v1"', b"*", b'"x", "v1"', b'"x"', b"", DATE, OLDER, b'W/"x" , W/"v1"', b'"a,b"']
CONDITION_PIECES = [b'"', b"W/", b",", b"*", b"v1", b" ", b"GMT", b"0", b"\\", b"\xff", b'""']
NODES = [
    b"192.0.2.1",
    b"10.0.0.2",
    b"[2001:db8::1]:80",
    b"unknown",
    b"_hidden",
    b'"[::1]:5"',
    b"for=1.2.3.4;proto=https",
]
NODE_PIECES = [b",", b";", b"=", b'"', b"\\", b"for=", b"host=", b"proto=", b" ", b"[", b"]", b":", b"https", b"\xe9"]
NAMES = [b"range", b"if-range", b"if-match", b"if-none-match", b"if-modified-since", b"if-unmodified-since"]


class Fuzzer:
    """Gives one text to one parser; the first part of a stream says which."""

    def __init__(self) -> None:
        self._proxies = {family: Proxies(["10.0.0.0/8"], family) for family in ("x-forwarded", "forwarded")}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        """End."""

    def streams(self, random: Random) -> list[bytes]:
        """Return the name of a parser, then what it is given: fields as name and value in turn."""
        kind = random.choice((b"host", b"range", b"condition", b"proxy"))
        if kind == b"host":
            return [kind, mutate(random.choice(HOSTS), random, HOSTS, HOST_PIECES)]
        if kind == b"range":
            fields = [b"range", mutate(random.choice(RANGES), random, RANGES, RANGE_PIECES)]
            return [kind, *fields, *(_condition(random, [b"if-range"]) if random.randrange(3) == 0 else [])]
        if kind == b"condition":
            return [kind, *(part for _ in range(random.choice((1, 1, 2))) for part in _condition(random, NAMES[2:]))]
        names = (b"forwarded", b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host")
        values = [(random.choice(names), mutate(random.choice(NODES), random, NODES, NODE_PIECES)) for _ in range(2)]
        return [kind, *(part for pair in values for part in pair)]

    async def judged(self, parts: list[bytes]) -> tuple[list[str], str]:
        """Return what is broken, and the parser's name."""
        kind, *rest = parts
        fields = list(zip(rest[::2], rest[1::2], strict=False))
        try:
            if kind == b"host":
                wrong = _host(rest[0] if rest else b"")
            elif kind == b"range":
                wrong = _range(fields)
            elif kind == b"condition":
                wrong = _conditional(fields)
            else:
                wrong = self._forwarded(fields)
        except Exception as error:  # noqa: BLE001  # this is what is looked for
            wrong = [f"{type(error).__name__}: {error}"]
        return wrong, kind.decode("latin-1")

    def _forwarded(self, fields: list[tuple[bytes, bytes]]) -> list[str]:
        wrong = []
        for family, proxies in self._proxies.items():
            origin = proxies.origin("10.0.0.1", fields)
            if origin.scheme not in {"", "http", "https"} or (
                origin.host and not authority(origin.host.encode("latin-1"))
            ):
                wrong.append(f"{family}: {origin!r}")
            if not set(origin.client[0]) <= set("0123456789abcdef:."):
                wrong.append(f"{family}: {origin!r}")
        return wrong


def _condition(random: Random, names: list[bytes]) -> list[bytes]:
    return [random.choice(names), mutate(random.choice(CONDITIONS), random, CONDITIONS, CONDITION_PIECES)]


def _host(text: bytes) -> list[str]:
    try:
        check_host(text)
    except Refusal:
        return ["a valid host is refused"] if authority(text) else []
    return [] if authority(text) else ["an invalid host is taken"]


def _range(fields: list[tuple[bytes, bytes]]) -> list[str]:
    request = Request("GET", headers=fields)
    try:
        found = select(request, SIZE, TAG, TIME)
    except Unsatisfiable:
        found = (-1, 0)
    header = b", ".join(value for name, value in fields if name == b"range")
    expected = _span(header) if any(name == b"range" for name, _ in fields) else None
    if any(name == b"if-range" for name, _ in fields):
        return [] if found in {None, expected} else [f"{found} for {header!r}, or the whole"]
    return [] if found == expected else [f"{found} for {header!r}; it should be {expected}"]


def _span(header: bytes) -> tuple[int, int] | None:
    """RFC 9110 §14.1.2, one range only: offset and length, (-1, 0) for none that exists, `None` for the whole."""
    unit, equals, text = header.partition(b"=")
    first, dash, last = text.strip(b" \t").partition(b"-")
    numbers = [each for each in (first, last) if each]
    wrong = unit.lower() != b"bytes" or not equals or not dash or not numbers
    if wrong or any(set(each) - set(b"0123456789") or len(each) > 18 for each in numbers):
        return None
    if not first:
        return (-1, 0) if int(last) == 0 else (max(SIZE - int(last), 0), min(int(last), SIZE))
    if last and int(last) < int(first):
        return None
    return (-1, 0) if int(first) >= SIZE else (int(first), min(int(last or SIZE), SIZE - 1) + 1 - int(first))


def _conditional(fields: list[tuple[bytes, bytes]]) -> list[str]:
    wrong = []
    for method in ("GET", "PUT"):
        for tag in (TAG, "W/" + TAG, None):
            found = evaluate(Request(method, headers=fields), tag, TIME)
            if found not in ({200, 304, 412} if method == "GET" else {200, 412}):
                wrong.append(f"{found} for {method}")
            star = [value for name, value in fields if name == b"if-none-match"] == [b"*"]
            alone = all(name == b"if-none-match" for name, _ in fields)
            if star and alone and (found == 200) != (tag is None):
                wrong.append(f"{found} for If-None-Match: * when there is {tag}")
    return wrong

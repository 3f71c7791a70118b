"""Scenarios: what is asked, what the right answers are, and how many connections ask."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

__all__ = ["SCENARIOS", "Ask", "Check", "Scenario"]

Reply = tuple[int, Mapping[str, str], bytes]
Judge = Callable[[Reply], str]

MEGABYTE = 1 << 20
HEX = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True)
class Ask:
    """One request. In `path`, `{n}` stands for a number that is another one each time."""

    path: str
    method: str = "GET"
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()

    def at(self, number: int) -> "Ask":
        """Return the request with its number."""
        return Ask(self.path.replace("{n}", str(number)), self.method, self.body, self.headers)


@dataclass(frozen=True)
class Check:
    """One request and what its answer must be; the judge returns what is wrong, or nothing."""

    ask: Ask
    judge: Judge


@dataclass(frozen=True)
class Scenario:
    """What is measured together.

    Scenarios of the same group are measured in the same rounds, so that they can be compared with each other.
    """

    name: str
    title: str
    ask: Ask
    checks: tuple[Check, ...]
    connections: int = 64
    group: str = ""


def _ok(media: str, test: Callable[[bytes], str], reply: Reply) -> str:
    status, headers, body = reply
    if status != 200:
        return f"status {status} instead of 200"
    given = headers.get("content-type", "")
    if given.partition(";")[0].strip().lower() != media:
        return f"content type {given!r} instead of {media!r}"
    return test(body)


def _same(expected: bytes, body: bytes) -> str:
    return "" if body == expected else f"body {body[:80]!r} instead of {expected[:80]!r}"


def _value(expected: object, body: bytes) -> str:
    try:
        found = json.loads(body)
    except ValueError:
        return f"the body is no JSON: {body[:80]!r}"
    return "" if found == expected else f"body {found!r} instead of {expected!r}"


def _refused(statuses: range, reply: Reply) -> str:
    return "" if reply[0] in statuses else f"status {reply[0]} instead of {statuses.start} to {statuses.stop - 1}"


def _value_of(expected: object) -> Judge:
    return partial(_ok, "application/json", partial(_value, expected))


WRONG = range(400, 500)
JSON_TYPE = ("content-type", "application/json")

_ITEMS = [
    {"sku": f"AB-{n}", "quantity": n, "price": 100 * n + 5, "tags": ["new", "steel"] if n % 2 else []}
    for n in range(1, 11)
]
_ORDER = {"customer": "Ada Lovelace", "express": True, "items": _ITEMS}
_TOTAL = sum(n * (100 * n + 5) for n in range(1, 11))


def _order(**changes: object) -> Ask:
    return Ask("/validate", "POST", json.dumps(_ORDER | changes).encode(), (JSON_TYPE,))


def _plaintext() -> tuple[Check, ...]:
    right = partial(_ok, "text/plain", partial(_same, b"Hello, World!"))
    return Check(Ask("/plaintext"), right), Check(Ask("/nothing-here"), partial(_refused, range(404, 405)))


def _json() -> tuple[Check, ...]:
    return (Check(Ask("/json"), _value_of({"message": "Hello, World!"})),)


def _params() -> tuple[Check, ...]:
    def item(id: int, name: str, page: int, size: int, active: bool) -> Judge:  # noqa: FBT001 - a row of a table
        return _value_of({"id": id, "name": name, "page": page, "size": size, "active": active})

    return (
        Check(PARAMS.at(7), item(7, "tool-7", 7, 20, True)),
        Check(Ask("/items/123456/a%20b?size=5&page=9&active=false"), item(123456, "a b", 9, 5, False)),
        Check(Ask("/items/8/hammer"), item(8, "hammer", 1, 20, False)),
        Check(Ask("/items/seven/hammer?page=1"), partial(_refused, WRONG)),
        Check(Ask("/items/7/hammer?page=one"), partial(_refused, WRONG)),
    )


def _validate() -> tuple[Check, ...]:
    wrong = partial(_refused, WRONG)
    right = _value_of({"customer": "Ada Lovelace", "items": 10, "total": _TOTAL})
    few = _value_of({"customer": "Bob", "items": 1, "total": 105})
    bad = {"sku": "AB-1", "quantity": 0, "price": 1}
    return (
        Check(_order(), right),
        Check(_order(customer="Bob", items=_ITEMS[:1]), few),
        Check(_order(items=[*_ITEMS[:9], bad]), wrong),
        Check(_order(customer=7), wrong),
        Check(_order(items=[]), wrong),
        Check(Ask("/validate", "POST", b'{"customer": ', (JSON_TYPE,)), wrong),
        Check(_order(), right),
    )


def _page(body: bytes) -> str:
    text = " ".join(body.decode(errors="replace").split())
    wanted = ["<h1>Tools &amp; more</h1>", "<p>12 rows</p>", 'class="even"', "sold out", "<td>15.00</td>"]
    wanted += [f'<td>{n}</td><td><a href="/items/{n}">Tool &lt;{n}&gt;</a></td>' for n in range(1, 13)]
    missing = [each for each in wanted if each not in text]
    if missing:
        return f"the page lacks {missing[0]!r}"
    return (
        "" if len(text) == PAGE_SIZE else f"the page has {len(text)} characters without runs of spaces, not {PAGE_SIZE}"
    )


def _layers(user: str | None, reply: Reply) -> str:
    headers = reply[1]
    if problem := _value_of({"message": "Hello, World!", "user": user})(reply):
        return problem
    wanted = {
        "x-request-id": HEX,
        "etag": re.compile(r'"[0-9a-f]{32}"'),
        "server-timing": re.compile(r"app;dur=\d+\.\d{3}"),
        "x-content-type-options": re.compile("nosniff"),
        "x-frame-options": re.compile("DENY"),
        "referrer-policy": re.compile("same-origin"),
        "cross-origin-opener-policy": re.compile("same-origin"),
    } | ({"set-cookie": re.compile(r"session=[^;]+; Path=/; HttpOnly; SameSite=Lax")} if user else {})
    for name, pattern in wanted.items():
        if not pattern.fullmatch(headers.get(name, "")):
            return f"header {name} is {headers.get(name)!r}"
    return "a session was set for a forged cookie" if not user and "set-cookie" in headers else ""


def _middlewares() -> tuple[Check, ...]:
    forged = Ask("/middlewares", headers=(("cookie", COOKIE[:-1] + ("0" if COOKIE[-1] != "0" else "1")),))
    return (
        Check(LAYERS, partial(_layers, "ada")),
        Check(forged, partial(_layers, None)),
        Check(Ask("/middlewares"), partial(_layers, None)),
    )


def _routes(count: int) -> tuple[Check, ...]:
    return (
        Check(Ask(f"/resource{count}/7/details"), _value_of({"route": f"resource{count}", "id": 7})),
        Check(Ask("/resource1/8/details"), _value_of({"route": "resource1", "id": 8})),
        Check(Ask(f"/resource{count + 1}/7/details"), partial(_refused, range(404, 405))),
    )


def _upload() -> tuple[Check, ...]:
    return (
        Check(UPLOAD, _value_of({"size": MEGABYTE})),
        Check(Ask("/upload", "POST", b"x" * 12345, (BINARY,)), _value_of({"size": 12345})),
        Check(UPLOAD, _value_of({"size": MEGABYTE})),
    )


# What shared.cookie() makes; written out because this side needs neither msgspec nor the applications.
COOKIE = (
    "session=eyJ1c2VyIjoiYWRhIiwidmlzaXRzIjo3LCJ0aGVtZSI6ImRhcmsifQ==."
    "125b47b63c54936ed279d9d7850194e6a3eeea817bf7389040b0ca2370d3e45c"
)
PAGE_SIZE = 1802
BINARY = ("content-type", "application/octet-stream")
PARAMS = Ask("/items/{n}/tool-{n}?page={n}&size=20&active=true")
LAYERS = Ask("/middlewares", headers=(("cookie", COOKIE),))
UPLOAD = Ask("/upload", "POST", b"x" * MEGABYTE, (BINARY,))

SCENARIOS: dict[str, Scenario] = {
    each.name: each
    for each in (
        Scenario("plaintext", "plain text", Ask("/plaintext"), _plaintext()),
        Scenario("json", "JSON", Ask("/json"), _json()),
        Scenario("params", "typed path and query parameters, every URL different", PARAMS, _params()),
        Scenario("validate", "POST of JSON, validated, 10 items", _order(), _validate()),
        Scenario(
            "template",
            "Jinja2 page, 12 rows",
            Ask("/template"),
            (Check(Ask("/template"), partial(_ok, "text/html", _page)),),
        ),
        Scenario("middlewares", "five middlewares", LAYERS, _middlewares()),
        Scenario("routes-10", "the last of 10 routes", Ask("/resource10/{n}/details"), _routes(10), group="routes"),
        Scenario(
            "routes-1000", "the last of 1,000 routes", Ask("/resource1000/{n}/details"), _routes(1000), group="routes"
        ),
        Scenario("single", "JSON, one connection", Ask("/json"), _json(), connections=1),
        Scenario("upload", "upload of 1 MiB", UPLOAD, _upload(), connections=8),
    )
}

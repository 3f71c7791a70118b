"""The handlers without a framework, for the servers that have none: raw, bare ASGI and bare RSGI."""

from collections.abc import Callable
from typing import Any, Protocol
from urllib.parse import unquote

from tools.bench.apps import shared

__all__ = ["DYNAMIC", "HTML", "JSON", "STATIC", "TEXT", "TRUTH", "Answer", "Call", "Exchange", "Refused", "find"]

TEXT, JSON, HTML = b"text/plain; charset=utf-8", b"application/json", b"text/html; charset=utf-8"
TRUTH = {"true": True, "1": True, "false": False, "0": False}
GET, POST = ("GET", b"GET"), ("POST", b"POST")


class Exchange(Protocol):
    """What a handler may look at: the body in pieces, or its size, and the session."""

    chunks: list[bytes]
    size: int
    session: dict[str, Any]


class Call:
    """An exchange for servers that have no object of their own."""

    __slots__ = ("chunks", "session", "size")

    def __init__(self) -> None:
        self.chunks: list[bytes] = []
        self.size = 0
        self.session: dict[str, Any] = {}


Answer = tuple[bytes, bytes]
Handler = Callable[[Exchange, str, list[str]], Answer]
Entry = tuple[tuple[str, bytes], Handler]


class Refused(Exception):
    """The request cannot be answered; carries the status."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


def find(path: str, method: str | bytes) -> tuple[Handler, list[str]]:
    """Return the handler of a path and the path's segments; raises `Refused`."""
    parts: list[str] = []
    found = STATIC.get(path)
    if found is None:
        parts = path.split("/")
        found = DYNAMIC.get((parts[1], len(parts))) if len(parts) > 1 else None
        if found is None:
            raise Refused(404)
    if method not in found[0]:
        raise Refused(405)
    return found[1], parts


def _plaintext(_: Exchange, _query: str, _parts: list[str]) -> Answer:
    return TEXT, shared.TEXT.encode()


def _json(_: Exchange, _query: str, _parts: list[str]) -> Answer:
    return JSON, shared.encode({"message": "Hello, World!"})


def _item(_: Exchange, query: str, parts: list[str]) -> Answer:
    given = dict([pair.partition("=")[::2] for pair in query.split("&")]) if query else {}
    try:
        number = int(parts[2])
    except ValueError:
        raise Refused(404) from None
    try:
        page, size = int(given.get("page", "1")), int(given.get("size", "20"))
        active = TRUTH[given.get("active", "false")]
    except (ValueError, KeyError):
        raise Refused(422) from None
    name = unquote(parts[3]) if "%" in parts[3] else parts[3]
    return JSON, shared.encode({"id": number, "name": name, "page": page, "size": size, "active": active})


def _validate(request: Exchange, _query: str, _parts: list[str]) -> Answer:
    chunks, request.chunks = request.chunks, []
    try:
        order = shared.decode(chunks[0] if len(chunks) == 1 else b"".join(chunks))
    except ValueError:
        raise Refused(422) from None
    return JSON, shared.encode(shared.summary(order))


def _template(_: Exchange, _query: str, _parts: list[str]) -> Answer:
    return HTML, shared.page().encode()


def _middlewares(request: Exchange, _query: str, _parts: list[str]) -> Answer:
    return JSON, shared.encode({"message": "Hello, World!", "user": request.session.get("user")})


def _route(_: Exchange, _query: str, parts: list[str]) -> Answer:
    try:
        return JSON, shared.encode({"route": parts[1], "id": int(parts[2])})
    except ValueError:
        raise Refused(404) from None


def _upload(request: Exchange, _query: str, _parts: list[str]) -> Answer:
    size, request.size = request.size, 0
    return JSON, shared.encode({"size": size})


STATIC: dict[str, Entry] = {
    "/plaintext": (GET, _plaintext),
    "/json": (GET, _json),
    "/template": (GET, _template),
    "/middlewares": (GET, _middlewares),
    "/validate": (POST, _validate),
    "/upload": (POST, _upload),
}
DYNAMIC: dict[tuple[str, int], Entry] = {("items", 4): (GET, _item)}
DYNAMIC |= {(f"resource{number}", 4): (GET, _route) for number in range(1, shared.ROUTES + 1)}

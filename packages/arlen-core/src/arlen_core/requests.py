"""Request: what a client sent, kept as raw bytes until somebody asks."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote_to_bytes

from arlen_core.bodies import NOTHING, Body
from arlen_core.headers import Headers, Raw
from arlen_core.ids import draw, request_id, trace_parent
from arlen_core.queries import Query

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from arlen_core.context import Context
    from arlen_core.routes import Route

__all__ = ["Request"]

_token = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+").fullmatch


class Request:
    """One HTTP request.

    Args:
        method: in capitals, as sent.
        target: the path in raw bytes, still percent-encoded, without the query: `b"/caf%C3%A9"`.
        query: the raw query string, without `?`.
        headers: raw pairs, names in lower case.
        body: the body; empty by default.
        client: `(address, port)` of the client, behind trusted proxies the real one.
        scheme: "http" or "https", as the client sees it.
        version: "1.1", "1.0" or "2".
        upgrade: "websocket" when the client asks for one, else "".

    Attributes:
        root: the prefix at which the answering application is mounted, percent-encoded, "" at the top; `target` is
            relative to it.
        params: the path parameters of the matched route, decoded and converted.
        route: the matched route, or `None`.
        template: the template of the route that answered, with its mount prefixes; "" until one is found.
        state: a dict for middleware to leave things in.
        context: what the handlers of this request share, made on first use.
        failure: what this request failed with, also when it became an answer; the closers get it.
        closers: coroutine functions called with the error or `None` when the answer is complete, last added first.
        received: when its head had arrived, in nanoseconds of `time.perf_counter_ns`, for those whose body comes later;
            for others when the application took it, if somebody wants to know, else 0.
        native: whether the server adds the `uniform` of a response by itself; see `arlen_core.uniforms`.
        routed, handled, ended: when its route was found, its response made, and sent; 0 where nobody wants to know.
    """

    __slots__ = (
        "_cookies",
        "_headers",
        "_id",
        "_path",
        "_query",
        "_trace",
        "body",
        "client",
        "closers",
        "context",
        "ended",
        "failure",
        "format",
        "handled",
        "method",
        "native",
        "params",
        "query_string",
        "raw",
        "received",
        "root",
        "route",
        "routed",
        "scheme",
        "server",
        "state",
        "target",
        "template",
        "upgrade",
        "version",
    )

    def __init__(  # noqa: PLR0917  # a server passes what it knows by position, which is cheaper
        self,
        method: str = "GET",
        target: bytes = b"/",
        query: bytes = b"",
        headers: Raw | None = None,
        body: Body = NOTHING,
        client: tuple[str, int] | None = None,
        server: tuple[str, int] | None = None,
        scheme: str = "http",
        version: str = "1.1",
        upgrade: str = "",
    ) -> None:
        self.method, self.target, self.query_string, self.body = method, target, query, body
        self.raw: Raw = [] if headers is None else headers
        self.client, self.server, self.scheme, self.version, self.upgrade = client, server, scheme, version, upgrade
        self.root = self._id = self._trace = self.format = self.template = ""
        self.params: dict[str, Any] = {}
        self.state: dict[str, Any] = {}
        self.received = self.routed = self.handled = self.ended = 0
        self.native = False
        self.route: Route | None = None
        self.closers: list[Callable[[BaseException | None], Awaitable[object]]] | None = None
        self.context: Context | None = None
        self.failure: BaseException | None = None
        self._headers: Headers | None = None
        self._cookies: dict[str, str] | None = None
        self._query: Query | None = None
        self._path: str | None = None

    @property
    def id(self) -> str:
        """The request id; `ValueError` for one that no header can hold."""
        if not self._id:
            self.identify()
        return self._id

    @id.setter  # noqa: A003
    def id(self, value: str) -> None:
        self._id = _printable(value)

    @property
    def trace(self) -> str:
        """The W3C `traceparent` of this request's server span."""
        if not self._trace:
            self.identify()
        return self._trace

    @trace.setter
    def trace(self, value: str) -> None:
        self._trace = _printable(value)

    def identify(self) -> tuple[str, str]:
        """Return the id and the span; they are made when somebody asks for the first time.

        An inbound id only counts from a trusted proxy; a trace goes on in any case.
        """
        if not self._id or not self._trace:
            given = parent = None
            for name, value in self.raw:
                if name == b"traceparent":
                    parent = value.decode("latin-1")
                elif name == b"x-request-id":
                    given = value.decode("latin-1")
            fresh, trace = draw()
            if given is not None and self.state.get("trusted"):
                fresh = request_id(given, trusted=True)
            self._id = self._id or fresh
            self._trace = self._trace or (trace if parent is None else trace_parent(parent))
        return self._id, self._trace

    @property
    def headers(self) -> Headers:
        """The header fields."""
        if self._headers is None:
            self._headers = Headers(self.raw)
        return self._headers

    @property
    def path(self) -> str:
        """The decoded path below the mount point; for people and logs, not for routing (RFC 3986 §2.4)."""
        if self._path is None:
            self._path = unquote_to_bytes(self.target).decode(errors="replace")
        return self._path

    @property
    def query(self) -> Query:
        """The query parameters, parsed on first use."""
        if self._query is None:
            self._query = Query.parse(self.query_string)
        return self._query

    @property
    def cookies(self) -> dict[str, str]:
        """The cookies (RFC 6265 §5.4); one without a name that is a token is left out, the first of a name counts.

        Browsers send the cookie with the longest path first. Values are as they were sent, without quotes around them.
        """
        if self._cookies is None:
            self._cookies = {}
            for header in self.headers.all("cookie"):
                for pair in header.split(";"):
                    name, equals, value = (part.strip(" \t") for part in pair.partition("="))
                    if equals and _token(name):
                        self._cookies.setdefault(name, _unquoted(value))
        return self._cookies

    @property
    def host(self) -> str:
        """The Host header in lower case, with its port if it has one."""
        return (self.headers.get("host") or "").lower()

    @property
    def media(self) -> str:
        """The media type of the body in lower case, without parameters, or ""."""
        return (self.headers.get("content-type") or "").partition(";")[0].strip().lower()

    def below(self, prefix: str, target: bytes) -> Request:
        """Return the request as an application mounted at `prefix` sees it; body and identity are shared."""
        child = Request(
            self.method, target, self.query_string, self.raw, self.body,
            self.client, self.server, self.scheme, self.version, self.upgrade,
        )  # fmt: skip
        child.root = self.root + quote(prefix, safe="/!$&'()*+,;=:@")
        child.id, child.trace = self.identify()
        child.received = self.received
        child.state = {name: value for name, value in self.state.items() if name != "services"}
        return child

    def __repr__(self) -> str:
        return f"<Request {self.method} {self.path!r}>"


def _printable(value: str) -> str:
    if not value.isascii() or not value.isprintable():
        raise ValueError("an id is printable ASCII, because it goes into a header")
    return value


def _unquoted(value: str) -> str:
    return value[1:-1] if len(value) > 1 and value[0] == value[-1] == '"' else value

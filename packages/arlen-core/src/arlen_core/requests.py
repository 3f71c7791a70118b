"""Request: what a client sent, kept as raw bytes until somebody asks."""

from __future__ import annotations

import re
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote_to_bytes

from arlen_core.bodies import Body
from arlen_core.headers import Headers, Raw
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
        id: the request id.
        trace: the W3C `traceparent` of this request's server span.
        state: a dict for middleware to leave things in.
        context: what the handlers of this request share, made on first use.
        failure: what this request failed with, also when it became an answer; the closers get it.
        closers: coroutine functions called with the error or `None` when the answer is complete, last added first.
        marks: nanosecond clock readings of the stages: `[received, routed, handled]`.
    """

    __slots__ = (
        "_cookies",
        "_headers",
        "_path",
        "_query",
        "body",
        "client",
        "closers",
        "context",
        "failure",
        "format",
        "id",
        "marks",
        "method",
        "params",
        "query_string",
        "raw",
        "root",
        "route",
        "scheme",
        "server",
        "state",
        "target",
        "template",
        "trace",
        "upgrade",
        "version",
    )

    def __init__(
        self,
        method: str = "GET",
        target: bytes = b"/",
        query: bytes = b"",
        headers: Raw | None = None,
        body: Body | None = None,
        *,
        client: tuple[str, int] | None = None,
        server: tuple[str, int] | None = None,
        scheme: str = "http",
        version: str = "1.1",
        upgrade: str = "",
    ) -> None:
        self.method = method
        self.target = target
        self.query_string = query
        self.raw: Raw = [] if headers is None else headers
        self.body = Body() if body is None else body
        self.client, self.server, self.scheme, self.version, self.upgrade = client, server, scheme, version, upgrade
        self.root = self.id = self.trace = self.format = self.template = ""
        self.params: dict[str, Any] = {}
        self.route: Route | None = None
        self.marks = [perf_counter_ns(), 0, 0]
        self.state: dict[str, Any] = {}
        self.closers: list[Callable[[BaseException | None], Awaitable[object]]] | None = None
        self._headers: Headers | None = None
        self._cookies: dict[str, str] | None = None
        self._query: Query | None = None
        self._path: str | None = None
        self.context: Context | None = None
        self.failure: BaseException | None = None

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
        """Return the request as an application mounted at `prefix` sees it; body, identity and marks are shared."""
        child = Request(
            self.method, target, self.query_string, self.raw, self.body,
            client=self.client, server=self.server, scheme=self.scheme, version=self.version, upgrade=self.upgrade,
        )  # fmt: skip
        child.root = self.root + quote(prefix, safe="/!$&'()*+,;=:@")
        child.id, child.trace, child.marks = self.id, self.trace, self.marks
        child.state = {name: value for name, value in self.state.items() if name != "services"}
        return child

    def mark(self, stage: str) -> None:
        """Note when a stage ended: "routed" or "handled"."""
        self.marks[1 if stage == "routed" else 2] = perf_counter_ns()

    def __repr__(self) -> str:
        return f"<Request {self.method} {self.path!r}>"


def _unquoted(value: str) -> str:
    return value[1:-1] if len(value) > 1 and value[0] == value[-1] == '"' else value

"""Testing: a client that talks to an application in the same process, without sockets."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urljoin, urlsplit

import anyio

from arlen_core.bodies import Body
from arlen_core.contents import content, pairs
from arlen_core.headers import Headers
from arlen_core.paths import quoted
from arlen_core.queries import encode
from arlen_core.replies import Streamed
from arlen_core.requests import Request
from arlen_core.wires import dial

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
    from types import TracebackType

    from arlen_core.app import App
    from arlen_core.pages import Form
    from arlen_core.replies import Reply
    from arlen_core.responses import Response
    from arlen_core.wires import Wire

__all__ = ["REDIRECTS", "Client", "run"]

REDIRECTS = 10
"""Most redirects that one call follows."""


class Client:
    """Sends requests to an application. It keeps cookies; inside `async with` the application is started and stopped.

    Args:
        app: the application.
        headers: sent with every request.
        follow: follow redirects, at most 10.
        https: say that the scheme is https.
        client: the address that the requests come from.

    ```python
    import anyio
    from arlen_core.app import App
    from arlen_core.testing import Client

    app = App("hello")


    @app.get("/hello/{name}")
    async def hello(name: str) -> dict[str, str]:
        return {"hello": name}


    async def main() -> None:
        async with Client(app) as client:
            reply = await client.get("/hello/ada")
            assert reply.status == 200
            assert reply.json() == {"hello": "ada"}


    anyio.run(main)
    ```
    """

    def __init__(
        self,
        app: App,
        *,
        headers: Mapping[str, str] | None = None,
        follow: bool = False,
        https: bool = False,
        client: tuple[str, int] = ("127.0.0.1", 50000),
    ) -> None:
        self.app = app
        self.headers = dict(headers or {})
        self.cookies: dict[str, str] = {}
        self._follow, self._scheme, self._client = follow, "https" if https else "http", client

    async def __aenter__(self) -> Self:
        await self.app.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.app.stop()

    async def get(self, url: str, **options: Any) -> Reply:
        """Send a GET; see `request`."""
        return await self.request("GET", url, **options)

    async def head(self, url: str, **options: Any) -> Reply:
        """Send a HEAD; see `request`."""
        return await self.request("HEAD", url, **options)

    async def post(self, url: str, **options: Any) -> Reply:
        """Send a POST; see `request`."""
        return await self.request("POST", url, **options)

    async def put(self, url: str, **options: Any) -> Reply:
        """Send a PUT; see `request`."""
        return await self.request("PUT", url, **options)

    async def patch(self, url: str, **options: Any) -> Reply:
        """Send a PATCH; see `request`."""
        return await self.request("PATCH", url, **options)

    async def delete(self, url: str, **options: Any) -> Reply:
        """Send a DELETE; see `request`."""
        return await self.request("DELETE", url, **options)

    async def options(self, url: str, **options: Any) -> Reply:
        """Send an OPTIONS; see `request`."""
        return await self.request("OPTIONS", url, **options)

    async def request(self, method: str, url: str, *, follow: bool | None = None, **options: Any) -> Reply:
        """Send a request and read the whole answer.

        Args:
            method: in capitals.
            url: path and query; a host in it is sent as Host.
            follow: follow redirects, in place of what the client was told.
            **options: `query` (a mapping or pairs), `headers`, and one of `json`, `form` (a mapping or pairs), `files`
                (field to `(file name, bytes)` or `(file name, bytes, media type)`, with `form` as multipart), `body`
                (bytes).

        Raises `RuntimeError` for more than 10 redirects.
        """
        for _ in range(REDIRECTS + 1):
            async with self.stream(method, url, **options) as reply:
                await reply.read()
            if not (self._follow if follow is None else follow) or not _redirects(reply):
                return reply
            url = urljoin(url, reply.headers["location"])
            options.pop("query", None)  # it is in the location, if it still counts
            if reply.status in {301, 302, 303} and method != "HEAD":
                method, options = "GET", {"headers": options.get("headers")}
        raise RuntimeError(f"more than {REDIRECTS} redirects, the last to {url}")

    async def submit(self, form: Form, **values: Any) -> Reply:
        """Fill a form of a page and send it as a browser would; see `arlen_core.pages.Form.filled`."""
        filled = form.filled(values)
        if form.method == "GET":
            return await self.request("GET", form.action.partition("?")[0], query=filled.fields)
        files = filled.files if form.multipart else None
        return await self.request(form.method, form.action, form=filled.fields, files=files)

    @asynccontextmanager
    async def stream(self, method: str, url: str, **options: Any) -> AsyncIterator[Streamed]:
        """Send a request and read the answer chunk by chunk; leaving early is a client that goes away."""
        request = self._request(method, url, **options)
        response = await self.app.handle(request)
        reply = Streamed(request, response, _shown(request))
        self._keep(response)
        error: BaseException | None = None
        try:
            yield reply
        except BaseException as raised:
            error = raised
            raise
        finally:
            try:
                with anyio.CancelScope(shield=True):
                    await reply.end()
            finally:
                self.app.finish(request, response, sent=reply.sent, error=error)

    @asynccontextmanager
    async def websocket(
        self, url: str, *, protocols: Sequence[str] = (), headers: Mapping[str, str] | None = None, **options: Any
    ) -> AsyncIterator[Wire]:
        """Open a WebSocket; leaving the block is a client that goes away.

        Args:
            url: path and query.
            protocols: subprotocols on offer, the preferred one first.
            headers: such as Origin.
            **options: `query`.

        Raises `arlen_core.wires.Refused` with the `reply` when the application answers in another way.

        ```python
        import anyio
        from arlen_core import App, WebSocket
        from arlen_core.testing import Client

        app = App("echo")


        @app.websocket("/ws")
        async def echo(ws: WebSocket) -> None:
            async for message in ws:
                await ws.send(message)


        async def main() -> None:
            async with Client(app) as client, client.websocket("/ws") as ws:
                await ws.send("x")
                assert await ws.receive() == "x"


        anyio.run(main)
        ```
        """
        offer = {"sec-websocket-protocol": ", ".join(protocols)} if protocols else {}
        request = self._request("GET", url, headers={**offer, **(headers or {})}, **options)
        request.upgrade = "websocket"
        async with dial(self.app, request, _shown(request), self._keep) as wire:
            yield wire

    def _request(
        self,
        method: str,
        url: str,
        *,
        query: Mapping[str, Any] | Iterable[tuple[str, Any]] | None = None,
        headers: Mapping[str, str] | None = None,
        **body: Any,
    ) -> Request:
        parts = urlsplit(url)
        text = "&".join(each for each in (parts.query, encode(pairs(query)) if query else "") if each)
        data, media = content(**body)
        fields = Headers.of({"host": parts.netloc or "testserver", **self.headers})
        if media:
            fields.set("content-type", media)
        if self.cookies:
            fields.set("cookie", "; ".join(f"{name}={value}" for name, value in self.cookies.items()))
        for name, value in (headers or {}).items():
            fields.set(name, value)
        target = quoted(parts.path or "/", slash=True, percent=True).encode()
        if data:
            fields.default("content-length", str(len(data)))
        return Request(
            method, target, quoted(text, slash=True, percent=True).encode(), fields.raw, Body(data),
            client=self._client, server=("testserver", 80), scheme=parts.scheme or self._scheme,
        )  # fmt: skip

    def _keep(self, response: Response) -> None:
        for header in response.headers.all("set-cookie"):
            pair, *rules = [part.strip() for part in header.split(";")]
            name, _, value = pair.partition("=")
            if _over(rules):
                self.cookies.pop(name, None)
            else:
                self.cookies[name] = value


def run(app: App, method: str, url: str, **options: Any) -> Reply:
    """Start the application, send one request, stop it: for a script, a doctest or a first try.

    >>> from arlen_core.app import App
    >>> run(App("empty"), "GET", "/nothing").status
    404
    """

    async def main() -> Reply:
        async with Client(app) as client:
            return await client.request(method, url, **options)

    return anyio.run(main)


def _shown(request: Request) -> str:
    query = request.query_string.decode("latin-1")
    return request.target.decode("latin-1") + ("?" + query if query else "")


def _redirects(reply: Reply) -> bool:
    return reply.status in {301, 302, 303, 307, 308} and "location" in reply.headers


def _over(rules: list[str]) -> bool:
    """Return true when the rules of a cookie say that it has ended already."""
    for rule in rules:
        name, _, value = rule.partition("=")
        if name.lower() == "max-age":
            return value.strip().removeprefix("-").isdigit() and int(value) <= 0
    return False

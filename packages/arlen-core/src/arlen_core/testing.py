"""Testing: a client that talks to an application in the same process, without sockets."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit
from uuid import uuid4

import anyio
import msgspec

from arlen_core.bodies import Body
from arlen_core.headers import Headers
from arlen_core.paths import quoted
from arlen_core.queries import encode
from arlen_core.requests import Request
from arlen_core.responses import discard

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable
    from types import TracebackType

    from arlen_core.app import App
    from arlen_core.pages import Form, Page
    from arlen_core.responses import Response

__all__ = ["REDIRECTS", "Client", "Reply", "Streamed", "run"]

REDIRECTS = 10
"""Most redirects that one call follows."""


class Reply:
    """What came back.

    Attributes:
        status: the status code.
        headers: the header fields.
        body: the whole body.
        url: the path that answered, after redirects.
        request: the request, as the application saw it.
    """

    def __init__(self, status: int, headers: Headers, body: bytes, url: str, request: Request) -> None:
        self.status, self.headers, self.body, self.url, self.request = status, headers, body, url, request

    @property
    def text(self) -> str:
        """The body as UTF-8 text."""
        return self.body.decode()

    @property
    def media(self) -> str:
        """The media type, without parameters."""
        return (self.headers.get("content-type") or "").partition(";")[0]

    def json(self, kind: Any = Any) -> Any:
        """The body read as JSON, into a type when one is given."""
        return msgspec.json.decode(self.body, type=kind)

    @property
    def page(self) -> Page:
        """The body as an HTML page, to be searched with CSS selectors; needs `arlen-core[testing]`."""
        from arlen_core.pages import Page  # an extra

        return Page(self.text, self.url)

    def __repr__(self) -> str:
        return f"<Reply {self.status} {self.url} {len(self.body)} bytes>"


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
            if not (self._follow if follow is None else follow) or "location" not in reply.headers:
                return reply
            url = reply.headers["location"]
            if reply.status in {301, 302, 303}:
                method, options = "GET", {"headers": options.get("headers")}
        raise RuntimeError(f"more than {REDIRECTS} redirects, the last to {url}")

    async def submit(self, form: Form, **values: Any) -> Reply:
        """Fill a form of a page and send it; see `arlen_core.pages.Form`."""
        method, url, fields = form.filled(values)
        content: dict[str, Any] = {"query": fields} if method == "GET" else {"form": fields}
        return await self.request(method, url, **content)

    @asynccontextmanager
    async def stream(self, method: str, url: str, **options: Any) -> AsyncIterator[Streamed]:
        """Send a request and read the answer chunk by chunk; leaving early is a client that goes away."""
        request = self._request(method, url, **options)
        response = await self.app.handle(request)
        reply = Streamed(request, response, _shown(request))
        self._keep(response)
        error: Exception | None = None
        try:
            yield reply
        except Exception as raised:
            error = raised
            raise
        finally:
            with anyio.CancelScope(shield=True):
                await discard(response.stream)
            self.app.finish(request, response, sent=reply.sent, error=error)

    def _request(
        self,
        method: str,
        url: str,
        *,
        query: Mapping[str, Any] | Iterable[tuple[str, Any]] | None = None,
        headers: Mapping[str, str] | None = None,
        **content: Any,
    ) -> Request:
        parts = urlsplit(url)
        text = "&".join(each for each in (parts.query, encode(query) if query else "") if each)
        data, media = _content(**content)
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
            if any(rule.lower() == "max-age=0" for rule in rules):
                self.cookies.pop(name, None)
            else:
                self.cookies[name] = value


class Streamed(Reply):
    """An answer that is read while it is made; iterate over its chunks."""

    def __init__(self, request: Request, response: Response, url: str) -> None:
        super().__init__(response.status, response.headers, b"", url, request)
        self._response = response
        self.sent = 0

    async def read(self) -> bytes:
        """Read all that is left into `body`."""
        self.body += b"".join([chunk async for chunk in self])
        return self.body

    async def __aiter__(self) -> AsyncIterator[bytes]:
        if self.request.method == "HEAD" or self.status in {204, 304}:
            return
        if self._response.stream is None:
            self.sent = len(self._response.body or b"")
            yield self._response.body or b""
            return
        async for chunk in self._response.stream:
            data = chunk.encode() if isinstance(chunk, str) else chunk
            self.sent += len(data)
            yield data


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


def _content(
    *,
    json: Any = None,
    form: Mapping[str, Any] | Iterable[tuple[str, Any]] | None = None,
    files: Mapping[str, tuple[Any, ...]] | None = None,
    body: bytes = b"",
) -> tuple[bytes, str]:
    if json is not None:
        return msgspec.json.encode(json), "application/json"
    if files is not None:
        return _multipart(_pairs(form or {}), files)
    if form is not None:
        return encode(_pairs(form)).encode(), "application/x-www-form-urlencoded"
    return body, ""


def _pairs(form: Mapping[str, Any] | Iterable[tuple[str, Any]]) -> list[tuple[str, str]]:
    rows: Iterable[tuple[str, Any]] = form.items() if isinstance(form, Mapping) else form
    return [
        (name, str(each)) for name, value in rows for each in (value if isinstance(value, list | tuple) else [value])
    ]


def _multipart(fields: list[tuple[str, str]], files: Mapping[str, tuple[Any, ...]]) -> tuple[bytes, str]:
    boundary = uuid4().hex
    parts = [f'Content-Disposition: form-data; name="{name}"\r\n\r\n{value}'.encode() for name, value in fields]
    for name, (filename, data, *media) in files.items():
        head = f'Content-Disposition: form-data; name="{name}"; filename="{filename}"\r\n'
        parts.append((head + f"Content-Type: {(media or ['application/octet-stream'])[0]}\r\n\r\n").encode() + data)
    body = b"".join(b"--" + boundary.encode() + b"\r\n" + part + b"\r\n" for part in parts)
    return body + b"--" + boundary.encode() + b"--\r\n", f"multipart/form-data; boundary={boundary}"

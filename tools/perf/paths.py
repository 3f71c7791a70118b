"""Paths: what is measured. Each makes one step, in one process, without sockets and without chance.

To add one, write an asynchronous generator that yields its step, and decorate it with its name. A step is a function
without arguments, plain or asynchronous; the event loop calls a plain one outside of any task, as a transport does.
What happens before the yield, such as a check that the answer is right, is not measured.
"""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial

from arlen_core.app import App
from arlen_core.binding import Binder
from arlen_core.bodies import Body
from arlen_core.matcher import Match, Matcher
from arlen_core.requests import Request
from arlen_core.router import Router
from arlen_core.services import Services
from arlen_server.heads import HeadParser
from tools.perf.sites import Order, connected, demand, layered, outside, paged, started

__all__ = ["PATHS", "Make", "Step", "path"]

Step = Callable[[], object] | Callable[[], Awaitable[object]]
Make = Callable[[], AbstractAsyncContextManager[Step]]

PATHS: dict[str, Make] = {}
"""Every path by its name, `group.case`."""

_HOST = b"Host: example.org\r\n"
_BROWSER = (
    b"Host: example.org\r\n"
    b"Connection: keep-alive\r\n"
    b"User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0\r\n"
    b"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n"
    b"Accept-Language: en-GB,en;q=0.5\r\n"
    b"Accept-Encoding: gzip, deflate, br, zstd\r\n"
    b"Cookie: session=0123456789abcdef0123456789abcdef; theme=dark\r\n"
    b"Referer: https://example.org/products\r\n"
    b"Sec-Fetch-Mode: navigate\r\n"
    b"Cache-Control: max-age=0\r\n"
)
_ORDER = json.dumps(
    {
        "customer": "Ada Lovelace",
        "items": [{"sku": f"SKU-{number:04}", "quantity": number, "price": number + 0.99} for number in range(1, 11)],
        "note": "leave it at the door",
    }
).encode()
_HELLO = b'{"message":"Hello, World!"}'


def path(
    name: str, **options: object
) -> Callable[[Callable[..., AsyncIterator[Step]]], Callable[..., AsyncIterator[Step]]]:
    """Register a path; the options are passed to the function, so that one can make several."""

    def register(make: Callable[..., AsyncIterator[Step]]) -> Callable[..., AsyncIterator[Step]]:
        PATHS[name] = asynccontextmanager(partial(make, **options))
        return make

    return register


# -- router: from a method and a path to a route


@path("router.static10", target="/static/9", count=10)
@path("router.static1000", target="/static/999", count=1000)
@path("router.dynamic10", target="/dynamic9/7", count=10)
@path("router.dynamic1000", target="/dynamic999/7", count=1000)
async def _router(target: str, count: int) -> AsyncIterator[Step]:
    """Find the last of so many routes."""
    router = Router()

    async def handler() -> None:
        """Do nothing: nobody calls it."""

    for number in range(count):
        router.get(f"/static/{number}", name=f"s{number}")(handler)
        router.get(f"/dynamic{number}/{{id:int}}", name=f"d{number}")(handler)
    match, wanted, request = Matcher(router.flat()).match, target.encode(), Request("GET", target.encode())
    found = match("GET", wanted, request)
    demand(True, isinstance(found, Match))
    yield lambda: match("GET", wanted, request)


# -- binder: from a request to the handler's arguments, and the call


@path("binder.parameters")
async def _parameters() -> AsyncIterator[Step]:
    """Read two parameters of the path and three of the query."""

    async def handler(id: int, name: str, page: int = 1, size: int = 20, sort: str = "name") -> tuple[object, ...]:
        return id, name, page, size, sort

    call = Binder({}, Services({})).plan(handler, ("id", "name"), body=False).call

    async def step() -> object:
        request = Request("GET", b"/users/7/ada", b"page=3&size=50&sort=born")
        request.params = {"id": 7, "name": "ada"}
        return await call(request)

    demand((7, "ada", 3, 50, "born"), await step())
    yield step


@path("binder.body")
async def _body() -> AsyncIterator[Step]:
    """Read and validate a JSON body of ten items."""

    async def handler(order: Order) -> Order:
        return order

    call = Binder({}, Services({})).plan(handler).call
    fields = [(b"host", b"example.org"), (b"content-type", b"application/json")]

    async def step() -> Order:
        made: Order = await call(Request("POST", b"/orders", b"", fields, Body(_ORDER)))
        return made

    demand(10, len((await step()).items))
    yield step


# -- dispatch: from a request to its response, without a server


@path("dispatch.minimal", minimal=True)
@path("dispatch.defaults", minimal=False)
async def _dispatch(*, minimal: bool) -> AsyncIterator[Step]:
    """Answer a small JSON document."""
    async with started(minimal=minimal) as made:
        step = _handled(made, b"/json")
        demand(_HELLO, await step())
        yield step


@path("template.page")
async def _page() -> AsyncIterator[Step]:
    """Answer a page of twelve rows."""
    async with started(dress=[paged]) as made:
        step = _handled(made, b"/page")
        demand(12, (await step()).count(b"Product "))
        yield step


@path("middlewares.five")
async def _middlewares() -> AsyncIterator[Step]:
    """Answer through five middlewares."""
    async with started(dress=[layered]) as made:
        step = _handled(made, b"/json")
        demand(_HELLO, await step())
        yield step


def _handled(made: App, target: bytes) -> Callable[[], Awaitable[bytes]]:
    async def step() -> bytes:
        request = Request("GET", target, b"", [(b"host", b"example.org")], client=("192.0.2.7", 50000))
        response = await made.handle(request)
        body = response.body or b""
        made.finish(request, response, sent=len(body))
        return body

    return step


# -- wire: from the bytes of a request to the bytes of its response


@path("wire.minimal", head=b"GET /json HTTP/1.1\r\n" + _HOST)
@path("wire.defaults", head=b"GET /json HTTP/1.1\r\n" + _HOST, minimal=False)
@path("wire.browser", head=b"GET /json HTTP/1.1\r\n" + _BROWSER)
@path("wire.pipelined", head=b"GET /json HTTP/1.1\r\n" + _HOST, times=16)
@path("wire.parameters", head=b"GET /users/7/ada?page=3&size=50&sort=born HTTP/1.1\r\n" + _HOST, answer=b'"born"}')
@path(
    "wire.post",
    head=b"POST /orders HTTP/1.1\r\n"
    + _HOST
    + b"Content-Type: application/json\r\nContent-Length: %d\r\n" % len(_ORDER),
    body=_ORDER,
    answer=b'{"customer":"Ada Lovelace","items":10}',
)
async def _wire(
    head: bytes, body: bytes = b"", *, answer: bytes = _HELLO, times: int = 1, minimal: bool = True
) -> AsyncIterator[Step]:
    """Answer one client on one connection."""
    data = (head + b"\r\n" + body) * times
    async with started(minimal=minimal) as made, connected(made) as (protocol, peer):

        def step() -> bytes:
            protocol.data_received(data)
            return peer.take()

        demand(times, (await outside(step)).count(answer))
        yield step


# -- head: the parser alone


@path("head.plain", head=b"GET /json HTTP/1.1\r\n" + _HOST + b"\r\n")
@path("head.browser", head=b"GET /json HTTP/1.1\r\n" + _BROWSER + b"\r\n")
async def _head(head: bytes) -> AsyncIterator[Step]:
    """Parse the first head of a connection."""
    parser = HeadParser(8192, 32768, 100)
    parser.parse(head)
    demand(("GET", b"/json"), (parser.method, parser.target))
    yield lambda: parser.parse(head)

"""Sites: the applications that the paths ask, and a transport that takes what a server writes."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from itertools import cycle
from pathlib import Path
from typing import Any

from arlen_core.app import App
from arlen_core.context import Context
from arlen_core.requests import Request
from arlen_core.responses import Response
from arlen_core.settings import HEADERS
from arlen_server.connections import Connection
from arlen_server.server import Server
from arlen_server.settings import Settings
from tools.perf.samples import Order
from tools.perf.steps import outside

__all__ = ["Peer", "app", "connected", "handled", "layered", "often", "paged", "ready", "started"]

_FOLDER = Path(__file__).parent / "site"
_MINIMAL = {
    "ARLEN_LOG__ACCESS": "false",
    "ARLEN_HTTP__IDENTITY": "false",
    **{f"ARLEN_HTTP__HEADERS__{name}": "" for name in HEADERS},
}
_LOGGED = {"ARLEN_LOG__FLUSH": "60", "ARLEN_LOG__BUFFER": str(16 << 20)}


class Peer(asyncio.Transport):
    """A client without a network: `sent` is what the server wrote."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[bytes] = []
        self.write = self.sent.append  # type: ignore[method-assign,assignment]
        self.writelines = self.sent.extend  # type: ignore[method-assign,assignment]

    def take(self) -> bytes:
        """Return what was written since the last time."""
        data = b"".join(self.sent)
        self.sent.clear()
        return data

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Return the addresses that a TCP transport has."""
        known = {"peername": ("192.0.2.7", 50000), "sockname": ("192.0.2.1", 80)}
        return known.get(name, default)

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Ignore the limits: this client reads everything."""

    def get_write_buffer_size(self) -> int:
        """Return 0: this client has read everything."""
        return 0

    def is_closing(self) -> bool:
        """Return false: this client stays."""
        return False

    def pause_reading(self) -> None:
        """Do nothing."""

    def resume_reading(self) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""

    def abort(self) -> None:
        """Do nothing."""


def app(environ: dict[str, str]) -> App:
    """Return the application with a handler for each path."""
    made = App("perf", root=_FOLDER, env="production", environ=environ)

    @made.get("/json")
    async def small() -> dict[str, str]:
        return {"message": "Hello, World!"}

    @made.get("/users/{id:int}/{name}")
    async def typed(id: int, name: str, page: int = 1, size: int = 20, sort: str = "name") -> dict[str, Any]:
        return {"id": id, "name": name, "page": page, "size": size, "sort": sort}

    @made.post("/orders")
    async def order(order: Order) -> dict[str, Any]:
        return {"customer": order.customer, "items": len(order.items)}

    return made


def paged(made: App) -> App:
    """Add a page of twelve rows."""
    from arlen_web.web import Web

    made.use(Web())
    rows = [{"id": number, "name": f"Product {number}", "price": f"{number}.99"} for number in range(1, 13)]

    @made.get("/page")
    async def page(ctx: Context) -> Any:
        return ctx.render("rows", title="Products", rows=rows)

    return made


def layered(made: App, count: int = 5) -> App:
    """Put middleware around everything: each looks at the request and hands it on."""

    def layer() -> Callable[..., Any]:
        async def through(request: Request, next: Any) -> Response:
            response: Response = await next(request)
            return response

        return through

    for _ in range(count):
        made.middleware(layer())
    return made


@asynccontextmanager
async def started(*dress: Callable[[App], App], minimal: bool = True) -> AsyncIterator[App]:
    """Start the application, in the minimal profile or with the defaults and an access log in a file."""
    with tempfile.TemporaryDirectory() as folder:
        made = app(_MINIMAL if minimal else {**_LOGGED, "ARLEN_LOG__TARGET": str(Path(folder, "access.log"))})
        for each in dress:
            made = each(made)
        await made.start()
        try:
            yield made
        finally:
            await made.stop()


@asynccontextmanager
async def connected(made: App) -> AsyncIterator[tuple[Connection, Peer]]:
    """Serve an application to one client without a network."""
    server = Server(made, Settings(), sockets=[])
    await server.start()
    await asyncio.sleep(0)  # the drivers park
    protocol, peer = Connection(server), Peer()
    protocol.connection_made(peer)
    try:
        yield protocol, peer
    finally:
        protocol.connection_lost(None)
        await server.stop()


def handled(made: App, target: bytes) -> Callable[[], Awaitable[bytes]]:
    """Return a step that asks an application for a path, without a server, and returns the body."""
    flush = often(made.logs.sink.flush)

    async def step() -> bytes:
        request = Request("GET", target, b"", [(b"host", b"example.org")], client=("192.0.2.7", 50000))
        response = await made.handle(request)
        body = response.body or b""
        made.finish(request, response, sent=len(body))
        return body

    async def logged() -> bytes:
        body = await step()
        flush()
        return body

    return step if made.logs.settings.access is False else logged


def often(function: Callable[[], object], times: int = 64) -> Callable[[], None]:
    """Return a function of which every so many calls do what the log's thread does at a time that nobody knows."""
    turns = cycle(range(times))

    def call() -> None:
        if not next(turns):
            function()

    return call


def ready() -> None:
    """Import what is only imported when an application starts, so that the paths need not do it one by one."""

    async def main() -> None:
        async with started(paged, minimal=False) as made, connected(made) as (protocol, _):
            head = b"GET /page HTTP/1.1\r\nHost: example.org\r\n\r\n"
            await outside(lambda: protocol.data_received(head))

    asyncio.run(main())

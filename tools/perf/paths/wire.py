"""Wire: from the bytes of a request to the bytes of its response, on one connection."""

from collections.abc import AsyncIterator

from tools.perf.registry import Step, demand, path
from tools.perf.samples import BROWSER, HELLO, HOST, ORDER
from tools.perf.sites import connected, often, started
from tools.perf.steps import outside

__all__: list[str] = []

_JSON = b"GET /json HTTP/1.1\r\n"
_USER = b"GET /users/7/ada?page=3&size=50&sort=born HTTP/1.1\r\n"
_POST = b"POST /orders HTTP/1.1\r\n" + HOST + b"Content-Type: application/json\r\nContent-Length: %d\r\n" % len(ORDER)


@path("wire.post", head=_POST, body=ORDER, answer=b'{"customer":"Ada Lovelace","items":10}')
@path("wire.parameters", head=_USER + HOST, answer=b'"born"}')
@path("wire.pipelined", head=_JSON + HOST, times=16)
@path("wire.browser", head=_JSON + BROWSER)
@path("wire.defaults", head=_JSON + HOST, minimal=False)
@path("wire.minimal", head=_JSON + HOST)
async def _wire(
    head: bytes, body: bytes = b"", *, answer: bytes = HELLO, times: int = 1, minimal: bool = True
) -> AsyncIterator[Step]:
    data = (head + b"\r\n" + body) * times
    async with started(minimal=minimal) as made, connected(made) as (protocol, peer):
        flush = often(made.logs.sink.flush)

        def step() -> bytes:
            protocol.data_received(data)
            return peer.take()

        def logged() -> bytes:
            protocol.data_received(data)
            flush()
            return peer.take()

        demand(times, (await outside(step)).count(answer))
        yield step if minimal else logged

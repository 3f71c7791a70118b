"""Head: the parser alone, with a connection's first head."""

from collections.abc import AsyncIterator

from arlen_server.heads import HeadParser
from tools.perf.registry import Step, demand, path
from tools.perf.samples import BROWSER, HOST

__all__: list[str] = []


@path("head.browser", head=b"GET /json HTTP/1.1\r\n" + BROWSER + b"\r\n")
@path("head.plain", head=b"GET /json HTTP/1.1\r\n" + HOST + b"\r\n")
async def _head(head: bytes) -> AsyncIterator[Step]:
    parser = HeadParser(8192, 32768, 100)
    parser.parse(head)
    demand(("GET", b"/json"), (parser.method, parser.target))
    yield lambda: parser.parse(head)

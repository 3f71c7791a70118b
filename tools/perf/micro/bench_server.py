"""Micro-benchmarks of arlen-server."""

from typing import Any

from arlen_server.chunks import Chunked
from arlen_server.heads import HeadParser
from arlen_server.proxies import Proxies
from tools.perf.samples import BROWSER, HOST

__all__: list[str] = []


def test_parse_plain(benchmark: Any) -> None:
    """Parse the shortest head."""
    benchmark(HeadParser(8192, 32768, 100).parse, b"GET /json HTTP/1.1\r\n" + HOST + b"\r\n")


def test_parse_browser(benchmark: Any) -> None:
    """Parse a browser's head of ten fields."""
    benchmark(HeadParser(8192, 32768, 100).parse, b"GET /json HTTP/1.1\r\n" + BROWSER + b"\r\n")


def test_parse_post(benchmark: Any) -> None:
    """Parse the head of a request with a body."""
    head = b"POST /orders HTTP/1.1\r\n" + HOST + b"Content-Type: application/json\r\nContent-Length: 512\r\n\r\n"
    benchmark(HeadParser(8192, 32768, 100).parse, head)


def test_chunked(benchmark: Any) -> None:
    """Read a chunked body of three chunks."""
    data = b"5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n"
    benchmark(lambda: Chunked(256, 32768).take(data, 0))


def test_proxies(benchmark: Any) -> None:
    """Find the client behind two proxies."""
    fields = [(b"host", b"example.org"), (b"x-forwarded-for", b"203.0.113.7, 10.0.0.2")]
    benchmark(Proxies(["10.0.0.0/8"]).origin, "10.0.0.1", fields)

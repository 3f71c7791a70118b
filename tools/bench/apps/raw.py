"""The limit: a hand-written asyncio.Protocol on httptools and uvloop that does the same work with no framework.

It answers keep-alive, `Connection: close`, split and pipelined input right, and 400, 404, 405 and 422 where the others
do. It listens to header fields and bodies only in the scenarios that need them.
"""

import asyncio
import signal
import sys
from collections.abc import Callable
from email.utils import formatdate
from typing import Any

import httptools
import uvloop

from tools.bench.apps import shared
from tools.bench.apps.plain import Answer, Refused, find

__all__ = ["Bodies", "Fields", "Protocol", "main", "protocol", "serve"]

REASONS = {400: b"Bad Request", 404: b"Not Found", 405: b"Method Not Allowed", 422: b"Unprocessable Content"}


class Clock:
    """The pattern of every answer, and of the last one of a connection; its date is made once a second."""

    head = last = b""

    def tick(self, loop: asyncio.AbstractEventLoop) -> None:
        """Make the patterns, and again in a second."""
        line = b"HTTP/1.1 200 OK\r\ndate: " + formatdate(usegmt=True).encode() + b"\r\n"
        rest = b"content-type: %b\r\ncontent-length: %d\r\n\r\n%b"
        self.head, self.last = line + rest, line + b"connection: close\r\n" + rest
        loop.call_later(1.0, self.tick, loop)


clock = Clock()


class Protocol(asyncio.Protocol):
    """One connection, for scenarios without bodies and header fields."""

    def __init__(self) -> None:
        self.transport: Any = None
        self.parser = httptools.HttpRequestParser(self)
        self.url = b""
        self.out: list[bytes] = []
        self.closing = False
        self.chunks: list[bytes] = []
        self.size = 0
        self.fields: dict[bytes, bytes] = {}
        self.session: dict[str, Any] = {}

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        """Parse what came, and write the answers to all requests that it completes at once."""
        out = self.out
        try:
            self.parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            if not self.closing:
                out.append(_refusal(400))
                self.closing = True
        if out:
            self.transport.write(out[0] if len(out) == 1 else b"".join(out))
            out.clear()
        if self.closing:
            self.transport.close()

    def on_url(self, url: bytes) -> None:
        """Take a part of the target."""
        self.url += url

    def on_message_complete(self) -> None:
        """Answer a request."""
        if self.closing:
            return
        url, self.url = self.url, b""
        keep = self.parser.should_keep_alive()
        try:
            media, body = self.answer(url)
        except Refused as error:
            self.out.append(_refusal(error.status))
            keep = False
        else:
            if keep:
                self.out.append(clock.head % (media, len(body), body))
            else:
                self.out.append(clock.last % (media, len(body), body))
        self.closing = not keep

    def answer(self, url: bytes) -> Answer:
        """Find the handler of a target and call it."""
        path, _, query = url.decode("latin-1").partition("?")
        handler, parts = find(path, self.parser.get_method())
        return handler(self, query, parts)


class Bodies(Protocol):
    """One connection, for the scenarios that send bodies."""

    def on_body(self, body: bytes) -> None:
        """Keep the body, or only its size."""
        if self.url == b"/upload":
            self.size += len(body)
        else:
            self.chunks.append(body)


class Fields(Protocol):
    """One connection, for the scenario that looks at header fields."""

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a field."""
        self.fields[name.lower()] = value

    def answer(self, url: bytes) -> Answer:
        """Answer through the five middlewares."""
        try:
            response = CHAIN(self, url)
        finally:
            self.fields = {}
        more = "".join([f"\r\n{name}: {value}" for name, value in response[1].items()])
        return response[0][0] + more.encode("latin-1"), response[0][1]


Made = tuple[Answer, dict[str, str]]
Next = Callable[[Fields, bytes], Made]


def _refusal(status: int) -> bytes:
    reason = REASONS[status]
    line = b"HTTP/1.1 %d %b\r\ncontent-type: text/plain; charset=utf-8\r\nconnection: close\r\n" % (status, reason)
    return b"%bcontent-length: %d\r\n\r\n%b" % (line, len(reason), reason)


def _innermost(request: Fields, url: bytes) -> Made:
    return Protocol.answer(request, url), {}


def _tagged(inner: Next) -> Next:
    def call(request: Fields, url: bytes) -> Made:
        made = inner(request, url)
        made[1]["etag"] = shared.tag(made[0][1])
        return made

    return call


def _session(inner: Next) -> Next:
    def call(request: Fields, url: bytes) -> Made:
        given = request.fields.get(b"cookie")
        request.session = shared.load_session(given.decode("latin-1") if given else None)
        made = inner(request, url)
        if request.session:
            made[1]["set-cookie"] = shared.save_session(request.session)
        return made

    return call


def _secured(inner: Next) -> Next:
    def call(request: Fields, url: bytes) -> Made:
        made = inner(request, url)
        made[1].update(shared.SECURITY)
        return made

    return call


def _timed(inner: Next) -> Next:
    def call(request: Fields, url: bytes) -> Made:
        start = shared.clock()
        made = inner(request, url)
        made[1]["server-timing"] = shared.elapsed(start)
        return made

    return call


def _named(inner: Next) -> Next:
    def call(request: Fields, url: bytes) -> Made:
        given = request.fields.get(b"x-request-id")
        name = shared.identity(given.decode("latin-1") if given else None)
        made = inner(request, url)
        made[1]["x-request-id"] = name
        return made

    return call


CHAIN: Next = _named(_timed(_secured(_session(_tagged(_innermost)))))


def protocol(scenario: str) -> type[Protocol]:
    """Return the class that a scenario needs, and no more."""
    if scenario == "middlewares":
        return Fields
    return Bodies if scenario in {"validate", "upload"} else Protocol


async def serve(port: int, kind: type[Protocol]) -> None:
    """Serve on a port of the loopback interface until SIGTERM or SIGINT."""
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    clock.tick(loop)
    server = await loop.create_server(kind, "127.0.0.1", port, backlog=1024)
    await stop.wait()
    server.close()


def main(arguments: list[str]) -> None:
    """Serve the scenario that the environment names on the port that the command line gives."""
    uvloop.run(serve(int(arguments[0]), protocol(shared.SCENARIO)))


if __name__ == "__main__":
    main(sys.argv[1:])

"""Connections: the reading side of an HTTP/1.1 connection: bytes become requests, answered one at a time, in order."""

from __future__ import annotations

import asyncio
from time import perf_counter_ns
from typing import TYPE_CHECKING, cast

from arlen_core.bodies import NOTHING, Body, Feed
from arlen_core.errors import Disconnected
from arlen_core.headers import Raw
from arlen_core.requests import Request
from arlen_server.chunks import Chunked, Framing, Sized
from arlen_server.exchanges import Exchange
from arlen_server.refusals import Refusal, busy
from arlen_server.wheels import NEVER

if TYPE_CHECKING:
    from arlen_server.heads import HeadParser
    from arlen_server.proxies import Proxies
    from arlen_server.server import Server

__all__ = ["Connection"]

# what the connection does with its input
_HEAD = 0  # waits for a request, or for the rest of its head, of which `_held` is the beginning
_BUSY = 1  # a request is being answered; what comes is `_held`
_COLLECT = 2  # a small body is collected in `_parts` before the handler of `_later` starts
_BODY = 3  # a body goes to its handler as it comes, through `_feed`
_SKIP = 4  # the rest of a body that its handler did not want is thrown away
_SHUT = 5  # everything is thrown away

_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_ALLOW = [(b"allow", b"GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS, QUERY")]


class Connection(Exchange):
    """The protocol of one HTTP connection.

    One request is answered at a time. What a client sends meanwhile is held, up to a bound, and not even parsed.

    Args:
        server: whose limits, application and statistics it shares.

    Attributes:
        block, fields, length: what the parser remembers of the last head.
    """

    __slots__ = (
        "_client", "_eof", "_feed", "_held", "_later", "_local", "_parts", "_phase", "_scheme", "_skipped", "_still",
        "_trusted", "_window", "block", "fields", "length",
    )  # fmt: skip

    def __init__(self, server: Server) -> None:
        super().__init__(server)
        self.block, self.length = b"", 0
        self.fields: Raw = []
        self._phase = _HEAD
        self._held: bytearray | None = None
        self._feed: Feed | None = None
        self._later: Request | None = None
        self._parts: list[bytes] = []
        self._eof = self._still = self._trusted = False
        self._skipped = self._window = 0

    # -- the transport's calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self.transport = transport = cast("asyncio.Transport", transport)  # uvloop's is one in all but name
        server = self.server
        transport.set_write_buffer_limits(self.settings.write_buffer)
        self._client, self._local = _ends(transport)
        self._scheme = "http" if transport.get_extra_info("sslcontext") is None else "https"
        self._trusted = server.proxies is not None and server.proxies.trusts(self._client[0] if self._client else "")
        server.wheel.add(self)
        self.deadline = server.wheel.now + self.settings.header_timeout
        crowd = server.crowd()
        if crowd > server.TURNED_AWAY:
            transport.abort()
        elif crowd > 0:
            self.refuse(busy("http_session_limit", self.settings.retry_after))

    def data_received(self, data: bytes) -> None:
        """Take bytes from the client."""
        if self._phase != _HEAD or self._held is not None:
            self._receive(data)
            return
        line, _, block = data.partition(b"\r\n")
        server = self.server
        # an empty block is what comes before the end of a line, and what is remembered before the first head
        if block != self.block or not block or self.length or server.in_flight >= self.settings.max_in_flight:
            self._pump(data)
            return
        known = server.parser.lines.get(line)
        if known is None and (known := server.parser.read(line)) is None:
            self._pump(data)
            return
        # one request without a body and with the fields of the last one, as most are: what `_pump` does, in one call
        request = Request(
            known[0], known[1], known[2], self.fields.copy(), NOTHING, self._client, self._local, self._scheme
        )
        request.native = self.keep = self.corked = True
        if self._trusted and server.proxies is not None:
            self._identify(request, server.proxies)
        server.in_flight += 1
        server.requests += 1
        job = self  # the type checker need not know that `run` takes the request away
        job.request = request
        server.drivers.run(job)
        if self.request is not None or not self.keep:
            self.settle()
        self._uncork()

    def _receive(self, data: bytes) -> None:
        """Take bytes that are not the beginning of a request."""
        phase = self._phase
        if phase == _HEAD and self._held is not None:
            self._grow(self._held, data)
        elif phase == _BUSY:
            self._hold(data)
        elif phase != _SHUT:
            self._take(data)

    def eof_received(self) -> bool:
        """The client sends no more. It may still read: answers and files are finished for it, other streams are not."""
        self._eof = True
        if self._feed is not None:
            self._break(Disconnected("the client went away in the middle of the body"))
        if self._scheme == "https" or self.endless or (self.request is not None and _cancels(self.request)):
            return False
        return self.request is not None or self._phase == _BUSY

    def connection_lost(self, exc: Exception | None) -> None:
        """The client is gone: whoever reads from it or streams to it learns that."""
        self.lost()
        self.end_input()
        if self._feed is not None:
            self._feed.abort()
            self._feed = self.framing = None
        if self.task is not None and self.request is not None and (self.streaming or _cancels(self.request)):
            self.task.cancel()

    def resume_writing(self) -> None:
        """The client has caught up with its answers: go on with its requests."""
        super().resume_writing()
        if self._phase == _BUSY and self.request is None:
            self.loop.call_soon(self._resume)

    # -- from bytes to requests

    def _pump(self, data: bytes) -> None:
        """Answer every whole request in `data`, in order."""
        server, at, size, turns = self.server, 0, len(data), self.settings.max_pipeline
        parser = server.parser
        self.corked = True
        try:
            while at < size:
                end = data.find(b"\r\n\r\n", at) + 4
                if end < 4:
                    self._grow(bytearray(), data[at:])
                    break
                parser.parse(data if end - at == size else data[at:end], self)
                at = end
                if parser.length:
                    at = self._with_body(parser, data, at)
                else:
                    self._run(self._make(parser))
                if self.request is None and self.keep and self._phase == _HEAD:
                    turns -= 1
                    if turns and not self.paused:
                        continue
                self.settle(data[at:])
                break
        except Refusal as refusal:
            self.refuse(refusal, parser.fields, parser.method)
        self._uncork()

    def _uncork(self) -> None:
        """Send what was written, and wait for the next request."""
        self.corked = False
        if self.out:
            self.send_out()
        if self._finished:
            self.report()
        if self._phase == _HEAD and self._held is None:
            self.deadline = self.server.wheel.now + self.settings.keep_alive_timeout

    def settle(self, rest: bytes = b"") -> None:
        """Find what comes after a request that was answered or is being answered; `rest` is the input behind it."""
        if self.successor is not None and rest:
            self.successor.data_received(rest)
        if self._phase == _COLLECT or self.ending:
            return
        if self.request is not None:
            if self._phase == _HEAD:
                self._phase, self.deadline = _BUSY, NEVER
        elif not self.keep:
            self.end()
        elif self.framing is not None:
            self._skip()
        elif rest or self._held is not None:
            self._phase, self.deadline = _BUSY, NEVER
            self.loop.call_soon(self._resume)
        elif self._eof:
            self.end()
        else:
            self._phase = _HEAD
            self.deadline = self.server.wheel.now + self.settings.keep_alive_timeout
            if self.server.draining:  # the head of this answer was sent before, so it did not say close
                self.depart()
        if rest and self._phase == _BUSY:
            self._hold(rest)

    def _resume(self) -> None:
        """Go on with the requests that were held."""
        if self._phase != _BUSY or self.request is not None or self.paused:
            return
        held, self._held = self._held, None
        self._phase = _HEAD
        self._read_on()
        self._pump(bytes(held or b""))
        if self._eof and self._phase == _HEAD:
            self.end()

    def _grow(self, held: bytearray, data: bytes) -> None:
        """Keep the beginning of a head until its end comes; refuse at once what can be no head."""
        if not held:
            self.deadline = self.server.wheel.now + self.settings.header_timeout
        seen = max(0, len(held) - 3)
        held += data
        if held.find(b"\r\n\r\n", seen) >= 0:
            self._held = None
            self._pump(bytes(held))
            return
        self._held = held
        try:
            self.server.parser.check(held)
        except Refusal as refusal:
            self.refuse(refusal)

    def _hold(self, data: bytes) -> None:
        """Keep the requests after the one that is being answered; past the bound, let the client wait."""
        if self._held is None:
            self._held = bytearray()
        self._held += data
        if len(self._held) >= self.settings.max_pipeline_bytes:
            self._read_off()

    # -- requests

    def _make(self, parser: HeadParser) -> Request:
        self.keep = parser.keep
        request = Request(
            parser.method, parser.target, parser.query, parser.fields, NOTHING,
            self._client, self._local, self._scheme, parser.version, parser.upgrade,
        )  # fmt: skip
        request.native = True
        if self._trusted and self.server.proxies is not None:
            self._identify(request, self.server.proxies)
        return request

    def _run(self, request: Request) -> None:
        server = self.server
        if server.in_flight >= self.settings.max_in_flight:
            raise busy("http_worker_queue_full", self.settings.retry_after)
        if request.target == b"*":
            self._star(request)
            return
        server.in_flight += 1
        server.requests += 1
        self.request = request
        server.drivers.run(self)

    def _star(self, request: Request) -> None:
        """Answer `OPTIONS *`, which asks about the server and no resource (RFC 9110 §9.3.7)."""
        writer = self.server.writer
        self.out.append(writer.end(writer.begin(204, _ALLOW)[0], self.fate(request)))

    def _identify(self, request: Request, proxies: Proxies) -> None:
        """Believe a trusted proxy about client, scheme and host."""
        peer = self._client[0] if self._client else ""
        origin = proxies.origin(peer, request.raw)
        request.state["trusted"] = True
        if origin.client[0] != peer:
            request.client = origin.client
        request.scheme = origin.scheme or request.scheme
        if origin.host:
            host = origin.host.encode("latin-1")
            request.raw = [(name, host if name == b"host" else value) for name, value in request.raw]

    # -- bodies

    def _with_body(self, parser: HeadParser, data: bytes, at: int) -> int:
        """Start a request whose body begins at this place; return where what was not the body's begins."""
        settings, size = self.settings, parser.length
        request = self._make(parser)
        end = at + size
        if size > 0 and end <= len(data):  # as most are, all here
            request.body = Body(data[at:end], limit=settings.max_body)
            self._run(request)
            return end
        request.received = perf_counter_ns()
        framing: Framing = Sized(size) if size > 0 else Chunked(settings.max_chunk_line, settings.max_header_bytes)
        parts, end = framing.take(data, at)
        if framing.done:
            request.body = Body(b"".join(parts), limit=settings.max_body)
            self._run(request)
            return end
        self.framing, self.expecting, self._skipped = framing, parser.expect, 0
        if 0 < size <= min(settings.read_buffer, settings.max_body) and not parser.expect:
            self._later, self._parts, self._phase = request, parts, _COLLECT
            self._open_window()
        else:
            feed = self._feed = request.body = self._make_feed(parser)
            for part in parts:
                feed.feed(part)
            self._phase = _BODY
            self._open_window()
            self._run(request)
        return end

    def _make_feed(self, parser: HeadParser) -> Feed:
        return Feed(
            parser.length if parser.length > 0 else None,
            limit=self.settings.max_body,
            high=self.settings.read_buffer,
            pause=self._pause_body,
            resume=self._resume_body,
            begin=self._go_on if parser.expect else None,
        )

    def _take(self, data: bytes) -> None:
        """Take bytes of the body."""
        framing, feed = self.framing, self._feed
        if framing is None:
            return
        self._window += len(data)
        try:
            parts, end = framing.take(data)
        except Refusal as refusal:
            self._break(refusal)
            return
        if self._phase == _COLLECT:
            self._parts += parts
        elif feed is not None:
            self.expecting = False
            for part in parts:
                feed.feed(part)
        else:
            self._skipped += end
        if self._skipped > self.settings.max_unread:
            self._break(None)
        elif framing.done:
            self._whole(data[end:])

    def _whole(self, rest: bytes) -> None:
        """The body is complete."""
        feed, later = self._feed, self._later
        self.framing = self._feed = self._later = None
        self._phase = _HEAD
        if feed is not None:
            feed.close()
        if later is not None:
            later.body = Body(b"".join(self._parts), limit=self.settings.max_body)
            self._parts = []
            self.corked = True
            try:
                self._run(later)
            except Refusal as refusal:
                self.refuse(refusal, later.raw, later.method)
            self.corked = False
            self.flush()
        self.settle(rest)

    def _skip(self) -> None:
        """Read the rest of a body that nobody wants, so that the next request can be found."""
        self._phase, self._feed = _SKIP, None
        self._read_on()
        self._open_window()

    def _break(self, error: Exception | None) -> None:
        """The body cannot be read to its end: its reader gets `error`, and the connection ends after the answer."""
        feed, later = self._feed, self._later
        self.framing = self._feed = self._later = None
        self.keep, self.linger = False, True
        self._phase, self.deadline = _SHUT, NEVER
        if feed is not None:
            feed.abort(error)
        if later is not None and isinstance(error, Refusal):
            self.refuse(error, later.raw, later.method)
        elif self.request is None:
            self.end()

    def _go_on(self) -> None:
        """Somebody reads the body that the client has not sent yet: ask for it (RFC 9110 §10.1.1)."""
        if self.expecting and self._feed is not None and not self.gone:
            self.expecting = False
            if not self.started:  # else it would stand in the middle of the answer
                self.write(_CONTINUE)
            self._open_window()

    def _pause_body(self) -> None:
        self._read_off()
        self.deadline = NEVER

    def _resume_body(self) -> None:
        self._read_on()
        if self._phase == _BODY:
            self._open_window()

    # -- time

    def _open_window(self) -> None:
        self._window = 0
        waits = self.expecting or self._still  # then it is not the client who takes its time
        self.deadline = NEVER if waits else self.server.wheel.now + self.settings.body_timeout

    def late(self) -> None:
        """The client did not do in time what it had to."""
        if self.ending:
            super().late()
        elif self._phase == _HEAD and self._held is not None:
            self.refuse(Refusal(408, "head_timeout", "the head of the request took too long"))
        elif self._phase == _HEAD and self.paused:  # it still reads its answer, else it would stall
            self.deadline = self.server.wheel.now + self.settings.keep_alive_timeout
        elif self._phase == _HEAD:
            self.end()
        elif self._window >= max(1, self.settings.min_rate * self.settings.body_timeout):
            self._open_window()
        else:
            self._break(Refusal(408, "body_timeout", "the body of the request came too slowly"))

    def depart(self) -> None:
        """The server drains: a client that has nothing to ask has a moment for its last request."""
        if self._phase == _HEAD and self._held is None:
            self.deadline = min(self.deadline, self.server.wheel.now + self.settings.drain_idle)

    # -- reading

    def end(self) -> None:
        """Close the connection when all is written."""
        self.end_input()
        self.linger = self.linger and not self._eof
        super().end()

    def end_input(self) -> None:
        """Throw away what still comes."""
        self._phase, self._held = _SHUT, None
        self._read_on()

    def take_held(self) -> bytes:
        """Return the input after the request, and keep it no more."""
        held, self._held = self._held, None
        self._read_on()
        return bytes(held or b"")

    def _read_off(self) -> None:
        if not self._still:
            self._still = True
            self.transport.pause_reading()

    def _read_on(self) -> None:
        if self._still and not self.gone:
            self._still = False
            self.transport.resume_reading()


def _ends(transport: asyncio.Transport) -> tuple[tuple[str, int] | None, tuple[str, int] | None]:
    """Return the addresses of client and server; `None` for a Unix socket."""
    peer, local = transport.get_extra_info("peername"), transport.get_extra_info("sockname")
    if isinstance(peer, tuple) and isinstance(local, tuple):
        return (peer[0], peer[1]), (local[0], local[1])
    return None, None


def _cancels(request: Request) -> bool:
    """Say whether the handler is to be cancelled when its client leaves."""
    options: dict[str, object] = getattr(request.route, "options", {})
    return bool(options.get("cancel_on_disconnect"))

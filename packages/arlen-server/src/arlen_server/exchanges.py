"""Exchanges: the answering side of a connection: responses, refusals, and how the connection ends."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

from arlen_core.errors import Disconnected
from arlen_core.files import FileResponse
from arlen_core.headers import Raw
from arlen_core.requests import Request
from arlen_core.responses import Response, Upgrade
from arlen_core.uniforms import wear
from arlen_server.outlets import Outlet
from arlen_server.refusals import Refusal, answer
from arlen_server.replies import CLOSE, JOIN, KEEP, bodiless, length
from arlen_server.streams import send

if TYPE_CHECKING:
    from arlen_server.chunks import Framing
    from arlen_server.server import Server

__all__ = ["Exchange"]

_GONE = 499  # what access logs call a request whose client left before the answer


class Exchange(Outlet):
    """Sends what a driver's handler answers, and takes note of it.

    Attributes:
        request: the one that is being answered.
        task: in which, when its handler waits.
        keep: whether the connection goes on after it.
        started: whether the head of the answer has been written.
        streaming: whether the answer is made while it is sent.
        endless: whether nobody knows when it ends, as with events.
        framing: of the request's body, while it has not arrived whole.
        expecting: whether the client still waits for `100 Continue` with it.
        linger: whether the client may still be sending when the connection ends.
        ending: whether nothing more is read or answered.
        successor: the WebSocket that this connection has become.
    """

    __slots__ = (
        "_finished", "_patient", "ending", "endless", "expecting", "framing", "keep", "linger", "request", "started",
        "streaming", "successor", "task",
    )  # fmt: skip

    def __init__(self, server: Server) -> None:
        super().__init__(server)
        self.request: Request | None = None
        self.task: asyncio.Task[None] | None = None
        self.framing: Framing | None = None
        self.successor: Outlet | None = None
        self.keep = True
        self.started = self.streaming = self.endless = self.expecting = self.linger = self.ending = self._patient = (
            False
        )
        self._finished: list[tuple[Request, Response, int, BaseException | None]] = []

    def settle(self, rest: bytes = b"") -> None:
        """The answer is complete: go on with the next request, of which `rest` is the beginning, or end."""
        raise NotImplementedError

    # -- what drivers call

    def reply(self, request: Request, response: Response) -> bool:
        """Send a response that is all here; return `False` when it needs `stream`."""
        body, status = response.body, response.status
        if body is None or status < 200:
            return False
        if self.gone:
            self.done(request, response, 0, Disconnected("the client went away before the response"))
            return True
        server, uniform = self.server, response.uniform
        data = None
        if self.keep and self.framing is None and not server.draining and request.method != "HEAD":
            more = b"" if uniform is None else uniform.lines(request)
            data = server.writer.plain(status, response.raw, more, body) if request.version == "1.1" else None
        if data is None:
            head, body = self._unusual(request, response, body)
            data = head + body if len(body) < JOIN else head
        size = len(body)
        self.out.append(data)
        self.unflushed += len(data)
        if size >= JOIN:
            self.out.append(body)
            self.unflushed += size
        server.in_flight -= 1
        self.request = self.task = None
        self._finished.append((request, response, size, None))
        if not self.corked:
            self.flush()
            self.settle()
        return True

    async def stream(self, request: Request, response: Response) -> None:
        """Send a response that is made while it is sent, or hand the connection to a WebSocket handler."""
        wear(request, response)
        if isinstance(response, Upgrade):
            from arlen_server.sockets import upgrade  # most servers never need the engine

            await upgrade(self, request, response)
        elif response.status < 200:
            raise ValueError(f"{response.status} is no status of an answer; to switch protocols, return an Upgrade")
        else:
            self.streaming, self.endless = True, not isinstance(response, FileResponse)
            await send(self, request, response)

    def fail(self, request: Request, error: BaseException) -> None:
        """There is no response: the client left, the server stops, or the application broke its promise."""
        if self.request is not request:
            self._report(error)  # it was answered; whatever came after that is nobody's answer
        elif self.gone:
            self.done(request, Response(b"", _GONE), 0, Disconnected("the client went away"))
        elif self.started or isinstance(error, asyncio.CancelledError):
            self.transport.abort()
            self.done(request, Response(b"", _GONE), 0, error)
        else:
            self._report(error)
            refusal = Refusal(500, "internal_error", "something went wrong here; the request id helps to find it")
            self.decline(request, refusal, error)

    def decline(self, request: Request, refusal: Refusal, error: BaseException | None = None) -> None:
        """Answer a request that was handled with a refusal all the same."""
        made = self._put_refusal(refusal, request.raw, request.method)
        self.done(request, made, len(made.body or b""), error)

    def become(self, other: Outlet, raw: Raw) -> bytes:
        """Switch protocols: answer 101, let `other` take over, and return what the client has sent since."""
        writer, members = self.server.writer, self.server.wheel.members
        parts, _own = writer.begin(101, raw)
        self.flush()
        self.started, self.ending, self.keep, self.successor = True, True, False, other
        other.write(writer.end(parts, b"connection: Upgrade\r\nupgrade: websocket\r\n"))
        self.server.in_flight -= 1
        members.discard(self)
        members.add(other)
        self.transport.set_protocol(cast("asyncio.BaseProtocol", other))
        return self.take_held()

    def take_held(self) -> bytes:
        """Return the input after the request, and keep it no more."""
        raise NotImplementedError

    def done(self, request: Request, response: Response, sent: int, error: BaseException | None) -> None:
        """Take note that a request is over."""
        self.server.in_flight -= 1
        self.request = self.task = None
        self.started = self.streaming = self.endless = False
        self._finished.append((request, response, sent, error))
        if not self.corked:
            self.flush()
            self.settle()

    def flush(self) -> None:
        """Send what was written, then tell the application which requests are over."""
        if self.out:
            self.send_out()
        if self._finished:
            self.report()

    def report(self) -> None:
        """Tell the application which requests are over."""
        finished, finish = self._finished, self.server.app.finish
        if len(finished) > 1:
            self._finished = []
        while finished:
            request, response, sent, error = finished.pop(0)
            finish(request, response, sent=sent, error=error)

    # -- parts of a head

    def fate(self, request: Request | None) -> bytes:
        """Return the line about the connection's fate (RFC 9112 §9.3), after deciding it."""
        if self.framing is not None and (self.expecting or self.framing.remains() > self.settings.max_unread):
            self.keep, self.linger = False, True
        if self.server.draining and self.keep:
            self.keep, self.linger = False, True
        if not self.keep:
            return CLOSE
        return KEEP if request is not None and request.version != "1.1" else b""

    def _unusual(self, request: Request, response: Response, body: bytes) -> tuple[bytes, bytes]:
        """Return the head and the body of a response that has no body, ends the connection, or has ideas of its own."""
        wear(request, response)
        parts, own = self.server.writer.begin(response.status, response.raw)
        if own.get(b"connection", b"").lower() == b"close":
            self.keep, self.linger = False, True
        declared = own.get(b"content-length")
        framing = length(len(body))  # what was declared is wrong, or the same
        if bodiless(response.status):
            framing = b"content-length: %b\r\n" % declared if declared and response.status == 304 else b""
            body = b""
        elif request.method == "HEAD":
            framing = b"content-length: %b\r\n" % declared if declared and not body else framing
            body = b""
        return self.server.writer.end(parts, framing + self.fate(request)), body

    # -- refusals and the end

    def refuse(self, refusal: Refusal, fields: Raw | None = None, method: str = "") -> None:
        """Answer a request that will not be handled, and end; `fields` are those of its head that are known."""
        self.server.refused += 1
        self.server.reasons[refusal.code] += 1
        if not self.gone and not self.ending:
            self._put_refusal(refusal, fields, method)
            self.end()

    def end(self) -> None:
        """Close the connection when all is written, after giving a client that still sends time to read the answer.

        Closing with unread input would make the system throw away what the client has not read yet (RFC 9112 §9.6).
        """
        self.flush()
        self.ending = True
        if self.gone:
            return
        self.progress()
        self._patient = self.linger
        wait = self.settings.linger_timeout if self.linger else self.settings.write_timeout
        self.deadline = self.server.wheel.now + wait
        if not self.linger:
            self.transport.close()
        elif self.transport.can_write_eof() and not self.transport.is_closing():
            self.transport.write_eof()

    def late(self) -> None:
        """The connection should have ended by now: go on only for a client that is still reading its answer."""
        settings, now = self.settings, self.server.wheel.now
        pending, reads = self.transport.get_write_buffer_size(), self.progress()
        if pending and self._patient:  # it has not had the time to read yet, only that to stop sending
            self._patient = False
            self.deadline += settings.write_timeout - settings.linger_timeout
        elif reads:
            self.deadline = now + (settings.write_timeout if pending else settings.linger_timeout)
        else:
            self.transport.abort()

    def _put_refusal(self, refusal: Refusal, fields: Raw | None, method: str) -> Response:
        self.keep, self.linger, self.started = False, True, True
        made = answer(refusal, method, fields)
        body = made.body or b""
        parts, _ = self.server.writer.begin(made.status, made.raw)
        self.out.append(self.server.writer.end(parts, length(len(body)) + CLOSE) + (b"" if method == "HEAD" else body))
        return made

    def _report(self, error: BaseException) -> None:
        self.loop.call_exception_handler({"message": "a request failed in the server", "exception": error})

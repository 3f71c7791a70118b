"""Sockets: the server's side of one WebSocket (RFC 6455), with bounded memory in both directions."""

from __future__ import annotations

import asyncio
from codecs import IncrementalDecoder, getincrementaldecoder
from collections import deque
from typing import TYPE_CHECKING

from websockets.frames import Frame, Opcode
from websockets.protocol import State
from websockets.server import ServerProtocol

from arlen_core.errors import Disconnected
from arlen_core.headers import Raw
from arlen_core.requests import Request
from arlen_core.responses import Upgrade
from arlen_core.sockets import SocketClosed
from arlen_server.handshakes import open_engine
from arlen_server.outlets import Outlet
from arlen_server.refusals import Refusal, busy
from arlen_server.wheels import NEVER

if TYPE_CHECKING:
    from arlen_server.exchanges import Exchange

__all__ = ["Socket", "upgrade"]

_SLICE = 4096  # bytes that are parsed at once; if they are compressed, deflate makes at most a thousandfold of them
_CONTROL = 125  # bytes of a control frame at most
_MESSAGES = 64  # held for a slow handler
_TURN = 256  # frames after which others have their turn, and as many as a slice has: tiny ones cost as much as large

_decoder = getincrementaldecoder("utf-8")


async def upgrade(exchange: Exchange, request: Request, response: Upgrade) -> None:
    """Run a WebSocket handler to its end, or refuse the handshake."""
    settings, server = exchange.settings, exchange.server
    try:
        # the engine counts a control frame between the fragments of a message to that message (RFC 6455 §5.4)
        engine, fields = open_engine(request, settings.max_message + _CONTROL)
        if server.draining:
            raise busy("server_draining", settings.retry_after)
        if server.websockets >= settings.max_websockets:
            raise busy("websocket_session_limit", settings.retry_after)
    except Refusal as refusal:
        exchange.decline(request, refusal)
        return
    socket = Socket(exchange, engine, [*response.raw, *fields])
    error: BaseException | None = None
    try:
        await response.run(socket)
    except SocketClosed:
        pass  # the handler ended because the client did
    except (Exception, asyncio.CancelledError) as failed:  # noqa: BLE001  # the application's log gets it
        error = failed
    if socket.accepted:
        await socket.finish(error)
        server.in_flight += 1  # `done` takes it off again
        exchange.done(request, response, socket.sent, error)
    elif error is None:
        exchange.decline(request, Refusal(403, "websocket_refused", "the WebSocket was not accepted"))
    else:
        raise error


class Socket(Outlet):
    """The transport of one WebSocket, as `arlen_core.sockets.Transport` describes it.

    Reading pauses while the handler has not taken what is here, and while the client does not read what it is sent.

    Args:
        exchange: the HTTP connection that becomes a WebSocket.
        engine: speaks the protocol.
        fields: of the answer that accepts.

    Attributes:
        accepted: whether the handshake is complete.
        sent: bytes of the messages sent.
    """

    __slots__ = (
        "_arrived", "_decoder", "_engine", "_exchange", "_fields", "_frames", "_held", "_leaving", "_lost", "_messages",
        "_parts", "_pinged", "_raw", "_still", "accepted", "sent",
    )  # fmt: skip

    def __init__(self, exchange: Exchange, engine: ServerProtocol, fields: Raw) -> None:
        super().__init__(exchange.server)
        self.transport = exchange.transport
        self._exchange, self._engine, self._fields = exchange, engine, fields
        self._messages: deque[str | bytes] = deque()
        self._held = self._frames = 0
        self._parts = bytearray()  # one buffer, because a list of many small fragments takes far more
        self._decoder: IncrementalDecoder | None = None
        self._raw = b""
        self._arrived: asyncio.Future[None] | None = None
        self._lost = self.loop.create_future()
        self._leaving = self._pinged = self._still = self.accepted = False
        self.sent = 0

    # -- what handlers call

    async def accept(self, protocol: str | None = None, headers: Raw | None = None) -> None:
        """Complete the handshake; raises `SocketClosed` when the client has left, or after `close`."""
        if self._exchange.gone or self._leaving:
            raise SocketClosed
        raw = [*self._fields, *(headers or [])]
        if protocol is not None:
            raw.append((b"sec-websocket-protocol", protocol.encode()))
        held = self._exchange.become(self, raw)
        self.accepted = True
        self.server.websockets += 1
        self._listen()
        if held:
            self.data_received(held)

    async def receive(self) -> str | bytes:
        """Return the next message; raises `SocketClosed`."""
        while not self._messages:
            self._raise_closed()
            self._read_on()
            if not self._messages:
                self._raise_closed()
                self._arrived = self.loop.create_future()
                await self._arrived
        message = self._messages.popleft()
        self._held -= len(message)
        if self._still and not self._full():
            self._read_on()
        return message

    async def send(self, message: str | bytes) -> None:
        """Send a message, waiting while the client reads too slowly; raises `SocketClosed`."""
        self._raise_closed()
        if isinstance(message, str):
            data = message.encode()
            self._engine.send_text(data)
        else:
            data = bytes(message)
            self._engine.send_binary(data)
        self.sent += len(data)
        self._push()
        if self.paused:
            try:
                await self.drain()
            except Disconnected:
                self._raise_closed()

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Close and wait for the client to agree, for `close_timeout` at most; a second call does nothing.

        Before `accept` there is nothing to close: the handshake is refused with 403 when the handler ends.
        """
        if not self.accepted:
            self._leaving = True
            return
        self._start_closing(code, reason)
        if not self._lost.done():
            await self._lost

    async def finish(self, error: BaseException | None) -> None:
        """The handler has ended: close, with 1011 when it failed."""
        if isinstance(error, asyncio.CancelledError):
            self._start_closing(1001, "the server is stopping")
            self.flush()
            self.transport.close()
        else:
            await self.close(1000 if error is None else 1011)

    # -- the transport's calls

    def data_received(self, data: bytes) -> None:
        """Take bytes from the client."""
        if not self._raw:
            self._frames = 0
        if self._raw or self._full():
            self._raw += data
            self._read_off()
        else:
            self._take(data)

    def eof_received(self) -> bool:
        """The client closed without a word, or after the closing handshake."""
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """Whoever waits for the client learns that it is gone."""
        if self._engine.state is not State.CLOSED:
            self._engine.receive_eof()
        self.server.websockets -= 1
        self._exchange.gone = True
        self._raw = b""
        self.lost()
        self._notify()
        self._lost.set_result(None)

    def pause_writing(self) -> None:
        """The client does not read: take no more from it either, for even its pings want answers."""
        super().pause_writing()
        self._read_off()

    def resume_writing(self) -> None:
        """The client reads again."""
        super().resume_writing()
        if not self._full():
            self._read_on()

    # -- time

    def late(self) -> None:
        """Ping a silent client; give up one that answers no ping, or that does not close."""
        if self._engine.state is not State.OPEN:
            self.transport.abort()
        elif self._pinged:
            self._engine.fail(1011, "keepalive ping timeout")
            self._push()
        else:
            self._pinged = True
            self.deadline = self.server.wheel.now + self.settings.ping_timeout
            self._engine.send_ping(b"")
            self._push()

    def depart(self) -> None:
        """The server drains: close with 1001."""
        self._start_closing(1001, "the server is stopping")

    # -- messages

    def _take(self, data: bytes) -> None:
        self._listen()
        for at in range(0, len(data), _SLICE):
            tired = self._frames >= _TURN
            if tired or self._full():
                self._raw = data[at:]
                self._read_off()
                if tired:
                    self.loop.call_soon(self._again)
                break
            self._engine.receive_data(data[at : at + _SLICE])
            for frame in self._engine.events_received():
                if isinstance(frame, Frame):
                    self._frames += 1
                    self._frame(frame)
        self._push()

    def _again(self) -> None:
        """Go on with what was left when the turn was over, unless client or handler has to catch up first."""
        self._frames = 0
        if not self.paused and not self._full():
            self._read_on()

    def _frame(self, frame: Frame) -> None:
        if self._leaving and frame.opcode is not Opcode.CLOSE:
            return
        if frame.opcode in {Opcode.TEXT, Opcode.BINARY}:
            self._parts = bytearray()
            self._decoder = _decoder() if frame.opcode is Opcode.TEXT else None
        elif frame.opcode is not Opcode.CONT:
            self._notify()
            return
        try:
            if self._decoder is not None:
                self._decoder.decode(bytes(frame.data), frame.fin)
        except UnicodeDecodeError:
            self._engine.fail(1007, "a text message is not UTF-8")
            self._leaving = True  # nothing behind it may be taken (RFC 6455 §7.1.7)
            self._notify()
            return
        self._parts += frame.data
        if len(self._parts) > self.settings.max_message:
            self._engine.fail(1009, f"a message is larger than {self.settings.max_message} bytes")
            self._leaving = True
            self._notify()
        elif frame.fin:
            message = bytes(self._parts) if self._decoder is None else self._parts.decode()
            self._parts = bytearray()
            self._messages.append(message)
            self._held += len(message)
            self._notify()

    def _full(self) -> bool:
        closing = (
            self._engine.state is not State.OPEN
        )  # then nobody takes messages, and the close frame must get through
        return not closing and (self._held >= self.settings.read_buffer or len(self._messages) >= _MESSAGES)

    def _push(self) -> None:
        """Send what the engine has to say; it says b"" when the connection is over."""
        for data in self._engine.data_to_send():
            if data:
                self.write(data)
            else:
                self.flush()
                self.transport.close()
        if self._engine.state is not State.OPEN:
            self.deadline = min(self.deadline, self.server.wheel.now + self.settings.close_timeout)
            self._notify()

    def _start_closing(self, code: int, reason: str) -> None:
        if self._engine.state is State.OPEN and not self.gone:
            self._engine.send_close(code, reason)
            self._leaving, self.deadline = True, NEVER
            self._push()
            self._read_on()

    def _raise_closed(self) -> None:
        engine = self._engine
        if engine.state is not State.OPEN or self.gone:
            close = engine.close_rcvd or engine.close_sent
            raise SocketClosed(close.code, close.reason) if close is not None else SocketClosed()

    def _notify(self) -> None:
        if self._arrived is not None and not self._arrived.done():
            self._arrived.set_result(None)

    # -- reading

    def _listen(self) -> None:
        self._pinged = False
        if self._engine.state is State.OPEN:
            silence = self.settings.ping_interval
            self.deadline = self.server.wheel.now + silence if silence else NEVER

    def _read_off(self) -> None:
        if not self._still:
            self._still = True
            self.deadline = NEVER  # the pong may be among what is not read
            self.transport.pause_reading()

    def _read_on(self) -> None:
        raw, self._raw = self._raw, b""
        if raw and self._frames < _TURN:
            self._take(raw)
        else:
            self._raw = raw
        if self._still and not self.paused and not self._raw and not self.gone:
            self._still = False
            self._listen()
            self.transport.resume_reading()

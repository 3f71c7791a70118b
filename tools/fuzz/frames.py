"""Frames: streams of WebSocket frames, read straight from RFC 6455, and what a server must make of them."""

from codecs import getincrementaldecoder
from dataclasses import dataclass, field
from random import Random
from typing import Self

from arlen_core.requests import Request
from arlen_core.responses import Response, Upgrade
from arlen_core.sockets import SocketClosed
from arlen_core.sockets import Transport as Socket
from tools.fuzz.mutations import cut
from tools.fuzz.rig import Rig

__all__ = ["Conversation", "Fuzzer", "listen", "stream"]

LIMIT = 200  # bytes of a message
OPEN = (
    b"GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
_CONTROL = frozenset({8, 9, 10})
_decoder = getincrementaldecoder("utf-8")


@dataclass
class Conversation:
    """What one side said: whole messages, pings and pongs, and how it ends: "open", "closed" or "failed"."""

    messages: list[str | bytes] = field(default_factory=list)
    pings: list[bytes] = field(default_factory=list)
    pongs: list[bytes] = field(default_factory=list)
    end: str = "open"


class _Failed(Exception):
    """The stream breaks a rule here."""


def listen(data: bytes, *, masked: bool, limit: int = LIMIT) -> Conversation:
    """Read a stream of frames without extensions (RFC 6455 §5).

    Args:
        data: the stream.
        masked: whether it is a client's, which must be masked (§5.3); a server's must not be.
        limit: most bytes of a message.
    """
    said, parts = Conversation(), _Parts(limit)
    try:
        while said.end == "open" and (frame := _frame(data, masked=masked, room=parts.room(data))):
            opcode, fin, payload, data = frame
            if opcode == 8:
                _check_close(payload)
                said.end = "closed"
            elif opcode in _CONTROL:
                (said.pings if opcode == 9 else said.pongs).append(payload)
            elif (message := parts.add(opcode, payload, fin=fin)) is not None:
                said.messages.append(message)
    except (_Failed, UnicodeDecodeError):
        said.end = "failed"
    return said


class _Parts:
    """A message in fragments (§5.4)."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.data = b""
        self._kind = 0
        self._decoder = _decoder()

    def room(self, data: bytes) -> int:
        """Return how much more a frame may bring; a control frame is no part of the message."""
        return self.limit - (0 if data[:1] and data[0] & 8 else len(self.data))

    def add(self, opcode: int, payload: bytes, *, fin: bool) -> str | bytes | None:
        if (opcode == 0) != (self._kind != 0):
            raise _Failed
        if opcode:
            self._kind, self._decoder = opcode, _decoder()
        if self._kind == 1:
            self._decoder.decode(payload, fin)
        self.data += payload
        if not fin:
            return None
        data, kind = self.data, self._kind
        self.data, self._kind = b"", 0
        return data.decode() if kind == 1 else data


def _frame(data: bytes, *, masked: bool, room: int) -> tuple[int, bool, bytes, bytes] | None:
    """Return opcode, FIN, payload and rest of the first frame, or `None` when it is not whole (§5.2)."""
    if len(data) < 2:
        return None
    opcode, fin, size, at = data[0] & 15, bool(data[0] & 128), data[1] & 127, 2
    if opcode not in {0, 1, 2, 8, 9, 10} or bool(data[1] & 128) != masked:
        raise _Failed
    wrong = data[0] & 0x70 or (opcode in _CONTROL and (size > 125 or not fin))
    if size > 125:
        width = 2 if size == 126 else 8
        if len(data) < 2 + width:
            return None
        size, at = int.from_bytes(data[2 : 2 + width]), 2 + width
    if size > room + 125:
        raise _Failed
    wrong = wrong or size > room
    mask = data[at : at + 4] if masked else b"\0\0\0\0"
    at += 4 * masked
    if len(data) < at + size:
        return None
    if wrong:  # what is said may come as late as this
        raise _Failed
    return opcode, fin, bytes(each ^ mask[n % 4] for n, each in enumerate(data[at : at + size])), data[at + size :]


def _check_close(payload: bytes) -> None:
    """§5.5.1, §7.4: nothing, or a code that may be sent, and UTF-8."""
    if payload:
        code = int.from_bytes(payload[:2])
        if len(payload) < 2 or not (code in range(1000, 1015) or 3000 <= code < 5000) or code in {1004, 1005, 1006}:
            raise _Failed
        payload[2:].decode()


def stream(random: Random) -> bytes:
    """Return frames as a client sends them, most of them right."""
    made = bytearray(b"".join(_made(random) for _ in range(random.choice((1, 2, 3, 5, 8)))))
    for _ in range(random.choice((0, 0, 1, 1, 2))):
        at = random.randrange(len(made) + 1)
        made[at : at + random.choice((0, 1, 1, 2))] = random.randbytes(random.choice((0, 1, 1, 2)))
    return bytes(made)


def _made(random: Random) -> bytes:
    opcode = random.choice((1,) * 8 + (2,) * 8 + (9,) * 4 + (10, 8, random.randrange(16)))
    payload = random.choice((b"", b"x", "é€😀".encode(), random.choice((b"\xff", b"\xed\xa0\x80", b"\xf0\x9f"))))
    if opcode == 2:
        payload = random.randbytes(random.randrange(random.choice((130, 220))))
    if opcode == 8:
        payload = random.choice((b"", b"\x03", random.choice((1000, 1001, 1005, 999, 2999, 3000, 5000)).to_bytes(2)))
    cuts = [payload] if opcode > 2 else cut(payload, random) or [b""]
    kinds = [opcode, *[0] * (len(cuts) - 1)]
    unfinished = random.randrange(12) == 0
    frames = [
        _encoded(kind, part, random, fin=number == len(cuts) - 1 and not unfinished)
        for number, (kind, part) in enumerate(zip(kinds, cuts, strict=True))
    ]
    ping = _encoded(9, b"between", random, fin=True) if random.randrange(4) == 0 else b""
    return ping.join(frames)


def _encoded(opcode: int, payload: bytes, random: Random, *, fin: bool) -> bytes:
    mask = random.randbytes(4)
    size = bytes([128 | len(payload)]) if len(payload) < 126 else b"\xfe" + len(payload).to_bytes(2)
    return bytes([128 * fin | opcode]) + size + mask + bytes(each ^ mask[n % 4] for n, each in enumerate(payload))


class Fuzzer:
    """Gives streams of frames to a server and compares with `listen`."""

    def __init__(self) -> None:
        self._heard: list[str | bytes] = []
        self._rig = Rig(self._upgrade, max_message=LIMIT, close_timeout=1.0)

    async def __aenter__(self) -> Self:
        await self._rig.__aenter__()
        return self

    async def __aexit__(self, *details: object) -> None:
        await self._rig.__aexit__(*details)

    def streams(self, random: Random) -> list[bytes]:
        """Return one stream in the parts in which it arrives."""
        return cut(stream(random), random)

    async def judged(self, parts: list[bytes]) -> tuple[list[str], str]:
        """Return what is broken, and the kind of the stream."""
        self._heard = []
        said = listen(b"".join(parts), masked=True)
        outcome = await self._rig.run([OPEN, *parts])
        head, _, sent = outcome.sent.partition(b"\r\n\r\n")
        wrong = list(outcome.broken)
        if not head.startswith(b"HTTP/1.1 101 "):
            wrong.append(f"no 101 but {head[:30]!r}")
        answered = listen(sent, masked=False, limit=10**6)
        if self._heard != said.messages:
            wrong.append(f"the handler got {self._heard!r}; the messages are {said.messages!r}")
        if answered.end == "failed" or answered.messages:
            wrong.append(f"the server sent {sent!r}")
        if (said.end == "open") != (answered.end == "open"):
            wrong.append(f"it is {said.end}; the server's side is {answered.end}")
        if answered.pongs[: len(said.pings)] != said.pings or (said.end != "failed" and answered.pongs != said.pings):
            wrong.append(f"pongs {answered.pongs!r} to pings {said.pings!r}")
        return wrong, said.end

    def _upgrade(self, request: Request) -> Response:
        return Upgrade(self._run)

    async def _run(self, socket: Socket) -> None:
        await socket.accept()
        try:
            while True:
                self._heard.append(await socket.receive())
        except SocketClosed:
            return

"""Faults: a relay between a client and an engine that breaks the connection in the ways in which networks do."""

from __future__ import annotations

import asyncio
import os
import socket
import struct
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Literal, Self
from urllib.parse import quote, urlsplit, urlunsplit

from arlen_core.clock import Clock, SystemClock

__all__ = ["Address", "Direction", "FaultProxy"]

Address = str | tuple[str, int]
Direction = Literal["up", "down"]
CHUNK = 65536
RESET = struct.pack("ii", 1, 0)  # linger for no time: close with a reset


class FaultProxy:
    """A relay for TCP or Unix sockets; no rights are needed, and it works on one machine.

    Args:
        target: what stands behind it: a host and a port, or the path of a Unix socket. Clients find the proxy at
            `address`, which is of the same kind.
        clock: for `delay` and `throttle`; a `VirtualClock` makes them exact.

    `up` is from the client to the target, `down` the other way. What a fault swallows is gone: when `heal` ends a
    fault, the connections that have lost something are reset, and the others go on. IPv4 only.

    ```python
    import asyncio

    from arlen_conformance.faults import FaultProxy


    async def echo(reader, writer):
        writer.write(await reader.read(100))
        writer.close()


    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    async with server, FaultProxy(server.sockets[0].getsockname()) as proxy:
        reader, writer = await asyncio.open_connection(*proxy.address)
        await proxy.connected()
        await proxy.cut()
        assert await reader.read() == b""
        writer.close()
    ```
    """

    def __init__(self, target: Address, *, clock: Clock | None = None) -> None:
        self.target = target
        self.address: Address = ""
        self.clock = clock or SystemClock()
        self.swallowed: frozenset[str] = frozenset()
        self.seconds = 0.0
        self.rate = 0.0
        self._links: dict[asyncio.Task[None], _Link] = {}
        self._folder: TemporaryDirectory[str] | None = None
        self._accepting: tuple[asyncio.Task[None], socket.socket] | None = None
        self._changed = asyncio.Event()

    async def __aenter__(self) -> Self:
        if isinstance(self.target, str):
            self._folder = TemporaryDirectory(prefix="arlen-")
            self.address = str(Path(self._folder.name, Path(self.target).name))  # PostgreSQL's clients name the folder
        else:
            self.address = ("127.0.0.1", 0)
        await self.accept()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.refuse()
        await self.cut()
        if self._folder is not None:
            self._folder.cleanup()

    @property
    def connections(self) -> int:
        """How many connections lead through it to the target."""
        return sum(link.through for link in self._links.values())

    async def connected(self, count: int = 1) -> None:
        """Wait until at least that many connections lead to the target."""
        while self.connections < count:
            self._changed.clear()
            await self._changed.wait()

    def url(self, url: str) -> str:
        """Return the URL of an engine with the proxy in the engine's place.

        A Unix socket is expected in the query, as `?host=folder`, or as the path of a `unix:` URL.
        """
        parts = urlsplit(url)
        if not isinstance(self.address, str):
            user, at, _ = parts.netloc.rpartition("@")
            return urlunsplit(parts._replace(netloc=f"{user}{at}{self.address[0]}:{self.address[1]}"))
        if "unix" in parts.scheme:
            return f"{parts.scheme}://{self.address}" + (f"?{parts.query}" if parts.query else "")
        return urlunsplit(parts._replace(query=f"host={quote(str(Path(self.address).parent), safe='')}"))

    async def accept(self) -> None:
        """Take connections, at the same address as before."""
        if self._accepting is None:
            listener = _listener(self.address)
            self.address = self.address if isinstance(self.address, str) else listener.getsockname()[:2]
            self._accepting = asyncio.create_task(self._accept(listener)), listener

    async def refuse(self) -> None:
        """Take no more connections: clients are refused. Those that there are stay."""
        accepting, self._accepting = self._accepting, None
        if accepting is not None:
            await _ended([accepting[0]])
            accepting[1].close()
            if isinstance(self.address, str):
                os.unlink(self.address)  # noqa: PTH108 - what a Path does, which ruff takes for slow

    async def cut(self) -> None:
        """End all connections in order, on both sides."""
        await self._end(self._links.values(), reset=False)

    async def reset(self) -> None:
        """End all connections with a reset, on both sides; a Unix socket just closes."""
        await self._end(self._links.values(), reset=True)

    def blackhole(self) -> None:
        """Swallow everything and keep the connections open, new ones too: a machine that has gone without a word."""
        self.swallowed = frozenset({"up", "down"})

    def one_way(self, direction: Direction) -> None:
        """Let only one direction through and swallow the other."""
        self.swallowed = frozenset({"up", "down"} - {direction})

    def delay(self, seconds: float) -> None:
        """Hold everything that arrives from now on for so long, in each direction."""
        self.seconds = seconds

    def throttle(self, rate: float) -> None:
        """Let through so many bytes in a second, in each direction of each connection."""
        self.rate = rate

    async def heal(self) -> None:
        """End every fault, reset the connections that have lost something, and take new ones."""
        self.swallowed, self.seconds, self.rate = frozenset(), 0.0, 0.0
        await self._end([link for link in self._links.values() if link.torn], reset=True)
        await self.accept()

    async def _end(self, links: Iterable[_Link], *, reset: bool) -> None:
        chosen = list(links)
        for link in chosen:
            link.hard = reset
        await _ended([task for task, link in self._links.items() if link in chosen])

    async def _accept(self, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            client, _ = await loop.sock_accept(listener)
            link = _Link(self, client, self._changed)
            task = asyncio.create_task(link.run())
            self._links[task] = link
            task.add_done_callback(self._links.pop)


class _Link:
    """One connection: the client's socket, the target's, and whether something of it was swallowed."""

    def __init__(self, proxy: FaultProxy, client: socket.socket, changed: asyncio.Event) -> None:
        self.proxy, self.client, self.changed = proxy, client, changed
        self.target = _socket(proxy.target)
        self.through = self.torn = self.hard = False
        client.setblocking(False)

    async def run(self) -> None:
        """Relay until both sides have ended, or somebody ends it; a reset of one side resets the other."""
        try:
            if self.proxy.swallowed != {"up", "down"}:
                await asyncio.get_running_loop().sock_connect(self.target, self.proxy.target)
                self.through = True
                self.changed.set()
            await self._both()
        except OSError:
            self.hard = True
        finally:
            self.through = False
            _close(self.client, hard=self.hard)
            _close(self.target, hard=self.hard)

    async def _both(self) -> None:
        tasks = [asyncio.create_task(self._pump("up", self.client, self.target))]
        if self.through:
            tasks.append(asyncio.create_task(self._pump("down", self.target, self.client)))
        try:
            await asyncio.gather(*tasks)
        finally:
            await _ended(tasks)

    async def _pump(self, direction: Direction, source: socket.socket, sink: socket.socket) -> None:
        loop, proxy = asyncio.get_running_loop(), self.proxy
        while data := await loop.sock_recv(source, CHUNK):
            if proxy.seconds:
                await proxy.clock.sleep(proxy.seconds)
            if proxy.rate:
                await proxy.clock.sleep(len(data) / proxy.rate)
            if self._lost(direction):
                continue
            await loop.sock_sendall(sink, data)
        if not self._lost(direction):
            sink.shutdown(socket.SHUT_WR)

    def _lost(self, direction: Direction) -> bool:
        lost = direction in self.proxy.swallowed or not self.through
        self.torn = self.torn or lost
        return lost


async def _ended(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _socket(address: Address) -> socket.socket:
    made = socket.socket(socket.AF_UNIX if isinstance(address, str) else socket.AF_INET)
    made.setblocking(False)
    return made


def _listener(address: Address) -> socket.socket:
    listener = _socket(address)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(address)
    listener.listen(128)
    return listener


def _close(end: socket.socket, *, hard: bool) -> None:
    if hard and end.family != socket.AF_UNIX:
        with suppress(OSError):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    end.close()

"""Clients: strict ones. Every request that is sent and not answered well is a failure.

Run as `python clients.py HOST:PORT CLIENTS PATH PAUSE`, or `unix:PATH` for the address; each client pauses for so many
seconds after an answer. It sends until standard input ends, then prints one JSON object: requests answered, failures by
kind, connections made, answers by body, seconds, and the processor time that it used itself.

Half of the clients keep their connections, the other half open one for each request; with `kept` as a fifth word, all
keep them. A connection that the server closed before a request was sent is opened again; that is no failure. One that
ends after a request was sent is.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import Counter
from typing import Any

__all__ = ["Client", "main"]


class Client:
    """One client, which sends one request after the other.

    Args:
        address: `HOST:PORT` or `unix:PATH`.
        path: what it asks for.
        pause: seconds after an answer.
        keep: whether it keeps its connection.

    Attributes:
        connections: how many it has opened.
        answers, failures: how many of each kind there were.
        pending: whether it waits for an answer.
    """

    def __init__(self, address: str, path: str = "/", pause: float = 0.0, *, keep: bool = True) -> None:
        self.address, self.pause, self.keep = address, pause, keep
        self.request = f"GET {path} HTTP/1.1\r\nHost: test\r\n".encode()
        self.request += b"\r\n" if keep else b"Connection: close\r\n\r\n"
        self.connections, self.pending = 0, False
        self.answers: Counter[str] = Counter()
        self.failures: Counter[str] = Counter()
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def run(self, stop: asyncio.Event) -> None:
        """Send until told to stop."""
        while not stop.is_set():
            try:
                await self.send()
                await asyncio.sleep(self.pause)
            except (OSError, EOFError, ValueError) as error:
                self.failed(error)
                await asyncio.sleep(0.001)
        self.close()

    def failed(self, error: Exception) -> None:
        """A request was not answered well: count it, and begin anew."""
        self.failures[f"{type(error).__name__}: {error}"] += 1
        self.close()

    async def send(self) -> str:
        """Send one request, check its answer, and return the body."""
        reader, writer = await self._connection()
        writer.write(self.request)
        self.pending = True
        head = await reader.readuntil(b"\r\n\r\n")
        lines = head.split(b"\r\n")
        if b" 200 " not in lines[0]:
            raise ValueError(lines[0].decode())
        fields = dict(line.lower().split(b":", 1) for line in lines[1:] if line)
        body = (await reader.readexactly(int(fields[b"content-length"]))).decode()
        self.pending = False
        self.answers[body] += 1
        if not self.keep or fields.get(b"connection", b"").strip() == b"close":
            self.close()
        return body

    @property
    def connected(self) -> bool:
        """Whether it has a connection."""
        return self._writer is not None

    async def _connection(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._reader is None or self._writer is None or self._reader.at_eof():
            self.close()
            self.connections += 1
            if self.address.startswith("unix:"):
                self._reader, self._writer = await asyncio.open_unix_connection(self.address.removeprefix("unix:"))
            else:
                host, _, port = self.address.rpartition(":")
                self._reader, self._writer = await asyncio.open_connection(host, int(port))
        return self._reader, self._writer

    def close(self) -> None:
        """Disconnect."""
        if self._writer is not None:
            self._writer.transport.abort()
        self._reader = self._writer = None
        self.pending = False


async def main(address: str, clients: int, path: str, pause: float, *, kept: bool = False) -> dict[str, Any]:
    """Run all clients until standard input ends; the totals."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    loop.add_reader(sys.stdin, stop.set)
    everyone = [Client(address, path, pause, keep=kept or number % 2 == 0) for number in range(clients)]
    begun, busy = time.monotonic(), time.process_time()
    async with asyncio.TaskGroup() as group:
        for client in everyone:
            group.create_task(client.run(stop))
    loop.remove_reader(sys.stdin)
    answers = sum((client.answers for client in everyone), Counter[str]())
    failures = sum((client.failures for client in everyone), Counter[str]())
    return {
        "requests": answers.total(),
        "failed": failures.total(),
        "connections": sum(client.connections for client in everyone),
        "answers": answers,
        "failures": failures,
        "seconds": time.monotonic() - begun,
        "cpu": time.process_time() - busy,
    }


if __name__ == "__main__":
    where, count, what, wait, *more = sys.argv[1:]
    sys.stdout.write(json.dumps(asyncio.run(main(where, int(count), what, float(wait), kept=more == ["kept"]))))

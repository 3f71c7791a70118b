"""Load: a strict HTTP client for tests of reloads. Every request that is sent and not answered well is a failure.

Run as `python load.py HOST:PORT CLIENTS PATH PAUSE`, or `unix:PATH` for the address; each client pauses for so many
seconds after an answer. It sends until standard input ends, then prints one JSON object: requests answered, failures by
kind, connections made, and answers by body.

Half of the clients keep their connections, the other half open one for each request. A connection that the server
closed before a request was sent is opened again; that is no failure. One that ends after a request was sent is.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections import Counter


class Client:
    """One client, which sends one request after the other."""

    def __init__(self, address, path, pause, totals, *, keep):
        self.address, self.pause, self.totals, self.keep = address, pause, totals, keep
        self.request = f"GET {path} HTTP/1.1\r\nHost: test\r\n".encode()
        self.request += b"\r\n" if keep else b"Connection: close\r\n\r\n"
        self.reader = self.writer = None

    async def run(self, stop):
        """Send until told to stop."""
        while not stop.is_set():
            try:
                await self.send()
                await asyncio.sleep(self.pause)
            except (OSError, EOFError, ValueError) as error:
                self.totals["failures"][f"{type(error).__name__}: {error}"] += 1
                self.close()
                await asyncio.sleep(0.001)
        self.close()

    async def send(self):
        """Send one request and check its answer."""
        if self.writer is None or self.reader.at_eof():
            self.close()
            await self.open()
        self.writer.write(self.request)
        head = await self.reader.readuntil(b"\r\n\r\n")
        lines = head.split(b"\r\n")
        if b" 200 " not in lines[0]:
            raise ValueError(lines[0].decode())
        fields = dict(line.lower().split(b":", 1) for line in lines[1:] if line)
        body = await self.reader.readexactly(int(fields[b"content-length"]))
        self.totals["answers"][body.decode()] += 1
        if not self.keep or fields.get(b"connection", b"").strip() == b"close":
            self.close()

    async def open(self):
        """Connect."""
        self.totals["connections"] += 1
        if self.address.startswith("unix:"):
            self.reader, self.writer = await asyncio.open_unix_connection(self.address.removeprefix("unix:"))
        else:
            host, _, port = self.address.rpartition(":")
            self.reader, self.writer = await asyncio.open_connection(host, int(port))

    def close(self):
        """Disconnect."""
        if self.writer is not None:
            self.writer.transport.abort()
        self.reader = self.writer = None


async def main(address, clients, path, pause):
    """Run all clients until standard input ends; the totals."""
    totals = {"failures": Counter(), "answers": Counter(), "connections": 0}
    stop = asyncio.Event()
    asyncio.get_running_loop().add_reader(sys.stdin, stop.set)
    async with asyncio.TaskGroup() as group:
        for number in range(clients):
            group.create_task(Client(address, path, pause, totals, keep=number % 2 == 0).run(stop))
    asyncio.get_running_loop().remove_reader(sys.stdin)
    return totals | {"requests": totals["answers"].total(), "failed": totals["failures"].total()}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asyncio.run(main(sys.argv[1], int(sys.argv[2]), sys.argv[3], float(sys.argv[4])))))

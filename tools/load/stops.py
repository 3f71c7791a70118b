"""Stops: TERM lets what is in flight finish; KILL of a worker costs only what that worker had in flight."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from tools.load.clients import Client
from tools.load.crowds import take
from tools.load.probes import until
from tools.load.report import Line
from tools.load.runners import Running, ended, propane

__all__ = ["Known", "Ledger", "begin", "finish", "kill", "strike", "term"]

BODY = 100_000  # more than the server collects before it calls a handler
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
KINDS = {
    "answers": b"GET /held?number=%d&seconds=%.1f HTTP/1.1\r\nHost: test\r\n\r\n",
    "streams": b"GET /begun?number=%d&seconds=%.1f HTTP/1.1\r\nHost: test\r\n\r\n",
    "uploads": b"POST /upload?number=%d&seconds=%.1f HTTP/1.1\r\nHost: test\r\nExpect: 100-continue\r\n"
    b"Content-Length: 100000\r\n\r\n",
}


def term(folder: Path, *, quick: bool) -> list[Line]:
    """Send TERM to propane while handlers wait, streams are half sent and bodies are half received."""
    each, seconds = (5, 0.5) if quick else (100, 2.0)
    with propane(folder, "--workers", "2", LOAD_FILES=str(folder)) as server, ExitStack() as stack:
        server.wait("worker_ready", 2)
        pids = server.workers
        waiting = {kind: [stack.enter_context(server.connect()) for _ in range(each)] for kind in KINDS}
        begin(waiting, seconds, folder)
        begun = time.monotonic()
        server.signal(signal.SIGTERM)
        server.wait("worker_stopping", 2)
        for client in waiting["uploads"]:
            client.sendall(bytes(BODY))
        whole = {kind: sum(finish(client, kind) for client in clients) for kind, clients in waiting.items()}
        code, took = server.join(), time.monotonic() - begun
        alive = sum(not ended(pid) for pid in pids)
    words = ", ".join(f"{whole[kind]} of {each} {kind}" for kind in KINDS)
    words += f"; exit code {code} after {took:.1f} s, {alive} processes left"
    met = sum(whole.values()) == 3 * each and code == 0 and not alive
    what = f"TERM to two workers with {3 * each} requests in flight"
    figures = {"whole": whole, "of": each, "code": code, "seconds": took}
    return [Line("term", what, "all complete, exit code 0", words, met, promise=True, figures=figures)]


def kill(folder: Path, *, quick: bool) -> list[Line]:
    """Kill one of two workers with -9 while clients ask both."""
    clients, seconds = (16, 0.5) if quick else (64, 5.0)
    with propane(folder, "--workers", "2") as server:
        server.wait("worker_ready", 2)
        ledger = asyncio.run(_killed(server, clients, seconds))
        exits = [each["worker_pid"] for each in server.all("worker_exited")]
        server.wait("worker_ready", 3)
    figures = ledger.figures()
    words = "{in_flight} in flight there when it was killed; {failed} failed, {late} of them sent before its end was"
    words += " seen; {others} others failed of {requests:,}"
    met = ledger.right and exits == [int(ledger.victim)]
    what = f"one of two workers killed with -9, {clients} connections that ask without pause"
    goal = "only its own in flight fail"
    return [Line("kill", what, goal, words.format(**figures), met, promise=True, figures=figures)]


def begin(waiting: dict[str, list[socket.socket]], seconds: float, folder: Path) -> None:
    """Send the requests, and return when each has shown that its handler runs.

    A plain handler leaves a file, a stream sends its first word, and whoever reads a body asks for it.
    """
    for kind, clients in waiting.items():
        for number, client in enumerate(clients):
            client.sendall(KINDS[kind] % (number, seconds))
    for client in waiting["streams"]:
        client.recv(1, socket.MSG_PEEK)
    for client in waiting["uploads"]:
        client.recv(len(CONTINUE), socket.MSG_WAITALL)
    if until(lambda: len(list(folder.glob("held-*"))) == len(waiting["answers"])) is None:
        raise TimeoutError("not every handler has begun")


def finish(client: socket.socket, kind: str) -> bool:
    """Say whether the answer comes, and is whole."""
    try:
        if kind == "uploads":
            return take(client).endswith(b"\r\n%d" % BODY)
        if kind == "answers":
            return take(client).endswith(b"\r\nheld")
        data = b""
        while more := client.recv(65536):
            data += more
            if data.endswith(b"\r\n0\r\n\r\n"):
                break
        return b"begun" in data and data.endswith(b"done\r\n0\r\n\r\n")
    except (OSError, EOFError):
        return False


def strike(pid: int) -> None:
    """Kill a process."""
    os.kill(pid, signal.SIGKILL)


class Known(Client):
    """A client that knows which worker its connection belongs to, because each answer is a process id.

    Attributes:
        worker: that worker, or "" on a new connection.
        lost: the worker of each request that failed; "nobody" for a connection that was refused.
    """

    def __init__(self, address: str, path: str) -> None:
        super().__init__(address, path)
        self.worker = ""
        self.lost: list[str] = []

    async def send(self) -> str:
        """Ask, and remember who answered."""
        body = await super().send()
        self.worker = body if self.connected else ""
        return body

    def failed(self, error: Exception) -> None:
        """Remember who did not answer."""
        self.lost.append((self.worker or "unknown") if self.pending else "nobody")
        super().failed(error)

    def close(self) -> None:
        """Disconnect."""
        super().close()
        self.worker = ""


class Ledger:
    """What happened when a worker was killed.

    Args:
        victim: its process id.
        everyone: the clients, as they are at that moment.
    """

    def __init__(self, victim: str, everyone: list[Known]) -> None:
        self.victim, self._everyone = victim, everyone
        self._mine = [client for client in everyone if client.worker == victim]
        self._pending = [client for client in self._mine if client.pending]

    def figures(self) -> dict[str, Any]:
        """Return how many there were of each kind."""
        lost = [worker for client in self._everyone for worker in client.lost]
        own = lost.count(self.victim)
        return {
            "connections": len(self._mine),
            "in_flight": len(self._pending),
            "failed": own,
            "late": sum(len(client.lost) for client in self._mine if client not in self._pending),
            "others": len(lost) - own,
            "requests": sum(client.answers.total() for client in self._everyone),
        }

    @property
    def right(self) -> bool:
        """Whether only the victim's connections have failed, and none of them twice."""
        once = all(len(client.lost) <= 1 for client in self._mine)
        return once and not self.figures()["others"]


async def _killed(server: Running, count: int, seconds: float) -> Ledger:
    stop = asyncio.Event()
    everyone = [Known(server.address, "/pid?seconds=0.01") for _ in range(count)]
    async with asyncio.TaskGroup() as group:
        for client in everyone:
            await client.send()
        for client in everyone:
            group.create_task(client.run(stop))
        await asyncio.sleep(seconds / 2)
        ((victim, _),) = Counter(client.worker for client in everyone).most_common(1)
        ledger = Ledger(victim, everyone)
        strike(int(victim))
        until(lambda: ended(int(victim)))  # nobody sends meanwhile, so that what is in flight is known
        await asyncio.sleep(seconds / 2)
        stop.set()
    return ledger

"""The load: wrk where it is installed, else a small generator of our own; each in a process and on a core of its own.

Run as a program, this module is that generator: it reads a plan as JSON from standard input and prints what came of it.
"""

import asyncio
import json
import resource
import sys
import time
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Connection", "Plan", "Tally", "main", "percentile", "run", "saturated"]

SATURATED = 0.9


@dataclass(frozen=True)
class Plan:
    """What to ask, by how many connections, for how long."""

    port: int
    path: str
    method: str = "GET"
    body: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    connections: int = 64
    seconds: float = 2.0
    first: int = 1

    def head(self) -> tuple[str, bytes]:
        """Return a request as a pattern for its first line and the bytes that follow."""
        body = self.body.encode()
        lines = [f"host: 127.0.0.1:{self.port}", *(f"{name}: {value}" for name, value in self.headers)]
        lines += [f"content-length: {len(body)}"] if body or self.method == "POST" else []
        return f"{self.method} {self.path} HTTP/1.1\r\n", "\r\n".join(lines).encode() + b"\r\n\r\n" + body


@dataclass
class Tally:
    """What came of a run."""

    requests: int = 0
    errors: int = 0
    times: list[float] = field(default_factory=list)
    stop: float = float("inf")
    number: int = 0


class Connection(asyncio.Protocol):
    """One connection that asks, waits for the answer, and asks again."""

    def __init__(self, plan: Plan, tally: Tally) -> None:
        self.pattern, self.rest = plan.head()
        self.counted = "{n}" in self.pattern
        self.fixed = self.pattern.encode() + self.rest
        self.tally = tally
        self.transport: Any = None
        self.data = b""
        self.asked = 0.0
        self.over = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport; nobody asks before all are connected."""
        self.transport = transport

    def ask(self) -> None:
        """Send a request."""
        self.asked = time.perf_counter()
        if not self.counted:
            self.transport.write(self.fixed)
            return
        self.tally.number += 1
        self.transport.write(self.pattern.replace("{n}", str(self.tally.number)).encode() + self.rest)

    def data_received(self, data: bytes) -> None:
        """Count an answer when it is whole, and ask again."""
        self.data = self.data + data if self.data else data
        size = _whole(self.data)
        if size < 0:
            return
        now, tally = time.perf_counter(), self.tally
        if now > tally.stop:
            self.transport.close()
            return
        tally.requests += 1
        tally.errors += self.data[9:10] not in b"23"
        tally.times.append(now - self.asked)
        self.data = self.data[size:]
        self.ask()

    def connection_lost(self, exc: Exception | None) -> None:
        """Count a connection that the server closed as an error."""
        self.tally.errors += time.perf_counter() <= self.tally.stop
        if not self.over.done():
            self.over.set_result(None)


async def run(plan: Plan) -> dict[str, Any]:
    """Ask for as long as the plan says, and return the counts, the latencies and the share of a core that it took."""
    loop, tally = asyncio.get_running_loop(), Tally(number=plan.first)
    protocols: list[Connection] = []
    for _ in range(plan.connections):
        _, protocol = await loop.create_connection(lambda: Connection(plan, tally), "127.0.0.1", plan.port)
        protocols.append(protocol)
    begun, used = time.perf_counter(), _used()
    tally.stop = begun + plan.seconds
    for each in protocols:
        each.ask()
    await asyncio.wait([each.over for each in protocols], timeout=plan.seconds + 2.0)
    ended = min(time.perf_counter(), tally.stop)
    for each in protocols:
        each.transport.abort()
    share = (_used() - used) / max(time.perf_counter() - begun, 1e-9)
    return report(tally, ended - begun, share)


def report(tally: Tally, seconds: float, share: float) -> dict[str, Any]:
    """Return what the generator prints."""
    times = sorted(tally.times)
    return {
        "requests": tally.requests,
        "errors": tally.errors,
        "seconds": seconds,
        "p50": percentile(times, 50) * 1e6,
        "p99": percentile(times, 99) * 1e6,
        "share": share,
    }


def percentile(ordered: list[float], percent: float) -> float:
    """Return the value that `percent` of the ordered values do not exceed; 0 when there are none."""
    if not ordered:
        return 0.0
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]


def saturated(share: float) -> bool:
    """Whether a generator that used this share of its core may have been what was measured."""
    return share > SATURATED


def main() -> None:
    """Run the plan that standard input holds and print the result as JSON."""
    given = json.load(sys.stdin)
    plan = Plan(**{**given, "headers": tuple((name, value) for name, value in given.get("headers", ()))})
    print(json.dumps(asyncio.run(run(plan))))


def _whole(data: bytes) -> int:
    # The size of the first answer in `data`, or -1 while it is not whole.
    end = data.find(b"\r\n\r\n")
    if end < 0:
        return -1
    head = data[:end].lower()
    at = head.find(b"\r\ncontent-length:")
    if at >= 0:
        size = end + 4 + int(head[at + 17 :].split(b"\r\n", 1)[0])
        return size if len(data) >= size else -1
    if b"transfer-encoding: chunked" in head:
        last = data.find(b"\r\n0\r\n\r\n", end)
        return last + 7 if last >= 0 else -1
    return end + 4


def _used() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    main()

"""Campaigns: streams without end, each judged; those that break an invariant are made small."""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from random import Random
from typing import Protocol, Self

from tools.fuzz import forms, frames, parsers, requests

__all__ = ["TARGETS", "Failure", "Fuzzer", "Report", "replay", "run", "shrink"]


class Fuzzer(Protocol):
    """One target: it makes streams and judges what becomes of them."""

    async def __aenter__(self) -> Self: ...

    async def __aexit__(self, *details: object) -> None: ...

    def streams(self, random: Random) -> list[bytes]:
        """Return one stream in the parts in which it arrives."""

    async def judged(self, parts: list[bytes]) -> tuple[list[str], str]:
        """Return which invariants are broken, and what kind of stream it is."""


TARGETS: dict[str, Callable[[], Fuzzer]] = {
    "http": requests.Fuzzer,
    "tight": requests.Tight,
    "frames": frames.Fuzzer,
    "forms": forms.Fuzzer,
    "parsers": parsers.Fuzzer,
}


@dataclass
class Failure:
    """A stream, in the parts in which it came, and the invariants that it breaks."""

    parts: list[bytes]
    problems: list[str]


@dataclass
class Report:
    """What a campaign did: how many streams, of which kinds, and what failed."""

    count: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    failures: list[Failure] = field(default_factory=list)


def run(target: str, seed: int, *, count: int | None = None, seconds: float | None = None, most: int = 1) -> Report:
    """Give streams to a target; stop after `count` of them, `seconds`, or `most` failures.

    The same seed and count give the same streams.
    """
    random = Random(seed)  # noqa: S311  # to be repeated, not to be secret
    return asyncio.run(_run(target, random, count, seconds, most))


def replay(target: str, parts: list[bytes]) -> list[str]:
    """Return what one stream breaks."""

    async def judge() -> list[str]:
        async with TARGETS[target]() as fuzzer:
            return (await fuzzer.judged(parts))[0]

    return asyncio.run(judge())


async def shrink(parts: list[bytes], fails: Callable[[list[bytes]], Awaitable[object]]) -> list[bytes]:
    """Return fewer and smaller parts that fail as well."""
    for number in range(len(parts) - 1, 0, -1):
        joined = [*parts[: number - 1], parts[number - 1] + parts[number], *parts[number + 1 :]]
        parts = joined if await fails(joined) else parts
    for number in range(len(parts)):
        size = max(1, len(parts[number]) // 2)
        while size:
            at = 0
            while at < len(parts[number]):
                less = parts[number][:at] + parts[number][at + size :]
                smaller = [*parts[:number], less, *parts[number + 1 :]]
                if await fails(smaller):
                    parts = smaller
                else:
                    at += size
            size //= 2
    return parts


async def _run(target: str, random: Random, count: int | None, seconds: float | None, most: int) -> Report:
    report, end = Report(), None if seconds is None else time.monotonic() + seconds
    async with TARGETS[target]() as fuzzer:

        async def fails(parts: list[bytes]) -> list[str]:
            return (await fuzzer.judged(parts))[0]

        while report.count != count and len(report.failures) < most and (end is None or time.monotonic() < end):
            parts = fuzzer.streams(random)
            problems, kind = await fuzzer.judged(parts)
            report.count += 1
            report.kinds[kind] += 1
            if problems:
                small = await shrink(parts, fails)
                report.failures.append(Failure(small, await fails(small) or problems))
    return report

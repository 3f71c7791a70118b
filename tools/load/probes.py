"""Probes: what the system says about a process: memory, open files, processor time. From /proc, so on Linux only."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Memory", "cpu", "descriptors", "family", "memory", "until"]


@dataclass(frozen=True)
class Memory:
    """Bytes that a process holds in memory: all of them, and with what it shares divided among those who share it."""

    rss: int
    pss: int


def memory(pid: int, root: Path = Path("/proc")) -> Memory:
    """Return what a process holds in memory."""
    fields = {}
    for line in (root / str(pid) / "smaps_rollup").read_text().splitlines()[1:]:
        name, _, value = line.partition(":")
        fields[name] = int(value.split()[0]) * 1024
    return Memory(fields["Rss"], fields["Pss"])


def family(leader: int) -> Memory:
    """Return what all processes of a session hold in memory: a server that starts others is measured with them."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            if int(stat.read_text().rpartition(")")[2].split()[3]) == leader:
                found.append(memory(int(stat.parent.name)))
    return Memory(sum(each.rss for each in found), sum(each.pss for each in found))


def descriptors(pid: int) -> int:
    """Return how many files and sockets a process has open."""
    return len(os.listdir(f"/proc/{pid}/fd"))  # noqa: PTH208 - names are enough


def cpu(pid: int) -> float:
    """Return the seconds of processor time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def until(condition: Callable[[], bool], patience: float = 10.0) -> float | None:
    """Ask again and again until a condition holds; return the seconds that it took, or `None` when it did not come."""
    begun = time.monotonic()
    while not condition():
        if time.monotonic() - begun > patience:
            return None
        time.sleep(0.005)
    return time.monotonic() - begun

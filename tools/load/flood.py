"""Flood: more connections than the limit are answered with 503 or refused, and the server recovers at once."""

from __future__ import annotations

import json
from pathlib import Path

from tools.load.crowds import Crowd, ask, flood, raise_limit, request
from tools.load.probes import descriptors, memory, until
from tools.load.report import Line, mebibytes
from tools.load.runners import Running, propane

__all__ = ["check"]

WAVES = 3
GROWTH = 2 << 20  # bytes between the first wave and the last: the allocator's whims, and no connection's


def check(folder: Path, *, quick: bool) -> list[Line]:
    """Open four times as many connections as the limit allows, in waves, with some of the room taken by old ones."""
    limit = 40 if quick else 1000
    raise_limit(8 * limit + 256)
    server = propane(folder, "--workers", "1", ARLEN_SERVER__MAX_CONNECTIONS=str(limit))
    with server, Crowd(server.place) as old:
        pid = server.wait("worker_ready")["worker_pid"]
        old.open(limit // 4)
        before = descriptors(pid)
        waves = [_wave(server, pid, old, 4 * limit) for _ in range(WAVES)]
        until(lambda: descriptors(pid) == before)  # the last to ask has just left
        after = descriptors(pid)
    return [_line(limit, before, after, waves)]


def _wave(server: Running, pid: int, old: Crowd, count: int) -> dict[str, float]:
    fates, held = flood(server.place, count)
    kept = old.ask()
    for each in held:
        each.close()
    seconds = until(lambda: _answers(server))
    quiet = until(lambda: json.loads(server.get("/state")[1])["connections"] == len(old.members) + 1)
    found = {"recovered": -1.0 if seconds is None else seconds, "quiet": -1.0 if quiet is None else quiet}
    return {**fates, **found, "old": kept, "rss": memory(pid).rss}


def _answers(server: Running) -> bool:
    with server.connect() as client:
        return ask(client, request("/"))


def _line(limit: int, before: int, after: int, waves: list[dict[str, float]]) -> Line:
    growth = waves[-1]["rss"] - waves[0]["rss"]
    good = [
        wave.get("200", 0) == limit - limit // 4
        and wave.get("503", 0)
        and not wave["silent"]
        and wave["old"] == limit // 4
        and wave["recovered"] >= 0
        and wave["quiet"] >= 0
        for wave in waves
    ]
    last = waves[-1]
    words = "{:,.0f} answered, {:,.0f} told 503, {:,.0f} cut, {:,.0f} left waiting; ".format(
        *(last.get(fate, 0) for fate in ("200", "503", "cut", "silent"))
    )
    words += f"recovered in {1000 * max(wave['recovered'] for wave in waves):.0f} ms"
    words += f"; {before} descriptors before, {after} after; {mebibytes(growth)} more memory after {len(waves)} waves"
    what = f"{4 * limit:,} connections at once past a limit of {limit:,}, of which {limit // 4:,} are taken"
    met = all(good) and before == after and growth <= GROWTH
    goal = "answered, told or refused; recovers; nothing left"
    return Line("flood", what, goal, words, bool(met), promise=True, figures={"limit": limit, "waves": waves})

"""Resets: clients that reset their connections in the middle of an answer leave nothing behind."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tools.load.crowds import reset
from tools.load.probes import descriptors, memory, until
from tools.load.report import Line, mebibytes
from tools.load.runners import Running, propane

__all__ = ["check", "left"]

PATHS = ("/stream", "/file/reset.bin", "/large")
GROWTH = 2 << 20  # bytes from the first wave to the last: one connection each would be more
KEYS = ("in_flight", "connections", "tasks", "streams", "descriptors")


def check(folder: Path, *, quick: bool) -> list[Line]:
    """Reset connections in the middle of streams, files and large bodies, in waves."""
    each, waves = (60, 3) if quick else (1000, 5)
    with (folder / "reset.bin").open("wb") as file:
        file.truncate(64 << 20)
    with propane(folder, "--workers", "1", LOAD_FILES=str(folder)) as server:
        pid = server.wait("worker_ready")["worker_pid"]
        _wave(server, 64)  # what a server makes once is made now
        states = [_settled(server, pid, None)]
        for _ in range(waves):
            _wave(server, each)
            states.append(_settled(server, pid, states[0]))
    return [_line(each, states)]


def left(states: list[dict[str, Any]]) -> dict[str, int]:
    """Return what there is more of at the end than in the beginning."""
    first, last = states[0], states[-1]
    return {key: last[key] - first[key] for key in KEYS if last[key] != first[key]}


def _wave(server: Running, count: int) -> None:
    for number in range(count):
        reset(server.place, PATHS[number % len(PATHS)])


def _settled(server: Running, pid: int, wanted: dict[str, Any] | None) -> dict[str, Any]:
    """What the server has, as soon as nothing is in flight and, when it comes to that, all is as it was."""
    state: dict[str, Any] = {}

    def quiet() -> bool:
        state.update(json.loads(server.get("/state")[1]), rss=memory(pid).rss, descriptors=descriptors(pid))
        calm = state["in_flight"] == state["connections"] == 1 and not state["streams"]
        return calm and (wanted is None or not left([wanted, state]))

    until(quiet)
    return state


def _line(each: int, states: list[dict[str, Any]]) -> Line:
    growth, waves, more = states[-1]["rss"] - states[1]["rss"], len(states) - 1, left(states)
    words = ", ".join(f"{key} {states[0][key]} → {states[-1][key]}" for key in KEYS)
    words += (
        f"; memory {mebibytes(states[1]['rss'])} after the first wave, {mebibytes(states[-1]['rss'])} after the last"
    )
    what = f"{waves} waves of {each:,} resets in the middle of streams, files and large bodies"
    met = not more and growth <= GROWTH
    return Line("resets", what, "nothing left behind", words, met, promise=True, figures={"states": states})

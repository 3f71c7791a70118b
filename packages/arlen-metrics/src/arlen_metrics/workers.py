"""Workers: what the supervisor says of its processes, read when somebody asks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct, field

from arlen_core.meters import Declaration
from arlen_metrics.totals import Totals

__all__ = ["DECLARATIONS", "FILE", "Manager", "Pool", "add", "read"]

FILE = "manager.json"
"""The file in the supervisor's folder."""

_POOLS = Declaration("gauge", "arlen.workers", "Processes of the supervisor.", ("pool", "state"), "{process}")
_RESTARTS = Declaration(
    "counter", "arlen.worker.restarts", "Processes that were replaced, by reason.", ("pool", "reason"), "{process}"
)
_STARTED = Declaration("gauge", "arlen.manager.start_time", "When the supervisor started, in Unix time.", (), "s")
DECLARATIONS = (_POOLS, _RESTARTS, _STARTED)
"""The series that come from there."""


class Pool(Struct, frozen=True):
    """One kind of process: how many there should be, live, and take work, and why others were replaced."""

    size: int = 0
    alive: int = 0
    ready: int = 0
    restarts: dict[str, int] = field(default_factory=dict)


class Manager(Struct, frozen=True):
    """What the supervisor says."""

    pid: int = 0
    started: float = 0.0
    generation: Any = 0
    pools: dict[str, Pool] = field(default_factory=dict)


def read(folder: Path | None) -> Manager | None:
    """Return what the supervisor says in its folder; `None` when there is nobody, or nothing that can be read."""
    try:
        return None if folder is None else msgspec.json.decode((folder / FILE).read_bytes(), type=Manager)
    except (OSError, msgspec.MsgspecError):
        return None


def add(manager: Manager | None, totals: Totals) -> None:
    """Add what the supervisor says to `totals`.

    >>> totals = Totals()
    >>> add(Manager(pools={"web": Pool(size=4, alive=4, ready=3, restarts={"killed": 1})}), totals)
    >>> totals.families["arlen.worker.restarts"].series
    {('web', 'killed'): [1.0]}
    """
    if manager is None:
        return
    pools = manager.pools.items()
    for name, pool in pools:
        states = {"size": pool.size, "alive": pool.alive, "ready": pool.ready}
        totals.add(_POOLS, [((name, state), [float(count)]) for state, count in states.items()])
    restarts = [((name, why), [float(count)]) for name, pool in pools for why, count in pool.restarts.items()]
    totals.add(_RESTARTS, restarts)
    totals.add(_STARTED, [((), [manager.started])])

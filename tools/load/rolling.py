"""Rolling: a reload replaces every worker while clients ask, and no request fails."""

from __future__ import annotations

import signal
import time
from collections import Counter
from pathlib import Path

from tools.load.report import Line
from tools.load.runners import Load, Running, propane

__all__ = ["check"]

WANTED, FEW = 100_000, 1000
PART = 10  # reloads for each process of clients, so that a report comes now and then


def check(folder: Path, *, quick: bool) -> list[Line]:
    """Reload again and again until so many requests were answered or have failed."""
    wanted = FEW if quick else WANTED
    answers: Counter[str] = Counter()
    failures: Counter[str] = Counter()
    connections = reloads = 0
    begun = time.monotonic()
    with propane(folder, "--workers", "2") as server:
        server.wait("worker_ready", 2)
        while answers.total() + failures.total() < wanted:
            with Load(server.address, clients=16, path="/pid", pause=0.0) as load:
                reloads = _reload(server, reloads, 1 if quick else PART)
                totals = load.finish()
            answers.update(totals["answers"])
            failures.update(totals["failures"])
            connections += totals["connections"]
        killed, code = server.count("worker_killed"), server.stop()
    seconds = time.monotonic() - begun
    words = f"{failures.total()} of {answers.total() + failures.total():,} failed in {reloads} reloads"
    words += f" ({len(answers)} workers answered, {connections:,} connections, {seconds:.0f} s, {killed} killed)"
    words += "".join(f"; {kind}: {count}" for kind, count in failures.most_common(3))
    met = not failures and not killed and code == 0 and reloads < len(answers)
    what = f"rolling reloads (HUP) of two workers without pause under load, {wanted:,} requests"
    figures = {"requests": answers.total(), "failures": failures, "reloads": reloads, "seconds": seconds}
    return [Line("reload", what, "0 failed", words, met, promise=True, figures=figures)]


def _reload(server: Running, done: int, count: int) -> int:
    for number in range(done + 1, done + count + 1):
        server.signal(signal.SIGHUP)
        server.wait("reload_finished", number)
    return done + count

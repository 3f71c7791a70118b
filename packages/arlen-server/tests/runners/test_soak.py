"""Soak: a hundred thousand requests while propane does all that it can do to its workers."""

from __future__ import annotations

import signal
import sys

import pytest

pytestmark = [pytest.mark.soak, pytest.mark.timeout(1200)]

WANTED = 100_000


@pytest.mark.parametrize(
    "listener",
    [
        "shared",
        pytest.param(
            "reuseport",
            marks=pytest.mark.skipif(sys.platform != "linux", reason="the system lacks: spreading of SO_REUSEPORT"),
        ),
    ],
)
@pytest.mark.parametrize("loop", ["auto", "asyncio"])
def test_hundred_thousand_requests_without_a_failure(run, load, root, listener, loop):
    """Reloads, scaling and recycling without pause fail none of 100,000 requests."""
    with (root / "config" / "app.toml").open("a") as file:
        file.write(f'loop = "{loop}"\n[server.propane]\nlistener = "{listener}"\nmax_requests = 5000\n')
    propane = run("propane", "--workers", "2")
    propane.wait("worker_ready", 2)
    rounds = done = 0
    failures = {}
    while done < WANTED:
        client = load(propane.address, clients=16, pause=0)
        for _ in range(5):
            rounds += 1
            propane.signal(signal.SIGHUP)
            propane.wait("reload_finished", rounds)
            propane.signal(signal.SIGTTIN)
            propane.wait("scaled", 2 * rounds - 1)
            propane.signal(signal.SIGTTOU)
            propane.wait("scaled", 2 * rounds)
        totals = client.finish()
        done += totals["requests"]
        failures |= totals["failures"]
    assert {} == failures
    assert 0 == propane.count("worker_killed")
    assert 0 == propane.stop()

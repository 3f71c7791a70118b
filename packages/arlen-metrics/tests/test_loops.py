"""Loops: how late the event loop is, and the beat."""

import asyncio

import pytest

from arlen_core.clock import VirtualClock
from arlen_core.meters import Meters
from arlen_metrics.loops import Beat
from arlen_metrics.registry import Registry

pytestmark = pytest.mark.anyio


class Beaten:
    """A beat that runs on a clock of the test's."""

    def __init__(self, **options):
        self.clock, self.registry, self.meters = VirtualClock(), Registry(), Meters()
        self.meters.attach(self.registry)
        self.beat = Beat(self.registry, self.clock, **options)
        self.beat.declare(self.meters)

    async def __aenter__(self):
        self.task = asyncio.get_running_loop().create_task(self.beat.run())
        await self.clock.asleep()
        return self

    async def __aexit__(self, *_):
        self.task.cancel()
        await asyncio.wait([self.task])

    def series(self, name):
        return self.registry.totals().families[name].series


async def test_a_loop_in_time_is_not_late():
    """Each look counts, at 0 seconds."""
    async with Beaten(period=5.0, lag=0.5) as beaten:
        await beaten.clock.advance(2)
        assert [4.0, *[0.0] * 11] == beaten.series("arlen.event_loop.lag")[()]
        assert {(): [0.0]} == beaten.series("arlen.event_loop.lag.max")


async def test_a_blocked_loop_is_late():
    """A handler that blocks for a second shows as a second, in the histogram and in the most of a minute."""
    async with Beaten(period=5.0, lag=0.5) as beaten:
        beaten.clock.shift(1.5)
        await beaten.clock.advance(0)
        assert pytest.approx(1.0) == beaten.series("arlen.event_loop.lag")[()][-1]
        assert pytest.approx(1.0) == beaten.series("arlen.event_loop.lag.max")[()][0]


async def test_the_most_is_that_of_the_last_minute():
    """What is longer ago counts no more, and what came since then does."""
    async with Beaten(period=100.0, lag=0.5) as beaten:
        beaten.clock.shift(2.5)
        await beaten.clock.advance(30)
        beaten.clock.shift(1.5)
        await beaten.clock.advance(20)
        assert pytest.approx(2.0) == beaten.series("arlen.event_loop.lag.max")[()][0]
        await beaten.clock.advance(15)
        assert pytest.approx(1.0) == beaten.series("arlen.event_loop.lag.max")[()][0]
        await beaten.clock.advance(60)
        assert pytest.approx(0.0) == beaten.series("arlen.event_loop.lag.max")[()][0]


async def test_what_is_observed_is_asked_each_period():
    """Others see it without anybody asking this process."""
    asked = []
    async with Beaten(period=5.0, lag=0.5) as beaten:
        beaten.meters.observe("pool.size", "Connections.", lambda: asked.append(1) or 1)
        await beaten.clock.advance(16)
    assert 3 == len(asked)


async def test_without_lag_nobody_looks_at_the_loop():
    """0 looks at nothing, and the beat goes on."""
    asked = []
    async with Beaten(period=5.0, lag=0.0) as beaten:
        beaten.meters.observe("pool.size", "Connections.", lambda: asked.append(1) or 1)
        await beaten.clock.advance(10)
        assert 2 == len(asked)
        assert 0.0 == sum(beaten.series("arlen.event_loop.lag")[()])

"""LifecycleContract: what everything keeps that starts and stops parts: an application, a pool of workers, a host."""

from __future__ import annotations

import anyio
import anyio.lowlevel

from arlen_conformance.conformance.botchers import SABOTEURS
from arlen_conformance.conformance.diaries import BOUND, Broken, Diary, Owner, told
from arlen_conformance.contract import Contract
from arlen_conformance.promises import promise

__all__ = ["MOUNTS", "TIMEOUTS", "LifecycleContract"]

TIMEOUTS = "timeouts"
"""The capability of an owner that gives up a part which takes too long."""

MOUNTS = "mounts"
"""The capability of an owner that other owners can be mounted in."""

SHORT = 0.02
"""Seconds that a part gets which takes for ever."""


async def _refused(owner: Owner) -> Exception:
    """Start an owner that cannot start; return the error."""
    try:
        await owner.start()
    except Exception as error:  # noqa: BLE001 - whatever it is
        return error
    raise AssertionError("it started, and one of its parts had failed")


async def _reluctant(owner: Owner) -> Exception:
    """Stop an owner whose parts do not stop cleanly; return the error."""
    try:
        await owner.stop()
    except Exception as error:  # noqa: BLE001 - whatever it is
        return error
    raise AssertionError("it stopped without a word, and one of its parts had failed")


class _Orders:
    """In order, in reverse, once."""

    @promise
    async def test_parts_start_in_order(self, adapter: Owner) -> None:
        """Parts start in the order in which they were added, each when the one before has started."""
        seen = Diary(adapter).slow("pump", "up").add("gear", "axle")
        async with seen.during(adapter.start):
            early = seen.seen[:]
        assert [] == early
        assert ["pump up", "gear up", "axle up"] == seen.seen
        await adapter.stop()

    @promise
    async def test_parts_stop_in_reverse_order(self, adapter: Owner) -> None:
        """Parts stop in the reverse order, each when the one after it has stopped."""
        seen = Diary(adapter).add("a", "b").slow("c", "down")
        await adapter.start()
        seen.take()
        async with seen.during(adapter.stop):
            early = seen.seen[:]
        assert [] == early
        assert ["c down", "b down", "a down"] == seen.seen

    @promise
    async def test_a_second_start_does_nothing(self, adapter: Owner) -> None:
        """A start of what has started does nothing."""
        seen = Diary(adapter).add("a")
        await adapter.start()
        await adapter.start()
        assert (["a up"], "started") == (seen.seen, adapter.state)
        await adapter.stop()

    @promise
    async def test_a_second_stop_does_nothing(self, adapter: Owner) -> None:
        """A stop of what has stopped, or never started, does nothing."""
        seen = Diary(adapter).add("a")
        await adapter.stop()
        assert [] == seen.seen
        await adapter.start()
        await adapter.stop()
        await adapter.stop()
        assert ["a up", "a down"] == seen.seen

    @promise
    async def test_it_starts_again(self, adapter: Owner) -> None:
        """After a stop it starts and stops once more, every part once and in the same order."""
        seen = Diary(adapter).add("a", "b")
        for _ in range(3):
            await adapter.start()
            assert (["a up", "b up"], "started") == (seen.take(), adapter.state)
            await adapter.stop()
            assert (["a down", "b down"], "stopped") == (sorted(seen.take()), adapter.state)

    @promise
    async def test_the_states(self, adapter: Owner) -> None:
        """It is created, starting, started, stopping and stopped, and says so to its parts."""
        states = [adapter.state]

        async def look() -> None:
            states.append(adapter.state)

        adapter.part("a", look, look)
        await adapter.start()
        await look()
        await adapter.stop()
        await look()
        assert ["created", "starting", "started", "stopping", "stopped"] == states

    @promise
    async def test_nothing_is_added_late(self, adapter: Owner) -> None:
        """A part that comes while it runs is refused, and does nothing."""
        seen = Diary(adapter).add("a")
        await adapter.start()
        try:
            seen.add("b")
        except Exception:  # noqa: BLE001 - whatever it is
            await adapter.stop()
        else:
            await adapter.stop()
            raise AssertionError("a part was added to what had started, and would never have started itself")
        assert ["a up", "a down"] == seen.seen


class _Failures:
    """What fails is named, and takes nothing else with it."""

    @promise
    async def test_a_failed_start_is_rolled_back(self, adapter: Owner) -> None:
        """When a part fails to start, exactly those that had started stop, in reverse, failures in that or not."""
        seen = Diary(adapter).add("a").broken("b", "down").add("c").broken("d", "up").add("e")
        await _refused(adapter)
        assert ["a up", "b up", "c up", "c down", "a down"] == seen.seen
        assert "stopped" == adapter.state

    @promise
    async def test_a_failed_start_names_the_culprit(self, adapter: Owner) -> None:
        """The error of a start names the part that failed and what it said, and that of the rollback is told beside."""
        Diary(adapter).broken("anchor", "down").broken("bellows", "up")
        error = await _refused(adapter)
        assert "bellows" in str(error)
        assert "no bellows up today" in told(error)
        assert "no anchor down today" in told(error)

    @promise
    async def test_a_failed_start_can_be_tried_again(self, adapter: Owner) -> None:
        """When the cause is gone, it starts."""
        causes = [Broken("not yet")]

        async def start() -> None:
            if causes:
                raise causes.pop()

        seen = Diary(adapter)
        adapter.part("a", start, seen.step("a down"))
        await _refused(adapter)
        await adapter.start()
        assert "started" == adapter.state
        await adapter.stop()
        assert ["a down"] == seen.seen

    @promise
    async def test_a_failing_stop_skips_no_other(self, adapter: Owner) -> None:
        """A part that fails to stop keeps no other from stopping, and it has stopped afterwards."""
        seen = Diary(adapter).add("a").broken("b", "down").add("c").broken("d", "down")
        await adapter.start()
        seen.take()
        await _reluctant(adapter)
        assert (["a down", "c down"], "stopped") == (sorted(seen.seen), adapter.state)

    @promise
    async def test_every_failure_of_a_stop_is_told(self, adapter: Owner) -> None:
        """The error of a stop names each part that failed, and what it said."""
        seen = Diary(adapter).broken("anchor", "down").add("boiler").broken("chimney", "down")
        await adapter.start()
        text = told(await _reluctant(adapter))
        assert ["anchor", "chimney"] == [name for name in ("anchor", "chimney") if f"no {name} down today" in text]
        assert "boiler up" in seen.seen


class _Turns:
    """Callers at the same time, and callers that leave."""

    @promise
    async def test_two_who_start_share_one_start(self, adapter: Owner) -> None:
        """Two who start it at the same time start each part once, and both return when all has started."""
        seen, states = Diary(adapter).add("a").slow("b", "up"), list[str]()

        async def start() -> None:
            await adapter.start()
            states.append(adapter.state)

        async with seen.during(start, start):
            early = states[:]
        assert [] == early
        assert (["a up", "b up"], ["started", "started"]) == (seen.seen, states)
        await adapter.stop()

    @promise
    async def test_a_stop_waits_for_a_start(self, adapter: Owner) -> None:
        """A stop during a start waits for it, and then stops everything."""
        seen = Diary(adapter).add("a").slow("b", "up")
        async with seen.during(adapter.start) as group:
            group.start_soon(adapter.stop)
            await anyio.wait_all_tasks_blocked()
        assert "stopped" == adapter.state
        assert ["a down", "a up", "b down", "b up"] == sorted(seen.seen)

    @promise
    async def test_a_cancelled_start_is_rolled_back(self, adapter: Owner) -> None:
        """Who is cancelled while it starts leaves nothing started: what had started stops, to its end."""
        seen = Diary(adapter)

        async def stop() -> None:
            await anyio.lowlevel.checkpoint()
            seen.seen.append("a down")

        adapter.part("a", seen.step("a up"), stop)
        seen.slow("b", "up")
        async with seen.during(adapter.start) as group:
            group.cancel_scope.cancel()
            await anyio.wait_all_tasks_blocked()
        assert (["a up", "a down"], "stopped") == (seen.seen, adapter.state)

    @promise
    async def test_a_cancelled_stop_runs_to_its_end(self, adapter: Owner) -> None:
        """Who is cancelled while it stops has stopped it all the same."""
        seen = Diary(adapter).add("a").slow("b", "down")
        await adapter.start()
        async with seen.during(adapter.stop) as group:
            group.cancel_scope.cancel()
        assert "stopped" == adapter.state
        assert ["a down", "a up", "b down", "b up"] == sorted(seen.seen)


class _Limits:
    """Parts that take for ever."""

    @promise(needs=[TIMEOUTS])
    async def test_a_slow_start_is_given_up(self, adapter: Owner) -> None:
        """A part that takes too long to start has failed: it is named, and the others are rolled back."""
        seen = Diary(adapter).add("a").slow("sloth", "up", timeout=SHORT)
        with anyio.fail_after(BOUND):
            error = await _refused(adapter)
        assert "sloth" in str(error)
        assert (["a up", "a down"], "stopped") == (seen.seen, adapter.state)

    @promise(needs=[TIMEOUTS])
    async def test_a_slow_stop_is_given_up(self, adapter: Owner) -> None:
        """A part that takes too long to stop is given up: it is named, and the others stop."""
        seen = Diary(adapter).add("a").slow("sloth", "down", timeout=SHORT)
        await adapter.start()
        with anyio.fail_after(BOUND):
            error = await _reluctant(adapter)
        assert "sloth" in told(error)
        assert (["a up", "sloth up", "a down"], "stopped") == (seen.seen, adapter.state)


class _Mounts:
    """Applications inside an application."""

    @promise(needs=[MOUNTS])
    async def test_what_is_mounted_lives_with_its_owner(self, adapter: Owner) -> None:
        """What is mounted starts when its owner starts and stops when its owner stops, each time."""
        inner = adapter.mount("shop")
        seen = Diary(inner).add("a", "b")
        for _ in range(2):
            await adapter.start()
            assert (["a up", "b up"], "started") == (seen.take(), inner.state)
            await adapter.stop()
            assert (["a down", "b down"], "stopped") == (sorted(seen.take()), inner.state)

    @promise(needs=[MOUNTS])
    async def test_what_is_mounted_can_fail_the_start(self, adapter: Owner) -> None:
        """A part of what is mounted that fails to start fails all: it is named, and everything is rolled back."""
        first, second = adapter.mount("one"), adapter.mount("two")
        seen = Diary(first).add("a")
        Diary(second).broken("bellows", "up")
        error = await _refused(adapter)
        assert "bellows" in told(error)
        assert ["a up", "a down"] == seen.seen
        assert ["stopped", "stopped", "stopped"] == [adapter.state, first.state, second.state]


class LifecycleContract(
    _Mounts, _Limits, _Turns, _Failures, _Orders, Contract, name="lifecycle", version=1, capabilities=(TIMEOUTS, MOUNTS)
):
    """What everything promises that has the methods of `Owner`; the fixture `adapter` yields one without parts."""


SABOTEURS.into(LifecycleContract)

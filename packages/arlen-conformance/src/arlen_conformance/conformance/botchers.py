"""Botchers: owners that keep the contract of lifecycles but for one promise each."""

from __future__ import annotations

from contextlib import suppress
from typing import Any, Self

import anyio
import anyio.lowlevel

from arlen_conformance.conformance.catches import Catches
from arlen_conformance.conformance.diaries import Broken, Step
from arlen_conformance.conformance.owners import Errors, Model, Part

__all__ = ["SABOTEURS"]

SABOTEURS = Catches()


@SABOTEURS.by("test_parts_start_in_order")
class _Alphabetical(Model):
    """Starts by name."""

    async def rise(self) -> None:
        for part in sorted(self.parts, key=lambda each: each.name):
            await self.up(part)


@SABOTEURS.by("test_parts_start_in_order")
class _Impatient(Model):
    """Does not wait for the first part before it starts the others."""

    async def rise(self) -> None:
        try:
            async with anyio.create_task_group() as group:
                group.start_soon(self.up, self.parts[0])
                for _ in range(20):
                    await anyio.lowlevel.checkpoint()
                for part in self.parts[1:]:
                    await self.up(part)
        except ExceptionGroup as error:
            raise error.exceptions[0] from error.exceptions[0].__cause__


@SABOTEURS.by("test_parts_stop_in_reverse_order")
class _Forwards(Model):
    """Stops in the order in which it started."""

    async def stop(self) -> None:
        async with self.lock:
            self.running.reverse()
        await super().stop()


@SABOTEURS.by("test_parts_stop_in_reverse_order")
class _AllAtOnce(Model):
    """Stops the parts side by side."""

    async def stop(self) -> None:
        async with self.lock:
            if self.state == "started":
                errors = Errors()
                self.state = "stopping"
                with anyio.CancelScope(shield=True):
                    await self.scatter(errors)
                self.state = "stopped"
                self.complain(errors)

    async def scatter(self, errors: Errors) -> None:
        async with anyio.create_task_group() as group:
            for part in reversed(self.running):
                group.start_soon(self.down, part, errors)


@SABOTEURS.by("test_a_second_start_does_nothing")
class _Eager(Model):
    """Starts as often as it is told to."""

    async def start(self) -> None:
        waits = self.lock.locked()  # for somebody else, who is a matter of another promise
        async with self.lock:
            if self.state != "started" or not waits:
                await self.begin()


@SABOTEURS.by("test_a_second_stop_does_nothing")
class _Thorough(Model):
    """Stops what has stopped."""

    async def stop(self) -> None:
        before = self.state
        await super().stop()
        if before == "stopped":
            await self.fall(reversed(self.running))


@SABOTEURS.by("test_a_second_stop_does_nothing")
class _Cleaner(Model):
    """Stops what never started."""

    async def stop(self) -> None:
        if self.state == "created":
            await self.fall(self.parts)
        await super().stop()


@SABOTEURS.by("test_it_starts_again")
class _OneShot(Model):
    """Starts once."""

    async def start(self) -> None:
        if self.state == "stopped" and self.stops > 1:
            return
        await super().start()

    def __init__(self, _: Any = None) -> None:
        super().__init__()
        self.stops = 0

    async def stop(self) -> None:
        await super().stop()
        self.stops += 1


@SABOTEURS.by("test_the_states")
class _Curt(Model):
    """Does not say that it is on its way."""

    async def rise(self) -> None:
        if 1 == len(self.parts):
            self.state = "created"
        await super().rise()


@SABOTEURS.by("test_nothing_is_added_late")
class _Polite(Model):
    """Takes whatever comes."""

    def part(self, name: str, start: Step, stop: Step, *, timeout: float | None = None) -> None:
        self.parts.append(Part(name, start, stop, timeout))


@SABOTEURS.by("test_a_failed_start_is_rolled_back")
class _Forgetful(Model):
    """Leaves the first part running when one fails."""

    async def back(self, error: BaseException) -> Errors:
        several = isinstance(error.__cause__, Broken) and 3 < len(self.parts)
        return await self.fall(reversed(self.running[several:]))


@SABOTEURS.by("test_a_failed_start_is_rolled_back")
class _Overdone(Model):
    """Stops every part when one fails, started or not."""

    async def back(self, error: BaseException) -> Errors:
        return await self.fall(reversed(self.parts if 3 < len(self.parts) else self.running))


@SABOTEURS.by("test_a_failed_start_is_rolled_back")
class _Fainthearted(Model):
    """Ends the rollback at its first failure."""

    async def back(self, error: BaseException) -> Errors:
        errors = Errors()
        for part in reversed(self.running):
            if not errors:
                await self.down(part, errors)
        self.state = "stopped"
        return errors


@SABOTEURS.by("test_a_failed_start_names_the_culprit")
class _Discreet(Model):
    """Says that something failed."""

    async def up(self, part: Part) -> None:
        try:
            await super().up(part)
        except RuntimeError as error:
            if isinstance(error.__cause__, Broken) and "anchor" == self.parts[0].name:
                raise RuntimeError("something failed to start") from error.__cause__
            raise


@SABOTEURS.by("test_a_failed_start_names_the_culprit")
class _Silent(Model):
    """Keeps to itself what went wrong in the rollback."""

    def tell(self, error: BaseException, errors: Errors) -> None:
        """Say nothing."""


@SABOTEURS.by("test_a_failed_start_can_be_tried_again")
class _Sulking(Model):
    """Is told once that it cannot start, and believes it."""

    failure: RuntimeError | None = None

    async def begin(self) -> None:
        if self.failure is not None:
            raise self.failure
        try:
            await super().begin()
        except RuntimeError as error:
            self.failure = error
            raise


@SABOTEURS.by("test_a_failing_stop_skips_no_other")
class _Offended(Model):
    """Ends the stop at its second failure."""

    async def down(self, part: Part, errors: Errors) -> None:
        if part.name != "a" or len(errors) < 2:
            await super().down(part, errors)


@SABOTEURS.by("test_a_failing_stop_skips_no_other")
class _Undecided(Model):
    """Has not stopped when something failed in it."""

    def complain(self, errors: Errors) -> None:
        if len(self.parts) == 4:
            self.state = "stopping" if errors else "stopped"
        super().complain(errors)


@SABOTEURS.by("test_every_failure_of_a_stop_is_told")
class _FirstOnly(Model):
    """Tells the first failure."""

    def complain(self, errors: Errors) -> None:
        super().complain(errors[:1])


@SABOTEURS.by("test_two_who_start_share_one_start")
class _Crowded(Model):
    """Begins twice when two come."""

    async def start(self) -> None:
        if self.lock.locked() and self.state != "started":
            await self.rise()
        else:
            await super().start()


@SABOTEURS.by("test_two_who_start_share_one_start")
class _Hasty(Model):
    """Sends the second one away before it has started."""

    async def start(self) -> None:
        if not self.lock.locked():
            await super().start()


@SABOTEURS.by("test_a_stop_waits_for_a_start")
class _Deaf(Model):
    """Does not hear a stop while it starts."""

    async def stop(self) -> None:
        if self.state != "starting":
            await super().stop()


@SABOTEURS.by("test_a_cancelled_start_is_rolled_back")
class _Abandoning(Model):
    """Drops everything when its caller leaves."""

    async def back(self, error: BaseException) -> Errors:
        if isinstance(error, Exception):
            return await super().back(error)
        self.state = "stopped"
        return []


@SABOTEURS.by("test_a_cancelled_start_is_rolled_back")
class _Unshielded(Model):
    """Rolls back as far as it comes without waiting."""

    async def back(self, error: BaseException) -> Errors:
        found = Errors()
        with anyio.CancelScope() as scope:
            if not isinstance(error, Exception):
                scope.cancel()
            found = await super().back(error)
        self.state = "stopped"
        return found


@SABOTEURS.by("test_a_cancelled_stop_runs_to_its_end")
class _CutShort(Model):
    """Stops as long as somebody waits for it."""

    async def stop(self) -> None:
        async with self.lock:
            if self.state == "started":
                self.complain(await self.fall(reversed(self.running)))


@SABOTEURS.by("test_a_slow_start_is_given_up")
class _Lenient(Model):
    """Takes a part that is too slow for one that has started."""

    async def up(self, part: Part) -> None:
        try:
            await super().up(part)
        except RuntimeError as error:
            if not isinstance(error.__cause__, TimeoutError):
                raise


@SABOTEURS.by("test_a_slow_start_is_given_up")
class _Hurried(Model):
    """Does not roll back when it ran out of time."""

    async def back(self, error: BaseException) -> Errors:
        if isinstance(error.__cause__, TimeoutError):
            self.running.clear()
        return await super().back(error)


@SABOTEURS.by("test_a_slow_stop_is_given_up")
class _Indulgent(Model):
    """Says nothing about a part that was too slow to stop."""

    def complain(self, errors: Errors) -> None:
        super().complain([each for each in errors if not isinstance(each, TimeoutError)])


@SABOTEURS.by("test_a_slow_stop_is_given_up")
class _Exhausted(Model):
    """Stops no other part after one that was too slow."""

    async def down(self, part: Part, errors: Errors) -> None:
        if not any(isinstance(each, TimeoutError) for each in errors):
            await super().down(part, errors)


@SABOTEURS.by("test_what_is_mounted_lives_with_its_owner")
class _Adopting(Model):
    """Starts what is mounted, and never stops it."""

    def mount(self, name: str) -> Self:
        inner = type(self)()
        self.part(name, inner.start, _nothing if name == "shop" else inner.stop)
        return inner


@SABOTEURS.by("test_what_is_mounted_lives_with_its_owner")
class _Neglectful(Model):
    """Never starts what is mounted, as many frameworks do."""

    def mount(self, name: str) -> Self:
        return type(self)() if name == "shop" else super().mount(name)


@SABOTEURS.by("test_what_is_mounted_can_fail_the_start")
class _Tolerant(Model):
    """Starts without what is mounted when that fails."""

    def mount(self, name: str) -> Self:
        inner = type(self)()

        async def start() -> None:
            with suppress(RuntimeError):
                await inner.start()

        self.part(name, start, inner.stop)
        return inner


async def _nothing() -> None:
    """Do nothing."""

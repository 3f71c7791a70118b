"""Pools: connections that are kept, lent to one caller at a time, and replaced when they are old or dead."""

from __future__ import annotations

import asyncio
import os
import random
import weakref
from collections import deque
from copy import copy
from enum import Enum
from typing import TYPE_CHECKING, Any

from arlen_data.errors import DatabaseError, PoolBusy, PoolClosed, PoolTimeout
from arlen_data.events import Events
from arlen_data.stats import Stats
from arlen_pg.calls import Call

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

    from arlen_core.clock import Clock
    from arlen_pg.settings import Settings
    from arlen_pg.wires import Wire

__all__ = ["Pool"]

_PAUSES = (0.05, 1.0)  # seconds between two attempts to connect: the first, and the longest


class _State(Enum):
    """What a pool is."""

    CLOSED = "is not open"
    OPEN = "is open"
    CLOSING = "is closed"
    FOREIGN = "was opened before this process was forked off"


class Pool:
    """Connections, the one used last first; callers are served in the order in which they came.

    Args:
        settings: the bounds.
        connect: makes a connection.
        clock: what ages, pauses and the lookout for them are counted by.
        events: of the database: who watches it learns how long callers wait.

    Attributes:
        idle: connections that nobody uses. Take the last one; when there is none, `wait`.
        queue: callers that wait.
        wires: every connection.
        opening: how many are being made.
        fault: why the last attempt failed.
        timeouts, refused: callers who waited in vain, and who could not even wait, so far.
    """

    def __init__(
        self, settings: Settings, connect: Callable[[], Awaitable[Wire]], clock: Clock, events: Events | None = None
    ) -> None:
        self.settings, self._connect, self._clock = settings, connect, clock
        self.idle: list[Wire] = []
        self.queue: deque[Call] = deque()
        self.wires: set[Wire] = set()
        self.opening = self.timeouts = self.refused = 0
        self._events = Events("postgresql", "") if events is None else events
        self.state = _State.CLOSED
        self.fault: DatabaseError | None = None
        self._failures = 0
        self._tasks: set[asyncio.Task[Any]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._empty = asyncio.Event()
        self.loop: Any = None
        _pools.add(self)

    async def open(self) -> None:
        """Connect as many as are kept, at least one; harmless when open. Raises what the first one that fails says."""
        if self.state is _State.OPEN:
            return
        self.loop = asyncio.get_running_loop()
        self.state = _State.OPEN
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(max(1, self.settings.min_size)):
                    group.create_task(self._added())
        except BaseExceptionGroup as errors:
            await self.close()
            raise errors.exceptions[0] from None
        except BaseException:
            await self.close()
            raise
        self._spawn(self._tend())

    async def close(self) -> None:
        """Refuse new callers, wait for the others, then cut them off; harmless when not open."""
        if self.state not in {_State.OPEN, _State.CLOSING}:  # a close that was cancelled goes on with the next one
            return
        self.state = _State.CLOSING
        for call in self._waiting():
            self._refuse(call, PoolClosed("the pool was closed while you waited"))
        while self.idle:
            self.drop(self.idle.pop())
        if self.wires:
            self._empty.clear()
            try:
                async with asyncio.timeout(self.settings.grace):
                    await self._empty.wait()
            except TimeoutError:
                await self._cut()
        tasks = [*self._tasks, *(wire.settling for wire in self.wires if wire.settling is not None)]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for wire in list(self.wires):
            self.drop(wire)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self.state = _State.CLOSED

    async def acquire(self) -> Wire:
        """Return a connection for the caller alone; `release` it."""
        if self.idle:
            wire = self.idle.pop()
            wire.lent = True
            return wire
        call = Call(self.loop)
        self.wait(call)
        try:
            found: Wire = await call
        except BaseException:
            if call.answer is not None:
                self.release(call.answer)
            else:
                self.leave(call)
            raise
        return found

    def release(self, wire: Wire) -> None:
        """Take a connection back, whatever state it is in."""
        wire.lent = False
        if wire.settling is None:
            self.back(wire)

    def wait(self, call: Call) -> None:
        """Queue a call: one with a statement is sent when a connection is free, another one gets the connection.

        Raises:
            PoolClosed: the pool is not open.
            PoolBusy: too many wait.
        """
        if self.state is not _State.OPEN:
            raise self._closed()
        if len(self.queue) >= self.settings.max_waiting:
            self.refused += 1
            message = f"{len(self.queue)} callers wait for a connection already, of {self.settings.size} in all"
            raise PoolBusy(message, sqlstate="53300", fix="answer with 503, or raise size or max_waiting")
        call.deadline = self.loop.time() + self.settings.timeout
        self.queue.append(call)
        if self._timer is None:
            self._timer = self.loop.call_at(call.deadline, self._expire)
        self._grow()

    def leave(self, call: Call) -> None:
        """Whoever waited does not any more."""
        if call.wire is not None:
            call.wire.leave(call)
        elif call in self.queue:
            self.queue.remove(call)

    def back(self, wire: Wire) -> None:
        """A connection is free: the next caller gets it, or it is put away."""
        if wire.dead or wire.stateful or not wire.idle or self.state is not _State.OPEN or wire.expires < 0:
            self._mend(wire)
            return
        queue = self.queue
        while queue:
            call = queue.popleft()
            if call.ended:
                continue
            if self._events.watcher is not None:
                self._events.watcher.waited(self.loop.time() - call.deadline + self.settings.timeout)
            if call.sql:
                wire.take(call)
            else:
                wire.lent, call.answer = True, wire
                call.soon()
            return
        self.idle.append(wire)

    def drop(self, wire: Wire) -> None:
        """Close a connection, and have another one made when that is needed."""
        self.wires.discard(wire)
        if wire in self.idle:
            self.idle.remove(wire)
        wire.close()
        if self.state is _State.OPEN:
            self._grow()
        elif not self.wires:
            self._empty.set()

    def stats(self) -> Stats:
        """Return how many connections and callers there are."""
        idle = len(self.idle)
        return Stats(
            idle=idle,
            used=len(self.wires) - idle,
            pending=sum(not call.ended for call in self.queue),
            limit=self.settings.size,
            timeouts=self.timeouts,
            refused=self.refused,
        )

    def forget(self, key: Any) -> None:
        """Have every connection give up one prepared statement."""
        for wire in self.wires:
            wire.give_up(key)

    def _mend(self, wire: Wire) -> None:
        if wire.dead or self.state is not _State.OPEN or wire.expires < 0:
            self.drop(wire)
        else:
            wire.lent = True
            self._spawn(self._mended(wire))

    async def _mended(self, wire: Wire) -> None:
        try:
            async with asyncio.timeout(self.settings.connect_timeout):
                fine = await wire.restore()
        except (DatabaseError, TimeoutError):
            fine = False
        except BaseException:
            self.drop(wire)
            raise
        wire.lent = False
        if fine:
            self.back(wire)
        else:
            self.drop(wire)

    def _grow(self) -> None:
        """Make connections for those who wait, and those that are always kept."""
        if self._failures:
            return  # an attempt is under way, after a pause
        while self._wanted():
            self.opening += 1
            self._spawn(self._opened())

    def _wanted(self) -> bool:
        there = len(self.wires) + self.opening
        return there < self.settings.size and (there < self.settings.min_size or self.opening < len(self.queue))

    async def _opened(self) -> None:
        """Make a connection; when that fails, try again after a pause for as long as one is wanted."""
        try:
            while True:
                try:
                    await self._added()
                except DatabaseError as error:
                    self._failed(error)
                    first, most = _PAUSES
                    pause = min(most, first * 2 ** min(self._failures, 10)) * random.uniform(0.5, 1)  # noqa: S311
                    await self._clock.sleep(pause)
                    if self.queue or len(self.wires) < self.settings.min_size:
                        continue
                self._failures = 0
                return
        finally:
            self.opening -= 1
            if self.state is _State.OPEN:
                self._grow()

    def _failed(self, error: DatabaseError) -> None:
        """Tell those who wait, unless there are connections that may become free for them."""
        self.fault = error
        self._failures += 1
        if not self.wires:
            for call in self._waiting():
                self._refuse(call, error)

    async def _added(self) -> None:
        wire = await self._connect()
        if self.state is not _State.OPEN:
            wire.close()
            return
        wire.home = self.back
        wire.expires = self._clock.monotonic() + self.settings.max_lifetime * random.uniform(0.9, 1)  # noqa: S311
        self.wires.add(wire)
        self.fault = None
        self._failures = 0
        self.back(wire)

    async def _tend(self) -> None:
        """Replace what is old and close what nobody uses, for as long as the pool is open."""
        tick = max(0.25, min(30.0, self.settings.idle / 4, self.settings.max_lifetime / 10))
        while True:
            await self._clock.sleep(tick)
            now = self._clock.monotonic()
            for wire in list(self.wires):
                wire.still = wire.still + tick if wire.sent == wire.noted else 0.0
                wire.noted = wire.sent
                if now >= wire.expires:
                    wire.expires = -1.0
                spare = len(self.wires) > self.settings.min_size and wire.still >= self.settings.idle
                if wire in self.idle and (wire.expires < 0 or spare):
                    self.drop(wire)
            self._grow()

    def _expire(self) -> None:
        """Refuse whoever has waited for too long."""
        self._timer = None
        now = self.loop.time()
        while self.queue and (self.queue[0].ended or self.queue[0].deadline <= now):
            call = self.queue.popleft()
            if not call.ended:
                self.timeouts += 1
                self._refuse(call, self._timeout())
        if self.queue:
            self._timer = self.loop.call_at(self.queue[0].deadline, self._expire)

    def _timeout(self) -> PoolTimeout:
        counts = f"size {len(self.wires)} of {self.settings.size}, waiting {len(self.queue) + 1}"
        reason = f"; the last attempt to connect failed: {self.fault}" if self.fault is not None else ""
        message = f"no connection became free in {self.settings.timeout:g} s ({counts}){reason}"
        fix = "raise size or timeout, or keep transactions shorter"
        made = PoolTimeout(message, sqlstate="53300", fix="see that the server runs" if reason else fix)
        made.__cause__ = self.fault
        return made

    @staticmethod
    def _refuse(call: Call, error: DatabaseError) -> None:
        call.error = copy(error)  # each caller has its own traceback
        call.error.__cause__ = error.__cause__
        call.soon()

    def _waiting(self) -> list[Call]:
        calls = [call for call in self.queue if not call.ended]
        self.queue.clear()
        return calls

    def _closed(self) -> PoolClosed:
        fixes = {_State.FOREIGN: "open the database in the process that uses it"}
        fix = fixes.get(self.state, "use `async with`, or await open() first")
        return PoolClosed(f"the database {self.state.value}", fix=fix)

    async def _cut(self) -> None:
        """The grace is over: stop what runs on the server, and close."""
        wires = list(self.wires)
        stops = [wire.link.cancel_safe(timeout=1.0) for wire in wires if not wire.dead]
        await asyncio.gather(*stops, return_exceptions=True)
        for wire in wires:
            wire.cut(PoolClosed("the database was closed while this ran", sqlstate="57P01"))

    def _spawn(self, work: Coroutine[Any, Any, Any]) -> None:
        task = self.loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def orphan(self) -> None:
        """In a process that was forked off: the connections are the parent's, and are never touched here again."""
        if self.state is _State.OPEN:
            self.state = _State.FOREIGN
            for wire in self.wires:
                wire.dead = True
            _graveyard.extend(self.wires)
            self.idle, self.wires, self.queue, self._tasks = [], set(), deque(), set()


_pools: weakref.WeakSet[Pool] = weakref.WeakSet()
_graveyard: list[Any] = []  # to collect a connection would be to close the parent's


def _forked() -> None:
    for pool in list(_pools):
        pool.orphan()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)

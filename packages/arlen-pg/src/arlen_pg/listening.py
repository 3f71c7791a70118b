"""Listening: notifications, on a connection outside of the pool that is made again when it is lost."""

from __future__ import annotations

import asyncio
import random
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql

from arlen_data.errors import DatabaseError, InvalidArgument
from arlen_data.notifications import Missed, Notification
from arlen_pg.failures import translated
from arlen_pg.opening import dial

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from types import TracebackType

    from arlen_core.clock import Clock
    from arlen_pg.codecs import Codec
    from arlen_pg.settings import Settings

__all__ = ["Listening"]

_LONGEST = 63  # bytes of a name in PostgreSQL
_PAUSES = (0.05, 5.0)  # seconds between two attempts to connect: the first, and the longest
_HELD = 10_000  # notifications that wait for their reader; then psycopg's buffer, and the server's queue, hold more


class Listening:
    """What `listen()` returns: `async with` it, and iterate over what that gives.

    Args:
        settings: of the database.
        codec: its types.
        clock: what the pauses are counted by.
        channels: their names, as they are, in upper or lower case.
    """

    def __init__(self, settings: Settings, codec: Codec, clock: Clock, channels: Sequence[str]) -> None:
        if not channels:
            raise InvalidArgument("listen() needs at least one channel")
        for name in channels:
            if not name or "\0" in name or len(name.encode()) > _LONGEST:
                raise InvalidArgument(f"{name!r} is no channel: a name has 1 to {_LONGEST} bytes, none of them NUL")
        self._settings, self._codec, self._clock, self._channels = settings, codec, clock, channels
        self._link: psycopg.AsyncConnection[Any] | None = None
        self._events: asyncio.Queue[Notification | Missed] = asyncio.Queue(_HELD)
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> AsyncIterator[Notification | Missed]:
        self._link = await self._linked()
        self._task = asyncio.get_running_loop().create_task(self._follow())
        return self._each()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await asyncio.wait([task])
        self._close()

    async def _each(self) -> AsyncIterator[Notification | Missed]:
        while True:
            yield await self._events.get()

    async def _linked(self) -> psycopg.AsyncConnection[Any]:
        link = await dial(self._settings, self._codec)
        try:
            for name in self._channels:
                await link.execute(sql.SQL("listen {}").format(sql.Identifier(name)))
        except BaseException as error:
            await link.close()
            if isinstance(error, psycopg.Error):
                raise translated(error) from None
            raise
        return link

    async def _follow(self) -> None:
        """Put every notification into the queue; make the connection again when it is lost."""
        failures, reason = 0, ""
        while True:
            try:
                if self._link is None:
                    self._link = await self._linked()
                    failures = 0
                    await self._events.put(Missed(reason))
                async for each in self._link.notifies():
                    await self._events.put(Notification(each.channel, each.payload, each.pid))
            except (psycopg.Error, DatabaseError, OSError) as error:
                if self._link is not None:
                    reason = " ".join(str(error).split())
                self._close()
                failures += 1
                pause = min(_PAUSES[1], _PAUSES[0] * 2 ** min(failures, 10)) * random.uniform(0.5, 1)  # noqa: S311
                await self._clock.sleep(pause)

    def _close(self) -> None:
        link, self._link = self._link, None
        if link is not None:
            link.pgconn.finish()

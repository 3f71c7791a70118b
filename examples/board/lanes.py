"""Lanes: threads of one's own for a database that blocks, each with its own connection, behind a bounded queue."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue
from sqlite3 import Connection
from threading import BoundedSemaphore
from typing import TypeVar

__all__ = ["Busy", "Lane"]

T = TypeVar("T")


class Busy(Exception):
    """Too much work waits in a lane: try again in a moment."""


class Lane:
    """Runs functions that take a connection, as many at a time as there are connections, the others in order.

    Args:
        name: of the threads.
        connections: one for each thread. The lane closes them.
        waiting: functions that may wait; one more is refused.
    """

    def __init__(self, name: str, connections: Sequence[Connection], waiting: int) -> None:
        self._pool = ThreadPoolExecutor(len(connections), thread_name_prefix=name)
        self._room = BoundedSemaphore(len(connections) + waiting)
        self._connections = tuple(connections)
        self._free: SimpleQueue[Connection] = SimpleQueue()
        for each in connections:
            self._free.put(each)

    async def run(self, work: Callable[[Connection], T]) -> T:
        """Return what `work(connection)` returns; `Busy` when there is no room.

        A caller that is cancelled takes back work that waits. Work that has begun goes on to its end.
        """
        if not self._room.acquire(blocking=False):
            raise Busy
        future = self._pool.submit(self._work, work)
        future.add_done_callback(lambda _: self._room.release())
        return await asyncio.wrap_future(future)

    def close(self) -> None:
        """Finish what has been taken, then close the connections. Blocks: call it in a thread."""
        self._pool.shutdown()
        for each in self._connections:
            each.close()

    def _work(self, work: Callable[[Connection], T]) -> T:
        connection = self._free.get()
        try:
            return work(connection)
        finally:
            self._free.put(connection)

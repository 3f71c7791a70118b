"""Sessions: one thread and its connection for one transaction."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from contextvars import copy_context
from itertools import islice
from queue import Empty, SimpleQueue
from typing import Any

import anyio

from arlen_data.errors import DatabaseError, TransactionAborted, TransactionError
from arlen_data.lanes import Chunk, Session
from arlen_data.results import Result
from arlen_sqlite.jobs import Job
from arlen_sqlite.lanes import Lane
from arlen_sqlite.plans import Plan, plan
from arlen_sqlite.threads import Worker
from arlen_sqlite.work import Rows, batch, fetch, many, perform, saved, script
from arlen_sqlite.writers import Writer

__all__ = ["SQLiteSession", "insertion"]

_SLICE = 500
_LOAD = "arlen_load"
_ENDED = "the transaction has ended"


class SQLiteSession(Session):
    """A transaction, which begins with its first statement.

    Args:
        lane: gives the thread.
        idle: seconds that it may do nothing; `None` for no bound.

    Attributes:
        inbox: its jobs, when it has a thread.
        idle: see above.
        loop: the event loop.
    """

    def __init__(self, lane: Lane, idle: float | None) -> None:
        self.inbox: SimpleQueue[Job | None] = SimpleQueue()
        self.idle, self.loop = idle, lane.loop
        self._lane = lane
        self._begun = self._gone = False
        self._end: TransactionError | None = None
        self._opening: asyncio.Event | None = None
        self._open: set[Rows] = set()

    async def run(self, sql: str, params: Sequence[Any]) -> Result:
        """Run a statement; see `Lane`."""
        return await self._do(_perform, plan(sql), params)  # type: ignore[no-any-return]

    async def chunks(self, sql: str, params: Sequence[Any], size: int) -> AsyncGenerator[Chunk, None]:
        """Run a statement and yield its rows; see `Lane`."""
        rows, found = await self._do(self._opened, plan(sql), params, size)
        try:
            while found:
                yield found
                if len(found) < size:
                    break
                found = await self._do(fetch, rows, size)
        finally:
            if rows in self._open:
                with anyio.CancelScope(shield=True), suppress(DatabaseError):
                    await self._do(self._shut, rows, stoppable=False)

    async def run_many(self, sql: str, rows: Iterable[Sequence[Any]]) -> int:
        """Run a statement for each row; see `Lane`."""
        return await self._many(plan(sql), rows)

    async def run_batch(self, statements: Sequence[tuple[str, Sequence[Any]]]) -> list[Result]:
        """Run several statements; see `Lane`."""
        made = [(plan(sql), params) for sql, params in statements]
        return await self._do(_batch, made)  # type: ignore[no-any-return]

    async def load(
        self,
        table: tuple[str, ...],
        columns: Sequence[str],
        rows: Iterable[Sequence[Any]] | AsyncIterable[Sequence[Any]],
    ) -> int:
        """Add rows to a table; see `Lane`."""
        return await self._many(plan(insertion(table, columns)), rows)

    async def commit(self) -> None:
        """Commit; see `Session`."""
        await self._finish(Writer.commit)

    async def rollback(self) -> None:
        """Roll back; see `Session`."""
        with suppress(TransactionError):  # it has been taken away
            await self._finish(Writer.rollback)

    async def _control(self, sql: str) -> None:
        await self._do(_control, sql, stoppable=not sql.startswith("rollback"))

    def over(self) -> None:
        """Count one job less; jobs tell, and nobody counts."""

    def lost(self, worker: Worker, reason: str) -> None:
        """Learn that the thread is gone; in that thread."""
        error = TransactionAborted(f"the transaction was rolled back: {reason}", sqlstate="25P02")
        try:
            self._leave(worker, Writer.rollback, error)
        finally:
            self.loop.call_soon_threadsafe(self._given)

    async def _do(self, work: Callable[..., Any], *args: Any, stoppable: bool = True) -> Any:
        """Do something in the thread of the transaction; the first one gets it."""
        while not self._begun:
            if self._end is not None:
                raise self._ended()
            if self._opening is None:
                return await self._first(work, args)
            await self._opening.wait()
        job = Job(self, work, args, stoppable)
        self.inbox.put(job)
        if self._end is not None:  # after the line before: a thread sets it, and then refuses what is in the inbox
            self._refuse(self._later)
        return await job

    async def _first(self, work: Callable[..., Any], args: tuple[Any, ...]) -> Any:
        opening = self._opening = asyncio.Event()
        try:
            return await self._lane.submit(self._begin, work, args)
        finally:
            if self._begun:
                self._lane.taken += 1
            if self._gone:
                self._abandon()
            self._opening = None
            opening.set()

    def _abandon(self) -> None:
        """Give the thread back: it came when whoever had the transaction had left."""
        if not self._begun:
            self._end = TransactionError(_ENDED)
        elif self._end is None:
            job = Job(self, self._leave, (Writer.rollback, None), stoppable=False)
            job.add_done_callback(lambda _: self._given(), context=copy_context())
            self.inbox.put(job)

    async def _finish(self, how: Callable[[Writer], None]) -> None:
        try:
            while self._opening is not None:  # a statement of another task is on its way
                await self._opening.wait()
        except BaseException:
            self._gone = True
            if self._opening is None:  # it came in this very turn
                self._abandon()
            raise
        if not self._begun and self._end is None:
            self._end = TransactionError(_ENDED)
            return
        held = self._end is None
        try:
            await self._do(self._leave, how, None, stoppable=False)
        finally:
            if held and not isinstance(self._end, TransactionAborted):
                self._given()

    def _begin(self, worker: Worker, work: Callable[..., Any], args: tuple[Any, ...]) -> Any:
        if isinstance(worker, Writer):
            worker.begin()
        else:
            script(worker, "begin")
        worker.held, self._begun = self, True
        return work(worker, *args)

    def _leave(self, worker: Worker, how: Callable[[Writer], None], error: TransactionError | None = None) -> None:
        worker.held, self._end = None, error or TransactionError(_ENDED)
        self._refuse(worker.mailbox.put)
        for rows in self._open:
            rows.cursor.close()
        self._open.clear()
        if isinstance(worker, Writer):
            how(worker)
        elif worker.connection.in_transaction:
            script(worker, "rollback")

    def _given(self) -> None:
        self._lane.taken -= 1
        self._lane.settled()

    def _opened(self, worker: Worker, made: Plan, params: Sequence[Any], size: int) -> tuple[Rows, Chunk]:
        rows = _rows(worker, made, params)
        found = fetch(worker, rows, size)
        if len(found) == size:
            self._open.add(rows)
        return rows, found

    def _shut(self, _worker: Worker, rows: Rows) -> None:
        self._open.discard(rows)
        rows.cursor.close()

    def _refuse(self, tell: Callable[[Job], object]) -> None:
        while True:
            try:
                job = self.inbox.get_nowait()
            except Empty:
                return
            if job is not None:
                job.error = self._ended()
                tell(job)

    def _later(self, job: Job) -> None:
        self.loop.call_soon(job.finish)

    def _ended(self) -> TransactionError:
        """Return the error anew: one exception is raised once."""
        error = self._end
        return type(error)(str(error), sqlstate=error.sqlstate) if error is not None else TransactionError(_ENDED)

    async def _many(self, made: Plan, rows: Iterable[Sequence[Any]] | AsyncIterable[Sequence[Any]]) -> int:
        await self.save(_LOAD)
        try:
            affected = count = 0
            async for some in _slices(rows):
                affected += await self._do(many, made, some, count)
                count += len(some)
        except BaseException:
            with anyio.CancelScope(shield=True), suppress(DatabaseError):
                await self.back(_LOAD)
            raise
        await self.release(_LOAD)
        return affected


def insertion(table: tuple[str, ...], columns: Sequence[str]) -> str:
    """Return the statement that adds a row.

    >>> insertion(("notes",), ["id", "text"])
    'insert into "notes" ("id", "text") values (?, ?)'
    """
    names = ", ".join(map(_quoted, columns))
    return f"insert into {'.'.join(map(_quoted, table))} ({names}) values ({', '.join('?' * len(columns))})"  # noqa: S608


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


async def _slices(
    rows: Iterable[Sequence[Any]] | AsyncIterable[Sequence[Any]],
) -> AsyncGenerator[list[Sequence[Any]], None]:
    if not isinstance(rows, AsyncIterable):
        source: Iterator[Sequence[Any]] = iter(rows)
        while some := list(islice(source, _SLICE)):
            yield some
        return
    some = []
    async for row in rows:
        some.append(row)
        if len(some) == _SLICE:
            yield some
            some = []
    if some:
        yield some


def _alive(worker: Worker) -> None:
    if not worker.connection.in_transaction:
        raise TransactionAborted("an error had rolled the transaction back", sqlstate="25P02")


def _perform(worker: Worker, made: Plan, params: Sequence[Any]) -> Result:
    _alive(worker)
    if made.temporary and isinstance(worker, Writer):
        worker.temporary = True
    return perform(worker, made, params)


def _batch(worker: Worker, statements: Sequence[tuple[Plan, Sequence[Any]]]) -> list[Result]:
    _alive(worker)
    with saved(worker, _LOAD):
        return batch(worker, statements)


def _control(worker: Worker, sql: str) -> None:
    _alive(worker)
    script(worker, sql)


def _rows(worker: Worker, made: Plan, params: Sequence[Any]) -> Rows:
    _alive(worker)
    return Rows.of(worker, made, params)

"""Sandbox: everything that happens to a database in here is taken back at the end; for tests that run side by side."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import anyio

from arlen_data.errors import TransactionError, Unsupported
from arlen_data.lanes import Chunk, Options, Session
from arlen_data.transactions import Transaction

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from arlen_data.database import Database
    from arlen_data.results import Result

__all__ = ["sandbox"]


@asynccontextmanager
async def sandbox(db: Database, *, everywhere: bool = False) -> AsyncIterator[Database]:
    """Run everything that uses `db` in this context in one transaction, and roll that back.

    Args:
        db: open, with `savepoints`; `Unsupported` without.
        everywhere: not this context alone (this task, and those that it starts, and their threads) but all of the
            process: for a server that was started before. No two sandboxes of that kind at a time.

    Inside, `transaction()` is a savepoint, waits for those of other tasks to end, and ignores isolation levels and
    `read_only`; what was to happen after a commit happens at its end. Nothing is notified, and what other connections
    do is not seen. Sandboxes may be nested.

    Raises `TransactionError` in a task that goes on to use the database when the sandbox is over.

    ```python
    from arlen_data import Database
    from arlen_data.sandbox import sandbox


    async def test_order(db: Database) -> None:
        async with sandbox(db):
            await db.execute("insert into orders (customer) values ($1)", "ada")
            assert await db.value("select count(*) from orders") == 1
    ```
    """
    if not db.capabilities.savepoints:
        raise Unsupported(f"{db.capabilities.adapter} has no savepoints, which a sandbox needs")
    if db._sandbox is None:  # noqa: SLF001  # one contract in several modules
        db._sandbox = _Contexts()  # noqa: SLF001
    contexts: Any = db._sandbox  # noqa: SLF001
    root = _Root(db, contexts)
    await root.__aenter__()
    before = contexts.enter(root, everywhere=everywhere)
    try:
        yield db
    finally:
        contexts.leave(before, everywhere=everywhere)
        await root.undo()


class _Contexts:
    """Who is in which transaction."""

    def __init__(self) -> None:
        self._here: ContextVar[Transaction | None] = ContextVar("arlen_sandbox", default=None)
        self._everywhere: Transaction | None = None

    def get(self) -> Any:
        """Return what stands for the database here; `None` outside."""
        found = self.innermost()
        return found.door if isinstance(found, _Root) else found

    def innermost(self) -> Transaction | None:
        found = first = self._here.get() or self._everywhere
        while found is not None and found._session is None:  # noqa: SLF001  # it has ended: what it was in
            found = found._outer  # noqa: SLF001
        if found is None and first is not None:
            fix = "end background work before the sandbox, or wait for it"
            raise TransactionError("this sandbox is over, and a task of it goes on", fix=fix)
        return found

    def enter(self, transaction: Transaction, *, everywhere: bool = False) -> Transaction | None:
        if everywhere:
            before, self._everywhere = self._everywhere, transaction
        else:
            before = self._here.get()
            self._here.set(transaction)
        return before

    def leave(self, before: Transaction | None, *, everywhere: bool = False) -> None:
        if everywhere:
            self._everywhere = before
        else:
            self._here.set(before)


class _Root(Transaction):
    """The transaction that is rolled back."""

    def __init__(self, db: Database, contexts: _Contexts) -> None:
        super().__init__(db, Options(), outer=contexts.innermost())
        self.contexts, self.turn, self.door = contexts, anyio.Lock(), _Door(self)

    async def undo(self) -> None:
        with anyio.CancelScope(shield=True):
            session, self._session = self._lane(), None
            await (session.rollback() if self._outer is None else session.back(self._name))


class _Door:
    """What stands for the database in a sandbox, outside of transactions."""

    def __init__(self, root: _Root) -> None:
        self._sandbox = root

    def transaction(self, *, deadline: float | None = None) -> Transaction:
        return _Inner(self._sandbox, deadline)

    def _lane(self) -> Session:
        return _Lane(self._sandbox, self._sandbox._lane())  # noqa: SLF001


class _Inner(Transaction):
    """What is the outermost transaction as far as the code in a sandbox knows."""

    def __init__(self, sandbox: _Root, deadline: float | None) -> None:
        super().__init__(sandbox.database, Options(), deadline=deadline, outer=sandbox)
        self._sandbox, self._ends, self._turn, self._entered = sandbox, True, False, False
        self._before: Transaction | None = None

    def transaction(self, *, deadline: float | None = None) -> Transaction:
        return Transaction(self.database, Options(), deadline=deadline, outer=self)

    async def __aenter__(self) -> Self:
        await self._sandbox.turn.acquire()
        self._turn = True
        try:
            await super().__aenter__()
        except BaseException:
            self._leave()
            raise
        self._before, self._entered = self._sandbox.contexts.enter(self), True
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await super().__aexit__(kind, error, trace)
        finally:
            self._leave()

    async def _after(self) -> None:
        self._leave()
        await super()._after()

    def _leave(self) -> None:
        if self._turn:
            self._turn = False
            if self._entered:
                self._sandbox.contexts.leave(self._before)
            self._sandbox.turn.release()


class _Lane(Session):
    """Single statements in a sandbox: each as if it were committed by itself."""

    def __init__(self, root: _Root, session: Session) -> None:
        self._root, self._session = root, session

    async def run(self, sql: str, params: Sequence[Any]) -> Result:
        if not self._root.capabilities.aborts:
            async with self._root.turn:
                return await self._session.run(sql, params)
        async with self._root.door.transaction():  # so that a failure spoils nothing else
            return await self._session.run(sql, params)

    async def chunks(self, sql: str, params: Sequence[Any], size: int) -> AsyncGenerator[Chunk, None]:
        rows = (await self.run(sql, params)).rows  # all at once: others use the connection meanwhile
        for start in range(0, len(rows), size):
            yield rows[start : start + size]

    async def run_many(self, sql: str, rows: Iterable[Sequence[Any]]) -> int:
        async with self._root.door.transaction():
            return await self._session.run_many(sql, rows)

    async def run_batch(self, statements: Sequence[tuple[str, Sequence[Any]]]) -> list[Result]:
        async with self._root.door.transaction():
            return await self._session.run_batch(statements)

    async def load(
        self,
        table: tuple[str, ...],
        columns: Sequence[str],
        rows: Iterable[Sequence[Any]] | AsyncIterable[Sequence[Any]],
    ) -> int:
        async with self._root.door.transaction():
            return await self._session.load(table, columns, rows)

    async def commit(self) -> None:
        raise TransactionError("a sandbox is not committed")

    async def rollback(self) -> None:
        raise TransactionError("a sandbox is rolled back at its end")

    async def save(self, name: str) -> None:
        await self._session.save(name)

    async def release(self, name: str) -> None:
        await self._session.release(name)

    async def back(self, name: str) -> None:
        await self._session.back(name)

    async def _control(self, sql: str) -> None:
        await self._session._control(sql)  # noqa: SLF001  # it is one

"""Transactions: blocks that commit as a whole or not at all, and what happens after the commit."""

from __future__ import annotations

import inspect
import logging
from contextlib import AbstractAsyncContextManager
from math import inf
from typing import TYPE_CHECKING, Any

import anyio

from arlen_data.errors import DatabaseError, DeadlineExceeded, InvalidArgument, TransactionError, Unsupported
from arlen_data.lanes import Options, Session
from arlen_data.queries import Queries

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Self

    from arlen_data.effects import Effect

__all__ = ["Transaction"]

_log = logging.getLogger("arlen_data")

Hook = tuple["Callable[..., Any]", tuple[Any, ...], dict[str, Any]]


class Transaction(Queries, AbstractAsyncContextManager["Transaction"]):
    """A transaction; made by `transaction()`, on a database, or on a transaction for one inside of it.

    Leaving the block commits. An exception that leaves it rolls back, and arrives as it was; should the rollback fail,
    that is a note on it. A transaction inside of another is a savepoint: its failure leaves the outer one as it was.

    A deadline never cuts off a commit that has begun. Who is cancelled while it commits does not know whether it did.

    Args:
        database: what made it.
        options: how it begins.
        deadline: seconds for the whole block.
        outer: the transaction that this one is inside of.
    """

    def __init__(
        self, database: Any, options: Options, *, deadline: float | None = None, outer: Transaction | None = None
    ) -> None:
        if outer is not None and options != Options():
            fix = "set them on the outermost transaction"
            raise InvalidArgument("a transaction inside of another has no isolation and no read_only", fix=fix)
        self.database, self.capabilities, self.events = database, database.capabilities, database.events
        self._options, self._deadline, self._outer = options, deadline, outer
        self._ends = outer is None  # whether its end is the end: effects are written, hooks run
        self._session: Session | None = None
        self._scope: anyio.CancelScope | None = None
        self._hooks: list[Hook] = []
        self._effects: list[Effect] = []
        self._name = ""
        self._count = 0
        self._inside: list[Transaction] = []  # of the outermost one: those that are open, from the outside in
        self._torn = False
        self._told: Callable[[BaseException | None, str], object] | None = None

    async def __aenter__(self) -> Self:
        if self._session is not None or self._name:
            raise TransactionError("this transaction has begun already", fix="make a new one with transaction()")
        watcher = self.events.watcher
        if watcher is not None and self._outer is None:
            self._told = watcher.transaction()
        if self._deadline is not None:
            self._scope = anyio.CancelScope(deadline=anyio.current_time() + self._deadline).__enter__()
        try:
            await self._begin()
        except BaseException as error:
            self._left(type(error), error, error.__traceback__, "failed")
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        session = self._lane()
        self._unstack()
        try:
            if error is None:
                await self._finish(session)
            else:
                await self._rolled(session, error)
        except BaseException as failure:
            self._session = None
            self._left(type(failure), failure, failure.__traceback__, "failed")
            raise
        self._session = None
        self._left(kind, error, trace, "committed" if error is None else "rolled back")
        if error is None:
            await self._after()

    def transaction(self, *, deadline: float | None = None) -> Transaction:
        """Return a transaction inside of this one: a savepoint; needs `savepoints`."""
        if not self.capabilities.savepoints:
            raise Unsupported(f"{self.capabilities.adapter} has no savepoints")
        return type(self)(self.database, Options(), deadline=deadline, outer=self)

    def after_commit(self, function: Any, *args: Any, **options: Any) -> None:
        """Call a function, or await a coroutine function, when everything is committed; not after a rollback.

        Args:
            function: what to call; or an `Effect`, which goes into the outbox with the commit.
            args: for the function.
            options: for the function.

        What it raises is logged: the data is committed, and the caller must learn that. It lives in this process: when
        the process dies between the commit and the call, the call is lost. An effect is not.
        """
        self._lane()
        if callable(function):
            self._hooks.append((function, args, options))
            return
        from arlen_data.effects import Effect  # most programs have no outbox

        if not isinstance(function, Effect) or args or options:
            fix = "pass a function and its arguments, or an Effect alone"
            raise InvalidArgument(f"{type(function).__name__} is nothing to do after a commit", fix=fix)
        self._effects.append(function)

    def _lane(self) -> Session:
        if self._session is None:
            state = "has ended" if self._name else "has not begun"
            raise TransactionError(f"this transaction {state}", fix="use it inside its `async with` block")
        return self._session

    async def _begin(self) -> None:
        if self._outer is None:
            self._session, self._name = await self.database.session(self._options), "outermost"
            return
        session = self._outer._lane()  # noqa: SLF001  # one class, two objects
        root = self._root()
        root._count += 1  # noqa: SLF001
        name = f"arlen_{root._count}"  # noqa: SLF001
        await session.save(name)
        self._session, self._name = session, name
        root._inside.append(self)  # noqa: SLF001

    async def _finish(self, session: Session) -> None:
        """Commit; when that cannot be, nothing of it stays."""
        refusal: DatabaseError | None = None
        if self._scope is not None and self._scope.cancel_called:  # somebody swallowed it
            refusal = self._late()
        elif self._outer is None and self._torn:
            fix = "begin them in one task, one after another"
            refusal = TransactionError("transactions inside of this one ended in a wrong order", fix=fix)
        if refusal is not None:
            await self._rolled(session, refusal)
            raise refusal
        await self._written(session)
        if self._scope is not None:
            self._scope.deadline = inf  # or nobody knew whether a commit that was cut off took place
        await self._committed(session)

    async def _written(self, session: Session) -> None:
        """Put the effects into the outbox; when that fails, nothing is committed."""
        if not self._ends or not self._effects:
            return
        from arlen_data.effects import write  # most programs have no outbox

        try:
            await write(self, self._effects)
        except BaseException as error:
            await self._rolled(session, error)
            raise

    async def _committed(self, session: Session) -> None:
        if self._outer is None:
            await session.commit()
            return
        try:
            await session.release(self._name)
        except BaseException as error:
            await self._rolled(session, error)  # so that the outer one is usable
            raise
        if not self._ends:
            self._outer._hooks += self._hooks  # noqa: SLF001
            self._outer._effects += self._effects  # noqa: SLF001
            self._hooks, self._effects = [], []

    async def _rolled(self, session: Session, error: BaseException) -> None:
        with anyio.CancelScope(shield=True):
            try:
                await (session.rollback() if self._outer is None else session.back(self._name))
            except Exception as failure:  # noqa: BLE001  # the error that left the block is the one that arrives
                error.add_note(f"the rollback failed too: {failure}")

    def _left(self, kind: Any, error: BaseException | None, trace: Any, outcome: str) -> None:
        scope, self._scope = self._scope, None
        late = self._late() if scope is not None and scope.__exit__(kind, error, trace) else None
        told, self._told = self._told, None
        if told is not None:
            told(error if late is None else late, outcome)
        if late is not None:
            raise late

    def _late(self) -> DeadlineExceeded:
        return DeadlineExceeded(f"the transaction took longer than {self._deadline:g} s and was rolled back")

    async def _after(self) -> None:
        if not self._ends:
            return
        hooks, self._hooks = self._hooks, []
        cancelled: BaseException | None = None
        for function, args, options in hooks:
            try:
                made = function(*args, **options)
                if inspect.isawaitable(made):
                    await made
            except Exception:  # noqa: BLE001  # it harms nobody else
                _log.exception("what was to happen after a commit failed")
            except BaseException as error:  # noqa: BLE001  # the others have their turn first
                cancelled = error
        if cancelled is not None:
            raise cancelled

    def _unstack(self) -> None:
        """Leave the open ones; savepoints end from the inside out, and two tasks may not."""
        root = self._root()
        if self in root._inside:  # noqa: SLF001  # one class, two objects
            root._torn |= root._inside[-1] is not self  # noqa: SLF001
            root._inside.remove(self)  # noqa: SLF001

    def _root(self) -> Transaction:
        root = self
        while root._outer is not None:
            root = root._outer
        return root

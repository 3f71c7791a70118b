"""Database: the contract of an adapter, and what every adapter has from it."""

from __future__ import annotations

import random
from abc import abstractmethod
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import anyio

from arlen_core.clock import Clock, SystemClock
from arlen_data.errors import DatabaseError, InvalidArgument, Unsupported
from arlen_data.events import Events
from arlen_data.lanes import Isolation, Lane, Options, Session
from arlen_data.queries import Queries
from arlen_data.transactions import Transaction

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
    from types import TracebackType
    from typing import Self

    from arlen_core.app import App
    from arlen_data.capabilities import Capabilities
    from arlen_data.notifications import Missed, Notification
    from arlen_data.results import Result
    from arlen_data.stats import Stats

__all__ = ["Database", "Sandboxed"]

T = TypeVar("T")


class Sandboxed(Protocol):
    """What `arlen_data.sandbox` puts between a database and those who use it."""

    def get(self) -> Transaction | None:
        """Return the transaction in which everything happens in this context; `None` outside of a sandbox."""


class Database(Queries, Lane):
    """A database: the base class of every adapter.

    An adapter implements `open`, `close`, `again`, `session`, and of `Lane` `run`, `chunks` and `load`; each is one
    autocommitted statement on any connection. `arlen_data.conformance` proves it.

    Use it as `async with SQLite("app.db") as db`, or give it to an application: `db = app.use(SQLite("app.db"))`.

    Args:
        capabilities: what the adapter can do.
        name: of this database among several; "default" is the one that handlers get as `Database`.
        clock: what retries sleep on.
    """

    def __init__(self, capabilities: Capabilities, *, name: str = "default", clock: Clock | None = None) -> None:
        self.capabilities, self.name = capabilities, name
        self.clock: Clock = SystemClock() if clock is None else clock
        self.events = Events(capabilities.adapter, name)
        self._sandbox: Sandboxed | None = None

    @abstractmethod
    async def open(self) -> None:
        """Connect; `ConnectionFailed` when that cannot be, within the adapter's timeout."""

    @abstractmethod
    async def close(self) -> None:
        """Wait for what runs, for as long as the adapter's grace, then cut it off; harmless when not open."""

    @abstractmethod
    def again(self, **changes: Any) -> Self:
        """Return another object for the same database, not opened, with some settings changed.

        Args:
            changes: the settings of the adapter's constructor; `InvalidArgument` for one that it does not have.

        `Unsupported` when it is there once only, as a database in memory is.
        """

    @abstractmethod
    async def session(self, options: Options, /) -> Session:
        """Return a session whose transaction has begun, or begins with the first statement."""

    async def run_many(self, sql: str, rows: Iterable[Sequence[Any]], /) -> int:
        """Run a statement for each row in one transaction; see `Lane`."""
        async with self.transaction() as tx:
            return await tx._lane().run_many(sql, rows)  # noqa: SLF001  # one contract in several modules

    async def run_batch(self, statements: Sequence[tuple[str, Sequence[Any]]], /) -> list[Result]:
        """Run several statements in one transaction; see `Lane`."""
        async with self.transaction() as tx:
            return await tx._lane().run_batch(statements)  # noqa: SLF001

    def listen(self, *channels: str) -> AbstractAsyncContextManager[AsyncIterator[Notification | Missed]]:
        """Listen on channels inside the `async with` block; needs `listen`.

        It has a connection of its own. When that is lost it is made again, and `Missed` is what comes first.
        """
        raise Unsupported(f"{self.capabilities.adapter} has no notifications", fix="poll, or use PostgreSQL")

    def transaction(
        self, *, isolation: Isolation | None = None, read_only: bool = False, deadline: float | None = None
    ) -> Transaction:
        """Return a transaction for `async with`.

        Args:
            isolation: `None` is the engine's default; other levels need `isolation`.
            read_only: a write raises `ReadOnlyTransaction`.
            deadline: seconds for the whole block; then it is rolled back with `DeadlineExceeded`.
        """
        if isolation not in {None, "read committed", "repeatable read", "serializable"}:
            raise InvalidArgument(f"{isolation!r} is no isolation level")
        self._able("transactions")
        if read_only:
            self._able("read_only")
        outer = self._sandbox.get() if self._sandbox is not None else None
        if outer is not None:
            return outer.transaction(deadline=deadline)
        return Transaction(self, Options(isolation, read_only), deadline=deadline)

    async def transact(
        self,
        work: Callable[[Transaction], Awaitable[T]],
        *,
        attempts: int = 5,
        isolation: Isolation | None = None,
        read_only: bool = False,
        deadline: float | None = None,
    ) -> T:
        """Run `await work(tx)` in a transaction, and again from its start when it lost a race; return what it returns.

        Args:
            work: must do nothing outside of the transaction that may not happen twice.
            attempts: how often in all, at least 1; then the error arrives. Between two of them is a pause of up to
                10 ms, doubled each time, drawn at random.
            isolation: as in `transaction`.
            read_only: as in `transaction`.
            deadline: as in `transaction`, for each attempt.
        """
        for attempt in range(1, attempts + 1):
            try:
                async with self.transaction(isolation=isolation, read_only=read_only, deadline=deadline) as tx:
                    return await work(tx)
            except DatabaseError as error:
                if not error.is_retryable or attempt == attempts:
                    raise
            await self.clock.sleep(random.uniform(0, 0.01 * 2**attempt))  # noqa: S311  # jitter, no secret
        raise InvalidArgument(f"a transaction needs at least one attempt, not {attempts}")

    def stats(self) -> tuple[Stats, ...]:
        """Return what its pools of connections are doing, as metrics tell it; nothing without pools, or not open.

        It counts what is there anyway: quick enough to be asked every second.
        """
        return ()

    def origin(self) -> dict[str, str | int]:
        """Return which database it is, for traces: `db.namespace`, `server.address` and `server.port`, never a secret.

        Those are OpenTelemetry's names; what is not known is left out.
        """
        return {}

    def register(self, app: App) -> None:
        """Make this database a part of an application; `app.use(database)` calls it. See `arlen_data.plugin`."""
        from arlen_data.plugin import install  # who works without an application needs no logs and no settings

        install(self, app, Database)

    async def check(self, *, timeout: float = 2.0) -> None:
        """Ask for one row, to know that the database answers; raises what is wrong."""
        with anyio.fail_after(timeout):
            await self.value("select 1")

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with anyio.CancelScope(shield=True):
            await self.close()

    def _able(self, flag: str) -> None:
        if not getattr(self.capabilities, flag):
            raise Unsupported(f"{self.capabilities.adapter} has no {flag.replace('_', '-')}")

    def _lane(self) -> Lane:
        outer = self._sandbox.get() if self._sandbox is not None else None
        return self if outer is None else outer._lane()  # noqa: SLF001

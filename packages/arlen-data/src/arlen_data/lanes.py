"""Lanes: what an adapter implements, the few ways in which statements reach an engine."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterable, Iterable, Sequence

    from arlen_data.results import Result
    from arlen_data.rows import Row

__all__ = ["Chunk", "Isolation", "Lane", "Options", "Session"]

Chunk: TypeAlias = "list[Row]"
"""Some of the rows of a stream, in their order."""

Isolation: TypeAlias = Literal["read committed", "repeatable read", "serializable"]
"""The isolation levels of the SQL standard that engines have; an adapter may give a stronger one than asked for."""


class Options(Struct, frozen=True):
    """How a transaction begins.

    Args:
        isolation: `None` is the engine's default.
        read_only: writes are refused with `ReadOnlyTransaction`.
    """

    isolation: Isolation | None = None
    read_only: bool = False


class Lane(ABC):
    """Runs statements. A `Session` is one, on one connection; a `Database` is one, on any connection.

    Every method raises the classes of `arlen_data.errors` and nothing else, with the driver's exception as
    `__cause__`. A caller that is cancelled stops the statement on the engine, and leaves the lane usable.
    """

    @abstractmethod
    async def run(self, sql: str, params: Sequence[Any], /) -> Result:
        """Run one statement with `$1` to `$n` and return its whole result.

        `begin`, `commit`, `rollback` and their like are refused with `TransactionError`.
        """

    @abstractmethod
    def chunks(self, sql: str, params: Sequence[Any], size: int, /) -> AsyncGenerator[Chunk, None]:
        """Run one statement and yield its rows, `size` at a time; nothing is held longer than that.

        Closing the generator stops the statement and gives the connection back.
        """

    @abstractmethod
    async def run_many(self, sql: str, rows: Iterable[Sequence[Any]], /) -> int:
        """Run one statement once for each row of parameters, all or nothing; return how many rows it affected."""

    @abstractmethod
    async def run_batch(self, statements: Sequence[tuple[str, Sequence[Any]]], /) -> list[Result]:
        """Run several statements in their order, all or nothing, in one round trip where there is one."""

    @abstractmethod
    async def load(
        self,
        table: tuple[str, ...],
        columns: Sequence[str],
        rows: Iterable[Sequence[Any]] | AsyncIterable[Sequence[Any]],
        /,
    ) -> int:
        """Add many rows to a table, all or nothing; return how many. A row that does not fit names its number."""


class Session(Lane):
    """One connection in one transaction, from `Database.session` until `commit` or `rollback`.

    Either gives the connection back, whatever happens; a connection that cannot be trusted any more is closed.
    """

    @abstractmethod
    async def commit(self) -> None:
        """Commit. `TransactionAborted` when there is nothing to commit because a statement had failed."""

    @abstractmethod
    async def rollback(self) -> None:
        """Roll back. Callers shield it from cancellation."""

    async def save(self, name: str) -> None:
        """Make a savepoint; the name is one of ours, safe as it is."""
        await self._control(f"savepoint {name}")

    async def release(self, name: str) -> None:
        """Release a savepoint: what came after it belongs to the transaction."""
        await self._control(f"release savepoint {name}")

    async def back(self, name: str) -> None:
        """Roll back to a savepoint, and release it."""
        await self._control(f"rollback to savepoint {name}")
        await self._control(f"release savepoint {name}")

    @abstractmethod
    async def _control(self, sql: str) -> None:
        """Run a statement that `run` refuses."""

"""Wires: one connection to the server, whatever moves its bytes, as the pool and the sessions see it."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg.pq import TransactionStatus

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Sequence
    from contextlib import AbstractAsyncContextManager

    from arlen_data.errors import DatabaseError
    from arlen_data.lanes import Chunk
    from arlen_data.results import Result
    from arlen_pg.calls import Call
    from arlen_pg.codecs import Codec
    from arlen_pg.settings import Settings

__all__ = ["Wire"]

_RESET = (
    "set session authorization default; reset all; close all; unlisten *; select pg_advisory_unlock_all();"
    " discard temp; discard sequences"
)


class Wire(ABC):
    """One connection.

    Args:
        link: psycopg's connection, in autocommit.
        codec: the types.
        settings: of the database.

    Attributes:
        lent: somebody has it; otherwise it goes back to the pool by itself after each statement.
        stateful: a statement may have left something in the session.
        unprepared: a statement may have done away with prepared statements, or added some.
        dead: it is of no more use.
        expires: when it is to be replaced, by the clock's monotonic time.
        sent: statements that were sent.
        settling: what brings it back to order after a task went away; `None` for nothing.
        home: where it goes when a statement of nobody's has ended.
    """

    def __init__(self, link: psycopg.AsyncConnection[Any], codec: Codec, settings: Settings) -> None:
        self.link, self.pgconn, self.codec, self.settings = link, link.pgconn, codec, settings
        self.loop = asyncio.get_running_loop()
        self.lent = self.stateful = self.unprepared = self.dead = False
        self.expires = 0.0
        self.sent = self.noted = 0
        self.still = 0.0
        self.settling: asyncio.Task[None] | None = None
        self.home: Callable[[Wire], None] = _nowhere

    @property
    def idle(self) -> bool:
        """Nothing runs on it and no transaction is open, by the server's own word."""
        return not self.dead and self.pgconn.transaction_status == TransactionStatus.IDLE

    @property
    def open(self) -> bool:
        """A transaction is open, or was aborted and waits for its end."""
        return not self.dead and self.pgconn.transaction_status != TransactionStatus.IDLE

    def known(self, name: str) -> str:
        """Return a parameter of the session that the server has reported; "" when it has not."""
        return (self.pgconn.parameter_status(name.encode()) or b"").decode()

    async def restore(self) -> bool:
        """Bring it back to order after whatever somebody did with it; tell whether that went well."""
        await self.settled()
        if self.open:
            await self.control("rollback")
        if self.stateful and not self.dead:
            await self.control(_RESET + ("; deallocate all" if self.unprepared else ""))
            if self.unprepared:
                self.forget()
            prologue = self.settings.prologue(self.known)
            if prologue:
                await self.control(prologue)
            self.stateful = self.unprepared = False
        return self.idle

    async def settled(self) -> None:
        """Wait until it is in order again after a task went away."""
        while self.settling is not None:
            await asyncio.wait([self.settling])

    @abstractmethod
    async def run(self, sql: str, params: Sequence[Any], *, begin: bytes = b"") -> Result:
        """Run one statement; with `begin`, begin the transaction in the same round trip."""

    def take(self, call: Call) -> None:
        """Send a call of nobody's; only raw connections do, the others are lent."""
        raise NotImplementedError

    @abstractmethod
    async def batch(self, pairs: Sequence[tuple[str, Sequence[Any]]], *, begin: bytes = b"") -> list[Result]:
        """Run several statements in one round trip; the first that fails is the error of all."""

    @abstractmethod
    def chunks(self, sql: str, params: Sequence[Any], size: int) -> AsyncGenerator[Chunk, None]:
        """Run one statement and yield its rows, `size` at a time."""

    @abstractmethod
    async def control(self, sql: str) -> bytes:
        """Run statements as they are; return the command tag of the last."""

    @abstractmethod
    def forget(self) -> None:
        """Forget what was prepared: the server has."""

    @abstractmethod
    def give_up(self, key: Any) -> None:
        """Give up one prepared statement, if there is such a one."""

    @abstractmethod
    def cut(self, error: DatabaseError) -> None:
        """Close it; whoever waits for an answer gets the error."""

    @abstractmethod
    def taken(self) -> AbstractAsyncContextManager[psycopg.AsyncConnection[Any]]:
        """Lend psycopg's own connection for a block; `TransactionError` when something runs."""

    @abstractmethod
    def close(self) -> None:
        """Close it at once; harmless when that has happened."""


def _nowhere(wire: Wire) -> None:
    wire.close()

"""Sessions: one connection in one transaction, which begins together with its first statement."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

from arlen_data.errors import ConnectionLost, TransactionAborted
from arlen_data.lanes import Options, Session
from arlen_pg import copying

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterable, Iterable, Sequence

    from arlen_data.lanes import Chunk
    from arlen_data.results import Result
    from arlen_pg.pools import Pool
    from arlen_pg.wires import Wire

__all__ = ["PgSession"]

_MANY = 500  # rows of parameters in one round trip


class PgSession(Session):
    """A transaction; see `Session`.

    Args:
        pool: where the connection came from, and goes back to.
        wire: the connection.
        options: how it begins.
    """

    def __init__(self, pool: Pool, wire: Wire, options: Options) -> None:
        self._pool, self._wire = pool, wire
        level = f" isolation level {options.isolation}" if options.isolation else ""
        self._begin = f"begin{level}{' read only' if options.read_only else ''}".encode()

    async def run(self, sql: str, params: Sequence[Any]) -> Result:
        """Run one statement; the first begins the transaction."""
        wire = self._wire
        if wire.settling is not None:
            await wire.settled()
        begin, self._begin = self._begin, b""
        try:
            return await wire.run(sql, params, begin=begin)
        except BaseException:
            self._again(begin)
            raise

    async def chunks(self, sql: str, params: Sequence[Any], size: int) -> AsyncGenerator[Chunk, None]:
        """Yield rows while they arrive."""
        await self._begun()
        chunks = self._wire.chunks(sql, params, size)
        try:
            async for chunk in chunks:
                yield chunk
        finally:
            await chunks.aclose()

    async def run_many(self, sql: str, rows: Iterable[Sequence[Any]]) -> int:
        """Run a statement for each row, many in one round trip."""
        total, count = 0, 0
        source = iter(rows)
        while part := list(islice(source, _MANY)):
            try:
                results = await self.run_batch([(sql, row) for row in part])
            except Exception as error:
                error.add_note(f"in the rows {count + 1} to {count + len(part)}")
                raise
            total += sum(result.affected for result in results)
            count += len(part)
        return total

    async def run_batch(self, statements: Sequence[tuple[str, Sequence[Any]]]) -> list[Result]:
        """Run several statements in one round trip."""
        if not statements:
            return []
        await self._wire.settled()
        begin, self._begin = self._begin, b""
        try:
            return await self._wire.batch(statements, begin=begin)
        except BaseException:
            self._again(begin)
            raise

    async def load(
        self,
        table: tuple[str, ...],
        columns: Sequence[str],
        rows: Iterable[Sequence[Any]] | AsyncIterable[Sequence[Any]],
    ) -> int:
        """Copy rows into a table."""
        await self._begun()
        return await copying.load(self._wire, table, columns, rows)

    async def commit(self) -> None:
        """Commit; `TransactionAborted` when the server rolled back in place of it."""
        try:
            await self._wire.settled()
            if self._begin:
                return
            if self._wire.dead:
                raise ConnectionLost("the connection was lost before the commit: nothing was committed")
            if await self._wire.control("commit") == b"ROLLBACK":
                message = "a statement of this transaction had failed, so nothing was committed"
                raise TransactionAborted(message, sqlstate="25P02", fix="let its error leave the block")
        finally:
            self._pool.release(self._wire)

    async def rollback(self) -> None:
        """Roll back, when anything has begun."""
        try:
            await self._wire.settled()
            if self._wire.open:
                await self._wire.control("rollback")
        finally:
            self._pool.release(self._wire)

    async def _control(self, sql: str) -> None:
        await self._begun()
        await self._wire.control(sql)

    async def _begun(self) -> None:
        """Begin, when nothing has yet."""
        await self._wire.settled()
        if self._begin:
            begin, self._begin = self._begin, b""
            await self._wire.control(begin.decode())

    def _again(self, begin: bytes) -> None:
        """Begin with the next statement after all, when this one never reached the server."""
        wire = self._wire
        if begin and wire.idle and wire.settling is None and not self._begin:
            self._begin = begin

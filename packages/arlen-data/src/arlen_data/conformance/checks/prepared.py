"""Prepared statements: they follow a change of their tables, stay within a bound, and can be switched off."""

from __future__ import annotations

from arlen_conformance import promise
from arlen_data.conformance.dialects import dialect
from arlen_data.database import Database
from arlen_data.errors import StaleStatement

__all__ = ["Prepared"]

ENOUGH = 10
"""Runs after which an adapter has prepared a statement, if it ever does."""


class Prepared:
    """PS01 to PS03."""

    @promise(needs=["prepared", "pool"])
    async def test_ps01_a_changed_table(self, adapter: Database) -> None:
        """After a column was added or got another type, the next query has it, although it was prepared before."""
        await adapter.execute("create table ps01 (id int)")
        await adapter.execute("insert into ps01 (id) values (1)")
        async with adapter.again(size=1) as db:
            for change, row in (("add column v text", (1, None)), ("alter column id type text", ("1", None))):
                for _ in range(ENOUGH):
                    await db.all("select * from ps01 where $1 > 0", 1)
                await adapter.execute(f"alter table ps01 {change}")
                assert [row] == await db.all("select * from ps01 where $1 > 0", 1)

    @promise(needs=["prepared", "pool", "transactions"])
    async def test_ps01_a_changed_table_in_a_transaction(self, adapter: Database) -> None:
        """In a transaction such a query is a `StaleStatement` at most once: when it is run again, all is well."""
        await adapter.execute("create table ps01_inside (id int)")
        stale: list[StaleStatement] = []
        async with adapter.again(size=1) as db:
            for _ in range(ENOUGH):
                await db.all("select * from ps01_inside where $1 > 0", 1)
            await adapter.execute("alter table ps01_inside add column v text")
            for _ in range(2):
                try:
                    async with db.transaction() as tx:
                        assert ("id", "v") == (await tx.result("select * from ps01_inside where $1 > 0", 1)).columns
                except StaleStatement as error:
                    stale.append(error)
            async with db.transaction() as tx:
                assert ("id", "v") == (await tx.result("select * from ps01_inside where $1 > 0", 1)).columns
        assert len(stale) <= 1
        assert all(error.is_retryable for error in stale)

    @promise(needs=["prepared", "pool"], heavy=True)
    async def test_ps02_prepared_statements_are_bounded(self, adapter: Database) -> None:
        """A connection never has more prepared statements than `statement_cache`; those that are used most stay."""
        ask = dialect(adapter).prepared
        async with adapter.again(size=1, statement_cache=5) as db:
            for number in range(20):
                for _ in range(ENOUGH):
                    await db.value(f"select cast($1 as bigint) as ps02_{number}", number)
                    await db.value("select cast($1 as bigint) as ps02_hot", number)
            assert 1 <= await db.value(ask, "select cast($1 as bigint) as ps02_") <= 5
            assert 1 == await db.value(ask, "select cast($1 as bigint) as ps02_hot")

    @promise(needs=["prepared", "pool"])
    async def test_ps02_sizes_of_values_prepare_nothing_new(self, adapter: Database) -> None:
        """The same statement with small, great and no values is prepared at most twice."""
        sql = "select cast($1 as bigint) as ps02_sizes"
        async with adapter.again(size=1) as db:
            for value in (1, 40_000, 3_000_000_000, None, -1):
                for _ in range(ENOUGH):
                    assert value == await db.value(sql, value)
            assert 1 <= await db.value(dialect(adapter).prepared, sql) <= 2

    @promise(needs=["prepared", "pool"])
    async def test_ps03_nothing_is_prepared(self, adapter: Database) -> None:
        """With `statement_cache=0` no statement is prepared, as some proxies need it."""
        async with adapter.again(size=1, statement_cache=0) as db:
            for number in range(ENOUGH):
                assert number == await db.value("select cast($1 as bigint) as ps03", number)
            assert 0 == await db.value(dialect(adapter).prepared, "select")

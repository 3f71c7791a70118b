"""Rows: columns in their order, one row or none, and how many rows a statement affected."""

from __future__ import annotations

from arlen_conformance import promise
from arlen_data.conformance.aids import raises
from arlen_data.database import Database
from arlen_data.errors import (
    AmbiguousColumn,
    DatabaseError,
    InvalidArgument,
    MultipleRows,
    NoRows,
    UndefinedColumn,
)

__all__ = ["Rows"]


class Rows:
    """RO01 to RO03, and what goes with them."""

    @promise
    async def test_ro01_columns_keep_order_and_doubles(self, adapter: Database) -> None:
        """Columns keep their order, and two of one name both their values; by name such a pair is an error."""
        result = await adapter.result("select 1 as a, 2 as b, 3 as a, 4 as count")
        row = result.one()
        assert ("a", "b", "a", "count") == result.columns == row.keys()
        assert (1, 2, 3, 4) == tuple(row)
        assert (1, 3, 2, 2, 4) == (row[0], row[2], row["b"], row.b, row.count)
        with raises(AmbiguousColumn):
            row["a"]
        with raises(UndefinedColumn):
            row["nothing"]

    @promise
    async def test_ro02_one_row_means_one(self, adapter: Database) -> None:
        """One row is neither none nor two, and one value is not two columns."""
        await adapter.execute("create table ro02 (id int, name text)")
        with raises(NoRows):
            await adapter.one("select id from ro02")
        assert await adapter.one_or_none("select id from ro02") is None
        await adapter.execute("insert into ro02 (id, name) values (1, 'a'), (2, 'b')")
        for ask in (adapter.one, adapter.one_or_none, adapter.value):
            with raises(MultipleRows):
                await ask("select id from ro02")
        with raises(InvalidArgument):
            await adapter.value("select id, name from ro02 where id = 1")
        assert ("b",) == await adapter.one("select name from ro02 where id = $1", 2)

    @promise
    async def test_ro03_affected_rows(self, adapter: Database) -> None:
        """A statement tells how many rows it inserted, changed, deleted or selected; one that makes a table says 0."""
        assert 0 == await adapter.execute("create table ro03 (id int, v int)")
        assert 3 == await adapter.execute("insert into ro03 (id, v) values (1, 0), (2, 0), (3, 0)")
        assert 2 == await adapter.execute("update ro03 set v = $1 where id > $2", 1, 1)
        assert 0 == await adapter.execute("update ro03 set v = 1 where id = $1", 9)
        assert 3 == (await adapter.result("select id from ro03")).affected
        assert 3 == await adapter.execute("delete from ro03")
        assert 0 == await adapter.execute("drop table ro03")

    @promise(needs=["returning"])
    async def test_ro03_returning(self, adapter: Database) -> None:
        """An insert, an update and a delete that return rows also tell how many they affected."""
        await adapter.execute("create table ro03_returning (id int, v int)")
        made = await adapter.result("insert into ro03_returning (id, v) values (1, 0), (2, 0) returning id, v")
        assert (2, [(1, 0), (2, 0)]) == (made.affected, made.rows)
        changed = await adapter.result("update ro03_returning set v = id where id = $1 returning v as w", 2)
        assert (1, ("w",), [(2,)]) == (changed.affected, changed.columns, changed.rows)
        gone = await adapter.result("delete from ro03_returning where id > 5 returning id")
        assert (0, ("id",), []) == (gone.affected, gone.columns, gone.rows)

    @promise(needs=["upsert"])
    async def test_ro03_upsert(self, adapter: Database) -> None:
        """An insert on conflict changes the row that is there, or leaves it, and tells which."""
        await adapter.execute("create table ro03_upsert (id int primary key, v int)")
        sql = "insert into ro03_upsert (id, v) values ($1, $2) on conflict (id) do"
        assert 1 == await adapter.execute(f"{sql} nothing", 1, 1)
        assert 0 == await adapter.execute(f"{sql} nothing", 1, 2)
        assert 1 == await adapter.execute(f"{sql} update set v = excluded.v", 1, 3)
        assert [(1, 3)] == await adapter.all("select id, v from ro03_upsert")

    @promise
    async def test_ro03_parameters_by_number(self, adapter: Database) -> None:
        """A parameter may occur twice, in any order, and one beside a literal that looks like it."""
        await adapter.execute("create table ro03_parameters (a text, b text)")
        await adapter.execute("insert into ro03_parameters (a, b) values ($2, $1 || '$1')", "one", "two")
        assert ("two", "one$1") == await adapter.one("select a, b from ro03_parameters")
        assert 1 == await adapter.value("select count(*) from ro03_parameters where a = $1 or b = $1 -- $7", "two")
        with raises(DatabaseError):
            await adapter.value("select count(*) from ro03_parameters where a = $1 and b = $2", "two")

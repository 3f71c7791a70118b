"""Documents: JSON, arrays, and types that a database defines itself."""

from __future__ import annotations

from typing import Any

from arlen_conformance import promise
from arlen_data.conformance.aids import keeps, raises
from arlen_data.conformance.dialects import dialect
from arlen_data.database import Database
from arlen_data.errors import DatabaseError, DecodeError, Unsupported
from arlen_data.values import Array, Json

__all__ = ["Documents"]

_JSON: tuple[Any, ...] = (
    {"a": [1, 2.5, None, True, {"b": "é\U0001f600"}], "": {}},
    [],
    "text",
    'with "quotes" and \\',
    7,
    1.5,
    False,
    {"big": 2**70, "small": -(2**70)},
)
_NASTY = ["", "a,b", '"', "{}", "\\", "null", "NULL", " ", "é\U0001f600", "'"]
_SHAPES = {
    "mood": "create type mood as enum ('sad', 'glad and well')",
    "positive": "create domain positive as integer check (value > 0)",
    "pair": "create type pair as (a int, b text)",
}


class Documents:
    """TY09, TY10, TY14, TY15."""

    @promise(needs=["json"])
    async def test_ty09_json(self, adapter: Database) -> None:
        """JSON of every shape comes back, bare or in `Json`, with great numbers; JSON's null is not SQL's."""
        for number, name in enumerate(dialect(adapter).json):
            table = f"ty09_{number}"
            await adapter.execute(f"create table {table} (v {name})")
            for value in _JSON:
                assert value == await _stored(adapter, table, Json(value))
            assert {"bare": [1]} == await _stored(adapter, table, {"bare": [1]})
            assert [1, {"bare": 2}] == await _stored(adapter, table, [1, {"bare": 2}])
            assert await _stored(adapter, table, Json(None)) is None
            assert 0 == await adapter.value(f"select count(*) from {table} where v is null")  # noqa: S608
            assert await _stored(adapter, table, None) is None
            assert 1 == await adapter.value(f"select count(*) from {table} where v is null")  # noqa: S608

    @promise(unless=["json"])
    async def test_ty09_json_is_refused(self, adapter: Database) -> None:
        """Without `json`, a `Json`, a dict and a list as parameters are `Unsupported`."""
        await adapter.execute("create table ty09 (v text)")
        for value in (Json({"a": 1}), {"a": 1}, [1]):
            with raises(Unsupported):
                await adapter.execute("insert into ty09 (v) values ($1)", value)

    @promise(needs=["arrays"])
    async def test_ty10_arrays(self, adapter: Database) -> None:
        """Arrays come back as lists: empty, with null, of two dimensions, and of texts that need quoting."""
        await adapter.execute("create table ty10 (n bigint[], t text[])")
        for numbers in ([1, None, -(2**63)], [[1, 2], [3, 4]], [7]):
            await adapter.execute("delete from ty10")
            await adapter.execute("insert into ty10 (n, t) values ($1, $2)", Array(numbers), Array(_NASTY))
            assert (numbers, _NASTY) == await adapter.one("select n, t from ty10")
        await adapter.execute("update ty10 set n = $1, t = $2", Array([], "bigint"), Array([None], "text"))
        assert ([], [None]) == await adapter.one("select n, t from ty10")

    @promise(needs=["arrays"])
    async def test_ty10_a_bare_list_is_no_array(self, adapter: Database) -> None:
        """A bare list is JSON: for a column of arrays it is refused, never guessed at."""
        await adapter.execute("create table ty10 (n bigint[])")
        with raises(DatabaseError):
            await adapter.execute("insert into ty10 (n) values ($1)", [1, 2])
        assert 0 == await adapter.value("select count(*) from ty10")

    @promise(unless=["arrays"])
    async def test_ty10_arrays_are_refused(self, adapter: Database) -> None:
        """Without `arrays`, an `Array` as a parameter is `Unsupported`."""
        await adapter.execute("create table ty10 (v text)")
        with raises(Unsupported):
            await adapter.execute("insert into ty10 (v) values ($1)", Array([1, 2]))

    @promise(needs=["enums"])
    async def test_ty14_types_that_a_database_defines(self, adapter: Database) -> None:
        """Enums and texts of other types are str, a domain is what it is made of, and nothing is ever raw bytes."""
        for create in _SHAPES.values():
            await adapter.execute(create)
        await adapter.execute("create table ty14 (v mood, d positive, p pair, r int4range)")
        assert "glad and well" == await keeps(adapter, "ty14", "glad and well")
        await adapter.execute("update ty14 set d = 7, p = row(1, 'x'), r = '[1,4)'")
        row = await adapter.one("select v, d, p, r from ty14")
        assert ("glad and well", 7) == row[:2]
        assert not [value for value in row if isinstance(value, bytes | bytearray | memoryview)]
        if isinstance(row.r, str):
            assert ("(1,x)", "[1,4)") == row[2:]

    @promise
    async def test_ty15_what_cannot_be_held_is_named(self, adapter: Database) -> None:
        """A value that Python cannot hold is a `DecodeError` with its column and type, and harms nothing else."""
        words = dialect(adapter)
        for sql in words.broken:
            await adapter.execute(sql)
        for _ in range(3):
            with raises(DecodeError) as caught:
                await adapter.all("select 1 as n, v from ty15")
            assert ("v", words.broken_type) == (caught.error.column, caught.error.datatype)
            assert 1 == await adapter.value("select count(*) from ty15")


async def _stored(adapter: Database, table: str, value: object) -> object:
    await adapter.execute(f"delete from {table}")  # noqa: S608
    await adapter.execute(f"insert into {table} (v) values ($1)", value)  # noqa: S608
    return await adapter.value(f"select v from {table}")  # noqa: S608

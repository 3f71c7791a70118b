"""Queries: every way to ask, on a database and in a transaction."""

import pytest
from msgspec import Struct

from arlen_data.errors import (
    InvalidArgument,
    MultipleRows,
    NoRows,
    PoolClosed,
    TransactionError,
    UniqueViolation,
    Unsupported,
)

pytestmark = pytest.mark.anyio


class Item(Struct):
    """A row."""

    id: int
    name: str


class Built:
    """A statement of a builder."""

    sql, params = "select id, name from t where id = $1", (1,)

    def compile(self, dialect):
        return self

    def bind(self, *, id):
        return (id,)


@pytest.fixture(params=["database", "transaction"])
async def ask(request, db):
    """A database with a table, or a transaction on it: they answer in the same words."""
    await db.execute("create table t (id int primary key, name text)")
    await db.execute("insert into t (id, name) values (1, 'one'), (2, 'two')")
    if request.param == "database":
        yield db
        return
    async with db.transaction() as tx:
        yield tx


async def test_all(ask):
    """All rows, as they are or as a type."""
    assert [(1, "one"), (2, "two")] == await ask.all("select id, name from t order by id")
    assert [Item(2, "two")] == await ask.all("select id, name from t where id = $1", 2, into=Item)


async def test_one(ask):
    """The only row."""
    assert Item(1, "one") == await ask.one("select id, name from t where id = $1", 1, into=Item)
    with pytest.raises(NoRows):
        await ask.one("select id from t where id = $1", 7)
    with pytest.raises(MultipleRows):
        await ask.one("select id from t")


async def test_one_or_none(ask):
    """The only row, or none."""
    assert await ask.one_or_none("select id, name from t where id = 7", into=Item) is None
    assert Item(1, "one") == await ask.one_or_none("select id, name from t where id = 1", into=Item)


async def test_value(ask):
    """The only value."""
    assert 2 == await ask.value("select count(*) from t")
    assert "2" == await ask.value("select cast(count(*) as text) from t", into=str)


async def test_execute(ask):
    """How many rows."""
    assert 2 == await ask.execute("update t set name = $1", "new")
    assert 0 == await ask.execute("create table other (id int)")


async def test_result(ask):
    """Everything about it."""
    found = await ask.result("select id from t order by id")
    assert (("id",), 2, [(1,), (2,)]) == (found.columns, found.affected, found.rows)


async def test_statements(ask):
    """What a builder made is asked as a text is, with its named parameters by name."""
    assert Item(1, "one") == await ask.one(Built(), into=Item)
    assert Item(2, "two") == await ask.one(Built(), into=Item, id=2)
    async with ask.stream(Built(), id=2) as rows:
        assert [(2, "two")] == [row async for row in rows]


async def test_execute_many(ask):
    """A text for each row; all or nothing."""
    assert 2 == await ask.execute_many("insert into t (id) values ($1)", [(3,), (4,)])
    with pytest.raises(InvalidArgument, match="has parameters of its own"):
        await ask.execute_many(Built(), [(1,)])


async def test_batch(ask):
    """Texts, texts with arguments and statements; nothing is no work."""
    found = await ask.batch("select 7", ("insert into t (id) values ($1)", 9), Built())
    assert (7, 1, (1, "one")) == (found[0].value(), found[1].affected, found[2].one())
    assert [] == await ask.batch()
    with pytest.raises(InvalidArgument, match="has its values already"):
        await ask.batch((Built(), 1))


async def test_a_batch_of_a_database_is_whole(db):
    """When a statement fails, none has had an effect."""
    await db.execute("create table t (id int primary key)")
    add = "insert into t (id) values ($1)"
    with pytest.raises(UniqueViolation):
        await db.batch((add, 1), (add, 1))
    with pytest.raises(UniqueViolation):
        await db.execute_many(add, [(1,), (1,)])
    assert 0 == await db.value("select count(*) from t")


@pytest.mark.parametrize(
    ("table", "columns", "message"),
    [
        ("", ["id"], "'' is no name"),
        (("main", ""), ["id"], "'' is no name"),
        ("t", ["a\0"], "is no name"),
        ("t", [], "at least one column"),
    ],
)
async def test_copy_in_refuses(ask, table, columns, message):
    """Names that are none, and no columns, are refused before anything is sent."""
    with pytest.raises(InvalidArgument, match=message):
        await ask.copy_in(table, columns, [(1,)])


async def test_copy_in(ask):
    """Rows from a list, and from an asynchronous source."""

    async def rows():
        yield (8, "eight")

    assert 1 == await ask.copy_in("t", ["id", "name"], [(7, "seven")])
    assert 1 == await ask.copy_in(("main", "t"), ("id", "name"), rows())
    assert 4 == await ask.value("select count(*) from t")


async def test_notify_and_listen(db):
    """Without notifications both are refused."""
    with pytest.raises(Unsupported, match="tiny has no notifications"):
        await db.notify("channel")
    with pytest.raises(Unsupported, match="tiny has no notifications"):
        db.listen("channel")


async def test_transaction_control(ask):
    """To begin or commit by a statement is refused."""
    with pytest.raises(TransactionError):
        await ask.execute("commit")


async def test_check(db):
    """It asks for one row."""
    await db.check()
    await db.close()
    with pytest.raises(PoolClosed):
        await db.check()

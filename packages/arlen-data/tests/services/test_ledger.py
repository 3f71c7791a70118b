"""Ledger: the queries of one request."""

import anyio
import pytest
from tiny import Tiny

from arlen_core.app import App
from arlen_core.testing import Client
from arlen_data.ledger import BudgetExceeded, Ledgers, place

pytestmark = pytest.mark.anyio


def application(lines, env="test", **words):
    """Return an application whose handler `/{count}` asks the same thing so often."""
    app = App("a", environ={f"ARLEN_DATABASE__{name}": value for name, value in words.items()}, env=env)
    db = app.use(Tiny())
    app.log = lines

    @app.get("/{count}")
    async def home(count: int) -> dict:
        for number in range(count):
            await db.value("select $1", number)
        return {"count": count}

    return app, db


async def test_repeated_statements_are_told_in_development(lines):
    """One warning for a statement that runs more than ten times, with the statement and the line that asks."""
    app, _ = application(lines, env="development")
    async with Client(app) as client:
        await client.get("/10")
        assert [] == lines.named("database.query.repeated")
        await client.get("/25")
    (line,) = lines.named("database.query.repeated")
    assert ("select $1", 11) == (line["sql"], line["times"])
    assert __file__ in line["place"]
    assert line["place"].endswith(" in home")


async def test_the_number_can_be_chosen(lines):
    """`database.repeats` holds everywhere."""
    app, _ = application(lines, REPEATS="2")
    async with Client(app) as client:
        await client.get("/3")
    assert 1 == len(lines.named("database.query.repeated"))


async def test_different_statements_do_not_repeat(lines):
    """Values do not make a difference; texts do."""
    app, db = application(lines, REPEATS="1")

    @app.get("/all")
    async def everything() -> None:
        for number in range(5):
            await db.value(f"select {number}")

    async with Client(app) as client:
        await client.get("/all")
    assert [] == lines.named("database.query.repeated")


async def test_a_budget_warns(lines):
    """Over the budget there is one warning a request, and the answer comes."""
    app, _ = application(lines, BUDGET="3")
    async with Client(app) as client:
        assert 200 == (await client.get("/3")).status
        assert [] == lines.named("database.budget.exceeded")
        assert 200 == (await client.get("/9")).status
        assert 200 == (await client.get("/2")).status
    (line,) = lines.named("database.budget.exceeded")
    assert "one request makes more than 3 queries" == line["reason"]


async def test_a_strict_budget_refuses(lines):
    """The query over it does not run, and the request fails."""
    app, db = application(lines, BUDGET="3", STRICT="true")
    ran = []
    with db.events.listen(ran.append):
        async with Client(app) as client:
            assert 500 == (await client.get("/9")).status
    assert 3 == sum(event.stage == "result" for event in ran)


async def test_time_is_a_budget_too(lines):
    """What the queries of a request take together."""
    app, _ = application(lines, BUDGET_TIME="0.0000001")
    async with Client(app) as client:
        await client.get("/2")
    (line,) = lines.named("database.budget.exceeded")
    assert "spends more than 1e-07 s" in line["reason"]


async def test_requests_have_a_ledger_each(lines):
    """Those that run side by side do not count for each other."""
    app, db = application(lines, BUDGET="3", STRICT="true")

    @app.get("/slow/{count}")
    async def slow(count: int) -> None:
        for _ in range(count):
            await db.value("select 1")
            await anyio.lowlevel.checkpoint()

    statuses = []
    async with Client(app) as client, anyio.create_task_group() as group:

        async def one() -> None:
            statuses.append((await client.get("/slow/3")).status)

        for _ in range(4):
            group.start_soon(one)
    assert 4 == len(statuses)
    assert not any(status >= 500 for status in statuses)


async def test_outside_of_requests_nothing_is_counted(lines, db):
    """A script or a background job has no budget."""
    ledgers = Ledgers(lines, count=1, strict=True)
    with db.events.guard(ledgers.guard), db.events.listen(ledgers.tell):
        for _ in range(5):
            await db.value("select 1")
    assert [] == lines.lines


async def test_every_way_to_ask_is_guarded(lines, db):
    """Streams, batches and transactions as well as single queries."""

    def refuse(sql: str) -> None:
        raise BudgetExceeded("no")

    with db.events.guard(refuse):
        for work in (
            lambda: db.all("select 1"),
            lambda: db.batch("select 1"),
            lambda: db.execute_many("select $1", [(1,)]),
            lambda: anext(db.stream("select 1")),
        ):
            with pytest.raises(BudgetExceeded):
                await work()
    assert 1 == await db.value("select 1")


def test_nothing_is_on_by_itself(lines):
    """Without a bound there is nothing to count, and queries cost what they cost."""
    assert not Ledgers(lines).on


def test_the_place_is_the_callers():
    """File, line and function."""
    assert place().startswith(__file__)
    assert place().endswith(" in test_the_place_is_the_callers")

"""Telemetry: what an application's spans and meters learn of its database, and what it costs when nobody asks."""

import anyio
import pytest
from tiny import Tiny

from arlen_core.app import App
from arlen_core.spans import Tracer
from arlen_core.testing import Client
from arlen_data.database import Database
from arlen_data.errors import DatabaseError, DeadlineExceeded, UniqueViolation
from arlen_data.stats import Stats
from arlen_data.telemetry import Telemetry

pytestmark = pytest.mark.anyio

WORDS = {"ARLEN_DATABASE__SLOW": "0"}


class Pooled(Tiny):
    """Tiny, with made-up pools."""

    found = (Stats(pool="read", idle=1, used=2, pending=3, limit=4, timeouts=5, refused=6),)

    def stats(self):
        return self.found

    def origin(self):
        return {"db.namespace": "shop", "server.address": "db"}


def application(work, *, kind=Tiny, env="test", **environ):
    """Return an application whose handler does some work with a database, and its database."""
    app = App("telemetry", env=env, environ=WORDS | environ)
    db = app.use(kind())

    @app.get("/")
    async def index(db: Database) -> str:
        await work(db)
        return "done"

    return app, db


async def told(work, **words):
    """Do the work in a request, and return the spans inside of it by name, and the request's own."""
    app, _ = application(work, **words)
    batches = []
    app.spans.listen(batches.append)
    async with Client(app) as client:
        await client.get("/")
    (server, *inner) = batches[0]
    return server, inner


async def table(db) -> None:
    """Make a table with a row."""
    await db.execute("create table t (id int primary key, v text)")
    await db.execute("insert into t (id, v) values (1, 'a')")


async def test_a_query_is_a_span():
    """A client span with the conventions' attributes: what it did to what, where, how many rows; no text, no value."""

    async def work(db) -> None:
        await table(db)
        await db.all("select id from t where v = $1", "secret")

    server, (*_, last) = await told(work, kind=Pooled)
    assert ("select t", "client", server.span_id) == (last.name, last.kind, last.parent_id)
    assert {
        "db.system.name": "sqlite",
        "db.namespace": "shop",
        "server.address": "db",
        "arlen.db.target": "default",
        "db.operation.name": "select",
        "db.query.summary": "select t",
        "db.response.returned_rows": 0,
        "arlen.stage": "sql",
    } == last.attributes
    assert server.start <= last.start <= last.end <= server.end


async def test_every_way_to_ask_is_a_span():
    """Many rows, a batch, a stream and a copy: each is one span of a query."""

    async def work(db) -> None:
        await table(db)
        await db.execute_many("insert into t (id) values ($1)", [(2,), (3,)])
        await db.batch("select id from t", ("delete from t where id = $1", 3))
        async with db.stream("select id from t") as rows:
            _ = [row async for row in rows]
        await db.copy_in("t", ["id"], [(7,)])

    _, inner = await told(work)
    queries = [each for each in inner if each.kind == "client"]
    assert ["insert t", "batch select t delete t", "select t", "copy t"] == [each.name for each in queries[2:]]
    batch, stream = queries[3], queries[4]
    assert ("batch", 2) == (batch.attributes["db.operation.name"], batch.attributes["db.operation.batch.size"])
    assert 2 == stream.attributes["db.response.returned_rows"]


async def test_a_failure_is_told():
    """The error's code, its SQLSTATE, and the error itself."""

    async def work(db) -> None:
        await table(db)
        with pytest.raises(UniqueViolation):
            await db.execute("insert into t (id) values (1)")

    _, (*_, last) = await told(work)
    assert ("unique_violation", "23505") == (
        last.attributes["error.type"],
        last.attributes["db.response.status_code"],
    )
    assert isinstance(last.error, UniqueViolation)


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ({"env": "development"}, "select v from t where v = ? and id = $1"),
        ({"env": "test"}, None),
        ({"env": "production", "ARLEN_DATABASE__TRACE_SQL": "true"}, "select v from t where v = ? and id = $1"),
        ({"env": "development", "ARLEN_DATABASE__TRACE_SQL": "false"}, None),
    ],
)
async def test_the_text_is_for_developers(words, wanted):
    """It is in spans in development, or where the setting says so, and has no literal even there."""

    async def work(db) -> None:
        await table(db)
        await db.all("select v from t where v = 'secret' and id = $1", 1)

    _, (*_, last) = await told(work, **words)
    assert wanted == last.attributes.get("db.query.text")


async def test_a_transaction_is_a_span_around_its_queries():
    """It lasts from begin to commit; its queries are inside of it; savepoints are no spans of their own."""

    async def work(db) -> None:
        await table(db)
        async with db.transaction() as tx, tx.transaction():
            await tx.execute("update t set v = 'b'")

    server, (*_, update, transaction) = await told(work)
    assert ("transaction", "internal", server.span_id) == (transaction.name, transaction.kind, transaction.parent_id)
    assert ("update t", transaction.span_id) == (update.name, update.parent_id)
    assert ("committed", None) == (transaction.attributes["arlen.db.outcome"], transaction.error)
    assert "arlen.stage" not in transaction.attributes


async def late(db) -> None:
    """Come to the deadline of a transaction."""
    async with db.transaction(deadline=60) as tx:
        tx._scope.cancel()  # as the deadline does when it comes
        await anyio.sleep_forever()


async def test_a_transaction_that_is_rolled_back():
    """The outcome says so, with what left the block, and the error of a deadline is the deadline's."""

    async def work(db) -> None:
        with pytest.raises(LookupError):
            async with db.transaction():
                raise LookupError
        with pytest.raises(DeadlineExceeded):
            await late(db)

    _, spans = await told(work)
    assert ["rolled back", "rolled back"] == [each.attributes["arlen.db.outcome"] for each in spans]
    assert [LookupError, DeadlineExceeded] == [type(each.error) for each in spans]


async def test_a_transaction_that_cannot_commit():
    """The outcome is "failed": whoever reads it must not think that somebody wanted it so."""

    async def work(db) -> None:
        await db.execute("create table parents (id int primary key)")
        await db.execute("create table t (id int references parents (id) deferrable initially deferred)")
        with pytest.raises(DatabaseError):
            async with db.transaction() as tx:
                await tx.execute("insert into t (id) values (1)")

    _, (*_, last) = await told(work)
    assert ("transaction", "failed") == (last.name, last.attributes["arlen.db.outcome"])
    assert isinstance(last.error, DatabaseError)


async def test_outside_of_requests_a_query_is_no_trace():
    """What asks again and again by itself makes no traces; inside of a span of somebody's own it is recorded."""
    app, db = application(table)
    batches = []
    app.spans.listen(batches.append)
    async with Client(app):
        await db.value("select 1")
        assert [] == batches
        with app.spans.span("nightly") as span:
            await db.value("select 2")
    assert [["select"], ["nightly"]] == [[each.name for each in spans] for spans in batches]
    assert span.span_id == batches[0][0].parent_id


async def test_what_nobody_samples_is_not_recorded():
    """A request that is not sampled has no spans of queries and transactions either."""

    async def work(db) -> None:
        async with db.transaction() as tx:
            await tx.value("select 1")

    app, _ = application(work)
    batches = []
    app.spans.listen(batches.append, sample=lambda _: False)
    async with Client(app) as client:
        assert 200 == (await client.get("/")).status
    assert [] == batches


async def test_durations_and_transactions_are_counted(numbers):
    """Every query is in the histogram by target, operation and error; every transaction by its outcome."""

    async def work(db) -> None:
        await table(db)
        async with db.transaction() as tx:
            await tx.batch("select 1", "select 2")
        with pytest.raises(DatabaseError):
            await db.execute("insert into t (id) values (1)")

    app, _ = application(work)
    app.meters.attach(numbers)
    async with Client(app) as client:
        await client.get("/")
    durations = numbers.told["db.client.operation.duration"]
    assert [
        ("sqlite", "default", "create", ""),
        ("sqlite", "default", "insert", ""),
        ("sqlite", "default", "batch", ""),
        ("sqlite", "default", "insert", "unique_violation"),
    ] == [labels for _, *labels in map(tuple, durations) for labels in [tuple(labels)]]
    assert all(seconds >= 0 for seconds, *_ in durations)
    assert [(1, "default", "committed")] == numbers.told["arlen.db.transactions"]


async def test_pools_are_observed(numbers):
    """Connections by state, limits, and who waits, of all databases of an application together."""
    app, _ = application(table, kind=Pooled)

    class Other(Pooled):
        found = (Stats(idle=9, limit=9),)

    app.use(Other(name="other"))
    app.meters.attach(numbers)
    read = ("default.read",)
    assert {
        ("default.read", "idle"): 1,
        ("default.read", "used"): 2,
        ("other", "idle"): 9,
        ("other", "used"): 0,
    } == numbers.asked["db.client.connection.count"]()
    for name, wanted in (
        ("db.client.connection.max", 4),
        ("db.client.connection.pending_requests", 3),
        ("db.client.connection.timeouts", 5),
        ("arlen.db.connection.refused", 6),
    ):
        assert wanted == numbers.asked[name]()[read]


async def test_a_wait_is_recorded(numbers):
    """An adapter says how long a caller waited, and of which pool."""
    app, db = application(table)
    app.meters.attach(numbers)
    async with Client(app):
        db.events.watcher.waited(0.25)
        db.events.watcher.waited(0.5, "write")
    assert [(0.25, "default"), (0.5, "default.write")] == numbers.told["db.client.connection.wait_time"]


async def test_nobody_listens():
    """Then nobody watches the database, and a query costs what it cost before; it changes when somebody comes."""
    app, db = application(table)
    async with Client(app):
        assert (None, False) == (db.events.watcher, db.events.on)
        listener = app.spans.listen(print)
        assert db.events.on
        app.spans.leave(listener)
        assert (None, False) == (db.events.watcher, db.events.on)


async def test_after_the_stop_nobody_watches(numbers):
    """A database that is used elsewhere, when its application has stopped, tells nobody."""
    app, db = application(table)
    app.spans.listen(print)
    app.meters.attach(numbers)
    async with Client(app):
        assert db.events.watcher is not None
    assert (None, False) == (db.events.watcher, db.events.on)


async def test_listeners_and_a_watcher_side_by_side():
    """Listeners and slow queries are told as ever while spans are made."""
    events, slow = [], []

    async def work(db) -> None:
        with db.events.listen(events.append), db.events.listen(slow.append, over=1e6):
            await db.value("select 1")

    _, inner = await told(work)
    assert (["compile", "execute", "result"], []) == ([each.stage for each in events], slow)
    assert ["select"] == [each.name for each in inner]


async def test_a_watcher_that_fails_harms_no_query(caplog):
    """It is logged, and the query has its result."""
    async with Tiny() as db:
        app = App("broken", env="test")
        watcher = Telemetry(db, app)
        watcher.ended = lambda query: 1 / 0
        app.spans.listen(print)
        watcher.start()
        assert 1 == await db.value("select 1")
    assert "a watcher of queries failed" in caplog.text


async def test_a_listener_of_spans_that_fails_is_logged(lines):
    """The log of the application says so."""
    app = App("broken", env="test")
    app.log = lines
    async with Tiny() as db:
        Telemetry(db, app).start()
        app.spans.listen(lambda _: 1 / 0)
        with Tracer.span(app.spans, "outer"):
            await db.value("select 1")
    assert 2 == len(lines.named("http.late.failed"))

"""Plugin: a database as a part of an application."""

import pytest
from tiny import Tiny

from arlen_core.app import App
from arlen_core.errors import ConfigError, StartupError
from arlen_core.testing import Client
from arlen_data.database import Database
from arlen_data.errors import PoolClosed

pytestmark = pytest.mark.anyio


class Reports(Tiny):
    """A second database."""


def application(lines=None, **words) -> App:
    """Return an application with a Tiny, whose log is kept."""
    app = App("a", environ={f"ARLEN_{name}": value for name, value in words.items()}, env=words.pop("env", "test"))
    if lines is not None:
        app.log = lines
    return app


async def test_handlers_get_it_by_class_and_as_database():
    """One object under both; open while the application runs, closed after it."""
    app = application()
    db = app.use(Tiny())

    @app.get("/")
    async def home(mine: Tiny, any_: Database) -> dict:
        return {"same": mine is any_ is db, "one": await mine.value("select 1")}

    async with Client(app) as client:
        assert {"same": True, "one": 1} == (await client.get("/")).json()
    with pytest.raises(PoolClosed):
        await db.value("select 1")


async def test_a_second_one_has_a_class_and_a_name():
    """A named target is its class's alone; `Database` stays the default."""
    app = application()
    db, reports = app.use(Tiny()), app.use(Reports(name="reports"))

    @app.get("/")
    async def home(main: Database, other: Reports) -> dict:
        return {"main": main is db, "other": other is reports}

    async with Client(app) as client:
        assert {"main": True, "other": True} == (await client.get("/")).json()
        assert {"database", "database.reports"} <= set((await client.get("/readyz.json")).json()["checks"])


def test_two_of_one_class_are_refused():
    """Nobody could tell which one a handler means; the error says what to do."""
    app = application()
    app.use(Tiny())
    with pytest.raises(StartupError, match="class Reports"):
        app.use(Tiny(name="other"))


def test_a_url_that_nobody_reads_is_refused():
    """A section that names another database than the code is a mistake that must not be silent."""
    with pytest.raises(ConfigError, match=r"database\.url"):
        application(DATABASE__URL="tiny:other").use(Tiny())


async def test_readiness_asks_it():
    """/readyz is 503 as long as the database does not answer, and 200 again after."""
    app = application()
    db = app.use(Tiny())
    async with Client(app) as client:
        assert 200 == (await client.get("/readyz")).status
        raw, db.raw = db.raw, None
        app.health._checks["database"]._every = 0
        assert 503 == (await client.get("/readyz")).status
        db.raw = raw
        assert 200 == (await client.get("/readyz")).status


async def test_readiness_can_do_without():
    """`database.health = false` asks nothing."""
    app = application(DATABASE__HEALTH="false")
    app.use(Tiny())
    async with Client(app) as client:
        assert "database" not in (await client.get("/readyz.json")).json()["checks"]


async def test_a_database_that_cannot_open_stops_the_start():
    """The error names the service."""
    app = application()
    app.use(Tiny("/nowhere/at/all.db"))
    with pytest.raises(StartupError, match="Tiny"):
        await app.start()


async def test_queries_go_to_the_log_at_debug(lines):
    """With what a person wants to know, and never a value."""
    app = application(lines, LOG__LEVEL="debug")
    db = app.use(Tiny())
    async with Client(app):
        await db.value("select $1", "s3cr3t")
    (line,) = lines.named("database.query")
    assert ("default", "run", "select", 1, 1) == (
        line["target"], line["operation"], line["statement"], line["parameters"], line["rows"],
    )  # fmt: skip
    assert "s3cr3t" not in repr(lines.lines)
    assert "sql" not in line


async def test_failures_are_named(lines):
    """A line about a query that failed has its code."""
    app = application(lines, LOG__LEVEL="debug")
    db = app.use(Tiny())
    async with Client(app):
        with pytest.raises(Exception, match="no such table"):
            await db.all("select * from missing")
    (line,) = lines.named("database.query")
    assert line["error"] in {"undefined_table", "database_error"}


async def test_slow_queries_are_warnings(lines):
    """From `database.slow` seconds on; quick ones are not told."""
    app = application(lines, DATABASE__SLOW="0.000001")
    db = app.use(Tiny())
    async with Client(app):
        await db.value("select 1")
    assert ["warning"] == [level for level, event, _ in lines.lines if event == "database.query.slow"]


@pytest.mark.parametrize("slow", ["0", "60"])
async def test_quick_queries_are_not(lines, slow):
    """Zero is off."""
    app = application(lines, DATABASE__SLOW=slow)
    db = app.use(Tiny())
    async with Client(app):
        await db.value("select 1")
        assert (slow != "0") is db.events.on
    assert [] == lines.lines
    assert not db.events.on


def migrating(tmp_path, env: str, **words) -> tuple[App, Tiny]:
    """Return an application with one migration of its own, and its database in a file."""
    folder = tmp_path / "db" / "migrations"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "0001_users.sql").write_text("create table users (id integer primary key);")
    environ = {f"ARLEN_{name}": value for name, value in words.items()}
    app = App("a", root=tmp_path, environ=environ, env=env)
    return app, app.use(Tiny(str(tmp_path / "a.db")))


@pytest.mark.parametrize("env", ["development", "test"])
async def test_migrations_are_applied_at_the_start(tmp_path, env):
    """Outside of production nobody has to think of them."""
    app, db = migrating(tmp_path, env)
    async with Client(app):
        assert 0 == await db.value("select count(*) from users")


async def test_production_refuses_to_start_while_migrations_are_pending(tmp_path):
    """Several workers start there, and a migration is a decision; the error says what to do."""
    app, _ = migrating(tmp_path, "production")
    with pytest.raises(StartupError, match="arlen migrate"):
        await app.start()
    app, db = migrating(tmp_path, "production", DATABASE__MIGRATIONS="apply")
    async with Client(app):
        assert 0 == await db.value("select count(*) from users")
    app, db = migrating(tmp_path, "production")
    async with Client(app):
        assert 0 == await db.value("select count(*) from users")


async def test_migrations_can_be_left_alone(tmp_path):
    """Who applies them another way says "off"."""
    app, db = migrating(tmp_path, "test", DATABASE__MIGRATIONS="off")
    async with Client(app):
        assert 0 == await db.value("select count(*) from sqlite_master")

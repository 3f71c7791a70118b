"""Schema: the tables of leases, outbox and inbox, as migrations."""

import anyio
import pytest
from tiny import Tiny

from arlen_data.migrations import migrate, status
from arlen_data.outbox import Outbox
from arlen_data.schema import install, instant, now, tables

pytestmark = pytest.mark.anyio


async def test_the_tables_come_by_a_migration(db):
    """Of the namespace "arlen": what `arlen migrate` applies for an outbox is what `install` applies, once."""
    await install(db)
    await install(db)
    assert [] == await migrate(db, Outbox(db).migrations)
    assert ["arlen::0001_services"] == [row.version for row in await status(db, tables())]
    for table in ("arlen_leases", "arlen_outbox", "arlen_inbox"):
        assert 0 == await db.value(f"select count(*) from {table}")


async def test_the_applications_own_migrations_are_left_alone(db, tmp_path):
    """Whichever come first."""
    (tmp_path / "0001_notes.sql").write_text("create table notes (id integer)")
    await migrate(db, str(tmp_path))
    await install(db)
    assert [] == await migrate(db, [tables(), str(tmp_path)])


@pytest.mark.parametrize("dialect", ["sqlite", "postgresql"])
def test_each_dialect_has_its_own(dialect):
    """The same tables and columns, with the number that counts by itself said differently."""
    (script,) = tables("reports").scripts(dialect)
    assert "arlen::0001_services" == script.version
    assert ["sqlite" in script.file, "postgresql" in script.file] == [dialect == "sqlite", dialect != "sqlite"]


async def test_the_stores_time_goes_on(db):
    """Seconds since 1970, with a fraction."""
    first = await db.value(f"select {now('sqlite')}")
    with anyio.fail_after(20):
        while first == (second := await db.value(f"select {instant('sqlite')}")):
            await anyio.lowlevel.checkpoint()
    assert first < second < first + 20
    assert first > 1_700_000_000


async def test_in_memory():
    """Also where nothing stays."""
    async with Tiny() as memory:
        await install(memory)
        assert 0 == await memory.value("select count(*) from arlen_inbox")

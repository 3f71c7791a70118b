"""Schema: the migrations, and the file of a board that had none."""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from arlen_data.migrations import MigrationError, migrate, plan, status
from arlen_data.targets import database
from drafts import BOARD, NOW, fields

import schema
from models import Filters
from store import Settings, Store

pytestmark = pytest.mark.anyio


async def test_a_second_start_finds_its_tables(fresh: str) -> None:
    """Nothing is made twice, nothing is lost."""
    for count in (1, 2):
        async with database(fresh) as db:
            await schema.prepare(db)
            assert {"applied"} == {each.state for each in await status(db, schema.MIGRATIONS)}
            store = await Store.begin(db, Settings(sample=""), lambda: NOW)
            await store.create(fields())
            assert count == (await store.find(Filters())).total


async def test_a_board_may_leave_it_to_the_command(fresh: str) -> None:
    """Then it does not start without its tables, and says which command makes them."""
    async with database(fresh) as db:
        with pytest.raises(MigrationError, match=r"lacks .* migrations: 0001_incidents.*fix: arlen migrate"):
            await schema.prepare(db, "check")
        await migrate(db, schema.MIGRATIONS)
        await schema.prepare(db, "check")


async def test_no_migration_is_dangerous(fresh: str) -> None:
    """What the lint finds is told here, before it runs anywhere."""
    async with database(fresh) as db:
        made = await plan(db, schema.MIGRATIONS)
    assert made.pending
    assert [] == [(each.file, each.code) for each in made.findings]


async def test_both_engines_have_the_same_columns(fresh: str) -> None:
    """In the same order, so that every statement means the same."""
    names = "id title service severity status owner opened updated resolved description version tags"
    async with database(fresh) as db:
        await schema.prepare(db)
        assert names.split() == list((await db.result("select * from listed")).columns)
        for table, columns in (("notes", "id incident at author kind text"), ("tags", "incident tag")):
            assert columns.split() == list((await db.result(f"select * from {table}")).columns)


def old(file: Path, *, search: str = "using fts5(body, tokenize = 'unicode61 remove_diacritics 0')") -> None:
    """Make the file of the board's first version: its tables, its mark, its search, an incident with a timeline."""
    with closing(sqlite3.connect(file)) as db:
        db.executescript((BOARD / "db" / "migrations" / "0001_incidents.sqlite.sql").read_text("utf-8"))
        db.execute(f"create virtual table search {search}")
        db.execute("pragma user_version = 1")
        db.execute(
            """insert into incidents (id, title, service, severity, status, owner, opened, updated, resolved, version)
               values (17, 'Disk full', 'billing', 1, 2, 'Ada', '2026-11-20T10:00:00Z', '2026-11-21T09:30:00Z',
                       '2026-11-21T09:30:00Z', 2)"""
        )
        db.execute("insert into tags values (17, 'disk'), (17, 'alerts')")
        db.execute("insert into notes values (5, 17, '2026-11-21T09:30:00Z', 'Mira', 'note', 'Swapped the controller')")
        db.commit()


@pytest.mark.engines("sqlite")
async def test_a_board_of_the_first_version_goes_on(engine: str, tmp_path: Path) -> None:
    """Nothing of it is lost, times are times, and everything is found."""
    old(tmp_path / "board.db")
    for _ in range(2):
        async with database(f"sqlite:///{tmp_path}/board.db") as db:
            await schema.prepare(db)
            store = await Store.begin(db, Settings(), lambda: NOW)
            (found,) = (await store.find(Filters(q="controller disk"))).items
            assert (17, "Disk full", ("alerts", "disk"), 2) == (found.id, found.title, found.tags, found.version)
            assert (datetime(2026, 11, 20, 10, tzinfo=UTC), found.updated) == (found.opened, found.resolved)
            (note,) = (await store.get(17)).notes
            assert (5, datetime(2026, 11, 21, 9, 30, tzinfo=UTC), "Mira") == (note.id, note.at, note.author)
            assert [0] == [await db.value("select count(*) from pragma_foreign_key_check")]
    assert 18 == await _next(tmp_path)


async def _next(folder: Path) -> int:
    async with database(f"sqlite:///{folder}/board.db") as db:
        return (await (await Store.begin(db, Settings(), lambda: NOW)).create(fields())).id

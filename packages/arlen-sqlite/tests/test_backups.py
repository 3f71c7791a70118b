"""Backups: whole, of one moment, and never half a file."""

import asyncio

import anyio
import pytest

from arlen_data.errors import ConnectionFailed
from arlen_sqlite import SQLite, backups

pytestmark = pytest.mark.anyio


async def test_a_backup_is_a_database(db, tmp_path):
    """A backup holds what was committed, in one file."""
    await db.execute_many("insert into notes (id) values ($1)", [(number,) for number in range(100)])
    await db.backup(tmp_path / "copy.db")
    assert ["copy.db"] == [each.name for each in tmp_path.glob("*copy*")]
    async with SQLite(tmp_path / "copy.db") as copy:
        assert 100 == await copy.value("select count(*) from notes")
        assert "ok" == await copy.value("pragma integrity_check")


async def test_a_backup_is_of_one_moment(db, tmp_path):
    """While a backup is made, writers go on, and the backup has all of a transaction or nothing."""
    await db.copy_in("notes", ["id", "text"], ((number, "x" * 500 + str(number)) for number in range(5000)))

    async def write():
        for number in range(50):
            async with db.transaction() as tx:
                await tx.execute("insert into notes (id) values ($1)", 10_000 + number)
                await tx.execute("insert into notes (id) values ($1)", 20_000 + number)

    writing = asyncio.create_task(write())
    await db.backup(tmp_path / "copy.db")
    await writing
    async with SQLite(tmp_path / "copy.db") as copy:
        first = await copy.value("select count(*) from notes where id between 10000 and 19999")
        assert first == await copy.value("select count(*) from notes where id >= 20000")


async def test_a_backup_replaces(db, tmp_path):
    """A backup replaces the file that is there."""
    (tmp_path / "copy.db").write_text("old")
    await db.backup(tmp_path / "copy.db")
    async with SQLite(tmp_path / "copy.db") as copy:
        assert 0 == await copy.value("select count(*) from notes")


async def test_a_backup_of_memory(tmp_path):
    """A database in memory can be kept."""
    async with SQLite(":memory:") as db:
        await db.execute("create table t (v)")
        await db.backup(tmp_path / "copy.db")
    async with SQLite(tmp_path / "copy.db") as copy:
        assert [] == await copy.all("select v from t")


async def test_a_folder_that_is_not_there(db, tmp_path):
    """A backup that cannot be written is `ConnectionFailed`."""
    with pytest.raises(ConnectionFailed):
        await db.backup(tmp_path / "missing" / "copy.db")


async def test_a_backup_that_is_stopped(db, tmp_path, monkeypatch):
    """A backup whose caller is cancelled leaves nothing behind."""
    monkeypatch.setattr(backups, "_PAGES", 1)
    await db.copy_in("notes", ["id", "text"], ((number, "x" * 3000 + str(number)) for number in range(3000)))
    task = asyncio.create_task(db.backup(tmp_path / "copy.db"))
    await anyio.wait_all_tasks_blocked()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert [] == list(tmp_path.glob("*copy*"))
    assert 3000 == await db.value("select count(*) from notes")

"""Crash: a process that is killed in the middle of a migration leaves nothing half done, or says what it left."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tiny import Tiny

from arlen_core.failpoints import VARIABLE
from arlen_data.faults import MigrationError
from arlen_data.migrations import migrate, status

pytestmark = pytest.mark.anyio

PROGRAM = """
import asyncio, sys
sys.path.insert(0, sys.argv[1])
from tiny import Tiny
from arlen_data.migrations import migrate

async def main():
    async with Tiny(sys.argv[2]) as db:
        for each in await migrate(db, sys.argv[3], wait=30.0):
            print(each.version)

asyncio.run(main())
"""


def started(path, folder, **environ):
    """Start a process that applies the migrations of a folder."""
    words = [sys.executable, "-c", PROGRAM, str(Path(__file__).parents[1]), str(path), str(folder.path)]
    return subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=os.environ | environ)


def killed(path, folder, point):
    """Apply them in a process that dies at a failpoint; return its exit code."""
    process = started(path, folder, **{VARIABLE: f"{point}:kill"})
    process.communicate(timeout=60)
    return process.returncode


@pytest.mark.parametrize(
    ("point", "expected"),
    [
        ("migrations.claimed", []),
        ("migrations.statement", []),
        ("migrations.before_commit", []),
        ("migrations.committed", ["a", "b"]),
    ],
)
async def test_a_killed_process_leaves_a_file_whole_or_not_at_all(tmp_path, folder, point, expected):
    """And the next process goes on from there."""
    folder.write("0001_a.sql", "create table a (id int);\ncreate table b (id int)")
    path = tmp_path / "crash.db"
    assert -9 == killed(path, folder, point)
    async with Tiny(str(path)) as db:
        found = await db.all("select name from sqlite_master where name in ('a', 'b') order by name")
        assert expected == [row.name for row in found]
        assert ([] if expected else ["0001_a"]) == [each.version for each in await migrate(db, folder.path)]


async def test_a_killed_process_without_a_transaction_leaves_a_note(tmp_path, folder):
    """It cannot be known whether the statement took effect, so nothing goes on before somebody has looked."""
    folder.write("0001_a.sql", "-- arlen: no-transaction\ncreate table a (id int);\ncreate table b (id int)")
    path = tmp_path / "crash.db"
    assert -9 == killed(path, folder, "migrations.loose")
    async with Tiny(str(path)) as db:
        assert ["running"] == [row.state for row in await status(db, folder.path)]
        with pytest.raises(MigrationError, match="did not come to its end"):
            await migrate(db, folder.path, wait=0.0)


async def test_processes_at_once_apply_each_file_once(tmp_path, folder):
    """Of three, whoever comes first applies it, and all of them end well."""
    folder.write("0000_log.sql", "create table log (v int)")
    for number in range(1, 8):
        folder.write(f"000{number}_a.sql", f"insert into log values ({number})")
    path = tmp_path / "crowd.db"
    crowd = [started(path, folder) for _ in range(3)]
    printed = [process.communicate(timeout=60)[0].split() for process in crowd]
    assert [0, 0, 0] == [process.returncode for process in crowd]
    assert 8 == len({version for each in printed for version in each}) == sum(map(len, printed))
    async with Tiny(str(path)) as db:
        assert list(range(1, 8)) == [row.v for row in await db.all("select v from log order by v")]

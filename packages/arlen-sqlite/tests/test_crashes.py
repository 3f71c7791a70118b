"""Crashes and other processes: what was acknowledged is there, and nobody loses a change."""

import asyncio
import subprocess
import sys
from pathlib import Path

import anyio
import pytest

from arlen_sqlite import SQLite

pytestmark = pytest.mark.anyio

HERE = Path(__file__).parent


@pytest.mark.parametrize("grouped", ["grouped", "alone"])
@pytest.mark.parametrize("work", ["statements", "transactions"])
async def test_nothing_acknowledged_is_lost(path, work, grouped):
    """A process is killed in the middle of commits: every acknowledged row is there, and no half of a transaction."""
    async with SQLite(path) as db:
        await db.execute("create table t (name text, number int, primary key (name, number))")
        await db.execute("create table sums (name text primary key, total int)")
        await db.execute_many("insert into sums values ($1, 0)", [(f"task{number}",) for number in range(4)])
    for rows in (40, 41, 73):
        told = await anyio.to_thread.run_sync(_killed, path, work, grouped, rows)
        async with SQLite(path) as db:
            found = {(row.name, row.number) for row in await db.all("select name, number from t")}
            assert told <= found
            assert len(told) >= rows
            counts = dict(await db.all("select name, count(*) from t group by name"))
            if work == "transactions":
                sums = dict(await db.all("select name, total from sums where total > 0"))
                assert counts == sums
            for name, count in counts.items():
                assert {number for each, number in found if each == name} == set(range(count))
            assert "ok" == await db.value("pragma integrity_check")
            await db.execute("delete from t")
            await db.execute("update sums set total = 0")


def _killed(path, work, grouped, rows):
    """Let it write, kill it after so many rows, and return what it has told."""
    command = [sys.executable, str(HERE / "crasher.py"), str(path), work, grouped]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        told = [process.stdout.readline() for _ in range(rows)]
    finally:
        process.kill()
    told += process.stdout.read().splitlines(keepends=True)
    process.stdout.close()
    process.wait()
    return {(line.split()[0], int(line.split()[1])) for line in told if line.endswith("\n")}


async def test_two_processes_lose_no_change(path):
    """Two processes and this one read and write the same row: no change is lost, and no lock is an error."""
    async with SQLite(path, lock_timeout=60) as db:
        await db.execute("create table numbers (v int)")
        await db.execute("insert into numbers values (0)")
        others = [
            await asyncio.create_subprocess_exec(sys.executable, str(HERE / "counter.py"), str(path), "60")
            for _ in range(2)
        ]
        for _ in range(60):
            async with db.transaction() as tx:
                await tx.execute("update numbers set v = $1", 1 + await tx.value("select v from numbers"))
        assert [0, 0] == [await each.wait() for each in others]
        assert 180 == await db.value("select v from numbers")

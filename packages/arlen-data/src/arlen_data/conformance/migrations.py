"""MigrationContract: what an adapter must do for migrations to be safe on it.

To prove an adapter, subclass the contract and give the fixture `adapter`: an opened `Database` whose database is empty,
and that `again()` can open once more, under another name too: `again(name="turn")`.

<!-- not run: there is no such adapter -->

```python
import pytest
from arlen_data.conformance import MigrationContract


class TestMigrations(MigrationContract):
    version = 1
    capabilities = MINE.names()

    @pytest.fixture
    async def adapter(self, tmp_path):
        async with Mine(tmp_path / "test.db") as db:
            yield db
```
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import anyio

from arlen_conformance import Contract, promise
from arlen_data.capabilities import Capabilities
from arlen_data.conformance.aids import BOUND, count, raises
from arlen_data.conformance.saboteurs.migrations import BREAKS
from arlen_data.conformance.wrapped import Wrapped
from arlen_data.database import Database
from arlen_data.errors import DatabaseError, LockTimeout
from arlen_data.faults import MigrationError
from arlen_data.lanes import Lane, Options, Session
from arlen_data.migrations import accept, at_start, down, migrate, resolve, status
from arlen_data.results import Result

__all__ = ["MigrationContract"]

_FLAGS = [name for name in Capabilities.__struct_fields__ if name not in {"adapter", "dialect"}]


class MigrationContract(Contract, name="data-migrations", version=1, capabilities=_FLAGS):
    """What an adapter must do for migrations to be safe on it; the module tells how to use it."""

    @promise
    async def test_files_run_once_in_their_order(self, adapter: Database, tmp_path: Path) -> None:
        """Every file runs once, after those before it, however often migrations are applied."""
        _write(
            tmp_path, "0002_b.sql", "insert into m_order (place) values (1);\ninsert into m_order (place) values (2);"
        )
        _write(tmp_path, "0001_a.sql", "create table m_order (place integer)")
        made = await migrate(adapter, tmp_path)
        assert ["0001_a", "0002_b"] == [each.version for each in made]
        assert [] == await migrate(adapter, tmp_path)
        _write(tmp_path, "0003_c.sql", "insert into m_order (place) values (3)")
        assert ["0003_c"] == [each.version for each in await migrate(adapter, tmp_path)]
        assert [1, 2, 3] == [row.place for row in await adapter.all("select place from m_order order by place")]

    @promise
    async def test_statements_arrive_as_they_are_written(self, adapter: Database, tmp_path: Path) -> None:
        """Strings with semicolons, quotes, and what looks like a parameter arrive as they stand in the file."""
        text = "a;b $1 ?1 %s :name @x 'q' \\ -- /* é"
        written = text.replace("'", "''")
        _write(
            tmp_path, "0001_a.sql", f"create table m_text (v text);\ninsert into m_text (v) values ('{written}'); -- ;"
        )
        await migrate(adapter, tmp_path)
        assert text == await adapter.value("select v from m_text")

    @promise(needs=("transactional_ddl",))
    async def test_a_file_that_fails_leaves_nothing(self, adapter: Database, tmp_path: Path) -> None:
        """When a statement fails, nothing of its file is there, and the file is pending as before."""
        _write(tmp_path, "0001_a.sql", "create table m_whole (v integer);\ninsert into m_whole_gone (v) values (1)")
        with raises(MigrationError):
            await migrate(adapter, tmp_path)
        assert ["pending"] == [row.state for row in await status(adapter, tmp_path)]
        with raises(DatabaseError):
            await count(adapter, "m_whole")

    @promise(needs=("transactional_ddl",))
    async def test_a_file_that_was_put_right_runs_again(self, adapter: Database, tmp_path: Path) -> None:
        """A file that failed is corrected, and runs as if it had never failed."""
        _write(tmp_path, "0001_a.sql", "create table m_right (v integer);\ninsert into m_right_gone (v) values (1)")
        with raises(MigrationError):
            await migrate(adapter, tmp_path)
        _write(tmp_path, "0001_a.sql", "create table m_right (v integer);\ninsert into m_right (v) values (1)")
        assert ["0001_a"] == [each.version for each in await migrate(adapter, tmp_path)]
        assert 1 == await count(adapter, "m_right")

    @promise
    async def test_a_failure_names_file_statement_and_line(self, adapter: Database, tmp_path: Path) -> None:
        """An error says in which file, statement and line it is, and its cause is that of the database."""
        _write(
            tmp_path, "0001_a.sql", "create table m_named (v integer);\n\n  insert into m_named_gone (v)\nvalues (1)"
        )
        with raises(MigrationError) as caught:
            await migrate(adapter, tmp_path)
        error = caught.error
        assert ("migration_failed", "0001_a", 2, 3) == (error.code, error.version, error.statement, error.line)
        assert "0001_a.sql:3: statement 2: " in str(error)
        assert isinstance(error.__cause__, DatabaseError)

    @promise(needs=("transactional_ddl",))
    async def test_a_run_that_is_cancelled_leaves_nothing(self, adapter: Database, tmp_path: Path) -> None:
        """A runner that goes away in the middle of a file leaves nothing of it, and the next one applies it."""
        _write(tmp_path, "0001_a.sql", "create table m_cancelled (v integer);\ninsert into m_cancelled (v) values (1)")
        reached = anyio.Event()

        async def wait() -> None:
            reached.set()
            await anyio.sleep_forever()

        async with anyio.create_task_group() as group:
            group.start_soon(migrate, _Hooked(adapter, "insert into m_cancelled", wait), tmp_path)
            await _bounded(reached.wait)
            group.cancel_scope.cancel()
        assert ["0001_a"] == [each.version for each in await migrate(adapter, tmp_path)]
        assert 1 == await count(adapter, "m_cancelled")

    @promise
    async def test_two_runners_apply_each_file_once(self, adapter: Database, tmp_path: Path) -> None:
        """Of two runners at once each file is applied by one, and the other one finds nothing to do."""
        _write(tmp_path, "0001_a.sql", "create table m_both (v integer)")
        for number in range(2, 6):
            _write(tmp_path, f"000{number}_b.sql", f"insert into m_both (v) values ({number})")  # noqa: S608
        made: list[str] = []

        async def run(db: Database) -> None:
            made.extend(each.version for each in await migrate(db, tmp_path))

        async with adapter.again() as other, anyio.create_task_group() as group:
            group.start_soon(run, adapter)
            group.start_soon(run, other)
        assert ["0001_a", "0002_b", "0003_b", "0004_b", "0005_b"] == sorted(made)
        assert [2, 3, 4, 5] == [row.v for row in await adapter.all("select v from m_both order by v")]

    @promise(unless=("advisory_locks",))
    async def test_a_file_that_somebody_else_took_is_passed_over(self, adapter: Database, tmp_path: Path) -> None:
        """A file that another runner applied between our look at the state and our transaction does not run again."""
        _write(tmp_path, "0001_a.sql", "create table m_taken (v integer)")
        await migrate(adapter, tmp_path)
        _write(tmp_path, "0002_m_taken.sql", "insert into m_taken (v) values (1)")

        async def overtake() -> None:
            async with adapter.again() as other:
                assert ["0002_m_taken"] == [each.version for each in await migrate(other, tmp_path)]

        assert [] == await migrate(_Overtaken(adapter, overtake), tmp_path)
        assert 1 == await count(adapter, "m_taken")

    @promise(needs=("advisory_locks",))
    async def test_a_second_runner_waits_for_the_first(self, adapter: Database, tmp_path: Path) -> None:
        """While one runs, another one waits as long as it was told to, and then says so."""
        _write(tmp_path, "0001_a.sql", "create table m_turn (v integer)")
        found: list[str] = []

        async def second() -> None:
            async with adapter.again(name="turn") as other:
                with raises(MigrationError) as caught:
                    await migrate(other, tmp_path, wait=0.1)
                found.append(caught.error.code)

        async with adapter.again(name="turn") as first:
            await migrate(_Hooked(first, "create table m_turn", second), tmp_path)
        assert ["migration_locked"] == found

    @promise(needs=("advisory_locks",))
    async def test_who_waits_blocks_no_index(self, adapter: Database, tmp_path: Path) -> None:
        """An index is built without blocking others while a second runner waits for the first."""
        _write(tmp_path, "0001_a.sql", "create table m_index (v integer)")
        _write(tmp_path, "0002_b.sql", "-- arlen: no-transaction\ncreate index concurrently m_index_v on m_index (v)")
        others: list[anyio.Event] = []

        async with adapter.again() as other, anyio.create_task_group() as group:

            async def meet() -> None:
                group.start_soon(migrate, _Hooked(other, "pg_try_advisory_xact_lock", asked), tmp_path)
                await others[0].wait()

            async def asked() -> None:
                others[0].set()

            others.append(anyio.Event())
            await _bounded(lambda: migrate(_Hooked(adapter, "create index concurrently", meet), tmp_path))
        assert ["applied", "applied"] == [row.state for row in await status(adapter, tmp_path)]

    @promise
    async def test_without_a_transaction_each_statement_stands_alone(self, adapter: Database, tmp_path: Path) -> None:
        """Without a transaction what came before a failure stays, and nothing runs until somebody has looked."""
        _write(tmp_path, "0001_a.sql", "create table m_loose (v integer primary key)")
        two = "insert into m_loose (v) values (1);\ninsert into m_loose (v) values (1)"
        _write(tmp_path, "0002_b.sql", f"-- arlen: no-transaction\n{two}")
        with raises(MigrationError):
            await migrate(adapter, tmp_path)
        assert 1 == await count(adapter, "m_loose")
        assert ["applied", "failed"] == [row.state for row in await status(adapter, tmp_path)]
        with raises(MigrationError) as caught:
            await migrate(adapter, tmp_path)
        assert "migration_dirty" == caught.error.code
        await resolve(adapter, tmp_path, "0002_b", "applied")
        assert [] == await migrate(adapter, tmp_path)

    @promise
    async def test_a_file_that_changed_is_refused(self, adapter: Database, tmp_path: Path) -> None:
        """A file that changed after it was applied is named and refused, until somebody accepts it."""
        file = _write(tmp_path, "0001_m_drift.sql", "create table m_drift (v integer)")
        await migrate(adapter, tmp_path)
        assert [] == await migrate(adapter, tmp_path)
        file.write_text("create table m_drift (v text)", encoding="utf-8")
        with raises(MigrationError) as caught:
            await migrate(adapter, tmp_path)
        assert ("migration_drift", "0001_m_drift") == (caught.error.code, caught.error.version)
        await accept(adapter, tmp_path, "0001_m_drift")
        assert [] == await migrate(adapter, tmp_path)

    @promise
    async def test_down_takes_the_last_file_back(self, adapter: Database, tmp_path: Path) -> None:
        """What was applied last is taken back, and can be applied again."""
        _write(tmp_path, "0001_a.sql", "create table m_back (v integer)")
        _write(tmp_path, "0002_m_back.sql", "insert into m_back (v) values (1);\n-- arlen: down\ndelete from m_back;")
        await migrate(adapter, tmp_path)
        assert ["0002_m_back"] == [each.version for each in await down(adapter, tmp_path)]
        assert 0 == await count(adapter, "m_back")
        assert ["0002_m_back"] == [each.version for each in await migrate(adapter, tmp_path)]

    @promise
    async def test_a_check_at_the_start_finds_what_is_pending(self, adapter: Database, tmp_path: Path) -> None:
        """An application that only checks refuses to start while something is pending, and writes nothing."""
        _write(tmp_path, "0001_a.sql", "create table m_start (v integer)")
        with raises(MigrationError) as caught:
            await at_start(adapter, tmp_path, "check")
        assert "migrations_pending" == caught.error.code
        await at_start(adapter, tmp_path, "apply")
        await at_start(adapter, tmp_path, "check")
        assert 0 == await count(adapter, "m_start")

    @promise(needs=("lock_timeout", "concurrent_writes"))
    async def test_a_lock_that_is_not_free_ends_the_wait(self, adapter: Database, tmp_path: Path) -> None:
        """A statement waits for a lock as long as it may and no longer, and everybody else goes on after it."""
        await adapter.execute("create table m_locked (v integer)")
        _write(tmp_path, "0001_a.sql", "alter table m_locked add column w integer")
        async with adapter.again() as other, other.transaction() as tx:
            await tx.execute("insert into m_locked (v) values (1)")
            with raises(MigrationError) as caught:
                await _bounded(lambda: migrate(adapter, tmp_path, lock_timeout=0.05, attempts=2))
            assert isinstance(caught.error.__cause__, LockTimeout)
        assert ["0001_a"] == [each.version for each in await migrate(adapter, tmp_path)]


def _write(folder: Path, name: str, text: str) -> Path:
    folder.joinpath(name).write_text(text, encoding="utf-8")
    return folder / name


async def _bounded(work: Callable[[], Awaitable[Any]]) -> Any:
    with anyio.fail_after(BOUND / 2):
        return await work()


class _Hooked(Wrapped):
    """Does something before the first statement that begins with a text, or has it in it."""

    def __init__(self, adapter: Database, text: str, hook: Callable[[], Awaitable[object]]) -> None:
        super().__init__(adapter)
        self.text, self.hook, self.past = text, hook, [False]

    def again(self, **changes: Any) -> _Hooked:
        """Return another one with the same hook, which is called once in all."""
        made = _Hooked(self.adapter.again(**changes), self.text, self.hook)
        made.past = self.past
        return made

    def concerns(self, sql: str) -> bool:
        """Look at statements with the text."""
        return self.text in sql

    async def ask(self, lane: Lane, sql: str, params: Sequence[Any]) -> Result:
        """Run the hook, then the statement."""
        if not self.past[0]:
            self.past[0] = True
            await self.hook()
        return await lane.run(sql, params)


class _Overtaken(Wrapped):
    """Does something before its first transaction begins."""

    def __init__(self, adapter: Database, hook: Callable[[], Awaitable[object]]) -> None:
        super().__init__(adapter)
        self.hook: Callable[[], Awaitable[object]] | None = hook

    async def session(self, options: Options) -> Session:
        """Run the hook, then begin."""
        hook, self.hook = self.hook, None
        if hook is not None:
            await hook()
        return await super().session(options)


for _test, _breaks in BREAKS:
    MigrationContract.saboteur(_test)(_breaks)

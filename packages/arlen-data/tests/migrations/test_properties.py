"""Properties: whatever is done in whatever order, the state table says what is in the database."""

import anyio
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from tiny import Tiny

from arlen_data.faults import MigrationError
from arlen_data.lint import CODES, lint
from arlen_data.migrations import accept, down, migrate, resolve, status
from arlen_data.scripts import parse

SOUP = (
    "alter table t add column a constraint c check foreign key references b not valid null set default type rename to "
    "drop cascade create unique index concurrently on i if exists update where delete from vacuum full reindex detach "
    "partition validate using ( ) , . = 5 'x' random now() generated always as identity stored expression only s.t "
    "pragma foreign_keys lock set local search_path refresh materialized view cluster trigger primary insert into"
)
WORDS = st.sampled_from(SOUP.split())
HEADERS = st.sampled_from(
    ["", "-- arlen: no-transaction\n", "-- arlen: lock-timeout off\n", "-- arlen: lock-timeout 1s\n"]
)


@given(HEADERS, st.lists(st.lists(WORDS, min_size=1, max_size=12).map(" ".join), min_size=1, max_size=3))
@example("", ["alter table t drop"])
@example("", ["alter table t add"])
@example("", ["alter table"])
@example("", ["create index on"])
@settings(max_examples=200)
def test_lint_reads_any_statement(header, statements):
    """Also those that no engine would: they are the engine's to refuse."""
    for dialect in ("postgresql", "sqlite"):
        script = parse(header + ";\n".join(statements), dialect, version="1", file="1.sql")
        for found in lint(script, dialect):
            assert found.code in CODES
            assert 1 <= found.statement <= len(statements)
            assert found.reason
            assert found.fix


class Life(RuleBasedStateMachine):
    """The life of an application: files come, fail, change, are applied and taken back."""

    def __init__(self):
        super().__init__()
        self.folder = Life.root / str(len(list(Life.root.iterdir())))
        (self.folder / "sql").mkdir(parents=True)
        self.files: dict[str, str] = {}  # version: "good", "bad"
        self.applied: list[str] = []
        self.changed: set[str] = set()
        self.remarks = 0

    def go(self, work, *args):
        """Do something with the database open; return what it gives, or the code of its refusal."""

        async def inside():
            async with Tiny(str(self.folder / "app.db")) as db:
                return await work(db, self.folder / "sql", *args)

        try:
            return anyio.run(inside)
        except MigrationError as error:
            return error.code

    def write(self, version, state):
        """Write the file of a version."""
        table = f"t{version}"
        bad = "insert into nowhere values (1);" if state == "bad" else ""
        text = f"create table {table} (id int);\n{bad}\n-- arlen: down\ndrop table {table};"
        (self.folder / "sql" / f"{version}.sql").write_text(text)
        self.files[version] = state

    @rule(number=st.integers(0, 9), state=st.sampled_from(["good", "good", "bad"]))
    def comes(self, number, state):
        """A file comes, or one that is pending is corrected."""
        version = f"000{number}"
        if version not in self.applied:
            self.write(version, state)

    @rule()
    def runs(self):
        """Everything pending is applied, up to the first that fails."""
        found = self.go(migrate)
        if self.changed:
            assert "migration_drift" == found
            return
        for version in sorted(self.files.keys() - set(self.applied)):
            if self.files[version] == "bad":
                assert "migration_failed" == found
                return
            self.applied.append(version)
        assert isinstance(found, list)

    @precondition(lambda self: self.applied and not self.changed)
    @rule(count=st.integers(1, 3))
    def goes(self, count):
        """The last ones are taken back."""
        taken = [each.version for each in self.go(down, count)]
        assert len(taken) == min(count, len(self.applied))
        assert set(taken) <= set(self.applied)
        self.applied = [version for version in self.applied if version not in taken]

    @precondition(lambda self: self.applied)
    @rule(data=st.data())
    def changes(self, data):
        """A file that was applied changes."""
        version = data.draw(st.sampled_from(sorted(self.applied)))
        self.write(version, "good")
        path = self.folder / "sql" / f"{version}.sql"
        self.remarks += 1
        path.write_text(f"-- remark {self.remarks}\n{path.read_text()}")
        self.changed.add(version)

    @precondition(lambda self: self.changed)
    @rule(data=st.data())
    def is_accepted(self, data):
        """Somebody says that the change does no harm."""
        version = data.draw(st.sampled_from(sorted(self.changed)))
        self.go(accept, version)
        self.changed.discard(version)

    @precondition(lambda self: not self.changed)
    @rule(number=st.integers(0, 9))
    def is_resolved(self, number):
        """Somebody says that a file is applied which has made its table by hand."""
        version = f"000{number}"
        if version not in self.files or version in self.applied:
            return

        async def by_hand(db, source):
            await db.execute(f"create table t{version} (id int)")
            await resolve(db, source, version, "applied")

        self.go(by_hand)
        self.applied.append(version)

    @invariant()
    def tables_and_state_agree(self):
        """Of every version there is a table, and a row that says so, or neither."""

        async def look(db, source):
            found = await db.all("select name from sqlite_master where name like 't%' and type = 'table'")
            return {row.name[1:] for row in found}, await status(db, source)

        tables, rows = self.go(look)
        assert set(self.applied) == tables
        assert {row.version: row.state for row in rows} == {
            version: "pending" if version not in self.applied else "drifted" if version in self.changed else "applied"
            for version in self.files
        }


@pytest.fixture
def life(tmp_path):
    """Where the applications of the property live."""
    Life.root = tmp_path / "lives"
    Life.root.mkdir()
    return Life


def test_state_table_and_database_agree_for_life(life):
    """After any number of runs, failures, changes and ways back."""
    run_state_machine_as_test(life, settings=settings(max_examples=25, stateful_step_count=15, deadline=None))

"""Migrations: applied, checked, taken back and repaired, on the smallest adapter."""

import logging

import anyio
import pytest
from tiny import Tiny

from arlen_core.clock import VirtualClock
from arlen_core.failpoints import armed
from arlen_data import migrations
from arlen_data.errors import LockTimeout, SerializationFailure, UniqueViolation
from arlen_data.faults import MigrationError
from arlen_data.migrations import accept, at_start, back, down, migrate, plan, resolve, status

pytestmark = pytest.mark.anyio


async def names(work):
    """Return the versions that were done."""
    return [each.version for each in await work]


async def refusal(work):
    """Return why it was refused."""
    with pytest.raises(MigrationError) as caught:
        await work
    return caught.value


async def states(db, folder):
    """Return how the migrations of a folder stand."""
    return [row.state for row in await status(db, folder.path)]


async def tables(db):
    """Return the tables of a database, without ours."""
    found = await db.all("select name from sqlite_master where type = 'table' order by name")
    return [row.name for row in found if not row.name.startswith("arlen")]


async def test_plan_and_status_write_nothing(db, folder):
    """They may be asked of a database that nobody may change."""
    folder.write("0001_a.sql", "create table a (id int)")
    assert ["0001_a"] == [each.version for each in (await plan(db, folder.path)).pending]
    assert ["pending"] == await states(db, folder)
    assert 0 == await db.value("select count(*) from sqlite_master")


async def test_a_plan_has_findings(db, folder):
    """What would do harm is told before it does."""
    folder.write("0001_a.sql", "create table a (id int)")
    folder.write("0002_b.sql", "alter table a rename to b")
    assert ["rename_breaks_code"] == [each.code for each in (await plan(db, folder.path)).findings]


async def test_the_first_failure_ends_the_run(db, folder):
    """What came before it stays, and the next run goes on there."""
    folder.write("0001_a.sql", "create table a (id int)")
    folder.write("0002_b.sql", "create table b (id int);\ninsert into nowhere values (1)")
    folder.write("0003_c.sql", "create table c (id int)")
    error = await refusal(migrate(db, folder.path))
    assert ("migration_failed", "0002_b", 2, 2) == (error.code, error.version, error.statement, error.line)
    assert ["a"] == await tables(db)
    folder.write("0002_b.sql", "create table b (id int)")
    assert ["0002_b", "0003_c"] == await names(migrate(db, folder.path))


async def test_a_failure_at_the_commit_names_the_file(db, folder):
    """A deferred constraint is found there, after every statement."""
    folder.write("0001_a.sql", "create table a (id int primary key)")
    e = "create table e (a int references a (id) deferrable initially deferred)"
    folder.write("0002_e.sql", f"{e};\ninsert into e values (4)")
    error = await refusal(migrate(db, folder.path))
    assert ("migration_failed", "0002_e", 0) == (error.code, error.version, error.statement)
    assert ["a"] == await tables(db)


async def test_phases_run_apart(db, folder):
    """First what belongs before the new code, then the rest."""
    folder.write("0001_a.pre.sql", "create table a (id int)")
    folder.write("0001_a.post.sql", "create table z (id int)")
    folder.write("0002_b.sql", "create table b (id int)")
    assert "migration_phase" == (await refusal(migrate(db, folder.path, phase="post"))).code
    assert ["0001_a.pre", "0002_b"] == await names(migrate(db, folder.path, phase="pre"))
    assert ["0001_a.post"] == await names(migrate(db, folder.path, phase="post"))


async def test_targets_have_state_tables_of_their_own(db, folder):
    """Two targets may share one database."""
    folder.write("0001_a.sql", "create table if not exists a (id int)")
    async with Tiny(db.path, name="reports") as reports:
        assert ["0001_a"] == await names(migrate(db, folder.path))
        assert ["0001_a"] == await names(migrate(reports, folder.path))
    found = await db.all(
        "select name from sqlite_master where name like 'arlen_schema%' and type = 'table' order by name"
    )
    assert ["arlen_schema_migrations", "arlen_schema_migrations__reports"] == [row.name for row in found]


async def test_the_log_names_what_was_applied(db, folder, caplog):
    """One line for each file, with how long it took."""
    folder.write("0001_a.sql", "create table a (id int)")
    with caplog.at_level(logging.INFO, "arlen_data"):
        await migrate(db, folder.path)
    assert caplog.messages[0].startswith("migration 0001_a applied in ")


async def test_foreign_keys_off_lets_a_table_be_rebuilt(db, folder):
    """Rows that refer to it stay, which `on delete cascade` would delete otherwise."""
    folder.write(
        "0001_a.sql",
        "create table a (id integer primary key);\n"
        "create table b (a int references a (id) on delete cascade);\n"
        "insert into a values (1);\ninsert into b values (1);",
    )
    rebuild = "create table n (id integer primary key, v text);\n{copy}drop table a;\nalter table n rename to a;"
    folder.write("0002_b.sql", "-- arlen: foreign-keys off\n" + rebuild.format(copy=""))
    await refusal(migrate(db, folder.path))
    assert 1 == await db.value("select count(*) from b")
    error = await refusal(migrate(db, folder.path))
    assert "1 rows of b refer to rows of a that are not there" in str(error)
    folder.write(
        "0002_b.sql", "-- arlen: foreign-keys off\n" + rebuild.format(copy="insert into n (id) select id from a;\n")
    )
    assert ["0002_b"] == await names(migrate(db, folder.path))
    assert 1 == await db.value("select count(*) from b join a on a.id = b.a")
    assert 1 == await db.value("pragma foreign_keys")


async def test_an_adapter_without_the_setting_says_so(db, folder, monkeypatch):
    """The header would do nothing, and rows would be lost."""
    folder.write("0001_a.sql", "-- arlen: foreign-keys off\ncreate table a (id int)")
    async with Tiny() as memory:
        error = await refusal(migrate(memory, folder.path))
    assert "migration_header" == error.code
    assert "tiny cannot do foreign-keys for a single file" in str(error)


async def test_down_takes_back_in_reverse(db, folder):
    """As many as it was told, the last one first."""
    for name in "abc":
        folder.write(f"000{name}.sql", f"create table {name} (id int);\n-- arlen: down\ndrop table {name};")
    await migrate(db, folder.path)
    assert ["000c", "000b"] == [each.version for each in await back(db, folder.path, 2)]
    assert ["000c", "000b"] == await names(down(db, folder.path, 2))
    assert (["a"], ["applied", "pending", "pending"]) == (await tables(db), await states(db, folder))


async def test_a_down_that_fails_leaves_everything(db, folder):
    """It is one transaction with the state table."""
    folder.write("0001_a.sql", "create table a (id int);\n-- arlen: down\ndrop table a;\ndrop table nowhere;")
    await migrate(db, folder.path)
    error = await refusal(down(db, folder.path))
    assert ("migration_failed", 2, 4) == (error.code, error.statement, error.line)
    assert (["a"], ["applied"]) == (await tables(db), await states(db, folder))


@pytest.mark.parametrize(
    ("text", "expected"), [("delete from a", []), ("delete from a;\ndelete from nowhere", ["failed"])]
)
async def test_a_down_without_a_transaction(db, folder, text, expected):
    """It is forgotten when it is done, and dirty when it is not."""
    folder.write("0001_a.sql", "create table if not exists a (id int)")
    folder.write("0001_a.down.sql", f"-- arlen: no-transaction\n{text}")
    await migrate(db, folder.path)
    if expected:
        await refusal(down(db, folder.path))
    else:
        assert ["0001_a"] == await names(down(db, folder.path))
    assert (expected or ["pending"]) == await states(db, folder)


async def test_a_file_without_a_transaction_can_be_run_again(db, folder):
    """When somebody has looked, and says that nothing of it is there."""
    folder.write("0001_a.sql", "-- arlen: no-transaction\ncreate table a (id int);\ninsert into nowhere values (1)")
    error = await refusal(migrate(db, folder.path))
    assert "arlen migrate status" in error.fix
    assert "1 of its statements" in str(await refusal(migrate(db, folder.path)))
    await db.execute("drop table a")
    folder.write("0001_a.sql", "-- arlen: no-transaction\ncreate table a (id int);")
    await resolve(db, folder.path, "0001_a", "pending")
    assert ["0001_a"] == await names(migrate(db, folder.path))
    assert 1 == await db.value("select done from arlen_schema_migrations")


async def test_a_database_that_has_it_already_is_told_so(db, folder):
    """The first migration of an application that is older than its migrations."""
    await db.execute("create table a (id int)")
    folder.write("0001_a.sql", "create table a (id int)")
    await resolve(db, folder.path, "0001_a", "applied")
    assert [] == await migrate(db, folder.path)


@pytest.mark.parametrize("work", [accept, lambda db, source, name: resolve(db, source, name, "applied")])
async def test_a_name_that_there_is_not_is_refused(db, folder, work):
    """With the nearest that there is."""
    folder.write("0001_users.sql", "select 1")
    error = await refusal(work(db, folder.path, "0001_user"))
    assert ("migration_unknown", "did you mean '0001_users'?") == (error.code, error.fix)
    assert "arlen migrate status lists them" == (await refusal(work(db, folder.path, "zzz"))).fix


async def test_only_what_was_applied_can_be_accepted(db, folder):
    """There is nothing that could have changed."""
    folder.write("0001_a.sql", "select 1")
    assert "migration_unknown" == (await refusal(accept(db, folder.path, "0001_a"))).code


async def test_a_change_is_refused_until_it_is_accepted(db, folder):
    """By every call that would go on from there."""
    folder.write("0001_a.sql", "create table a (id int);\n-- arlen: down\ndrop table a;")
    await migrate(db, folder.path)
    folder.write("0001_a.sql", "create table a (id bigint);\n-- arlen: down\ndrop table a;")
    for work in (migrate, plan, down):
        assert "migration_drift" == (await refusal(work(db, folder.path))).code
    assert ["drifted"] == await states(db, folder)
    await accept(db, folder.path, "0001_a")
    assert ["applied"] == await states(db, folder)


@pytest.mark.parametrize("mode", ["apply", "check", "off"])
async def test_what_an_application_does_at_its_start(db, folder, mode):
    """It applies, or refuses to start, or does nothing."""
    folder.write("0001_a.sql", "create table a (id int)")
    if mode == "check":
        error = await refusal(at_start(db, folder.path, mode))
        assert ("migrations_pending", "arlen migrate") == (error.code, error.fix)
        assert "'default' lacks 1 migrations: 0001_a" in str(error)
    else:
        assert {"apply": ["0001_a"], "off": []}[mode] == await names(at_start(db, folder.path, mode))
    assert (["a"] if mode == "apply" else []) == await tables(db)


async def test_a_check_asks_for_what_this_code_needs(db, folder):
    """What comes after the new code may be pending; options of migrate are for "apply"."""
    folder.write("0001_a.post.sql", "create table a (id int)")
    assert [] == await at_start(db, folder.path, "check")
    assert [] == await at_start(db, None)
    assert [] == await at_start(db, folder.path, phase="pre")
    assert "migration_mode" == (await refusal(at_start(db, folder.path, "maybe"))).code


async def test_a_state_table_that_forgets_is_noticed(db, folder):
    """In place of running one file for ever."""
    await migrate(db, _filled(folder, "0001_a"))
    trigger = (
        "create trigger forget after insert on arlen_schema_migrations begin delete from arlen_schema_migrations; end"
    )
    await db.execute(trigger)
    folder.write("0002_b.sql", "create table if not exists b (id int)")
    folder.write("0001_a.sql", "create table if not exists a (id int)")
    assert "migration_drift" == (await refusal(migrate(db, folder.path))).code
    await accept(db, folder.path, "0001_a")
    assert "migration_lost" == (await refusal(migrate(db, folder.path))).code


def _filled(folder, name):
    folder.write(f"{name}.sql", "create table a (id int)")
    return folder.path


class Busy(Tiny):
    """Refuses some statements, or some transactions."""

    refusals = ()
    begins = 0

    async def run(self, sql, params):
        if "insert into a" in sql and self.refusals:
            error, *self.refusals = self.refusals
            raise error
        return await super().run(sql, params)

    async def session(self, options):
        if self.begins:
            self.begins -= 1
            raise LockTimeout("database is locked")
        return await super().session(options)


@pytest.fixture
async def busy(tmp_path, folder):
    """A database on a clock of its own, and one file that writes into `a`."""
    async with Busy(str(tmp_path / "busy.db"), clock=VirtualClock()) as made:
        await made.execute("create table a (id int)")
        folder.write("0001_a.sql", "insert into a values (1)")
        yield made


async def ticking(db, work):
    """Do the work while the clock goes on."""
    done = []
    async with anyio.create_task_group() as group:

        async def run():
            try:
                done.append(await work)
            except MigrationError as error:
                done.append(error)

        group.start_soon(run)
        while not done:
            await db.clock.advance(0.5)
    return done[0]


@pytest.mark.parametrize("error", [LockTimeout("busy"), SerializationFailure("again")])
async def test_a_file_is_tried_again_when_it_lost_a_race(busy, folder, error):
    """A lock that did not become free is no reason to wake somebody up."""
    busy.refusals = (error, error)
    assert ["0001_a"] == [each.version for each in await ticking(busy, migrate(busy, folder.path, attempts=3))]
    assert 1 == await busy.value("select count(*) from a")


async def test_it_is_not_tried_for_ever(busy, folder):
    """After so many attempts the error arrives, with what to do about a lock."""
    busy.refusals = [LockTimeout("busy")] * 9
    error = await ticking(busy, migrate(busy, folder.path, attempts=3))
    assert ("migration_failed", 6) == (error.code, len(busy.refusals))
    assert "find who holds the lock" in error.fix


async def test_other_errors_are_not_tried_again(busy, folder):
    """They would be the same."""
    busy.refusals = [UniqueViolation("twice")] * 2
    error = await ticking(busy, migrate(busy, folder.path))
    assert (1, UniqueViolation) == (len(busy.refusals), type(error.__cause__))


async def test_a_database_that_another_runner_has_is_waited_for(busy, folder):
    """As long as it was told, then it says so."""
    busy.begins = 20
    assert ["0001_a"] == [each.version for each in await ticking(busy, migrate(busy, folder.path, wait=600.0))]
    busy.begins = 10_000
    folder.write("0002_b.sql", "insert into a values (2)")
    assert "migration_locked" == (await ticking(busy, migrate(busy, folder.path, wait=5.0))).code


async def test_the_first_of_all_runners_is_waited_for_too(tmp_path, folder):
    """The state table is made while somebody else has the database."""
    folder.write("0001_a.sql", "create table a (id int)")
    async with Busy(str(tmp_path / "first.db"), clock=VirtualClock()) as db:
        db.begins = 3
        assert ["0001_a"] == [each.version for each in await ticking(db, migrate(db, folder.path))]
    async with Busy(str(tmp_path / "never.db"), clock=VirtualClock()) as db:
        db.begins = 10_000
        assert "migration_locked" == (await ticking(db, migrate(db, folder.path, wait=1.0))).code


async def test_who_runs_a_file_without_a_transaction_is_waited_for(busy, folder):
    """There is no lock on this engine: its row says that it runs."""
    folder.write("0001_a.sql", "-- arlen: no-transaction\ninsert into a values (1)")
    await resolve(busy, folder.path, "0001_a", "applied")
    await busy.execute("update arlen_schema_migrations set state = 'running', done = 0")
    assert "migration_dirty" == (await ticking(busy, migrate(busy, folder.path, wait=2.0))).code

    async def finish():
        await busy.clock.sleep(1.0)
        await busy.execute("update arlen_schema_migrations set state = 'applied'")
        return []

    async with anyio.create_task_group() as group:
        group.start_soon(finish)
        assert [] == await ticking(busy, migrate(busy, folder.path, wait=60.0))


async def test_a_runner_that_is_overtaken_skips_the_file(db, folder):
    """Another one claimed it after this one had looked."""
    folder.write("0001_a.sql", "create table a (id int)")
    folder.write("0002_b.sql", "insert into a values (1)")
    await migrate(db, _only(folder, "0001_a"))
    seen = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(migrations.History, "claim", lambda self, *args: _told(self, seen, *args))
        assert [] == await migrate(db, folder.path)
    assert ["0002_b"] == seen
    assert 0 == await db.value("select count(*) from a")


async def _told(history, seen, lane, version, checksum, state):
    seen.append(version)
    sql = "insert into arlen_schema_migrations values ($1, $2, $3, 0, 'now')"
    await lane.execute(sql, version, checksum, state)
    return False


def _only(folder, name):
    other = folder.path.parent / "first"
    other.mkdir()
    (other / f"{name}.sql").write_text((folder.path / f"{name}.sql").read_text())
    return other


@pytest.mark.parametrize("point", ["migrations.claimed", "migrations.statement", "migrations.before_commit"])
async def test_whatever_goes_wrong_in_a_file_leaves_nothing(db, folder, point):
    """Not only errors of the database."""
    folder.write("0001_a.sql", "create table a (id int);\ncreate table b (id int)")
    with armed(point, "exit"), pytest.raises(SystemExit):
        await migrate(db, folder.path)
    assert ([], ["pending"]) == (await tables(db), await states(db, folder))
    assert ["0001_a"] == await names(migrate(db, folder.path))


async def test_whatever_goes_wrong_without_a_transaction_is_noted(db, folder):
    """The second statement was not reached, and the state table says so."""
    folder.write("0001_a.sql", "-- arlen: no-transaction\ncreate table a (id int);\ncreate table b (id int)")
    with armed("migrations.loose", "exit@2"), pytest.raises(SystemExit):
        await migrate(db, folder.path)
    assert (["a"], ["failed"]) == (await tables(db), await states(db, folder))
    assert 1 == await db.value("select done from arlen_schema_migrations")

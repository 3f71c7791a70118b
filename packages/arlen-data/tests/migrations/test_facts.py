"""Facts: lint calls a statement dangerous exactly when PostgreSQL rewrites or reads the whole table under a lock."""

import subprocess

import pytest

from arlen_conformance.engines.binaries import postgres_programs
from arlen_conformance.engines.postgres import postgres
from arlen_data.lint import lint
from arlen_data.scripts import parse

TABLES = """
create table p (id int primary key);
insert into p values (1);
create table t (id int primary key, a int not null, b int, c text, v varchar(10));
insert into t select g, g, 1, 'x', 'x' from generate_series(1, 100) g;
create index ti on t (a);
"""
PROBE = """
begin;
create temp table before as select pg_relation_filenode('t') node, 't'::regclass::oid as t;
{};
select coalesce(pg_relation_filenode(t) <> node, false) or (
    coalesce(pg_stat_get_xact_numscans(t), 0) > 0 and exists (
        select 1 from pg_locks where pid = pg_backend_pid() and relation = t
        and mode in ('ShareLock', 'ShareRowExclusiveLock', 'AccessExclusiveLock')))
from before;
rollback;
"""
LONG = {
    "column_refused",
    "constraint_builds_index",
    "index_blocks_writes",
    "not_null_scan",
    "table_rewrite",
    "validates_under_lock",
}
STATEMENTS = """
alter table t add column z int default 5
alter table t add column z int not null default 5
alter table t add column z timestamptz default now()
alter table t add column z varchar(9) default 'x'::varchar(9)
alter table t add column z uuid default gen_random_uuid()
alter table t add column z float default random()
alter table t add column z timestamptz default clock_timestamp()
alter table t add column z serial
alter table t add column z int generated always as identity
alter table t add column z int generated always as (a + 1) stored
alter table t add column z int check (z > 0)
alter table t add column z int references p
alter table t add column z int default 1 references p
alter table t add column z int unique
alter table t add constraint f foreign key (b) references p
alter table t add constraint f foreign key (b) references p not valid
alter table t add constraint f check (a > 0)
alter table t add constraint f check (a > 0) not valid
alter table t add constraint f check (b > 0) not valid; alter table t validate constraint f
alter table t alter column b set not null
alter table t alter column a drop not null
alter table t alter column a set default 1
alter table t add constraint u unique (a)
alter table t alter column a type bigint
alter table t alter column v type varchar(5)
alter table t set unlogged
alter table t set (fillfactor = 50)
create index i on t (c)
reindex table t
cluster t using ti
""".strip().splitlines()


@pytest.fixture(scope="module")
def ask():
    """Return what runs SQL on a fresh database, and gives what is printed."""
    psql = postgres_programs() / "psql"
    with postgres(share="migrations", external=True) as server, server.database() as url:

        def run(sql):
            words = [str(psql), "-XqAt", "-v", "ON_ERROR_STOP=1", "-d", url, "-c", sql]
            done = subprocess.run(words, check=True, capture_output=True, text=True, stdin=subprocess.DEVNULL)
            return done.stdout.strip()

        run(TABLES)
        yield run


@pytest.mark.parametrize("sql", STATEMENTS)
def test_lint_agrees_with_the_server(ask, sql):
    """The whole table is written or read under a lock that others wait for, or it is not."""
    script = parse(sql, "postgresql", version="1", file="1.sql")
    found = any(each.code in LONG for each in lint(script, "postgresql"))
    assert ("t" == ask(PROBE.format(sql)).split()[-1]) == found

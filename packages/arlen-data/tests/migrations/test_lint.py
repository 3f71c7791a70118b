"""Lint: what would do harm is found, and nothing else."""

import re
from pathlib import Path

import pytest

from arlen_data.lint import CODES, lint
from arlen_data.scripts import parse

ALONE = "-- arlen: no-transaction\n"


def codes(sql, dialect="postgresql", phase=""):
    """Return the codes of what is found."""
    script = parse(sql, dialect, version="1_a", file="1_a.sql", phase=phase)
    return [each.code for each in lint(script, dialect)]


POSTGRESQL = [
    ("create index i on t (a)", ["index_blocks_writes"]),
    ("create unique index if not exists i on only s.t (a)", ["index_blocks_writes"]),
    ("create index concurrently i on t (a)", ["needs_no_transaction"]),
    (ALONE + "create index concurrently i on t (a)", []),
    (ALONE + "create index concurrently if not exists i on t (a)", ["invalid_index_stays"]),
    (ALONE + "-- arlen: lock-timeout 5s\ncreate index concurrently i on t (a)", ["invalid_index_stays"]),
    ("create table t (id int); create index i on t (a)", []),
    ("create unlogged table if not exists s.t (id int); create index i on t (a)", []),
    ("drop index i", ["index_drop_locks"]),
    ("drop index concurrently i", ["needs_no_transaction"]),
    (ALONE + "drop index concurrently if exists i", []),
    ("reindex table t", ["index_blocks_writes"]),
    (ALONE + "reindex table concurrently t", []),
    ("vacuum t", ["needs_no_transaction"]),
    (ALONE + "vacuum t", []),
    ("create database x", ["needs_no_transaction"]),
    ("alter system set a = 1", ["needs_no_transaction"]),
    ("alter table t add constraint f foreign key (a) references b (id)", ["validates_under_lock"]),
    ("alter table t add foreign key (a) references b", ["validates_under_lock"]),
    ("alter table t add constraint f foreign key (a) references b not valid", []),
    ("alter table only s.t add constraint c check (a > 0)", ["validates_under_lock"]),
    ("alter table t add constraint c check (a > 0) not valid", []),
    ("alter table t add constraint c not null a", ["not_null_scan"]),
    ("alter table t add constraint c not null a not valid", []),
    ("alter table t validate constraint c", []),
    (
        "alter table t add constraint c check (a > 0) not valid; alter table t validate constraint c",
        ["validates_under_lock"],
    ),
    ("alter table t add constraint u unique (a)", ["constraint_builds_index"]),
    ("alter table t add primary key (a)", ["constraint_builds_index"]),
    ("alter table t add constraint u unique using index i", []),
    ("alter table t add constraint e exclude using gist (a with &&)", ["constraint_builds_index"]),
    ("alter table t alter column a set not null", ["not_null_scan"]),
    ("alter table t validate constraint c; alter table t alter a set not null", []),
    ("alter table t alter column a type bigint", ["table_rewrite"]),
    ("alter table t alter a set data type bigint using a::bigint", ["table_rewrite"]),
    ("alter table t alter column a set default 1, alter column b drop default", []),
    ("alter table t alter column a set expression as (b + 1)", ["table_rewrite"]),
    ("alter table t set unlogged", ["table_rewrite"]),
    ("alter table t set (fillfactor = 70)", []),
    ("alter table t add column a int", []),
    ("alter table t add a int default 5 not null, add b text", []),
    ("alter table t add column a timestamptz default now()", []),
    ("alter table t add column a varchar(10) default 'x'::varchar(10)", []),
    ("alter table t add column a uuid default gen_random_uuid()", ["table_rewrite"]),
    (
        "alter table t add column a float not null default random() check (a > 0)",
        ["table_rewrite", "validates_under_lock"],
    ),
    ("alter table t add column if not exists a bigserial", ["table_rewrite"]),
    ("alter table t add column a int generated always as identity", ["table_rewrite"]),
    ("alter table t add column a int generated always as (b + 1) stored", ["table_rewrite"]),
    ("alter table t add column a int generated always as (b + 1) virtual", []),
    ("alter table t add column a int unique", ["constraint_builds_index"]),
    ("alter table t add column a int references b", []),
    ("alter table t add column a int default 1 references b", ["validates_under_lock"]),
    ("alter table t add column a int not null", ["column_refused"]),
    ("create table t (id int); alter table t add column a uuid not null default gen_random_uuid()", []),
    ("alter table t rename column a to b", ["rename_breaks_code"]),
    ("alter table t rename a to b", ["rename_breaks_code"]),
    ("alter table t rename to u", ["rename_breaks_code"]),
    ("alter table t rename constraint a to b", []),
    ("alter table t drop column a", ["drop_breaks_code"]),
    ("alter table t drop if exists a, drop b cascade", ["drop_breaks_code", "drop_breaks_code", "cascade_drops"]),
    ("alter table t drop constraint c", []),
    ("alter table t alter a drop not null", []),
    ("drop table if exists t", ["drop_breaks_code"]),
    ("drop view v cascade", ["cascade_drops"]),
    ("update t set a = 1", ["backfill_unbounded"]),
    ("update t set a = 1 where a is null", ["backfill_unbounded"]),
    ("update t set a = 1 where id between 1 and 1000", []),
    ("delete from only t", ["backfill_unbounded"]),
    ("delete from t where id = 1", []),
    ("create table t (a int); update t set a = 1", []),
    ("alter table t add column a int; update t set a = 1 where id = 1", ["backfill_under_lock"]),
    ("create table n (a int); alter table n add b int; insert into n values (1)", []),
    ("-- arlen: lock-timeout off\nalter table t add column a int", ["lock_timeout_missing"]),
    ("-- arlen: lock-timeout 1s\nalter table t add column a int", []),
    (ALONE + "alter table t add column a int", ["lock_timeout_missing"]),
    (ALONE + "-- arlen: lock-timeout 1s\nalter table t add column a int", []),
    (ALONE + "alter table t detach partition p concurrently", []),
    ("alter table t detach partition p concurrently", ["needs_no_transaction"]),
    ("alter table t detach partition p", ["partition_locks"]),
    ("refresh materialized view v", ["refresh_locks"]),
    ("refresh materialized view concurrently v", []),
    ("set search_path to x", ["session_setting"]),
    ("set local search_path to x", []),
    ("set constraints all deferred", []),
    (ALONE + "select 1; select 2; select 3", ["partial_failure"]),
    ("cluster t using i", ["table_rewrite"]),
    ("vacuum full t", ["needs_no_transaction", "table_rewrite"]),
    ("create function f() returns int begin atomic update t set a = 1; end", []),
    ("insert into t values ('alter table t drop column a')", []),
]


@pytest.mark.parametrize(("sql", "expected"), POSTGRESQL, ids=[sql for sql, _ in POSTGRESQL])
def test_what_is_found_on_postgresql(sql, expected):
    """Each statement with what is dangerous about it, and nothing for its safe form."""
    assert sorted(expected) == sorted(codes(sql))


SQLITE = [
    ("create index i on t (a)", []),
    ("alter table t add column a int", []),
    ("alter table t add a int not null default 5", []),
    ("alter table t add column a int not null", ["column_refused"]),
    ("alter table t add column a int not null default null", ["column_refused"]),
    ("alter table t add column a int unique", ["column_refused"]),
    ("alter table t add column a integer primary key", ["column_refused"]),
    ("alter table t add column a text default current_timestamp", ["column_refused"]),
    ("alter table t add column a text default (random())", ["column_refused"]),
    ("alter table t add column a int references b default 1", ["column_refused"]),
    ("alter table t add column a int references b", []),
    ("alter table t add column a int as (b + 1) stored", ["column_refused"]),
    ("alter table t add column a int as (b + 1)", []),
    ("alter table t alter column a type int", ["alter_unsupported"]),
    ("alter table t add constraint c check (a > 0)", ["alter_unsupported"]),
    ("alter table t add column a int, add column b int", ["alter_unsupported"]),
    ("alter table t rename to u", ["rename_breaks_code"]),
    ("alter table t drop column a", ["drop_breaks_code"]),
    (
        "create table n (a int); insert into n select a from t; drop table t; alter table n rename to t",
        ["rebuild_loses_rows"],
    ),
    (
        (
            "-- arlen: foreign-keys off\ncreate table n (a int); insert into n select a from t; drop table t; "
            "alter table n rename to t"
        ),
        [],
    ),
    ("drop table t", ["drop_breaks_code"]),
    ("pragma foreign_keys = off", ["pragma_ignored"]),
    ("pragma main.journal_mode = wal", ["pragma_ignored"]),
    ("pragma user_version = 3", []),
    (ALONE + "pragma journal_mode = wal", []),
    ("vacuum", ["needs_no_transaction"]),
    (ALONE + "vacuum", []),
    ("update t set a = 1", ["backfill_unbounded"]),
]


@pytest.mark.parametrize(("sql", "expected"), SQLITE, ids=[sql for sql, _ in SQLITE])
def test_what_is_found_on_sqlite(sql, expected):
    """It can alter little, and says so only when it runs."""
    assert expected == codes(sql, "sqlite")


@pytest.mark.parametrize("sql", ["drop table t", "alter table t drop column a"])
def test_after_the_new_code_things_may_go(sql):
    """Nobody uses them any more."""
    assert [] == codes(sql, phase="post")


def test_a_finding_says_where_it_is_and_what_to_do():
    """File, line, statement, reason and fix."""
    script = parse("select 1;\n\ncreate index i\n on s.users (a)", "postgresql", version="1", file="db/1.sql")
    (found,) = lint(script, "postgresql")
    assert ("db/1.sql", 3, 2) == (found.file, found.line, found.statement)
    assert "users" in found.reason
    assert "concurrently" in found.fix


@pytest.mark.parametrize(
    "sql",
    [
        "-- arlen: allow index_blocks_writes: the table is small\ncreate index i on t (a)",
        "create index i on t (a); -- arlen: allow index_blocks_writes: the table is small",
        "select 1;\n-- arlen: allow index_blocks_writes: small\ncreate index i on t (a);\nselect 2",
    ],
)
def test_a_finding_can_be_allowed(sql):
    """With a reason, at its statement."""
    assert [] == codes(sql)


def test_what_is_allowed_is_allowed_there_alone():
    """The next statement is looked at again."""
    sql = "create index i on t (a); -- arlen: allow index_blocks_writes: small\ncreate index j on t (a)"
    assert ["index_blocks_writes"] == codes(sql)


def test_an_unknown_code_is_a_finding():
    """It would allow nothing."""
    sql = "-- arlen: allow index_blocks: small\ncreate index i on t (a)"
    assert ["allow_unknown", "index_blocks_writes"] == codes(sql)


def test_the_way_back_is_not_looked_at():
    """It runs when there is no time for more than that."""
    assert [] == codes("create table t (a int);\n-- arlen: down\ndrop table t cascade")


def test_every_code_is_found_by_some_statement_and_in_the_manual():
    """The list is exact."""
    found = {code for _, expected in POSTGRESQL + SQLITE for code in expected}
    assert CODES == found
    page = Path(__file__).parents[4] / "docs" / "migrations.md"
    assert CODES == set(
        re.findall(r"^\| `([a-z_]+)` \|", page.read_text().partition("## What lint finds")[2], re.MULTILINE)
    )

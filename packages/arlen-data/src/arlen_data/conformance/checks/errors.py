"""Errors: one class on every engine, its facts in fields, no values in it, and events that tell as little."""

from __future__ import annotations

import logging
import traceback
from typing import Any

from arlen_conformance import promise
from arlen_data.conformance.aids import raises
from arlen_data.conformance.dialects import dialect
from arlen_data.database import Database
from arlen_data.errors import (
    CheckViolation,
    DatabaseError,
    DataError,
    ExclusionViolation,
    ForeignKeyViolation,
    IntegrityError,
    NotNullViolation,
    SQLSyntaxError,
    UndefinedColumn,
    UndefinedTable,
    UniqueViolation,
)
from arlen_data.events import QueryEvent

__all__ = ["Errors"]

_TABLES = (
    "create table er_parent (id int primary key)",
    """create table er_child (id int constraint er_unique unique, name text not null,
    parent int constraint er_foreign references er_parent (id), age int constraint er_check check (age > 0))""",
    "insert into er_child (id, name) values (1, 'a')",
)
_VIOLATIONS: tuple[tuple[type[DatabaseError], str, str, str], ...] = (
    (UniqueViolation, "23505", "er_unique", "insert into er_child (id, name) values (1, 'b')"),
    (ForeignKeyViolation, "23503", "er_foreign", "insert into er_child (id, name, parent) values (2, 'b', 7)"),
    (NotNullViolation, "23502", "", "insert into er_child (id, name) values (2, null)"),
    (CheckViolation, "23514", "er_check", "insert into er_child (id, name, age) values (2, 'b', -1)"),
)
_MISTAKES: tuple[tuple[type[DatabaseError], str, str], ...] = (
    (SQLSyntaxError, "42601", "selct id from er_child"),
    (SQLSyntaxError, "42601", "select id from er_child where"),
    (UndefinedTable, "42P01", "select id from er_nothing"),
    (UndefinedColumn, "42703", "select er_nothing from er_child"),
)
_PRIVATE = "secret@example.org"


class Errors:
    """ER01 to ER06."""

    @promise
    async def test_er01_classes_and_states(self, adapter: Database) -> None:
        """Each violation and each mistake has its own class and SQLSTATE, and the connection goes on."""
        for sql in _TABLES:
            await adapter.execute(sql)
        wrong = [(kind, state, sql) for kind, state, _, sql in _VIOLATIONS]
        for kind, state, sql in (*wrong, *_MISTAKES):
            with raises(DatabaseError) as caught:
                await adapter.execute(sql)
            assert (kind, state) == (type(caught.error), caught.error.sqlstate), sql
            assert 1 == await adapter.value("select count(*) from er_child")

    @promise(needs=["exclusion"])
    async def test_er01_exclusion(self, adapter: Database) -> None:
        """A violated exclusion constraint is an `ExclusionViolation` that names it."""
        await adapter.execute("create table er01 (r int4range, constraint er_exclude exclude using gist (r with &&))")
        await adapter.execute("insert into er01 (r) values ('[1,5)')")
        with raises(ExclusionViolation) as caught:
            await adapter.execute("insert into er01 (r) values ('[4,9)')")
        assert ("23P01", "er_exclude", "er01") == _facts(caught.error, "sqlstate", "constraint", "table")

    @promise
    async def test_er02_a_null_names_its_column(self, adapter: Database) -> None:
        """The violation of `not null` names its table and column."""
        for sql in _TABLES:
            await adapter.execute(sql)
        with raises(NotNullViolation) as caught:
            await adapter.execute("insert into er_child (id, name) values ($1, $2)", 2, None)
        assert ("er_child", "name") == _facts(caught.error, "table", "column")

    @promise(needs=["constraint_names"])
    async def test_er02_violations_name_constraints(self, adapter: Database) -> None:
        """Every other violation names its constraint and table, and a mistake the place where it is."""
        for sql in _TABLES:
            await adapter.execute(sql)
        for _, _, constraint, sql in _VIOLATIONS:
            with raises(IntegrityError) as caught:
                await adapter.execute(sql)
            if constraint:
                assert (constraint, "er_child") == _facts(caught.error, "constraint", "table")
        text = "select id, er_nothing from er_child"
        with raises(UndefinedColumn) as mistake:
            await adapter.execute(text)
        assert text.index("er_nothing") + 1 == mistake.error.position

    @promise
    async def test_er03_no_value_leaks(self, adapter: Database) -> None:
        """No value is in the message, the repr, the notes or the log of an error, nor in what caused it."""
        await adapter.execute("create table er03 (email text constraint er_unique unique, n int check (n > 0))")
        await adapter.execute("insert into er03 (email, n) values ($1, 1)", _PRIVATE)
        for sql in (
            "insert into er03 (email, n) values ($1, 1)",
            "insert into er03 (email, n) values ($1 || '', 0)",
            "select no_such_column from er03 where email = $1",
        ):
            with raises(DatabaseError) as caught:
                await adapter.execute(sql, _PRIVATE)
            told = [str(caught.error), repr(caught.error), _logged(caught.error)]
            assert not [text for text in told if _PRIVATE in text], sql

    @promise
    async def test_er03_a_value_of_a_wrong_shape_does_not_leak(self, adapter: Database) -> None:
        """When the server quotes a value that it cannot read, the message does not."""
        told: list[str] = []
        try:
            await adapter.value("select cast($1 as integer)", _PRIVATE)
        except DataError as error:
            told = [str(error), repr(error), _logged(error)]
        assert not [text for text in told if _PRIVATE in text]

    @promise
    async def test_er04_the_cause_and_the_place(self, adapter: Database) -> None:
        """The driver's exception is the cause, and the traceback begins where the caller asked."""
        with raises(UndefinedTable) as caught:
            await adapter.execute("select 1 from er04_nothing")
        cause = caught.error.__cause__
        assert isinstance(cause, Exception)
        assert not isinstance(cause, DatabaseError)
        names = [frame.name for frame in traceback.extract_tb(caught.error.__traceback__)]
        assert "test_er04_the_cause_and_the_place" in names

    @promise
    async def test_er05_flags_come_from_classes(self, adapter: Database) -> None:
        """Whether an error is the connection's, or may be tried again, does not depend on the words of its message."""
        for sql in dialect(adapter).raising:
            await adapter.execute(sql)
        with raises(DatabaseError) as caught:
            await adapter.execute("insert into er05 (id) values (1)")
        assert (False, False) == (caught.error.is_connectivity, caught.error.is_retryable)
        assert isinstance(caught.error, IntegrityError)

    @promise
    async def test_er06_events_in_order(self, adapter: Database) -> None:
        """A query tells "compile", "execute", and "result" or "error", with the same facts each time."""
        await adapter.execute("create table er06 (id int primary key)")
        events: list[QueryEvent] = []
        with adapter.events.listen(events.append):
            await adapter.execute("insert into er06 (id) values ($1)", 4711)
            with raises(UniqueViolation):
                await adapter.execute("INSERT into er06 (id) values ($1)", 4711)
            await adapter.all("select id from er06")
        stages = ["compile", "execute", "result", "compile", "execute", "error", "compile", "execute", "result"]
        assert stages == [event.stage for event in events]
        name = adapter.capabilities.adapter
        assert {(name, adapter.name, "run")} == {(each.source, each.target, each.operation) for each in events}
        assert (1, "insert", 33, 1) == _facts(events[2], "affected_rows", "sql_token", "sql_length", "parameter_count")
        assert ("unique_violation", "23505") == _facts(events[5], "error_code", "sqlstate")
        assert (1, 0) == _facts(events[8], "row_count", "parameter_count")

    @promise
    async def test_er06_events_tell_nothing_private(self, adapter: Database) -> None:
        """Events hold no value, and the text of a query only for the listener who asked for it."""
        sql = "select $1 as er06_private"
        silent: list[QueryEvent] = []
        open_: list[QueryEvent] = []
        with adapter.events.listen(silent.append), adapter.events.listen(open_.append, sql=True):
            assert _PRIVATE == await adapter.value(sql, _PRIVATE)
        assert 3 == len(silent) == len(open_)
        assert _PRIVATE not in repr([silent, open_])
        assert "er06_private" not in repr(silent)
        assert {sql} == {event.sql for event in open_}

    @promise
    async def test_er06_a_listener_harms_no_query(self, adapter: Database) -> None:
        """What a listener raises is logged, and the query is none the worse."""
        log, kept = logging.getLogger("arlen_data"), _Kept()
        log.addHandler(kept)
        propagate, log.propagate = log.propagate, False
        try:
            with adapter.events.listen(_fail):
                assert 7 == await adapter.value("select 7")
        finally:
            log.removeHandler(kept)
            log.propagate = propagate
        assert 3 == len(kept.records)


class _Kept(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


def _fail(event: QueryEvent) -> None:
    raise RuntimeError(event.stage)


def _facts(subject: Any, *names: str) -> tuple[Any, ...]:
    return tuple(getattr(subject, name) for name in names)


def _logged(error: BaseException) -> str:
    """Return what `logging.exception` would write: the message, the notes, and the causes with theirs."""
    return "".join(traceback.format_exception(error))

"""Pipelines: several messages in one round trip, and which of the answers belongs to whom."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from psycopg import capabilities
from psycopg.pq import ExecStatus

from arlen_pg.statements import Statement

if TYPE_CHECKING:
    from collections.abc import Sequence

    from psycopg.pq.abc import PGconn, PGresult

    from arlen_pg.calls import Call
    from arlen_pg.statements import Statements

__all__ = ["Part", "finish", "reused", "send"]

Kind = Literal["begin", "close", "nothing", "prepare", "run"]

_FATAL = ExecStatus.FATAL_ERROR
_ABORTED = ExecStatus.PIPELINE_ABORTED
_CAN_CLOSE = capabilities.has_send_close_prepared()


class Part:
    """One statement of a batch."""

    __slots__ = ("formats", "sql", "statement", "traits", "types", "values")

    def __init__(self, sql: str, values: Any, types: Any, formats: Any, traits: Any) -> None:
        self.sql, self.values, self.types, self.formats, self.traits = sql, values, types, formats, traits
        self.statement: Statement | None = None


def send(pgconn: PGconn, cache: Statements, call: Call, *, chunked: bool = False) -> None:
    """Send a call that takes more than one message, or that is not prepared yet; `flush` is the caller's.

    Args:
        pgconn: the connection.
        cache: what is prepared on it.
        call: what to send.
        chunked: a stream came before. libpq then hands out the rows of the first statement of a pipeline in chunks
            too, so that is one without rows.
    """
    parts: Sequence[Any] = call.batch if call.batch is not None else (call,)
    if call.batch is None and not call.begin and not _kept(cache, call):
        pgconn.send_query_params(call.sql.encode(), call.values, call.types, call.formats)
        return
    sent: list[tuple[Kind, Any]] = []
    call.parts, call.results = sent, []
    pgconn.enter_pipeline_mode()
    if chunked:
        pgconn.send_query_params(b"", None)
        sent.append(("nothing", None))
    if call.begin:
        _run(pgconn, cache, sent, call.begin.decode())
    for part in parts:
        if _kept(cache, part):
            _prepared(pgconn, cache, sent, part)
        else:
            pgconn.send_query_params(part.sql.encode(), part.values, part.types, part.formats)
        sent.append(("run", part))
    pgconn.pipeline_sync()


def finish(cache: Statements, call: Call) -> None:
    """Sort out what has arrived for a call: its answer, and what is prepared now."""
    answers: list[PGresult] = []
    fault: PGresult | None = None
    for (kind, what), result in zip(call.parts or (), call.results, strict=False):
        status = result.status
        if status == _FATAL and fault is None:
            fault = result
        if kind == "prepare" and status in {_FATAL, _ABORTED}:
            cache.pop(what.key, None)
        elif kind == "close" and status in {_FATAL, _ABORTED}:
            cache.closing.append(what)
        elif kind == "run":
            answers.append(fault if status == _ABORTED and fault is not None else result)
    call.answer = answers if call.batch is not None else fault or answers[-1]


def reused(call: Call, part: Any) -> bool:
    """Tell whether a part ran a statement that had been prepared before, so that it may be stale."""
    made = (what for kind, what in call.parts or () if kind == "prepare")
    return part.statement is not None and part.statement not in made


def _kept(cache: Statements, part: Any) -> bool:
    return bool(cache.limit and part.traits is not None and part.traits.kept)


def _prepared(pgconn: PGconn, cache: Statements, sent: list[tuple[Kind, Any]], part: Any) -> None:
    key = (part.sql, part.types)
    statement = cache.get(key)
    if statement is None:
        statement = cache.add(key)
        _close(pgconn, cache, sent)
        pgconn.send_prepare(statement.name, part.sql.encode(), part.types)
        sent.append(("prepare", statement))
    else:
        cache.move_to_end(key)
    part.statement = statement
    pgconn.send_query_prepared(statement.name, part.values, part.formats)


def _close(pgconn: PGconn, cache: Statements, sent: list[tuple[Kind, Any]]) -> None:
    names, cache.closing[:] = cache.closing[:], []
    for name in names:
        if _CAN_CLOSE:
            pgconn.send_close_prepared(name)
        else:
            pgconn.send_query_params(b"deallocate " + name, None)
        sent.append(("close", name))


def _run(pgconn: PGconn, cache: Statements, sent: list[tuple[Kind, Any]], sql: str) -> None:
    """Run a text of ours, which has no parameters: prepared, when anything is."""
    if not cache.limit:
        pgconn.send_query_params(sql.encode(), None)
    else:
        _prepared(pgconn, cache, sent, Part(sql, (), (), (), None))
    sent.append(("begin", None))

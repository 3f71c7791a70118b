"""Errors of the data layer: one class for each SQLSTATE that programs tell apart, on every engine."""

from __future__ import annotations

from typing import ClassVar

from arlen_core.errors import ArlenError

__all__ = [
    "AmbiguousColumn",
    "CheckViolation",
    "ConnectionFailed",
    "ConnectionLost",
    "DataError",
    "DatabaseError",
    "DeadlineExceeded",
    "Deadlock",
    "DecodeError",
    "ExclusionViolation",
    "ForeignKeyViolation",
    "IntegrityError",
    "InvalidArgument",
    "LockTimeout",
    "MultipleRows",
    "NoRows",
    "NotNullViolation",
    "PoolBusy",
    "PoolClosed",
    "PoolTimeout",
    "ProgrammingError",
    "QueryCanceled",
    "ReadOnlyTransaction",
    "SQLSyntaxError",
    "SerializationFailure",
    "StaleStatement",
    "TransactionAborted",
    "TransactionError",
    "UndefinedColumn",
    "UndefinedTable",
    "UniqueViolation",
    "Unsupported",
    "kind",
]


class DatabaseError(ArlenError):
    """Anything that a database, or the way to it, refuses. The driver's own exception is its `__cause__`.

    Args:
        message: what happened. It never holds a value that was bound; what the server says about values is `detail`.
        sqlstate: the five characters of the SQL standard, "" when there is none. SQLite's codes are mapped to them.
        detail: what the server adds. It may quote values, so it is in no message, log line or repr.
        fix: what to do about it, in one line.

    The other attributes are what the server tells: `hint`, `position` (from 1, in characters of the statement; 0 when
    unknown), `schema`, `table`, `column`, `constraint`, `datatype`. Each is "" when the server says nothing.

    Attributes:
        code: a stable word for programs.
        reason: the message without the fix.
        is_connectivity: the server could not be reached or went away.
        is_retryable: the whole transaction may succeed when it is run again.

    >>> error = UniqueViolation("duplicate key", sqlstate="23505", constraint="users_email", detail="(ada@x) exists")
    >>> str(error), error.constraint, error.is_retryable
    ('duplicate key', 'users_email', False)
    """

    code: ClassVar[str] = "database_error"
    is_connectivity: ClassVar[bool] = False
    is_retryable: ClassVar[bool] = False

    def __init__(
        self,
        message: str,
        *,
        sqlstate: str = "",
        detail: str = "",
        hint: str = "",
        position: int = 0,
        schema: str = "",
        table: str = "",
        column: str = "",
        constraint: str = "",
        datatype: str = "",
        fix: str = "",
    ) -> None:
        super().__init__(f"{message} (fix: {fix})" if fix else message)
        self.reason = message
        self.sqlstate, self.detail, self.hint, self.position = sqlstate, detail, hint, position
        self.schema, self.table, self.column = schema, table, column
        self.constraint, self.datatype, self.fix = constraint, datatype, fix


class IntegrityError(DatabaseError):
    """A constraint was violated; class 23."""

    code = "integrity_error"


class UniqueViolation(IntegrityError):
    """There is such a row already; 23505."""

    code = "unique_violation"


class ForeignKeyViolation(IntegrityError):
    """The row that is referred to is missing, or still referred to; 23503."""

    code = "foreign_key_violation"


class NotNullViolation(IntegrityError):
    """A column that must have a value got none; 23502."""

    code = "not_null_violation"


class CheckViolation(IntegrityError):
    """A check constraint refused; 23514."""

    code = "check_violation"


class ExclusionViolation(IntegrityError):
    """An exclusion constraint refused; 23P01."""

    code = "exclusion_violation"


class DataError(DatabaseError):
    """A value does not fit: out of range, division by zero, a malformed text; class 22."""

    code = "data_error"


class DecodeError(DataError):
    """A value came back that Python cannot hold, or that does not fit the wanted type; names the column."""

    code = "decode_error"


class ProgrammingError(DatabaseError):
    """The statement itself is wrong; class 42."""

    code = "programming_error"


class SQLSyntaxError(ProgrammingError):
    """The statement is no SQL; 42601."""

    code = "syntax_error"


class UndefinedTable(ProgrammingError):
    """There is no such table; 42P01."""

    code = "undefined_table"


class UndefinedColumn(ProgrammingError):
    """There is no such column; 42703."""

    code = "undefined_column"


class InvalidArgument(ProgrammingError):
    """The call is wrong, before anything reached the server: a wrong parameter, a name that is no name."""

    code = "invalid_argument"


class AmbiguousColumn(ProgrammingError, LookupError):
    """A row has several columns of that name: use the index, or an alias in the statement."""

    code = "ambiguous_column"


class Unsupported(DatabaseError):
    """The adapter's capabilities do not include it."""

    code = "unsupported"


class NoRows(DatabaseError, LookupError):
    """One row was asked for and there is none."""

    code = "no_rows"


class MultipleRows(DatabaseError, LookupError):
    """One row was asked for and there are several."""

    code = "multiple_rows"


class DeadlineExceeded(DatabaseError, TimeoutError):
    """The transaction took longer than its deadline and was rolled back."""

    code = "deadline_exceeded"


class TransactionError(DatabaseError):
    """Something that this state of the transaction does not allow; class 25."""

    code = "transaction_error"


class TransactionAborted(TransactionError):
    """An earlier statement failed, so nothing was, or can be, committed; 25P02."""

    code = "transaction_aborted"


class ReadOnlyTransaction(TransactionError):
    """A write in a transaction that only reads; 25006."""

    code = "read_only_transaction"


class SerializationFailure(DatabaseError):
    """Somebody else's transaction came first: run this one again; 40001."""

    code = "serialization_failure"
    is_retryable = True


class Deadlock(DatabaseError):
    """Two transactions waited for each other and this one had to yield: run it again; 40P01."""

    code = "deadlock"
    is_retryable = True


class StaleStatement(DatabaseError):
    """A prepared statement no longer fits its tables: run the transaction again; 0A000, 26000."""

    code = "stale_statement"
    is_retryable = True


class QueryCanceled(DatabaseError):
    """The server stopped the statement: its time was up, or somebody cancelled it; 57014."""

    code = "query_canceled"


class LockTimeout(DatabaseError):
    """A lock did not become free in time; 55P03, and SQLite's "database is locked"."""

    code = "lock_timeout"


class ConnectionLost(DatabaseError):
    """The connection went away: nobody knows whether the statement took effect; class 08, 57P01 to 57P03."""

    code = "connection_lost"
    is_connectivity = True


class ConnectionFailed(ConnectionLost):
    """No connection could be made; nothing was sent."""

    code = "connection_failed"


class PoolTimeout(DatabaseError):
    """No connection became free in time."""

    code = "pool_timeout"
    is_connectivity = True


class PoolBusy(DatabaseError):
    """Too many callers wait for a connection already: this one was refused at once."""

    code = "pool_busy"
    is_connectivity = True


class PoolClosed(DatabaseError):
    """The pool has not been opened, or is closed."""

    code = "pool_closed"


_STATES: dict[str, type[DatabaseError]] = {
    "22": DataError,
    "23": IntegrityError,
    "23502": NotNullViolation,
    "23503": ForeignKeyViolation,
    "23505": UniqueViolation,
    "23514": CheckViolation,
    "23P01": ExclusionViolation,
    "25": TransactionError,
    "25006": ReadOnlyTransaction,
    "25P02": TransactionAborted,
    "25P03": ConnectionLost,  # a transaction that did nothing for too long: the server ends the connection
    "25P04": ConnectionLost,
    "26000": StaleStatement,
    "2D": TransactionError,
    "3B": TransactionError,
    "40001": SerializationFailure,
    "40P01": Deadlock,
    "42": ProgrammingError,
    "42601": SQLSyntaxError,
    "42703": UndefinedColumn,
    "42P01": UndefinedTable,
    "08": ConnectionLost,
    "08001": ConnectionFailed,
    "08004": ConnectionFailed,
    "28": ConnectionFailed,
    "3D": ConnectionFailed,
    "53300": ConnectionFailed,
    "55P03": LockTimeout,
    "57014": QueryCanceled,
    "57P01": ConnectionLost,
    "57P02": ConnectionLost,
    "57P03": ConnectionFailed,
    "57P05": ConnectionLost,
}


def kind(sqlstate: str) -> type[DatabaseError]:
    """Return the class of a SQLSTATE (SQL standard, and PostgreSQL's appendix A): its own, its class's, or the base.

    >>> kind("23505").__name__, kind("22012").__name__, kind("XX000").__name__
    ('UniqueViolation', 'DataError', 'DatabaseError')
    """
    return _STATES.get(sqlstate) or _STATES.get(sqlstate[:2]) or DatabaseError

"""Errors: one class for each SQLSTATE, with facts in fields."""

import inspect
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arlen_core.errors import ArlenError
from arlen_data import errors
from arlen_data.errors import DatabaseError, kind

CLASSES = [each for _, each in inspect.getmembers(errors, inspect.isclass) if issubclass(each, DatabaseError)]
STATES = {
    "08006": "ConnectionLost",
    "08001": "ConnectionFailed",
    "0A000": "DatabaseError",
    "22003": "DataError",
    "22P02": "DataError",
    "23000": "IntegrityError",
    "23502": "NotNullViolation",
    "23503": "ForeignKeyViolation",
    "23505": "UniqueViolation",
    "23514": "CheckViolation",
    "23P01": "ExclusionViolation",
    "25000": "TransactionError",
    "25006": "ReadOnlyTransaction",
    "25P02": "TransactionAborted",
    "25P03": "ConnectionLost",
    "25P04": "ConnectionLost",
    "26000": "StaleStatement",
    "28P01": "ConnectionFailed",
    "2D000": "TransactionError",
    "3B001": "TransactionError",
    "3D000": "ConnectionFailed",
    "40001": "SerializationFailure",
    "40P01": "Deadlock",
    "42601": "SQLSyntaxError",
    "42501": "ProgrammingError",
    "42703": "UndefinedColumn",
    "42P01": "UndefinedTable",
    "53300": "ConnectionFailed",
    "53100": "DatabaseError",
    "55P03": "LockTimeout",
    "57014": "QueryCanceled",
    "57P01": "ConnectionLost",
    "57P03": "ConnectionFailed",
    "P0001": "DatabaseError",
    "XX000": "DatabaseError",
    "": "DatabaseError",
}


@pytest.mark.parametrize(("state", "name"), STATES.items())
def test_kinds(state, name):
    """A SQLSTATE has its own class, that of its first two characters, or the base."""
    assert name == kind(state).__name__


@given(st.text(max_size=6))
def test_any_state_has_a_class(state):
    """Any text has one."""
    assert issubclass(kind(state), DatabaseError)


def test_codes():
    """Each class has a code of its own, and they are an application's errors."""
    codes = [each.code for each in CLASSES]
    assert len(codes) == len(set(codes))
    assert issubclass(DatabaseError, ArlenError)


def test_flags():
    """What may be tried again, and what is the connection's, are these."""
    retryable = {each.__name__ for each in CLASSES if each.is_retryable}
    assert {"SerializationFailure", "Deadlock", "StaleStatement"} == retryable
    lost = {each.__name__ for each in CLASSES if each.is_connectivity}
    assert {"ConnectionLost", "ConnectionFailed", "PoolTimeout", "PoolBusy"} == lost


@pytest.mark.parametrize("made", CLASSES)
def test_facts(made):
    """Every class takes all facts, shows the message and the fix alone, and survives a pickle."""
    facts = {"detail": "secret@x", "hint": "secret", "constraint": "c", "table": "t", "column": "n", "position": 7}
    error = made("it failed", fix="do this", sqlstate="23505", **facts)
    assert "it failed (fix: do this)" == str(error)
    assert "secret" not in repr(error)
    assert facts == {name: getattr(error, name) for name in facts}
    other = pickle.loads(pickle.dumps(error))
    assert (str(error), vars(error)) == (str(other), vars(other))


def test_timeouts_and_lookups():
    """A deadline is a `TimeoutError`, and a row that is not there a `LookupError`, for those who catch these."""
    assert issubclass(errors.DeadlineExceeded, TimeoutError)
    assert issubclass(errors.NoRows, LookupError)
    assert issubclass(errors.MultipleRows, LookupError)
    assert issubclass(errors.AmbiguousColumn, LookupError)

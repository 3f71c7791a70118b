"""Statements: text with arguments, or what compiles to it."""

import pytest

from arlen_data.errors import InvalidArgument
from arlen_data.statements import resolve
from arlen_data.values import Array, Json


class Built:
    """A statement of a builder."""

    def __init__(self, sql="select $1", params=(7,)):
        self.sql, self.params = sql, params
        self.dialects = []

    def compile(self, dialect):
        self.dialects.append(dialect)
        return self

    def bind(self, **named):
        return tuple(named.values())


def test_text():
    """A text goes as it is, with its arguments."""
    assert ("select $1", (7,)) == resolve("select $1", (7,), {}, "sqlite")


def test_text_takes_no_names():
    """Arguments by name are refused for a text, and named without their values."""
    with pytest.raises(InvalidArgument, match="by name: mail") as caught:
        resolve("select $1", (), {"mail": "secret"}, "sqlite")
    assert "secret" not in str(caught.value)


def test_a_statement_compiles_for_the_dialect():
    """It is asked for its text and values in the adapter's dialect."""
    built = Built()
    assert ("select $1", (7,)) == resolve(built, (), {}, "postgresql")
    assert ["postgresql"] == built.dialects


def test_a_statement_takes_names():
    """Its named parameters are bound."""
    assert ("select $1", (8,)) == resolve(Built(), (), {"n": 8}, "sqlite")


def test_a_statement_takes_no_places():
    """Arguments by place are refused for a statement."""
    with pytest.raises(InvalidArgument, match="has its values already"):
        resolve(Built(), (7,), {}, "sqlite")


@pytest.mark.parametrize("query", [7, None, b"select 1", ["select 1"]])
def test_anything_else_is_no_query(query):
    """What neither is a text nor compiles is refused, with its type."""
    with pytest.raises(InvalidArgument, match=f"{type(query).__name__} is no query"):
        resolve(query, (), {}, "sqlite")


def test_values_say_what_they_are():
    """`Json` and `Array` compare by value, and cannot be changed."""
    assert Json([1]) == Json([1]) != Json([2])
    assert Array([1], "int8") == Array([1], "int8") != Array([1])
    with pytest.raises(AttributeError):
        Json(1).value = 2

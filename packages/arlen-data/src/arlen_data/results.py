"""Results: what one statement gave, and how to read it into one's own types."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar, is_typeddict

import msgspec
import msgspec.structs

from arlen_data.errors import DecodeError, InvalidArgument, MultipleRows, NoRows
from arlen_data.rows import Row

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["Result", "reader"]

T = TypeVar("T")


class Result:
    """The rows of one statement.

    Args:
        columns: the names of the columns in their order; empty for a statement that gives no rows.
        rows: the rows.
        affected: rows inserted, changed or deleted; of a `select`, how many it gave; 0 for everything else.

    >>> from arlen_data.rows import shape
    >>> columns = ("id", "name")
    >>> result = Result(columns, [shape(columns)((1, "ada"))], 1)
    >>> result.one().name, len(result)
    ('ada', 1)
    """

    __slots__ = ("affected", "columns", "rows")

    def __init__(self, columns: tuple[str, ...], rows: list[Row], affected: int) -> None:
        self.columns, self.rows, self.affected = columns, rows, affected

    def __len__(self) -> int:
        return len(self.rows)

    def all(self, into: Any = None) -> list[Any]:
        """Return every row; each as `into`, when that is given: see `reader`."""
        if into is None:
            return self.rows
        return list(map(reader(into, self.columns), self.rows))

    def one(self, into: Any = None) -> Any:
        """Return the only row; `NoRows` or `MultipleRows` when that is not so."""
        if len(self.rows) != 1:
            raise self._other()
        row = self.rows[0]
        return row if into is None else reader(into, self.columns)(row)

    def one_or_none(self, into: Any = None) -> Any:
        """Return the only row, or `None` when there is none; `MultipleRows` when there are several."""
        return self.one(into) if self.rows else None

    def value(self, into: Any = None) -> Any:
        """Return the only value of the only row; `InvalidArgument` when the row has several columns."""
        if len(self.columns) != 1:
            fix = "select one column, or ask for one()"
            raise InvalidArgument(f"a value was asked for, and the row has {len(self.columns)} columns", fix=fix)
        return self.one(into)[0] if into is None else self.one(into)

    def _other(self) -> NoRows | MultipleRows:
        if self.rows:
            fix = "add a condition or a limit, or ask for all()"
            return MultipleRows(f"one row was asked for, and there are {len(self.rows)}", fix=fix)
        return NoRows("one row was asked for, and there is none", fix="ask for one_or_none()")


@lru_cache(maxsize=1024)
def reader(into: Any, columns: tuple[str, ...]) -> Callable[[Sequence[Any]], Any]:
    """Return what turns a row of these columns into a Struct, dataclass, TypedDict, `dict`, `tuple` or plain type.

    Fields are found by the names of columns; further columns are ignored. Values are converted where nothing is lost
    (text to an enum, 0 and 1 to a bool). A plain type (`int`, `UUID`, an enum) takes the only column.

    >>> class User(msgspec.Struct):
    ...     id: int
    ...     name: str = ""
    >>> reader(User, ("id", "extra"))((7, "x"))
    User(id=7, name='')

    Raises `DecodeError` naming the field for a row that does not fit, `InvalidArgument` for a type that takes no rows.
    """
    if into is dict:
        return lambda row: dict(zip(columns, row, strict=True))
    if into is tuple:
        return tuple
    names = _fields(into)
    if names is None:
        return _scalar(into, columns)
    places = [(names.get(name, name), place) for place, name in enumerate(columns)]

    def read(row: Sequence[Any]) -> Any:
        return _convert({name: row[place] for name, place in places}, into)

    return read


def _fields(into: Any) -> dict[str, str] | None:
    """Return how the fields are called in a mapping; `None` for what has no fields."""
    if isinstance(into, type) and issubclass(into, msgspec.Struct):
        return {field.name: field.encode_name for field in msgspec.structs.fields(into)}
    if hasattr(into, "__dataclass_fields__") or hasattr(into, "__attrs_attrs__") or is_typeddict(into):
        return {}
    return None


def _scalar(into: Any, columns: tuple[str, ...]) -> Callable[[Sequence[Any]], Any]:
    if len(columns) != 1:
        fix = "use a Struct, a dataclass, a TypedDict or dict"
        raise InvalidArgument(f"{into} does not take a row of {len(columns)} columns", fix=fix)
    return lambda row: _convert(row[0], into)


def _convert(value: Any, into: Any) -> Any:
    try:
        return msgspec.convert(value, into, strict=False)
    except msgspec.ValidationError as error:
        column = str(error).rpartition("`$.")[2].rstrip("`") if "`$." in str(error) else ""
        raise DecodeError(f"a row does not fit {getattr(into, '__name__', into)}: {error}", column=column) from None

"""Results: what one statement gave, and how to read it into one's own types."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from arlen_data.errors import AmbiguousColumn, DecodeError, InvalidArgument, MultipleRows, NoRows
from arlen_data.rows import Row

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

__all__ = ["Result", "reader"]


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
        """Return the only value of the only row, converted to `into` when that is given: see `reader`.

        Raises:
            InvalidArgument: the row has several columns.
        """
        if len(self.columns) != 1:
            fix = "select one column, or ask for one()"
            raise InvalidArgument(f"a value was asked for, and the row has {len(self.columns)} columns", fix=fix)
        value = tuple.__getitem__(self.one(), 0)
        return value if into is None else _converter(into, {}, self.columns[0])(value)

    def _other(self) -> NoRows | MultipleRows:
        if self.rows:
            fix = "add a condition or a limit, or ask for all()"
            return MultipleRows(f"one row was asked for, and there are {len(self.rows)}", fix=fix)
        return NoRows("one row was asked for, and there is none", fix="ask for one_or_none()")


@lru_cache(maxsize=1024)
def reader(into: Any, columns: tuple[str, ...]) -> Callable[[Sequence[Any]], Any]:
    """Return what turns a row of these columns into a Struct, dataclass, TypedDict, named tuple, `dict` or `tuple`.

    Fields are found by the names of columns; further columns are ignored. Values are converted where nothing is lost
    (text to an enum, 0 and 1 to a bool). Any other type (`int`, `UUID`, an enum) takes the only column.

    >>> class User(msgspec.Struct):
    ...     id: int
    ...     name: str = ""
    >>> reader(User, ("id", "extra"))((7, "x"))
    User(id=7, name='')

    Raises:
        DecodeError: a field has no column, or a value does not fit; it names the column and tells no value.
        AmbiguousColumn: a field has several columns.
        InvalidArgument: a type that takes no rows.
    """
    if into is tuple:
        return tuple
    if into is dict:
        _single(columns, columns)
        return lambda row: dict(zip(columns, row, strict=True))
    shape = _shape(into)
    return _scalar(into, columns) if shape is None else _fielded(into, shape, columns)


class _Shape(Struct, frozen=True):
    """What a type has in place of columns: fields, how each is called in a mapping, and which must be there."""

    fields: dict[str, str]
    required: tuple[str, ...]
    listed: bool
    closed: bool


def _shape(into: Any) -> _Shape | None:
    """Return the fields of a type; `None` for one that has none."""
    from msgspec.inspect import type_info  # who reads plain rows does not need it

    try:
        info: Any = type_info(into)
    except TypeError:
        raise InvalidArgument(f"{_named(into)} is no type that a row can become") from None
    if not hasattr(info, "fields"):
        return None
    fields = {field.name: field.encode_name for field in info.fields}
    required = tuple(field.name for field in info.fields if field.required)
    listed = type(info).__name__ == "NamedTupleType" or getattr(info, "array_like", False)
    return _Shape(fields, required, listed, getattr(info, "forbid_unknown_fields", False))


def _fielded(into: Any, shape: _Shape, columns: tuple[str, ...]) -> Callable[[Sequence[Any]], Any]:
    _single([name for name in shape.fields if name in columns], columns)
    for name in shape.required:
        if name not in columns:
            fix = "select it, or give the field a default"
            raise DecodeError(f"{_named(into)} needs {name}, and the rows have no such column", column=name, fix=fix)
    from arlen_data.shortcuts import shortcut  # who reads plain rows does not need it

    convert = _converter(into, {encoded: name for name, encoded in shape.fields.items()})
    if shape.listed or (shape.closed and any(name not in shape.fields for name in columns)):
        return _picked(convert, shape, columns)
    names = tuple(shape.fields.get(name, name) for name in columns)
    return shortcut(into, columns, lambda row: convert(dict(zip(names, row, strict=True))))


def _picked(convert: Callable[[Any], Any], shape: _Shape, columns: tuple[str, ...]) -> Callable[[Sequence[Any]], Any]:
    """Read those columns alone that are fields, and in the order of the fields."""
    places = [(encoded, columns.index(name)) for name, encoded in shape.fields.items() if name in columns]
    if not shape.listed:
        return lambda row: convert({name: tuple(row)[place] for name, place in places})
    if list(shape.fields)[: len(places)] != [columns[place] for _, place in places]:
        raise InvalidArgument("the rows have no column for a field before others", fix="select it too")
    return lambda row: convert([tuple(row)[place] for _, place in places])


def _scalar(into: Any, columns: tuple[str, ...]) -> Callable[[Sequence[Any]], Any]:
    if len(columns) != 1:
        fix = "use a Struct, a dataclass, a TypedDict or dict"
        raise InvalidArgument(f"{_named(into)} does not take a row of {len(columns)} columns", fix=fix)
    convert = _converter(into, {}, columns[0])
    return lambda row: convert(row[0])


def _converter(into: Any, names: dict[str, str], only: str = "") -> Callable[[Any], Any]:
    """Return what converts; `names` are the columns by what they are called in a mapping, or `only` is the column."""

    def convert(value: Any) -> Any:
        try:
            return msgspec.convert(value, into, strict=False)
        except msgspec.ValidationError as error:
            text, _, path = str(error).partition(" - at `$")
            found = _FIRST.match(path)
            column = only or (names.get(found[1], found[1]) if found else "")
        where = f" in the column {column}" if column else ""
        raise DecodeError(f"a row does not fit {_named(into)}{where}: {_QUOTED.sub('', text)}", column=column)

    return convert


def _single(names: Iterable[str], columns: tuple[str, ...]) -> None:
    for name in names:
        if columns.count(name) > 1:
            raise AmbiguousColumn(f"the rows have several columns {name!r}", fix="use an alias in the SQL")


def _named(into: Any) -> str:
    return getattr(into, "__name__", None) or str(into)


_FIRST = re.compile(r"\.([^.\[`]+)")
_QUOTED = re.compile(r"(?<=^Invalid enum value) .*", re.DOTALL)  # the value itself, which no message tells

"""Rows: tuples that know their columns, so that two columns of one name lose nothing."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, ClassVar

from arlen_data.errors import AmbiguousColumn, UndefinedColumn

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["Row", "shape"]

_TWICE = -1


class Row(tuple[Any, ...]):
    """One row: a tuple; also by name, `row["email"]`, and by attribute, `row.email`. `dict(row)` makes a mapping.

    A name that several columns have raises `AmbiguousColumn`, an unknown one `UndefinedColumn`. A column that is called
    `keys`, or begins with an underscore, is no attribute; it is there by name.

    >>> row = shape(("id", "email", "id"))((7, "ada@x", 8))
    >>> row[0], row["email"], row.email, row.keys()
    (7, 'ada@x', 'ada@x', ('id', 'email', 'id'))
    >>> row == (7, "ada@x", 8)
    True
    """

    __slots__ = ()
    _columns: ClassVar[tuple[str, ...]] = ()
    _places: ClassVar[dict[str, int]] = {}

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, str):
            return tuple.__getitem__(self, self._place(key))
        return tuple.__getitem__(self, key)

    def keys(self) -> tuple[str, ...]:
        """Return the names of the columns in their order, those that occur twice too."""
        return self._columns

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        try:
            return tuple.__getitem__(self, self._place(name))
        except UndefinedColumn as error:
            raise AttributeError(str(error)) from None

    def __repr__(self) -> str:
        pairs = (f"{name}={value!r}" for name, value in zip(self._columns, self, strict=True))
        return f"Row({', '.join(pairs)})"

    def __reduce__(self) -> tuple[Callable[..., Row], tuple[tuple[str, ...], tuple[Any, ...]]]:
        return _rebuild, (self._columns, tuple(self))

    @classmethod
    def _place(cls, name: str) -> int:
        place = cls._places.get(name)
        if place is None:
            raise UndefinedColumn(f"the row has no column {name!r}; it has {', '.join(cls._columns)}")
        if place == _TWICE:
            raise AmbiguousColumn(f"the row has several columns {name!r}", fix="use the index, or an alias in the SQL")
        return place


@lru_cache(maxsize=1024)
def shape(columns: tuple[str, ...]) -> Callable[[Sequence[Any]], Row]:
    """Return what makes rows of these columns from sequences of values; adapters call it once for a statement.

    >>> shape(("count",))([3]).count
    3
    """
    places: dict[str, int] = {}
    for place, name in enumerate(columns):
        places[name] = _TWICE if name in places else place
    members = {name: _reader(name, place) for name, place in places.items() if name != "keys" and name[:1] != "_"}
    spaces = {"__slots__": (), "__module__": Row.__module__, "_columns": columns, "_places": places}
    return type("Row", (Row,), members | spaces)


def _reader(name: str, place: int) -> property:
    if place == _TWICE:
        return property(lambda row: row[name])
    return property(lambda row: tuple.__getitem__(row, place))


def _rebuild(columns: tuple[str, ...], values: tuple[Any, ...]) -> Row:
    return shape(columns)(values)

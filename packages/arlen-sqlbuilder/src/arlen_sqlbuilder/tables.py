"""Tables: classes with typed columns, or just a name."""

from __future__ import annotations

from types import MethodType
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn, Self, TypeVar, overload

from arlen_sqlbuilder.dialects import check_name
from arlen_sqlbuilder.errors import refuse
from arlen_sqlbuilder.expressions import Expr, Order, and_
from arlen_sqlbuilder.sources import Column, Columns, Ref

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    either = classmethod
else:

    class either:  # noqa: N801
        """A method of the class and of its aliases."""

        def __init__(self, function: Callable[..., Any]) -> None:
            self.function = function
            self.__doc__ = function.__doc__

        def __get__(self, instance: object, owner: type) -> MethodType:
            return MethodType(self.function, owner if instance is None else instance)


__all__ = ["Table", "column"]

T = TypeVar("T")


@overload
def column(type_: type[T], *, name: str | None = None) -> Column[T]: ...
@overload
def column(type_: object = None, *, name: str | None = None) -> Column[Any]: ...
def column(type_: object = None, *, name: str | None = None) -> Column[Any]:
    """Declare a column in the class of a table.

    Args:
        type_: the Python type of its values, for type checkers; nothing is checked or converted at run time.
        name: its name in the database, when that is not the attribute's.
    """
    return Column("", name if name is None else check_name(name), type_, None)


class Table:
    """A table. Subclass it to declare columns, or make one by name when any column may be right.

    Args:
        name: the name; it is quoted as it is, dots included.
        schema: the schema.

    >>> from arlen_sqlbuilder import column, select
    >>> class Users(Table, name="users", schema="app"):
    ...     id = column(int)
    ...     email = column(str)
    >>> u = Users.as_("u")
    >>> print(select(u.id, u.email))
    SELECT "id", "email" FROM "app"."users" AS "u"
    >>> print(select(Table("log").c.line))
    SELECT "line" FROM "log"
    """

    __source__: Ref
    __known__: ClassVar[dict[str, Column[Any]] | None] = None
    c: Columns

    def __init_subclass__(cls, *, name: str | None = None, schema: str | None = None, **rest: Any) -> None:
        super().__init_subclass__(**rest)
        found = {key: value for base in reversed(cls.__mro__) for key, value in vars(base).items()}
        declared = {key: _free(key, value) for key, value in found.items() if isinstance(value, Column)}
        if name is not None:
            cls.__source__ = _ref(name, schema, None)
            cls.__known__ = _bound(cls.__source__, declared)
            cls.c = Columns(cls.__source__, cls.__known__)
            for key, value in cls.__known__.items():
                setattr(cls, key, value)

    def __init__(self, name: str, *, schema: str | None = None) -> None:
        if type(self) is not Table:
            refuse("a declared table is used as its class: write as_() for an alias")
        self.__open__(_ref(name, schema, None))

    def __open__(self, ref: Ref) -> None:
        columns = None if self.__known__ is None else _bound(ref, self.__known__)
        self.__dict__.update(columns or {}, __source__=ref, c=Columns(ref, columns))

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError("a table does not change")

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Column[Any]:
            if name.startswith("__"):
                raise AttributeError(name)
            return self.c[name]

    @either
    def as_(cls, alias: str) -> Self:  # noqa: N805
        """Return the table under another name, with the same columns."""
        name, schema, _ = cls.__source__.__parts__
        owner: Any = cls
        found: Self = object.__new__(owner if isinstance(owner, type) else type(owner))
        found.__open__(_ref(name, schema, check_name(alias)))
        return found

    @either
    def match(cls, values: Mapping[str, Any]) -> Expr[bool]:  # noqa: N805
        """Return the condition that columns equal values; None is IS NULL, a list or mapping is one value.

        Args:
            values: a value for each column by name; invalid_identifier when the table has no such column.
        """
        return and_(*[cls.c[name] == values[name] for name in sorted(values)])

    @either
    def sort(cls, wanted: str, *, allow: Collection[str]) -> tuple[Order, ...]:  # noqa: N805
        """Return the terms of ORDER BY that a caller has chosen.

        Args:
            wanted: names of columns, with commas between them; a minus before a name sorts it downwards.
            allow: the names that may be used; another one raises invalid_identifier, before there is any SQL.
        """
        if isinstance(allow, str):
            refuse("allow is a list of names, and a text has parts that are none: give a list")
        return tuple([_term(cls.c, word.strip(), allow) for word in str(wanted).split(",")])


def _ref(name: str, schema: str | None, alias: str | None) -> Ref:
    return Ref(check_name(name), schema if schema is None else check_name(schema), alias)


def _free(key: str, value: Column[Any]) -> Column[Any]:
    if key in {"as_", "c", "match", "sort"}:
        reason = f"the attribute {key} belongs to every table: call it {key}_ and say name={key!r}"
        refuse(reason, "invalid_identifier", identifier=key)
    return value


def _bound(ref: Ref, declared: Mapping[str, Column[Any]]) -> dict[str, Column[Any]]:
    label = ref.label
    return {key: Column(label, old.__parts__[1] or key, old.__parts__[2], ref) for key, old in declared.items()}


def _term(columns: Columns, word: str, allow: Collection[str]) -> Order:
    name = word.removeprefix("-")
    if name not in allow:
        reason = f"the rows cannot be sorted by that: choose among {', '.join(sorted(allow))}"
        refuse(reason, "invalid_identifier", identifier=name)
    return columns[name].desc() if word.startswith("-") else columns[name].asc()

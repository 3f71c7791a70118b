"""Codecs: Python's values as PostgreSQL's, and back, by psycopg's adapters with our choices on top."""

from __future__ import annotations

import json
from datetime import timedelta
from decimal import Decimal
from enum import Enum
from struct import Struct
from typing import TYPE_CHECKING, Any

import msgspec
import psycopg
from psycopg import adapters as defaults
from psycopg.adapt import AdaptersMap, Dumper, PyFormat, RecursiveDumper, Transformer
from psycopg.pq import Format
from psycopg.types.array import ListDumper
from psycopg.types.datetime import IntervalLoader
from psycopg.types.numeric import Int8BinaryDumper, Int8Dumper
from psycopg.types.string import TextLoader

from arlen_data.errors import DataError, DecodeError, InvalidArgument
from arlen_data.rows import Row, shape
from arlen_data.values import Array, Json

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from psycopg.abc import AdaptContext, Buffer
    from psycopg.pq.abc import PGresult

__all__ = ["Codec", "columns", "maker", "misfit", "refusal"]

_JSONB = 3802
_TEXTS = 1009  # text[]
_MOST = 65_535  # parameters of one statement: the protocol counts them in 16 bits
_AUTO = [[PyFormat.AUTO] * count for count in range(33)]
_AS_TEXT = (
    *(f"{name}range" for name in ("int4", "int8", "num", "date", "ts", "tstz")),
    *(f"{name}multirange" for name in ("int4", "int8", "num", "date", "ts", "tstz")),
    "record",
)


class _JsonDumper(Dumper):
    oid = _JSONB

    def dump(self, obj: Any) -> Buffer | None:
        value = obj.value if type(obj) is Json else obj
        try:
            text = json.dumps(value, default=msgspec.to_builtins, ensure_ascii=False, allow_nan=False)
            return text.encode()
        except (TypeError, ValueError, RecursionError) as error:
            raise DataError(f"a value cannot be written as JSON: {type(error).__name__}", sqlstate="22032") from None


class _JsonBinary(_JsonDumper):
    """For `copy_in`, which asks by the column's type."""

    oid = 114
    format = Format.BINARY


class _JsonbBinary(_JsonDumper):
    """The same, after a version number."""

    format = Format.BINARY

    def dump(self, obj: Any) -> Buffer | None:
        return b"\x01" + bytes(super().dump(obj) or b"")


def _packed(number: int, form: str) -> type[Dumper]:
    """Return the dumper of a type for `copy_in`: psycopg's own cuts off what is out of range, this one refuses."""
    pack = staticmethod(Struct(form).pack)
    return type("Packed", (Dumper,), {"oid": number, "format": Format.BINARY, "dump": pack})


class _EnumDumper(Dumper):
    """An enumeration's member goes as its value: `into` reads it back by value."""

    def dump(self, obj: Any) -> Buffer | None:
        return str(obj.value).encode()


class _IntervalLoader(IntervalLoader):
    """A month is no number of days, and there is no infinite timedelta."""

    def __init__(self, oid: int, context: AdaptContext | None = None) -> None:
        super().__init__(oid, context)
        self._parse = self._load_postgres  # every session of ours has that style

    def load(self, data: Buffer) -> timedelta:
        text = bytes(data)
        if b"mon" in text or b"year" in text or b"inf" in text:
            raise psycopg.DataError("not a number of days")
        return self._parse(self, text)


class _ArrayDumper(RecursiveDumper):
    def get_key(self, obj: Any, format: PyFormat) -> Any:
        return (Array, obj.type or type(_leaf(obj.value)))

    def upgrade(self, obj: Any, format: PyFormat) -> _ArrayDumper:
        made = type(self)(self.cls, self._tx)
        made.oid = self._number(obj)
        return made

    def dump(self, obj: Any) -> Buffer | None:
        return ListDumper(list, self._tx).upgrade(obj.value, PyFormat.TEXT).dump(obj.value)

    def _number(self, obj: Array) -> int:
        types = self._tx.adapters.types
        if obj.type:
            known = types.get(obj.type)
            return known.array_oid if known is not None else 0
        leaf = _leaf(obj.value)
        if leaf is None:
            return 0
        element = types.get(self._tx.get_dumper(leaf, PyFormat.TEXT).oid)
        return element.array_oid if element is not None else _TEXTS


_PACKED: list[type[Dumper]] = [
    _packed(21, "!h"),
    _packed(23, "!i"),
    _packed(26, "!I"),
    _packed(700, "!f"),
]  # int2, int4, oid, float4


class Codec:
    """The types of one database; psycopg takes it as the context of its adapters.

    Attributes:
        adapters: psycopg's map of dumpers and loaders, for types of one's own; change it before `open`.
    """

    connection = None  # nothing here depends on a session: text arrives in ISO, timestamps with their offset

    def __init__(self) -> None:
        self.adapters = AdaptersMap(defaults)
        for dumper in (Int8Dumper, Int8BinaryDumper):  # one type for every int: else each size is a statement
            self.adapters.register_dumper(int, dumper)
        for kind in (Json, dict, list):
            self.adapters.register_dumper(kind, _JsonDumper)
        exact: list[type[Dumper]] = [*_PACKED, _JsonBinary, _JsonbBinary]
        for binary in exact:
            self.adapters.register_dumper(None, binary)
        self.adapters.register_dumper(Array, _ArrayDumper)
        self.adapters.register_dumper(Enum, _EnumDumper)
        self.adapters.register_loader("interval", _IntervalLoader)
        for name in _AS_TEXT:
            self.adapters.register_loader(name, TextLoader)
        self.tx = Transformer(self)

    def dump(self, params: Sequence[Any]) -> tuple[Sequence[Any], Sequence[int], Sequence[int]]:
        """Return the values as they are sent, the number of each type, and the format of each.

        Raises:
            DataError: for a value that no type of PostgreSQL holds.
            InvalidArgument: for a type that there is no dumper for, and for too many parameters.
        """
        if not params:
            return (), (), ()
        tx, count = self.tx, len(params)
        try:
            values = tx.dump_sequence(params, _AUTO[count] if count < 33 else [PyFormat.AUTO] * count)
        except Exception as error:  # noqa: BLE001  # a dumper raises what it likes
            if count > _MOST:
                raise InvalidArgument(f"a statement has at most {_MOST} parameters, not {count}") from None
            return self._again(params, error)
        if count > _MOST:
            raise InvalidArgument(f"a statement has at most {_MOST} parameters, not {count}")
        return values, tx.types, tx.formats  # type: ignore[return-value]  # set by dump_sequence

    def _again(self, params: Sequence[Any], error: Exception) -> tuple[Sequence[Any], Sequence[int], Sequence[int]]:
        """Integers that no int8 holds go as numeric; whatever else failed is told."""
        wide = self.widened(params)
        if isinstance(error, OverflowError) and wide is not params:
            return self.dump(wide)
        for place, value in enumerate(params, 1):
            try:
                self.tx.dump_sequence([value], _AUTO[1])
            except Exception as cause:  # noqa: BLE001  # see above
                raise refusal(f"${place}", value, cause) from None
        raise refusal("a parameter", None, error) from None

    @staticmethod
    def widened(params: Sequence[Any]) -> Sequence[Any]:
        """Return the parameters, integers that no int8 holds as decimals."""
        wide = [Decimal(each) if type(each) is int and not -(2**63) <= each < 2**63 else each for each in params]
        return wide if any(new is not old for new, old in zip(wide, params, strict=True)) else params

    def load(self, result: PGresult, make: Any) -> list[Row]:
        """Return the rows of a result; `DecodeError` names the column that Python cannot hold."""
        return self.part(result, make, 0, result.ntuples)

    def part(self, result: PGresult, make: Any, start: int, end: int) -> list[Row]:
        """Return some of the rows of a result."""
        self.tx.set_pgresult(result)
        try:
            return self.tx.load_rows(start, end, make)
        except Exception as error:  # noqa: BLE001  # so does a loader
            raise self.unreadable(result) from _bare(error)

    def unreadable(self, result: PGresult) -> DecodeError:
        """Return the error of a result that cannot be read, which names the column."""
        for column in range(result.nfields):
            number = result.ftype(column)
            load = self.tx.get_loader(number, result.fformat(column)).load  # type: ignore[arg-type]
            for row in range(result.ntuples):
                data = result.get_value(row, column)
                try:
                    if data is not None:
                        load(data)
                except Exception:  # noqa: BLE001  # see above
                    return self._naming(result, column, number)
        return DecodeError("a row cannot be read")

    def _naming(self, result: PGresult, column: int, number: int) -> DecodeError:
        name, known = (result.fname(column) or b"").decode(), self.adapters.types.get(number)
        kind = known.name if known is not None else str(number)
        fix = f'select it as text ("{name}"::text), or leave such values out'
        message = f"column {name!r} ({kind}) holds a value that Python's type cannot hold"
        return DecodeError(message, sqlstate="22008", column=name, datatype=kind, fix=fix)


def columns(result: PGresult) -> tuple[str, ...]:
    """Return the names of the columns of a result."""
    return tuple([(result.fname(each) or b"").decode() for each in range(result.nfields)])


def maker(names: tuple[str, ...]) -> Callable[[Sequence[Any]], Row]:
    """Return what makes rows."""
    return shape(names)


def refusal(where: str, value: Any, error: Exception) -> DataError | InvalidArgument:
    """Return our error for a parameter that could not be dumped; the value is not in it."""
    kind = type(value).__name__
    if isinstance(error, (DataError, InvalidArgument)):
        return error
    if isinstance(error, psycopg.DataError) and "NUL" in str(error):
        return DataError(f"{where} has a NUL character, which no text of PostgreSQL holds", sqlstate="22021")
    if isinstance(error, UnicodeEncodeError):
        return DataError(f"{where} has a lone surrogate, which is no Unicode text", sqlstate="22021")
    if isinstance(error, (psycopg.DataError, OverflowError, ValueError)):
        return DataError(f"{where}, of type {kind}, does not fit a type of PostgreSQL", sqlstate="22000")
    fix = "convert it first, wrap it in Json or Array, or register a dumper in `adapters`"
    return InvalidArgument(f"{where} is of type {kind}, which has no counterpart in PostgreSQL", fix=fix)


def misfit(number: int, error: Exception) -> DataError:
    """Return our error for a row of `copy_in` that could not be dumped; no value is in it."""
    if isinstance(error, psycopg.DataError) and "NUL" in str(error):
        return DataError(f"row {number} has a NUL character, which no text of PostgreSQL holds", sqlstate="22021")
    fix = "give as many values as there are columns, of their types and in their ranges"
    return DataError(f"row {number} does not fit its columns", sqlstate="22000", fix=fix)


def _leaf(value: Any) -> Any:
    """Return the first element that is no list and not NULL."""
    if not isinstance(value, list):
        return value
    return next((found for found in map(_leaf, value) if found is not None), None)


def _bare(error: Exception) -> Exception:
    """Take the value out of an exception that is going to be a cause."""
    error.args = ("the value is not shown",)
    return error.with_traceback(None)

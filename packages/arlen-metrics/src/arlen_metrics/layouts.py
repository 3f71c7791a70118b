"""Layouts: how a process writes down its series, so that every other one can read them at any moment.

A file is a header and records. The header is a mark of eight bytes, how many bytes are used, and zeros up to 64. A
record is the length of its key and the number of its cells (four bytes each), the key, padded to eight bytes, and the
cells, doubles. Everything is aligned to eight bytes, records are only added, and `used` is written last: whoever reads
`used` bytes sees whole records. A key is JSON: a declaration, or the number of a declaration in this file and the
values of the labels.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from typing import Annotated

import msgspec

from arlen_core.meters import Declaration
from arlen_metrics.totals import Row, Totals, Values, sound, width

__all__ = ["DAMAGED", "HEADER", "MARK", "Layout", "declared", "record", "series", "size"]

MARK = b"arlenM1\n"
"""The first bytes of a file: another version has others."""

DAMAGED = (ValueError, IndexError, TypeError, RecursionError, struct.error, msgspec.MsgspecError)
"""What `Layout` raises for a file that nobody can have written like that."""

HEADER = 64
"""Bytes before the first record."""

_lengths = struct.Struct("=II")
_encode = msgspec.json.Encoder().encode
_declaration = msgspec.json.Decoder(Declaration).decode
_key = msgspec.json.Decoder(tuple[Annotated[int, msgspec.Meta(ge=0)], Values]).decode
_name = re.compile(r"[a-z][a-z0-9_.]*").fullmatch


def declared(declaration: Declaration) -> bytes:
    """Return the key of a declaration."""
    return _encode(declaration)


def series(number: int, values: Values) -> bytes:
    """Return the key of a series: `number` counts the declarations of the file, from 0.

    >>> series(2, ("GET", "/"))
    b'[2,["GET","/"]]'
    """
    return _encode((number, values))


def size(key: bytes, cells: int) -> int:
    """Return how many bytes a record takes."""
    return 8 + (len(key) + 7 & ~7) + 8 * cells


def record(key: bytes, cells: int) -> bytes:
    """Return the beginning of a record, up to its cells."""
    return _lengths.pack(len(key), cells) + key + bytes(-len(key) % 8)


class Layout:
    """What is where in one file; `read` goes on where the last one ended, for records do not move."""

    def __init__(self) -> None:
        self._at = HEADER
        self._families: list[tuple[Declaration, list[tuple[Values, int, int]]]] = []

    def read(self, data: memoryview[int]) -> None:
        """Read the records that have come since the last time; `data` are the used bytes."""
        while self._at < len(data):
            length, cells = _lengths.unpack_from(data, self._at)
            if not length:
                break  # not here yet
            start = self._at + 8
            at = start + (length + 7 & ~7)
            if at + 8 * cells > len(data):
                raise ValueError("the record ends behind the end")
            self._take(bytes(data[start : start + length]), at, cells)
            self._at = at + 8 * cells

    def add(self, data: memoryview[int], totals: Totals, *, alive: bool) -> None:
        """Add the series to `totals`, all or none of them; the gauges of the dead are left out."""
        taken = [each for each in self._families if alive or each[0].kind != "gauge"]
        with data.cast("d") as cells:
            found = [(declaration, list(_rows(declaration, cells, rows))) for declaration, rows in taken]
        for declaration, counted in found:
            totals.add(declaration, counted)

    def _take(self, key: bytes, at: int, cells: int) -> None:
        if key.startswith(b"{"):
            made = _declaration(key)
            if not all(map(_name, (made.name, *made.labels))):
                raise ValueError(f"{made.name!r} is no metric")
            self._families.append((made, []))
            return
        number, values = _key(key)
        declaration, rows = self._families[number]
        if cells != width(declaration):
            raise ValueError(f"{cells} cells are no series of {declaration.name}")
        rows.append((values, at // 8, cells))


def _rows(declaration: Declaration, cells: memoryview[float], rows: list[tuple[Values, int, int]]) -> Iterator[Row]:
    for values, at, count in rows:
        found = [cells[at]] if count == 1 else list(cells[at : at + count])
        if not sound(declaration, values, found):
            raise ValueError(f"nobody counts {found} as {declaration.name}")
        yield values, found

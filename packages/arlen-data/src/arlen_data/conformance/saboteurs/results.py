"""Databases that lose something of a result."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from arlen_data.conformance.wrapped import Wrapped, caught_by, result
from arlen_data.results import Result

__all__ = ["FirstRow", "LiteralParameters", "LostDoubles", "NoCounts", "NoReturns", "Optimists"]


@caught_by("test_ro01_columns_keep_order_and_doubles")
class LostDoubles(Wrapped):
    """Of two columns of one name, the last one stays."""

    about = "3 as a"

    def got(self, sql: str, found: Result) -> Result:
        """Go through a dict."""
        rows = [dict(zip(found.columns, row, strict=True)) for row in found.rows]
        return result(tuple(rows[0]), *(tuple(row.values()) for row in rows), affected=found.affected)


@caught_by("test_ro02_one_row_means_one")
class FirstRow(Wrapped):
    """One row means the first of several."""

    about = "ro02"

    def got(self, sql: str, found: Result) -> Result:
        """Lose the others."""
        return Result(found.columns, found.rows[:1], found.affected)


@caught_by("test_ro03_affected_rows")
class NoCounts(Wrapped):
    """Nobody counts what an update changed."""

    about = "update ro03"

    def got(self, sql: str, found: Result) -> Result:
        """Do not know."""
        return Result(found.columns, found.rows, -1)


@caught_by("test_ro03_returning")
class NoReturns(Wrapped):
    """A statement that returns rows affects none."""

    about = "ro03_returning"

    def got(self, sql: str, found: Result) -> Result:
        """Forget the count."""
        return Result(found.columns, found.rows, 0)


@caught_by("test_ro03_upsert")
class Optimists(Wrapped):
    """A row that was left alone counts as inserted."""

    about = "ro03_upsert"

    def got(self, sql: str, found: Result) -> Result:
        """Count it."""
        return Result(found.columns, found.rows, max(found.affected, 1))


@caught_by("test_ro03_parameters_by_number")
class LiteralParameters(Wrapped):
    """What looks like a parameter in a literal is taken for one."""

    about = "ro03_parameters"

    def sent(self, sql: str, params: Sequence[Any]) -> tuple[str, Sequence[Any]]:
        """Replace it."""
        return sql.replace("'$1'", "'one'"), params

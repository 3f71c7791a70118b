"""Errors: what is wrong with a statement, as a code that programs read and a message that says what to do."""

from __future__ import annotations

from typing import NoReturn

__all__ = ["SQLBuilderError", "UnsafeStatement", "UnsupportedFeature", "refuse"]


class SQLBuilderError(ValueError):
    """A statement cannot be built or compiled. The message names the reason and the fix; it never quotes a value.

    Args:
        message: the reason and the fix.
        code: one of invalid_argument, invalid_identifier, unsupported_operator, compile_failed, unsupported_feature,
            unsafe_statement and too_many_parameters.
        about: `identifier`, the name that was refused; `dialect`, the one that refused; `feature`, what it lacks.

    >>> from arlen_sqlbuilder import Table
    >>> try:
    ...     Table("")
    ... except SQLBuilderError as error:
    ...     print(error.code)
    invalid_identifier
    """

    def __init__(self, message: str, *, code: str = "invalid_argument", **about: str) -> None:
        super().__init__(message)
        self.code = code
        self.identifier = about.get("identifier")
        self.dialect = about.get("dialect")
        self.feature = about.get("feature")


class UnsupportedFeature(SQLBuilderError):
    """The dialect has no such construct, at whatever depth it was found; `feature` names it."""

    def __init__(self, dialect: str, feature: str) -> None:
        message = f"{dialect} does not support {feature}: leave it out for {dialect}, or write that part with sql()"
        super().__init__(message, code="unsupported_feature", dialect=dialect, feature=feature)


class UnsafeStatement(SQLBuilderError):
    """An UPDATE or DELETE would change every row, and nobody said that it should."""

    def __init__(self, verb: str) -> None:
        message = f"{verb} without a condition would touch every row: add where(), or say all_rows() to mean it"
        super().__init__(message, code="unsafe_statement")


def refuse(message: str, code: str = "invalid_argument", **about: str) -> NoReturn:
    """Raise a `SQLBuilderError`."""
    raise SQLBuilderError(message, code=code, **about)

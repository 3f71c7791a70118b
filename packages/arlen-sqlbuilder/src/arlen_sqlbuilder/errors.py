"""Errors: what is wrong with a statement, as a code that programs read and a message that says what to do."""

from __future__ import annotations

__all__ = ["SQLBuilderError", "UnsafeStatement", "UnsupportedFeature"]


class SQLBuilderError(ValueError):
    """A statement cannot be built or compiled. The message names the reason and the fix; it never quotes a value.

    Args:
        message: the reason and the fix.
        code: one of invalid_argument, invalid_identifier, unsupported_operator, compile_failed, unsupported_feature,
            unsafe_statement and too_many_parameters.
        identifier: the name that was refused, when it is about a name.
        dialect: the dialect that refused, when only that one does.
        feature: the feature that the dialect does not have.

    >>> from arlen_sqlbuilder import Table
    >>> try:
    ...     Table("")
    ... except SQLBuilderError as error:
    ...     print(error.code)
    invalid_identifier
    """

    def __init__(
        self,
        message: str,
        *,
        code: str = "invalid_argument",
        identifier: str | None = None,
        dialect: str | None = None,
        feature: str | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.identifier = identifier
        self.dialect = dialect
        self.feature = feature


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

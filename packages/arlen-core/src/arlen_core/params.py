"""Parameters: the markers of a handler's signature, for what name and type alone do not say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar

from msgspec import Struct

from arlen_core.errors import ArlenError

if TYPE_CHECKING:
    from arlen_core.errors import FieldError

__all__ = ["Cookie", "Header", "Input", "Invalid"]

T = TypeVar("T")


class Header(Struct, frozen=True):
    """Take the parameter from a request header: `agent: Annotated[str, Header("user-agent")]`.

    Without a name it is the parameter's own, with `-` for `_`.
    """

    name: str = ""


class Cookie(Struct, frozen=True):
    """Take the parameter from a cookie: `theme: Annotated[str, Cookie("theme")] = "light"`."""

    name: str = ""


class Input(Generic[T]):
    """A body that may be wrong: for forms that are shown again with their errors, in place of a 422.

    Attributes:
        value: the valid `T`, or `None` when there are `errors`.
        errors: a row for each failing field.
        raw: what was sent, field by field, to fill the form again.
        kind: `T`.

    >>> from arlen_core.errors import FieldError
    >>> blank = Input(str, None, {"title": ""}, [FieldError("title", "missing", "is required")])
    >>> blank.ok, blank.error("title")
    (False, 'is required')
    """

    __slots__ = ("errors", "kind", "raw", "value")

    def __init__(
        self,
        kind: type[T],
        value: T | None = None,
        raw: dict[str, Any] | None = None,
        errors: list[FieldError] | None = None,
    ) -> None:
        self.kind = kind
        self.value = value
        self.raw: dict[str, Any] = raw or {}
        self.errors: list[FieldError] = errors or []

    @property
    def ok(self) -> bool:
        """True when there is a valid value."""
        return not self.errors

    def error(self, field: str) -> str:
        """Return the first message about `field`, or ""."""
        return next((row.message for row in self.errors if row.field == field), "")

    def valid(self) -> T:
        """Return the value; `ValueError` when there are errors."""
        if self.value is None or self.errors:
            raise ValueError("the input is not valid: look at `errors` first")
        return self.value


class Invalid(ArlenError):
    """One source of parameters failed: its rows are gathered with those of the others."""

    def __init__(self, rows: list[FieldError]) -> None:
        super().__init__(f"{len(rows)} invalid fields")
        self.rows = rows

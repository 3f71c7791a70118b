"""Errors: what a handler raises, and what stops an application from starting."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = [
    "ArlenError",
    "ConfigError",
    "Disconnected",
    "FieldError",
    "HTTPError",
    "NotFound",
    "PayloadTooLarge",
    "StartupError",
    "ValidationFailed",
    "error_type",
]


class ArlenError(Exception):
    """Base of every error that Arlen raises on purpose."""


class Disconnected(ArlenError):
    """The client went away: there is nobody to read from or to answer."""


class StartupError(ArlenError):
    """The application cannot start.

    Args:
        reason: what is wrong, naming the culprit.
        fix: what to do about it.
        code: a stable machine-readable word.

    >>> raise StartupError("two routes share the name 'home'", fix="rename one of them")
    Traceback (most recent call last):
        ...
    arlen_core.errors.StartupError: two routes share the name 'home' (fix: rename one of them)
    """

    def __init__(self, reason: str, *, fix: str = "", code: str = "startup_failed") -> None:
        super().__init__(f"{reason} (fix: {fix})" if fix else reason)
        self.reason = reason
        self.fix = fix
        self.code = code


class ConfigError(StartupError):
    """The configuration is wrong: names the file, the key, the reason and the fix."""

    def __init__(self, reason: str, *, fix: str = "", code: str = "config_invalid") -> None:
        super().__init__(reason, fix=fix, code=code)


class FieldError(Struct, frozen=True):
    """One field that failed: where it is, a stable code, and a sentence for people."""

    field: str
    code: str
    message: str


class HTTPError(ArlenError):
    """Stop the request and answer with this status, as `application/problem+json` (RFC 9457) or a page.

    Args:
        status: 400 to 599.
        detail: a sentence for the client; never anything internal.
        code: a stable machine-readable word; by default made of the status ("not_found").
        headers: extra response headers, such as `Retry-After`.
        errors: one row for each failing field.

    Raises `ValueError` for another status.

    >>> error = HTTPError(409, "that name is taken", code="name_taken")
    >>> error.status, error.code, error.title
    (409, 'name_taken', 'Conflict')
    """

    def __init__(
        self,
        status: int,
        detail: str = "",
        *,
        code: str = "",
        headers: Mapping[str, str] | None = None,
        errors: Sequence[FieldError] = (),
    ) -> None:
        super().__init__(detail or f"HTTP {status}")
        if not 400 <= status <= 599:
            raise ValueError(f"{status} is not the status of an error (400 to 599)")
        self.status = status
        self.title = _title(status)
        self.detail = detail
        self.code = code or self.title.lower().replace(" ", "_").replace("-", "_").replace("'", "")
        self.headers: dict[str, str] = dict(headers or {})
        self.errors: tuple[FieldError, ...] = tuple(errors)


class NotFound(HTTPError):
    """404: there is nothing here, or nothing that the client may know of."""

    def __init__(self, detail: str = "", **options: Any) -> None:
        super().__init__(404, detail, **options)


class PayloadTooLarge(HTTPError):
    """413: the body is larger than the limit in bytes."""

    def __init__(self, limit: int, **options: Any) -> None:
        super().__init__(413, f"the body is larger than {limit} bytes", code="payload_too_large", **options)
        self.limit = limit


class ValidationFailed(HTTPError):
    """422: the input was read but is not valid; `errors` lists every failing field."""

    def __init__(self, errors: Sequence[FieldError], detail: str = "the input is not valid") -> None:
        super().__init__(422, detail, code="validation_failed", errors=errors)


def error_type(error: BaseException) -> str:
    """Return how traces and metrics name the kind of an error, `error.type` to OpenTelemetry: with its module.

    >>> error_type(KeyError("x")), error_type(NotFound())
    ('KeyError', 'arlen_core.errors.NotFound')
    """
    kind = type(error)
    own = kind.__module__ in {"builtins", "__main__"}
    return kind.__qualname__ if own else f"{kind.__module__}.{kind.__qualname__}"


# RFC 9110 §15 has new names for these, and not every Python knows them
_renamed = {
    413: "Content Too Large",
    414: "URI Too Long",
    416: "Range Not Satisfiable",
    422: "Unprocessable Content",
}


def _title(status: int) -> str:
    if status in _renamed:
        return _renamed[status]
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Error"

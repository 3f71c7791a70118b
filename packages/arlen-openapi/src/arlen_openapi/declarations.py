"""Declarations: what a route, a guard or a middleware says about its responses, where its signature does not."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from msgspec import Struct, field

from arlen_core.errors import StartupError

__all__ = ["NOTHING", "Answer", "declare", "declared", "said"]

Function = TypeVar("Function", bound=Callable[..., Any])

NOTHING: Any = object()
"""Stands for a body that nobody declared."""


class Answer(Struct, frozen=True):
    """One response, as `responses={status: Answer(...)}` declares it.

    Attributes:
        description: when it is sent; the title of the status by default.
        body: the type of its body; `None` is no body, `View` a page. Without one, an error is a problem document, and
            any other response has no body.
        media: its media type, in place of the usual one of `body`.
        headers: names of header fields, and what they say.
        example: of the body.
    """

    description: str = ""
    body: Any = NOTHING
    media: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    example: Any = NOTHING


def declare(
    *, responses: Mapping[int, Any] | None = None, security: Sequence[Any] | None = None
) -> Callable[[Function], Function]:
    """Decorate a guard or a middleware to say what it may answer, and how clients say who they are.

    Args:
        responses: as the route option: a description, a type, or an `Answer`, by status.
        security: as the route option: names of `app.schemes`, or `{name: [scopes]}`; any one of them is enough.

    Every route behind it has these responses in its document. An object that guards may have the attributes
    `responses` and `security` itself.

    >>> @declare(responses={429: "Too many requests in a minute."})
    ... async def slowly(request, next):
    ...     return await next(request)
    >>> slowly.responses
    {429: 'Too many requests in a minute.'}
    """

    def mark(function: Function) -> Function:
        for name, value in (("responses", responses), ("security", security)):
            if value is not None:
                setattr(function, name, value)
        return function

    return mark


def declared(thing: Any, place: str) -> dict[int, list[Answer]]:
    """Return the responses that a route's options, a guard or a middleware declare, by status.

    Args:
        thing: a mapping with the key `responses`, or an object with that attribute.
        place: where it stands, for errors.

    Raises `StartupError` for what is no declaration.
    """
    found = thing.get("responses") if isinstance(thing, Mapping) else getattr(thing, "responses", None)
    if found is None:
        return {}
    if not isinstance(found, Mapping) or any(not isinstance(each, int) or not 100 <= each <= 599 for each in found):
        raise StartupError(
            f"{place}: responses={found!r} is no mapping of statuses",
            fix='write responses={404: "There is no such note."}',
            code="openapi_responses",
        )
    return {status: said(value) for status, value in found.items()}


def said(value: Any) -> list[Answer]:
    """Return a declared response as answers: of a text, a type, an `Answer`, or a list of them.

    >>> said("There is no such note.")[0].description, said(int)[0].body
    ('There is no such note.', <class 'int'>)
    """
    if isinstance(value, Answer):
        return [value]
    if isinstance(value, str):
        return [Answer(value)]
    if isinstance(value, list | tuple):
        return [each for item in value for each in said(item)]
    return [Answer(body=value)]

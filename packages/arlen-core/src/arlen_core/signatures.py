"""Signatures: the parameters of a handler, read once, with errors that name handler, parameter and fix."""

from __future__ import annotations

import inspect
from functools import partial
from typing import TYPE_CHECKING, Any, get_type_hints

from arlen_core.errors import StartupError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = ["MISSING", "place", "read", "refuse", "target"]

MISSING: Any = inspect.Parameter.empty
"""Stands for a default or an annotation that is not there."""


def target(handler: Callable[..., Any]) -> Any:
    """Return the function that runs when `handler` is called: itself, or the `__call__` of an object."""
    return handler if inspect.isroutine(handler) or isinstance(handler, partial) else type(handler).__call__


def place(handler: Any) -> str:
    """Return "module.function (file:line)" for messages."""
    found = inspect.unwrap(handler.func if isinstance(handler, partial) else handler)
    label = f"{getattr(found, '__module__', '?')}.{getattr(found, '__qualname__', type(found).__qualname__)}"
    code = getattr(found, "__code__", None)
    return f"{label} ({code.co_filename}:{code.co_firstlineno})" if code else label


def read(handler: Callable[..., Any]) -> list[tuple[inspect.Parameter, Any]]:
    """Return the parameters with their evaluated annotations.

    What a `functools.partial` has filled in is no parameter.

    Raises `StartupError` for an annotation that cannot be evaluated, for positional-only, `*` and `**` parameters, and
    for something that cannot be called.
    """
    if not callable(handler):
        raise StartupError(f"{handler!r} is no function", fix="write `async def`", code="bad_signature")
    function = target(handler)
    filled = function.keywords if isinstance(function, partial) else {}
    hints = _hints(handler, target(function.func) if isinstance(function, partial) else function)
    pairs = []
    for parameter in _parameters(handler):
        if parameter.name in filled:
            continue  # a client must not be able to change it
        if parameter.kind in {parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD, parameter.POSITIONAL_ONLY}:
            raise refuse(handler, parameter.name, "is positional-only, `*` or `**`", "name each parameter")
        pairs.append((parameter, hints.get(parameter.name, MISSING)))
    return pairs


def refuse(handler: Any, name: str, reason: str, fix: str) -> StartupError:
    """Return the error for one parameter of a handler."""
    return StartupError(f"{place(handler)}: parameter {name!r} {reason}", fix=fix, code="bad_signature")


def _hints(handler: Any, function: Any) -> dict[str, Any]:
    fix = "import it at run time (not under TYPE_CHECKING), at module level"
    try:
        return get_type_hints(function, include_extras=True)
    except NameError as error:
        reason = f"an annotation names {error.name!r}, which is not there"
    except Exception as error:  # noqa: BLE001  # whatever evaluating somebody's text raises
        reason, fix = f"an annotation cannot be read: {error}", "write a type"
    raise StartupError(f"{place(handler)}: {reason}", fix=fix, code="bad_signature")


def _parameters(handler: Any) -> Iterable[inspect.Parameter]:
    try:
        return inspect.signature(handler).parameters.values()
    except ValueError:
        reason = f"{place(handler)} does not say what parameters it has"
        raise StartupError(reason, fix="wrap it in a function of your own", code="bad_signature") from None

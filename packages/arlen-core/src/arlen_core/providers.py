"""Providers: what a service factory makes, what it needs, and how its product is opened and closed."""

from __future__ import annotations

import inspect
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Awaitable,
    Callable,
    Coroutine,
    Generator,
    Iterable,
    Iterator,
)
from contextlib import (
    AbstractAsyncContextManager,
    AbstractContextManager,
    AsyncExitStack,
    asynccontextmanager,
    contextmanager,
)
from functools import partial
from typing import Any, Literal, get_args, get_origin, get_type_hints

from msgspec import Struct

from arlen_core.deadlines import named
from arlen_core.errors import StartupError

__all__ = ["Need", "Provider", "Scope", "label", "provider"]

Scope = Literal["app", "request"]

_iterators = {AsyncGenerator, AsyncIterable, AsyncIterator, Generator, Iterable, Iterator}
_managers = {AbstractAsyncContextManager, AbstractContextManager}
_EMPTY: Any = inspect.Parameter.empty


class Need(Struct, frozen=True):
    """A parameter of a factory: its name, its type, and whether it has a default."""

    name: str
    type: Any
    optional: bool = False
    positional: bool = False


class Provider(Struct, frozen=True, eq=False):
    """One way to make one service.

    Attributes:
        type: what it makes, the key by which others ask for it.
        name: the factory, for errors.
        make: makes the product, or the context manager that gives it.
        needs: the parameters to fill.
        enters: whether what `make` gives is a context manager to open, and to close in the end.
        scope: "app", one for all; or "request", one for each request that asks for it.
        timeout: seconds that starting, and that stopping, may take; `None` is no limit.
    """

    type: Any
    name: str
    make: Callable[..., Any]
    needs: tuple[Need, ...] = ()
    enters: bool = False
    scope: Scope = "app"
    timeout: float | None = 30.0

    def __str__(self) -> str:
        return f"service {label(self.type)} ({self.name})"

    async def open(self, stack: AsyncExitStack, values: dict[str, Any]) -> Any:
        """Make the service out of its needs by name; what has to be closed goes on the stack."""
        made = self.make(
            *[values.pop(each.name) for each in self.needs if each.positional and each.name in values], **values
        )
        if not self.enters:
            return await made if inspect.isawaitable(made) else made
        if hasattr(made, "__aenter__"):
            return await stack.enter_async_context(made)
        return stack.enter_context(made)


def provider(factory: Any, type: Any = None, *, scope: Scope = "app", timeout: float | None = 30.0) -> Provider:
    """Look at a factory and say what it makes and needs.

    Args:
        factory: a function or coroutine function that returns the service; a generator function, plain or async, that
            yields it once; a class; a context manager, plain or async, or a function that is declared to return one;
            or any other object, which is the service.
        type: what it makes, when that is not what its annotation says.
        scope: see `Provider`.
        timeout: see `Provider`.

    Raises `StartupError` that names the factory, the parameter and the fix.

    >>> def greeting(name: str, mark: str = "!") -> bytes:
    ...     return f"hello {name}{mark}".encode()
    >>> made = provider(greeting)
    >>> made.type, [need.name for need in made.needs if not need.optional]
    (<class 'bytes'>, ['name'])
    """
    if scope not in get_args(Scope):
        raise StartupError(f"{named(factory)}: there is no scope {scope!r}", fix='use "app" or "request"')
    if not _is_factory(factory):
        return Provider(
            type or factory.__class__, named(factory), lambda: factory, (), _enters(factory.__class__), scope, timeout
        )
    hints = _hints(factory)
    wrapped, managed = _wrapped(factory), _managed(hints.get("return"))
    enters = wrapped is not factory or managed or (inspect.isclass(factory) and _enters(factory))
    kind = type or _made(factory, hints.get("return"))
    return Provider(
        kind, named(factory), wrapped, _needs(factory, hints), enters or _decorated(factory), scope, timeout
    )


def label(type: Any) -> str:
    """Return the short name of a type, for errors.

    >>> label(int), label(list[int])
    ('int', 'list[int]')
    """
    return type.__name__ if inspect.isclass(type) and not get_args(type) else str(type).removeprefix("typing.")


def _is_factory(factory: Any) -> bool:
    return inspect.isclass(factory) or inspect.isroutine(factory) or isinstance(factory, partial)


def _enters(kind: type) -> bool:
    return hasattr(kind, "__aenter__") or (hasattr(kind, "__enter__") and hasattr(kind, "__exit__"))


def _plain(factory: Any) -> Any:
    return factory.func if isinstance(factory, partial) else factory


def _wrapped(factory: Any) -> Callable[..., Any]:
    if inspect.isasyncgenfunction(_plain(factory)):
        return asynccontextmanager(factory)
    if inspect.isgeneratorfunction(_plain(factory)):
        return contextmanager(factory)
    return factory  # type: ignore[no-any-return]


def _decorated(factory: Any) -> bool:
    # made by contextlib's decorators: a plain function around a generator function
    inner = inspect.unwrap(_plain(factory))
    return inspect.isgeneratorfunction(inner) or inspect.isasyncgenfunction(inner)


def _managed(returned: Any) -> bool:
    return get_origin(returned) in _managers


def _hints(factory: Any) -> dict[str, Any]:
    target = _plain(factory)
    if inspect.isclass(target):
        # a Struct's fields are its parameters; its __init__ is not written in Python
        target = target.__init__ if inspect.isfunction(target.__init__) else target
    try:
        return get_type_hints(target, include_extras=True)
    except NameError as error:
        fix = "import it at run time (not under TYPE_CHECKING), at module level"
        raise StartupError(
            f"{named(factory)}: an annotation names {error.name!r}, which is not there", fix=fix
        ) from None


def _made(factory: Any, returned: Any) -> Any:
    if inspect.isclass(_plain(factory)):
        return _plain(factory)
    origin = get_origin(returned)
    if origin in _iterators | _managers and (_decorated(factory) or origin in _managers):
        return get_args(returned)[0]
    if origin in {Awaitable, Coroutine}:
        return get_args(returned)[-1]
    if returned in {None, Any, type(None)}:
        fix = f"write it, such as `-> {_plain(factory).__name__.title()}`, or pass type="
        raise StartupError(f"{named(factory)} does not say what it makes: it has no return annotation", fix=fix)
    return returned


def _needs(factory: Any, hints: dict[str, Any]) -> tuple[Need, ...]:
    needs = []
    for parameter in inspect.signature(factory).parameters.values():
        if parameter.kind in {parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD}:
            continue
        optional = parameter.default is not _EMPTY
        if parameter.name not in hints and not optional:
            raise StartupError(
                f"{named(factory)}: parameter {parameter.name!r} has no annotation",
                fix="write the type of the service it needs",
            )
        positional = parameter.kind is parameter.POSITIONAL_ONLY
        needs.append(Need(parameter.name, hints.get(parameter.name), optional, positional))
    return tuple(needs)

"""Hooks: named moments in the life of an application and of a request, in a documented order."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from difflib import get_close_matches
from inspect import isawaitable, iscoroutinefunction
from typing import Any

from msgspec import Struct

from arlen_core.errors import StartupError

__all__ = ["HOOKS", "Hook", "Hooks"]

Function = Callable[..., Any]
Runner = Callable[..., Awaitable[Any]]


class Hook(Struct, frozen=True):
    """One moment.

    Attributes:
        name: what to register under.
        takes: the arguments that the functions get.
        help: when it happens.
        kind: "notify" ignores what the functions return; "first" stops at the first that returns something, which
            is the answer; "pipe" hands the response on, and a function may return another one in its place.
        reverse: the function that was registered last runs first, so that pairs nest.
    """

    name: str
    takes: str
    help: str
    kind: str = "notify"
    reverse: bool = False


HOOKS: tuple[Hook, ...] = (
    Hook("will_start", "app", "before the services start"),
    Hook("did_start", "app", "when everything has started"),
    Hook("before_request", "request", "first of all; a response answers at once", kind="first"),
    Hook(
        "after_match",
        "request",
        "when the route is known, before middleware and guards; a response answers",
        kind="first",
    ),
    Hook("before_action", "request", "just before the handler; a response answers in its place", kind="first"),
    Hook("after_action", "request, response", "just after the handler", kind="pipe", reverse=True),
    Hook("error", "request, error", "when a request failed, before the error becomes a response"),
    Hook(
        "before_response",
        "request, response",
        "on every response, errors included: the finaliser",
        kind="pipe",
        reverse=True,
    ),
    Hook("after_response", "request, response", "when the last byte was sent or sending failed", reverse=True),
    Hook("will_stop", "app", "before the services stop, after a complete start only", reverse=True),
    Hook("did_stop", "app", "when everything has stopped, also after a start that failed", reverse=True),
)
_known = {hook.name: hook for hook in HOOKS}


class Hooks:
    """The functions registered for each moment.

    They run in the order in which they were registered; for the second half of a pair in reverse order. Each may be
    a plain function, which runs on the event loop and so must not block, or a coroutine function.

    ```python
    import anyio
    from arlen_core.hooks import Hooks

    hooks, seen = Hooks(), []


    @hooks.on("did_start")
    async def greet(app: object) -> None:
        seen.append(f"hello {app}")


    anyio.run(hooks.run, "did_start", "board")
    assert seen == ["hello board"]
    ```
    """

    def __init__(self) -> None:
        self._functions: dict[str, list[Function]] = {}

    def on(self, name: str) -> Callable[[Function], Function]:
        """Decorate a function to register it; `StartupError` for a name that does not exist."""
        return lambda function: self.add(name, function)

    def add(self, name: str, function: Function) -> Function:
        """Register a function and return it; `StartupError` for a name that does not exist."""
        _hook(name)
        self._functions.setdefault(name, []).append(function)
        return function

    def functions(self, name: str) -> tuple[Function, ...]:
        """Return the functions of that moment, in the order in which they run."""
        hook, functions = _hook(name), self._functions.get(name, [])
        return tuple(reversed(functions) if hook.reverse else functions)

    def runner(self, name: str) -> Runner | None:
        """Return one coroutine function that runs them all, or `None` when there are none: then it costs nothing."""
        functions = self.functions(name)
        return _RUNNERS[_hook(name).kind](functions) if functions else None

    async def run(self, name: str, *args: Any) -> Any:
        """Run them; returns what the moment's kind says."""
        runner = self.runner(name)
        if runner is not None:
            return await runner(*args)
        return args[-1] if _hook(name).kind == "pipe" else None

    def sender(self, name: str, spawn: Callable[..., object]) -> Callable[..., None] | None:
        """Return a plain function that runs plain functions at once and gives coroutine functions to `spawn`.

        `None` when there are none. For moments that cannot wait, such as `after_response`.
        """
        functions = self.functions(name)
        return _sender(functions, spawn) if functions else None


def _hook(name: str) -> Hook:
    hook = _known.get(name)
    if hook is None:
        near = get_close_matches(name, _known, 1)
        fix = f"did you mean {near[0]!r}?" if near else f"use one of {', '.join(_known)}"
        raise StartupError(f"there is no hook {name!r}", fix=fix, code="hook_unknown")
    return hook


async def _called(function: Function, args: tuple[Any, ...]) -> Any:
    made = function(*args)
    return await made if isawaitable(made) else made


def _notify(functions: tuple[Function, ...]) -> Runner:
    async def run(*args: Any) -> None:
        for function in functions:
            await _called(function, args)

    return run


def _first(functions: tuple[Function, ...]) -> Runner:
    async def run(*args: Any) -> Any:
        for function in functions:
            answer = await _called(function, args)
            if answer is not None:
                return answer
        return None

    return run


def _pipe(functions: tuple[Function, ...]) -> Runner:
    async def run(*args: Any) -> Any:
        value = args[-1]
        for function in functions:
            answer = await _called(function, (*args[:-1], value))
            value = value if answer is None else answer
        return value

    return run


def _sender(functions: tuple[Function, ...], spawn: Callable[..., object]) -> Callable[..., None]:
    marked = [(function, iscoroutinefunction(function)) for function in functions]

    def send(*args: Any) -> None:
        for function, later in marked:
            if later:
                spawn(function, *args)
            else:
                function(*args)

    return send


_RUNNERS: dict[str, Callable[[tuple[Function, ...]], Runner]] = {"notify": _notify, "first": _first, "pipe": _pipe}

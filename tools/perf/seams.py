"""Seams: marks at the entrance and the exit of functions, so that a run falls into the layers that it went through."""

import inspect
import sys
from collections.abc import Callable, Iterable
from functools import wraps
from importlib import import_module
from typing import Any

from msgspec.structs import replace

__all__ = ["LAYERS", "STEPS", "Seams"]

STEPS = 43
"""Steps that are measured: three random ids a step are then one batch of 128."""

LAYERS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("receive", ("arlen_server.connections:Connection.data_received",)),
    ("parse", ("arlen_server.heads:HeadParser.parse",)),
    ("request object", ("arlen_core.requests:Request.__init__",)),
    ("driver", ("arlen_server.drivers:Drivers.run",)),
    ("dispatch", ("arlen_core.dispatch:Dispatcher.handle",)),
    ("routing", ("arlen_core.dispatch:Dispatcher._route", "arlen_core.matcher:Matcher.match")),
    ("binding", ("arlen_core.binding:Binder.plan()",)),
    ("handler", ("arlen_core.router:Router.route()",)),
    ("encode", ("arlen_core.answers:answer", "arlen_core.answers:READY[]")),
    ("respond", ("arlen_server.exchanges:Exchange.reply",)),
    ("head", ("arlen_server.replies:HeadWriter.plain", "arlen_server.replies:HeadWriter.end")),
    ("headers", ("arlen_core.uniforms:Uniform.lines", "arlen_core.uniforms:Uniform.pairs")),
    ("write", ("arlen_server.outlets:Outlet.send_out",)),
    ("finish", ("arlen_core.app:App.finish",)),
    ("log", ("arlen_core.access:Access.__call__",)),
)
"""Each layer and its functions, `module:name`. What a layer calls is not counted in it when it is a layer too.

One that is not there any more is left out, and the report says so. `Router.route()` stands for the handlers that it
registers, `Binder.plan()` for the calls that it makes; `READY[]` for the functions of a table.
"""


class Seams:
    """Marks layers.

    Args:
        mark: called at each seam.

    Attributes:
        trail: for each mark the layer that begins with it, with a `~` for a coroutine; `None` for the end of the
            innermost.
        missing: functions that are not there.
    """

    def __init__(self, mark: Callable[[], object]) -> None:
        self.trail: list[str | None] = []
        self.missing: list[str] = []
        self._mark = mark

    def note(self, label: str | None) -> None:
        """Mark the beginning of something that is no function."""
        self.trail.append(label)
        self._mark()

    def wrap(self, layer: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return a function that marks where the given one begins and ends."""
        note, mark = self.trail.append, self._mark
        if inspect.iscoroutinefunction(function):
            layer += "~"

            @wraps(function)
            async def waits(*args: Any, **options: Any) -> Any:
                note(layer)
                mark()
                made = await function(*args, **options)
                note(None)
                mark()
                return made

            return waits

        @wraps(function)
        def calls(*args: Any, **options: Any) -> Any:
            note(layer)
            mark()
            made = function(*args, **options)
            note(None)
            mark()
            return made

        return calls

    def install(self, layers: Iterable[tuple[str, Iterable[str]]] = LAYERS) -> None:
        """Put marks into the functions of the layers, wherever they are already imported."""
        for layer, places in layers:
            for place in places:
                if not self._install(layer, place):
                    self.missing.append(place)

    def _install(self, layer: str, place: str) -> bool:
        module, _, name = place.rstrip("()[]").partition(":")
        *outer, last = name.split(".")
        try:
            holder: Any = import_module(module)
            for part in outer:
                holder = getattr(holder, part)
            function = getattr(holder, last)
        except (ImportError, AttributeError):
            return False
        if place.endswith("[]"):
            function.update({key: self.wrap(layer, value) for key, value in function.items()})
            return True
        wrapped = self._special(layer, name, function) if place.endswith("()") else self.wrap(layer, function)
        setattr(holder, last, wrapped)
        if not outer:
            _everywhere(function, wrapped)
        return True

    def _special(self, layer: str, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """Wrap what a function returns: the call of a plan, or the handler that a decorator takes."""

        @wraps(function)
        def plan(*args: Any, **options: Any) -> Any:
            made = function(*args, **options)
            return replace(made, call=self.wrap(layer, made.call))

        @wraps(function)
        def route(*args: Any, **options: Any) -> Any:
            declare = function(*args, **options)
            return lambda handler: declare(self.wrap(layer, handler))

        return plan if name == "Binder.plan" else route


def _everywhere(function: Callable[..., Any], wrapped: Callable[..., Any]) -> None:
    """Replace a function in the modules that have it by name, and in their tables."""
    for name, module in list(sys.modules.items()):
        if not name.startswith("arlen"):
            continue
        for space in (vars(module), *(value for value in vars(module).values() if isinstance(value, dict))):
            for key in [key for key, value in space.items() if value is function]:
                space[key] = wrapped

"""Contributions: what an application has been given so far, so that each plugin's part of it can be told."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from arlen_core.deadlines import named
from arlen_core.routes import Mount, Route

if TYPE_CHECKING:
    from arlen_core.app import App

__all__ = ["KINDS", "aside", "collected", "fresh", "told"]

KINDS = (
    "routes", "reserved", "middleware", "guards", "hooks", "errors", "helpers", "services", "health", "metrics",
    "commands", "migrations", "templates", "statics", "translations",
)  # fmt: skip
"""What an application can be given, in the order in which it is told."""


def collected(app: App) -> dict[str, Sequence[Any]]:
    """Return everything that was given to an application, by kind; what comes later stands at the end of each.

    Hooks are one kind for each moment: "hooks.did_start".
    """
    hooks = {f"hooks.{name}": each for name, each in app.hooks._functions.items()}  # noqa: SLF001
    return {
        "routes": tuple(app._items),  # noqa: SLF001
        "reserved": tuple(each.template for each in app._reserved),  # noqa: SLF001
        "middleware": app.around,
        "guards": app.guards,
        **{kind: tuple(each) for kind, each in hooks.items()},
        "errors": tuple(str(getattr(each, "__name__", each)) for each in app._recovery._handlers),  # noqa: SLF001
        "helpers": tuple(app.helpers),
        "services": tuple(app.services._providers),  # noqa: SLF001
        "health": tuple(app.health._checks),  # noqa: SLF001
        "metrics": tuple(each.name for each in app.meters.declarations),
        **{kind: tuple(getattr(app, kind)) for kind in KINDS[10:]},
    }


def fresh(before: dict[str, Sequence[Any]], after: dict[str, Sequence[Any]]) -> dict[str, list[Any]]:
    """Return what came between two calls of `collected`, without the kinds of which there is nothing new.

    >>> fresh({"helpers": ["a"]}, {"helpers": ["a", "b"], "guards": []})
    {'helpers': ['b']}
    """
    made: dict[str, list[Any]] = {}
    for kind, items in after.items():
        known = before.get(kind, ())
        named = all(isinstance(each, str) for each in items)  # these may be sorted anew, the others only grow
        new = [each for each in items if each not in known] if named else list(items[len(known) :])
        made |= {kind: new} if new else {}
    return made


@contextmanager
def aside(app: App) -> Iterator[None]:
    """Put the application's own middleware, guards and hooks behind those that come inside the `with` block.

    So those of plugins go around the application's own, whenever they come. An error handler of the application's own
    stays the one that counts.
    """
    hooks, errors = app.hooks._functions, app._recovery._handlers  # noqa: SLF001
    around, guards, moments, handlers = app.around, app.guards, dict(hooks), dict(errors)
    app.around = app.guards = ()
    hooks.clear()
    errors.clear()
    try:
        yield
    finally:
        app.around, app.guards = app.around + around, app.guards + guards
        for name, functions in moments.items():
            hooks.setdefault(name, []).extend(functions)
        errors.update(handlers)


def told(kind: str, items: Sequence[Any]) -> list[str]:
    """Return what is to be shown of the items of one kind.

    >>> told("helpers", ["shout"]), told("statics", [("/shop", "static")])
    (['shout'], ['/shop'])
    """
    if kind == "routes":
        return [line for item in items for line in _routes(item)]
    if kind.startswith("hooks."):
        return [f"{kind.removeprefix('hooks.')}: {named(each)}" for each in items]
    return [_label(kind, each) for each in items]


def _label(kind: str, item: Any) -> str:
    if kind in {"middleware", "guards"}:
        return named(item)
    if kind == "services":
        return str(getattr(item.type, "__name__", item.type))
    if kind == "statics":
        return str(item[0])
    if isinstance(item, Path):
        return str(item)
    return str(getattr(item, "name", None) or getattr(item, "namespace", None) or item)


def _routes(item: tuple[str, str, Any]) -> list[str]:
    prefix, _, thing = item
    if isinstance(thing, Mount):
        return [f"mount {thing.prefix or '/'}"]
    routes = [thing] if isinstance(thing, Route) else thing.flat()
    return [f"{','.join(sorted(each.methods))} {prefix + each.template or '/'}" for each in routes]

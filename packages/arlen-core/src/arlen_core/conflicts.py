"""Conflicts: routes of which one could never be reached, found before the application starts."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any

from arlen_core.errors import StartupError
from arlen_core.routes import Mount, Route, origin
from arlen_core.tree import methods_of

__all__ = ["check"]


def check(routes: Sequence[Route | Mount], reserved: Collection[bytes]) -> None:
    """Refuse routes that conflict.

    Args:
        routes: in the order of declaration.
        reserved: paths that no route may be declared on.

    Raises:
        StartupError: two routes have the same methods, shape and conditions, so that the second could never be
            matched; two routes were given the same name; a route is declared on a reserved path. Both are named,
            with their lines.
    """
    for item in routes:
        _reserved(item, reserved)
    _once(routes)
    _named(routes)


def _reserved(item: Route | Mount, reserved: Collection[bytes]) -> None:
    path = item.prefix if isinstance(item, Mount) else item.template
    if (item.pattern.path or path.encode()) in reserved:
        raise StartupError(
            f"{origin(item)}: {path} is a reserved path, answered by the platform",
            fix="choose another path",
            code="path_reserved",
        )


def _once(routes: Iterable[Route | Mount]) -> None:
    seen: dict[Any, Route | Mount] = {}
    for item in routes:
        for method in sorted(methods_of(item)):
            key = (isinstance(item, Mount), item.pattern.shape, method, frozenset(item.conditions))
            first = seen.setdefault(key, item)
            if first is not item:
                raise StartupError(
                    f"{origin(item)} can never be reached: {origin(first)} has the same methods, shape and conditions",
                    fix="remove one of them, or give one another path or condition",
                    code="route_conflict",
                )


def _named(routes: Iterable[Route | Mount]) -> None:
    seen: dict[str, Route | Mount] = {}
    for item in routes:
        if not item.name or (isinstance(item, Route) and not item.named):
            continue
        first = seen.setdefault(item.name, item)
        if first is not item:
            raise StartupError(
                f"{origin(item)} and {origin(first)} share the name {item.name!r}",
                fix="rename one of them",
                code="route_name_taken",
            )

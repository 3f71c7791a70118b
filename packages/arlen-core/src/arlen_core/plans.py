"""Plans: the order in which services start, worked out from what they need, or why there is none."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from difflib import get_close_matches
from graphlib import CycleError, TopologicalSorter
from typing import Any

from arlen_core.errors import StartupError
from arlen_core.providers import Need, Provider, label

__all__ = ["index", "needed", "ordered"]

Index = Mapping[Any, Provider]


def index(providers: Iterable[Provider]) -> dict[Any, Provider]:
    """Return the providers by what they make; `StartupError` when two make the same."""
    found: dict[Any, Provider] = {}
    for each in providers:
        other = found.setdefault(each.type, each)
        if other is not each:
            reason = f"two services make {label(each.type)}: {other.name} and {each.name}"
            raise StartupError(reason, fix="drop one, or give one a type of its own with type=", code="service_twice")
    return found


def ordered(known: Index, given: Collection[Any] = ()) -> list[Provider]:
    """Return every provider, each after those it needs; the order of registration decides where it may.

    Args:
        known: providers by type.
        given: types that are there without a provider, for services of request scope: the request, its context.

    Raises `StartupError` for a need that nobody fills, a cycle, and an app's service that needs a request's one.

    >>> class Pool: ...
    >>> class Store:
    ...     def __init__(self, pool: Pool) -> None: ...
    >>> from arlen_core.providers import provider
    >>> [each.type.__name__ for each in ordered(index([provider(Store), provider(Pool)]))]
    ['Pool', 'Store']
    """
    graph = {each.type: _checked(each, known, given) for each in known.values()}
    try:
        sorter = TopologicalSorter(graph)
        return [known[kind] for kind in sorter.static_order()]
    except CycleError as error:
        path = " -> ".join(label(kind) for kind in reversed(error.args[1]))
        raise StartupError(
            f"services need each other in a circle: {path}",
            fix="let one of them take what it needs later, by a method",
            code="service_cycle",
        ) from None


def needed(kind: Any, order: Iterable[Provider]) -> tuple[Provider, ...]:
    """Return the providers of request scope that `kind` takes, itself included, in the order to open them."""
    order = list(order)
    wanted = {kind}
    for each in reversed(order):
        if each.type in wanted and each.scope == "request":
            wanted.update(need.type for need in each.needs)
    return tuple(each for each in order if each.type in wanted and each.scope == "request")


def _checked(each: Provider, known: Index, given: Collection[Any]) -> list[Any]:
    types = []
    for need in each.needs:
        if need.type in known:
            _narrower(each, known[need.type])
            types.append(need.type)
        elif each.scope == "app" and need.type in given:
            raise _wider(each, label(need.type))
        elif not need.optional and need.type not in given:
            raise _missing(each, need, known)
    return types


def _narrower(each: Provider, other: Provider) -> None:
    if each.scope == "app" and other.scope == "request":
        raise _wider(each, str(other))


def _wider(each: Provider, what: str) -> StartupError:
    fix = f'give {label(each.type)} scope="request", or what it needs scope="app"'
    return StartupError(
        f"{each} lives as long as the application but needs {what} of one request", fix=fix, code="service_scope"
    )


def _missing(each: Provider, need: Need, known: Index) -> StartupError:
    near = get_close_matches(label(need.type), [label(kind) for kind in known if kind != each.type], 1)
    hint = f"; there is a {near[0]}" if near else ""
    return StartupError(
        f"{each} needs {label(need.type)} for its parameter {need.name!r}, and nothing makes one{hint}",
        fix=f"register a factory: app.provide(make_it, type={label(need.type)}), or use the plugin that does",
        code="service_missing",
    )

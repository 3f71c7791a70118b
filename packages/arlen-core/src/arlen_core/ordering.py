"""Ordering: things with names in the order that they ask for, the same one however they came."""

from __future__ import annotations

from collections.abc import Iterable
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise

from msgspec import Struct

from arlen_core.errors import StartupError

__all__ = ["Node", "ordered"]


class Node(Struct, frozen=True):
    """Something with a name, and where it wants to be.

    Attributes:
        name: nothing else has it.
        depends_on: what has to come before; a name that is not there is passed over here.
        after: what comes before, if it is there.
        before: what comes after, if it is there.
    """

    name: str
    depends_on: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    before: tuple[str, ...] = ()


def ordered(nodes: Iterable[Node]) -> list[str]:
    """Return the names, each after all that it waits for; those that may come at the same time are sorted by name.

    Raises:
        StartupError: some wait for each other; the whole circle is named, and who asked for what.

    >>> ordered([Node("web"), Node("shop", depends_on=("web",)), Node("audit", before=("shop",))])
    ['audit', 'web', 'shop']
    """
    known = {each.name: each for each in sorted(nodes, key=lambda node: node.name)}
    sorter = TopologicalSorter({name: _waits(node, known) for name, node in known.items()})
    try:
        sorter.prepare()
    except CycleError as error:
        raise _circle(list(reversed(error.args[1])), known) from None
    order: list[str] = []
    while sorter.is_active():
        ready = sorted(sorter.get_ready())
        order += ready
        sorter.done(*ready)
    return order


def _waits(node: Node, known: dict[str, Node]) -> list[str]:
    asked = {each for each in (*node.depends_on, *node.after) if each in known}
    return sorted(asked | {other.name for other in known.values() if node.name in other.before})


def _circle(path: list[str], known: dict[str, Node]) -> StartupError:
    start = path.index(min(path))  # it has no first: begin with the same one every time
    path = [*path[start:-1], *path[:start], path[start]]
    asked = [_asked(known[one], known[other]) for one, other in pairwise(path)]
    return StartupError(
        f"plugins wait for each other in a circle: {' -> '.join(path)}",
        fix=f"drop one of these: {', '.join(asked)}",
        code="plugin_cycle",
    )


def _asked(one: Node, other: Node) -> str:
    for word in ("depends_on", "after"):
        if other.name in getattr(one, word):
            return f"{one.name} {word} {other.name}"
    return f"{other.name} before {one.name}"

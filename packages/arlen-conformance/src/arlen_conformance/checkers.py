"""Checkers: pure functions that say what is wrong with a history. Each returns the offenders: nothing is well.

```python
from arlen_conformance.checkers import duplicated, lost

assert not lost(sent=[1, 2, 3], received=[3, 1, 2])
assert duplicated([1, 2, 1]) == [1]
```
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from typing import Any, TypeVar

from arlen_conformance.histories import Operation

__all__ = ["disordered", "duplicated", "lost", "nonlinear", "overlapping", "stale", "unequal"]

Item = TypeVar("Item", bound=Hashable)
Pair = TypeVar("Pair", bound=tuple[Hashable, Hashable])


def lost(sent: Iterable[Item], received: Iterable[Item]) -> list[Item]:
    """Return what was sent and never received.

    >>> lost([1, 2], [2])
    [1]
    """
    there = set(received)
    return [item for item in sent if item not in there]


def duplicated(received: Iterable[Item]) -> list[Item]:
    """Return what was received more than once."""
    return [item for item, count in Counter(received).items() if count > 1]


def unequal(committed: Iterable[Item], applied: Iterable[Item]) -> dict[str, set[Item]]:
    """Return what is in one of two sets only: `missing` was not applied, `phantom` was never committed.

    >>> unequal({1, 2}, {2, 3})
    {'missing': {1}, 'phantom': {3}}
    """
    wanted, found = set(committed), set(applied)
    sides = {"missing": wanted - found, "phantom": found - wanted}
    return {name: side for name, side in sides.items() if side}


def disordered(sent: Iterable[Pair], received: Iterable[Pair]) -> list[Pair]:
    """Return what was received after something of the same key that was sent later; pairs are key and value.

    >>> disordered([("a", 1), ("a", 2), ("b", 1)], [("a", 2), ("b", 1), ("a", 1)])
    [('a', 1)]
    """
    places = {pair: place for place, pair in enumerate(sent)}
    furthest: dict[Hashable, int] = {}
    found = []
    for pair in received:
        place = places.get(pair, -1)
        if place < furthest.get(pair[0], -1):
            found.append(pair)
        furthest[pair[0]] = max(place, furthest.get(pair[0], -1))
    return found


def stale(tokens: Iterable[int]) -> list[int]:
    """Return the fencing tokens that were accepted after a greater one: work of a holder that had lost its lease.

    >>> stale([1, 1, 3, 2])
    [2]
    """
    greatest, found = -1, []
    for token in tokens:
        if token < greatest:
            found.append(token)
        greatest = max(greatest, token)
    return found


def overlapping(holds: Iterable[tuple[Any, int, int]], limit: int = 1) -> list[tuple[Any, int, int]]:
    """Return the holds that began while too many others were held; each is a holder, a start and an end.

    Args:
        holds: what was held; an end at the moment of another's start is no overlap.
        limit: how many may be held at a time.

    >>> overlapping([("a", 0, 5), ("b", 4, 9), ("c", 9, 10)])
    [('b', 4, 9)]
    """
    held: list[int] = []
    found = []
    for hold in sorted(holds, key=lambda each: each[1]):
        held = [end for end in held if end > hold[1]]
        if len(held) >= limit:
            found.append(hold)
        held.append(hold[2])
    return found


def nonlinear(history: Sequence[Operation], initial: Any = None) -> list[Operation]:
    """Return nothing when the operations on one register could have happened one after the other.

    Args:
        history: reads and writes (`op`) of one key: what was read or written in `value`. One without an end, or
            without the result "ok", may have taken effect at any time after its start, or never; such a read says
            nothing.
        initial: what the register held before.

    Returns:
        The operations that could not be put in an order, from the longest order that was found; nothing is well.

    The search is exponential at worst: keep the operations that run at the same time few.

    >>> write, early = Operation("a", "write", "x", 1, 0, 10, "ok"), Operation("b", "read", "x", 1, 5, 6, "ok")
    >>> late = Operation("b", "read", "x", None, 11, 12, "ok")
    >>> nonlinear([write, early]), nonlinear([write, late]) == [late]
    ([], True)
    """
    chosen = [each for each in history if _certain(each) or each.op == "write"]
    best: frozenset[int] = frozenset()
    seen: set[tuple[frozenset[int], Any]] = set()
    open_: list[tuple[frozenset[int], Any]] = [(frozenset(), initial)]
    while open_:
        done, value = open_.pop()
        if all(place in done for place, each in enumerate(chosen) if _certain(each)):
            return []
        best = max(best, done, key=len)
        for step in _steps(chosen, done, value):
            if step not in seen:
                seen.add(step)
                open_.append(step)
    return [each for place, each in enumerate(chosen) if place not in best and _certain(each)]


def _steps(chosen: list[Operation], done: frozenset[int], value: Any) -> list[tuple[frozenset[int], Any]]:
    """Return what may come next: an operation that began before the first end of those that are left."""
    left = [place for place in range(len(chosen)) if place not in done]
    ends = [each.end for place in left if _certain(each := chosen[place]) and each.end is not None]
    first = min(ends, default=None)
    found = []
    for place in left:
        each = chosen[place]
        if first is not None and each.start > first:
            continue
        if each.op == "write":
            found.append((done | {place}, each.value))
        elif each.value == value:
            found.append((done | {place}, value))
    return found


def _certain(operation: Operation) -> bool:
    return operation.end is not None and operation.result == "ok"

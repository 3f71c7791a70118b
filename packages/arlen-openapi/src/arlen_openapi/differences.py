"""Differences: where two JSON documents differ, as rows for people."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from arlen_openapi.narrowing import step

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Difference", "differences", "told"]

_WIDE = 100


class Difference(Struct, frozen=True):
    """One place where they differ; what is not there is `None`, and `change` tells: "added", "removed", "changed"."""

    place: str
    change: str
    before: Any = None
    after: Any = None


def differences(before: Any, after: Any, place: str = "$") -> Iterator[Difference]:
    """Yield where two documents differ, in the order of their sorted keys; the order of keys is no difference.

    >>> [each.place for each in differences({"a": [1, 2]}, {"a": [1, 3], "b": 0})]
    ['$.a[1]', '$.b']
    """
    if isinstance(before, dict) and isinstance(after, dict):
        for key in sorted(before.keys() | after.keys()):
            yield from _member(before, after, key, place + step(key))
    elif isinstance(before, list) and isinstance(after, list):
        mine, theirs = dict(enumerate(before)), dict(enumerate(after))
        for at in range(max(len(before), len(after))):
            yield from _member(mine, theirs, at, f"{place}[{at}]")
    elif before != after or isinstance(before, bool) is not isinstance(after, bool):
        yield Difference(place, "changed", before, after)


def told(found: Difference) -> str:
    """Return a difference as a line: `+` added, `-` removed, `~` changed.

    >>> told(Difference("$.info.version", "changed", "1.0", "1.1"))
    '~ $.info.version: "1.0" -> "1.1"'
    """
    if found.change == "added":
        return f"+ {found.place}: {_short(found.after)}"
    if found.change == "removed":
        return f"- {found.place}: {_short(found.before)}"
    return f"~ {found.place}: {_short(found.before)} -> {_short(found.after)}"


def _member(before: Any, after: Any, key: Any, place: str) -> Iterator[Difference]:
    if key not in after:
        yield Difference(place, "removed", before=before[key])
    elif key not in before:
        yield Difference(place, "added", after=after[key])
    else:
        yield from differences(before[key], after[key], place)


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, sort_keys=True)
    return text if len(text) <= _WIDE else f"{text[: _WIDE - 1]}…"

"""Identifiers: what each operation is called, by a name that no other has and that stays when routes are added."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from arlen_core.errors import StartupError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from arlen_openapi.entries import Entry

__all__ = ["identifiers"]

_others = re.compile(r"[^A-Za-z0-9]+")


def identifiers(entries: Iterable[Entry]) -> list[str]:
    """Return the operationId of each entry, in order.

    It is the route's `operation_id`, or its name with those of its routers and mounts: "admin_user". Of several with
    one name the first keeps it; the others get their method, and then their path, behind it.

    Raises `StartupError` for two routes with the same `operation_id`.
    """
    taken: set[str] = set()
    found = []
    for each in entries:
        found.append(next(name for name in _offers(each) if name not in taken))
        taken.add(found[-1])
    return found


def _offers(entry: Entry) -> Iterator[str]:
    route, method = entry.step.route, entry.method.lower()
    given = route.options.get("operation_id")
    name = _word("_".join([*entry.step.names, given or route.name]))
    yield name
    if given and len(route.methods) == 1 and "*" not in route.methods:
        raise StartupError(
            f"{route.template} ({route.source}): there is another operation_id={given!r}",
            fix="give one of them another",
            code="openapi_names",
        )
    yield f"{name}_{method}"
    yield f"{name}_{method}_{_word(entry.path)}"
    for number in range(2, 10_000):
        yield f"{name}_{method}_{_word(entry.path)}_{number}"


def _word(text: str) -> str:
    return _others.sub("_", text).strip("_")

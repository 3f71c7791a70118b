"""Versions: whether one fits a list of bounds, such as `>=1,<2`."""

from __future__ import annotations

import re
from collections.abc import Callable
from operator import eq, ge, gt, le, lt, ne

__all__ = ["fits", "numbers"]

_TESTS: dict[str, Callable[[tuple[int, ...], tuple[int, ...]], bool]] = {
    ">=": ge, "<=": le, "==": eq, "!=": ne, ">": gt, "<": lt,
}  # fmt: skip
_bound = re.compile(r"(>=|<=|==|!=|>|<)\s*([0-9]{1,9}(?:\.[0-9]{1,9}){0,7})").fullmatch


def fits(version: str, wanted: str) -> bool:
    """Say whether a version fits every bound of a list.

    Args:
        version: its leading numbers count, so a pre-release counts as the release; "1" is "1.0".
        wanted: bounds with a comma between them, each one of `>=`, `<=`, `>`, `<`, `==`, `!=` and numbers with dots: a
            part of PEP 440. An empty list fits every version.

    Raises `ValueError` for anything else.

    >>> fits("1.4", ">=1,<2"), fits("2.0", ">=1,<2"), fits("1", "==1.0")
    (True, False, True)
    """
    have = numbers(version)
    return all(_fits(have, part.strip(), wanted) for part in (wanted.split(",") if wanted.strip() else ()))


def numbers(version: str) -> tuple[int, ...]:
    """Return the leading numbers of a version; none when it has none.

    >>> numbers("1.10.0rc1"), numbers("new")
    ((1, 10, 0), ())
    """
    found = re.match(r"[0-9]+(?:\.[0-9]+)*", version)
    return tuple(int(part) for part in found[0].split(".")) if found else ()


def _fits(have: tuple[int, ...], part: str, wanted: str) -> bool:
    found = _bound(part)
    if found is None:
        raise ValueError(f"{part!r} in {wanted!r} is no bound of versions, such as >=1.2")
    bound = numbers(found[2])
    size = max(len(have), len(bound))
    return _TESTS[found[1]](_padded(have, size), _padded(bound, size))


def _padded(found: tuple[int, ...], size: int) -> tuple[int, ...]:
    return found + (0,) * (size - len(found))

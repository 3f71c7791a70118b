"""Native: what classes need to be the same when they are compiled; interpreted ones do not care.

The real decorator belongs to mypy. Nobody who does not compile needs it, so here is one that does nothing. And mypyc
drops the options in the first line of a Struct, so those that have some inherit them too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_extensions import mypyc_attr
else:

    def mypyc_attr(**_: bool) -> Callable[[Any], Any]:
        """Return a decorator that leaves a class as it is.

        `mypyc_attr(allow_interpreted_subclasses=True)` lets interpreted classes inherit from a compiled one.

        >>> mypyc_attr(allow_interpreted_subclasses=True)(dict) is dict
        True
        """
        return lambda kind: kind


__all__ = ["Frozen", "Sparse", "mypyc_attr"]


class Frozen(Struct, frozen=True):
    """A Struct that does not change."""


class Sparse(Struct, omit_defaults=True, gc=False):
    """A Struct that leaves out what is the default, and is no business of the garbage collector."""

"""Native: what a class says about its compiled form; interpreted ones do not care.

The real decorator belongs to mypy. Nobody who does not compile needs it, so here is one that does nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

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


__all__ = ["mypyc_attr"]

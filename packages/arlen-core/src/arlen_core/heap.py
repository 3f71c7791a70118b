"""Heap: what start-up has made is taken out of the garbage collector's sight, for it lives as long as the process."""

from __future__ import annotations

import gc

__all__ = ["settle"]


def settle(env: str = "production") -> int:
    """Collect what is garbage now, and let later collections pass over everything that is left (`gc.freeze`).

    A collection of the whole heap looks at every module, class and function of an application, in the middle of some
    request, which waits for it.

    Args:
        env: of the application; nothing happens outside "production", where applications come and go in one process.

    Returns how many objects are passed over from now on.

    >>> settle("test")
    0
    """
    if env != "production":
        return 0
    gc.collect()
    gc.freeze()
    return gc.get_freeze_count()

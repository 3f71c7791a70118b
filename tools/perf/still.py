"""Stillness: time and chance stand still, so that two runs of the same code count the same instructions.

Import this before anything of Arlen: modules take `perf_counter_ns` and the like by name when they are imported.
"""

import gc
import os
import random
import sys
import time
from itertools import count, repeat
from typing import Any, cast

__all__ = ["settle", "stop"]

_WALL = 1_767_225_600.125  # 2026-01-01T00:00:00.125Z: one second for ever, so that no date line is made anew
_BEGIN = 10_000_000_000_000


def stop() -> None:
    """Replace the clocks and the sources of chance by ones in C that cost the same each time.

    The wall clock stands still. The others move by a microsecond a call: durations are written into log lines, and
    the digits of real ones differ; and the timers of an event loop never fire between two steps.
    """
    replaced = cast("Any", time)
    replaced.time = repeat(_WALL).__next__
    replaced.time_ns = repeat(int(_WALL * 1e9)).__next__
    replaced.perf_counter_ns = count(_BEGIN, 1000).__next__
    replaced.perf_counter = count(_BEGIN / 1e9, 1e-6).__next__
    replaced.monotonic = count(_BEGIN / 1e9, 1e-6).__next__
    replaced.monotonic_ns = count(_BEGIN, 1000).__next__
    random.seed(0)
    cast("Any", os).urandom = random.Random(0).randbytes  # noqa: S311  # nothing here is secret
    sys.setswitchinterval(1000)  # a thread that waits, such as the log's, must not take its turn at another place


def settle() -> None:
    """Collect garbage once and no more: when a collection comes depends on what was allocated since the start."""
    gc.collect()
    gc.freeze()
    gc.disable()

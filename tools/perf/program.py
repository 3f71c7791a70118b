"""Program: what runs under valgrind: `python -m tools.perf.program 100 0 wire.minimal ...`.

The arguments are the number of steps, the extra work in per cent, and names of paths. Each path runs in a fork of its
own, so that one does not see what another left behind. It marks its stages by a call that nobody else makes, getppid,
at which callgrind writes down what it has counted: the start, then half as many steps, then half as many again and
all of them.
"""

import os
import sys
import traceback

from tools.perf import instrument, still

still.stop()

from tools.perf.registry import find  # noqa: E402
from tools.perf.sites import ready  # noqa: E402
from tools.perf.steps import run  # noqa: E402

__all__ = ["main"]

WARM = 32
"""Steps until the interpreter has specialised the code and caches are full."""


def main(arguments: list[str]) -> int:
    """Run each path in a child; return 1 when one failed."""
    steps, extra, *names = arguments
    failed = 0
    ready()
    if instrument.possible():
        instrument.begin()
    for name in names:
        child = os.fork()
        if child == 0:
            _leave(name, int(steps), float(extra) / 100)
        print(f"{name} {child}", flush=True)
        failed |= os.waitpid(child, 0)[1]
    return int(failed != 0)


def _leave(name: str, steps: int, extra: float) -> None:
    """Measure one path and end the process at once: tidying would wait for timers that never fire."""
    counts = [round(count * (1 + extra)) for count in (WARM, steps // 2, steps + steps // 2)]
    left = [*counts]

    def mark() -> None:
        os.getppid()
        left.pop()
        if not left:
            os._exit(0)

    try:
        run(find(name), counts, mark, still.settle)
    except BaseException:  # noqa: BLE001  # the parent has to know
        traceback.print_exc()
        os._exit(1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

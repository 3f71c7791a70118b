"""The first thing in each child: pins it to a core, ties its life to the parent's, and becomes the program.

`python launch.py CORE SIGNAL PROGRAM ARGUMENTS...`; a core of -1 pins to none, and the signal is what it gets when the
parent dies.
"""

import ctypes
import os
import sys

__all__ = ["main"]

SET_PARENT_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG; survives exec


def main(arguments: list[str]) -> None:
    """Pin, tie, exec."""
    core = int(arguments[0])
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(SET_PARENT_DEATH_SIGNAL, int(arguments[1]))
        if core >= 0:
            os.sched_setaffinity(0, {core})
    os.execvp(arguments[2], arguments[2:])  # noqa: S606 - no shell is what is wanted


if __name__ == "__main__":
    main(sys.argv[1:])

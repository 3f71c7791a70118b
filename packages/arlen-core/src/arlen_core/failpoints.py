"""Failpoints: named places in the code where a test makes the process die, stop or fail."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from arlen_core.errors import ArlenError, StartupError

__all__ = ["VARIABLE", "FailpointError", "armed", "failpoint"]

VARIABLE = "ARLEN_FAILPOINT"
"""The variable that arms failpoints when the process starts: `name:action`, or several, with commas between."""


class FailpointError(ArlenError):
    """What a failpoint with the action "raise" raises."""


def failpoint(name: str) -> None:
    """Mark a place where a crash is worth a test; it does nothing, in a tenth of a microsecond, unless it is armed.

    Args:
        name: package, subject and moment, with dots between, such as "jobs.settle.before_commit".

    `ARLEN_FAILPOINT=jobs.settle.before_commit:kill` arms it for a process, and `jobs.settle.before_commit:kill@3` from
    the third time that it is passed. The actions are:

    - `kill`: SIGKILL to the own process;
    - `stop`: SIGSTOP to the own process, which goes on after a SIGCONT;
    - `raise`: `FailpointError`;
    - `exit`: `SystemExit` with the status 70, so that whatever cleans up runs.

    >>> failpoint("jobs.settle.before_commit")
    >>> with armed("jobs.settle.before_commit", "raise"):
    ...     failpoint("jobs.settle.before_commit")
    Traceback (most recent call last):
        ...
    arlen_core.failpoints.FailpointError: jobs.settle.before_commit
    """
    if _armed and name in _armed:
        _armed[name]()


@contextmanager
def armed(name: str, action: str | Callable[[], object]) -> Iterator[None]:
    """Arm a failpoint of this process for a while.

    Args:
        name: of the failpoint.
        action: a word as above, with `@` and a count if you like; or what to call each time.

    Raises `ValueError` for an unknown action.
    """
    before = _armed.get(name)
    _armed[name] = _counted(name, action) if isinstance(action, str) else action
    try:
        yield
    finally:
        if before is None:
            del _armed[name]
        else:
            _armed[name] = before


def _kill(_: str) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _stop(_: str) -> None:
    os.kill(os.getpid(), signal.SIGSTOP)


def _raise(name: str) -> None:
    raise FailpointError(name)


def _exit(_: str) -> None:
    raise SystemExit(70)


_ACTIONS = {"kill": _kill, "stop": _stop, "raise": _raise, "exit": _exit}


def _counted(name: str, text: str) -> Callable[[], None]:
    word, _, count = text.partition("@")
    if word not in _ACTIONS or (count and not (count.isdecimal() and int(count))):
        raise ValueError(f"{text!r} is no action: write {', '.join(_ACTIONS)}, and @2 for the second time")
    left = int(count or 1)

    def act() -> None:
        nonlocal left
        left -= 1
        if left <= 0:
            _ACTIONS[word](name)

    return act


def _read(environ: Mapping[str, str]) -> dict[str, Callable[[], object]]:
    """Return what a variable arms; `StartupError` when it cannot be understood."""
    found: dict[str, Callable[[], object]] = {}
    for item in filter(None, environ.get(VARIABLE, "").replace(" ", "").split(",")):
        name, _, action = item.rpartition(":")
        try:
            if not name:
                raise ValueError(f"{item!r} names no failpoint")
            found[name] = _counted(name, action)
        except ValueError as error:
            fix = "write name:kill, name:stop, name:raise or name:exit"
            raise StartupError(f"{VARIABLE}: {error}", fix=fix, code="failpoint_invalid") from error
    return found


_armed = _read(os.environ)

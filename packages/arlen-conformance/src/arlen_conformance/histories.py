"""Histories: what processes did and saw, as lines of JSON in a file that survives their death."""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec
from msgspec import Struct

__all__ = ["Event", "History", "Operation", "events", "operations"]


class Event(Struct, omit_defaults=True):
    """One line of a history.

    Attributes:
        at: nanoseconds of the machine's monotonic clock: comparable between processes, not between machines.
        node: who wrote it.
        op: what was done.
        key: what it was done to.
        value: what was written or read.
        token: the fencing token that was used.
        call: the number of an operation that takes time; its first line has no result, its second one has.
        result: what came of it: "ok", or the name of an error.
    """

    at: int
    node: str
    op: str
    key: str = ""
    value: Any = None
    token: int | None = None
    call: int | None = None
    result: str = ""


class Operation(Struct):
    """One operation that took time: `end` is None when nobody knows whether it took effect."""

    node: str
    op: str
    key: str
    value: Any
    start: int
    end: int | None = None
    result: str = ""


class History:
    """Appends to a file. Several processes may append to the same one; a line is there whole or not at all.

    Args:
        path: of the file; made when there is none.
        node: who writes; the process id by default.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp(), "history.jsonl")
    >>> with History(path, node="a") as history:
    ...     history.record("sent", "orders", 1)
    ...     with history.call("write", "x", 5) as call:
    ...         call.result = "ok"
    >>> [(event.op, event.key, event.value) for event in events([path])][0]
    ('sent', 'orders', 1)
    >>> operations(events([path]))[0].result
    'ok'
    """

    def __init__(self, path: Path, node: str = "") -> None:
        self.node = node or str(os.getpid())
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        self._calls = itertools.count(1)

    def record(self, op: str, key: str = "", value: Any = None, *, token: int | None = None) -> None:
        """Write that something happened; it is in the file when this returns, though not on the disk."""
        self._write(Event(time.monotonic_ns(), self.node, op, key, value, token, None, "ok"))

    @contextmanager
    def call(self, op: str, key: str = "", value: Any = None) -> Iterator[Event]:
        """Write that something begins, and at the end what came of it.

        Set `value` and `result` of what is given. Without a result, or after an exception, the outcome is unknown.
        """
        event = Event(time.monotonic_ns(), self.node, op, key, value, None, next(self._calls))
        self._write(event)
        yield event
        if event.result:
            event.at = time.monotonic_ns()
            self._write(event)

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _write(self, event: Event) -> None:
        os.write(self._file, msgspec.json.encode(event) + b"\n")  # one call: the system appends it as a whole


def events(paths: Iterable[Path]) -> list[Event]:
    """Read histories, in the order of time; a last line that is torn is left out.

    `msgspec.MsgspecError` for any other line that is none.
    """
    found: list[Event] = []
    for path in paths:
        *lines, _ = path.read_bytes().split(b"\n")
        found += [msgspec.json.decode(line, type=Event) for line in lines]
    return sorted(found, key=lambda event: event.at)


def operations(found: Iterable[Event]) -> list[Operation]:
    """Return the operations that took time, in the order in which they began."""
    calls: dict[tuple[str, int], Operation] = {}
    for event in found:
        if event.call is None:
            continue
        made = Operation(event.node, event.op, event.key, event.value, event.at)
        known = calls.setdefault((event.node, event.call), made)
        if event.result:
            known.end, known.value, known.result = event.at, event.value, event.result
    return sorted(calls.values(), key=lambda each: each.start)

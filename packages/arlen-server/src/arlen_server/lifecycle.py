"""Lifecycle: what a runner and its processes do, one line an event, for people and for supervisors."""

from __future__ import annotations

import json
import os
import re
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Lifecycle"]

_plain = re.compile(r"[A-Za-z0-9_.:/@,+%\[\]-]+").fullmatch


class Lifecycle:
    """Writes events as `propane:lifecycle event=worker_ready manager_pid=7 worker_pid=9`, or as JSON lines.

    Args:
        runner: "propane" or "boomhauer", the first word of each line.
        json: write JSON objects instead, one a line.
        stream: where to; standard error by default, standard output with `json`.
        copy: a file that gets each line too (`ARLEN_PROPANE_LIFECYCLE_LOG`), opened for each event, so that it can be
            rotated at any time. A file that cannot be written is reported once and then left alone.

    A value that is not a plain word is written as a JSON string, so a line stays one line.

    >>> Lifecycle("propane", stream=sys.stdout)("worker_exited", status=1, reason="out of memory")
    ... # doctest: +ELLIPSIS
    propane:lifecycle event=worker_exited manager_pid=... status=1 reason="out of memory"
    """

    def __init__(self, runner: str, *, json: bool = False, stream: TextIO | None = None, copy: str = "") -> None:
        self.runner = runner
        self.json = json
        self.stream = stream or (sys.stdout if json else sys.stderr)
        self.copy = copy

    def __call__(self, event: str, **fields: Any) -> None:
        """Write one event; fields that are `None` are left out. Never raises: a full disk must not stop a server."""
        row = {"event": event, "manager_pid": os.getpid()} | {k: v for k, v in fields.items() if v is not None}
        line = self._json(row) if self.json else f"{self.runner}:lifecycle {_pairs(row)}"
        try:
            self.stream.write(line + "\n")
            self.stream.flush()
        except (OSError, ValueError):
            pass
        if self.copy:
            self._copy(line)

    def _json(self, row: Mapping[str, Any]) -> str:
        moment = datetime.now(UTC).isoformat(timespec="milliseconds")
        return json.dumps({"runner": self.runner, "timestamp": moment, **row}, default=str)

    def _copy(self, line: str) -> None:
        try:
            with open(self.copy, "a", encoding="utf-8") as file:  # noqa: PTH123  # the path is a user's string
                file.write(line + "\n")
        except OSError as error:
            path, self.copy = self.copy, ""
            self("lifecycle_log_failed", path=path, reason=str(error))


def _pairs(row: Mapping[str, Any]) -> str:
    return " ".join(f"{key}={_value(value)}" for key, value in row.items())


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        value = ",".join(map(str, value))
    text = f"{value:.3f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)
    return text if _plain(text) else json.dumps(text)

"""Console: what the development server tells the person in front of it."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any, TextIO

__all__ = ["Console"]

_LINES = {
    "started": "{addresses}  (Ctrl-C stops; watching with {watcher})",
    "ready": "ready in {seconds:.2f} s",
    "changed": "{files} changed, restarting",
    "refreshed": "{files} changed, refreshing",
    "moved": "now on {addresses}",
    "configuration_kept": "configuration kept as it was: {reason}",
    "watch_failed": "watching failed: {reason} ({fix})",
    "stopped": "stopped",
}


class Console:
    """Writes events as sentences: the route table, and failures with their place and the lines around it.

    >>> console = Console(sys.stdout)
    >>> console("ready", seconds=0.25, worker_pid=7)
    boomhauer: ready in 0.25 s
    >>> console("ready", seconds=0.25, viewer="http://127.0.0.1:3000/__arlen__/requests")
    boomhauer: ready in 0.25 s; requests are shown at http://127.0.0.1:3000/__arlen__/requests
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self.stream = sys.stderr if stream is None else stream

    def __call__(self, event: str, **fields: Any) -> None:
        """Write one event."""
        if event == "routes":
            text = _table(fields["routes"])
        elif event == "broken":
            text = _failure(fields)
        else:
            shown = {key: ", ".join(value) if isinstance(value, list) else value for key, value in fields.items()}
            text = "boomhauer: " + _LINES.get(event, event).format_map(shown)
            text += f"; requests are shown at {fields['viewer']}" if fields.get("viewer") else ""
        print(text, file=self.stream, flush=True)


def _table(rows: Sequence[Mapping[str, str]]) -> str:
    names = ("method", "path", "name", "handler")
    widths = [max((len(row[name]) for row in rows), default=0) for name in names]
    lines = [
        "  " + "  ".join(row[name].ljust(width) for name, width in zip(names, widths, strict=True)) for row in rows
    ]
    return "\n".join(line.rstrip() for line in lines) or "  no routes"


def _failure(fields: Mapping[str, Any]) -> str:
    place = f"  {fields['file']}:{fields['line']}" if fields["file"] else ""
    snippet = "\n".join(f"  {line}" for line in fields["snippet"].splitlines())
    trace = "" if fields["kind"] == "SyntaxError" else fields["trace"].rstrip()
    again = f"trying again in {fields['retry_seconds']:g} s, " if fields["retry_seconds"] else ""
    parts = [trace, f"boomhauer: {fields['message']}", place, snippet, f"  {fields['hint']}"]
    return "\n".join([*filter(None, parts), f"boomhauer: {again}waiting for a change; the error is on the page too"])

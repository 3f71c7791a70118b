"""Logs: structlog, imported when the application starts; text for people, JSON lines in production."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from msgspec import Meta, Struct

from arlen_core.ambient import inside
from arlen_core.lines import Stamp, hide, json_line, text_line
from arlen_core.sinks import Sink
from arlen_core.structured import Structured

if TYPE_CHECKING:
    from arlen_core.clock import Clock

__all__ = ["LEVELS", "Log", "LogSettings", "Logs", "about", "current"]

LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40, "critical": 50}
"""The levels, with the numbers of the standard library."""

_OWN = {"timestamp", "level"}

current: ContextVar[Any] = ContextVar("arlen_request", default=None)
"""The request that is being answered; its `id` and trace go into every line."""


class LogSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """The section `[log]`.

    Attributes:
        level: lines below it are dropped; access lines are not concerned.
        format: "json", "text", or "auto": text in development and tests, JSON elsewhere.
        target: "stderr", or the path of a file, below the application's folder unless it is absolute.
        access: whether each completed request gets a line.
        query: whether that line has the query string; off, because queries hold secrets.
        stdlib: whether what libraries log by `logging` comes out here too.
        buffer: bytes of access lines held before they are written, 0 to 16 MiB; 0 writes each at once.
        flush: seconds after which they are written in any case, 0 to 60; 0 writes each at once.
        mask: more names whose values are secrets, in lower case, beside password, token, secret, cookie and their like.
    """

    level: Literal["debug", "info", "warning", "error", "critical"] = "info"
    format: Literal["auto", "text", "json"] = "auto"
    target: Annotated[str, Meta(min_length=1)] = "stderr"
    access: bool = True
    query: bool = False
    stdlib: bool = True
    buffer: Annotated[int, Meta(ge=0, le=16 << 20)] = 65536
    flush: Annotated[float, Meta(ge=0, le=60)] = 1.0
    mask: tuple[str, ...] = ()


class Log:
    """A logger: one word says what happened, values say the rest.

    It never raises: a line that cannot be written is counted, not your problem.

    Args:
        logs: the log it belongs to.
        values: what every line of it says.

    >>> import io, sys
    >>> from arlen_core.clock import VirtualClock
    >>> log = Logs(env="development", clock=VirtualClock()).log
    >>> screen, sys.stderr = sys.stderr, io.StringIO()
    >>> log.bind(shop="north").info("order.created", id=7, token="s3cr3t")
    >>> written, sys.stderr = sys.stderr.getvalue(), screen
    >>> print(written, end="")
    2026-01-01T00:00:00.000Z info     order.created shop=north id=7 token=********
    """

    __slots__ = ("_bound", "_logs", "_values")

    def __init__(self, logs: Logs, values: Mapping[str, Any] | None = None) -> None:
        self._logs = logs
        self._values = dict(values or {})
        self._bound: Any = None

    def bind(self, **values: Any) -> Log:
        """Return a logger that adds these values to each of its lines."""
        return Log(self._logs, self._values | values)

    def debug(self, event: str, /, **values: Any) -> None:
        """Log what only a developer wants to know."""
        self.write("debug", event, values)

    def info(self, event: str, /, **values: Any) -> None:
        """Log what happened."""
        self.write("info", event, values)

    def warning(self, event: str, /, **values: Any) -> None:
        """Log what somebody should look at one day."""
        self.write("warning", event, values)

    def error(self, event: str, /, **values: Any) -> None:
        """Log what failed; `exc_info=error` adds the traceback."""
        self.write("error", event, values)

    def critical(self, event: str, /, **values: Any) -> None:
        """Log what stops the application."""
        self.write("critical", event, values)

    def exception(self, event: str, /, **values: Any) -> None:
        """Log what failed, with the traceback of the exception that is being handled."""
        self.write("error", event, {"exc_info": True, **values})

    def write(self, level: str, event: str, values: dict[str, Any]) -> None:
        """Log at a level that is known only at run time."""
        if LEVELS[level] < self._logs.threshold:
            return
        try:
            if "event" in values:  # structlog's own name for the first argument
                values["event_"] = values.pop("event")
            if self._bound is None:
                self._bound = self._logs.structured.logger().bind(**self._values)
            getattr(self._bound, level)(event, **values)
        except Exception as error:  # noqa: BLE001  # a log line never raises
            self._logs.broken(level, event, error)


class Logs:
    """The log of one application.

    Args:
        settings: the section `[log]`.
        env: the environment's name.
        root: the application's folder.
        clock: for the timestamps.

    Attributes:
        log: the logger.
        sink: where the lines go.
        json: whether they are JSON.
        structured: the structlog logger behind it.
        threshold: the number of the lowest level that is written.
        failed: lines that could not be made.
        heard: told of each line before it is written, secrets masked; access lines are not among them. For tools.
    """

    def __init__(
        self,
        settings: LogSettings | None = None,
        env: str = "production",
        *,
        root: Path | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.settings = settings or LogSettings()
        people = env in {"development", "test"}
        self.json = self.settings.format == "json" or (self.settings.format == "auto" and not people)
        self.threshold = LEVELS[self.settings.level]
        self.failed = 0
        self.heard: Callable[[Mapping[str, Any]], object] | None = None
        self.stamp = Stamp(clock)
        self.sink = self._sink(root or Path(), at_once=people)
        self.structured = Structured(self.sink, self._render, self.threshold)
        self.log = Log(self)
        self._mask = frozenset(self.settings.mask)
        self._bridge: Any = None
        self._signals = False
        self._color = self.settings.target == "stderr" and not self.json and _colored()

    def start(self) -> None:
        """Open the target, take over the standard library's log, reopen a file on SIGUSR1.

        `StartupError` when the file cannot be opened.
        """
        self.sink.start()
        self.structured.start()
        if self.settings.stdlib and self._bridge is None:
            from arlen_core.bridge import Bridge

            bridge = Bridge(self.log.write, self.threshold)
            self._bridge = bridge if bridge.install() else None
        if self.settings.target != "stderr" and not self._signals:
            self._signals = _on_usr1(self.sink.reopen)

    def stop(self) -> None:
        """Write what is held and undo what `start` did."""
        if self._bridge is not None:
            self._bridge.remove()
            self._bridge = None
        if self._signals:
            signal.signal(signal.SIGUSR1, signal.SIG_DFL)
            self._signals = False
        self.structured.stop()
        self.sink.stop()

    def broken(self, level: str, event: str, error: Exception) -> None:
        """Write a line that says that a line could not be made."""
        self.failed += 1
        self.sink.write(self.line({"level": level, "event": str(event), "log_error": type(error).__name__}))

    def line(self, record: Mapping[str, Any]) -> bytes:
        """Return a record as the bytes of one line in the format of this log, with its timestamp."""
        stamped = {"timestamp": self.stamp(), **record}
        return json_line(stamped) if self.json else text_line(stamped, color=self._color)

    def _render(self, _: Any, level: str, values: MutableMapping[str, Any]) -> bytes:
        record = {"level": level, "event": hide("", values.pop("event", "")), **_ids(current.get())}
        for key, value in values.items():
            record[f"{key}_" if key in _OWN else key] = hide(key, value, self._mask)
        if self.heard is not None:
            self.heard(record)
        return self.line(record)

    def _sink(self, root: Path, *, at_once: bool) -> Sink:
        target = None if self.settings.target == "stderr" else root / self.settings.target
        size = 0 if at_once else self.settings.buffer
        return Sink(target, size=size, interval=self.settings.flush, notice=self._lost)

    def _lost(self, count: int) -> bytes:
        return self.line({"level": "error", "event": "log.lost", "lines": count})


@contextmanager
def about(request: Any) -> Iterator[None]:
    """Have the lines of a block name a request, where it is not the one that is being answered.

    >>> with about("the request"):
    ...     current.get()
    'the request'
    """
    token = current.set(request)
    try:
        yield
    finally:
        current.reset(token)


def _ids(request: Any) -> dict[str, str]:
    trace = inside()
    if request is None:
        return {"trace_id": trace[3:35], "span_id": trace[36:52]} if trace else {}
    trace = trace or request.trace
    return {"request_id": request.id, "trace_id": trace[3:35], "span_id": trace[36:52]}


def _colored() -> bool:
    terminal = sys.stderr is not None and sys.stderr.isatty()
    return terminal and "NO_COLOR" not in os.environ


def _on_usr1(reopen: Callable[[], None]) -> bool:
    main = threading.current_thread() is threading.main_thread()
    if not main or not hasattr(signal, "SIGUSR1") or signal.getsignal(signal.SIGUSR1) != signal.SIG_DFL:
        return False
    signal.signal(signal.SIGUSR1, lambda *_: reopen())
    return True

"""Structured: structlog behind the log, imported when the log starts, and shared while the application runs."""

from __future__ import annotations

from collections.abc import Callable, MutableMapping
from typing import Any

from arlen_core.sinks import Sink

__all__ = ["Structured"]

Render = Callable[[Any, str, MutableMapping[str, Any]], bytes]


class Structured:
    """The structlog logger of one log.

    Args:
        sink: where the lines go.
        render: structlog's last processor: makes the line.
        threshold: the number of the lowest level that is written.
    """

    def __init__(self, sink: Sink, render: Render, threshold: int) -> None:
        self._out = _Out(sink)
        self._render = render
        self._threshold = threshold
        self._logger: Any = None
        self._options: dict[str, Any] = {}
        self._running = self._shared = False

    def logger(self) -> Any:
        """Return the logger; the first call imports structlog (about 12 MB where rich is installed)."""
        if self._logger is None:
            import structlog

            self._options = {
                "processors": [
                    structlog.contextvars.merge_contextvars,
                    structlog.processors.format_exc_info,
                    self._render,
                ],
                "wrapper_class": structlog.make_filtering_bound_logger(self._threshold),
                "context_class": dict,
            }
            self._logger = structlog.wrap_logger(self._out, **self._options)
            self._share()
        return self._logger

    def start(self) -> None:
        """Let `structlog.get_logger()` give this log, unless the program has configured structlog itself.

        Imports structlog now, so that no request has to wait for it.
        """
        self._running = True
        self.logger()
        self._share()

    def stop(self) -> None:
        """Give structlog back as it was."""
        self._running = False
        if self._shared:
            import structlog

            structlog.reset_defaults()
            self._shared = False

    def _share(self) -> None:
        import structlog

        if self._running and not structlog.is_configured():
            self._shared = True
            structlog.configure(**self._options, logger_factory=self._target, cache_logger_on_first_use=False)

    def _target(self, *_: Any) -> _Out:
        return self._out


class _Out:
    """What structlog writes to: the sink, at once when it matters."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self.debug = self.info = self.warning = self.msg = sink.write

    def error(self, line: bytes) -> None:
        self._sink.write(line)
        self._sink.hurry()

    critical = error

"""Bridge: what libraries log by the standard library's `logging`, in the application's own log."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

__all__ = ["Bridge"]

_names = ((50, "critical"), (40, "error"), (30, "warning"), (20, "info"))


class Bridge(logging.Handler):
    """A handler for the root logger.

    Args:
        write: takes the level's name, the message and the values.
        level: the lowest level to take, as a number of the standard library.
    """

    def __init__(self, write: Callable[[str, str, dict[str, Any]], object], level: int) -> None:
        super().__init__(level)
        self._write = write
        self._before: int | None = None

    def emit(self, record: logging.LogRecord) -> None:
        """Hand one record on; one that cannot be formatted comes out as it was written."""
        try:
            message = record.getMessage()
        except Exception:  # noqa: BLE001  # a library's wrong format string is not the application's failure
            message = f"{record.msg} {record.args}"
        values: dict[str, Any] = {"logger": record.name}
        if record.exc_info:
            values["exc_info"] = record.exc_info
        name = next((name for least, name in _names if record.levelno >= least), "debug")
        self._write(name, message, values)

    def install(self) -> bool:
        """Put it on the root logger, unless there is one already."""
        root = logging.getLogger()
        if any(isinstance(each, Bridge) for each in root.handlers):
            return False
        self._before = root.level
        root.addHandler(self)
        root.setLevel(self.level)
        return True

    def remove(self) -> None:
        """Take it off again and give the root logger its old level."""
        root = logging.getLogger()
        root.removeHandler(self)
        if self._before is not None:
            root.setLevel(self._before)
            self._before = None

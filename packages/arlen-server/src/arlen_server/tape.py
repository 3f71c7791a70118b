"""Tape: remembers the last of what a program prints, while it is printed as ever."""

from __future__ import annotations

import sys
from typing import Any, Self, TextIO

__all__ = ["Tape"]

LIMIT = 16_384
"""Characters that are kept."""


class Tape:
    r"""Within `with`, keeps what goes to standard output and standard error; both stay what they are otherwise.

    >>> with Tape() as tape:
    ...     print("starting")
    starting
    >>> tape.text
    'starting\n'
    """

    def __init__(self) -> None:
        self.text = ""
        self._streams: tuple[TextIO, TextIO] = (sys.stdout, sys.stderr)

    def __enter__(self) -> Self:
        self._streams = sys.stdout, sys.stderr
        out, err = (_Tee(stream, self) for stream in self._streams)
        sys.stdout, sys.stderr = out, err  # they have all that the streams have
        return self

    def __exit__(self, *error: object) -> None:
        sys.stdout, sys.stderr = self._streams

    def keep(self, text: str) -> None:
        """Remember this; what is too long ago is forgotten."""
        self.text = (self.text + text)[-LIMIT:]


class _Tee:
    # whoever holds one of these longer (a log handler) still writes to the stream itself
    def __init__(self, stream: TextIO, tape: Tape) -> None:
        self._stream = stream
        self._tape = tape

    def write(self, text: str) -> int:
        self._tape.keep(text)
        return self._stream.write(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

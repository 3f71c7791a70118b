"""Failures: where in a template an error happened, for people and for error pages."""

from __future__ import annotations

import linecache
from collections.abc import Sequence
from pathlib import Path
from traceback import walk_tb

import jinja2
from jinja2 import TemplateNotFound, TemplateSyntaxError, UndefinedError
from msgspec import Struct

from arlen_core.errors import HTTPError, StartupError

__all__ = ["AROUND", "Spot", "TemplateFault", "annotate", "explain", "locate"]

_ENGINE = Path(jinja2.__file__).parent

AROUND = 2
"""Lines shown before and after the one that failed."""


class Spot(Struct, frozen=True):
    """A place in a template.

    Attributes:
        file: the template's file.
        line: from 1.
        name: the template's name, such as "notes/show.html".
    """

    file: str
    line: int
    name: str

    @property
    def snippet(self) -> str:
        """The line with those around it, numbered, the line itself marked with `>`; "" when the file is gone."""
        linecache.checkcache(self.file)
        around = range(max(1, self.line - AROUND), self.line + AROUND + 1)
        lines = [(number, linecache.getline(self.file, number)) for number in around]
        marked = [(">" if number == self.line else " ", number, text.rstrip()) for number, text in lines if text]
        return "\n".join(f"{mark} {number:4} | {text}".rstrip() for mark, number, text in marked)

    def __str__(self) -> str:
        return f"{self.name}, line {self.line}"


class TemplateFault(StartupError):
    """A template that cannot be used stops the start; `file` and `line` say where."""

    def __init__(self, reason: str, spot: Spot, *, fix: str = "", code: str = "template_invalid") -> None:
        super().__init__(f"{spot}: {reason}", fix=fix, code=code)
        self.file, self.line = spot.file, spot.line


def locate(error: BaseException, folders: Sequence[Path]) -> list[Spot]:
    """Return the places in templates that an error passed, the innermost first.

    The engine gives the frames of templates their own file and line, so includes, macros and parents are there too.

    Args:
        error: raised while a template was rendered or compiled.
        folders: of the templates.
    """
    frames = [(frame.f_code.co_filename, line) for frame, line in walk_tb(error.__traceback__)]
    if isinstance(error, TemplateSyntaxError) and error.filename:
        frames.append((error.filename, error.lineno))
    spots: list[Spot] = []
    for file, line in reversed(frames):
        name = _name(file, folders)
        if name and (spot := Spot(file, line, name)) not in spots:
            spots.append(spot)
    return spots


def annotate(error: BaseException, folders: Sequence[Path]) -> None:
    """Add the template, the line and the lines around it as a note to the error, once.

    Notes are shown wherever the traceback is: in the log, on the error page, by pytest. The error keeps its type, so
    that error handlers find it, and answers that a helper raised on purpose (`HTTPError`) are left alone. Frames of the
    engine are taken out of the traceback: its end is then the line of the template, or of the helper that it called.
    """
    if isinstance(error, HTTPError) or any(note.startswith("in the template ") for note in _notes(error)):
        return
    spots = locate(error, folders)
    if spots:
        _prune(error)
        via = "".join(f"\n  used by {spot}" for spot in spots[1:])
        error.add_note(f"in the template {spots[0]}\n{spots[0].snippet}{via}")


def explain(error: Exception) -> str:
    """Say in one line what is wrong."""
    if isinstance(error, TemplateNotFound):
        return f"there is no template {error.name!r}"
    if isinstance(error, TemplateSyntaxError | UndefinedError):
        return error.message or type(error).__name__
    return f"{type(error).__name__}: {error}"


def _prune(error: BaseException) -> None:
    at = error.__traceback__
    while at is not None:
        below = at.tb_next
        while below is not None and Path(below.tb_frame.f_code.co_filename).is_relative_to(_ENGINE):
            below = below.tb_next
        at.tb_next = below
        at = below


def _notes(error: BaseException) -> list[str]:
    return getattr(error, "__notes__", [])


def _name(file: str, folders: Sequence[Path]) -> str:
    path = Path(file)
    for folder in folders:
        if path.is_relative_to(folder):
            return path.relative_to(folder).as_posix()
    return ""

"""Failures: why an application did not start, in a form that people and tools can use."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from traceback import TracebackException, walk_tb
from typing import TYPE_CHECKING, NamedTuple

from msgspec import Struct

from arlen_core.errors import ConfigError, StartupError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Failure", "plain", "report"]

_ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")
_OUTPUT, _MESSAGE, _AROUND = 16_384, 4_096, 3
_AGAIN = "Correct it and save: the server starts the application again by itself."


class Failure(Struct, frozen=True, kw_only=True):
    """Why an application did not start.

    Attributes:
        stage: "load" (importing it, or its configuration), "start" (its lifecycle), "serve" (the listening socket),
            or "exit" (the process ended unasked).
        kind: the exception's type, such as "SyntaxError", or "" when there is none.
        message: what is wrong.
        hint: what to do about it.
        file: the file, relative to the application's root where it is inside; "" when not known.
        line: counted from 1; 0 when not known.
        column: counted from 1; 0 when not known.
        snippet: the lines around it, the culprit marked with `>`.
        trace: the traceback, from the application's own files on where that is known.
        output: what the application printed while it started, and the traceback, without terminal colours.
        exit_code: of the process; negative is the number of the signal that ended it.
        timestamp_utc: when, in ISO 8601.
    """

    stage: str
    kind: str = ""
    message: str
    hint: str = _AGAIN
    file: str = ""
    line: int = 0
    column: int = 0
    snippet: str = ""
    trace: str = ""
    output: str = ""
    exit_code: int | None = None
    timestamp_utc: str = ""

    @property
    def key(self) -> tuple[str, str, str, int]:
        """Equal for the same failure again, so that it is told once."""
        return self.stage, self.message, self.file, self.line


class _Place(NamedTuple):
    file: str
    line: int
    column: int


def plain(text: str) -> str:
    r"""The text without terminal control sequences (ECMA-48).

    >>> plain("\x1b[31mred\x1b[0m")
    'red'
    """
    return _ANSI.sub("", text)


def report(error: BaseException, *, stage: str, root: Path, output: str = "") -> Failure:
    """Describe an exception: its place in the application's own code, the lines around it, and a hint.

    Args:
        error: what was raised, with its traceback and causes.
        stage: see `Failure`.
        root: the application's folder; the innermost frame inside it is taken as the place.
        output: what was printed before.

    >>> failure = report(KeyError("port"), stage="start", root=Path("."))
    >>> failure.kind, failure.message
    ('KeyError', "KeyError: 'port'")
    """
    place = _locate(error, root.resolve()) or _Place("", 0, 0)
    essence = _essence(error)
    trace = plain(getattr(error, "output", "") or "".join(TracebackException.from_exception(error).format()))
    return Failure(
        stage=stage,
        kind=type(essence).__name__,
        message=_message(essence)[:_MESSAGE],
        hint=_hint(error),
        file=_shown(place.file, root.resolve()),
        line=place.line,
        column=place.column,
        snippet=_snippet(place),
        trace=trace[-_OUTPUT:],
        output=(plain(output) + trace)[-_OUTPUT:],
        exit_code=1,
        timestamp_utc=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def _essence(error: BaseException) -> BaseException:
    """What a wrapper of ours was raised for; of several failures, the wrapper names them all."""
    while isinstance(error, StartupError) and not isinstance(error, ConfigError):
        if error.__cause__ is None or isinstance(error.__cause__, BaseExceptionGroup):
            break
        error = error.__cause__
    return error


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """The root cause first."""
    seen: list[BaseException] = []
    while error is not None and error not in seen:
        seen.append(error)
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return reversed(seen)


def _locate(error: BaseException, root: Path) -> _Place | None:
    causes = list(_chain(error))
    for cause in causes:
        if place := _declared(cause, root):
            return place
    frames = [place for cause in causes for place in reversed(list(_frames(cause)))]
    inside = (place for place in frames if _inside(place.file, root))
    return next(inside, None) or next(iter(frames), None)


def _declared(error: BaseException, root: Path) -> _Place | None:
    """The place that an error itself names: a syntax error, a template error, a configuration error."""
    if isinstance(error, SyntaxError):
        return _Place(error.filename, error.lineno or 0, error.offset or 0) if error.filename else None
    for problem in getattr(error, "problems", ()):
        if getattr(problem, "line", None):
            return _Place(str(root / problem.origin), problem.line, 0)
    for file, line in (("file", "line"), ("filename", "lineno")):
        name, number = getattr(error, file, None), getattr(error, line, None)
        if isinstance(name, str | Path) and str(name) and isinstance(number, int):
            column = getattr(error, "column", 0)
            return _Place(str(root / name), number, column if isinstance(column, int) else 0)
    return None


def _frames(error: BaseException) -> Iterator[_Place]:
    for frame, line in walk_tb(error.__traceback__):
        yield _Place(frame.f_code.co_filename, line, 0)


def _inside(file: str, root: Path) -> bool:
    path = Path(file)
    return path.is_relative_to(root) and not {"site-packages", "dist-packages"} & set(path.parts)


def _shown(file: str, root: Path) -> str:
    return str(Path(file).relative_to(root)) if file and Path(file).is_relative_to(root) else file


def _message(error: BaseException) -> str:
    if isinstance(error, StartupError):
        return error.reason
    lines = list(TracebackException.from_exception(error).format_exception_only())
    notes = len(getattr(error, "__notes__", ()))
    lines = lines[: len(lines) - notes]
    text = lines[-1] if isinstance(error, SyntaxError) else "".join(lines)
    return plain(text).strip().removeprefix(f"{type(error).__module__}.")


def _hint(error: BaseException) -> str:
    for one in reversed(list(_chain(error))):
        if isinstance(fix := getattr(one, "fix", None), str) and fix:
            return fix
        if isinstance(one, ModuleNotFoundError) and one.name:
            return f"Is {one.name.partition('.')[0]!r} spelled right, and installed in this environment? {_AGAIN}"
    return _AGAIN


def _snippet(place: _Place) -> str:
    try:
        lines = Path(place.file).read_text(encoding="utf-8", errors="replace").splitlines()
    except (OSError, ValueError):
        return ""
    if not 1 <= place.line <= len(lines):
        return ""
    first, last = max(1, place.line - _AROUND), min(len(lines), place.line + _AROUND)
    width = len(str(last))
    return "\n".join(
        f"{'>' if number == place.line else ' '} {number:{width}} | {lines[number - 1][:200]}".rstrip()
        for number in range(first, last + 1)
    )

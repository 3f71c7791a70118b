"""Sources: configuration as it was written, in files and in the environment, and the line where a key stands."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct

__all__ = ["File", "Problem", "Variable", "line_of", "read_file", "steps", "variables"]

PREFIX = "ARLEN_"

_header = re.compile(r"\s*(\[\[?)\s*([^\[\]#]+?)\s*\]\]?\s*(?:#.*)?$").match
_assign = re.compile(r"""\s*((?:[\w-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[\w-]+|"[^"]*"|'[^']*'))*)\s*=""").match
_key = re.compile(r"""[\w-]+|"[^"]*"|'[^']*'""").findall
_where = re.compile(r"\(at (?:line (\d+), column \d+|end of document)\)")

Path_ = Sequence[str | int]


class Problem(Struct, frozen=True):
    """One thing that is wrong.

    Attributes:
        key: the key, such as "server.port"; "" when it is the file.
        origin: the file, below the application's folder, or the variable.
        line: the line in the file, when it is known.
        reason, fix: what is wrong and what to do.
    """

    key: str
    origin: str
    reason: str
    fix: str = ""
    line: int | None = None

    def __str__(self) -> str:
        where = f"{self.origin}:{self.line}" if self.line else self.origin
        text = f"{where}: {self.key} {self.reason}" if self.key else f"{where}: {self.reason}"
        return f"{text} (fix: {self.fix})" if self.fix else text


class File(Struct, frozen=True):
    """One file that was read: its name below the root, its text and its tables."""

    name: str
    text: str
    tables: dict[str, Any]


class Variable(Struct, frozen=True):
    """One variable of the environment: its name, the path that it stands for, its text."""

    name: str
    path: tuple[str, ...]
    text: str


def read_file(root: Path, name: str) -> File | Problem | None:
    """Read a TOML file below `root`; `None` when there is none, a `Problem` when it cannot be read."""
    try:
        text = (root / name).read_bytes().decode()
        return File(name, text, tomllib.loads(text))
    except FileNotFoundError:
        return None
    except OSError as error:
        return Problem("", name, f"cannot be read: {error.strerror}", "make it a file that the application may read")
    except UnicodeDecodeError:
        return Problem("", name, "is not UTF-8", "save it as UTF-8")
    except tomllib.TOMLDecodeError as error:
        return _broken(name, text, str(error))


def variables(environ: Mapping[str, str]) -> list[Variable]:
    """Return the variables that are configuration, sorted: `ARLEN_<SECTION>__<KEY>`, deeper with more `__`.

    >>> variables({"ARLEN_SERVER__PORT": "8080", "ARLEN_ENV": "test", "HOME": "/"})
    [Variable(name='ARLEN_SERVER__PORT', path=('server', 'port'), text='8080')]
    """
    found = []
    for name in sorted(environ):
        path = tuple(name.removeprefix(PREFIX).lower().split("__"))
        if name.startswith(PREFIX) and len(path) > 1:
            found.append(Variable(name, path, environ[name]))
    return found


def line_of(text: str, path: Path_) -> int | None:
    r"""Return the line on which a key of a TOML text stands, or else the nearest table around it, or `None`.

    >>> line_of("[server]\nport = 1\n", ["server", "port"])
    2
    """
    wanted, table, nearest = list(path), [], None
    seen: dict[tuple[str | int, ...], int] = {}
    for number, line in enumerate(text.splitlines(), 1):
        full: list[str | int] = []
        if found := _header(line):
            full = table = _table(found[1], found[2], seen)
        elif found := _assign(line):
            full = [*table, *_keys(found[1])]
        if full == wanted:
            return number
        if full and full == wanted[: len(full)]:
            nearest = number
    return nearest


def steps(field: str) -> list[str | int]:
    """Split a field path into its steps.

    >>> steps("commands[0].name")
    ['commands', 0, 'name']
    """
    parts = re.findall(r"[^.\[\]]+|\[\d+\]", field)
    return [int(part[1:-1]) if part.startswith("[") else part for part in parts]


def _table(bracket: str, name: str, seen: dict[tuple[str | int, ...], int]) -> list[str | int]:
    keys: list[str | int] = []
    for key in _keys(name):
        keys.append(key)
        if tuple(keys) in seen:
            keys.append(seen[tuple(keys)])
    if bracket == "[[":
        base = (
            tuple(_keys(name))
            if len(keys) == len(_keys(name))
            else tuple(keys[:-1] if isinstance(keys[-1], int) else keys)
        )
        seen[base] = seen.get(base, -1) + 1
        keys = [*base, seen[base]]
    return keys


def _keys(text: str) -> list[str]:
    return [key.strip("\"'") for key in _key(text)]


def _broken(name: str, text: str, message: str) -> Problem:
    found = _where.search(message)
    line = (int(found[1]) if found[1] else len(text.splitlines())) if found else None
    reason = _where.sub("", message).strip()
    return Problem("", name, f"is not TOML: {reason[:1].lower()}{reason[1:]}", "correct the line", line or None)

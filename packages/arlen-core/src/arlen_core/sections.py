"""Sections: one section of the configuration, from what was written in all places to one typed object."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from arlen_core.errors import FieldError
from arlen_core.schemas import child, fit, leaves, read_secret, seal, spell, unknown
from arlen_core.sources import File, Problem, Variable, line_of, steps
from arlen_core.validation import custom, explain, fields, strip
from arlen_core.vault import Secret, masked

__all__ = ["Section"]

Keys = tuple[str, ...]


class Section:
    """Puts one section together; later sources win, key by key.

    Args:
        name: of the section.
        kind: its Struct type.
        root: the folder that relative secret files are below.
        files: in rising order of weight.
        words: the variables of the environment, weightier than all files.

    Attributes:
        value: the settings object, or `None` when there are problems.
        problems: everything that is wrong.
    """

    def __init__(self, name: str, kind: Any, root: Path, files: Sequence[File], words: Sequence[Variable]) -> None:
        self.name = name
        self.kind = kind
        self.problems: list[Problem] = []
        self.value: Any = None
        self._root = root
        self._files = {file.name: file for file in files}
        self._ranks = {origin: rank for rank, origin in enumerate(self._files)}
        self._origins: dict[Keys, str] = {}
        self._data: dict[str, Any] = {}
        for file in files:
            self._take_file(file)
        for word in words:
            if word.path[0] == name:
                self._take_word(word)
        self._take_secrets(self._data, kind, ())
        self._decode()

    def rows(self) -> dict[str, dict[str, Any]]:
        """Return every value by its key, with its origin; secrets masked."""
        return {
            ".".join((self.name, *path)): {
                "value": msgspec.to_builtins(value, enc_hook=masked, str_keys=True),
                "origin": self._origin(path) or "default",
            }
            for path, value in leaves(self.value)
        }

    def _take_file(self, file: File) -> None:
        table = file.tables.get(self.name, {})
        if isinstance(table, dict):
            self._merge(self._data, table, file.name, ())
        else:
            fix = f"write [{self.name}] and its keys below"
            line = line_of(file.text, [self.name])
            self.problems.append(Problem(self.name, file.name, "is a section, not a value", fix, line))

    def _merge(self, into: dict[str, Any], new: dict[str, Any], origin: str, at: Keys) -> None:
        for key, value in new.items():
            path = (*at, key)
            if isinstance(value, dict) and isinstance(into.get(key), dict):
                self._merge(into[key], value, origin, path)
                continue
            self._forget(path)
            self._origins[path] = origin
            into[key] = value
            if isinstance(value, dict):
                into[key] = {}
                self._merge(into[key], value, origin, path)

    def _take_word(self, word: Variable) -> None:
        kind, table = self.kind, self._data
        at: Keys = ()
        for key in word.path[1:-1]:
            spelt = spell(kind, key)
            kind, at = child(kind, spelt), (*at, spelt)
            inner = table.get(spelt)
            table[spelt] = table = inner if isinstance(inner, dict) else {}
        key = spell(kind, word.path[-1])
        inside = child(kind, key)
        self._forget((*at, key))
        self._origins[*at, key] = word.name
        table[key] = word.text if inside is None else fit(word.text, inside)

    def _forget(self, path: Keys) -> None:
        for each in [each for each in self._origins if each[: len(path)] == path]:
            del self._origins[each]

    def _take_secrets(self, data: dict[str, Any], kind: Any, at: Keys) -> None:
        known = {name: strip(inner) for name, inner, _ in fields(strip(kind)) or []}
        for name, inner in known.items():
            if inner is Secret and f"{name}_file" in data and f"{name}_file" not in known:
                self._take_secret(data, name, at)
            elif isinstance(data.get(name), dict):
                self._take_secrets(data[name], inner, (*at, name))

    def _take_secret(self, data: dict[str, Any], name: str, at: Keys) -> None:
        path, given, origin = (*at, name), data.pop(f"{name}_file"), self._origins.pop((*at, f"{name}_file"))
        if name in data:
            other = self._origins[path]
            if self._rank(other) == self._rank(origin):
                self._add(path, origin, f"stands beside {name}_file", "keep one of the two")
            if self._rank(other) >= self._rank(origin):
                return
        self._origins[path] = origin
        data[name] = ""
        if not isinstance(given, str):
            self._add((*at, f"{name}_file"), origin, "must be text", "write the path of a file")
            return
        try:
            data[name] = read_secret(self._root, given)
        except ValueError as error:
            self._add((*at, f"{name}_file"), origin, str(error), "make it a text file that the application may read")
        self._origins[path] = f"{origin} ({given})"

    def _rank(self, origin: str) -> int:
        return self._ranks.get(origin, len(self._ranks))

    def _decode(self) -> None:
        for row in unknown(self._data, self.kind):
            self._row(FieldError(row.field, row.code, "is not a key here"), row.message)
        sealed = seal(self._data, self.kind)
        for row in explain(sealed, self.kind):
            self._row(row, self._fix(row))
        if not self.problems:
            self.value = msgspec.convert(sealed, self.kind, dec_hook=custom)

    def _fix(self, row: FieldError) -> str:
        path = steps(row.field)
        if row.code != "missing":
            return ""
        if not all(isinstance(step, str) for step in path):  # a variable cannot reach into a list
            return "set it in config/app.toml"
        variable = "__".join([self.name, *map(str, path)]).upper().replace("-", "_")
        return f"set it in config/app.toml, or as ARLEN_{variable}"

    def _row(self, row: FieldError, fix: str) -> None:
        path = tuple(steps(row.field))
        reason = row.message.replace("must be Secret", "must be text")
        self._add(path, self._origin(path) or next(iter(self._files), "config/app.toml"), reason, fix)

    def _add(self, path: Sequence[str | int], origin: str, reason: str, fix: str) -> None:
        file = self._files.get(origin)
        line = line_of(file.text, [self.name, *path]) if file else None
        key = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in (self.name, *path))
        self.problems.append(Problem(key.removeprefix("."), origin, reason, fix, line))

    def _origin(self, path: Sequence[str | int]) -> str:
        keys = tuple(str(step) for step in path)
        found = [keys[:size] for size in range(len(keys), 0, -1) if keys[:size] in self._origins]
        found += [each for each in self._origins if keys and each[: len(keys)] == keys]  # a table, by what is in it
        return self._origins[found[0]] if found else ""

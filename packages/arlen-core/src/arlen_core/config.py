"""Config: typed sections out of files and variables, with the origin of every value."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from arlen_core.errors import ConfigError
from arlen_core.sections import Section
from arlen_core.sources import PREFIX, File, Problem, Variable, line_of, read_file, variables
from arlen_core.validation import fields

__all__ = ["Config", "InvalidConfig", "environment", "installed"]

T = TypeVar("T", bound=msgspec.Struct)
Finder = Callable[[], Mapping[str, Callable[[], Any]]]

_ENVIRONMENTS = ("development", "production", "test")
_name = re.compile(r"[a-z][a-z0-9_-]{0,31}").fullmatch


class InvalidConfig(ConfigError):
    """The configuration is wrong; `problems` lists everything, each with file, line, key, reason and fix."""

    def __init__(self, problems: list[Problem]) -> None:
        text = "\n".join(f"  {each}" for each in problems)
        count = f"{len(problems)} problems" if len(problems) > 1 else "a problem"
        super().__init__(f"{count} in the configuration:\n{text}")
        self.problems = tuple(problems)


def environment(environ: Mapping[str, str], default: str = "production") -> str:
    """Return the name of the environment to run in.

    Args:
        environ: the variables; `ARLEN_ENV` decides. Without it, a run of pytest is "test".
        default: what else; "production" is the safe one: no debug pages, nothing made up.

    >>> environment({}), environment({"ARLEN_ENV": "development"})
    ('production', 'development')
    """
    return environ.get("ARLEN_ENV") or ("test" if "PYTEST_VERSION" in environ else default)


class Config:
    """The configuration of one application; `Config.load` makes it.

    Attributes:
        root: the application's folder.
        env: the name of the environment.

    ```python
    from pathlib import Path
    from msgspec import Struct
    from arlen_core.config import Config


    class Board(Struct, frozen=True):
        title: str = "Notes"
        page: int = 20


    config = Config.load(Path(), "test", {"ARLEN_BOARD__PAGE": "50"})
    assert config.section("board", Board) == Board(page=50)
    assert config.dump() == {
        "board.page": {"value": 50, "origin": "ARLEN_BOARD__PAGE"},
        "board.title": {"value": "Notes", "origin": "default"},
    }
    ```
    """

    def __init__(self, root: Path, env: str, files: list[File], words: list[Variable], names: list[str]) -> None:
        self.root = root
        self.env = env
        self._files = files
        self._words = words
        self._names = names
        self._sections: dict[str, Section] = {}

    @classmethod
    def load(
        cls,
        root: Path,
        env: str = "",
        environ: Mapping[str, str] | None = None,
        sections: Mapping[str, type[msgspec.Struct]] | None = None,
    ) -> Config:
        """Read the files and the variables.

        Args:
            root: the application's folder; the files are in its folder `config` and may be missing.
            env: the environment's name; by default what `environment` says. A name other than development,
                production and test needs its file.
            environ: the variables; those of the process by default.
            sections: types of sections that are known already, to be checked now.

        Raises `InvalidConfig` with every problem of the files and of those sections.
        """
        environ = os.environ if environ is None else environ
        env = env or environment(environ)
        _raise(_environment(root, env))
        read = [read_file(root, name) for name in ("config/app.toml", f"config/{env}.toml")]
        words = variables(environ)
        _raise(
            [each for each in read if isinstance(each, Problem)] + [_empty(each) for each in words if "" in each.path]
        )
        files = [each for each in read if isinstance(each, File)]
        made = cls(root, env, files, words, sorted(name for name in environ if name.startswith(PREFIX)))
        _raise([problem for name, kind in (sections or {}).items() for problem in made._open(name, kind).problems])
        return made

    def section(self, name: str, kind: type[T]) -> T:
        """Return the section as an object of that type, its defaults filled in; the same object every time.

        Raises `InvalidConfig` with every problem of the section, `ConfigError` when it has another type already.
        """
        section = self._open(name, kind)
        _raise(section.problems)
        return section.value  # type: ignore[no-any-return]

    def check(self, find: Finder | None = None) -> None:
        """Check everything, for the start: `InvalidConfig` lists all problems of all sections.

        Args:
            find: how to look for the section types of installed packages; their entry points by default. It is asked
                only when there is a section that nobody has opened.
        """
        unopened = {name: where for name, where in self._written().items() if name not in self._sections}
        if unopened:
            self._open_installed(unopened, find or installed)
        problems = [
            _stranger(name, where, [*self._sections]) for name, where in unopened.items() if name not in self._sections
        ]
        problems += [each for section in self._sections.values() for each in section.problems]
        _raise(problems + self._lookalikes())

    def discover(self, find: Finder | None = None) -> None:
        """Open the sections of every installed package, for a complete `dump`."""
        types = (find or installed)()
        self._open_installed(types, lambda: types)

    def dump(self) -> dict[str, dict[str, Any]]:
        """Return every value of every opened section by its key, sorted, each with `value` and `origin`.

        The origin is "default", a file or a variable. Secrets are masked.
        """
        rows: dict[str, dict[str, Any]] = {}
        for section in self._sections.values():
            rows |= section.rows() if not section.problems else {}
        return dict(sorted(rows.items()))

    def _open(self, name: str, kind: Any) -> Section:
        section = self._sections.get(name)
        if section is None:
            section = self._sections[name] = Section(name, kind, self.root, self._files, self._words)
        elif section.kind is not kind:
            reason = f"the section [{name}] belongs to {section.kind.__module__}.{section.kind.__qualname__}"
            raise ConfigError(reason, fix=f"give {kind.__module__}.{kind.__qualname__} a name of its own")
        return section

    def _open_installed(self, names: Mapping[str, Any], find: Finder) -> None:
        types = find()
        for name in names:
            if name in types and name not in self._sections:
                self._open(name, types[name]())

    def _written(self) -> dict[str, Problem]:
        found: dict[str, Problem] = {}
        for file in self._files:
            for name, value in file.tables.items():
                reason = (
                    "is not a section that anything here reads"
                    if isinstance(value, dict)
                    else "is outside of any section"
                )
                found.setdefault(name, Problem(name, file.name, reason, "", line_of(file.text, [name])))
        for word in self._words:
            reason = f"names the section {word.path[0]!r}, which nothing here reads"
            found.setdefault(word.path[0], Problem("", word.name, reason))
        return found

    def _lookalikes(self) -> list[Problem]:
        meant = {
            f"{PREFIX}{name}_{key}".upper().replace("-", "_"): f"{PREFIX}{name}__{key}".upper().replace("-", "_")
            for name, section in self._sections.items()
            for key, _, _ in fields(section.kind) or []
        }
        return [
            Problem("", name, "has one underscore too few", f"write {meant[name]}")
            for name in self._names
            if name in meant
        ]


def installed() -> dict[str, Callable[[], Any]]:
    """Return what loads the sections' types of installed packages: their entry points in the group `arlen.settings`."""
    from importlib.metadata import entry_points  # slow, and seldom needed

    return {each.name: each.load for each in entry_points(group="arlen.settings")}


def _environment(root: Path, env: str) -> list[Problem]:
    if _name(env) and (env in _ENVIRONMENTS or (root / f"config/{env}.toml").is_file()):
        return []
    near = get_close_matches(env, _ENVIRONMENTS, 1)
    fix = f"did you mean {near[0]!r}?" if near else f"use one of {', '.join(_ENVIRONMENTS)}, or add config/<name>.toml"
    return [Problem("", "ARLEN_ENV", f"there is no environment {env[:40]!r}", fix)]


def _empty(word: Variable) -> Problem:
    return Problem("", word.name, "has nothing between its underscores", f"write {PREFIX}<SECTION>__<KEY>")


def _stranger(name: str, where: Problem, known: list[str]) -> Problem:
    near = get_close_matches(name, known, 1)
    fix = f"did you mean {near[0]!r}?" if near else f"sections here: {', '.join(sorted(known)) or 'none'}"
    return Problem(where.key, where.origin, where.reason, fix, where.line)


def _raise(problems: list[Problem]) -> None:
    if problems:
        raise InvalidConfig(problems)

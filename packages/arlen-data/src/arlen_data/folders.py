"""Folders: where migrations come from, folders of an application and of the packages that it uses."""

from __future__ import annotations

import re
from collections.abc import Iterable
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from msgspec import Struct

from arlen_data.faults import MigrationError
from arlen_data.scripts import Phase, Script, parse

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Migrations", "Source", "read", "suffix"]

_STEM = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,119}")
_NAME = re.compile(r"[a-z][a-z0-9_]{0,31}")
_ENGINES = ("postgresql", "sqlite")
_PHASES = ("pre", "post")
_ORDER = {"pre": 0, "": 1, "post": 2}


class Migrations:
    """The migrations of an application, or of a package.

    Args:
        folder: a path, or a folder of a package: `importlib.resources.files("arlen_jobs") / "migrations"`.
        namespace: what versions begin with, so that those of two packages never meet: "jobs" makes "jobs::0001_init".
            Lower-case letters, digits and _, at most 32 characters; "" is the application itself.
        target: the name of the database that they are for; see `Database`.

    The name of a file says whether it is for us: `0002_emails[.pre|.post][.postgresql|.sqlite][.down].sql`. Files of
    other kinds, those that begin with a dot and folders are passed over.

    Raises:
        MigrationError: the namespace is none.
    """

    def __init__(self, folder: str | Path | Traversable, *, namespace: str = "", target: str = "default") -> None:
        for name in filter(None, (namespace, target)):
            suffix(name)
        self.folder: Path | Traversable = Path(folder) if isinstance(folder, str) else folder
        self.namespace, self.target = namespace, target

    def __repr__(self) -> str:
        return f"Migrations({str(self.folder)!r}, namespace={self.namespace!r}, target={self.target!r})"

    def scripts(self, dialect: str) -> list[Script]:
        """Read every migration for an engine, in the order in which they run.

        Args:
            dialect: "postgresql" or "sqlite".

        Raises:
            MigrationError: there is no such folder, or a file is wrong.
        """
        chosen: dict[tuple[str, Phase, bool], _File] = {}
        for file in self._files():
            if file.engine not in {"", dialect}:
                continue
            other = chosen.get(file.key)
            if other is not None and bool(other.engine) == bool(file.engine):
                message = f"it is the same migration as {other.shown}"
                raise MigrationError(message, code="migration_twice", fix="rename one of them", file=file.shown)
            if other is None or file.engine:
                chosen[file.key] = file
        _paired(chosen)
        ups = sorted((file for file in chosen.values() if not file.down), key=_File.order)
        return [self._script(file, chosen.get((file.stem, file.phase, True)), dialect) for file in ups]

    def _files(self) -> Iterator[_File]:
        if not self.folder.is_dir():
            fix = "make it, or name another folder; `arlen migrate new NAME` writes the first file"
            raise MigrationError(f"there is no folder {self.folder}", code="migrations_missing", fix=fix)
        for each in sorted(self.folder.iterdir(), key=lambda entry: entry.name):
            if each.name.endswith(".sql") and not each.name.startswith(".") and each.is_file():
                yield _file(each, str(self.folder))

    def _script(self, file: _File, down: _File | None, dialect: str) -> Script:
        version = f"{self.namespace}::" * bool(self.namespace) + file.stem + f".{file.phase}" * bool(file.phase)
        back = None if down is None else (down.shown, _text(down))
        return parse(_text(file), dialect, version=version, file=file.shown, phase=file.phase, down=back)


Source: TypeAlias = "str | Path | Traversable | Migrations | Iterable[str | Path | Traversable | Migrations]"
"""Where migrations come from: a folder, a `Migrations`, or several; those of the first one run first."""


def read(source: Source, dialect: str) -> list[Script]:
    """Read all migrations of a source for an engine, in the order in which they run.

    Raises:
        MigrationError: a file is wrong, or two are called the same.
    """
    made: dict[str, Script] = {}
    for each in _folders(source):
        for script in each.scripts(dialect):
            if script.version in made:
                message = f"{made[script.version].file} is called {script.version!r} too"
                fix = "give the migrations of a package a namespace of their own"
                raise MigrationError(message, code="migration_twice", fix=fix, file=script.file)
            made[script.version] = script
    return list(made.values())


def suffix(name: str) -> str:
    """Return what the state table of a target ends in: "" for "default", "__reports" for "reports".

    >>> suffix("default"), suffix("reports")
    ('', '__reports')

    Raises:
        MigrationError: it is no name.
    """
    if not _NAME.fullmatch(name):
        fix = "use lower-case letters, digits and _, a letter first, at most 32 characters"
        raise MigrationError(f"{name!r} is no name of a target or a namespace", code="migration_name", fix=fix)
    return "" if name == "default" else f"__{name}"


class _File(Struct, frozen=True):
    entry: Path | Traversable
    shown: str
    stem: str
    phase: Phase
    engine: str
    down: bool

    @property
    def key(self) -> tuple[str, Phase, bool]:
        return self.stem, self.phase, self.down

    def order(self) -> tuple[str, int]:
        return self.stem, _ORDER[self.phase]


def _file(entry: Path | Traversable, folder: str) -> _File:
    shown = f"{folder.rstrip('/')}/{entry.name}"
    stem, *tags = entry.name.removesuffix(".sql").split(".")
    if not _STEM.fullmatch(stem):
        fix = "name it like 0002_emails.sql"
        message = "the name has more than letters, digits, _ and -, or more than 120 of them"
        raise MigrationError(message, code="migration_name", fix=fix, file=shown)
    phases = [tag for tag in tags if tag in _PHASES]
    engines = [tag for tag in tags if tag in _ENGINES]
    downs = [tag for tag in tags if tag == "down"]
    known = [*phases, *engines, *downs]
    if len(known) != len(tags) or max(map(len, (phases, engines, downs))) > 1:
        odd = next((tag for tag in tags if tag not in known), "") or "one of each kind"
        fix = "name it NAME[.pre|.post][.postgresql|.sqlite][.down].sql"
        raise MigrationError(f"the name has {odd!r} between dots", code="migration_name", fix=fix, file=shown)
    phase: Phase = "pre" if "pre" in phases else "post" if phases else ""
    return _File(entry, shown, stem, phase, "".join(engines), bool(downs))


def _paired(chosen: dict[tuple[str, Phase, bool], _File]) -> None:
    for (stem, phase, down), file in chosen.items():
        if down and (stem, phase, False) not in chosen:
            fix = "name it as the file that it takes back, with .down before .sql"
            raise MigrationError("there is nothing that it takes back", code="migration_name", fix=fix, file=file.shown)


def _text(file: _File) -> str:
    try:
        return file.entry.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        message = f"byte {error.start} is not UTF-8"
        raise MigrationError(message, code="migration_invalid", fix="save it as UTF-8", file=file.shown) from None


def _folders(source: Source) -> Iterator[Migrations]:
    if isinstance(source, Migrations):
        yield source
    elif isinstance(source, str | Path | Traversable):
        yield Migrations(source)
    else:
        for each in source:
            yield from _folders(each)

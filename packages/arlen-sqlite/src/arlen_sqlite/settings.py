"""Settings: everything that can be chosen about a database, with units, limits and defaults."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from sqlite3 import Connection
from typing import Annotated, Any, Literal
from urllib.parse import parse_qsl, unquote

import msgspec
from msgspec import Meta, Struct

from arlen_data.errors import InvalidArgument

__all__ = ["Settings", "parse"]

_PRAGMA = re.compile(r"[a-z_]+").fullmatch
_VALUE = re.compile(r"-?\w+").fullmatch
_OWN = {"foreign_keys", "journal_mode", "query_only", "busy_timeout", "synchronous", "locking_mode"}

Seconds = Annotated[float, Meta(ge=0, le=86_400)]


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What can be chosen about a database.

    Args:
        path: the file, or ":memory:" for one that is gone after `close`.
        name: of this database among several, see `arlen_data.Database`.
        readers: threads for short reads, 1 to 64.
        streams: streams, read-only transactions and backups at a time, 1 to 256. Each has a connection and a thread of
            its own, made when it is needed, so that a slow one is in nobody's way.
        lock_timeout: seconds that a write waits for another process that writes; then it is `LockTimeout`.
        waiting: calls that may wait for a thread, for each kind of thread; one more raises `PoolBusy`.
        synchronous: "normal" survives the end of the process, and may lose the last commits when the machine loses
            power; "full" and "extra" do not lose them; "off" may break the file when the machine loses power.
        group_commit: writes that wait for each other become durable together.
        inline_reads: short reads run on the event loop's own thread, up to a budget; a longer one begins again on a
            thread.
        statement_cache: statements that each connection keeps prepared, 0 to 10,000.
        grace: seconds that `close` waits for what runs.
        idle: seconds that a write transaction may do nothing while it keeps all other writers waiting; 0 for no bound.
        foreign_keys: foreign keys are enforced. Turn it off for the rebuild of a table, in a database made by `again`.
        extensions: paths of loadable extensions.
        pragmas: more for every connection, `{"cache_size": -64_000}`.
        setup: called with each `sqlite3.Connection` when it is made, in its thread: for functions and collations.
    """

    path: Annotated[str, Meta(min_length=1)] = "app.db"
    name: Annotated[str, Meta(min_length=1)] = "default"
    readers: Annotated[int, Meta(ge=1, le=64)] = 2
    streams: Annotated[int, Meta(ge=1, le=256)] = 8
    lock_timeout: Seconds = 5.0
    waiting: Annotated[int, Meta(ge=1, le=1_000_000)] = 1000
    synchronous: Literal["off", "normal", "full", "extra"] = "normal"
    group_commit: bool = False
    inline_reads: bool = False
    statement_cache: Annotated[int, Meta(ge=0, le=10_000)] = 256
    grace: Seconds = 10.0
    idle: Seconds = 60.0
    foreign_keys: bool = True
    extensions: tuple[str, ...] = ()
    pragmas: Mapping[str, int | str] = {}
    setup: Callable[[Connection], object] | None = None

    @classmethod
    def of(cls, values: Mapping[str, Any], *, strict: bool = True) -> Settings:
        """Return settings of these values.

        Args:
            values: by name.
            strict: whether the text "4" is no number.

        >>> Settings.of({"readers": 4}).readers
        4

        Raises:
            InvalidArgument: one that there is not, or that is out of bounds.
        """
        plain = {name: value for name, value in values.items() if name not in {"setup", "pragmas"}}
        try:
            made = msgspec.convert(plain, cls, strict=strict)
        except msgspec.ValidationError as error:
            raise InvalidArgument(f"these settings of SQLite are wrong: {error}") from None
        if "\0" in made.path or any("\ud800" <= each <= "\udbff" for each in made.path):
            raise InvalidArgument("a path of SQLite has no NUL character and no half of a surrogate pair")
        pragmas = _pragmas(values.get("pragmas") or {})
        return msgspec.structs.replace(made, setup=values.get("setup"), pragmas=pragmas)

    def changed(self, changes: Mapping[str, Any]) -> Settings:
        """Return the same settings but for some; raises as `of`."""
        return self.of({name: getattr(self, name) for name in self.__struct_fields__} | dict(changes))


def parse(url: str) -> dict[str, str]:
    """Return the settings that a URL names: the path, and those after the question mark.

    Args:
        url: "sqlite:///relative.db", "sqlite:////absolute.db" or "sqlite://:memory:"; without slashes also "sqlite:"
            and the path as it is.

    >>> parse("sqlite:////var/lib/app.db?readers=4")
    {'path': '/var/lib/app.db', 'readers': '4'}

    Raises:
        InvalidArgument: it is none.
    """
    scheme, split, rest = url.partition(":")
    if scheme.lower() != "sqlite" or not split:
        raise InvalidArgument("this is no URL of SQLite", fix="sqlite:///relative.db, or sqlite://:memory:")
    place, _, query = rest.partition("?")
    if place in {"//", "///", ":memory:", "//:memory:", "///:memory:"}:
        path = ":memory:"
    elif not place.startswith("//"):
        path = unquote(place)
    elif place.startswith("///"):
        path = unquote(place)[3:]
    else:
        raise InvalidArgument("a URL of SQLite names no host", fix="write three slashes before a relative path")
    options = dict(parse_qsl(query, keep_blank_values=True))
    if "path" in options:
        raise InvalidArgument("a URL of SQLite names its path once")
    return {"path": path} | options


def _pragmas(values: Mapping[str, Any]) -> dict[str, int | str]:
    for name, value in values.items():
        if not _PRAGMA(str(name)) or not _VALUE(str(value)):
            raise InvalidArgument(f"{name!r} is no pragma with a value that is a word or a number")
        if name in _OWN:
            raise InvalidArgument(f"the pragma {name} is not free to choose", fix="use the setting for it, if there is")
    return dict(values)

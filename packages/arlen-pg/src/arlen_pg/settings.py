"""Settings: where the database is, and every bound of the adapter, checked before anything is connected."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypedDict
from urllib.parse import unquote

import msgspec
import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from arlen_data.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Limits", "Settings", "parse"]

_SECRET = ("password", "sslpassword")

# name: smallest, largest, unit
_BOUNDS: dict[str, tuple[float, float, str]] = {
    "size": (1, 1000, "connections"),
    "min_size": (0, 1000, "connections"),
    "timeout": (0.001, 3600, "seconds"),
    "max_waiting": (0, 1_000_000, "callers"),
    "max_lifetime": (1, 604_800, "seconds"),
    "idle": (1, 86_400, "seconds"),
    "connect_timeout": (0.1, 3600, "seconds"),
    "grace": (0, 3600, "seconds"),
    "statement_cache": (0, 10_000, "statements"),
    "statement_timeout": (0, 86_400, "seconds"),
    "lock_timeout": (0, 86_400, "seconds"),
}


class Limits(TypedDict, total=False):
    """The settings of `Postgres` but its URL: see `Settings`."""

    size: int
    min_size: int
    timeout: float
    max_waiting: int
    max_lifetime: float
    idle: float
    connect_timeout: float
    grace: float
    statement_cache: int
    statement_timeout: float
    lock_timeout: float
    application_name: str
    timezone: str
    transport: Literal["raw", "psycopg"]


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What one `Postgres` is told; times are in seconds.

    Args:
        url: `postgresql://user:password@host:port/database?option=...`, or libpq's `key=value` form; what is missing
            comes from libpq's environment variables, service file and password file.
        size: connections at most; 1 to 1000.
        min_size: connections that are kept open, at most `size`.
        timeout: how long a caller waits for a connection.
        max_waiting: callers that may wait; the next one gets `PoolBusy` at once.
        max_lifetime: age at which an idle connection is replaced, less up to a tenth of it, drawn at random.
        idle: how long a connection beyond `min_size` may be unused.
        connect_timeout: how long making a connection may take.
        grace: how long `close()` waits for what runs.
        statement_cache: statements that stay prepared on a connection; 0 prepares none, for PgBouncer in transaction
            mode.
        statement_timeout: the server stops a statement after this; 0 is the server's own setting.
        lock_timeout: the server stops waiting for a lock after this; 0 is the server's own setting.
        application_name: how the connections are called in `pg_stat_activity`.
        timezone: of the sessions; "" is the server's own setting. It says how a datetime without a zone is read.
        transport: "raw" is the fast path over libpq; "psycopg" uses psycopg's connections and needs no C extension.

    The password is in no `repr` and in no message:

    >>> Settings(url="postgresql://ada:secret@db/app", size=4).target()
    'user=ada dbname=app host=db'
    """

    url: str = ""
    size: int = 8
    min_size: int = 1
    timeout: float = 10.0
    max_waiting: int = 1000
    max_lifetime: float = 3600.0
    idle: float = 300.0
    connect_timeout: float = 10.0
    grace: float = 10.0
    statement_cache: int = 128
    statement_timeout: float = 0.0
    lock_timeout: float = 0.0
    application_name: str = "arlen"
    timezone: str = "UTC"
    transport: Literal["raw", "psycopg"] = "raw"

    def __post_init__(self) -> None:
        for name, (least, most, unit) in _BOUNDS.items():
            value = getattr(self, name)
            whole = isinstance(value, int) if self.__annotations__[name] == "int" else isinstance(value, (int, float))
            if not whole or isinstance(value, bool) or not least <= value <= most:
                raise InvalidArgument(f"{name} is {least:g} to {most:g} {unit}, not {value!r}")
        if self.min_size > self.size:
            raise InvalidArgument(f"min_size is {self.min_size}, more than size, which is {self.size}")
        if self.transport not in {"raw", "psycopg"}:
            raise InvalidArgument(f"transport is 'raw' or 'psycopg', not {self.transport!r}")
        for name in ("application_name", "timezone"):
            if "\0" in getattr(self, name) or len(getattr(self, name)) > 63:
                raise InvalidArgument(f"{name} is at most 63 characters, none of them NUL")
        _parsed(self.url)

    def __repr__(self) -> str:
        given = {name: getattr(self, name) for name in self.__struct_fields__ if name != "url"}
        return f"Settings({', '.join([repr(self.target()), *(f'{name}={value!r}' for name, value in given.items())])})"

    def target(self) -> str:
        """Return where the database is, without any secret: for people."""
        return make_conninfo("", **{name: value for name, value in _parsed(self.url).items() if name not in _SECRET})

    def origin(self) -> dict[str, str | int]:
        """Return the database, the host and the port for traces, as far as the URL says; of several hosts the first.

        >>> Settings(url="postgresql://ada:secret@db:5433/app").origin()
        {'db.namespace': 'app', 'server.address': 'db', 'server.port': 5433}
        """
        given = {name: str(value).partition(",")[0] for name, value in _parsed(self.url).items()}
        names = {"db.namespace": "dbname", "server.address": "host"}
        made: dict[str, str | int] = {name: given[each] for name, each in names.items() if given.get(each)}
        port = given.get("port", "")
        return made | {"server.port": int(port)} if port.isdigit() else made

    def secrets(self) -> list[str]:
        """Return what no message may hold."""
        return [str(value) for name, value in _parsed(self.url).items() if name in _SECRET and value]

    def conninfo(self) -> str:
        """Return what libpq is told, secrets included."""
        given = _parsed(self.url)
        ours: dict[str, Any] = {"application_name": self.application_name, "client_encoding": "UTF8"}
        ours["connect_timeout"] = max(2, round(self.connect_timeout))  # libpq counts whole seconds, from 2
        return make_conninfo("", **(ours | given | {"client_encoding": "UTF8"}))

    def prologue(self, known: Callable[[str], str]) -> str:
        """Return the SQL that a session begins with, "" for none; `known` tells what the server has reported."""
        made = [] if known("DateStyle").startswith("ISO") else ["set datestyle to iso"]
        if known("IntervalStyle") != "postgres":
            made.append("set intervalstyle to postgres")
        if self.timezone and known("TimeZone").removeprefix("Etc/") != self.timezone:
            made.append(f"set timezone to {_literal(self.timezone)}")
        if self.statement_timeout:
            made.append(f"set statement_timeout to {_milliseconds(self.statement_timeout)}")
        if self.lock_timeout:
            made.append(f"set lock_timeout to {_milliseconds(self.lock_timeout)}")
        return "; ".join(made)


def parse(url: str) -> tuple[str, dict[str, Any]]:
    """Return a URL without the settings of ours in its query, and those settings.

    >>> parse("postgresql://db/app?size=20&sslmode=require")
    ('postgresql://db/app?sslmode=require', {'size': 20})

    Raises:
        InvalidArgument: one of them is no number where it has to be one.
    """
    place, mark, query = url.partition("?")
    if not mark or "://" not in place:
        return url, {}
    pairs = [each.partition("=") for each in query.split("&")]
    ours = {name: unquote(value) for name, _, value in pairs if name in _KINDS}
    rest = "&".join(["".join(each) for each in pairs if each[0] not in ours])  # as it was: libpq takes + for itself
    try:
        made = {name: msgspec.convert(value, _KINDS[name], strict=False) for name, value in ours.items()}
    except msgspec.ValidationError:
        raise InvalidArgument(f"a setting in the URL is no number: {', '.join(ours)}") from None
    return (f"{place}?{rest}" if rest else place), made


def _parsed(url: str) -> dict[str, Any]:
    try:
        return conninfo_to_dict(url)
    except psycopg.Error:  # its message quotes the text, and the text may hold a password
        fix = "write postgresql://user:password@host:5432/database, with %-escapes for special characters"
        raise InvalidArgument("the URL of the database cannot be read", fix=fix) from None


def _milliseconds(seconds: float) -> int:
    return max(1, round(seconds * 1000))


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''").replace("\\", "\\\\") + "'"


_KINDS = {field.name: field.type for field in msgspec.structs.fields(Settings) if field.name != "url"}

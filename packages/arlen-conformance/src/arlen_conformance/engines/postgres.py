"""PostgreSQL: from its wheel, on a Unix socket, as root too; a database for each test."""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from arlen_conformance.engines.binaries import postgres_programs
from arlen_conformance.engines.engine import External, Recipe, Server, attach
from arlen_conformance.engines.errors import EngineError

__all__ = ["VARIABLE", "Postgres", "postgres"]

VARIABLE = "ARLEN_TEST_POSTGRES_URL"
STARTUP = b"\x00\x00\x00\x29\x00\x03\x00\x00user\x00postgres\x00database\x00postgres\x00\x00"
SETTINGS = {
    "fsync": "off",  # a killed process loses nothing; a machine that loses its power is not tested
    "full_page_writes": "off",
    "listen_addresses": "",
    "max_connections": "200",
    "max_prepared_transactions": "20",
    "shared_buffers": "32MB",
    "timezone": "UTC",
    "wal_level": "logical",
}


class Postgres(Server):
    """A PostgreSQL server for tests; `base` is the URL of its maintenance database."""

    def url(self, database: str = "postgres") -> str:
        """Return the URL of a database, whether there is one of that name or not."""
        parts = urlsplit(self.base)
        return urlunsplit(parts._replace(path=f"/{quote(database)}"))

    def run(self, sql: str) -> str:
        """Run SQL as the superuser, with psql, and return what it prints; `EngineError` when it fails."""
        words = [_psql(), "-XqAt", "-v", "ON_ERROR_STOP=1", "-d", self.base, "-c", sql]
        done = subprocess.run(words, check=False, capture_output=True, text=True, stdin=subprocess.DEVNULL)
        if done.returncode:
            raise EngineError("sql_failed", done.stderr.strip(), "read the statement")
        return done.stdout.strip()

    @contextmanager
    def database(self) -> Iterator[str]:
        """Make an empty database, give its URL, and drop it, also when somebody is still connected."""
        name = f"t_{secrets.token_hex(8)}"
        self.run(f"create database {name} template template0")
        try:
            yield self.url(name)
        finally:
            self.run(f"drop database if exists {name} with (force)")

    def connections(self, url: str) -> int:
        """Return how many clients are connected to a database: after a test that closes all, none."""
        name = unquote(urlsplit(url).path.lstrip("/"))
        return int(self.run(f"select count(*) from pg_stat_activity where datname = '{name}'"))  # noqa: S608 - our own


@contextmanager
def postgres(*, share: str = "", external: bool = False, settings: dict[str, str] | None = None) -> Iterator[Postgres]:
    """Give a PostgreSQL server, and stop it when its last user has gone, however that happens.

    Args:
        share: a text that is the same for all who shall share one server; empty for a private one.
        external: whether the one that `ARLEN_TEST_POSTGRES_URL` names will do; its user must be allowed to create
            databases.
        settings: more of its settings.

    Raises:
        EngineError: there is none, or it does not start.
    """
    if external and (other := os.environ.get(VARIABLE)):
        yield Postgres(External(VARIABLE), other)
        return
    with attach(lambda folder: _recipe(folder, settings or {}), "postgres", share) as engine:
        folder = quote(str(Path(str(engine.address)).parent), safe="")
        yield Postgres(engine, f"postgresql://postgres@/postgres?host={folder}")


def _recipe(folder: Path, settings: dict[str, str]) -> Recipe:
    programs, user, group = postgres_programs(), None, None
    if os.geteuid() == 0:
        owner = _somebody()
        user, group = owner.pw_uid, owner.pw_gid
        os.chown(folder, user, group)
        programs = _readable(programs, folder)
    data = str(folder / "data")
    first = [
        str(programs / "initdb"),
        "-D",
        data,
        "-U",
        "postgres",
        "-A",
        "trust",
        "-E",
        "UTF8",
        "--no-locale",
        "--no-sync",
    ]
    options = [word for name, value in (SETTINGS | settings).items() for word in ("-c", f"{name}={value}")]
    start = [str(programs / "postgres"), "-D", data, "-k", str(folder), *options]
    return Recipe(
        name="postgres",
        folder=str(folder),
        prepare=[[*first, "--no-instructions"]],
        start=start,
        address=str(folder / ".s.PGSQL.5432"),
        user=user,
        group=group,
        stop=2,  # SIGINT: "fast", which does not wait for clients
        say=STARTUP.hex(),
        hear=b"R".hex(),
    )


def _somebody() -> pwd.struct_passwd:
    """Return a user to be in place of root, under whom PostgreSQL does not run."""
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise EngineError("user_missing", "PostgreSQL does not run as root, and there is no user nobody", "add one")


def _readable(programs: Path, folder: Path) -> Path:
    """Return the programs where everybody may run them: there, or in a copy."""
    if all(path.stat().st_mode & 0o005 == 0o005 for path in [programs, *programs.parents]):
        return programs
    shutil.copytree(programs.parent, folder / "programs", symlinks=True)
    return folder / "programs" / "bin"


def _psql() -> str:
    return str(postgres_programs() / "psql")

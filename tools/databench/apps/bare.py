"""The measure: a bare asyncio server on httptools and uvloop, with psycopg_pool or asyncpg and no framework.

`python -m tools.databench.apps.bare psycopg|asyncpg PORT`
"""
# The drivers are not installed where this is checked.
# mypy: ignore-errors

import asyncio
import signal
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import httptools
import uvloop

from tools.databench.apps.shared import ONE, QUERIES, SIZE, URL, chosen, dumps

__all__ = ["Protocol", "main"]

Answer = Callable[[], Awaitable[Any]]


class Protocol(asyncio.Protocol):
    """One connection; the answers go out in the order of the requests, since a client asks one at a time."""

    def __init__(self, routes: dict[bytes, Answer]) -> None:
        self.routes = routes
        self.transport: Any = None
        self.parser = httptools.HttpRequestParser(self)
        self.url = b""
        self.tasks: set[asyncio.Task[None]] = set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        """Parse what came."""
        self.parser.feed_data(data)

    def on_url(self, url: bytes) -> None:
        """Take a part of the target."""
        self.url += url

    def on_message_complete(self) -> None:
        """Answer in a task."""
        url, self.url = self.url, b""
        task = asyncio.get_running_loop().create_task(self.answer(self.routes[url]))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def answer(self, handler: Answer) -> None:
        """Ask the database, and write."""
        body = dumps(await handler())
        head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
        self.transport.write(head % len(body) + body)


async def _psycopg() -> tuple[dict[bytes, Answer], Any]:
    import psycopg_pool

    options = {"autocommit": True}
    pool = psycopg_pool.AsyncConnectionPool(URL, min_size=SIZE, max_size=SIZE, open=False, kwargs=options)
    await pool.open(wait=True)
    sql = f"{ONE}%s"

    async def one() -> Any:
        async with pool.connection() as connection:
            cursor = await connection.execute(sql, (next(chosen(1)),))
            row = await cursor.fetchone()
            return {"id": row[0], "randomNumber": row[1]}

    async def many() -> Any:
        async with pool.connection() as connection:
            rows = [await (await connection.execute(sql, (number,))).fetchone() for number in chosen(QUERIES)]
            return [{"id": row[0], "randomNumber": row[1]} for row in rows]

    return {b"/db": one, b"/queries": many}, pool


async def _asyncpg() -> tuple[dict[bytes, Answer], Any]:
    import asyncpg

    pool = await asyncpg.create_pool(URL, min_size=SIZE, max_size=SIZE)
    sql = f"{ONE}$1"

    async def one() -> Any:
        async with pool.acquire() as connection:
            row = await connection.fetchrow(sql, next(chosen(1)))
            return {"id": row[0], "randomNumber": row[1]}

    async def many() -> Any:
        async with pool.acquire() as connection:
            rows = [await connection.fetchrow(sql, number) for number in chosen(QUERIES)]
            return [{"id": row[0], "randomNumber": row[1]} for row in rows]

    return {b"/db": one, b"/queries": many}, pool


async def _serve(driver: str, port: int) -> None:
    routes, pool = await {"psycopg": _psycopg, "asyncpg": _asyncpg}[driver]()
    loop, over = asyncio.get_running_loop(), asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, over.set)
    server = await loop.create_server(lambda: Protocol(routes), "127.0.0.1", port)
    async with server:
        await over.wait()
    await pool.close()


def main(arguments: list[str]) -> None:
    """Serve until TERM."""
    driver, port = arguments
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(driver, int(port)))


if __name__ == "__main__":
    main(sys.argv[1:])

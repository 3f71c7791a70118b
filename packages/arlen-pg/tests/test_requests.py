"""Requests: a deadline, and a client that goes away, stop the query on the server and roll back."""

import asyncio
from types import SimpleNamespace

import anyio
import pytest

from arlen_core.app import App
from arlen_core.testing import Client
from arlen_data import Database
from arlen_pg import Postgres

pytestmark = pytest.mark.anyio


@pytest.fixture
async def made(postgres_url):
    """An application whose handler writes and then waits in a query, and a look at the server."""
    app = App("a", environ={})
    db = app.use(Postgres(postgres_url))

    async def slow(mine: Database) -> None:
        async with mine.transaction() as tx:
            await tx.execute("insert into work values ('half')")
            await tx.execute("select pg_sleep(600)")

    app.get("/leaves", cancel_on_disconnect=True)(slow)
    app.get("/late", deadline=0.2)(slow)

    @app.get("/well")
    async def well(mine: Database) -> dict:
        return {"rows": await mine.value("select count(*) from work")}

    async with Postgres(postgres_url, size=1) as watcher:
        await watcher.execute("create table work (who text)")

        async def waits(wanted) -> None:
            others = "query like '%pg_sleep(600)%' and state = 'active' and pid <> pg_backend_pid()"
            sql = f"select count(*) from pg_stat_activity where {others}"
            with anyio.fail_after(20):
                while bool(await watcher.value(sql)) is not wanted:
                    await anyio.sleep(0.01)

        yield SimpleNamespace(app=app, db=db, waits=waits, rows=lambda: watcher.value("select count(*) from work"))


async def test_a_deadline_stops_the_query(made):
    """The client gets 503, the server's query is gone, nothing is half done, and the connection is good again."""
    async with Client(made.app) as client:
        reply = await client.get("/late")
        assert (503, "deadline_exceeded") == (reply.status, reply.json()["code"])
        await made.waits(False)
        assert 0 == await made.rows()
        assert {"rows": 0} == (await client.get("/well")).json()


async def test_a_client_that_leaves_stops_the_query(made):
    """On a real socket: as soon as it is closed, the query ends and its transaction is rolled back."""
    server_module = pytest.importorskip("arlen_server.server")
    settings = pytest.importorskip("arlen_server.settings").Settings(port=0)
    await made.app.start()
    server = server_module.Server(made.app, settings)
    await server.start()
    try:
        port = int(server.addresses[0].rpartition(":")[2])
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /leaves HTTP/1.1\r\nHost: localhost\r\n\r\n")
        await made.waits(True)
        writer.close()
        await writer.wait_closed()
        await made.waits(False)
        assert 0 == await made.rows()
        assert 0 == await made.db.value("select count(*) from work")
    finally:
        await server.stop()
        await made.app.stop()

"""Services: what listings, sandboxes, leases and outboxes do on a real engine, for the tests of its adapter."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from arlen_conformance.processes import spawn
from arlen_core.queries import Query
from arlen_data.columns import Column
from arlen_data.conformance.aids import until
from arlen_data.database import Database
from arlen_data.effects import Effect
from arlen_data.errors import UniqueViolation
from arlen_data.lease import Lease
from arlen_data.listing import Listing
from arlen_data.outbox import Outbox
from arlen_data.sandbox import sandbox
from arlen_data.schema import install

__all__ = ["WORDS", "Listings", "Processes", "Sandboxes"]

WORDS = {
    "id": Column(int, sort=True, filter=("eq", "in")),
    "name": Column(str, sort=True, filter=("contains", "starts")),
    "born": Column(dt.datetime, sort=True, filter=("lt", "ge", "null"), null=True),
}
"""What `Listings` lists by."""


@pytest.mark.anyio
class Listings:
    """Listings on a database; the fixture `adapter` yields it, opened and empty."""

    @pytest.fixture
    async def people(self, adapter: Database) -> Database:
        """A table of 17 rows."""
        await adapter.execute("create table people (id bigint primary key, name text not null, born timestamptz)")
        rows = [
            (n, f"p{n % 3}%", None if n % 4 == 0 else dt.datetime(2026, 1, 1 + n % 5, tzinfo=dt.UTC)) for n in range(17)
        ]
        await adapter.execute_many("insert into people (id, name, born) values ($1, $2, $3)", rows)
        return adapter

    @pytest.mark.parametrize("sort", ["", "born", "-born", "name,-born", "-name", "-born,name"])
    async def test_every_row_once_each_way(self, people: Database, sort: str) -> None:
        """Forwards to the end, and back to the beginning in reverse."""
        listing, text, there, back = (
            Listing("people", WORDS, size=4, total=True),
            f"sort={sort}",
            list[int](),
            list[int](),
        )
        while True:
            page = await listing.fetch(people, Query.parse(text.encode()))
            there += [item["id"] for item in page.items]
            assert 17 == page.total
            if "next" not in page.links:
                break
            text = page.links["next"].removeprefix("?")
        while True:
            page = await listing.fetch(people, Query.parse(text.encode()))
            back = [item["id"] for item in page.items] + back
            if "prev" not in page.links:
                break
            text = page.links["prev"].removeprefix("?")
        assert list(range(17)) == sorted(there)
        assert there == back

    @pytest.mark.parametrize(
        ("text", "count"),
        [
            ("id[in]=1,2,99", 2),
            ("name[starts]=P1%25", 6),
            ("name[contains]=%25", 17),
            ("born[null]=yes", 5),
            ("born[ge]=2026-01-03T00:00:00Z", 6),
            ("born[lt]=2026-01-03T00:00:00Z&name[contains]=p0", 2),
        ],
    )
    async def test_filters(self, people: Database, text: str, count: int) -> None:
        """Each type goes to the engine as its own."""
        assert count == len((await Listing("people", WORDS).fetch(people, Query.parse(text.encode()))).items)


@pytest.mark.anyio
class Sandboxes:
    """Sandboxes on a database; the fixture is the same."""

    async def test_everything_is_taken_back(self, adapter: Database) -> None:
        """A statement that fails spoils nothing, transactions roll back by themselves, and all is gone at the end."""
        await adapter.execute("create table work (who text unique)")
        async with sandbox(adapter) as db:
            await db.execute("insert into work (who) values ($1)", "a")
            with pytest.raises(UniqueViolation):
                await db.execute("insert into work (who) values ($1)", "a")
            async with db.transaction() as tx:
                await tx.execute("insert into work (who) values ($1)", "b")
                with pytest.raises(UniqueViolation):
                    await self.twice(tx)
            await db.copy_in("work", ["who"], [("d",)])
            assert ["a", "b", "d"] == [row.who async for row in db.stream("select who from work order by who")]
        assert 0 == await adapter.value("select count(*) from work")

    async def twice(self, tx: Any) -> None:
        """Add the same row twice, in a transaction of its own."""
        async with tx.transaction() as inner:
            await inner.execute("insert into work (who) values ('c')")
            await inner.execute("insert into work (who) values ('c')")

    async def test_leases_and_effects(self, adapter: Database) -> None:
        """Work in it, and leave nothing."""
        await install(adapter)
        box, seen = Outbox(adapter), list[Any]()

        @box.on("note")
        async def note(effect: Effect) -> None:
            seen.append(effect.payload)

        async with sandbox(adapter) as db, Lease(db, "leader", ttl=30):
            async with db.transaction() as tx:
                tx.after_commit(Effect(kind="note", key="a", payload=1))
            assert 1 == await box.drain()
        assert [1] == seen
        assert 0 == await adapter.value("select count(*) from arlen_leases")


HOLDER = """
import sys, anyio
from arlen_data.lease import Lease, LeaseLost
from arlen_data.targets import database

async def main():
    async with database(sys.argv[1]) as db:
        lease = Lease(db, "leader", ttl=0.5, cancel=False)
        assert await lease.acquire()
        print("held", flush=True)
        sys.stdin.readline()
        try:
            async with db.transaction() as tx:
                await lease.fence(tx)
                await tx.execute("insert into work (who) values ('zombie')")
            print("wrote", flush=True)
        except LeaseLost:
            print("refused", flush=True)
        await lease.release()

anyio.run(main)
"""

WORKER = """
import sys, anyio
from arlen_data.inbox import first
from arlen_data.outbox import Outbox
from arlen_data.targets import database

async def main():
    async with database(sys.argv[1]) as db:
        box = Outbox(db, backoff=0, batch=5)

        @box.on("apply")
        async def apply(effect):
            async with db.transaction() as tx:
                if await first(tx, effect.id):
                    await tx.execute("insert into work (who) values ($1)", f"{effect.key}{effect.payload:02}")

        await box.drain()

anyio.run(main)
"""


@pytest.mark.anyio
class Processes:
    """Other processes, stopped and killed; the fixture `url` names the same database for them."""

    async def test_a_holder_under_sigstop_is_refused(self, adapter: Database, url: str) -> None:
        """It stands still for longer than its lease; when it goes on, it writes nothing."""
        await install(adapter)
        await adapter.execute("create table work (who text)")
        async with spawn("python", "-c", HOLDER, url) as process:
            assert "held" == await process.line()
            process.stop()
            await process.stopped()
            thief = Lease(adapter, "leader", ttl=1000, keep=False)
            await until(thief.acquire, "the lease of a stopped holder runs out")
            process.resume()
            await process.say("")
            assert "refused" == await process.line()
            assert 0 == await process.ended()
        await thief.renew()
        assert 0 == await adapter.value("select count(*) from work")

    @pytest.mark.parametrize("point", ["before_handler", "after_handler", "before_settle", "after_settle"])
    async def test_what_is_committed_happens_once_whoever_is_killed(
        self, adapter: Database, url: str, point: str
    ) -> None:
        """A relay that is killed with SIGKILL, again and again: all effects, each once, in the order of their key."""
        await install(adapter)
        await adapter.execute("create table work (who text)")
        box = Outbox(adapter)
        for number in range(8):
            async with adapter.transaction() as tx:
                await box.add(tx, "apply", "ab"[number % 2], number)
        codes: list[int] = []
        while not codes or (codes[-1] and len(codes) < 30):
            await adapter.execute("update arlen_leases set until = 1 where until > 1")
            async with spawn("python", "-c", WORKER, url, failpoint=f"outbox.relay.{point}:kill@3") as process:
                codes.append(await process.ended())
        assert {0, -9} == set(codes)
        who = [row.who for row in await adapter.all("select who from work")]
        assert ["a00", "a02", "a04", "a06"] == [each for each in who if each[0] == "a"]
        assert ["b01", "b03", "b05", "b07"] == [each for each in who if each[0] == "b"]

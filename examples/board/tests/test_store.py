"""Store: what the board does with its database, on each engine."""

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, closing
from pathlib import Path
from typing import Any

import pytest
from arlen import StartupError
from arlen_data.errors import LockTimeout, PoolBusy
from arlen_data.targets import database
from arlen_data.testing import assert_queries
from drafts import NOW, fields
from msgspec.structs import replace

import schema
from models import Filters, Status
from records import Conflict, Missing
from sheets import read
from store import Settings, Store

pytestmark = pytest.mark.anyio

Opener = Callable[..., AbstractAsyncContextManager[Store]]


@pytest.fixture
def opened(fresh: str) -> Opener:
    """Open a store in a database that was empty before the first time."""

    @asynccontextmanager
    async def make(url: str = fresh, options: str = "", **changes: Any) -> AsyncIterator[Store]:
        async with database(url + options) as db:
            await schema.prepare(db)
            yield await Store.begin(db, Settings(**{"sample": ""} | changes), lambda: NOW)

    return make


only_sqlite = pytest.mark.engines("sqlite")


async def test_what_is_written_is_read(opened: Opener) -> None:
    """On other connections, at once."""
    async with opened() as store:
        made = await store.create(fields())
        assert made == (await store.get(made.id)).incident
        changed = await store.edit(made.id, 1, replace(fields(), status=Status.RESOLVED), author="Ada", text="Done")
        assert Status.RESOLVED == changed.status
        added = await store.note(made.id, author="Ada", text="Really")
        assert ["change", "note", "note"] == [each.kind for each in (await store.get(made.id)).notes]
        assert added == (await store.get(made.id)).notes[-1]
        assert 1 == (await store.find(Filters(q="really"))).total
        assert ["billing"] == (await store.choices())["services"]
        assert 1 == (await store.overview()).total


async def test_refusals_come_through(opened: Opener) -> None:
    """As the records raise them."""
    async with opened() as store:
        made = await store.create(fields())
        with pytest.raises(Missing):
            await store.get(99)
        with pytest.raises(Conflict):
            await store.edit(made.id, 7, fields(title="Other title"), author="")


async def test_what_was_written_stays(opened: Opener) -> None:
    """A second start finds it, and takes no sample: the board is not empty."""
    async with opened() as store:
        await store.create(fields())
    async with opened(sample="data/incidents.csv") as store:
        assert 1 == (await store.find(Filters())).total


async def test_a_page_takes_few_queries(opened: Opener) -> None:
    """However many rows it shows."""
    async with opened() as store:
        await store.take(read("title,service,tags\n" + "".join(f"Case {n},billing,a b\n" for n in range(50)), NOW))
        for work in (lambda: store.find(Filters(q="case")), store.choices):
            with assert_queries(store.db, 1):
                await work()
        for work in (store.overview, lambda: store.get(1)):
            with assert_queries(store.db, at_most=3):
                await work()


async def test_a_file_takes_few_queries(opened: Opener) -> None:
    """However many rows it has."""
    text = "id,title,service,tags\n" + "".join(f"{n},Case {n},billing,a b\n" for n in range(1, 500))
    async with opened() as store:
        with assert_queries(store.db, at_most=10):
            assert 499 == len((await store.take(read(text, NOW))).added)


@only_sqlite
async def test_a_stop_leaves_one_file(engine: str, opened: Opener, tmp_path: Path) -> None:
    """The journal is merged, the threads have ended, the connections are closed."""
    before = set(threading.enumerate())
    async with opened() as store:
        await store.create(fields())
        assert {"fresh.db", "fresh.db-wal", "fresh.db-shm"} == {each.name for each in tmp_path.iterdir()}
    assert ["fresh.db"] == [each.name for each in tmp_path.iterdir()]
    assert before == set(threading.enumerate())


async def test_a_stop_finishes_what_was_taken(opened: Opener) -> None:
    """A write that was begun is there after the next start."""
    async with opened() as store:
        writes = [asyncio.ensure_future(store.create(fields(title=f"Case {n}"))) for n in range(20)]
        await asyncio.gather(*writes)
    async with opened() as store:
        assert 20 == (await store.find(Filters())).total


@only_sqlite
async def test_too_much_at_once_is_refused(engine: str, opened: Opener) -> None:
    """The queue has a bound; what was taken is done."""
    async with opened(options="?waiting=3") as store:
        results = await asyncio.gather(*[store.create(fields()) for _ in range(50)], return_exceptions=True)
        refused = [each for each in results if isinstance(each, PoolBusy)]
        assert refused
        assert 50 - len(refused) == (await store.find(Filters())).total


async def test_export_streams(opened: Opener) -> None:
    """Some at a time, all of them, in order; one may stop in the middle."""
    async with opened() as store:
        text = "title,service\n" + "".join(f"Case {n},billing\n" for n in range(450))
        await store.take(read(text, NOW))
        chunks = [[each.incident.id for each in chunk] async for chunk in store.export(Filters())]
        assert list(range(1, 451)) == [number for chunk in chunks for number in chunk]
        assert 3 == len(chunks)
        export = store.export(Filters())
        assert 200 == len(await anext(export))
        await export.aclose()


@only_sqlite
async def test_a_file_that_is_no_database_is_named(engine: str, opened: Opener, tmp_path: Path) -> None:
    """The start says which file and why; the file stays."""
    file = tmp_path / "notes.txt"
    file.write_text("these are my notes, not a database " * 20)
    with pytest.raises(Exception, match=r"notes\.txt.*not a database"):
        async with opened(f"sqlite:///{file}"):
            pass
    assert file.read_text().startswith("these are my notes")


@only_sqlite
@pytest.mark.parametrize("setup", ["pragma user_version = 7", "pragma user_version = 1"])
async def test_a_database_of_something_else_is_left_alone(
    engine: str, opened: Opener, tmp_path: Path, setup: str
) -> None:
    """Nobody's recipes become incidents."""
    with closing(sqlite3.connect(tmp_path / "fresh.db")) as db:
        db.execute("create table recipes (name)")
        db.execute(setup)
        before = list(db.execute("select * from sqlite_master"))
    with pytest.raises(StartupError, match=r"tables of something else.*fix: point database\.url"):
        async with opened():
            pass
    with closing(sqlite3.connect(tmp_path / "fresh.db")) as db:
        assert before == list(db.execute("select * from sqlite_master"))


@pytest.mark.parametrize(
    ("content", "reason"),
    [("title,service\nx,billing\n", "line 2: title"), ("nonsense\n", "title and service missing")],
)
async def test_a_bad_sample_is_named(opened: Opener, tmp_path: Path, content: str, reason: str) -> None:
    """And the board is as empty as before: the next start tries again."""
    (tmp_path / "sample.csv").write_text(content)
    with pytest.raises(StartupError, match=reason):
        async with opened(sample=str(tmp_path / "sample.csv")):
            pass
    (tmp_path / "sample.csv").write_text("title,service\nDisk full,billing\n")
    async with opened(sample=str(tmp_path / "sample.csv")) as store:
        assert 1 == (await store.find(Filters())).total


@only_sqlite
async def test_another_writer_is_waited_for(engine: str, opened: Opener, tmp_path: Path) -> None:
    """Another process may write to the file too; patience has an end, and then the error says so."""
    async with opened(options="?lock_timeout=0.05") as store:
        await store.create(fields())
        with closing(sqlite3.connect(tmp_path / "fresh.db", isolation_level=None)) as other:
            other.execute("begin immediate")
            with pytest.raises(LockTimeout, match="locked"):
                await store.create(fields())
            other.execute("rollback")
        assert 2 == (await store.create(fields())).id


async def test_two_stores_may_begin_together(opened: Opener) -> None:
    """As two workers do: one of them makes the tables, and one takes the sample."""

    async def total() -> int:
        async with opened(sample="data/incidents.csv") as store:
            return (await store.find(Filters())).total

    assert [5000, 5000] == await asyncio.gather(total(), total())


async def test_two_writers_keep_their_words(opened: Opener) -> None:
    """Of two stores at one database each finds what the other wrote, and the notes of one incident are all found."""
    async with opened() as first, opened() as second:
        made = await first.create(fields())
        notes = [each.note(made.id, author="", text=f"word{n}") for n in range(10) for each in (first, second)]
        await asyncio.gather(*notes)
        for n in range(10):
            assert 1 == (await second.find(Filters(q=f"word{n}"))).total
        assert 20 == len((await first.get(made.id)).notes)


async def test_writers_race_and_one_wins(opened: Opener) -> None:
    """Two stores change one version: the version decides, on every engine."""
    async with opened() as first, opened() as second:
        made = await first.create(fields())
        edits = [
            each.edit(made.id, 1, fields(title=f"Title {n}"), author=f"{n}")
            for n in range(8)
            for each in (first, second)
        ]
        results = await asyncio.gather(*edits, return_exceptions=True)
        assert [Conflict] * 14 == [type(each) for each in results if isinstance(each, Exception)]
        assert 2 == (await first.get(made.id)).incident.version


async def test_an_import_and_new_incidents_share_the_numbers(opened: Opener) -> None:
    """Whoever comes while a file is taken waits, and gets the next number."""
    text = "title,service\n" + "".join(f"Case {n},billing\n" for n in range(300))
    async with opened() as store:
        taken = store.take(read(text, NOW))
        made = await asyncio.gather(taken, *[store.create(fields(title=f"New {n}")) for n in range(10)])
        numbers = [*made[0].added, *[each.id for each in made[1:]]]
        assert list(range(1, 311)) == sorted(numbers)

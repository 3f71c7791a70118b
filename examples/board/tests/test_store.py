"""Store: the database for asynchronous callers."""

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from arlen import StartupError
from drafts import NOW, fields
from msgspec.structs import replace

from lanes import Busy
from models import Filters, Status
from records import Conflict, Missing, connect
from sheets import read
from store import Settings, Store

pytestmark = pytest.mark.anyio


@pytest.fixture
def opened(tmp_path: Path) -> Callable[..., Store]:
    """Make a store in the test's folder."""

    def make(**changes: Any) -> Store:
        given = {"database": str(tmp_path / "var" / "board.db"), "sample": ""}
        return Store(Settings(**given | changes), lambda: NOW)

    return make


async def test_what_is_written_is_read(opened: Callable[..., Store]) -> None:
    """By other threads, at once."""
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


async def test_refusals_come_through(opened: Callable[..., Store]) -> None:
    """As the records raise them."""
    async with opened() as store:
        made = await store.create(fields())
        with pytest.raises(Missing):
            await store.get(99)
        with pytest.raises(Conflict):
            await store.edit(made.id, 7, fields(title="Other title"), author="")


async def test_what_was_written_stays(opened: Callable[..., Store]) -> None:
    """A second start finds it, and takes no sample: the board is not new."""
    async with opened() as store:
        await store.create(fields())
    async with opened(sample="data/incidents.csv") as store:
        assert 1 == (await store.find(Filters())).total


async def test_a_stop_leaves_one_file(opened: Callable[..., Store], tmp_path: Path) -> None:
    """The journal is merged, the threads have ended, the connections are closed."""
    async with opened() as store:
        await store.create(fields())
        assert {"board.db", "board.db-wal", "board.db-shm"} == {each.name for each in (tmp_path / "var").iterdir()}
    assert ["board.db"] == [each.name for each in (tmp_path / "var").iterdir()]
    assert not [each for each in threading.enumerate() if each.name.startswith("board-")]


async def test_a_stop_finishes_what_was_taken(opened: Callable[..., Store]) -> None:
    """A write that was begun is there after the next start."""
    async with opened() as store:
        writes = [asyncio.ensure_future(store.create(fields(title=f"Case {n}"))) for n in range(20)]
        await asyncio.sleep(0)
    assert 20 == len([await each for each in writes])
    async with opened() as store:
        assert 20 == (await store.find(Filters())).total


async def test_too_much_at_once_is_refused(opened: Callable[..., Store]) -> None:
    """The queue has a bound; what was taken is done."""
    async with opened(waiting=3) as store:
        results = await asyncio.gather(*[store.create(fields()) for _ in range(50)], return_exceptions=True)
        refused = [each for each in results if isinstance(each, Busy)]
        assert refused
        assert 50 - len(refused) == (await store.find(Filters())).total


async def test_export_streams(opened: Callable[..., Store]) -> None:
    """Some at a time, all of them, in order; one may stop in the middle."""
    async with opened() as store:
        text = "title,service\n" + "".join(f"Case {n},billing\n" for n in range(450))
        await store.take(read(text, NOW))
        chunks = [[each.incident.id for each in chunk] async for chunk in store.export(Filters())]
        assert list(range(1, 451)) == [number for chunk in chunks for number in chunk]
        assert 3 == len(chunks)
        async for chunk in store.export(Filters()):
            assert 200 == len(chunk)
            break


@pytest.mark.parametrize("search", ["auto", "like"])
async def test_both_ways_of_searching_serve(opened: Callable[..., Store], search: str) -> None:
    """The build decides, or the configuration."""
    async with opened(search=search) as store:
        assert ("like" if search == "like" else "fts5") == store.search
        await store.create(fields())
        assert 1 == (await store.find(Filters(q="paym"))).total


async def test_a_file_that_is_no_database_is_named(opened: Callable[..., Store], tmp_path: Path) -> None:
    """The start says which file, why, and what to do; the file stays."""
    file = tmp_path / "notes.txt"
    file.write_text("these are my notes, not a database " * 20)
    with pytest.raises(StartupError, match=r"notes\.txt.*not a database.*fix: point board\.database"):
        async with opened(database=str(file)):
            pass
    assert file.read_text().startswith("these are my notes")


async def test_a_database_of_something_else_is_left_alone(opened: Callable[..., Store], tmp_path: Path) -> None:
    """Nobody's recipes become incidents."""
    with closing(sqlite3.connect(tmp_path / "recipes.db")) as db:
        db.execute("create table recipes (name)")
    with pytest.raises(StartupError, match="tables of something else"):
        async with opened(database=str(tmp_path / "recipes.db")):
            pass


async def test_a_folder_that_cannot_be_made_is_named(opened: Callable[..., Store], tmp_path: Path) -> None:
    """As when a file is in its place."""
    (tmp_path / "var").write_text("")
    with pytest.raises(StartupError, match=r"cannot use the database .*board\.db"):
        async with opened():
            pass


@pytest.mark.parametrize(
    ("content", "reason"),
    [("title,service\nx,billing\n", "line 2: title"), ("nonsense\n", "title and service missing")],
)
async def test_a_bad_sample_is_named(opened: Callable[..., Store], tmp_path: Path, content: str, reason: str) -> None:
    """And the board is as new as before: the next start tries again."""
    (tmp_path / "sample.csv").write_text(content)
    with pytest.raises(StartupError, match=reason):
        async with opened(sample=str(tmp_path / "sample.csv")):
            pass
    (tmp_path / "sample.csv").write_text("title,service\nDisk full,billing\n")
    async with opened(sample=str(tmp_path / "sample.csv")) as store:
        assert 1 == (await store.find(Filters())).total


async def test_another_writer_is_waited_for(opened: Callable[..., Store], tmp_path: Path) -> None:
    """Another process may write to the file too; patience has an end, and then the error says so."""
    async with opened(patience=0.05) as store:
        await store.create(fields())
        with closing(connect(tmp_path / "var" / "board.db", wait=1)) as other:
            other.execute("begin immediate")
            with pytest.raises(sqlite3.OperationalError, match="locked"):
                await store.create(fields())
            other.execute("rollback")
        assert 2 == (await store.create(fields())).id


async def test_two_stores_may_begin_together(opened: Callable[..., Store]) -> None:
    """As two workers do: one of them makes the tables and takes the sample."""

    async def total() -> int:
        async with opened(sample="data/incidents.csv", patience=30) as store:
            return (await store.find(Filters())).total

    assert [5000, 5000] == await asyncio.gather(total(), total())

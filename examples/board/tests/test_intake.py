"""Intake: rows of a file become incidents, on each engine."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from drafts import BOARD, NOW, fields

from intake import Broken, fill
from models import Filters, Status
from sheets import read
from store import Store

pytestmark = pytest.mark.anyio

SAMPLE = BOARD / "data" / "incidents.csv"


async def taken(store: Store, text: str) -> tuple[int, list[tuple[int, str, str]]]:
    """Take a file; return how many rows became incidents, and what is wrong with the others."""
    made = await store.take(read(text, NOW))
    return len(made.added), [(bad.line, row.field, row.code) for bad in made.bad for row in bad.errors]


async def test_good_rows_are_taken_and_bad_ones_reported(store: Store) -> None:
    """Each row for itself."""
    text = "title,service\nDisk full,billing\nx,billing\nDisk empty,billing\n"
    assert (2, [(3, "title", "too_short")]) == await taken(store, text)
    assert {"Disk full", "Disk empty"} == {each.title for each in (await store.find(Filters())).items}


async def test_numbers_are_kept(store: Store) -> None:
    """And the next new incident comes after them."""
    text = "id,title,service,notes\n17,Disk full,billing,2026-11-20T10:00:00Z [change] Ada: status: open → watching\n"
    assert (1, []) == await taken(store, text)
    assert ["change"] == [each.kind for each in (await store.get(17)).notes]
    assert 18 == (await store.create(fields())).id
    assert (2, []) == await taken(store, "id,title,service\n3,Disk hot,billing\n,Disk cold,billing\n")
    assert [3, 17, 18, 19] == sorted([each.id for each in (await store.find(Filters())).items])


async def test_what_is_here_already_is_not_taken_again(store: Store) -> None:
    """By its number, or by title, service and time; also twice in one file, and in other letters."""
    text = "id,title,service,opened\n5,Disk full,billing,2026-11-20\n,Disk empty,billing,2026-11-20\n"
    assert (2, []) == await taken(store, text)
    assert (0, [(2, "id", "taken"), (3, "title", "duplicate")]) == await taken(store, text.replace("empty", "EMPTY"))
    twice = "title,service,opened\nDisk hot,billing,2026-11-20\nDisk Hot,billing,2026-11-20\n"
    assert (1, [(3, "title", "duplicate")]) == await taken(store, twice)
    other = "title,service,opened\nDisk hot,search,2026-11-20\nDisk hot,billing,2026-11-19\n"
    assert (2, []) == await taken(store, other)


async def test_an_imported_incident_is_found(store: Store) -> None:
    """With its notes and its tags."""
    text = "title,service,tags,notes\nDisk full,billing,b a,2026-11-20T10:00:00Z Ada: swapped the controller\n"
    assert (1, []) == await taken(store, text)
    (found,) = (await store.find(Filters(q="controller", tag="b"))).items
    assert ("a", "b") == found.tags


async def test_a_file_without_good_rows_changes_nothing(store: Store) -> None:
    """Not even the next number."""
    assert (0, []) == await taken(store, "title,service\n")
    assert 1 == (await store.create(fields())).id


@pytest.mark.parametrize("now", [NOW, datetime(2031, 5, 5, 9, tzinfo=UTC), datetime(2024, 1, 1, tzinfo=UTC)])
async def test_the_sample_ends_now(store: Store, now: datetime) -> None:
    """Its times are moved by whole days, forward and back, and it is all there; a board with incidents takes none."""
    assert 5000 == await fill(store.db, SAMPLE, store.index, now)
    (latest,) = (await store.find(Filters(size=5))).items[:1]
    assert now - timedelta(days=1) < latest.updated <= now
    assert 0 == await fill(store.db, SAMPLE, store.index, now)


async def test_the_sample_is_sound(filled_store: Store) -> None:
    """Nobody resolves before they open, and what is resolved has its time."""
    odd = "select count(*) from incidents where resolved < opened or updated < opened"
    assert 0 == await filled_store.db.value(odd)
    counts = {each: (await filled_store.find(Filters(status=[each]))).total for each in Status}
    assert counts[Status.OPEN] > 10
    assert counts[Status.WATCHING] > 5
    assert counts[Status.RESOLVED] > 4500


async def test_a_sample_with_a_bad_row_is_refused(store: Store, tmp_path: Path) -> None:
    """It says which row, so that it can be corrected."""
    file = tmp_path / "sample.csv"
    file.write_text("title,service\nDisk full,billing\nx,billing\n")
    with pytest.raises(Broken, match="line 3: title must have at least 3 characters"):
        await fill(store.db, file, store.index, NOW)
    file.write_text("nonsense\n")
    with pytest.raises(Broken, match="title and service missing"):
        await fill(store.db, file, store.index, NOW)
    file.write_text("title,service\n")
    assert 0 == await fill(store.db, file, store.index, NOW)

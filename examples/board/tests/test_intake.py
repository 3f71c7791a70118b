"""Intake: rows of a file become incidents."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from sqlite3 import Connection

import pytest
from drafts import BOARD, NOW, fields

from intake import Broken, sample, take
from models import Filters, Status
from records import create, find, notes, writing
from sheets import read


def taken(db: Connection, text: str) -> tuple[int, list[tuple[int, str, str]]]:
    """Take a file; return how many rows became incidents, and what is wrong with the others."""
    made = take(db, read(text, NOW))
    return len(made.added), [(bad.line, row.field, row.code) for bad in made.bad for row in bad.errors]


def test_good_rows_are_taken_and_bad_ones_reported(db: Connection) -> None:
    """Each row for itself."""
    text = "title,service\nDisk full,billing\nx,billing\nDisk empty,billing\n"
    assert (2, [(3, "title", "too_short")]) == taken(db, text)
    assert {"Disk full", "Disk empty"} == {each.title for each in find(db, Filters(), "fts5").items}


def test_numbers_are_kept(db: Connection) -> None:
    """And the next new incident comes after them."""
    text = "id,title,service,notes\n17,Disk full,billing,2026-11-20T10:00:00Z [change] Ada: status: open → watching\n"
    assert (1, []) == taken(db, text)
    assert ["change"] == [each.kind for each in notes(db, 17)]
    assert 18 == create(db, fields(), NOW).id


def test_what_is_here_already_is_not_taken_again(db: Connection) -> None:
    """By its number, or by title, service and time; also twice in one file."""
    text = "id,title,service,opened\n5,Disk full,billing,2026-11-20\n,Disk empty,billing,2026-11-20\n"
    assert (2, []) == taken(db, text)
    assert (0, [(2, "id", "taken"), (3, "title", "duplicate")]) == taken(db, text)
    twice = "title,service,opened\nDisk hot,billing,2026-11-20\nDisk hot,billing,2026-11-20\n"
    assert (1, [(3, "title", "duplicate")]) == taken(db, twice)


def test_an_imported_incident_is_found(db: Connection) -> None:
    """With its notes."""
    taken(db, "title,service,notes\nDisk full,billing,2026-11-20T10:00:00Z Ada: swapped the controller\n")
    assert 1 == find(db, Filters(q="controller"), "fts5").total


def test_the_sample_ends_now(db: Connection) -> None:
    """Its times are moved by whole days, forward and back, and it is all there."""
    for now in (NOW, datetime(2031, 5, 5, 9, tzinfo=UTC), datetime(2024, 1, 1, tzinfo=UTC)):
        db.execute("delete from incidents")
        with writing(db):
            assert 5000 == sample(db, BOARD / "data" / "incidents.csv", now)
        (latest,) = find(db, Filters(size=5), "fts5").items[:1]
        assert now - timedelta(days=1) < latest.updated <= now


def test_the_sample_is_sound(db: Connection) -> None:
    """Nobody resolves before they open, and what is resolved has its time."""
    with writing(db):
        sample(db, BOARD / "data" / "incidents.csv", NOW)
    (odd,) = db.execute("select count(*) from incidents where resolved < opened or updated < opened").fetchone()
    assert 0 == odd
    counts = {each: find(db, Filters(status=[each]), "fts5").total for each in Status}
    assert counts[Status.OPEN] > 10
    assert counts[Status.WATCHING] > 5
    assert counts[Status.RESOLVED] > 4500


def test_a_sample_with_a_bad_row_is_refused(db: Connection, tmp_path: Path) -> None:
    """It says which row, so that it can be corrected."""
    file = tmp_path / "sample.csv"
    file.write_text("title,service\nDisk full,billing\nx,billing\n")
    with pytest.raises(Broken, match="line 3: title must have at least 3 characters"):
        sample(db, file, NOW)
    file.write_text("nonsense\n")
    with pytest.raises(Broken, match="title and service missing"):
        sample(db, file, NOW)
    file.write_text("title,service\n")
    assert 0 == sample(db, file, NOW)

"""Sheets: CSV out and in, and what is wrong in a file."""

import csv
import io
from datetime import UTC, datetime

import pytest
from drafts import NOW
from hypothesis import given
from hypothesis import strategies as st

from models import Incident, Note, Severity, Status, prose, tidy
from records import Stored
from sheets import COLUMNS, LARGEST_ID, ROWS, Bad, Row, Sheet, SheetError, decoded, lines, read, write


def rows(*texts: str, header: str = "title,service,severity,status,opened,resolved") -> Sheet:
    """Read a file of a header and some lines."""
    return read("\n".join([header, *texts]), NOW)


def wrong(sheet: Sheet) -> list[tuple[int, str, str]]:
    """Return line, field and code of everything that is wrong."""
    return [(bad.line, row.field, row.code) for bad in sheet.bad for row in bad.errors]


MOMENTS = st.datetimes(datetime(2001, 1, 1), datetime(2026, 11, 1)).map(  # noqa: DTZ001
    lambda each: each.replace(microsecond=0, tzinfo=UTC)
)
LINE = st.text(st.characters(exclude_categories=["C"]), min_size=3, max_size=30).filter(
    lambda each: len(tidy(each)) > 2
)
PERSON = st.text(st.characters(exclude_categories=["C"], exclude_characters=":"), max_size=20).map(tidy)
PROSE = st.text(st.characters(exclude_categories=["Cs"]), max_size=60).map(prose)
NOTES = st.builds(Note, st.just(0), MOMENTS, PERSON, st.sampled_from(["note", "change"]), PROSE)


@st.composite
def stored(draw: st.DrawFn) -> Stored:
    """Draw an incident with a timeline."""
    opened = draw(MOMENTS)
    status = draw(st.sampled_from(Status))
    made = [each for each in draw(st.lists(NOTES, max_size=3)) if each.at >= opened]
    end = NOW if status is Status.RESOLVED else None
    incident = Incident(
        id=draw(st.integers(1, LARGEST_ID)), title=tidy(draw(LINE)), service="billing",
        severity=draw(st.sampled_from(Severity)), status=status, owner=draw(PERSON),
        tags=tuple(sorted(draw(st.sets(st.sampled_from(["a", "b-c", "d9"]))))), opened=opened, updated=NOW,
        resolved=end, description=draw(PROSE), version=1,
    )  # fmt: skip
    return Stored(incident, made)


@given(st.lists(stored(), max_size=4))
def test_what_is_exported_can_be_imported(items: list[Stored]) -> None:
    """Every field and every note comes back, whatever people wrote."""
    sheet = read(write(items), NOW)
    assert [] == sheet.bad
    for item, row in zip(items, sheet.rows, strict=True):
        it = item.incident
        assert (it.id, it.updated, it.resolved, item.notes) == (row.id, row.updated, row.resolved, row.notes)
        for name in ("title", "service", "severity", "status", "owner", "tags", "opened", "description"):
            assert getattr(it, name) == getattr(row.fields, name), name


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@x", "'=1", "''@x", "\tx"])
def test_a_spreadsheet_finds_no_formula(text: str) -> None:
    """Text that a spreadsheet would compute gets a mark, which is taken away again."""
    made = Stored(Incident(1, "abc", "billing", Severity.LOW, Status.OPEN, "", (), NOW, NOW, None, text, 1), [])
    cell = next(csv.DictReader(io.StringIO(write([made]))))["description"]
    assert "'" + text == cell
    assert prose(text) == read(write([made]), NOW).rows[0].fields.description


def test_a_good_row_is_read() -> None:
    """With what it leaves out filled in."""
    (row,) = rows("Disk full,Billing,HIGH,resolved,2026-11-20T10:00,2026-11-20T11:00").rows
    assert isinstance(row, Row)
    assert (2, None, "Disk full", "billing") == (row.line, row.id, row.fields.title, row.fields.service)
    assert (Severity.HIGH, Status.RESOLVED) == (row.fields.severity, row.fields.status)
    assert datetime(2026, 11, 20, 11, tzinfo=UTC) == row.resolved == row.updated


def test_two_columns_are_enough() -> None:
    """Everything else has a default."""
    (row,) = rows("Disk full,billing", header=" Title ,SERVICE").rows
    assert (Severity.MEDIUM, Status.OPEN, NOW, NOW) == (
        row.fields.severity, row.fields.status, row.fields.opened, row.updated,
    )  # fmt: skip


def test_a_resolved_row_without_a_time_ended_when_it_was_touched() -> None:
    """The last thing known of it."""
    (row,) = rows("Disk full,billing,low,resolved,2026-11-20T10:00,").rows
    assert row.fields.opened == row.resolved


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("x,billing,,,,", [("title", "too_short")]),
        ("Disk full,,,,,", [("service", "missing")]),
        ("Disk full,billing,grave,,,", [("severity", "invalid_enum")]),
        ("Disk full,billing,,gone,,", [("status", "invalid_enum")]),
        ("Disk full,billing,,,soon,", [("opened", "invalid_format")]),
        ("Disk full,billing,,,2031-01-01,", [("opened", "out_of_range")]),
        ("Disk full,billing,,resolved,2026-11-01,soon", [("resolved", "invalid_format")]),
        ("Disk full,billing,,resolved,2026-11-10,2026-11-01", [("resolved", "out_of_range")]),
        ("Disk full,billing,,open,2026-11-10,2026-11-11", [("resolved", "conflicting")]),
        ("Disk full,billing", [("row", "wrong_length")]),
        ("Disk full,billing,,,,,more", [("row", "wrong_length")]),
        ("Disk\0full,billing,,,,", [("row", "invalid")]),
        ("x,Bad Service,grave,open,2031-01-01,", [("title", "too_short"), ("service", "invalid_pattern"),
         ("severity", "invalid_enum"), ("opened", "out_of_range")]),
    ],
)  # fmt: skip
def test_a_bad_row_says_where_and_why(line: str, expected: list[tuple[str, str]]) -> None:
    """Line, field and reason; the rows around it are good."""
    sheet = rows("First one,billing,,,,", line, "Last one,billing,,,,")
    assert [(3, *each) for each in expected] == wrong(sheet)
    assert [2, 4] == [row.line for row in sheet.rows]
    assert [next(csv.reader([line]))] == [bad.raw for bad in sheet.bad]


@pytest.mark.parametrize("id", ["0", "-1", "x", str(LARGEST_ID + 1), "9" * 30, "٣"])
def test_a_number_has_bounds(id: str) -> None:
    """So that the next free one stays small."""
    assert [(2, "id", "invalid_type")] == wrong(rows(f"{id},Disk full,billing", header="id,title,service"))


def test_a_number_may_be_written_as_people_do() -> None:
    """INC-17 is 17, and an empty one is none."""
    sheet = rows("inc-17,Disk full,billing", " ,Disk empty,billing", header="id,title,service")
    assert [17, None] == [row.id for row in sheet.rows]


@pytest.mark.parametrize("notes", ["no time Ada: text", "2026-11-20T10:00:00Z without a colon", "2026-99-01 Ada: x"])
def test_notes_are_lines_with_a_time(notes: str) -> None:
    """What cannot be read is no note."""
    assert [(2, "notes", "invalid_format")] == wrong(rows(f"Disk full,billing,{notes}", header="title,service,notes"))


def test_notes_may_have_several_lines() -> None:
    """What is indented or empty goes on."""
    text = '"2026-11-20T10:00:00Z Ada: one\n  two\n\n  three\r\n2026-11-21T10:00:00Z : four"'
    (row,) = rows(f"Disk full,billing,{text}", header="title,service,notes").rows
    assert [("Ada", "one\ntwo\n\nthree"), ("", "four")] == [(each.author, each.text) for each in row.notes]


def test_line_numbers_count_lines_of_the_file() -> None:
    """A row with line breaks inside moves the next one down; empty lines are left out."""
    text = 'title,service,description\n"First one",billing,"a\nb\nc"\n\n,,\nx,billing,\n'
    assert [(7, "title", "too_short")] == wrong(read(text, NOW))


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_spreadsheets_separate_as_they_like(delimiter: str) -> None:
    """Commas, semicolons, tabs."""
    text = delimiter.join(["title", "service", "owner"]) + "\n" + delimiter.join(["Disk full", "billing", "Ada"])
    assert ["Ada"] == [row.fields.owner for row in read(text, NOW).rows]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "title and service missing"),
        ("title\nx", "service missing"),
        ("title,service,colour\n", "no column 'colour'"),
        ("title,service,title\n", "same name"),
        ('title,service\n"Disk,billing\n', "line 2 cannot be read"),
        ("title,service\n" + "x" * 140_000 + ",b\n", "line 2 cannot be read: field larger"),
        ("title,service\n" + "Disk full,billing\n" * (ROWS + 1), "more than"),
    ],
)
def test_a_file_that_is_no_table_is_refused_whole(text: str, reason: str) -> None:
    """Rather than half of it taken by mistake."""
    with pytest.raises(SheetError, match=reason):
        read(text, NOW)


def test_files_come_in_two_codings() -> None:
    """UTF-8 with or without its mark, and UTF-16 with it; what is neither is named by its line."""
    text = "title,service\nÄrger,billing\n"
    for coding in ("utf-8", "utf-8-sig", "utf-16"):
        assert text == decoded(text.encode(coding))
    with pytest.raises(SheetError, match="line 2 is not UTF-8"):
        decoded(text.encode("latin-1"))
    with pytest.raises(SheetError):
        decoded(b"\xff\xfea")


@given(st.text(max_size=200))
def test_no_text_is_more_than_refused(text: str) -> None:
    """Anything is a table or a `SheetError`, and each of its rows is good or bad."""
    try:
        sheet = read("title,service\n" + text, NOW)
    except SheetError:
        return
    assert all(isinstance(each, Bad) and each.errors for each in sheet.bad)


def test_columns_are_those_of_the_export() -> None:
    """The header of an empty export names them."""
    assert ",".join(COLUMNS) + "\r\n" == write([])
    assert "a,b\r\n" == lines([["a", "b"]])

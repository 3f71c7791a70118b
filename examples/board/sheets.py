"""Sheets: incidents as CSV, out and in; what cannot be read is reported line by line and handed back, never dropped."""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from arlen import FieldError, Struct

from models import Fields, Note, Status, moment, person, prose, review, tidy
from records import Stored, stamp

__all__ = ["COLUMNS", "Bad", "Row", "Sheet", "SheetError", "decoded", "lines", "read", "write"]

COLUMNS = (
    "id", "title", "service", "severity", "status", "owner", "tags", "opened", "updated", "resolved", "description",
    "notes",
)  # fmt: skip
REQUIRED = ("title", "service")
ROWS = 20_000
LARGEST_ID = 10**9
CHANGE = "[change] "

_formula = re.compile(r"'*[=+\-@\t\r]").match
_entry = re.compile(r"(?P<at>\S+) (?P<change>\[change\] )?(?P<author>[^:\n]*): ?(?P<text>.*)", re.DOTALL).fullmatch


class SheetError(Exception):
    """The whole file cannot be read."""


class Row(Struct, frozen=True):
    """An incident out of a file: on which line it begins, and all that it says."""

    line: int
    id: int | None
    fields: Fields
    updated: datetime
    resolved: datetime | None
    notes: list[Note]
    raw: list[str]


class Bad(Struct, frozen=True):
    """A row that cannot be taken: on which line it begins, what it holds, and what is wrong with it."""

    line: int
    raw: list[str]
    errors: list[FieldError]


class Sheet(Struct, frozen=True):
    """A file that was read: its header, the good rows and the bad ones."""

    header: list[str]
    rows: list[Row]
    bad: list[Bad]


def write(items: Iterable[Stored], *, header: bool = True) -> str:
    """Return incidents as CSV."""
    cells = [[_safe(cell) for cell in _cells(each)] for each in items]
    return lines([list(COLUMNS), *cells] if header else cells)


def lines(rows: Iterable[Sequence[str]]) -> str:
    """Return rows as CSV (RFC 4180)."""
    out = io.StringIO()
    csv.writer(out).writerows(rows)
    return out.getvalue()


def decoded(data: bytes) -> str:
    """Return the text of a file, UTF-8 or UTF-16 with its mark; raises `SheetError` naming the line that is neither."""
    coding = "utf-16" if data.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"
    try:
        return data.decode(coding)
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise SheetError(f'line {line} is not UTF-8; save the file as "CSV UTF-8" and try again') from None


def read(text: str, now: datetime) -> Sheet:
    """Read a file.

    Args:
        text: CSV with a header; commas, semicolons or tabs between the fields.
        now: the time, for what does not say when.

    Raises `SheetError` when there is no header with the columns that are needed, or too many rows.
    """
    rows = _rows(text)
    _, header = next(rows, (1, []))
    names = [cell.strip().lower() for cell in header]
    _check(names)
    good: list[Row] = []
    bad: list[Bad] = []
    for line, cells in rows:
        if len(good) + len(bad) == ROWS:
            raise SheetError(f"there are more than {ROWS} rows; split the file")
        made = _row(line, cells, names, now)
        (good if isinstance(made, Row) else bad).append(made)  # type: ignore[arg-type]
    return Sheet(names, good, bad)


def _rows(text: str) -> Iterator[tuple[int, list[str]]]:
    first = text.partition("\n")[0]
    delimiter = max(",;\t", key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    line = 1
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield line, cells
            line = reader.line_num + 1
    except csv.Error as error:
        raise SheetError(f"line {line} cannot be read: {error}") from None


def _check(names: list[str]) -> None:
    missing = [name for name in REQUIRED if name not in names]
    if missing:
        raise SheetError(f"the first line must name the columns; {' and '.join(missing)} missing")
    unknown = sorted(set(names) - set(COLUMNS))
    if unknown:
        raise SheetError(f"there is no column {unknown[0][:40]!r} here; the columns are {', '.join(COLUMNS)}")
    if len(set(names)) < len(names):
        raise SheetError("two columns have the same name")


def _row(line: int, cells: list[str], names: list[str], now: datetime) -> Row | Bad:
    if len(cells) != len(names):
        reason = f"has {len(cells)} fields, the header has {len(names)}"
        return Bad(line, cells, [FieldError("row", "wrong_length", reason)])
    if any("\0" in cell for cell in cells):
        return Bad(line, cells, [FieldError("row", "invalid", "holds a NUL character")])
    reader = _Reader({name: _plain(cell) for name, cell in zip(names, cells, strict=True)}, now)
    return reader.row(line, cells) or Bad(line, cells, reader.errors)


class _Reader:
    """Reads one row, and gathers everything that is wrong with it."""

    def __init__(self, sent: dict[str, str], now: datetime) -> None:
        self._sent, self._now = sent, now
        self.errors: list[FieldError] = []

    def row(self, line: int, raw: list[str]) -> Row | None:
        number, fields, notes = self._number(), self._fields(), self._notes()
        if fields is None:
            return None
        resolved, updated = self._time("resolved", fields.opened), self._time("updated", fields.opened)
        done = fields.status is Status.RESOLVED
        if resolved and not done:
            self._add("resolved", "conflicting", f"must be empty while the status is {fields.status}")
        if self.errors:
            return None
        last = max([fields.opened, *[each for each in (updated, resolved) if each], *[each.at for each in notes]])
        return Row(line, number, fields, last, (resolved or last) if done else None, notes, raw)

    def _fields(self) -> Fields | None:
        names = ("title", "service", "owner", "opened", "description")
        sent: dict[str, object] = {name: self._sent.get(name, "") for name in names}
        sent["tags"] = [self._sent.get("tags", "")]
        sent |= {name: text for name in ("severity", "status") if (text := self._sent.get(name, "").strip().lower())}
        fields, rows = review(sent, self._now)
        self.errors += rows
        return fields

    def _number(self) -> int | None:
        text = self._sent.get("id", "").strip().upper().removeprefix("INC-")
        if not text:
            return None
        if text.isascii() and text.isdigit() and 1 <= int(text[:12]) <= LARGEST_ID:
            return int(text)
        self._add("id", "invalid_type", f"must be a number from 1 to {LARGEST_ID}, or empty")
        return None

    def _time(self, name: str, opened: datetime) -> datetime | None:
        text = self._sent.get(name, "").strip()
        if not text:
            return None
        when = _moment(text)
        if when is None:
            self._add(name, "invalid_format", "must be a date and time such as 2026-11-22T10:30:00Z")
            return None
        if not opened <= when <= max(self._now, opened):
            self._add(name, "out_of_range", "must lie between the time it was opened and now")
        return when

    def _notes(self) -> list[Note]:
        text = self._sent.get("notes", "").replace("\r\n", "\n").strip()
        return [note for entry in re.split(r"\n(?=\S)", text) if entry and (note := self._note(entry))]

    def _note(self, entry: str) -> Note | None:
        parts = _entry(entry)
        at = _moment(parts["at"]) if parts else None
        if parts is None or at is None:
            reason = f"must be lines such as 2026-11-22T10:30:00Z Ada: text; this is not: {entry[:40]!r}"
            self._add("notes", "invalid_format", reason)
            return None
        self.errors += person("notes", tidy(parts["author"]))
        text = prose(re.sub(r"\n {1,2}", "\n", parts["text"]))
        return Note(0, at, tidy(parts["author"]), "change" if parts["change"] else "note", text)

    def _add(self, field: str, code: str, message: str) -> None:
        self.errors.append(FieldError(field, code, message))


def _moment(text: str) -> datetime | None:
    try:
        return moment(text)
    except (ValueError, OverflowError):
        return None


def _cells(each: Stored) -> list[str]:
    it = each.incident
    return [
        str(it.id), it.title, it.service, it.severity, it.status, it.owner, " ".join(it.tags), stamp(it.opened),
        stamp(it.updated), stamp(it.resolved) if it.resolved else "", it.description, "\n".join(map(_line, each.notes)),
    ]  # fmt: skip


def _line(note: Note) -> str:
    mark = CHANGE if note.kind == "change" else ""
    return f"{stamp(note.at)} {mark}{note.author}: " + note.text.replace("\n", "\n  ")


def _safe(cell: str) -> str:
    """Keep a spreadsheet from taking text for a formula; `_plain` takes the mark away again."""
    return "'" + cell if _formula(cell) else cell


def _plain(cell: str) -> str:
    return cell[1:] if cell.startswith("'") and _formula(cell) else cell

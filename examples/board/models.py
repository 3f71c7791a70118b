"""Models: what an incident is, what people may send, and the rules that types alone do not state."""

import re
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any, Literal

from arlen import FieldError, Meta, Struct
from arlen_core.validation import explain
from msgspec import convert, field

FIRST = datetime(2000, 1, 1, tzinfo=UTC)
AHEAD = timedelta(minutes=5)
"""How far another machine's clock may be ahead of ours."""
TAGS = 8

_GAPS = {"title": "a title", "service": "a-service"}
"""Stands in for fields whose type is wrong, so that the other rules can be looked at too."""

_SERVICE = re.compile(r"[a-z0-9][a-z0-9-]{1,39}").fullmatch
_TAG = re.compile(r"[a-z0-9][a-z0-9-]{0,23}").fullmatch
_PERSON = re.compile(r"[^:\n\r\t]{1,60}").fullmatch
_BREAKS = re.compile(r"[,;\s]+")


class Severity(StrEnum):
    """How bad it is."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


class Status(StrEnum):
    """Where it stands."""

    OPEN = "open"
    WATCHING = "watching"
    RESOLVED = "resolved"


Number = Annotated[int, Meta(ge=1, le=2**53)]
Title = Annotated[str, Meta(min_length=3, max_length=120)]
Text = Annotated[str, Meta(max_length=10_000)]
Name = Annotated[str, Meta(max_length=60)]
Service = Annotated[str, Meta(extra_json_schema={"pattern": r"^\s*[A-Za-z0-9][A-Za-z0-9-]{1,39}\s*$"})]
"""`checked` holds it to this, and says it in words."""
Author = Annotated[Name, Meta(title="Your name")]
Sort = Literal[
    "-updated", "updated", "-opened", "opened", "severity", "-severity", "title", "-title", "service", "-service",
    "status", "-status", "owner", "-owner",
]  # fmt: skip


class Note(Struct, frozen=True):
    """One entry of the timeline: what somebody wrote, or a change that the board noted by itself.

    `id` is 0 until it has been stored.
    """

    id: int
    at: datetime
    author: str
    kind: Literal["note", "change"]
    text: str


class Incident(Struct, frozen=True):
    """An incident as the board keeps it."""

    id: int
    title: str
    service: str
    severity: Severity
    status: Status
    owner: str
    tags: tuple[str, ...]
    opened: datetime
    updated: datetime
    resolved: datetime | None
    description: str
    version: int

    @property
    def ref(self) -> str:
        """The name that people use: "INC-17"."""
        return f"INC-{self.id}"


class Draft(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What somebody sends to open an incident, by form or as JSON; `checked` knows the rest of the rules."""

    title: Title
    service: Service
    severity: Severity = Severity.MEDIUM
    status: Status = Status.OPEN
    owner: Name = ""
    tags: list[str] = field(default_factory=list)
    opened: str = ""
    description: Text = ""
    author: Author = ""


class Edit(Draft, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A whole incident, changed: the draft again, with the version that it was made from."""

    version: Number


class Change(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Some fields of an incident, changed: what PATCH takes. What is absent stays as it is."""

    title: Title | None = None
    service: Service | None = None
    severity: Severity | None = None
    status: Status | None = None
    owner: Name | None = None
    tags: list[str] | None = None
    opened: str | None = None
    description: Text | None = None
    author: Author = ""
    version: Number | None = None


class Move(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Another status, with a word about why."""

    status: Status
    version: Number
    text: Text = ""
    author: Author = ""


class Remark(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A note that somebody adds to the timeline."""

    text: Annotated[str, Meta(min_length=1, max_length=10_000)]
    author: Author = ""


Choice = Annotated[str, Meta(max_length=200, pattern=r"^[^\0]*$")]  # no database has texts with NUL


class Filters(Struct, frozen=True, kw_only=True):
    """What the list shows: the query of its address."""

    q: Annotated[str, Meta(max_length=200)] = ""
    status: list[Status] = field(default_factory=list)
    severity: list[Severity] = field(default_factory=list)
    service: Choice = ""
    owner: Choice = ""
    tag: Choice = ""
    sort: Sort = "-updated"
    page: Annotated[int, Meta(ge=1, le=100_000)] = 1
    size: Annotated[int, Meta(ge=5, le=100)] = 25

    @property
    def active(self) -> bool:
        """True when anything but order and page is chosen."""
        return bool(self.q.strip() or self.status or self.severity or self.service or self.owner or self.tag)


class Page(Struct, frozen=True):
    """One page of a list."""

    items: list[Incident]
    total: int
    page: int
    size: int

    @property
    def pages(self) -> int:
        """How many pages there are, at least one."""
        return max(1, -(-self.total // self.size))


class Fields(Struct, frozen=True, kw_only=True):
    """The fields of an incident that people decide on, checked and tidy."""

    title: str
    service: str
    severity: Severity
    status: Status
    owner: str
    tags: tuple[str, ...]
    opened: datetime
    description: str = field(default="")


def review(sent: dict[str, Any], now: datetime) -> tuple[Fields | None, list[FieldError]]:
    """Return the tidy fields of a draft in plain values, or every row that is wrong with it, by type and by rule.

    Args:
        sent: text for each field, a list for the tags.
        now: the time for an incident that does not say when it was opened.
    """
    sent = {name: value for name, value in sent.items() if name in Draft.__struct_fields__}
    rows = explain(sent, Draft, strict=False)
    failing = {row.field.partition("[")[0] for row in rows}
    rest = {name: value for name, value in sent.items() if name not in failing}
    fields, further = checked(convert(_GAPS | rest, Draft, strict=False), now)
    rows += [row for row in further if row.field not in failing]
    return (None if rows else fields), sorted(rows, key=_place)


def checked(draft: Draft, now: datetime) -> tuple[Fields | None, list[FieldError]]:
    """Return the tidy fields of a draft, or a row for each one that breaks a rule.

    Args:
        draft: what was sent; its types have been checked.
        now: the time for an incident that does not say when it was opened.
    """
    title, service = tidy(draft.title), draft.service.strip().lower()
    owner, tags = tidy(draft.owner), split(draft.tags)
    opened, late = _opened(draft.opened, now)
    rows = [FieldError("title", "too_short", "must have at least 3 characters")] * (len(title) < 3)
    rows += _service(service) + person("owner", owner) + person("author", tidy(draft.author)) + _tags(tags) + late
    if rows or opened is None:
        return None, rows
    return Fields(
        title=title, service=service, severity=draft.severity, status=draft.status, owner=owner, tags=tags,
        opened=opened, description=prose(draft.description),
    ), []  # fmt: skip


def person(name: str, value: str) -> list[FieldError]:
    """Return a row when a person's name cannot be kept; an empty one can."""
    if not value or _PERSON(value):
        return []
    return [FieldError(name, "invalid_pattern", "must be at most 60 characters without a colon")]


def tidy(text: str) -> str:
    """Return one line without blanks around it and without control characters."""
    return " ".join((text if text.isprintable() else "".join(c if c.isprintable() else " " for c in text)).split())


def prose(text: str) -> str:
    """Return text of several lines with even line ends, without trailing blanks and control characters."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return "\n".join(_printable(line).rstrip() for line in lines).strip("\n")


def split(tags: list[str]) -> tuple[str, ...]:
    """Return the single tags of a list whose members may hold several, with commas or blanks between them.

    >>> split(["Network, db", "db"])
    ('db', 'network')
    """
    return tuple(sorted({each.lower() for text in tags for each in _BREAKS.split(text) if each}))


def moment(text: str) -> datetime:
    """Read a time as people and browsers write it, in UTC unless it says otherwise; raises `ValueError`.

    >>> moment("2026-11-22T10:30").isoformat()
    '2026-11-22T10:30:00+00:00'
    """
    read = datetime.fromisoformat(text.strip())
    return (read.replace(tzinfo=UTC) if read.tzinfo is None else read.astimezone(UTC)).replace(microsecond=0)


def _printable(line: str) -> str:
    return line if line.isprintable() else "".join(c for c in line if c.isprintable() or c == "\t")


def _opened(text: str, now: datetime) -> tuple[datetime | None, list[FieldError]]:
    if not text.strip():
        return now.replace(microsecond=0), []
    try:
        when = moment(text)
    except (ValueError, OverflowError):
        return None, [FieldError("opened", "invalid_format", "must be a date and time such as 2026-11-22T10:30")]
    if not FIRST <= when <= now + AHEAD:
        return None, [FieldError("opened", "out_of_range", "must lie between the year 2000 and now")]
    return when, []


def _place(row: FieldError) -> int:
    return Draft.__struct_fields__.index(row.field.partition("[")[0])


def _service(service: str) -> list[FieldError]:
    if not service:
        return [FieldError("service", "missing", "is required")]
    if _SERVICE(service):
        return []
    return [FieldError("service", "invalid_pattern", "must be 2 to 40 letters (a to z), digits and dashes")]


def _tags(tags: tuple[str, ...]) -> list[FieldError]:
    if len(tags) > TAGS:
        return [FieldError("tags", "too_long", f"must be at most {TAGS} tags")]
    wrong = [each for each in tags if not _TAG(each)]
    if not wrong:
        return []
    return [
        FieldError("tags", "invalid_pattern", f"{wrong[0][:40]!r} is not a tag: letters, digits and dashes, 24 at most")
    ]

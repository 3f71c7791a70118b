"""Figures: what the dashboard counts, on one SQLite connection."""

from collections import Counter, defaultdict
from datetime import UTC, date, datetime, time, timedelta
from sqlite3 import Connection
from statistics import median
from typing import TypeVar

from arlen import Struct

from models import Filters, Incident, Severity, Status
from records import find, stamp
from words import Mode

__all__ = ["WEEKS", "Load", "Overview", "Week", "overview"]

WEEKS = 12
K = TypeVar("K")
QUARTER = timedelta(days=90)
LISTED = 5


class Week(Struct, frozen=True):
    """A calendar week, by its Monday: how many incidents were opened and how many resolved."""

    monday: date
    opened: int
    resolved: int


class Load(Struct, frozen=True):
    """What a service has to deal with: its unresolved incidents, all of them and those that are critical or high."""

    service: str
    total: int
    severe: int


class Overview(Struct, frozen=True):
    """The dashboard.

    Attributes:
        statuses: all incidents, by status.
        severities: the unresolved ones, by severity.
        unowned: the unresolved ones that nobody takes care of.
        services: those with most unresolved incidents first.
        weeks: the last ones, the present one included, the oldest first.
        paces: the median time to resolve in the last 90 days, in hours; `None` when nothing was resolved.
        oldest: unresolved for the longest time.
        latest: touched last.
    """

    statuses: dict[Status, int]
    severities: dict[Severity, int]
    unowned: int
    services: list[Load]
    weeks: list[Week]
    paces: dict[Severity, float | None]
    oldest: list[Incident]
    latest: list[Incident]

    @property
    def active(self) -> int:
        """How many are not resolved."""
        return self.statuses[Status.OPEN] + self.statuses[Status.WATCHING]

    @property
    def total(self) -> int:
        """How many there are."""
        return sum(self.statuses.values())


def overview(db: Connection, how: Mode, now: datetime) -> Overview:
    """Count everything, as of one moment."""
    active = [Status.OPEN, Status.WATCHING]
    db.execute("begin")
    try:
        return Overview(
            statuses=_counted(db, "select status, count(*) from incidents group by status", list(Status)),
            severities=_counted(
                db, "select severity, count(*) from incidents where status < 2 group by severity", list(Severity)
            ),
            unowned=db.execute("select count(*) from incidents where status < 2 and owner = ''").fetchone()[0],
            services=_loads(db),
            weeks=_weeks(db, now),
            paces=_paces(db, now),
            oldest=find(db, Filters(status=active, sort="opened", size=LISTED), how).items,
            latest=find(db, Filters(sort="-updated", size=LISTED), how).items,
        )
    finally:
        db.execute("rollback")


def _counted(db: Connection, sql: str, names: list[K]) -> dict[K, int]:
    found = dict(db.execute(sql).fetchall())
    return {name: found.get(place, 0) for place, name in enumerate(names)}


def _loads(db: Connection) -> list[Load]:
    rows = db.execute(
        """select service, count(*), sum(severity < 2) from incidents where status < 2
           group by service order by 2 desc, 3 desc, 1"""
    )
    return [Load(*row) for row in rows]


def _weeks(db: Connection, now: datetime) -> list[Week]:
    this = now.date() - timedelta(days=now.weekday())
    mondays = [this - timedelta(weeks=back) for back in range(WEEKS - 1, -1, -1)]
    first = datetime.combine(mondays[0], time(), UTC)
    opened, resolved = (_by_week(db, column, first) for column in ("opened", "resolved"))
    return [Week(monday, opened[place], resolved[place]) for place, monday in enumerate(mondays)]


def _by_week(db: Connection, column: str, first: datetime) -> Counter[int]:
    rows = db.execute(f"select {column} from incidents where {column} >= ?", (stamp(first),))  # noqa: S608
    return Counter((datetime.fromisoformat(text) - first) // timedelta(weeks=1) for (text,) in rows)


def _paces(db: Connection, now: datetime) -> dict[Severity, float | None]:
    spans: dict[int, list[timedelta]] = defaultdict(list)
    sql = "select severity, opened, resolved from incidents where resolved >= ?"
    for severity, start, end in db.execute(sql, (stamp(now - QUARTER),)):
        spans[severity].append(datetime.fromisoformat(end) - datetime.fromisoformat(start))
    return {name: _middle(spans[place]) for place, name in enumerate(Severity)}


def _middle(spans: list[timedelta]) -> float | None:
    return round(median(each / timedelta(hours=1) for each in spans), 1) if spans else None

"""Figures: what the dashboard counts, in SQL that every engine understands."""

from collections import Counter, defaultdict
from datetime import UTC, date, datetime, time, timedelta
from statistics import median
from typing import Any, TypeVar

from arlen import Struct
from arlen_data import Database, Result

from lists import find
from models import Filters, Incident, Severity, Status
from search import Index

__all__ = ["WEEKS", "Load", "Overview", "Week", "overview", "unresolved"]

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


async def overview(db: Database, index: Index, now: datetime) -> Overview:
    """Count everything, as of one moment."""
    this = now.date() - timedelta(days=now.weekday())
    mondays = [this - timedelta(weeks=back) for back in range(WEEKS - 1, -1, -1)]
    first = datetime.combine(mondays[0], time(), UTC)
    async with db.transaction(read_only=True, isolation="repeatable read") as tx:
        statuses, severities, unowned, loads, opened, resolved, paces = await tx.batch(
            "select status, count(*) from incidents group by status",
            "select severity, count(*) from incidents where status < 2 group by severity",
            "select count(*) from incidents where status < 2 and owner = ''",
            """select service, count(*) as total, count(*) filter (where severity < 2) as severe
               from incidents where status < 2 group by service order by total desc, severe desc, service""",
            ("select opened from incidents where opened >= $1", first),
            ("select resolved from incidents where resolved >= $1", first),
            ("select severity, opened, resolved from incidents where resolved >= $1", now - QUARTER),
        )
        oldest = await find(tx, Filters(status=[Status.OPEN, Status.WATCHING], sort="opened", size=LISTED), index)
        latest = await find(tx, Filters(sort="-updated", size=LISTED), index)
    return Overview(
        statuses=_counted(statuses, list(Status)),
        severities=_counted(severities, list(Severity)),
        unowned=unowned.value(),
        services=loads.all(Load),
        weeks=_weeks(mondays, _by_week(opened, first), _by_week(resolved, first)),
        paces=_paces(paces),
        oldest=oldest.items,
        latest=latest.items,
    )


async def unresolved(db: Database) -> int:
    """Count the incidents that are not resolved."""
    return await db.value("select count(*) from incidents where status < 2", into=int)


def _counted(found: Result, names: list[K]) -> dict[K, int]:
    counts: dict[Any, int] = dict(found.all(tuple))
    return {name: counts.get(place, 0) for place, name in enumerate(names)}


def _weeks(mondays: list[date], opened: Counter[int], resolved: Counter[int]) -> list[Week]:
    return [Week(monday, opened[place], resolved[place]) for place, monday in enumerate(mondays)]


def _by_week(found: Result, first: datetime) -> Counter[int]:
    return Counter((moment - first) // timedelta(weeks=1) for (moment,) in found.all())


def _paces(found: Result) -> dict[Severity, float | None]:
    spans: dict[int, list[timedelta]] = defaultdict(list)
    for severity, opened, resolved in found.all():
        spans[severity].append(resolved - opened)
    return {name: _middle(spans[place]) for place, name in enumerate(Severity)}


def _middle(spans: list[timedelta]) -> float | None:
    return round(median(each / timedelta(hours=1) for each in spans), 1) if spans else None

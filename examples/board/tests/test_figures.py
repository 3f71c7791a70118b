"""Figures: what the dashboard counts."""

from datetime import date, timedelta

import pytest
from drafts import NOW, add

from figures import LISTED, WEEKS, Load, Week
from models import Severity, Status
from store import Store

pytestmark = pytest.mark.anyio


async def test_an_empty_board_has_zeros(store: Store) -> None:
    """Every status, severity and week is there."""
    made = await store.overview()
    assert dict.fromkeys(Status, 0) == made.statuses
    assert dict.fromkeys(Severity, 0) == made.severities
    assert dict.fromkeys(Severity) == made.paces
    assert (0, 0, 0, [], [], []) == (made.active, made.total, made.unowned, made.services, made.oldest, made.latest)
    assert WEEKS == len(made.weeks)


async def test_only_what_is_unresolved_weighs(store: Store) -> None:
    """By severity, by service, and without an owner."""
    await add(store, "2026-11-20", service="search", severity=Severity.LOW, owner="Ada")
    await add(store, "2026-11-20", service="billing", severity=Severity.CRITICAL)
    await add(store, "2026-11-20", service="billing", severity=Severity.MEDIUM)
    await add(store, "2026-11-20", "2026-11-21", service="login", severity=Severity.CRITICAL)
    made = await store.overview()
    assert {"critical": 1, "high": 0, "medium": 1, "low": 1} == made.severities
    assert [Load("billing", 2, 1), Load("search", 1, 0)] == made.services
    assert (3, 4, 2) == (made.active, made.total, made.unowned)


async def test_weeks_begin_on_monday(store: Store) -> None:
    """The last is the present one, and each counts what was opened and what was resolved in it."""
    await add(store, "2026-11-15T23:59:59", "2026-11-16T00:00:00")
    await add(store, "2026-11-22T11:00:00")
    await add(store, "2026-08-30T23:59:59")
    made = (await store.overview()).weeks
    assert [Week(date(2026, 11, 9), 1, 0), Week(date(2026, 11, 16), 1, 1)] == made[-2:]
    assert date(2026, 8, 31) == made[0].monday
    assert (2, 1) == (sum(each.opened for each in made), sum(each.resolved for each in made))


async def test_the_pace_is_the_median_of_a_quarter(store: Store) -> None:
    """One incident that took months does not spoil it, and older ones do not count."""
    for hours in (1, 2, 300):
        begin = NOW - timedelta(hours=hours)
        await add(store, begin.isoformat(), NOW.isoformat(), severity=Severity.HIGH)
    await add(store, "2026-01-01", "2026-01-20", severity=Severity.HIGH)
    assert 2.0 == (await store.overview()).paces[Severity.HIGH]


async def test_the_lists_are_short(store: Store) -> None:
    """The oldest unresolved first, and the last touched first."""
    for day in range(1, 10):
        await add(store, f"2026-11-{day:02}", title=f"Day {day}")
    await add(store, "2026-10-01", "2026-11-21", title="Resolved")
    made = await store.overview()
    assert [f"Day {day}" for day in range(1, LISTED + 1)] == [each.title for each in made.oldest]
    assert ["Resolved", "Day 9", "Day 8"] == [each.title for each in made.latest[:3]]

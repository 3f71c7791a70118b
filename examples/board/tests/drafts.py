"""Drafts: what the tests begin with: a time, incidents, and where things are."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from models import Draft, Fields, Severity, Status, checked
from sheets import Row, Sheet
from store import Store

__all__ = ["BOARD", "NOW", "add", "draft", "fields"]

BOARD = Path(__file__).parents[1]
NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def fields(**changes: Any) -> Fields:
    """Return the fields of an incident, some of them changed."""
    given: dict[str, Any] = {"title": "Payments time out", "service": "billing", "severity": Severity.HIGH}
    made, errors = checked(Draft(**(given | {"status": Status.OPEN} | changes)), NOW)
    assert [] == errors
    assert made is not None
    return made


def draft(**changes: Any) -> dict[str, Any]:
    """Return what a client sends to open an incident, some of it changed."""
    return {"title": "Payments time out", "service": "billing", "severity": "high", "author": "Ada"} | changes


async def add(store: Store, opened: str, resolved: str = "", **changes: Any) -> None:
    """Add an incident with its times, as an import does."""
    made = fields(opened=opened, status=Status.RESOLVED if resolved else Status.OPEN, **changes)
    end = fields(opened=resolved).opened if resolved else None
    number = await store.db.value("select count(*) + 1 from incidents")  # with a number it may look like another one
    taken = await store.take(Sheet([], [Row(1, number, made, end or made.opened, end, [], [])], []))
    assert 1 == len(taken.added)

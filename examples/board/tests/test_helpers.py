"""Helpers: what the templates call."""

from datetime import timedelta

import pytest
from arlen import App, Client, Context, Request, Response
from drafts import NOW

from helpers import COOKIE, ago, listing, me, remember, span, when
from models import Filters, Severity, Status

pytestmark = pytest.mark.anyio


def context(app: App, cookie: str = "") -> Context:
    """Return the context of a request with a cookie."""
    return Context(app, Request(headers=[(b"cookie", cookie.encode())]))


@pytest.mark.parametrize(
    ("passed", "expected"),
    [
        (timedelta(seconds=-5), "just now"), (timedelta(seconds=59), "just now"), (timedelta(minutes=1), "1 min ago"),
        (timedelta(minutes=59), "59 min ago"), (timedelta(hours=1), "1 h ago"), (timedelta(hours=47), "1 d ago"),
        (timedelta(days=29), "29 d ago"), (timedelta(days=30), "1 mo ago"), (timedelta(days=800), "2 y ago"),
    ],
)  # fmt: skip
def test_times_are_told_in_one_unit(app: App, passed: timedelta, expected: str) -> None:
    """Rounded down; the machine's clock may be behind."""
    assert expected == ago(context(app), NOW - passed)


def test_a_time_says_exactly_what_it_is(app: App) -> None:
    """To programs, and to people who point at it."""
    made = when(context(app), NOW - timedelta(days=2))
    assert '<time datetime="2026-11-20T12:00:00+00:00" title="2026-11-20 12:00 UTC">2 d ago</time>' == made


def test_a_span_is_never_negative() -> None:
    """Less than a minute is none."""
    assert ("0 min", "0 min", "3 h") == (span(timedelta(-1)), span(timedelta(seconds=9)), span(timedelta(hours=3)))


@pytest.mark.parametrize(
    ("filters", "changes", "expected"),
    [
        (None, {}, "/incidents"),
        (None, {"tag": "db"}, "/incidents?tag=db"),
        (None, {"status": [Status.OPEN, Status.WATCHING]}, "/incidents?status=open&status=watching"),
        (Filters(q="a b", page=7), {"severity": [Severity.LOW]}, "/incidents?q=a+b&severity=low"),
        (Filters(q="x", page=7), {"page": 8}, "/incidents?q=x&page=8"),
        (Filters(page=7), {"page": 1}, "/incidents"),
        (Filters(sort="title"), {"sort": "-updated"}, "/incidents"),
        (Filters(tag="a&b"), {}, "/incidents?tag=a%26b"),
    ],
)
async def test_addresses_say_only_what_is_not_usual(
    page: Client, filters: Filters | None, changes: dict[str, object], expected: str
) -> None:
    """And any change of a filter begins at the first page."""
    assert expected == listing(context(page.app), filters, **changes)


async def test_addresses_may_have_a_format(page: Client) -> None:
    """With the same filters."""
    assert "/incidents.csv?q=x" == listing(context(page.app), Filters(q="x"), _format="csv")


@pytest.mark.parametrize("name", ["Ada", "Zoë Ünal; path=/", "名前", 'a"b,c\\', "%41"])
def test_a_name_survives_its_cookie(app: App, name: str) -> None:
    """Whatever characters it has."""
    made = remember(Response(""), name).headers["set-cookie"]
    assert made.endswith("HttpOnly")
    assert name == me(context(app, made.partition(";")[0]))


def test_no_name_is_no_cookie(app: App) -> None:
    """And a broken one is harmless."""
    assert "set-cookie" not in remember(Response(""), "").headers
    assert "" == me(context(app))
    assert 60 == len(me(context(app, f"{COOKIE}={'x' * 500}")))

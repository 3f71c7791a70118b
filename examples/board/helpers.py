"""Helpers: what the templates call by name."""

from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote, unquote

from arlen import App, Context, Response
from markupsafe import Markup
from msgspec import structs

from models import Filters, Status

__all__ = ["COOKIE", "ago", "install", "listing", "me", "remember", "span"]

COOKIE = "board_name"
YEAR = 365 * 86_400

_UNITS = (("y", 365 * 86_400), ("mo", 30 * 86_400), ("d", 86_400), ("h", 3600), ("min", 60))


def install(app: App) -> None:
    """Give the helpers to an application."""
    app.helper("ago", ago, context=True)
    app.helper("listing", listing, context=True)
    app.helper("me", me, context=True)
    app.helper("when", when, context=True)
    app.helper("span", span)
    app.helper("active", lambda: [Status.OPEN, Status.WATCHING])


def ago(ctx: Context, moment: datetime) -> str:
    """Return how long ago a moment was, in its largest unit: "3 h ago"."""
    passed = ctx.app.clock.now() - moment
    return f"{span(passed)} ago" if passed >= timedelta(minutes=1) else "just now"


def span(time: timedelta) -> str:
    """Return a length of time in its largest unit, rounded down.

    >>> span(timedelta(hours=30)), span(timedelta(seconds=20))
    ('1 d', '0 min')
    """
    seconds = max(0, int(time.total_seconds()))
    name, size = next(((name, size) for name, size in _UNITS if seconds >= size), _UNITS[-1])
    return f"{seconds // size} {name}"


def when(ctx: Context, moment: datetime) -> Markup:
    """Return a moment as `<time>`: how long ago for people, the exact time when they point at it."""
    exact = moment.strftime("%Y-%m-%d %H:%M UTC")
    return Markup('<time datetime="{}" title="{}">{}</time>').format(moment.isoformat(), exact, ago(ctx, moment))


def listing(ctx: Context, filters: Filters | None = None, /, _format: str = "", **changes: Any) -> str:
    """Return the address of the list with some filters changed; any change but that of the page goes back to page 1."""
    filters, usual = filters or Filters(), Filters()
    values = structs.asdict(filters) | ({} if "page" in changes else {"page": 1}) | changes
    query = {name: value for name, value in values.items() if value != getattr(usual, name)}
    return ctx.url_for("incidents", _query=query, _format=_format)


def me(ctx: Context) -> str:
    """Return the name under which this browser wrote last, or ""."""
    return unquote(ctx.request.cookies.get(COOKIE, ""), errors="replace")[:60]


def remember(response: Response, name: str) -> Response:
    """Keep the name for the next form."""
    if name:
        response.cookie(COOKIE, quote(name, safe=""), max_age=YEAR)
    return response

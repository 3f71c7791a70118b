"""Common: what the controllers share: the form of an answer, and the whole review of what somebody sent."""

from datetime import datetime
from typing import Any

from arlen import Context, FieldError, Input, Response, json, redirect
from arlen_core.negotiation import negotiate
from msgspec import to_builtins

import models
from helpers import remember
from models import Draft, Fields, Incident, checked
from records import Conflict, Stored

__all__ = ["detail", "differing", "review", "saved", "speaks_json"]


def speaks_json(ctx: Context) -> bool:
    """Say whether the answer is JSON: as the client prefers it, and where it does not care, as it spoke itself."""
    spoken = "json" in ctx.request.media
    return negotiate(ctx.request, ("json", "html") if spoken else ("html", "json")) == "json"


def review(sent: Input[Any], now: datetime) -> tuple[Fields | None, list[FieldError]]:
    """Return the tidy fields of a draft, or every row that is wrong with it, by type and by rule."""
    if sent.value is not None:
        return checked(sent.value, now)
    if not sent.raw:  # JSON: there is nothing more to look at
        return None, sent.errors
    _, rows = models.review(sent.raw, now)
    return None, [row for row in sent.errors if row.field not in {each.field for each in rows}] + rows


def detail(found: Stored) -> dict[str, Any]:
    """Return an incident with its timeline, as JSON shows it."""
    return {"ref": found.incident.ref, **to_builtins(found.incident), "notes": found.notes}


def saved(ctx: Context, incident: Incident, author: str, *, status: int = 200, message: str = "") -> Response:
    """Answer a change that was made: JSON shows the incident, a browser is sent to its page."""
    url = ctx.url_for("incident", id=incident.id)
    if speaks_json(ctx):
        return json({"ref": incident.ref, **to_builtins(incident)}, status, headers={"location": url})
    ctx.flash(message or f"{incident.ref} is saved.", "good")
    return remember(redirect(url), author)


def differing(conflict: Conflict, sent: dict[str, Any]) -> list[FieldError]:
    """Return a row for each field that somebody else changed, and that is not what was sent."""
    now = to_builtins(conflict.current) | {"tags": " ".join(conflict.current.tags)}
    names = [name for name in Draft.__struct_fields__ if name in conflict.fields and name in sent]
    rows = [(name, str(now[name])) for name in names if _flat(sent[name]) != str(now[name])]
    return [FieldError(name, "changed", f"is now “{value}”" if value else "is now empty") for name, value in rows]


def _flat(value: Any) -> str:
    return " ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)

"""Timeline: notes to an incident, and the steps from open to resolved and back."""

from typing import Any

from arlen import Context, FieldError, HTTPError, Input, Response, Router, ValidationFailed, View, json, redirect
from msgspec import structs

from answers import ELSEWHERE, MISSING, OUTRUN, Named
from controllers.common import saved, speaks_json
from helpers import remember
from models import Fields, Incident, Move, Note, Remark, Status, person, prose, tidy
from records import Conflict
from store import Store

__all__ = ["routes"]

routes = Router("/incidents/{id:int}", tags=["timeline"], options={"responses": MISSING | ELSEWHERE})

_DONE = {Status.OPEN: "is open again", Status.WATCHING: "is being watched", Status.RESOLVED: "is resolved. Well done"}


@routes.post("/notes", name="remark", status=201, responses={201: Note})
async def remark(id: int, sent: Input[Remark], ctx: Context, store: Store) -> View | Response:
    """Add a note."""
    errors = _wrong(sent)
    if not errors and not prose(sent.valid().text).strip():
        errors = [FieldError("text", "missing", "is required")]
    if errors:
        return await _again(id, ctx, store, sent, errors, status=422)
    author = tidy(sent.valid().author)
    made = await store.note(id, author=author, text=prose(sent.valid().text))
    if speaks_json(ctx):
        return json(made, 201)
    ctx.flash("Your note is on the timeline.", "good")
    return remember(redirect(ctx.url_for("incident", id=id, _fragment=f"note-{made.id}")), author)


@routes.post("/status", name="move", responses={200: Named, **OUTRUN})
async def move(id: int, sent: Input[Move], ctx: Context, store: Store) -> View | Response:
    """Give an incident another status, with a word about why."""
    found = (await store.get(id)).incident
    if errors := _wrong(sent):
        return await _again(id, ctx, store, sent, errors, status=422)
    step = sent.valid()
    author = tidy(step.author)
    try:
        made = await store.edit(
            id, step.version, _fields(found, status=step.status), author=author, text=prose(step.text).strip("\n ")
        )
    except Conflict as conflict:
        return await _again(id, ctx, store, sent, _late(conflict), status=409)
    return saved(ctx, made, author, message=f"{made.ref} {_DONE[made.status]}.")


def _wrong(sent: Input[Any]) -> list[FieldError]:
    value = sent.raw.get("author", "") if sent.value is None else sent.value.author
    return sent.errors or person("author", tidy(value))


def _fields(incident: Incident, **changes: Any) -> Fields:
    values = structs.asdict(incident) | changes
    return Fields(**{name: values[name] for name in Fields.__struct_fields__})


async def _again(
    id: int, ctx: Context, store: Store, sent: Input[Any], errors: list[FieldError], *, status: int
) -> View:
    if speaks_json(ctx):
        if status == 422:
            raise ValidationFailed(errors)
        raise HTTPError(status, errors[0].message, code=errors[0].code)
    sent.errors = errors
    return ctx.render("incidents/show", status=status, found=await store.get(id), source=sent, values={})


def _late(conflict: Conflict) -> list[FieldError]:
    now = conflict.current
    told = f"{now.ref} was changed in the meantime: it is {now.status} now. Nothing was saved; look, and try again."
    return [FieldError("", "edit_conflict", told)]

"""Incidents: the list, one of them, the forms that open and change one; HTML, JSON and CSV from the same handlers."""

from collections.abc import AsyncIterator
from typing import Annotated, Any

from arlen import Context, FieldError, HTTPError, Input, Query, Response, Router, Stream, ValidationFailed, View, json
from arlen_core.conditional import require
from arlen_core.negotiation import negotiate
from msgspec import structs

from answers import CSV, ELSEWHERE, MISSING, OUTRUN, Detail, Listing, Named
from controllers.common import detail, differing, review, saved, speaks_json
from helpers import listing, me
from models import Change, Draft, Edit, Filters, Incident, Page, Remark, checked, tidy
from records import Conflict
from sheets import write
from store import Store

__all__ = ["routes"]

routes = Router("/incidents", tags=["incidents"])

CHANGED = MISSING | OUTRUN | {412: "It is not what If-Match says.", 428: "Say If-Match or `version`."}


@routes.get("", name="incidents", formats=("html", "json", "csv"), responses={200: [Listing, CSV]})
async def index(filters: Annotated[Filters, Query], ctx: Context, store: Store) -> View | Response:
    """List what fits the filters, page by page; as CSV all of it at once."""
    if negotiate(ctx.request, ("html", "json", "csv")) == "csv":
        name = {"content-disposition": 'attachment; filename="incidents.csv"', "vary": "accept"}
        return Stream(_csv(store, filters), media="text/csv; charset=utf-8", headers=name)
    found = await store.find(filters)
    return ctx.render(
        "incidents/index",
        data=_listed(ctx, filters, found),
        found=found,
        filters=filters,
        choices=await store.choices(),
    )


@routes.post("", name="create", status=201, responses={201: Named, **ELSEWHERE})
async def create(sent: Input[Draft], ctx: Context, store: Store) -> View | Response:
    """Open an incident."""
    fields, errors = review(sent, ctx.app.clock.now())
    if fields is None:
        return await _again(ctx, store, "incidents/new", sent, errors)
    made = await store.create(fields)
    author = tidy(sent.valid().author)
    return saved(ctx, made, author, status=201, message=f"{made.ref} is open. Thank you for reporting it.")


@routes.get("/new", name="new", formats=("html",))
async def new(ctx: Context, store: Store) -> View:
    """Show an empty form."""
    return ctx.render("incidents/new", source=Draft, values={"author": me(ctx)}, choices=await store.choices())


@routes.get("/{id:int}", name="incident", responses={200: Detail, **MISSING})
async def show(id: int, ctx: Context, store: Store) -> View | Response:
    """Show an incident with its timeline."""
    found = await store.get(id)
    if speaks_json(ctx):
        return json(detail(found), headers={"etag": found.tag, "vary": "accept"})
    return ctx.render("incidents/show", found=found, source=Remark, values={"author": me(ctx)})


@routes.patch("/{id:int}", name="change", formats=("json",), responses={200: Detail, **CHANGED})
async def change(id: int, sent: Change, ctx: Context, store: Store) -> Response:
    """Change some fields of an incident, which must still be what the client saw: by If-Match or `version`."""
    found = await store.get(id)
    if sent.version is None:
        require(ctx.request, found.tag, conditions=True)
    fields, errors = checked(_merged(found.incident, sent), ctx.app.clock.now())
    if fields is None:
        raise ValidationFailed(errors)
    version = sent.version or found.incident.version
    try:
        await store.edit(id, version, fields, author=tidy(sent.author))
    except Conflict as conflict:
        raise _conflict(conflict, {k: v for k, v in structs.asdict(sent).items() if v is not None}) from conflict
    stored = await store.get(id)
    return json(detail(stored), headers={"etag": stored.tag})


@routes.get("/{id:int}/edit", name="edit", formats=("html",), responses=MISSING)
async def edit(id: int, ctx: Context, store: Store) -> View:
    """Show the form, filled."""
    found = (await store.get(id)).incident
    values = _filled(found) | {"author": me(ctx)}
    return ctx.render(
        "incidents/edit", incident=found, source=Edit, values=values, conflict=None, choices=await store.choices()
    )


@routes.post("/{id:int}/edit", name="save", responses={200: Named, **ELSEWHERE, **MISSING, **OUTRUN})
async def save(id: int, sent: Input[Edit], ctx: Context, store: Store) -> View | Response:
    """Save the form; when somebody else was faster, show both sides and let the author decide."""
    current = (await store.get(id)).incident
    fields, errors = review(sent, ctx.app.clock.now())
    if fields is None:
        return await _again(ctx, store, "incidents/edit", sent, errors, incident=current, conflict=None)
    edit = sent.valid()
    try:
        made = await store.edit(id, edit.version, fields, author=tidy(edit.author))
    except Conflict as conflict:
        values = sent.raw or structs.asdict(edit)
        if speaks_json(ctx):
            raise _conflict(conflict, values) from conflict
        newer = {"version": conflict.current.version}
        return ctx.render(
            "incidents/edit", status=409, incident=conflict.current, source=sent, values=newer, conflict=conflict,
            choices=await store.choices(),
        )  # fmt: skip
    return saved(ctx, made, tidy(edit.author))


async def _csv(store: Store, filters: Filters) -> AsyncIterator[str]:
    yield write([])
    async for some in store.export(filters):
        yield write(some, header=False)


def _listed(ctx: Context, filters: Filters, found: Page) -> Listing:
    following = listing(ctx, filters, page=found.page + 1, _format="json") if found.page < found.pages else None
    return Listing(found.items, found.total, found.page, found.pages, found.size, following)


async def _again(
    ctx: Context, store: Store, template: str, sent: Input[Any], errors: list[FieldError], **values: Any
) -> View:
    if speaks_json(ctx):
        raise ValidationFailed(errors)
    sent.errors = errors
    return ctx.render(template, status=422, source=sent, values={}, choices=await store.choices(), **values)


def _filled(incident: Incident) -> dict[str, Any]:
    opened = incident.opened.strftime("%Y-%m-%dT%H:%M")
    return structs.asdict(incident) | {"opened": opened, "tags": " ".join(incident.tags)}


def _merged(incident: Incident, change: Change) -> Draft:
    """Return the whole incident as the change makes it, so that it is checked as a whole."""
    sent = {name: value for name, value in structs.asdict(change).items() if value is not None and name != "version"}
    now = structs.asdict(incident) | {"opened": incident.opened.isoformat(), "tags": list(incident.tags)}
    return Draft(**{name: now[name] for name in Draft.__struct_fields__ if name in now} | sent)


def _conflict(conflict: Conflict, sent: dict[str, Any]) -> HTTPError:
    current = conflict.current
    detail = f"{current.ref} was changed in the meantime: it is at version {current.version} now. Nothing was saved."
    return HTTPError(409, detail, code="edit_conflict", errors=differing(conflict, sent))

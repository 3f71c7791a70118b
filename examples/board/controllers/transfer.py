"""Transfer: incidents from CSV files; what cannot be taken comes back, to be corrected in the page."""

from anyio import to_thread
from arlen import Context, FieldError, Response, Router, ValidationFailed, View, json, redirect
from arlen_core.forms import read_form
from arlen_openapi import Answer

from answers import Sheet
from controllers.common import speaks_json
from intake import Intake
from sheets import SheetError, decoded, lines, read
from store import Store

__all__ = ["UPLOAD", "routes"]

UPLOAD = 8 << 20
"""Bytes of a file that is taken."""
SHOWN = 200
"""Bad rows that the page lists; all of them can be corrected."""
EDITABLE = 1 << 20
"""Characters of bad rows that the page gives back for correction."""

routes = Router("/import", tags=["import"])

_BODY = {"multipart/form-data": Sheet, "application/x-www-form-urlencoded": Sheet, "text/csv": str}
_MADE = {200: Intake, 303: "All of it is imported; a browser goes on to the list.", 422: [Answer(), Intake]}


@routes.get("", name="import", formats=("html",))
async def new(ctx: Context) -> View:
    """Show the form."""
    return ctx.render("import/new", errors=[], text="", limit=UPLOAD)


@routes.post("", name="take", max_body=UPLOAD + 4096, body=_BODY, responses=_MADE)
async def take(ctx: Context, store: Store) -> View | Response:
    """Take a file: from a form (`file`, or `text` with the rows themselves), or as a body of type text/csv."""
    data, text = await _sent(ctx)
    try:
        if not data.strip():
            raise SheetError("choose a file, or paste some rows")
        sheet = await to_thread.run_sync(lambda: read(decoded(data), ctx.app.clock.now()))
    except SheetError as error:
        errors = [FieldError("file", "unreadable", str(error))]
        if speaks_json(ctx):
            raise ValidationFailed(errors, f"nothing was imported: {error}") from error
        return ctx.render("import/new", status=422, errors=errors, text=text, limit=UPLOAD)
    return _report(ctx, await store.take(sheet))


async def _sent(ctx: Context) -> tuple[bytes, str]:
    if ctx.request.media == "text/csv":
        return await ctx.request.body.read(), ""
    form = await read_form(ctx.request, ctx.app.forms)
    file, text = form.file("file"), form.fields.get("text") or ""
    return (await file.read(), "") if file is not None else (text.encode(), text)


def _report(ctx: Context, made: Intake) -> View | Response:
    status = 422 if made.bad and not made.added else 200
    if speaks_json(ctx):
        return json(made, status)
    count = len(made.added)
    told = f"{count} incident{'' if count == 1 else 's'} imported."
    if not made.bad:
        ctx.flash(told, "good")
        return redirect(ctx.url_for("incidents", _query={"sort": "-updated"}))
    text = lines([made.header, *[each.raw for each in made.bad]])
    return ctx.render(
        "import/report", status=status, made=made, shown=made.bad[:SHOWN], text=text if len(text) <= EDITABLE else ""
    )

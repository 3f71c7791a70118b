"""Errors: every refusal as a page of the board, or as a problem document for programs."""

from arlen import App, Context, HTTPError, NotFound, Response, View
from arlen_core.negotiation import choose
from arlen_core.problems import problem, wrap
from arlen_data.errors import PoolBusy, PoolTimeout

from records import Missing

__all__ = ["install"]

STATUSES = (400, 403, 404, 405, 406, 408, 409, 412, 413, 415, 422, 428, 429, 500, 503)

_ADVICE = {
    404: "The address may be mistyped, or what was here is gone.",
    409: "Somebody else was faster. Look at what is there now, and decide again.",
    412: "Somebody else was faster. Read it again, then change it.",
    413: "Send it in smaller parts.",
    422: "Go back, correct it and send it again; your browser keeps what you wrote.",
    500: "It is not your fault, and nothing half-done was saved. The request id below helps to find the reason.",
    503: "Wait a moment and try again.",
}


def install(app: App) -> None:
    """Register the handlers."""
    app.error(Missing)(missing)
    for busiest in (PoolBusy, PoolTimeout):
        app.error(busiest)(busy)
    for status in STATUSES:
        if status != 500 or not app.debug:  # development shows the traceback instead
            app.error(status)(page)


async def page(ctx: Context, error: Exception) -> View | Response:
    """Show an error as the client prefers it."""
    shown = wrap(error)
    if choose(ctx.request, ["application/problem+json", "json", "html", "txt"]) != "html":
        return problem(ctx.request, shown)
    advice = _ADVICE.get(shown.status, "")
    return ctx.render("errors/problem", status=shown.status, headers=shown.headers, error=shown, advice=advice)


async def missing(ctx: Context, error: Missing) -> View | Response:
    """There is no such incident."""
    return await page(ctx, NotFound(f"There is no incident INC-{error.id}.", code="incident_not_found"))


async def busy(ctx: Context, _: Exception) -> View | Response:
    """The database has more to do than it can."""
    refusal = HTTPError(503, "The board is very busy.", code="store_busy", headers={"retry-after": "1"})
    return await page(ctx, refusal)

"""Dashboard: how things stand."""

from arlen import Context, Response, Router, View, redirect

from charts import weekly
from figures import Overview
from store import Store

__all__ = ["routes"]

routes = Router()


@routes.get("/", name="dashboard", responses={200: Overview})
async def show(ctx: Context, store: Store) -> View:
    """Show what is open, where, and how the last weeks were."""
    overview = await store.overview()
    return ctx.render("dashboard", data=overview, overview=overview, chart=weekly(overview.weeks))


@routes.get("/favicon.ico", name="favicon", openapi=False)
async def favicon(ctx: Context) -> Response:
    """Send browsers that ask without having been told to the icon."""
    return redirect(ctx.request.root + "/static/favicon.svg", 301)

"""Context: one request together with what the application offers."""

import pytest

from arlen_core.app import App
from arlen_core.context import Context, Helpers
from arlen_core.errors import HTTPError, StartupError
from arlen_core.requests import Request
from arlen_core.testing import Client

pytestmark = pytest.mark.anyio


class Store:
    """A service of the application."""


class Unit:
    """A service of a request."""


@pytest.fixture
def app() -> App:
    """An application with a route, a helper and two services."""
    made = App("ctx", environ={"ARLEN_BACKGROUND__LIMIT": "1", "ARLEN_BACKGROUND__QUEUE": "1"})
    made.provide(Store)
    made.provide(Unit, scope="request")

    @made.get("/notes/{id:int}", name="note")
    async def note(id: int, ctx: Context, page: int = 1) -> dict:
        return {"params": ctx.params, "query": dict(ctx.query.items()), "url": ctx.url_for("note", id=id + 1)}

    return made


async def test_one_context_a_request(app):
    """The same object each time; another one for another request."""
    request = Request(query=b"a=1")
    context = app.context(request)
    assert context is app.context(request)
    assert context is not app.context(Request())
    assert (app, request, request.params, request.query, app.log) == (
        context.app, context.request, context.params, context.query, context.log,
    )  # fmt: skip
    assert "<Context <Request GET '/'>>" == repr(context)


async def test_in_a_handler(app):
    """Path parameters, query, links."""
    async with Client(app) as client:
        assert {"params": {"id": 7}, "query": {"page": "2"}, "url": "/notes/8"} == (
            await client.get("/notes/7?page=2")
        ).json()


async def test_links_know_the_mount(app):
    """`ctx.url_for` adds the prefixes above."""
    outer = App("outer", environ={})
    outer.mount("/in", app)
    async with Client(outer) as client:
        assert "/in/notes/8" == (await client.get("/in/notes/7")).json()["url"]


async def test_helpers(app):
    """By name; with the context first for those that want it; a name that is not there says how to add it."""
    app.helper("double", lambda n: n * 2)
    app.helper("where", lambda ctx, word="": ctx.request.path + word, context=True)
    helpers = app.context(Request(target=b"/x")).helpers
    assert isinstance(helpers, Helpers)
    assert (6, "/x!") == (helpers.double(3), helpers.where(word="!"))
    with pytest.raises(AttributeError, match=r"there is no helper 'excerpt'; `app.helper\('excerpt', function\)`"):
        _ = helpers.excerpt


@pytest.mark.parametrize("name", ["", "two words", "1st", "a-b", "double"])
def test_helper_names(app, name):
    """Identifiers, each once."""
    app.helper("double", abs)
    with pytest.raises(StartupError, match="taken or no identifier"):
        app.helper(name, abs)


async def test_services(app):
    """As a parameter of that type would be: one for all, one a request."""
    async with Client(app):
        one, two = Request(), Request()
        assert await app.context(one).service(Store) is await app.context(two).service(Store)
        unit = await app.context(one).service(Unit)
        assert unit is await app.context(one).service(Unit)
        assert unit is not await app.context(two).service(Unit)
        for request in (one, two):
            for closer in request.closers:
                await closer(None)
        with pytest.raises(LookupError):
            await app.context(one).service(Context)


def test_flash(app):
    """Messages gather in the request's state, for `arlen-web`."""
    context = app.context(Request())
    context.flash("saved")
    context.flash("oh", "warning")
    assert [{"kind": "info", "message": "saved"}, {"kind": "warning", "message": "oh"}] == context.request.state[
        "flash"
    ]


async def test_background_work_is_kept_for_later_and_refused_when_full(app):
    """Nothing runs before the response is sent; a full queue is 503 with a time to come back."""
    ran = []
    async with Client(app) as client:
        reply = await client.get("/notes/1")
        context = app.context(reply.request)
        context.background(ran.append, 1)
        assert ([], 1) == (ran, len(reply.request.state["background"]))
        import anyio

        for _ in range(2):
            app.background.spawn(anyio.sleep_forever)
        with pytest.raises(HTTPError) as caught:
            context.background(ran.append, 2)
        assert (503, "background_full", "1") == (
            caught.value.status, caught.value.code, caught.value.headers["retry-after"],
        )  # fmt: skip
        app.background.settings = app.background.settings.__class__(drain=0)

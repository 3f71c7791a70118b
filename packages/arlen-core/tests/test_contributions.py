"""Tests of arlen_core.contributions."""

from pathlib import Path

import pytest

from arlen_core import App, HTTPError, Router, StartupError
from arlen_core.contributions import KINDS, aside, collected, fresh, told
from arlen_core.plugins import Plugin
from arlen_core.testing import Client

pytestmark = pytest.mark.anyio


class Everything(Plugin):
    """A plugin that adds one of each."""

    name = "everything"

    def register(self, app):
        self._requests(app)
        app.hook("did_start")(self.note)
        app.hook("will_stop")(self.note)
        app.error(404)(self.missing)
        app.helper("shout", str.upper)
        app.provide(lambda: 7, type=int)
        app.health.add("disk", self.check)
        app.meters.counter("shop.orders", "Orders.")
        app.commands.append(Command())
        app.migrations.append(Migrations())
        app.templates.append(Path("/shop/templates"))
        app.statics.append(("/shop/static", Path("/shop/static")))
        app.translations.append(Path("/shop/messages"))

    def _requests(self, app):
        app.get("/shop", name="shop")(self.check)
        app.mount("/below", App("below"))
        router = Router("/admin")
        router.post("/orders")(self.check)
        app.include(router, "/shop")
        app.reserve("/shopz", self.check)
        app.middleware(around)
        app.guard(decide)

    def note(self, app): ...

    async def missing(self, ctx, error): ...

    async def check(self): ...


class Command:
    """A name is all that is asked for here."""

    name = "orders"


class Migrations:
    """Those of a shop."""

    namespace = "shop"


async def around(request, following):
    """Change nothing."""
    return await following(request)


async def decide():
    """Let everybody in."""


def test_all_kinds_are_told():
    """What a plugin adds is listed by kind, in words."""
    app = App("shop", environ={})
    app.use(Everything())
    app.plugins.settle()
    (found,) = app.plugins.order()
    here = __name__
    assert {
        "routes": ["GET /shop", "mount /below", "POST /shop/admin/orders"],
        "reserved": ["/shopz"],
        "middleware": [f"{here}.around"],
        "guards": [f"{here}.decide"],
        "hooks": [f"did_start: {here}.Everything.note", f"will_stop: {here}.Everything.note"],
        "errors": ["404"],
        "helpers": ["shout"],
        "services": ["int"],
        "health": ["disk"],
        "metrics": ["shop.orders"],
        "commands": ["orders"],
        "migrations": ["shop"],
        "templates": ["/shop/templates"],
        "statics": ["/shop/static"],
        "translations": ["/shop/messages"],
    } == found.brought
    assert list(KINDS) == list(found.brought)


def test_only_what_a_plugin_adds_is_its_own():
    """What the application had, or gets from others, is not."""
    app = App("shop", environ={})
    app.helper("own", str)
    app.meters.gauge("zz.own", "Mine.")
    app.use(Everything())
    app.plugins.settle()
    app.helper("late", str)
    assert ["shout"] == app.plugins.order()[0].brought["helpers"]
    assert ["shop.orders"] == app.plugins.order()[0].brought["metrics"]


def test_what_is_new():
    """Names are compared, for they may be sorted anew; other things are those behind what was there."""
    one, two = object(), object()
    assert {"metrics": ["a"], "guards": [one]} == fresh(
        {"metrics": ("b",), "guards": (one,), "routes": (two,)},
        {"metrics": ("a", "b"), "guards": (one, one), "routes": (two,), "hooks.error": ()},
    )


def test_an_application_that_has_nothing():
    """Has its own services, reserved paths and metrics of its background work, nothing else."""
    found = collected(App("empty", environ={}))
    assert {"metrics", "reserved", "services"} == {kind for kind, items in found.items() if items}


@pytest.mark.parametrize(
    ("kind", "item", "text"),
    [
        ("commands", object, "<class 'object'>"),
        ("templates", Path("a"), "a"),
        ("services", Migrations, "<class"),
    ],
)
def test_things_without_a_name(kind, item, text):
    """Are shown as they are."""
    made = type("Provider", (), {"type": item}) if kind == "services" else item
    assert told(kind, [made])[0].startswith(text if kind != "services" else "Migrations")


async def test_plugins_go_around_the_application():
    """Their middleware, guards and hooks come first, also when the application's own were declared before them."""
    app, seen = App("around", environ={}), []

    def wrap(name):
        async def middleware(request, following):
            seen.append(f"{name} in")
            response = await following(request)
            seen.append(f"{name} out")
            return response

        return middleware

    def add(target, name):
        target.middleware(wrap(name))
        target.guard(lambda: seen.append(f"{name} guard"))
        target.hook("before_request")(lambda _: seen.append(f"{name} before"))
        target.hook("before_response")(lambda *_: seen.append(f"{name} response"))

    class Outer(Plugin):
        name = "outer"

        def register(self, app):
            add(app, "plugin")

    add(app, "own")
    app.use(Outer())
    app.get("/")(lambda: "hello")
    async with Client(app) as client:
        await client.get("/")
    assert [
        "plugin before", "own before", "plugin in", "own in", "plugin guard", "own guard",
        "own out", "plugin out", "own response", "plugin response",
    ] == seen  # fmt: skip


async def test_the_error_handler_of_the_application_counts():
    """A plugin's is for applications that have none."""

    class Polite(Plugin):
        name = "polite"

        def register(self, app):
            for status in (404, 409):
                app.error(status)(self.answer)

        async def answer(self, ctx, error):
            return "the plugin's"

    app = App("errors", environ={})

    @app.error(404)
    async def missing(ctx, error):
        return "its own"

    @app.get("/taken")
    async def taken():
        raise HTTPError(409)

    app.use(Polite())
    async with Client(app) as client:
        assert "its own" == (await client.get("/nowhere")).text
        assert "the plugin's" == (await client.get("/taken")).text


def test_aside_puts_all_back_when_something_fails():
    """The application's own is there as before, and so is what came."""
    app = App("aside", environ={})
    app.middleware(around)
    app.hook("did_start")(str)

    def broken():
        with aside(app):
            app.hook("did_start")(repr)
            app.hook("no_such_moment")(repr)

    with pytest.raises(StartupError):
        broken()
    assert (around,) == app.around
    assert (repr, str) == app.hooks.functions("did_start")

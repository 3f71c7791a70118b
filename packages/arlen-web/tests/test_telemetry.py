"""Telemetry: what spans and meters learn of pages, and that nobody is asked when nobody wants to know."""

from types import SimpleNamespace

import pytest
from jinja2 import TemplateNotFound

from arlen_core.app import App
from arlen_core.context import Context
from arlen_core.testing import Client
from arlen_web.web import Web

pytestmark = pytest.mark.anyio


class Numbers:
    """A registry of meters that keeps what histograms are told, by name."""

    def __init__(self):
        self.told = {}

    def counter(self, declaration):
        return print

    def histogram(self, declaration):
        return lambda *values: self.told.setdefault(declaration.name, []).append(values)

    def observe(self, declaration, function):
        pass


def make(folder):
    """An application with a page that includes another template, and one that fails."""
    (folder / "templates" / "notes").mkdir(parents=True)
    (folder / "templates" / "part.html").write_text("part")
    (folder / "templates" / "notes" / "show.html").write_text("{% include 'part.html' %} {{ word }}")
    (folder / "templates" / "broken.html").write_text("{{ nothing }}")
    app = App("pages", root=folder, env="test")
    web = app.use(Web())

    @app.get("/")
    async def index(ctx: Context) -> str:
        return ctx.render("notes/show", word="hello")

    @app.get("/broken")
    async def broken(ctx: Context) -> str:
        return ctx.render("broken")

    return app, web


async def test_a_page_is_a_span_of_its_request(tmp_path):
    """It has the template's name, and whether it had been compiled before; includes are a part of it."""
    app, _ = make(tmp_path)
    told = []
    app.spans.listen(told.append)
    async with Client(app) as client:
        first, second = await client.get("/"), await client.get("/")
    assert "part hello" == first.text == second.text
    (server, page), (_, again) = told
    assert ("render notes/show.html", "internal", server.span_id) == (page.name, page.kind, page.parent_id)
    assert {
        "arlen.stage": "render",
        "arlen.template": "notes/show.html",
        "arlen.template.cached": False,
    } == page.attributes
    assert again.attributes["arlen.template.cached"]


async def test_a_page_that_fails(tmp_path):
    """The span has the error, and the page its note as ever."""
    app, _ = make(tmp_path)
    told = []
    app.spans.listen(told.append)
    async with Client(app) as client:
        assert 500 == (await client.get("/broken")).status
    page = told[0][1]
    assert ("render broken.html", "UndefinedError") == (page.name, type(page.error).__name__)
    assert any("broken.html" in note for note in page.error.__notes__)


async def test_times_are_recorded_by_template(tmp_path):
    """Pages without a request too; a template that there is not makes no series."""
    app, web = make(tmp_path)
    numbers = Numbers()
    app.meters.attach(numbers)
    async with Client(app) as client:
        await client.get("/")
        web.page("part")
        with pytest.raises(TemplateNotFound):
            web.page("nowhere")
    told = numbers.told["template.render.duration"]
    assert ["notes/show.html", "part.html"] == [name for _, name in told]
    assert all(seconds >= 0 for seconds, _ in told)


async def test_nobody_wants_to_know(tmp_path):
    """Then the views make pages by themselves; that changes when somebody comes or leaves."""
    app, web = make(tmp_path)
    async with Client(app):
        assert web.views.watch is None
        listener = app.spans.listen(print)
        assert web.views.watch is not None
        app.spans.leave(listener)
        assert web.views.watch is None


async def test_a_listener_that_fails_harms_no_page(tmp_path):
    """It is logged."""
    app, web = make(tmp_path)
    app.spans.listen(lambda _: 1 / 0)
    logged = []
    app.log = SimpleNamespace(error=lambda event, **values: logged.append((event, values["part"])))
    assert "part" == web.page("part")
    assert [("http.late.failed", "a listener of spans")] == logged


async def test_a_changed_template_is_compiled_again(tmp_path):
    """In development a file that changed is a template that was not compiled before."""
    app, web = make(tmp_path)
    web.views.env.auto_reload = True
    told = []
    app.spans.listen(told.extend)
    web.page("part")
    web.page("part")
    (tmp_path / "templates" / "part.html").write_text("changed")
    web.views.env.cache.clear()  # the file system's clock may not have moved on
    assert "changed" == web.page("part")
    assert [False, True, False] == [each.attributes["arlen.template.cached"] for each in told]

"""Web: what the plugin adds to an application, in each environment, and what stops its start."""

import gzip
import re
from datetime import datetime, time
from typing import Annotated

import pytest
from markupsafe import Markup
from msgspec import Meta, Struct

from arlen_core import App, ConfigError, Context, Input, NotFound, StartupError, redirect
from arlen_core.enabling import points
from arlen_core.plugins import Plugin
from arlen_core.testing import Client
from arlen_web import Message, Web
from arlen_web.failures import TemplateFault

pytestmark = pytest.mark.anyio

SECRET = "s" * 32


class New(Struct):
    """A new note."""

    title: Annotated[str, Meta(min_length=1, max_length=20)]


def folder(root, files):
    """Write files."""
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


def site(root, files=None, env="test", **environ):
    """Make an application over a folder."""
    root.mkdir(exist_ok=True)
    folder(root, files or {})
    app = App("site", root=root, env=env, environ={"ARLEN_ENV": env, "ARLEN_LOG__TARGET": str(root / "log"), **environ})
    return app, app.use(Web())


LAYOUT = (
    "{% for m in flash() %}<p class={{ m.kind }}>{{ m.message }}</p>{% endfor %}"
    "<a href={{ url_for('home') }}></a>{% block body %}{% endblock %}"
)


def notes(root, env="test", **environ):
    """Make an application with a page, a form and flash messages."""
    files = {
        "templates/layout.html": LAYOUT,
        "templates/index.html": "{% extends 'layout.html' %}"
        "{% block body %}{{ note }} {{ request.path }}{% endblock %}",
        "templates/new.html": "{% extends 'layout.html' %}{% block body %}{% set f = form(note) %}"
        "{{ f.open() }}{{ f.field('title') }}{{ f.close() }}{% endblock %}",
    }
    app, web = site(root, files, env, **environ)

    @app.get("/")
    async def home(ctx: Context):
        return ctx.render("index", note="<tea>")

    @app.get("/new")
    async def new(ctx: Context):
        return ctx.render("new", note=New)

    @app.post("/new")
    async def create(note: Input[New], ctx: Context):
        if not note.ok:
            return ctx.render("new", note=note, status=422)
        ctx.flash("Saved <it>", "success")
        return redirect(ctx.url_for("home"))

    return app, web


async def test_a_page_is_made(tmp_path):
    """Escaped, with the names that templates have, and as JSON for those who want that."""
    app, _ = notes(tmp_path)
    async with Client(app) as client:
        page = await client.get("/")
        assert (200, "text/html") == (page.status, page.media)
        assert "<a href=/></a>&lt;tea&gt; /" == page.text
        assert {"note": "<tea>"} == (await client.get("/", headers={"Accept": "application/json"})).json()


async def test_a_form_is_shown_again_and_a_message_waits(tmp_path):
    """Wrong input comes back with its errors; right input redirects, and the next page says so, once."""
    app, _ = notes(tmp_path)
    async with Client(app) as client:
        wrong = await client.post("/new", form={"title": "x" * 30})
        assert 422 == wrong.status
        assert f'value="{"x" * 30}"' in wrong.text
        assert "must have at most 20 characters" in wrong.text
        right = await client.post("/new", form={"title": "Tea"})
        assert (303, "/") == (right.status, right.headers["location"])
        assert "<p class=success>Saved &lt;it&gt;</p>" in (await client.get("/")).text
        assert "Saved" not in (await client.get("/")).text
        assert {} == client.cookies


class Choice(Struct):
    """What browsers send in their own way."""

    at: datetime | None = None
    hour: time | None = None
    notify: bool = True


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ([("at", "2026-11-22T09:05"), ("hour", "09:05")], ("2026-11-22T09:05:00", "09:05:00", True)),
        ([("at", "2026-11-22T09:05:07"), ("notify", "true"), ("notify", "false")], ("2026-11-22T09:05:07", None, True)),
        ([("at", ""), ("hour", ""), ("notify", "false")], (None, None, False)),
    ],
)
async def test_what_browsers_send_is_understood(tmp_path, form, expected):
    """Times without seconds, and a box that was unticked though it is ticked by default."""
    app, _ = site(tmp_path)

    @app.post("/")
    async def take(choice: Choice) -> Choice:
        return choice

    async with Client(app) as client:
        got = (await client.post("/", form=form)).json()
    assert expected == (got["at"], got["hour"], got["notify"])


async def test_messages_survive_two_processes_with_one_secret(tmp_path):
    """Every worker reads what another one wrote; a development process makes its own secret."""
    first, _ = notes(tmp_path, "production", ARLEN_WEB__SECRET=SECRET)
    second, _ = notes(tmp_path, "production", ARLEN_WEB__SECRET=SECRET)
    alone, _ = notes(tmp_path, "development")
    async with Client(first) as client, Client(second) as other, Client(alone) as stranger:
        await client.post("/new", form={"title": "Tea"})
        other.cookies = stranger.cookies = dict(client.cookies)
        assert "Saved" not in (await stranger.get("/")).text
        assert "Saved" in (await other.get("/")).text


async def test_production_needs_a_secret_for_messages(tmp_path):
    """When a template shows them; the error says which and how to make one."""
    app, _ = notes(tmp_path, "production")
    with pytest.raises(StartupError, match=r"secret is missing, and layout\.html shows flash messages.*token_hex"):
        await app.start()
    quiet, _ = site(tmp_path / "quiet", {"templates/a.html": "no messages"}, "production")
    await quiet.start()
    await quiet.stop()


async def test_without_a_secret_a_message_is_lost_and_nothing_else(tmp_path):
    """The answer goes out, and the log says why."""
    app, _ = site(tmp_path, env="production")

    @app.get("/")
    async def home(ctx: Context):
        ctx.flash("lost")
        return "fine"

    async with Client(app) as client:
        answer = await client.get("/")
    assert ("fine", None) == (answer.text, answer.headers.get("set-cookie"))
    assert "flash.dropped" in (tmp_path / "log").read_text()


async def test_a_short_secret_is_refused(tmp_path):
    """And is not shown."""
    with pytest.raises(ConfigError, match="shorter than 32") as caught:
        site(tmp_path, ARLEN_WEB__SECRET="short-one")
    assert "short-one" not in str(caught.value)


async def test_production_compiles_everything_first(tmp_path):
    """A template that cannot work stops the start; development shows it when it is used."""
    files = {"templates/good.html": "x", "templates/bad.html": "\n{% if %}"}
    app, _ = site(tmp_path, files, "production")
    with pytest.raises(TemplateFault, match=r"bad\.html, line 2"):
        await app.start()
    for env in ("development", "test"):
        other, _ = site(tmp_path, {}, env)
        await other.start()
        await other.stop()


async def test_production_knows_the_assets_first(tmp_path):
    """A file that a template names and that is not there stops the start, with the line; the others are read then."""
    files = {"templates/a.html": "\n{{ asset('a.css') }}{{ asset('b' ~ '.css') }}", "public/a.css": "x"}
    app, web = site(tmp_path, files, "production")
    await app.start()
    assert ["a.css"] == list(web._mounts["/static"]._fingerprints._known)
    await app.stop()
    (tmp_path / "public" / "a.css").rename(tmp_path / "public" / "aa.css")
    other, _ = site(tmp_path, {}, "production")
    with pytest.raises(
        TemplateFault, match=r"a\.html, line 2: there is no static file 'a\.css': did you mean 'aa\.css'"
    ):
        await other.start()


async def test_development_sees_changes(tmp_path):
    """Templates and addresses of assets change with the files."""
    app, web = site(tmp_path, {"templates/a.html": "old", "public/a.css": "old"}, "development")

    @app.get("/")
    async def home(ctx: Context):
        return ctx.render("a")

    async with Client(app) as client:
        before = web.asset("a.css")
        assert "old" == (await client.get("/")).text
        folder(tmp_path, {"templates/a.html": "changed", "public/a.css": "changed"})
        assert "changed" == (await client.get("/")).text
        assert before != web.asset("a.css")


async def test_an_error_in_a_template_is_a_500(tmp_path):
    """In production without a word about it; in development with the template's line."""
    for env, shown in (("production", False), ("development", True)):
        app, _ = site(tmp_path, {"templates/a.html": "\n\n{{ nope }}"}, env)

        @app.get("/")
        async def home(ctx: Context):
            return ctx.render("a")

        async with Client(app) as client:
            answer = await client.get("/", headers={"Accept": "text/html"})
        assert 500 == answer.status
        assert shown == ("a.html:3" in answer.text) == ("nope" in answer.text)
    assert "in the template a.html, line 3" in (tmp_path / "log").read_text().replace("\\n", "\n")


async def test_helpers_are_there(tmp_path):
    """Those of the application and of its plugins, registered before or after this one."""
    folder(tmp_path, {"templates/a.html": "{{ early() }} {{ late() }}"})
    app = App("site", root=tmp_path, environ={})
    app.helper("early", lambda: 1)
    app.use(Web())
    app.helper("late", lambda ctx: ctx.request.path, context=True)

    @app.get("/")
    async def home(ctx: Context):
        return ctx.render("a")

    async with Client(app) as client:
        assert "1 /" == (await client.get("/")).text


@pytest.mark.parametrize("name", ["request", "ctx", "url_for", "asset", "flash", "form"])
async def test_a_helper_cannot_take_a_name_of_ours(tmp_path, name):
    """The start says so."""
    app, _ = site(tmp_path)
    app.helper(name, str)
    with pytest.raises(StartupError, match=f"'{name}' would hide"):
        await app.start()


async def test_a_form_is_protected_by_whoever_comes(tmp_path):
    """`csrf_field` writes nothing until somebody registers it; then it is there."""
    app, web = site(tmp_path, {"templates/a.html": "({{ csrf_field() }})"})
    assert "()" == web.page("a")
    app.helper("csrf_field", lambda: Markup("<input>"))
    assert "(<input>)" == web.page("a")


async def test_addresses_know_the_mount(tmp_path):
    """An application that is mounted in another links to itself below its prefix."""
    files = {"templates/a.html": "{{ url_for('home') }} {{ asset('a.css') }}", "public/a.css": "x"}
    inner, _ = site(tmp_path, files)

    @inner.get("/")
    async def home(ctx: Context):
        return ctx.render("a")

    outer = App("outer", environ={})
    outer.mount("/inner", inner)
    async with Client(outer) as client:
        link, css = (await client.get("/inner/")).text.split()
        assert "/inner/" == link
        assert (200, "x") == ((await client.get(css)).status, (await client.get(css)).text)


async def test_a_mail_is_made_without_a_request(tmp_path):
    """`page` renders text for elsewhere; addresses begin at the top."""
    files = {"templates/mail.txt": "{{ name }} {{ asset('a.css') }}", "public/a.css": "x"}
    _, web = site(tmp_path, files)
    text = web.page("mail.txt", name="Ada")
    assert text.startswith("Ada /static/a.")


async def test_a_missing_asset_is_an_error(tmp_path):
    """With the nearest name."""
    _, web = site(tmp_path, {"public/css/app.css": "x"})
    with pytest.raises(LookupError, match=r"no static file 'css/ap\.css': did you mean 'css/app\.css'"):
        web.asset("css/ap.css")


async def test_public_is_served_by_itself(tmp_path):
    """Below /static, unless something else is said."""
    app, web = site(tmp_path, {"public/a.css": "x"})
    async with Client(app) as client:
        assert 200 == (await client.get("/static/a.css")).status
    other, web = site(tmp_path, {"assets/b.css": "y"})
    web.static("/static", "assets")
    async with Client(other) as client:
        assert [404, 200] == [(await client.get(f"/static/{name}.css")).status for name in "ab"]
    none, _ = site(tmp_path / "none")
    async with Client(none) as client:
        assert 404 == (await client.get("/static/a.css")).status


async def test_mounts_come_from_the_configuration(tmp_path):
    """Each with its rules; then `public` is not served by itself."""
    config = (
        '[[web.static]]\nprefix = "/files"\ndirectory = "files"\nextensions = ["csv"]\ncache = "public, max-age=60"\n'
        '[[web.static]]\nprefix = "/"\ndirectory = "top"\n'
    )
    files = {
        "config/app.toml": config,
        "files/a.csv": "x",
        "files/a.css": "x",
        "top/robots.txt": "y",
        "public/a.css": "z",
    }
    app, web = site(tmp_path, files)
    async with Client(app) as client:
        answer = await client.get("/files/a.csv")
        assert ("x", "public, max-age=60") == (answer.text, answer.headers["cache-control"])
        assert [404, 404, 200] == [
            (await client.get(path)).status for path in ("/files/a.css", "/static/a.css", "/robots.txt")
        ]
        assert web.asset("robots.txt").startswith("/robots.")


async def test_a_route_goes_before_files_at_the_top(tmp_path):
    """A wildcard is the last to be asked."""
    app, web = site(tmp_path, {"top/about.html": "file", "top/other.html": "file"})
    web.static("/", "top")

    @app.get("/about.html")
    async def about():
        return "route"

    async with Client(app) as client:
        assert ["route", "file"] == [(await client.get(f"/{name}.html")).text for name in ("about", "other")]


async def test_an_index_at_the_top_gives_way_to_a_route(tmp_path):
    """The folder's own page is shown at "/" unless the application has one there."""
    for routed, expected in ((False, "file"), (True, "route")):
        app, web = site(tmp_path, {"top/index.html": "file", "top/docs/index.html": "docs"})
        web.static("/", "top")
        if routed:

            @app.get("/")
            async def home():
                return "route"

        async with Client(app) as client:
            assert [expected, "docs", "docs"] == [
                (await client.get(path, follow=True)).text for path in ("/", "/docs/", "/docs")
            ]


async def test_wrong_mounts_stop_the_start(tmp_path):
    """A folder that is missing, a prefix that is taken."""
    _, web = site(tmp_path, {"public/a.css": "x"})
    with pytest.raises(StartupError, match=r"there is no folder .*missing"):
        web.static("/x", "missing")
    web.static("/x", "public")
    with pytest.raises(StartupError, match="two folders are served below /x"):
        web.static("/x/", "public")
    with pytest.raises(StartupError, match="belongs to no application"):
        Web().static("/x", "public")


async def test_siblings_are_found_at_the_start(tmp_path):
    """Compressed files beside the others are sent in production and in tests."""
    folder(tmp_path, {"public/a.css": "x" * 2000})
    (tmp_path / "public" / "a.css.gz").write_bytes(gzip.compress(b"packed"))
    for env, expected in (("production", b"packed"), ("test", b"packed"), ("development", b"x" * 2000)):
        app, _ = site(tmp_path, env=env)
        async with Client(app) as client:
            answer = await client.get("/static/a.css", headers={"Accept-Encoding": "gzip"})
        assert expected == gzip.decompress(answer.body)


async def test_bytecode_is_kept_where_it_was_said(tmp_path):
    """Relative to the application's folder."""
    app, _ = site(tmp_path, {"templates/a.html": "x"}, "production", ARLEN_WEB__BYTECODE="kept")
    await app.start()
    await app.stop()
    assert 1 == len(list((tmp_path / "kept").iterdir()))


async def test_templates_may_be_elsewhere(tmp_path):
    """By the setting, or by the plugin's argument, which goes first."""
    folder(tmp_path, {"views/a.html": "views", "pages/a.html": "pages"})
    _, web = site(tmp_path, ARLEN_WEB__TEMPLATES="views")
    assert "views" == web.page("a")
    app = App("site", root=tmp_path, environ={"ARLEN_WEB__TEMPLATES": "views"})
    assert "pages" == app.use(Web(templates="pages")).page("a")


async def test_an_unknown_key_is_refused(tmp_path):
    """With what was meant."""
    with pytest.raises(ConfigError, match="templates"):
        site(tmp_path, {"config/app.toml": '[web]\ntemplate = "x"\n'})


async def test_an_error_page_may_be_a_template(tmp_path):
    """The application answers errors as it answers everything."""
    app, _ = site(tmp_path, {"templates/404.html": "No {{ request.path }}: {{ error.detail }}"})

    @app.error(404)
    async def missing(ctx: Context, error: NotFound):
        return ctx.render("404", error=error)

    async with Client(app) as client:
        answer = await client.get("/x", headers={"Accept": "text/html"})
    assert (404, "No /x: there is nothing at this address") == (answer.status, answer.text)


async def test_a_mistake_is_found_without_a_request(tmp_path):
    """`lint` knows helpers, handlers and files."""
    files = {
        "app.py": "ctx.render('a', x=1)",
        "templates/a.html": "{{ x }}{{ y }}{{ help() }}{{ asset('a.css') }}{{ asset('b.css') }}",
        "public/a.css": "x",
    }
    app, web = site(tmp_path, files)
    app.helper("help", str)
    assert ["missing_asset", "undefined_name"] == sorted(each.code for each in web.lint())


def test_a_message_is_plain_data():
    """Templates read `kind` and `message`."""
    assert ("info", "x") == (Message("x").kind, Message("x").message)


async def test_static_files_own_their_prefix(tmp_path):
    """A route of two placeholders does not take the files below `/static`; other methods there are a 405."""
    (tmp_path / "public").mkdir()
    (tmp_path / "public" / "app.css").write_text("a{}", "utf-8")
    app = App("site", root=tmp_path)
    app.use(Web())

    @app.get("/{owner}/{repo}")
    async def show(owner: str, repo: str) -> str:
        return f"{owner}/{repo}"

    async with Client(app) as client:
        assert (await client.get("/static/app.css")).text == "a{}"
        assert (await client.get("/ada/notes")).text == "ada/notes"
        refused = await client.post("/static/app.css")
        assert (refused.status, refused.headers["allow"]) == (405, "GET, HEAD, OPTIONS")
        asked = await client.options("/static/app.css")
        assert (asked.status, asked.headers["allow"]) == (204, "GET, HEAD, OPTIONS")


# -- what plugins bring


class Shop(Plugin):
    """Brings templates and static files of its own."""

    name = "shop"
    depends_on = ("web",)

    def __init__(self, folder, prefix="/shop/static"):
        self.folder, self.prefix = folder, prefix

    def register(self, app):
        app.templates.append(self.folder / "templates")
        app.statics.append((self.prefix, self.folder / "files"))
        app.helper("price", "{} EUR".format)

        @app.get("/shop")
        async def shop(ctx: Context):
            return ctx.render("shop")


def brought(root, files=None, prefix="/shop/static", own=None):
    """Make an application whose plugin brings these files."""
    usual = {
        "shop/templates/shop.html": "{{ price(7) }} {{ asset('shop.css') }} {% include 'foot.html' %}",
        "shop/templates/foot.html": "the shop's",
        "shop/files/shop.css": "body {}",
    }
    folder(root, {**usual, **(files or {})})
    app, web = site(root, own)
    app.use(Shop(root / "shop", prefix))
    return app, web


async def test_templates_and_files_of_a_plugin(tmp_path):
    """They are there, with helpers, and served below the plugin's own prefix."""
    app, _ = brought(tmp_path)
    async with Client(app) as client:
        page = (await client.get("/shop")).text
        assert re.fullmatch(r"7 EUR /shop/static/shop\.[0-9a-f]{16}\.css the shop's", page)
        assert "body {}" == (await client.get(page.split()[2])).text


async def test_the_application_goes_before_its_plugins(tmp_path):
    """A template of the application takes the place of a plugin's; so does a file, for `asset`."""
    own = {"templates/foot.html": "our own", "public/shop.css": "a {}"}
    app, _ = brought(tmp_path, own=own)
    async with Client(app) as client:
        page = (await client.get("/shop")).text
        assert page.startswith("7 EUR /static/shop.")
        assert page.endswith("our own")
        assert "body {}" == (await client.get("/shop/static/shop.css")).text


def test_templates_of_plugins_are_checked(tmp_path):
    """`arlen templates` and pages without a request see them, though nothing has started."""
    _, web = brought(tmp_path, {"shop/templates/bad.html": "{{ pice(7) }}"})
    (found,) = web.lint()
    assert "bad.html" in str(found)
    _, web = brought(tmp_path)
    assert web.page("foot.html") == "the shop's"


@pytest.mark.parametrize(
    ("prefix", "missing", "message"),
    [
        ("/static", "", "two folders are served below /static"),
        ("/shop/static", "templates", "there is no folder .*templates of templates"),
        ("/shop/static", "files", "there is no folder .*files to serve below /shop/static"),
    ],
)
async def test_what_a_plugin_cannot_bring(tmp_path, prefix, missing, message):
    """A prefix of the application, or a folder that is not there: the start says whose."""
    app, _ = brought(tmp_path, prefix=prefix, own={"public/a.css": "x"})
    if missing:
        (tmp_path / "shop" / missing).rename(tmp_path / "gone")
    with pytest.raises(StartupError, match=message) as caught:
        await app.start()
    assert caught.value.fix


async def test_what_plugins_bring_is_taken_once(tmp_path):
    """Also when more plugins come between a stop and a start."""
    app, web = brought(tmp_path)
    async with Client(app):
        pass

    class More(Plugin):
        name = "more"

    app.use(More())
    async with Client(app) as client:
        assert 2 == len(web.views.folders)
        assert 200 == (await client.get("/shop/static/shop.css")).status


async def test_web_is_enabled_by_the_configuration(tmp_path):
    """By the name of its entry point; plugins that need it find it."""
    if "web" not in points():
        pytest.skip("arlen-web is not installed with its entry points")
    folder(tmp_path, {"shop/templates/shop.html": "here", "shop/files/a.css": "x"})
    environ = {"ARLEN_PLUGINS__ENABLED": '["web"]', "ARLEN_LOG__TARGET": str(tmp_path / "log")}
    app = App("site", root=tmp_path, environ=environ)
    app.use(Shop(tmp_path / "shop"))
    async with Client(app) as client:
        assert "here" == (await client.get("/shop")).text
        assert "x" == (await client.get("/shop/static/a.css")).text


async def test_a_plugin_that_needs_web_says_so(tmp_path):
    """Without it the start fails, with what to do."""
    app = App("site", root=tmp_path, environ={})
    app.use(Shop(tmp_path))
    with pytest.raises(StartupError, match="plugin 'shop' depends on 'web', which is not in use"):
        await app.start()

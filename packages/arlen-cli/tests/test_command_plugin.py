"""Tests of `arlen plugin`."""

import importlib.metadata
import json
import os
import subprocess
import sys

import pytest

from arlen_cli import plugins
from arlen_cli.commands import plugin as command
from arlen_core.errors import StartupError

PLUGINS = '''"""Plugins of the tests."""

from arlen_core.plugins import Plugin
from msgspec import Struct


class Options(Struct, frozen=True):
    """A section."""

    limit: int = 3


class Shop(Plugin):
    """Waits for the stock."""

    name = "shop"
    version = "1.2.0"
    arlen_api = ">=1,<2"
    depends_on = ("stock",)
    after = ("web",)
    settings = Options

    def register(self, app):
        app.helper("price", str)
        app.get("/shop")(self.show)
        app.hook("did_start")(print)

    async def show(self) -> str:
        return "open"


class Stock(Plugin):
    """Is needed by the shop."""

    name = "stock"
    version = "0.3"
    arlen_api = ">=1"


class Old(Plugin):
    """Is for another interface."""

    name = "old"
    arlen_api = "<1"


class Circle(Plugin):
    """Wants to be before what it waits for."""

    name = "circle"
    arlen_api = ">=1"
    depends_on = ("stock",)
    before = ("stock",)


class Twin(Plugin):
    """Takes a path and a helper of the shop."""

    name = "twin"
    arlen_api = ">=1"
    after = ("shop",)

    def register(self, app):
        app.get("/shop")(self.show)

    async def show(self) -> str:
        return "closed"


class Thief(Twin):
    """Takes a helper of the shop."""

    name = "thief"

    def register(self, app):
        app.helper("price", str)


class Vague(Plugin):
    """Says little about itself, and brings what nobody shows."""

    name = "vague"

    def register(self, app):
        app.templates.append(app.root)
        app.statics.append(("/vague", app.root))
        app.commands += [self, self]

    help = "nothing"

    def configure(self, parser): ...

    def run(self, args): ...


class Mute(Plugin):
    """Brings a command that is none, and one that is taken."""

    name = "mute"
    arlen_api = ">=1"

    def register(self, app):
        app.commands += [Bare("bare"), Bare("routes")]


class Bare:
    """Has a name only."""

    def __init__(self, name):
        self.name = name
'''

APP = "from arlen_core import App\n\napp = App(__name__)\n"


@pytest.fixture
def shop(site, monkeypatch):
    """A folder with plugins, of which the function enables some; one is offered by an installed package."""
    (site / "shop_plugins.py").write_text(PLUGINS)
    info = site / "installed" / "shop_stock-0.3.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: shop-stock\nVersion: 0.3\n")
    (info / "entry_points.txt").write_text("[arlen.plugins]\nstocks = shop_plugins:Stock\nbomb = nowhere_at_all:X\n")
    monkeypatch.syspath_prepend(site / "installed")

    def enable(*names, app=APP, config=""):
        (site / "app.py").write_text(app)
        (site / "config").mkdir(exist_ok=True)
        listed = json.dumps([name if ":" in name or name == "stocks" else f"shop_plugins:{name}" for name in names])
        (site / "config/app.toml").write_text(f"[plugins]\nenabled = {listed}\n{config}")
        return site

    return enable


def findings(found):
    """Return code, status and plugin of each finding."""
    return [(each["code"], each["status"], each["plugin"]) for each in found.data["findings"]]


# -- list


def test_list(shop, arlen):
    """In the order of the start, with what each brings; then what is installed and not enabled."""
    shop("Shop", "stocks")
    found = arlen("plugin", "list")
    assert 0 == found.code
    rows = [line.split("  ") for line in found.out.splitlines()]
    assert ["1", "stock", "2", "shop"] == [row.strip() for line in rows[1:3] for row in line[:2]]
    assert "1 routes, 1 hooks, 1 helpers" in found.out
    assert "bomb" in found.out
    assert "not enabled" in found.out


def test_list_in_json(shop, arlen):
    """Everything that is known about each."""
    shop("Shop", "stocks")
    rows = arlen("plugin", "list", "--json").data["plugins"]
    assert {
        "name": "shop",
        "version": "1.2.0",
        "enabled": True,
        "order": 2,
        "source": "shop_plugins:Shop",
        "arlen_api": ">=1,<2",
        "depends_on": ["stock"],
        "after": ["web"],
        "before": [],
        "contributions": {"routes": ["GET /shop"], "hooks": ["did_start: builtins.print"], "helpers": ["price"]},
    } == rows[1]
    assert ("stock", "stocks", True) == tuple(rows[0][key] for key in ("name", "source", "enabled"))
    (offered,) = (row for row in rows if row["name"] == "bomb")
    assert ("0.3", False, 0, {}) == tuple(offered[key] for key in ("version", "enabled", "order", "contributions"))
    assert "stocks" not in [row["name"] for row in rows]


def test_list_of_what_is_used_in_the_code(shop, arlen):
    """Plugins of the code are there too, plain objects among them."""
    shop(
        app=f"{APP}\nfrom shop_plugins import Stock\n\n\nclass Plain:\n    def register(self, app): ...\n\n\n"
        "app.use(Plain())\napp.use(Stock())\n"
    )
    rows = [row for row in arlen("plugin", "list", "--json").data["plugins"] if row["enabled"]]
    assert [("Plain", "", "code"), ("stock", "0.3", "code")] == [
        (row["name"], row["version"], row["source"]) for row in rows
    ]


def test_list_knows_the_version_of_a_package(site, arlen):
    """Of a plugin that does not say its own."""
    pytest.importorskip("arlen_web")
    (site / "app.py").write_text(f"{APP}\nfrom arlen_web import Web\n\napp.use(Web())\n")
    (row,) = (row for row in arlen("plugin", "list", "--json").data["plugins"] if row["enabled"])
    assert ("web", importlib.metadata.version("arlen-web")) == (row["name"], row["version"])


def test_list_without_an_application(shop, arlen, site):
    """What is installed can be seen anywhere; an application that is named has to be there."""
    assert ["bomb", "stocks"] == [
        row["name"] for row in arlen("plugin", "list", "--json").data["plugins"] if row["name"] in {"bomb", "stocks"}
    ]
    assert 1 == arlen("plugin", "list", "--app", "nowhere:app").code


def test_list_of_nothing(site, arlen, monkeypatch):
    """Says so."""
    monkeypatch.setattr(plugins, "points", dict)
    assert "there are no plugins\n" == arlen("plugin", "list").out


def test_list_of_what_is_broken(shop, arlen):
    """Fails with the reason and the fix."""
    shop("Shop")
    found = arlen("plugin", "list")
    assert 1 == found.code
    assert "plugin 'shop' depends on 'stock', which is not in use" in found.err
    assert 'fix: app.use(...) a plugin called "stock"' in found.err


# -- doctor


def test_doctor_of_the_healthy(shop, arlen):
    """Finds nothing, and succeeds."""
    shop("Shop", "Stock")
    found = arlen("plugin", "doctor")
    assert (0, "nothing is wrong\n") == (found.code, found.out)
    assert [] == arlen("plugin", "doctor", "--json").data["findings"]


@pytest.mark.parametrize(
    ("names", "config", "expected"),
    [
        (["Shop"], "", [("plugin_missing", "failed", "")]),
        (["Old", "Stock"], "", [("plugin_api", "failed", "")]),
        (["Circle", "Stock"], "", [("plugin_cycle", "failed", "")]),
        (["Stock", "Nope", "gone:X"], "", [("plugin_unknown", "failed", "")] * 2),
        (["Shop", "Stock"], "[shop]\nlimt = 4\n", [("config_invalid", "failed", "shop")]),
        (["Shop", "Stock"], '[shop]\nlimit = "x"\n', [("config_invalid", "failed", "shop")]),
        (["Stock"], "[shop]\nlimit = 4\n", [("config_invalid", "failed", "shop")]),
        (["Shop", "Stock", "Thief"], "", [("plugin_failed", "failed", "")]),
        (["Mute"], "", [("command_taken", "failed", "mute"), ("command_broken", "failed", "mute")]),
        (
            ["Vague"],
            "",
            [
                ("command_taken", "failed", "vague"),
                ("templates_unused", "warning", "vague"),
                ("statics_unused", "warning", "vague"),
                ("plugin_api_unstated", "warning", "vague"),
            ],
        ),
    ],
)
def test_doctor(shop, arlen, names, config, expected):
    """Every finding has a stable code, a message and a fix; a failure exits with 1."""
    shop(*names, config=config)
    found = arlen("plugin", "doctor", "--json")
    if expected == [("plugin_failed", "failed", "")]:  # the helper's own error has its own code
        expected = [(found.data["findings"][0]["code"], "failed", "")]
    assert expected == findings(found)
    assert (1, "failed") == (found.code, found.data["status"])
    assert all(each["fix"] and each["message"] for each in found.data["findings"])


def test_doctor_finds_a_conflict_of_routes(shop, arlen):
    """Two plugins answer one path."""
    shop("Shop", "Stock", "Twin")
    found = arlen("plugin", "doctor", "--json")
    assert 1 == found.code
    assert "/shop" in found.data["findings"][0]["message"]


def test_doctor_for_people(shop, arlen):
    """Signs, codes, fixes, and how many."""
    shop("Shop", "old:X", config="[shop]\nlimt = 4\n")
    found = arlen("plugin", "doctor")
    assert 1 == found.code
    assert "NO  plugin_unknown  plugin 'old:X' cannot be loaded: there is no module 'old'\n      fix: " in found.out
    assert "config/app.toml:4: shop.limt is not a key here\n      fix: did you mean 'limit'?" in found.out
    assert found.out.endswith("3 failures, 0 warnings\n")


def test_doctor_of_warnings_only(shop, arlen):
    """Succeeds."""
    shop(app=f"{APP}\nfrom shop_plugins import Plugin\n\n\nclass New(Plugin):\n    name = 'new'\n\n\napp.use(New())\n")
    found = arlen("plugin", "doctor")
    assert (0, True) == (found.code, found.out.startswith("!!  plugin_api_unstated  new: it does not say"))


def test_doctor_without_an_application(site, arlen):
    """Has nothing to look at, and says so."""
    found = arlen("plugin", "doctor", "--json")
    assert (1, [("load_find_failed", "failed", "")]) == (found.code, findings(found))


def test_doctor_survives_what_breaks_while_it_looks(shop, arlen, monkeypatch):
    """The other looks are wanted all the same."""
    shop("Stock", "Vague")
    monkeypatch.setattr(plugins, "Matcher", lambda _: 1 / 0)
    found = arlen("plugin", "doctor", "--json")
    assert ("doctor_failed", "failed", "") == findings(found)[0]
    assert "ZeroDivisionError" in found.data["findings"][0]["message"]
    assert "plugin_api_unstated" in [code for code, _, _ in findings(found)]


MIGRATING = '''
from arlen_data import Migrations
from arlen_sqlite import SQLite
from arlen_core.plugins import Plugin


class Jobs(Plugin):
    """Brings migrations."""

    name = "jobs"
    arlen_api = ">=1"

    def register(self, app):
        app.migrations.append(Migrations("jobs", namespace="jobs"))


app.use(SQLite("shop.db"))
app.use(Jobs())
'''


def test_doctor_finds_pending_migrations(shop, arlen):
    """Those that plugins bring, by asking the database; after `arlen migrate` nothing is wrong."""
    pytest.importorskip("arlen_sqlite")
    site = shop(app=APP + MIGRATING)
    (site / "jobs").mkdir()
    (site / "jobs/0001_init.sql").write_text("create table jobs (id integer primary key);\n")
    found = arlen("plugin", "doctor", "--json")
    assert (1, [("migration_pending", "failed", "jobs")]) == (found.code, findings(found))
    (only,) = found.data["findings"]
    assert ("its migration jobs::0001_init has not been applied", "arlen migrate") == (only["message"], only["fix"])
    assert 0 == arlen("migrate").code
    assert 0 == arlen("plugin", "doctor").code


def test_doctor_of_a_database_that_does_not_answer(shop, arlen):
    """A warning: the plugins are not to blame."""
    pytest.importorskip("arlen_sqlite")
    site = shop(app=APP + MIGRATING.replace("shop.db", "nowhere/at/all.db"))
    (site / "jobs").mkdir()
    found = arlen("plugin", "doctor", "--json")
    assert (0, [("migrations_unknown", "warning", "")]) == (found.code, findings(found))


def test_doctor_without_arlen_data(shop, arlen, monkeypatch):
    """Migrations that nobody applies are a warning."""
    pytest.importorskip("arlen_sqlite")
    shop(app=APP + MIGRATING)
    monkeypatch.setattr(plugins.catalog, "contributed", list)
    assert [("migrations_unused", "warning", "")] == findings(arlen("plugin", "doctor", "--json"))


# -- enable


def test_enable(shop, arlen, site):
    """An installed plugin is written into the configuration, once; the rest of the file stays."""
    (site / "config").mkdir()
    (site / "config/app.toml").write_text("# mine\n[app]\n\n[plugins]  # few\nenabled = []  # none\n")
    found = arlen("plugin", "enable", "stocks", "--json")
    assert (0, "stocks", True, ["config/app.toml"]) == (
        found.code,
        found.data["plugin"],
        found.data["changed"],
        found.data["modified_files"],
    )
    text = '# mine\n[app]\n\n[plugins]  # few\nenabled = ["stocks"]  # none\n'
    assert text == (site / "config/app.toml").read_text()
    found = arlen("plugin", "enable", "stocks")
    assert (0, "stocks is enabled already\n") == (found.code, found.out)
    assert text == (site / "config/app.toml").read_text()


def test_enable_by_its_place(shop, arlen, site):
    """A class of the application's own, beside its module or in `src`; without a file one is made."""
    (site / "src").mkdir()
    (site / "shop_plugins.py").rename(site / "src/shop_plugins.py")
    found = arlen("plugin", "enable", "shop_plugins:Stock")
    assert (0, "created  config/app.toml\n") == (found.code, found.out)
    assert '[plugins]\nenabled = ["shop_plugins:Stock"]\n' == (site / "config/app.toml").read_text()


def test_enable_where_others_have_their_say(shop, arlen, site, monkeypatch):
    """A file of an environment, or a variable, that sets the list too goes first: it is named."""
    (site / "config").mkdir()
    (site / "config/production.toml").write_text("[plugins]\nenabled = ['other']\n")
    (site / "config/staging.toml").write_text("[plugins]\nenabled = ['stocks']\n")
    (site / "config/test.toml").write_text("[plugins\n")
    (site / "config/development.toml").write_text("[plugins]\ntimeout = 3\n")
    monkeypatch.setenv("ARLEN_PLUGINS__ENABLED", "[]")
    found = arlen("plugin", "enable", "stocks", "--json")
    assert ["config/production.toml", "ARLEN_PLUGINS__ENABLED"] == found.data["overridden_by"]
    assert "but config/production.toml sets plugins.enabled too" in arlen("plugin", "enable", "stocks").out


def test_enable_without_writing(shop, arlen, site):
    """`--dry-run` says what would be written."""
    found = arlen("plugin", "enable", "stocks", "--dry-run")
    assert (0, "would create  config/app.toml\n") == (found.code, found.out)
    assert not (site / "config").exists()


@pytest.mark.parametrize(
    ("name", "code", "exit", "fix"),
    [
        ("stoks", "plugin_unknown", 2, "did you mean 'stocks'?"),
        ("zzz", "plugin_unknown", 2, "install its package"),
        ("bomb", "plugin_unknown", 2, "install its package"),
        ("shop_plugins:Stok", "plugin_unknown", 2, "did you mean 'Stock'?"),
        ("shop_plugins:Options", "plugin_invalid", 1, "a method `register(app)`"),
        ("shop_plugins:Old", "plugin_api", 1, "install a release"),
    ],
)
def test_enable_what_cannot_be(shop, arlen, site, name, code, exit, fix):
    """Nothing is written, and the fix says what was meant."""
    found = arlen("plugin", "enable", name, "--json")
    assert (exit, code) == (found.code, found.data["error"]["code"])
    assert fix in found.data["error"]["fix"]
    assert not (site / "config").exists()


@pytest.mark.parametrize(("text", "code"), [("[plugins\n", "config_invalid"), ("plugins = 3\n", "config_shape")])
def test_enable_in_a_file_that_is_odd(shop, arlen, site, text, code):
    """It is left as it is."""
    (site / "config").mkdir()
    (site / "config/app.toml").write_text(text)
    found = arlen("plugin", "enable", "stocks", "--json")
    assert (1, code) == (found.code, found.data["error"]["code"])
    assert text == (site / "config/app.toml").read_text()


# -- usage


@pytest.mark.parametrize("words", [(), ("nothing",), ("enable",), ("list", "x"), ("doctor", "x")])
def test_wrong_usage(site, arlen, words):
    """Exits with 2."""
    assert 2 == arlen("plugin", *words).code


def test_the_real_command(shop, site):
    """From the shell: enable, list, start with the plugin in place."""
    shop("Stock")
    environ = {**os.environ, "PYTHONPATH": str(site / "installed")}

    def arlen(*words):
        line = [sys.executable, "-m", "arlen_cli", *words]
        return subprocess.run(line, cwd=site, env=environ, capture_output=True, text=True, timeout=60, check=False)

    made = arlen("plugin", "enable", "shop_plugins:Shop")
    assert (0, "changed  config/app.toml\n", "") == (made.returncode, made.stdout, made.stderr)
    assert "2  shop" in arlen("plugin", "list").stdout
    assert "open" == arlen("get", "/shop").stdout.strip()


def test_what_it_raises():
    """Findings of an error keep its code, reason and fix."""
    assert [plugins.Finding("c", "failed", "", "r", "f")] == plugins._split(StartupError("r", fix="f", code="c"))
    assert "plugin" == command.command.name

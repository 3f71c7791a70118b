"""Tests of `arlen generate`: what it makes, and that this works."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from arlen_cli.commands.generate import command


@pytest.fixture
def shop(arlen, site):
    """A fresh application to add to."""
    arlen("new", "shop")
    os.chdir(site / "shop")
    return site / "shop"


def files(folder):
    """Return every file below a folder with its text."""
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


def healthy(folder, tests):
    """Check that the application passes its tests, of which there are so many, and the linter."""
    environ = {key: value for key, value in os.environ.items() if not key.startswith(("ARLEN_", "PYTEST_"))}
    line = [sys.executable, "-m", "arlen_cli", "test", "--json", "-q", "-p", "no:cacheprovider"]
    found = subprocess.run(line, cwd=folder, env=environ, capture_output=True, text=True, check=False)
    assert 0 == found.returncode, found.stderr
    assert tests == json.loads(found.stdout)["tests"]
    ruff = shutil.which("ruff", path=Path(sys.executable).parent) or shutil.which("ruff")
    for words in (["check"], ["format", "--check"]) if ruff else ():
        found = subprocess.run(
            [ruff, *words, "--no-cache", "."], cwd=folder, capture_output=True, text=True, check=False
        )
        assert 0 == found.returncode, found.stdout


CONTROLLER = ["controllers/orders.py", "templates/orders/index.html", "tests/test_orders.py"]


def test_the_document_of_a_controller(shop, arlen):
    """Files that were made and files that were changed are listed, sorted."""
    assert {
        "version": 1,
        "command": "generate",
        "status": "ok",
        "kind": "controller",
        "created_files": CONTROLLER,
        "modified_files": ["app.py"],
        "dry_run": False,
    } == arlen("generate", "controller", "orders", "--json").data


@pytest.mark.parametrize(
    ("words", "created", "modified"),
    [
        (("controller", "orders"), CONTROLLER, ["app.py"]),
        (("endpoint", "orders"), ["controllers/orders.py", "tests/test_orders.py"], ["app.py"]),
        (("plugin", "mailer"), ["plugins/__init__.py", "plugins/mailer.py", "tests/test_mailer_plugin.py"], ["app.py"]),
        (("test", "orders"), ["tests/test_orders.py"], []),
    ],
)
def test_what_each_kind_makes(shop, arlen, words, created, modified):
    """A dry run lists what the real one then makes."""
    before = files(shop)
    dry = arlen("generate", *words, "--dry-run", "--json").data
    assert before == files(shop)
    real = arlen("generate", *words, "--json").data
    assert (created, modified) == (real["created_files"], real["modified_files"])
    assert {**dry, "dry_run": False} == real
    assert set(before) | set(created) == set(files(shop))
    assert modified == [path for path, text in before.items() if files(shop)[path] != text]


def test_everything_together_is_healthy(shop, arlen, house):
    """An application with one of everything passes its tests and the linter."""
    for words in (
        ("controller", "orders"),
        ("controller", "about_us"),
        ("endpoint", "item", "--route", "/items/{id:int}/{code:uuid}"),
        ("endpoint", "buy", "--method", "POST", "--route", "/items"),
        ("endpoint", "rename", "--method", "PUT", "--route", "/items/{title}/{day:date}"),
        ("endpoint", "find", "--method", "QUERY", "--route", "/find/{where:path}"),
        ("endpoint", "drop", "--method", "DELETE", "--route", "/items/{price:float}"),
        ("plugin", "mailer"),
        ("test", "stock"),
        ("migration", "add_orders"),
    ):
        assert 0 == arlen("generate", *words).code, words
    healthy(shop, 5 + 2 + 2 + 1 + 2 + 2 + 2 + 1 + 1 + 1)


def test_a_lite_application_can_grow(arlen, site, house):
    """A one-file application gets folders, a layout and the views plugin when it needs them."""
    arlen("new", "mini", "--lite")
    os.chdir(site / "mini")
    found = arlen("generate", "controller", "orders", "--json").data
    assert ["app.py"] == found["modified_files"]
    assert {"controllers/__init__.py", "templates/layout.html", "tests/conftest.py"} <= set(found["created_files"])
    source = (site / "mini/app.py").read_text()
    assert "app.use(Web())\napp.include(orders.router)\n" in source
    assert 0 == arlen("generate", "endpoint", "stock").code
    healthy(site / "mini", 4 + 2 + 1)


def test_an_application_in_a_package(arlen, site, house):
    """What is generated goes beside the module that makes the application, and is imported from there."""
    for path, text in {"shop/__init__.py": "", "shop/app.py": "from arlen import App\n\napp = App(__name__)\n"}.items():
        (site / path).parent.mkdir(exist_ok=True)
        (site / path).write_text(text)
    found = arlen("generate", "endpoint", "orders", "--json").data
    assert ["shop/controllers/__init__.py", "shop/controllers/orders.py"] == found["created_files"][:2]
    assert "from shop.controllers import orders" in (site / "shop/app.py").read_text()
    assert "from shop.app import app" in (site / "tests/conftest.py").read_text()
    assert 0 == arlen("generate", "plugin", "mailer").code
    environ = {key: value for key, value in os.environ.items() if not key.startswith(("ARLEN_", "PYTEST_"))}
    line = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    done = subprocess.run(line, cwd=site, env=environ, capture_output=True, text=True, check=False)
    assert 0 == done.returncode, done.stdout


@pytest.mark.parametrize("words", [("controller", "home"), ("endpoint", "home"), ("test", "home")])
def test_nothing_is_overwritten(shop, arlen, words):
    """What is there already is refused, and nothing is changed."""
    before = files(shop)
    found = arlen("generate", *words, "--json")
    assert (1, "file_exists") == (found.code, found.data["error"]["code"])
    assert before == files(shop)


def test_migrations_are_named_by_time(shop, arlen):
    """A migration begins with the time, so that the order of names is the order of making; a name is used once."""
    (path,) = arlen("generate", "migration", "add_orders", "--json").data["created_files"]
    folder, _, name = path.rpartition("/")
    assert ("db/migrations", "_add_orders.sql") == (folder, name[14:])
    assert name[:14].isdigit()
    assert (shop / path).read_text().startswith("-- Add orders\n")
    again = arlen("generate", "migration", "add_orders", "--json")
    assert (1, "file_exists") == (again.code, again.data["error"]["code"])


def test_a_migration_of_a_second_database(shop, arlen):
    """`--target` names the database, which has a folder of its own."""
    (path,) = arlen("generate", "migration", "add_orders", "--target", "archive", "--json").data["created_files"]
    assert path.startswith("db/migrations/archive/")


def test_a_migration_needs_no_application(site, arlen):
    """A migration belongs to a folder."""
    assert 0 == arlen("generate", "migration", "add_orders").code


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("controller", "Orders"), "name_invalid"),
        (("controller", "../orders"), "name_invalid"),
        (("controller", "json"), "name_taken"),
        (("controller", "orders", "--route", "/x"), "usage"),
        (("plugin", "orders", "--method", "GET"), "usage"),
        (("endpoint", "orders", "--target", "x"), "usage"),
        (("endpoint", "orders", "--method", "BREW"), "usage"),
        (("endpoint", "orders", "--route", "x"), "template_invalid"),
        (("migration", "x", "--target", "../y"), "name_invalid"),
        (("castle", "orders"), "usage"),
    ],
)
def test_wrong_usage(shop, arlen, words, code):
    """Wrong names and options exit with 2, a code and a fix, and write nothing."""
    before = files(shop)
    found = arlen("generate", *words, "--json")
    assert (2, code) == (found.code, found.data["error"]["code"])
    assert found.data["error"]["fix"]
    assert before == files(shop)


@pytest.mark.parametrize("kind", ["controller", "endpoint", "plugin", "test"])
def test_there_has_to_be_an_application(site, arlen, kind):
    """Outside an application nothing is generated."""
    found = arlen("generate", kind, "orders", "--json")
    assert (1, "load_find_failed") == (found.code, found.data["error"]["code"])
    assert [] == list(site.iterdir())


def test_a_module_that_cannot_be_wired(site, arlen):
    """When the application is made by a function, the lines to write are in the fix, and nothing is written."""
    (site / "app.py").write_text("from arlen import App\n\n\ndef make():\n    return App(__name__)\n")
    found = arlen("generate", "endpoint", "orders", "--json")
    assert (1, "not_wired") == (found.code, found.data["error"]["code"])
    assert "app.include(orders.router)" in found.data["error"]["fix"]
    assert ["app.py"] == [path.name for path in site.iterdir()]


def test_the_help_names_every_kind():
    """The kinds of the table are the kinds of the help."""
    assert "a controller, an endpoint, a migration, a plugin or a test" in command.help

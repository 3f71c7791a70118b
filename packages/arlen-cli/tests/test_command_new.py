"""Tests of `arlen new`: what it makes, and that this works."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tomllib
import urllib.request
from pathlib import Path

import pytest

FULL = [
    "shop/.gitignore", "shop/README.md", "shop/app.py", "shop/config/app.toml", "shop/controllers/__init__.py",
    "shop/controllers/home.py", "shop/public/app.css", "shop/pyproject.toml", "shop/templates/home/index.html",
    "shop/templates/layout.html", "shop/tests/conftest.py", "shop/tests/test_home.py",
]  # fmt: skip
LITE = ["shop/app.py", "shop/test_app.py"]
KINDS = pytest.mark.parametrize("options", [(), ("--lite",)], ids=["full", "lite"])


def run(*line, cwd, **environ):
    """Run a program in a folder, as a person would."""
    variables = {key: value for key, value in os.environ.items() if not key.startswith(("ARLEN_", "PYTEST_"))} | environ
    return subprocess.run(line, cwd=cwd, env=variables, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(("options", "files"), [((), FULL), (("--lite",), LITE)], ids=["full", "lite"])
def test_the_document(arlen, site, options, files):
    """The files are listed, sorted, and they are there, and nothing else is."""
    found = arlen("new", "shop", *options, "--json")
    assert 0 == found.code
    assert {
        "version": 1,
        "command": "new",
        "status": "ok",
        "created_files": files,
        "modified_files": [],
        "dry_run": False,
        "next": ["cd shop", "arlen boomhauer"],
    } == found.data
    assert files == sorted(str(path.relative_to(site)) for path in site.rglob("*") if path.is_file())


def test_what_a_person_reads(arlen):
    """Each file has a line, and the last line says what to do now."""
    out = arlen("new", "shop", "--lite").out
    assert "created  shop/app.py\ncreated  shop/test_app.py\n\nNow: cd shop && arlen boomhauer\n" == out


@KINDS
def test_a_dry_run(arlen, site, options):
    """Nothing is written, and everything is listed."""
    found = arlen("new", "shop", *options, "--dry-run", "--json")
    assert found.data["dry_run"]
    assert found.data["created_files"]
    assert [] == list(site.iterdir())


@KINDS
def test_a_folder_that_is_there_is_left_alone(arlen, site, options):
    """A folder with something in it, or a file of that name, is refused."""
    (site / "shop").mkdir()
    (site / "shop/mine.txt").write_text("mine")
    found = arlen("new", "shop", *options, "--json")
    assert (1, "file_exists") == (found.code, found.data["error"]["code"])
    assert ["mine.txt"] == [path.name for path in (site / "shop").iterdir()]
    (site / "other").write_text("")
    assert 1 == arlen("new", "other", *options).code


def test_an_empty_folder_will_do(arlen, site):
    """An empty folder of that name is used."""
    (site / "shop").mkdir()
    assert 0 == arlen("new", "shop").code


@pytest.mark.parametrize("name", ["Shop", "../shop", "/tmp/shop", "arlen", ""])
def test_a_wrong_name(arlen, site, name):
    """A name that is no good is wrong usage, and nothing is written."""
    assert 2 == arlen("new", name).code
    assert [] == list(site.iterdir())


def test_nothing_is_left_to_fill_in(arlen, site):
    """No placeholder of a skeleton remains, and the names are in place."""
    arlen("new", "field-notes")
    for path in (site / "field-notes").rglob("*"):
        assert path.is_dir() or "${" not in path.read_text()
    assert "Field notes" in (site / "field-notes/templates/layout.html").read_text()
    project = tomllib.loads((site / "field-notes/pyproject.toml").read_text())["project"]
    assert ("field-notes", ["arlen>=0.1,<0.2"]) == (project["name"], project["dependencies"])


@pytest.fixture(params=[(), ("--lite",)], ids=["full", "lite"])
def made(request, arlen, site, house):
    """A fresh application."""
    arlen("new", "shop", *request.param)
    return site / "shop"


def test_its_own_tests_pass(made):
    """A fresh application passes the tests that it came with."""
    found = run(sys.executable, "-m", "arlen_cli", "test", "--json", "-q", "-p", "no:cacheprovider", cwd=made)
    assert 0 == found.returncode, found.stderr
    data = json.loads(found.stdout)
    assert (0, 0, "ok") == (data["failures"], data["errors"], data["status"])
    assert 4 <= data["tests"]


def test_it_is_clean(made):
    """A fresh application passes the linter and the formatter, with its own configuration."""
    ruff = shutil.which("ruff", path=Path(sys.executable).parent) or shutil.which("ruff")
    if ruff is None:
        pytest.skip("ruff is not installed")
    for words in (["check", "--no-cache"], ["format", "--check", "--no-cache"]):
        found = run(ruff, *words, ".", cwd=made)
        assert 0 == found.returncode, found.stdout


def test_the_doctor_finds_nothing(made):
    """A fresh application is healthy."""
    found = run(sys.executable, "-m", "arlen_cli", "doctor", "--json", cwd=made, ARLEN_SERVER__PORT="0")
    data = json.loads(found.stdout)
    assert [] == [row for row in data["checks"] if row["status"] in {"failed", "warning"}]


def test_it_starts_in_production(made):
    """A fresh application needs no more configuration to start in production."""
    found = run(sys.executable, "-m", "arlen_cli", "get", "/", "--env", "production", cwd=made)
    assert 0 == found.returncode, found.stderr


def test_boomhauer_serves_it(made):
    """A fresh application starts under the development server, and answers."""
    line = [sys.executable, "-m", "arlen_cli", "boomhauer", "--port", "0", "--json"]
    environ = {key: value for key, value in os.environ.items() if not key.startswith(("ARLEN_", "PYTEST_"))}
    with subprocess.Popen(
        line, cwd=made, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as server:
        try:
            events = {}
            while "ready" not in events:
                text = server.stdout.readline()
                assert text, server.stderr.read()
                events[json.loads(text)["event"]] = json.loads(text)
            address = events["started"]["addresses"][0]
            with urllib.request.urlopen(f"{address}/", timeout=30) as reply:
                assert 200 == reply.status
                assert "Shop" in reply.read().decode()
        finally:
            server.send_signal(signal.SIGINT)
            server.communicate(timeout=30)
    assert 0 == server.returncode

"""What the tests of the command line share."""

import json
import os
import sys
from types import SimpleNamespace

import pytest

from arlen_cli.main import main

APP = '''"""A small application."""

from arlen_core import App, Router
from msgspec import Struct

app = App(__name__)
admin = Router("/admin", name="admin")


class Note(Struct):
    """A note."""

    title: str


@app.get("/notes/{id}", name="note")
async def show(id: int) -> Note:
    return Note(title=f"note {id}")


@app.post("/notes", status=201)
async def create(note: Note) -> Note:
    return note


@admin.get("/users")
async def users() -> list[str]:
    return ["ada"]


app.include(admin)
'''


@pytest.fixture
def site(tmp_path, monkeypatch):
    """An empty folder to work in; what is imported from it is forgotten afterwards."""
    modules, paths, environ = set(sys.modules), list(sys.path), dict(os.environ)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["arlen"])
    for name in [name for name in os.environ if name.startswith("ARLEN_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("ARLEN_ENV", "test")
    yield tmp_path
    sys.path[:] = paths
    os.environ.clear()
    os.environ.update(environ)
    for name in set(sys.modules) - modules:
        if str(tmp_path) in str(
            getattr(sys.modules[name], "__file__", None) or getattr(sys.modules[name], "__path__", "")
        ):
            del sys.modules[name]


@pytest.fixture
def app(site):
    """A folder with a small application."""
    (site / "app.py").write_text(APP)
    return site


@pytest.fixture
def arlen(site, capsys):
    """Run `arlen` in this process; gives exit code, both outputs and, with `--json`, the document."""

    def run(*words):
        try:
            code = main([str(word) for word in words])
        except SystemExit as left:
            code = left.code
        out, err = capsys.readouterr()
        last = out.splitlines()[-1] if out else ""
        data = json.loads(last) if "--json" in words and last.startswith("{") else None
        return SimpleNamespace(code=code, out=out, err=err, data=data)

    return run


@pytest.fixture
def house():
    """What a generated application imports; alone, this package does not bring it."""
    pytest.importorskip("arlen")
    pytest.importorskip("arlen_server")
    pytest.importorskip("arlen_web")

"""Tests of `arlen doctor` and its checks."""

import importlib.metadata
import importlib.util
import os
import socket
import sys
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import pytest

from arlen_cli import catalog, checks

CONFLICT = """
from arlen_core import App

app = App(__name__)


@app.get("/x")
async def first(): ...


@app.get("/x")
async def second(): ...
"""


@pytest.fixture
def doctor(arlen, monkeypatch):
    """Ask the doctor; gives the exit code and the checks by name."""
    if importlib.util.find_spec("arlen_server"):
        monkeypatch.setenv("ARLEN_SERVER__PORT", "0")

    def ask(*words):
        found = arlen("doctor", "--json", *words)
        return found.code, {row["name"]: row for row in found.data["checks"]}

    return ask


def status(found, name):
    """Return the status of one check."""
    return found[1][name]["status"]


def test_a_healthy_application(app, doctor):
    """Nothing fails, and every check has name, status, message and fix."""
    code, found = doctor()
    assert 0 == code
    assert {"python", "packages", "folder:here", "folder:temporary", "config", "app", "templates"} <= set(found)
    assert set() == {row["status"] for row in found.values()} - {"ok", "skipped"}
    assert all({"name", "status", "message", "fix"} == set(row) for row in found.values())
    assert "3 routes" in found["app"]["message"]


def test_a_folder_without_an_application(site, doctor):
    """Outside an application the rest is looked at all the same."""
    found = doctor()
    assert (0, "skipped", "ok") == (found[0], status(found, "app"), status(found, "config"))


def test_for_people(app, arlen):
    """Each check has a line, failures have their fix below, and the last line counts."""
    (app / "app.py").write_text("from arlen_core import Appp\n")
    found = arlen("doctor")
    assert 1 == found.code
    assert "\nNO  app " in found.out
    assert found.out.splitlines()[-1].startswith("1 of ")


def test_an_old_python(app, doctor, monkeypatch):
    """A Python that is too old fails."""
    monkeypatch.setattr(checks, "FLOOR", (99, 0))
    code, found = doctor()
    assert (1, "failed", "use Python 99.0") == (code, found["python"]["status"], found["python"]["fix"])


def test_packages_that_do_not_fit(app, doctor, monkeypatch):
    """Each conflict of versions fails."""
    monkeypatch.setattr(checks, "conflicts", lambda: iter(["arlen 0.1 needs arlen-core<0.1, but 0.1 is installed"]))
    code, found = doctor()
    assert (1, "failed") == (code, found["packages"]["status"])


def test_extras_are_optional(app, doctor, monkeypatch):
    """An extra that is missing is no failure, and the fix says how to get it."""
    monkeypatch.setattr(checks, "find_spec", lambda name: None)
    code, found = doctor()
    assert (0, "skipped") == (code, found["extra:uvloop"]["status"])
    assert "pip install 'arlen-server[uvloop]'" in found["extra:uvloop"]["fix"]


class Clashing:
    """A command that cannot be configured."""

    name = "clashing"
    help = "fail"

    def configure(self, parser):
        raise RuntimeError("no such option")

    def run(self, args): ...


def point(name, made, package="arlen-bad"):
    """Make an entry point; an exception is raised when it is loaded."""

    def load():
        if isinstance(made, Exception):
            raise made
        return made

    return SimpleNamespace(name=name, value=f"bad:{name}", module="bad", load=load, dist=SimpleNamespace(name=package))


def test_broken_commands_are_named(app, doctor, monkeypatch):
    """Commands that cannot be loaded or configured fail, with their package; a name that is taken is a warning."""
    monkeypatch.setattr(checks, "_templates", lambda args: iter(()))
    found = [point("gone", ImportError("no module")), point("clashing", Clashing()), point("routes", Clashing())]
    real = importlib.metadata.entry_points
    monkeypatch.setattr(
        importlib.metadata,
        "entry_points",
        lambda **options: found if options == {"group": catalog.GROUP} else real(**options),
    )
    code, rows = doctor()
    assert (1, "failed", "failed", "warning") == (
        code, *(rows[f"command:{name}"]["status"] for name in ("gone", "clashing", "routes")),
    )  # fmt: skip
    assert "arlen-bad" in rows["command:gone"]["message"]
    assert "reinstall arlen-bad" in rows["command:clashing"]["fix"]
    assert "that of arlen-cli is used" in rows["command:routes"]["message"]


def test_a_folder_that_cannot_be_written(app, doctor, monkeypatch):
    """Folders that an application writes to must be writable."""
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    code, found = doctor()
    assert (1, "failed", "failed") == (code, found["folder:here"]["status"], found["folder:temporary"]["status"])
    assert "TMPDIR" in found["folder:temporary"]["fix"]


def test_a_wrong_configuration(app, doctor):
    """Wrong configuration fails, and hides nothing else."""
    (app / "config").mkdir()
    (app / "config/app.toml").write_text("[http]\nslahs = 1\n")
    code, found = doctor()
    assert 1 == code
    assert ["failed", "failed"] == [found[name]["status"] for name in ("config", "app")]
    assert "http.slahs" in found["config"]["message"]
    assert "ok" == found["python"]["status"]


def test_a_port_that_is_taken(app, doctor, monkeypatch):
    """A port that something else listens on is a warning: it may be the application itself."""
    pytest.importorskip("arlen_server")
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        monkeypatch.setenv("ARLEN_SERVER__PORT", str(taken.getsockname()[1]))
        code, found = doctor()
    assert (0, "warning") == (code, found["port"]["status"])
    assert "ARLEN_SERVER__PORT" in found["port"]["fix"]


@pytest.fixture
def certificate(tmp_path):
    """A certificate and its key in one file."""
    pytest.importorskip("arlen_server")
    folder = Path(__file__).parents[2] / "arlen-server/tests/server/certificates"
    (tmp_path / "both.pem").write_text((folder / "server.pem").read_text() + (folder / "server.key").read_text())
    return str(tmp_path / "both.pem")


def test_tls_files_are_opened(app, doctor, monkeypatch, certificate):
    """Certificate and key of the server are opened as the server will open them."""
    monkeypatch.setenv("ARLEN_SERVER__TLS__CERTIFICATE", certificate)
    assert (0, "ok") == ((found := doctor())[0], found[1]["tls"]["status"])


@pytest.mark.parametrize("key", ["certificate", "key", "client_ca"])
def test_tls_files_that_cannot_be_used(app, doctor, monkeypatch, certificate, key):
    """A file of TLS that is missing or no PEM fails, and is named with the reason."""
    monkeypatch.setenv("ARLEN_SERVER__TLS__CERTIFICATE", certificate)
    for value in ("gone.pem", "app.py"):
        monkeypatch.setenv(f"ARLEN_SERVER__TLS__{key.upper()}", value)
        code, found = doctor()
        assert (1, "failed") == (code, found["tls"]["status"])
        assert value in found["tls"]["message"]
        assert "server.tls" in found["tls"]["fix"]


def test_tls_is_optional(app, doctor):
    """Without TLS there is nothing to open."""
    assert "tls" not in doctor()[1]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("1 / 0\n", "ZeroDivisionError"),
        ("x = 1\n", "has no attribute 'app'"),
        (CONFLICT, "can never be reached"),
    ],
)
def test_an_application_that_cannot_be_used(site, doctor, text, reason):
    """An application that does not load, or whose routes conflict, fails with the reason."""
    (site / "app.py").write_text(text)
    code, found = doctor()
    assert (1, "failed") == (code, found["app"]["status"])
    assert reason in found["app"]["message"]


@pytest.fixture
def pages(app):
    """The application, with a template."""
    pytest.importorskip("arlen_web")
    with (app / "app.py").open("a") as file:
        file.write("\nfrom arlen_web import Web\n\napp.use(Web())\n")
    (app / "templates").mkdir()
    (app / "templates/index.html").write_text("<h1>{{ title }}</h1>")
    return app / "templates/index.html"


def test_templates(pages, doctor):
    """Templates are compiled, and counted."""
    assert "1 template" in doctor()[1]["templates"]["message"]


def test_a_wrong_template(pages, doctor):
    """Templates that do not compile fail."""
    pages.write_text("{% if %}")
    code, found = doctor()
    assert (1, "failed") == (code, found["templates"]["status"])
    assert "arlen templates" in found["templates"]["fix"]


def test_views_are_optional(app, doctor):
    """An application without templates has none to check."""
    assert "skipped" == status(doctor(), "templates")


def test_the_command_for_templates_may_be_missing(pages, doctor, monkeypatch):
    """Without the command that compiles templates the check is skipped."""
    monkeypatch.setattr(catalog, "contributed", lambda: iter(()))
    assert "skipped" == status(doctor(), "templates")


def test_a_check_that_breaks_hides_no_other(app, doctor, monkeypatch):
    """A bug in a check is a failed check."""

    def broken(args):
        raise KeyError("oops")

    monkeypatch.setitem(checks._CHECKS, "packages", broken)
    code, found = doctor()
    assert (1, "failed", "ok") == (code, found["packages"]["status"], found["app"]["status"])
    assert sys.version_info >= checks.FLOOR

"""Config: layers, types, problems, origins."""

import json
import os
import re
from pathlib import Path
from typing import Literal

import msgspec
import pytest
from msgspec import Struct

from arlen_core import config as module
from arlen_core.background import BackgroundSettings
from arlen_core.config import Config, InvalidConfig, environment
from arlen_core.errors import ConfigError, StartupError
from arlen_core.logs import LogSettings
from arlen_core.vault import Secret

DOCS = Path(__file__).parents[3] / "docs"


class Server(Struct, frozen=True):
    """A section."""

    port: int = 8000
    host: str = "127.0.0.1"


class Web(Struct, frozen=True):
    """Another one."""

    secret: Secret = Secret("")
    mode: Literal["a", "b"] = "a"


@pytest.fixture
def root(tmp_path):
    """An application's folder with both files."""
    (tmp_path / "config").mkdir()
    (tmp_path / "config/app.toml").write_text("[server]\nport = 1\n")
    (tmp_path / "config/production.toml").write_text('[server]\nhost = "0.0.0.0"\n')
    return tmp_path


def test_files_and_variables_are_layers(root):
    """app.toml, then the environment's file, then the variables."""
    config = Config.load(root, "production", {"ARLEN_SERVER__PORT": "3"})
    assert Server(3, "0.0.0.0") == config.section("server", Server)
    assert config.dump() == {
        "server.host": {"value": "0.0.0.0", "origin": "config/production.toml"},
        "server.port": {"value": 3, "origin": "ARLEN_SERVER__PORT"},
    }


def test_another_environment_has_another_file(root):
    """production.toml does not count in development."""
    assert Server(1, "127.0.0.1") == Config.load(root, "development", {}).section("server", Server)


def test_no_files_are_fine(tmp_path):
    """An application without configuration has its defaults."""
    config = Config.load(tmp_path, "test", {})
    config.check()
    assert ("test", tmp_path, Server()) == (config.env, config.root, config.section("server", Server))


def test_the_process_environment_is_the_default(tmp_path, monkeypatch):
    """Nothing needs to be passed."""
    monkeypatch.setenv("ARLEN_SERVER__PORT", "7")
    monkeypatch.setenv("ARLEN_ENV", "development")
    config = Config.load(tmp_path)
    assert ("development", 7) == (config.env, config.section("server", Server).port)


def test_a_section_is_one_object(root):
    """Whoever asks gets the same."""
    config = Config.load(root, "test", {})
    assert config.section("server", Server) is config.section("server", Server)


def test_a_section_has_one_owner(root):
    """Two types for one name are refused; both are named."""
    config = Config.load(root, "test", {})
    config.section("server", Server)
    with pytest.raises(ConfigError, match=r"\[server\] belongs to .*Server \(fix: give .*Web a name of its own"):
        config.section("server", Web)


@pytest.mark.parametrize(
    ("environ", "default", "expected"),
    [
        ({}, "production", "production"),
        ({}, "development", "development"),
        ({"ARLEN_ENV": "staging"}, "development", "staging"),
        ({"ARLEN_ENV": ""}, "production", "production"),
        ({"PYTEST_VERSION": "9"}, "production", "test"),
        ({"PYTEST_VERSION": "9", "ARLEN_ENV": "production"}, "production", "production"),
    ],
)
def test_the_environment_is_chosen(environ, default, expected):
    """By ARLEN_ENV; else "test" under pytest; else what the caller runs as; production when nobody says."""
    assert expected == environment(environ, default)


def test_pytest_says_that_it_runs():
    """The variable that stands for "test" is there."""
    assert environment(os.environ | {"ARLEN_ENV": ""}) == "test"


@pytest.mark.parametrize("name", ["prodution", "Production", "../x", "", "a" * 40, "sta ging"])
def test_an_unknown_environment_is_refused(tmp_path, name):
    """A typing error must not run production with the settings of nowhere."""
    with pytest.raises(InvalidConfig, match="there is no environment") as caught:
        Config.load(tmp_path, name or "x!", {})
    assert caught.value.problems[0].origin == "ARLEN_ENV"


def test_an_environment_of_ones_own_has_a_file(tmp_path):
    """With config/staging.toml there is a staging environment; a near miss gets a suggestion."""
    (tmp_path / "config").mkdir()
    (tmp_path / "config/staging.toml").write_text("[server]\nport = 5\n")
    assert Config.load(tmp_path, "staging", {}).section("server", Server).port == 5
    with pytest.raises(InvalidConfig, match="did you mean 'production'"):
        Config.load(tmp_path, "productoin", {})


def test_broken_files_are_reported_together(root):
    """Both, before any section is looked at."""
    (root / "config/app.toml").write_text("a = \n")
    (root / "config/production.toml").write_bytes(b"\xff")
    with pytest.raises(InvalidConfig) as caught:
        Config.load(root, "production", {})
    assert ["config/app.toml", "config/production.toml"] == [each.origin for each in caught.value.problems]
    assert isinstance(caught.value, StartupError)


def test_sections_that_are_known_are_checked_at_once(root):
    """All problems of all of them in one error, in a readable list."""
    environ = {"ARLEN_SERVER__PORT": "x", "ARLEN_WEB__MODE": "c"}
    with pytest.raises(InvalidConfig) as caught:
        Config.load(root, "test", environ, {"server": Server, "web": Web})
    assert str(caught.value) == (
        "2 problems in the configuration:\n"
        "  ARLEN_SERVER__PORT: server.port must be a whole number\n"
        "  ARLEN_WEB__MODE: web.mode must be one of: a, b"
    )


def test_a_section_that_is_wrong_is_refused_when_it_is_opened(root):
    """And again by the check at the start."""
    config = Config.load(root, "test", {"ARLEN_SERVER__PORT": "x"})
    for call in (lambda: config.section("server", Server), config.check):
        with pytest.raises(InvalidConfig, match="a problem in the configuration"):
            call()
    assert {} == config.dump()


def test_sections_that_nobody_reads_are_refused(root):
    """With the line, and the nearest name or all names; the packages that are installed are asked first."""
    (root / "config/app.toml").write_text("top = 1\n[sevrer]\nport = 1\n[xyzzy]\n")
    config = Config.load(root, "test", {"ARLEN_PLUGH__X": "1"})
    config.section("server", Server)
    with pytest.raises(InvalidConfig) as caught:
        config.check(find=dict)
    assert [str(each) for each in caught.value.problems] == [
        "config/app.toml:1: top is outside of any section (fix: sections here: server)",
        "config/app.toml:2: sevrer is not a section that anything here reads (fix: did you mean 'server'?)",
        "config/app.toml:4: xyzzy is not a section that anything here reads (fix: sections here: server)",
        "ARLEN_PLUGH__X: names the section 'plugh', which nothing here reads (fix: sections here: server)",
    ]


def test_installed_packages_are_asked_only_when_there_is_a_stranger(root):
    """Entry points are slow: a configuration that is all known does not look at them."""
    config = Config.load(root, "test", {})
    config.section("server", Server)
    config.check(find=lambda: pytest.fail("must not be asked"))
    assert ["server.host", "server.port"] == list(config.dump())


def test_a_section_of_an_installed_package_is_checked(root):
    """Its type is loaded and its keys are checked, though nobody has used it yet."""
    config = Config.load(root, "test", {"ARLEN_WEB__MODE": "c"})
    with pytest.raises(InvalidConfig, match=r"web\.mode must be one of"):
        config.check(find=lambda: {"web": lambda: Web, "server": lambda: Server})


def test_installed_packages_are_found_by_their_entry_points(monkeypatch):
    """The group is `arlen.settings`; nothing is loaded before it is asked for."""

    class Point:
        name = "web"

        def load(self):
            return Web

    asked = []

    def entry_points(**options):
        asked.append(options)
        return [Point()]

    monkeypatch.setattr("importlib.metadata.entry_points", entry_points)
    found = module.installed()
    assert [{"group": "arlen.settings"}] == asked
    assert Web is found["web"]()


def test_everything_that_is_installed_can_be_shown(root):
    """For the command that prints the configuration: sections with nothing but defaults too."""
    config = Config.load(root, "test", {})
    config.discover(lambda: {"web": lambda: Web, "server": lambda: Server})
    assert ["server.host", "server.port", "web.mode", "web.secret"] == list(config.dump())


def test_the_dump_does_not_depend_on_the_order_of_things(root):
    """The same, whichever section was opened first and however the variables are ordered."""
    environ = {"ARLEN_WEB__MODE": "b", "ARLEN_SERVER__PORT": "2"}
    one, two = Config.load(root, "test", environ), Config.load(root, "test", dict(reversed(environ.items())))
    one.section("web", Web), one.section("server", Server)
    two.section("server", Server), two.section("web", Web)
    assert list(one.dump().items()) == list(two.dump().items())


def test_secrets_are_not_dumped(root):
    """Nor are they in the text of the object."""
    config = Config.load(root, "test", {"ARLEN_WEB__SECRET": "hunter2"})
    assert config.section("web", Web).secret.reveal() == "hunter2"
    assert "hunter2" not in f"{config.dump()} {config} {config.section('web', Web)}"


@pytest.mark.parametrize(
    ("name", "problem"), [("ARLEN_SERVER_PORT", True), ("ARLEN_SERVER_COLOUR", False), ("ARLEN_APP", False)]
)
def test_a_variable_with_one_underscore_too_few_is_refused(root, name, problem):
    """It would be ignored in silence otherwise; variables that mean something else are left alone."""
    config = Config.load(root, "test", {name: "1"})
    config.section("server", Server)
    if problem:
        with pytest.raises(InvalidConfig, match=r"one underscore too few \(fix: write ARLEN_SERVER__PORT\)"):
            config.check()
    else:
        assert config.check() is None


@pytest.mark.parametrize("name", ["ARLEN_SERVER__", "ARLEN___PORT", "ARLEN_SERVER____PORT"])
def test_a_variable_with_an_empty_word_is_refused(root, name):
    """By its name; nothing breaks."""
    with pytest.raises(
        InvalidConfig, match=rf"{name}: has nothing between its underscores \(fix: write ARLEN_<SECTION>"
    ):
        Config.load(root, "test", {name: "1"})


@pytest.mark.skipif(not DOCS.exists(), reason="the package is tested without its repository")
@pytest.mark.parametrize(("page", "kind"), [("logging.md", LogSettings), ("configuration.md", BackgroundSettings)])
def test_the_settings_in_the_documentation_are_those_of_the_code(page, kind):
    """Every key, in order, with its default."""
    rows = re.findall(
        r"^\| `(\w+)` \| `?([^|`]+?)`? \|",
        (DOCS / page).read_text().partition("## Settings")[2] or (DOCS / page).read_text(),
        re.MULTILINE,
    )
    defaults = [(each.name, json.loads(msgspec.json.encode(each.default))) for each in msgspec.structs.fields(kind)]
    assert defaults == [(key, json.loads(value)) for key, value in rows if key in kind.__struct_fields__]

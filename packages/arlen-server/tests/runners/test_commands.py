"""Commands: options become variables, and errors become codes, reasons and fixes."""

from __future__ import annotations

import os
from argparse import ArgumentParser, Namespace

import pytest

from arlen_core.commands import CommandError, Result
from arlen_core.errors import StartupError
from arlen_server import commands
from arlen_server.settings import Settings


def parse(command, *words):
    """The arguments as the command line gives them."""
    parser = ArgumentParser()
    command.configure(parser)
    return Namespace(json=False, app=None, **vars(parser.parse_args(words)))


@pytest.mark.parametrize("command", [commands.boomhauer, commands.propane])
def test_shape(command):
    """Each is an object that the command line can use: a name, a help text of one line, and two methods."""
    assert command.name in {"boomhauer", "propane"}
    assert "\n" not in command.help
    assert callable(command.configure)
    assert callable(command.run)


def test_options_are_variables_of_the_application(monkeypatch):
    """Options reach the application the way variables do, so that both see the same settings."""
    monkeypatch.setattr(os, "environ", {"HOME": "/h"})
    args = parse(commands.propane, "--host", "::1", "--port", "8080", "--workers", "3", "--pidfile", "/run/x")
    assert {
        "HOME": "/h",
        "ARLEN_ENV": "production",
        "ARLEN_SERVER__HOST": "::1",
        "ARLEN_SERVER__PORT": "8080",
        "ARLEN_SERVER__PROPANE__WORKERS": "3",
        "ARLEN_SERVER__PROPANE__PIDFILE": "/run/x",
    } == commands._environ(args, "production")


def test_environment_of_the_user_wins(monkeypatch):
    """An environment that is set stays; options win over variables."""
    monkeypatch.setattr(os, "environ", {"ARLEN_ENV": "staging", "ARLEN_SERVER__PORT": "1"})
    assert {"ARLEN_ENV": "staging", "ARLEN_SERVER__PORT": "2"} == commands._environ(
        parse(commands.boomhauer, "--port", "2"), "development"
    )


def test_configuration_is_read_each_time(tmp_path):
    """The configuration is read anew, so that a reload sees what changed."""
    configure = commands._configurer(tmp_path, {"ARLEN_ENV": "test", "ARLEN_SERVER__PORT": "8001"})
    assert Settings(port=8001) == configure()
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "app.toml").write_text("[server]\nmax_body = 5\n")
    assert Settings(port=8001, max_body=5) == configure()
    (tmp_path / "config" / "app.toml").write_text("[server]\nmax_body = -5\n")
    with pytest.raises(StartupError, match="max_body"):
        configure()


@pytest.mark.parametrize("command", [commands.boomhauer, commands.propane])
def test_startup_error_is_a_command_error(command, monkeypatch, tmp_path):
    """What keeps the server from starting keeps its code, reason and fix."""
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "app.toml").write_text("[server]\nbind = ['nonsense']\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CommandError, match="no address to listen on") as caught:
        command.run(parse(command))
    assert (1, "write host:port") == (caught.value.exit, caught.value.fix.partition(",")[0])


def test_result_of_a_manager():
    """A manager that gave up is a failure with a fix; one that was stopped is a success."""
    assert Result() == commands._result(0)
    with pytest.raises(CommandError, match="no worker could be kept alive") as caught:
        commands._result(1)
    assert ("manager_failed", 1) == (caught.value.code, caught.value.exit)


@pytest.mark.parametrize("command", [commands.boomhauer, commands.propane])
def test_windows_is_told(command, monkeypatch):
    """On a system without the signals and sockets that this needs, the error says what to do."""
    args = parse(command)
    monkeypatch.setattr(os, "name", "nt")
    with pytest.raises(CommandError, match="another ASGI server"):
        command.run(args)


def test_sockets_of_systemd_are_not_the_workers(monkeypatch):
    """The variables by which systemd passes sockets to the manager do not reach its processes."""
    monkeypatch.setattr(os, "environ", {"LISTEN_FDS": "1", "LISTEN_PID": "7", "LISTEN_FDNAMES": "web"})
    assert {"ARLEN_ENV": "production"} == commands._environ(parse(commands.propane), "production")


def test_application_is_named():
    """The application's name is what the command line says, or the default."""
    assert ["", "board:app"] == [commands._app(Namespace(app=name)) for name in (None, "board:app")]
    assert "" == commands._app(Namespace())


@pytest.mark.parametrize(
    ("word", "good"), [("0", True), ("65535", True), ("65536", False), ("-1", False), ("x", False)]
)
def test_port_is_checked_before_anything_starts(word, good, capsys):
    """A port that cannot be is refused by the parser, with the range."""
    parser = ArgumentParser()
    commands.boomhauer.configure(parser)
    if good:
        assert int(word) == parser.parse_args([f"--port={word}"]).port
        return
    with pytest.raises(SystemExit) as stopped:
        parser.parse_args([f"--port={word}"])
    assert 2 == stopped.value.code
    assert "use 0 to 65535" in capsys.readouterr().err

"""Tests of arlen_cli.brought: the commands of an application and its plugins."""

import pytest

from arlen_cli.main import main

SOURCE = '''"""An application with commands."""

from arlen_core import App
from arlen_core.commands import Result
from arlen_core.plugins import Plugin

app = App(__name__)


class Hello:
    """Greets."""

    def __init__(self, name: str, greeting: str) -> None:
        self.name, self.greeting, self.help = name, greeting, f"say {greeting}"

    def configure(self, parser):
        parser.add_argument("who")

    def run(self, args):
        return Result({"said": f"{self.greeting} {args.who}", "env": app.env}, f"{self.greeting} {args.who}")


class Greeter(Plugin):
    """Brings two commands, one of which nobody can reach, and a broken one."""

    name = "greeter"

    def register(self, app):
        app.commands += [Hello("hello", "hello"), Hello("routes", "never"), Lame()]


class Lame:
    """Has a name, and nothing else."""

    name = "lame"


app.commands.append(Hello("bye", "bye"))
app.use(Greeter())
'''


@pytest.fixture
def greeting(site):
    """A folder with an application that has commands."""
    (site / "app.py").write_text(SOURCE)
    return site


@pytest.mark.parametrize("name", ["hello", "bye"])
def test_a_command_of_the_application(greeting, arlen, name):
    """Those of plugins and the application's own run as all others do."""
    assert (0, f"{name} ada\n") == (arlen(name, "ada").code, arlen(name, "ada").out)
    data = arlen(name, "ada", "--json").data
    assert (name, "ok", f"{name} ada") == (data["command"], data["status"], data["said"])
    assert f"usage: arlen {name}" in arlen(name, "--help").out
    assert 2 == arlen(name).code


def test_the_list_has_them(greeting, arlen):
    """Below those that are always there, with where they come from; one that cannot be reached is not listed."""
    text = arlen().out
    assert "of this application:\n  bye    say bye\n  hello  say hello\n" in text
    rows = {each["name"]: each for each in arlen("--json").data["commands"]}
    assert ("greeter", "app") == (rows["hello"]["package"], rows["bye"]["package"])
    assert "arlen-cli" == rows["routes"]["package"]


def test_the_usual_commands_come_first(greeting, arlen):
    """Nothing takes the place of a command that is always there."""
    assert "METHOD" in arlen("routes").out or "no routes" in arlen("routes").out


def test_a_broken_command(greeting, arlen):
    """Says what it lacks, and breaks no other."""
    found = arlen("lame")
    assert (1, True) == (found.code, "the command 'lame' of greeter cannot be used: Lame has no 'help'" in found.err)


def test_a_misspelt_command(greeting, arlen):
    """The nearest may be one of the application."""
    assert "there is no command 'helo'\n  fix: did you mean 'hello'?" in arlen("helo", "ada").err
    assert "fix: did you mean 'routes'?" in arlen("rotues").err


@pytest.mark.parametrize("words", [("--root", "{}", "hello", "ada"), ("hello", "ada", "--root", "{}")])
def test_options_count_before_the_command_is_known(greeting, arlen, tmp_path_factory, monkeypatch, words):
    """Folder and environment, on whichever side of the command they stand."""
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    found = arlen(*(word.format(greeting) for word in words), "--env", "development", "--json")
    assert ("hello ada", "development") == (found.data["said"], found.data["env"])


def test_a_relative_folder_is_entered_once(greeting, arlen, monkeypatch):
    """It would not be there a second time."""
    monkeypatch.chdir(greeting.parent)
    assert 0 == arlen("hello", "ada", "--root", greeting.name).code


def test_an_application_that_is_broken(site, arlen):
    """The list is there all the same, with a note; an unknown command tells of both."""
    (site / "app.py").write_text("1 / 0\n")
    found = arlen()
    assert (0, True) == (found.code, "it cannot be loaded: app failed to import" in found.out)
    found = arlen("hello", "--json")
    assert (2, "unknown_command") == (found.code, found.data["error"]["code"])
    assert "cannot be loaded: app failed to import" in found.data["error"]["message"]


def test_without_an_application(site, arlen):
    """There is nothing to tell."""
    assert "of this application" not in arlen().out
    assert "cannot be loaded" not in arlen("hello").err


def test_an_application_that_is_not_imported(greeting, capsys):
    """Known commands do not load it."""
    (greeting / "app.py").write_text("raise SystemExit('no')\n")
    assert 0 == main(["version"])
    assert "Python" in capsys.readouterr().out

"""Tests of arlen_cli.parsers."""

import pytest

from arlen_cli import parsers
from arlen_core.commands import CommandError


class Plain:
    """A command with an option and a name."""

    name = "plain"
    help = "do something plain"

    def configure(self, parser):
        parser.add_argument("name", nargs="?")
        parser.add_argument("--port", type=int)


class Passing(Plain):
    """A command that hands its arguments on."""

    passes = True

    def configure(self, parser):
        parser.add_argument("arguments", nargs="*")


class Own(Plain):
    """A command with an option that every command has, and its own meaning for it."""

    def configure(self, parser):
        parser.add_argument("--env", type=int)


def test_every_command_has_the_common_options():
    """`--json`, `--app`, `--root` and `--env` are everywhere."""
    args = parsers.parse(Plain(), ["x", "--json", "--app", "a:b", "--root", "r", "--env", "test", "--port", "7"])
    assert {"name": "x", "json": True, "app": "a:b", "root": "r", "env": "test", "port": 7} == vars(args)


def test_the_common_options_have_defaults():
    """Nothing given is no JSON, and no application, folder or environment."""
    assert {"name": None, "json": False, "app": None, "root": None, "env": None, "port": None} == vars(
        parsers.parse(Plain(), [])
    )


@pytest.mark.parametrize("words", [["--port", "x"], ["--nope"], ["a", "b"], ["--app"]])
def test_wrong_arguments_raise(words):
    """Where argparse would print and exit, an error with code, fix and exit code 2 is raised."""
    with pytest.raises(CommandError) as error:
        parsers.parse(Plain(), words)
    assert ("usage", "arlen plain --help", 2) == (error.value.code, error.value.fix, error.value.exit)


def test_a_command_may_define_an_option_anew():
    """A command's own option goes before the common one of that name."""
    assert 5 == parsers.parse(Own(), ["--env", "5"]).env


@pytest.mark.parametrize(
    ("words", "own", "rest"),
    [
        (["-q", "tests/x.py", "-k", "a b"], {}, ["-q", "tests/x.py", "-k", "a b"]),
        (["--json", "-q"], {"json": True}, ["-q"]),
        (["-q", "--json", "x"], {"json": True}, ["-q", "x"]),
        (["--root", "r", "-x", "--env=test", "--app=a:b"], {"root": "r", "env": "test", "app": "a:b"}, ["-x"]),
        (["-q", "--", "--json", "--root", "r"], {}, ["-q", "--json", "--root", "r"]),
        ([], {}, []),
    ],
)
def test_a_command_can_pass_its_arguments_on(words, own, rest):
    """What is not a common option is passed on in order; after `--` everything is."""
    args = parsers.parse(Passing(), words)
    assert rest == args.arguments
    assert own == {key: value for key, value in vars(args).items() if value and key != "arguments"}


@pytest.mark.parametrize(
    ("words", "command", "rest"),
    [
        (["routes"], "routes", []),
        (["routes", "--json"], "routes", ["--json"]),
        (["--json", "routes", "x"], "routes", ["--json", "x"]),
        (["--app", "a:b", "--env=test", "routes"], "routes", ["--app=a:b", "--env=test"]),
        (["run", "x.py", "--root", "y"], "run", ["x.py", "--root", "y"]),
        ([], None, []),
    ],
)
def test_the_command_is_found_among_the_words(words, command, rest):
    """The first word that is no option is the command; common options before it are handed on."""
    front, handed = parsers.split(words)
    assert (command, rest) == (front.command, handed)


def test_the_help_names_the_command():
    """The help of a command begins with how it is called, and says what it does."""
    text = parsers.build(Plain()).format_help()
    assert text.startswith("usage: arlen plain ")
    assert "Do something plain." in text

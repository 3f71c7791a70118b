"""Parsers: the arguments of a command, and of `arlen` itself."""

from __future__ import annotations

from argparse import REMAINDER, SUPPRESS, ArgumentParser, HelpFormatter, Namespace
from collections.abc import Sequence
from typing import TYPE_CHECKING, NoReturn

from arlen_core.commands import CommandError

if TYPE_CHECKING:
    from arlen_core.commands import Command

__all__ = ["Front", "Parser", "build", "common", "parse", "shared", "split"]


class Parser(ArgumentParser):
    """An `ArgumentParser` that raises `CommandError` where the usual one prints and exits."""

    def error(self, message: str) -> NoReturn:
        """Raise `CommandError` with the code "usage" and exit code 2."""
        raise CommandError("usage", message, fix=f"{self.prog} --help", exit=2)


class Front(Parser):
    """The parser of `arlen` itself: options, then the name of a command, then what is the command's."""

    def __init__(self) -> None:
        text = "Make, serve and look into Arlen applications."
        super().__init__(prog="arlen", usage="arlen [options] COMMAND ...", description=text, add_help=False)
        self.add_argument("-h", "--help", action="store_true", help="show this list")
        self.add_argument("--version", action="store_true", help="show the versions of what is installed")
        common(self)
        self.add_argument("command", nargs="?", help=SUPPRESS)
        self.add_argument("rest", nargs=REMAINDER, help=SUPPRESS)


def common(parser: ArgumentParser) -> None:
    """Add the options that every command has."""
    group = parser.add_argument_group("everywhere")
    group.add_argument("--json", action="store_true", help="answer with one JSON document")
    group.add_argument("--app", metavar="MODULE:NAME", help="the application; by default the one in this folder")
    group.add_argument("--root", metavar="FOLDER", help="the application's folder, in place of this one")
    group.add_argument("--env", metavar="NAME", help="development, production, test or another environment")


def split(arguments: Sequence[str]) -> tuple[Namespace, list[str]]:
    """Return the options of `arlen` itself, and the arguments of the command.

    Options before the name of the command count for the command too: `arlen --json routes` is `arlen routes --json`.
    """
    front = Front().parse_args(arguments)
    given = [f"--{name}={value}" for name in ("app", "root", "env") if (value := getattr(front, name)) is not None]
    return front, [*(["--json"] if front.json else []), *given, *front.rest]


def parse(command: Command, arguments: Sequence[str]) -> Namespace:
    """Parse the arguments of a command; one with a true `passes` gets all that is not its own in `args.arguments`.

    Raises:
        CommandError: they are wrong; the code is "usage".
        SystemExit: the help was asked for, and printed.
    """
    if not getattr(command, "passes", False):
        return build(command).parse_args(arguments)
    own, rest = _apart(list(arguments))
    args = build(command).parse_args(own)
    args.arguments = rest
    return args


def shared(arguments: Sequence[str]) -> Namespace:
    """Return the options that every command has, of arguments of which nothing else is known yet."""
    parser = Parser(prog="arlen", add_help=False)
    common(parser)
    own, _ = _apart(list(arguments))
    return parser.parse_args([word for word in own if word not in {"-h", "--help"}])


def build(command: Command) -> Parser:
    """Return the parser of a command."""
    prog, text = f"arlen {command.name}", command.help[:1].upper() + command.help[1:] + "."
    parser = Parser(prog=prog, description=text, conflict_handler="resolve", formatter_class=_Formatter)
    common(parser)
    command.configure(parser)
    return parser


def _apart(words: list[str]) -> tuple[list[str], list[str]]:
    """Return the options that every command has, and all the rest, in order: what a command passes on."""
    own: list[str] = []
    rest: list[str] = []
    while words and words[0] != "--":
        word = words.pop(0)
        if word in {"--json", "-h", "--help"} or word.startswith(("--app=", "--root=", "--env=")):
            own.append(word)
        elif word in {"--app", "--root", "--env"} and words:
            own += [word, words.pop(0)]
        else:
            rest.append(word)
    return own, rest + words[1:]


class _Formatter(HelpFormatter):
    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=30, width=100)

"""Commands: what a package gives to the command line."""

from argparse import ArgumentParser, Namespace

from arlen_core.commands import Command, CommandError, Result
from arlen_core.errors import ArlenError


def test_a_result_is_good_by_default():
    """No data, no text, exit 0; and no two results share their data."""
    one, two = Result(), Result()
    assert ({}, "", 0) == (one.data, one.text, one.exit)
    assert one.data is not two.data


def test_an_error_has_code_message_fix_and_exit():
    """What `--json` shows of a failure."""
    error = CommandError("no_app", "there is no app.py", fix="go to the application's folder", exit=2)
    assert ("no_app", "there is no app.py", "go to the application's folder", 2) == (
        error.code, error.message, error.fix, error.exit,
    )  # fmt: skip
    assert "there is no app.py (fix: go to the application's folder)" == str(error)
    assert ("alone", 1) == (str(CommandError("x", "alone")), CommandError("x", "alone").exit)
    assert isinstance(error, ArlenError)


def test_any_object_of_that_shape_is_a_command():
    """A command is a protocol: nothing has to be inherited."""

    class Hello:
        name = "hello"
        help = "say hello"

        def configure(self, parser: ArgumentParser) -> None:
            parser.add_argument("--who", default="world")

        def run(self, args: Namespace) -> Result:
            return Result({"who": args.who}, f"hello {args.who}")

    command: Command = Hello()
    parser = ArgumentParser()
    command.configure(parser)
    assert Result({"who": "ada"}, "hello ada") == command.run(parser.parse_args(["--who", "ada"]))

"""Commands: what a package gives to the `arlen` command line by the entry-point group `arlen.commands`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from msgspec import Struct, field

from arlen_core.errors import ArlenError

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

__all__ = ["Command", "CommandError", "Result"]


class Result(Struct, frozen=True):
    """What a command answers: `data` for `--json`, `text` for people, and the exit code 0, 1 or 2."""

    data: dict[str, Any] = field(default_factory=dict)
    text: str = ""
    exit: int = 0


class CommandError(ArlenError):
    """A command failed: a stable code, the reason, the fix, and the exit code (1 failure, 2 wrong usage)."""

    def __init__(self, code: str, message: str, *, fix: str = "", exit: int = 1) -> None:
        super().__init__(f"{message} (fix: {fix})" if fix else message)
        self.code = code
        self.message = message
        self.fix = fix
        self.exit = exit


class Command(Protocol):
    """One command. The entry point names an object of this shape."""

    name: str
    help: str

    def configure(self, parser: ArgumentParser) -> None:
        """Add this command's arguments."""

    def run(self, args: Namespace) -> Result:
        """Do it; raise `CommandError` on failure.

        Args:
            args: parsed; `args.json` is true when the caller wants JSON, `args.app` names the application.
        """

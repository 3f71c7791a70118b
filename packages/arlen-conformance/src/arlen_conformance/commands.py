"""Commands: `arlen conformance`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from arlen_core.commands import CommandError, Result

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

__all__ = ["conformance"]


class _Command:
    name = "conformance"
    help = "not built yet"

    def configure(self, parser: ArgumentParser) -> None:
        """Add nothing."""

    def run(self, args: Namespace) -> Result:
        """Refuse."""
        raise CommandError("not_built", "this command is being built")


conformance = _Command()

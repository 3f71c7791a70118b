"""Commands: `arlen migrate`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from arlen_core.commands import CommandError, Result

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

__all__ = ["migrate"]


class _Command:
    name = "migrate"
    help = "not built yet"

    def configure(self, parser: ArgumentParser) -> None:
        """Add nothing."""

    def run(self, args: Namespace) -> Result:
        """Refuse."""
        raise CommandError("not_built", "this command is being built")


migrate = _Command()

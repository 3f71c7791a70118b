"""`arlen version`: what is installed."""

from __future__ import annotations

import platform
import sys
from argparse import ArgumentParser, Namespace

from arlen_cli.catalog import OWN
from arlen_cli.installed import packages
from arlen_cli.reports import columns
from arlen_core.commands import Result

__all__ = ["Version", "command"]


class Version:
    """Show the versions of Python and of the packages of the house."""

    name = "version"
    help = OWN["version"]

    def configure(self, parser: ArgumentParser) -> None:
        """Add nothing."""

    def run(self, args: Namespace) -> Result:
        """Return `python`, `platform` and `packages`: version by name."""
        found = packages()
        python = platform.python_version()
        text = columns([*([name, version] for name, version in found.items()), ["Python", python]])
        return Result({"python": python, "platform": sys.platform, "packages": found}, text)


command = Version()

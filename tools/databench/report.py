"""Reports: what stands above the tables of every benchmark here, the date, the machine and the versions."""

import argparse
import platform
from collections.abc import Iterable
from datetime import datetime
from importlib import metadata

from tools.bench.machine import describe
from tools.bench.processes import ROOT

__all__ = ["PEERS", "heading", "versions"]

PEERS = ("aiosqlite", "asyncpg", "psycopg", "psycopg-binary", "psycopg-pool", "PyPika", "SQLAlchemy", "uvloop")
"""What Arlen is compared with, and what all of them stand on."""


def heading(title: str, options: argparse.Namespace | None = None, now: datetime | None = None) -> str:
    """Return the title and a line that says where, when, with what and how something was measured."""
    about = describe(ROOT, (), now)
    how = ", ".join(f"{name} {value}" for name, value in vars(options).items()) if options else ""
    where = f"{about['cpu']}, {about['cores']} cores, {platform.system()}, {about['python']}"
    lines = [f"{about['date']}, commit {about['commit']}; {where}; {'; '.join(versions(PEERS))}."]
    lines += [f"Options: {how}."] if how else []
    return f"# {title}\n\n" + "\n".join(lines) + "\n"


def versions(names: Iterable[str]) -> list[str]:
    """Return the installed versions of distributions; one that is not installed is left out."""
    found = []
    for name in names:
        try:
            found.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            continue
    return found

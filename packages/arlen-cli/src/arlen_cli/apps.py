"""Apps: the application that a command is about."""

from __future__ import annotations

import contextlib
import os
import sys
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from arlen_core.loading import load

__all__ = ["load_app", "quiet"]


def load_app(args: Namespace) -> Any:
    """Import and return the application; the environment is development unless `ARLEN_ENV` or `--env` says otherwise.

    Raises:
        StartupError: there is none, or it is broken.
    """
    os.environ.setdefault("ARLEN_ENV", "development")
    with quiet():
        return load(args.app, Path.cwd())


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Send what the application prints to standard error, so that standard output is the command's alone."""
    with contextlib.redirect_stdout(sys.stderr):
        yield

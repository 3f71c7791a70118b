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

__all__ = ["import_app", "load_app", "quiet"]


def load_app(args: Namespace) -> Any:
    """Import and return the application; the environment is development unless `ARLEN_ENV` or `--env` says otherwise.

    Its plugins have registered, though it has not started.

    Raises:
        StartupError: there is none, or it is broken, or a plugin is.
    """
    app = import_app(args)
    with quiet():
        app.plugins.settle()
    return app


def import_app(args: Namespace) -> Any:
    """Import and return the application, as `load_app` does, and leave its plugins alone.

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

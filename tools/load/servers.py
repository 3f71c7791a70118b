"""Servers: the minimal application as one process, and what stands beside it: `raw`, a bare loop of `sendfile`."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tools.bench.processes import Child, free_port
from tools.load.runners import SITE, environ

__all__ = ["PATH", "Beside", "beside", "minimal", "raw"]

PATH = "/plaintext"
"""What `raw` and the minimal application both answer, with the same body."""


class Beside(Child):
    """A server on a port of its own.

    Attributes:
        place: where it listens, for a socket.
        address: the same as `127.0.0.1:4711`.
    """

    port = 0

    @property
    def place(self) -> tuple[str, int]:
        """Where it listens, for a socket."""
        return "127.0.0.1", self.port

    @property
    def address(self) -> str:
        """The same as `127.0.0.1:4711`."""
        return f"127.0.0.1:{self.port}"


@contextmanager
def beside(
    folder: Path, name: str, command: Sequence[str], *, core: int | None = None, **variables: str
) -> Iterator[Beside]:
    """Start a program, with a port as one more argument, until it listens; end it after the block."""
    port = free_port()
    child = Beside([*command, str(port)], environ() | variables, folder / f"{name}.log", core=core)
    child.port = port
    try:
        child.wait_until_it_listens(port)
        yield child
    finally:
        child.stop()


@contextmanager
def raw(folder: Path, *, core: int | None = None) -> Iterator[Beside]:
    """Start the limit that `tools.bench` compares with: a hand-written protocol on httptools and uvloop."""
    command = [sys.executable, "-m", "tools.bench.apps.raw"]
    with beside(folder, "raw", command, core=core, BENCH_SCENARIO="plaintext") as child:
        yield child


@contextmanager
def minimal(folder: Path, *, core: int | None = None) -> Iterator[Beside]:
    """Start the minimal application as a program that calls `arlen_server.run`."""
    with beside(folder, "minimal", [sys.executable, str(SITE / "plain.py")], core=core) as child:
        yield child

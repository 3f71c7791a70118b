"""Servers: the minimal application as one process, and beside it `raw`, a bare loop of `sendfile`, and peers."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from tools.bench import environments
from tools.bench.processes import ROOT, Child, free_port
from tools.bench.servers import LIMIT, SERVERS, Server
from tools.load.runners import SITE, environ

__all__ = ["CACHE", "PATH", "Beside", "beside", "minimal", "peer", "peers", "raw"]

PATH = "/plaintext"
"""What all of them answer, with the same body."""

CACHE = ROOT / ".bench"
"""Where `tools.bench` keeps the environments of the peers."""


class Beside(Child):
    """A server on a port of its own.

    Attributes:
        port: where it listens.
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
    folder: Path,
    command: Callable[[int], Sequence[str]],
    variables: Mapping[str, str] | None = None,
    *,
    core: int | None = None,
) -> Iterator[Beside]:
    """Start a program until it listens, and end it after the block.

    Args:
        folder: for its log.
        command: returns the program and its arguments for a port.
        variables: its environment.
        core: where it runs, or anywhere.
    """
    port = free_port()
    child = Beside(command(port), environ() if variables is None else variables, folder / f"{port}.log", core=core)
    child.port = port
    try:
        child.wait_until_it_listens(port)
        yield child
    finally:
        child.stop()


@contextmanager
def minimal(folder: Path, *, core: int | None = None) -> Iterator[Beside]:
    """Start the minimal application as a program that calls `arlen_server.run`."""
    with beside(folder, lambda port: [sys.executable, str(SITE / "plain.py"), str(port)], core=core) as child:
        yield child


@contextmanager
def raw(folder: Path, *, core: int | None = None) -> Iterator[Beside]:
    """Start the limit that `tools.bench` compares with: a hand-written protocol on httptools and uvloop."""
    with peer(folder, SERVERS[LIMIT], core=core) as child:
        yield child


@contextmanager
def peer(folder: Path, server: Server, *, core: int | None = None) -> Iterator[Beside]:
    """Start a server of `tools.bench`."""
    python = environments.make(server.peer, CACHE) if server.peer else None
    variables = server.variables(python, "plaintext", ROOT, folder)
    with beside(folder, partial(server.line, python), variables, core=core) as child:
        yield child


def peers() -> list[Server]:
    """Return the servers of `tools.bench` whose environments have been made."""
    return [each for each in SERVERS.values() if each.peer and environments.made(each.peer, CACHE)]

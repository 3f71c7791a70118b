"""Servers: how each is started, with which environment, and which of them is a peer with packages of its own."""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["LIMIT", "SERVERS", "Server"]

LIMIT = "raw"
APPS = "tools.bench.apps"
LOCAL = ("--host", "127.0.0.1", "--port", "{port}")
UVICORN = ("-m", "uvicorn", *LOCAL, "--loop=uvloop", "--http=httptools", "--no-access-log", "--no-server-header")
GRANIAN = ("-m", "granian", *LOCAL, "--workers=1", "--runtime-threads=1", "--loop=uvloop", "--http=1", "--no-ws")
PLAIN = {
    "ARLEN_LOG__ACCESS": "false",
    "ARLEN_HTTP__IDENTITY": "false",
    "ARLEN_HTTP__HEADERS": (
        '{"x-content-type-options" = "", "x-frame-options" = "", "referrer-policy" = "", '
        '"cross-origin-opener-policy" = "", "cross-origin-resource-policy" = "", '
        '"x-permitted-cross-domain-policies" = "", "content-security-policy" = ""}'
    ),
}


@dataclass(frozen=True)
class Server:
    """One competitor.

    Attributes:
        name: on the command line.
        title: in the tables.
        command: what the interpreter gets; `{port}` stands for the port.
        peer: the file in tools/bench/peers that pins its packages; "" is the interpreter that runs this.
        environ: variables; `{scratch}` stands for a folder that is thrown away.
        borrows: it runs in this interpreter, and only adds the peer's packages.
        restless: it uses its core while idle too, so it is stopped while others are measured.
    """

    name: str
    title: str
    command: tuple[str, ...]
    peer: str = ""
    environ: Mapping[str, str] = field(default_factory=dict)
    borrows: bool = False
    restless: bool = False

    def line(self, peer: Path | None, port: int) -> list[str]:
        """Return the command line.

        Args:
            peer: the interpreter of the peer's environment, if there is one.
            port: where to listen.
        """
        python = Path(sys.executable) if peer is None or self.borrows else peer
        return [str(python), *(part.replace("{port}", str(port)) for part in self.command)]

    def variables(self, peer: Path | None, scenario: str, root: Path, scratch: Path) -> dict[str, str]:
        """Return the environment: that of this process without Arlen's variables, and what the server needs."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("ARLEN_", "PYTHON"))}
        own = {name: value.replace("{scratch}", str(scratch)) for name, value in self.environ.items()}
        paths = [root, *(peer.parents[1].glob("lib/python3*/site-packages") if peer and self.borrows else ())]
        fixed = {"BENCH_SCENARIO": scenario, "BENCH_SCRATCH": str(scratch), "ARLEN_ENV": "production", "NO_COLOR": "1"}
        return kept | fixed | {"PYTHONPATH": os.pathsep.join(map(str, paths))} | own


def _own(module: str) -> tuple[str, ...]:
    return ("-m", f"{APPS}.{module}", "{port}")


def _uvicorn(module: str) -> tuple[str, ...]:
    return (*UVICORN, f"{APPS}.{module}:app")


def _granian(module: str, interface: str = "rsgi") -> tuple[str, ...]:
    return (*GRANIAN, f"--interface={interface}", f"{APPS}.{module}:app")


SERVERS: dict[str, Server] = {
    each.name: each
    for each in (
        Server(LIMIT, "raw (httptools, uvloop)", _own("raw")),
        Server("arlen", "arlen, minimal", _own("arlen"), environ=PLAIN),
        Server(
            "arlen-defaults",
            "arlen, defaults",
            _own("arlen"),
            environ={"ARLEN_LOG__TARGET": "{scratch}/arlen-access.log"},
        ),
        Server("arlen-compiled", "arlen, minimal, compiled", _own("arlen"), "compiled", PLAIN, borrows=True),
        Server(
            "arlen-compiled-defaults",
            "arlen, defaults, compiled",
            _own("arlen"),
            "compiled",
            {"ARLEN_LOG__TARGET": "{scratch}/arlen-compiled-access.log"},
            borrows=True,
        ),
        Server("arlen-asgi", "arlen, minimal, under uvicorn", _uvicorn("arlen"), "uvicorn", PLAIN, borrows=True),
        Server("uvicorn", "bare ASGI on uvicorn", _uvicorn("asgi"), "uvicorn"),
        Server("granian", "bare RSGI on granian", _granian("rsgi"), "granian"),
        Server("socketify", "socketify (C++)", _own("socketify"), "socketify", restless=True),
        Server("blacksheep", "blacksheep + granian", _granian("blacksheep", "asgi"), "blacksheep"),
        Server("emmett55", "emmett55 + granian", _granian("emmett55"), "emmett55"),
        Server("falcon", "falcon + uvicorn", _uvicorn("falcon"), "falcon"),
        Server("starlette", "starlette + uvicorn", _uvicorn("starlette"), "starlette"),
        Server("litestar", "litestar + uvicorn", _uvicorn("litestar"), "litestar"),
        Server("fastapi", "fastapi + uvicorn", _uvicorn("fastapi"), "fastapi"),
        Server("aiohttp", "aiohttp", _own("aiohttp"), "aiohttp"),
    )
}

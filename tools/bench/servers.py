"""Servers: how each is started, with which environment, and which of them is a peer with packages of its own."""

import os
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
    """

    name: str
    title: str
    command: tuple[str, ...]
    peer: str = ""
    environ: Mapping[str, str] = field(default_factory=dict)

    def line(self, python: Path, port: int) -> list[str]:
        """Return the command line."""
        return [str(python), *(part.replace("{port}", str(port)) for part in self.command)]

    def variables(self, scenario: str, root: Path, scratch: Path) -> dict[str, str]:
        """Return the environment: that of this process without Arlen's variables, and what the server needs."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("ARLEN_", "PYTHON"))}
        own = {name: value.replace("{scratch}", str(scratch)) for name, value in self.environ.items()}
        fixed = {"BENCH_SCENARIO": scenario, "PYTHONPATH": str(root), "ARLEN_ENV": "production", "NO_COLOR": "1"}
        return kept | fixed | own


def _own(module: str) -> tuple[str, ...]:
    return ("-m", f"{APPS}.{module}", "{port}")


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
        Server("starlette", "starlette + uvicorn", (*UVICORN, f"{APPS}.starlette:app"), peer="starlette"),
    )
}

"""Servers: how each is installed, started on a port, and asked for its version."""

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tools.bench import environments
from tools.bench.processes import free_port

__all__ = ["SERVERS", "Absent", "Server", "environ"]

Absent = environments.Absent
_HERE = Path(__file__).parent
_PEERS = _HERE / "peers"

# nginx reads a body before it asks another server, and not at all before it answers by itself: so there are two.
# Connections to the other one are kept, so that what is smuggled on one would be seen by the next request.
_NGINX = """
daemon off; master_process off; pid {folder}/nginx.pid; error_log {folder}/error.log crit;
events {{ worker_connections 256; }}
http {{
  access_log off; client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f;
  uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  upstream back {{ server {back}; keepalive 4; }}
  server {{
    listen 127.0.0.1:{port};
    location / {{ proxy_pass http://back; proxy_http_version 1.1; proxy_set_header Connection ""; }}
  }}
  server {{
    listen unix:{folder}/back.sock;
    location / {{ return 200 "$request_method $request_uri $content_length"; }}
  }}
}}
"""


@dataclass(frozen=True)
class Server:
    """One server.

    Attributes:
        name: how it stands in the table.
        package: whose version is asked for; "" for nginx.
        start: returns the command, given the interpreter of its environment, a port and a folder of its own.
        peer: the environment in which it is installed, "" for this one.
        folder: where the environment's pins are.
    """

    name: str
    package: str
    start: Callable[[str, int, Path], list[str]]
    peer: str = ""
    folder: Path = _PEERS

    def python(self, cache: Path) -> str:
        """Return its interpreter, after installing it; raises `Absent` when that cannot be."""
        return str(environments.make(self.peer, cache, self.folder)) if self.peer else sys.executable

    def version(self, python: str) -> str:
        """Return its version; raises `Absent` when there is none."""
        if not self.package:
            return _nginx_version()
        program = f"from importlib.metadata import version; print(version({self.package!r}))"
        done = subprocess.run([python, "-c", program], capture_output=True, text=True, check=False)
        if done.returncode:
            raise Absent(f"{self.package} is not installed")
        return done.stdout.strip()


def environ() -> dict[str, str]:
    """Return the environment in which servers run: this repository's tools are found, nothing of the caller leaks."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return {**kept, "PYTHONPATH": str(_HERE.parents[1])}


def _arlen(python: str, port: int, _: Path) -> list[str]:
    return [python, "-m", "tools.attack.apps.arlen", str(port)]


def _nginx(_: str, port: int, folder: Path) -> list[str]:
    return _configured(port, folder, f"unix:{folder}/back.sock")


def _before(python: str, port: int, folder: Path) -> list[str]:
    """Start nginx before arlen-server, when that listens; both are in the session that is ended."""
    back = free_port((port,))
    asked = [python, "-c", f"import socket; socket.create_connection(('127.0.0.1', {back}))"]
    commands = (_arlen(python, back, folder), asked, _configured(port, folder, f"127.0.0.1:{back}"))
    return ["sh", "-c", "{} & until {} 2>/dev/null; do :; done; exec {}".format(*map(shlex.join, commands))]


def _configured(port: int, folder: Path, back: str) -> list[str]:
    (folder / "nginx.conf").write_text(_NGINX.format(folder=folder, port=port, back=back))
    return [_nginx_path(), "-p", str(folder), "-e", str(folder / "error.log"), "-c", str(folder / "nginx.conf")]


def _nginx_path() -> str:
    found = shutil.which("nginx", path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin")
    if found is None:
        raise Absent("nginx is not installed (on Debian: apt-get install nginx-light)")
    return found


def _nginx_version() -> str:
    done = subprocess.run([_nginx_path(), "-v"], capture_output=True, text=True, check=False)
    return done.stderr.strip().rpartition("/")[2]


def _uvicorn(parser: str) -> Callable[[str, int, Path], list[str]]:
    def start(python: str, port: int, _: Path) -> list[str]:
        return [*_asgi(python, "uvicorn"), "--http", parser, "--port", str(port), "--log-level", "critical"]

    return start


def _granian(python: str, port: int, _: Path) -> list[str]:
    return [*_asgi(python, "granian"), "--interface", "asgi", "--port", str(port), "--log-level", "critical"]


def _hypercorn(python: str, port: int, _: Path) -> list[str]:
    return [*_asgi(python, "hypercorn"), "--bind", f"127.0.0.1:{port}", "--log-level", "critical"]


def _gunicorn(python: str, port: int, _: Path) -> list[str]:
    options = ["--worker-class", "gthread", "--threads", "16", "--keep-alive", "5", "--log-level", "critical"]
    return [python, "-m", "gunicorn", "tools.attack.apps.wsgi:app", "--bind", f"127.0.0.1:{port}", *options]


def _aiohttp(python: str, port: int, _: Path) -> list[str]:
    return [python, str(_HERE / "apps/aio.py"), str(port)]


def _asgi(python: str, module: str) -> list[str]:
    return [python, "-m", module, "tools.attack.apps.asgi:app"]


_BENCH = environments.PEERS
SERVERS = {
    server.name: server
    for server in (
        Server("arlen-server", "arlen-server", _arlen),
        Server("nginx", "", _nginx),
        Server("nginx before arlen-server", "", _before),
        Server("granian", "granian", _granian, "granian", _BENCH),
        Server("uvicorn (httptools)", "uvicorn", _uvicorn("httptools"), "uvicorn", _BENCH),
        Server("uvicorn (h11)", "uvicorn", _uvicorn("h11"), "uvicorn", _BENCH),
        Server("hypercorn", "hypercorn", _hypercorn, "hypercorn"),
        Server("aiohttp", "aiohttp", _aiohttp, "aiohttp", _BENCH),
        Server("gunicorn", "gunicorn", _gunicorn, "gunicorn"),
    )
}

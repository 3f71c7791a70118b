"""The HTTP/1.1 and WebSocket server of the Arlen web platform, with its development and production runners."""

from arlen_server.listeners import bind
from arlen_server.server import Drained, Server, Stats
from arlen_server.serving import run, serve
from arlen_server.settings import Settings, Tls

__all__ = ["Drained", "Server", "Settings", "Stats", "Tls", "bind", "run", "serve"]

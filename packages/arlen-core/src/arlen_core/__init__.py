"""The small core of the Arlen web platform: applications, routing, binding, services, configuration, logging.

Names are loaded when they are first used, so that `import arlen_core` costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from arlen_core.app import App
    from arlen_core.context import Context
    from arlen_core.errors import (
        ArlenError,
        ConfigError,
        FieldError,
        HTTPError,
        NotFound,
        StartupError,
        ValidationFailed,
    )
    from arlen_core.files import FileResponse
    from arlen_core.forms import Form
    from arlen_core.headers import Headers
    from arlen_core.params import Cookie, Header, Input
    from arlen_core.plugins import Plugin
    from arlen_core.queries import Query
    from arlen_core.requests import Request
    from arlen_core.responses import Response, Stream, html, json, redirect, text
    from arlen_core.router import Router
    from arlen_core.sockets import SocketClosed, WebSocket
    from arlen_core.uploads import Upload
    from arlen_core.vault import Secret

_HOME = {
    "App": "app",
    "ArlenError": "errors",
    "ConfigError": "errors",
    "Context": "context",
    "Cookie": "params",
    "FieldError": "errors",
    "FileResponse": "files",
    "Form": "forms",
    "HTTPError": "errors",
    "Header": "params",
    "Headers": "headers",
    "Input": "params",
    "NotFound": "errors",
    "Plugin": "plugins",
    "Query": "queries",
    "Request": "requests",
    "Response": "responses",
    "Router": "router",
    "Secret": "vault",
    "SocketClosed": "sockets",
    "StartupError": "errors",
    "Stream": "responses",
    "Upload": "uploads",
    "ValidationFailed": "errors",
    "WebSocket": "sockets",
    "html": "responses",
    "json": "responses",
    "redirect": "responses",
    "text": "responses",
}

__all__ = [
    "App",
    "ArlenError",
    "ConfigError",
    "Context",
    "Cookie",
    "FieldError",
    "FileResponse",
    "Form",
    "HTTPError",
    "Header",
    "Headers",
    "Input",
    "NotFound",
    "Plugin",
    "Query",
    "Request",
    "Response",
    "Router",
    "Secret",
    "SocketClosed",
    "StartupError",
    "Stream",
    "Upload",
    "ValidationFailed",
    "WebSocket",
    "html",
    "json",
    "redirect",
    "text",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f"arlen_core.{_HOME[name]}"), name)
    return value


def __dir__() -> list[str]:
    return sorted(__all__)

"""Arlen, a default-first web platform for Python: the names that an application needs, in one import.

Each name is loaded when it is first used, from the package where it lives and is documented; the packages can be used
without this one.

>>> from arlen import App, Struct
>>> from arlen_core.testing import run
>>> app = App("greeter")
>>> class Greeting(Struct):
...     hello: str
>>> @app.get("/hello/{name}")
... async def hello(name: str) -> Greeting:
...     return Greeting(hello=name)
>>> run(app, "GET", "/hello/ada").json()
{'hello': 'ada'}
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from msgspec import Meta, Struct

    from arlen_core.answers import View
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
    from arlen_core.testing import Client
    from arlen_core.uploads import Upload
    from arlen_core.vault import Secret
    from arlen_web.web import Web

_HOMES = {
    "arlen_core.answers": ("View",),
    "arlen_core.app": ("App",),
    "arlen_core.context": ("Context",),
    "arlen_core.errors": (
        "ArlenError",
        "ConfigError",
        "FieldError",
        "HTTPError",
        "NotFound",
        "StartupError",
        "ValidationFailed",
    ),
    "arlen_core.files": ("FileResponse",),
    "arlen_core.forms": ("Form",),
    "arlen_core.headers": ("Headers",),
    "arlen_core.params": ("Cookie", "Header", "Input"),
    "arlen_core.plugins": ("Plugin",),
    "arlen_core.queries": ("Query",),
    "arlen_core.requests": ("Request",),
    "arlen_core.responses": ("Response", "Stream", "html", "json", "redirect", "text"),
    "arlen_core.router": ("Router",),
    "arlen_core.sockets": ("SocketClosed", "WebSocket"),
    "arlen_core.testing": ("Client",),
    "arlen_core.uploads": ("Upload",),
    "arlen_core.vault": ("Secret",),
    "arlen_web.web": ("Web",),
    "msgspec": ("Meta", "Struct"),
}
_HOME = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "App",
    "ArlenError",
    "Client",
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
    "Meta",
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
    "Struct",
    "Upload",
    "ValidationFailed",
    "View",
    "Web",
    "WebSocket",
    "html",
    "json",
    "redirect",
    "text",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = globals()[name] = getattr(import_module(_HOME[name]), name)
    return found


def __dir__() -> list[str]:
    return __all__

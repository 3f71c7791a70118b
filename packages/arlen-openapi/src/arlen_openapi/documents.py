"""Documents: an application as OpenAPI 3.1, from the declarations that parse and validate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from arlen_openapi.entries import METHODS, Entry, entries
from arlen_openapi.identifiers import identifiers
from arlen_openapi.schemas import Schemas
from arlen_openapi.security import schemes
from arlen_openapi.settings import Settings
from arlen_openapi.templates import blank
from arlen_openapi.walks import walk
from arlen_openapi.writing import Writer

if TYPE_CHECKING:
    from arlen_core.app import App

__all__ = ["VERSION", "document", "encode", "omitted"]

VERSION = "3.1.1"
"""The version of OpenAPI that documents are in."""


def document(app: App, settings: Settings | None = None) -> dict[str, Any]:
    """Return the OpenAPI document of an application and of the Arlen applications mounted in it.

    The application need not have started. Two calls give the same, and so do two processes.

    Args:
        app: the application, with all its routes and plugins.
        settings: in place of its section `[openapi]`.

    Raises `StartupError` for a handler that cannot be bound, and for a declaration that is wrong.

    >>> from arlen_core.app import App
    >>> app = App("hello")
    >>> @app.get("/hello/{name}")
    ... async def hello(name: str) -> dict[str, str]:
    ...     "Greet somebody."
    ...     return {"hello": name}
    >>> made = document(app)
    >>> made["openapi"], made["paths"]["/hello/{name}"]["get"]["summary"]
    ('3.1.1', 'Greet somebody')
    """
    settings = app.settings("openapi", Settings) if settings is None else settings
    schemas = Schemas()
    writer = Writer(schemas)
    shown, _ = _chosen(list(entries(walk(app))))
    paths: dict[str, dict[str, Any]] = {}
    for each, name in zip(shown, identifiers(shown), strict=True):
        paths.setdefault(each.path, {})[each.method.lower()] = writer.operation(each, name)
    components = {"responses": writer.responses(), "schemas": schemas.settle(), "securitySchemes": _schemes(app)}
    made: dict[str, Any] = {"openapi": VERSION, "info": _info(app, settings)}
    if settings.servers:
        made["servers"] = [{"url": url} for url in settings.servers]
    made["paths"] = {path: _ordered(paths[path]) for path in sorted(paths)}
    made["components"] = {name: found for name, found in components.items() if found}
    return made


def encode(document: dict[str, Any], *, indent: int = 0) -> bytes:
    r"""Return a document as JSON, in the same bytes each time.

    Args:
        document: as from `document`.
        indent: spaces for each level; without any it is one line. With some it ends with a line break.

    >>> encode({"openapi": "3.1.1"}), encode({"openapi": "3.1.1"}, indent=2)
    (b'{"openapi":"3.1.1"}', b'{\n  "openapi": "3.1.1"\n}\n')
    """
    made = msgspec.json.encode(document)
    return msgspec.json.format(made, indent=indent) + b"\n" if indent else made


def omitted(app: App) -> list[str]:
    """Return the operations that OpenAPI cannot say: a second one of a path, and methods that it does not know.

    >>> from arlen_core.app import App
    >>> omitted(App("hello"))
    []
    """
    return [f"{each.method} {each.step.template}" for each in _chosen(list(entries(walk(app))))[1]]


def _chosen(found: list[Entry]) -> tuple[list[Entry], list[Entry]]:
    """Return the entries that a document can hold, with one spelling for each path, and the others."""
    spellings: dict[str, str] = {}
    seen: dict[tuple[str, str], Entry] = {}
    for each in sorted(found, key=lambda entry: (*entry.step.route.rank, -len(entry.step.route.conditions))):
        key = (blank(each.path), each.method)
        if each.method.lower() in METHODS:
            seen.setdefault(key, each)
    shown = [each for each in found if seen.get((blank(each.path), each.method)) is each]
    for each in shown:
        each.path = spellings.setdefault(blank(each.path), each.path)
    return shown, [each for each in found if seen.get((blank(each.path), each.method)) is not each]


def _schemes(app: App) -> dict[str, Any]:
    found = schemes(app.schemes)
    for item in app.flat():
        target: Any = getattr(item, "target", None)
        if hasattr(target, "schemes"):
            found = {**_schemes(target), **found}
    return {name: found[name] for name in sorted(found)}


def _info(app: App, settings: Settings) -> dict[str, str]:
    made = {"title": settings.title or app.title, "version": settings.version}
    return made | ({"description": settings.description} if settings.description else {})


def _ordered(operations: dict[str, Any]) -> dict[str, Any]:
    return {method: operations[method] for method in METHODS if method in operations}

"""Operations: what a document offers, each with its parameters, body and responses, references followed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Iterator

    from arlen_openapi.references import Document

__all__ = ["METHODS", "REST", "Operation", "Parameter", "operations", "shape"]

METHODS = ("delete", "get", "head", "options", "patch", "post", "put", "trace")
"""The methods of a path item, in the order in which operations are listed."""

REST = "x-arlen-rest"
"""Marks a parameter of the path that takes slashes, which OpenAPI 3.1 cannot say."""

_STYLES = {"path": "simple", "query": "form", "header": "simple", "cookie": "form"}
_IGNORED = frozenset({"accept", "authorization", "content-type"})  # OpenAPI 3.1, section 4.8.12.2


class Parameter(Struct, frozen=True):
    """One parameter: where it goes, its name there, and how its value is written."""

    place: str
    name: str
    required: bool
    schema: Any
    style: str
    explode: bool
    media: str
    node: dict[str, Any]

    @property
    def key(self) -> tuple[str, str]:
        """What tells it from the others: its place and its name, in lower case where case does not count."""
        return self.place, self.name.lower() if self.place == "header" else self.name


class Operation(Struct, frozen=True):
    """One operation: a method on a path."""

    method: str
    path: str
    id: str
    parameters: tuple[Parameter, ...]
    body: dict[str, Any] | None
    responses: dict[str, Any]
    security: list[dict[str, list[str]]]
    node: dict[str, Any]

    @property
    def name(self) -> str:
        """The method and the path, as people write them."""
        return f"{self.method.upper()} {self.path}"


def operations(document: Document) -> list[Operation]:
    """Return the operations of a document, sorted by path and method.

    >>> from arlen_openapi.references import Document
    >>> found = operations(Document({"openapi": "3.1.0", "paths": {"/notes": {"get": {"operationId": "notes"}}}}))
    >>> [(each.name, each.id) for each in found]
    [('GET /notes', 'notes')]
    """
    found = []
    for path, raw in sorted(document.section(document.tree, "paths").items()):
        item = document.follow(raw)
        if path.startswith("/") and isinstance(item, dict):
            found += [
                _operation(document, path, method, item) for method in METHODS if isinstance(item.get(method), dict)
            ]
    return found


def shape(path: str) -> str:
    """Return a path with the names of its parameters left out: what two versions of a document have in common.

    >>> shape("/notes/{id}/lines/{line}")
    '/notes/{}/lines/{}'
    """
    return re.sub(r"\{[^{}]*\}", "{}", path)


def _operation(document: Document, path: str, method: str, item: dict[str, Any]) -> Operation:
    node = item[method]
    body = document.follow(node["requestBody"]) if "requestBody" in node else None
    responses = {str(key): document.follow(each) for key, each in document.section(node, "responses").items()}
    security = node.get("security", document.tree.get("security", []))
    parameters = tuple(_parameters(document, path, [*item.get("parameters", []), *node.get("parameters", [])]))
    identity = str(node.get("operationId", ""))
    return Operation(method, path, identity, parameters, body, responses, security, node)


def _parameters(document: Document, path: str, nodes: list[Any]) -> Iterator[Parameter]:
    found: dict[tuple[str, str], Parameter] = {}  # those of the operation replace those of the path
    for node in map(document.follow, nodes):
        each = _parameter(document, node)
        if each.place != "header" or each.key[1] not in _IGNORED:
            found[each.key] = each
    order, names = list(_STYLES), {name: at for at, name in enumerate(re.findall(r"\{([^{}]*)\}", path))}

    def rank(each: Parameter) -> tuple[Any, ...]:  # those of the path as it has them: they become positional
        at = names.get(each.name, len(names)) if each.place == "path" else 0
        return order.index(each.place), not each.required, at, each.name

    yield from sorted(found.values(), key=rank)


def _parameter(document: Document, node: dict[str, Any]) -> Parameter:
    place = node.get("in") if node.get("in") in _STYLES else "query"
    style = node.get("style", _STYLES[str(place)])
    if place == "path" and node.get(REST) is True:
        style = "rest"
    media, schema = "", node.get("schema", {})
    for kind, content in document.section(node, "content").items():
        media, schema = kind, content.get("schema", {})
    explode = node.get("explode", style == "form")
    required = place == "path" or node.get("required", False)
    return Parameter(str(place), str(node.get("name", "")), required, schema, style, explode, media, node)

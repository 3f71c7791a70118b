"""Requirements: what an operation asks of a client's credentials, compared by what goes over the wire."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from arlen_openapi.shapes import canonical

if TYPE_CHECKING:
    from arlen_openapi.operations import Operation
    from arlen_openapi.references import Document

__all__ = ["Requirement", "accepted", "requirements"]

Requirement = dict[str, frozenset[str]]
"""One way to be let in: the scopes for each scheme; empty for no credentials at all."""

_SAID = frozenset({"description", "bearerFormat"})


def requirements(document: Document, operation: Operation) -> list[Requirement]:
    """Return the ways in. A scheme is told by what it is, not by its name, so that it can be renamed."""
    schemes = document.components("securitySchemes")
    ways = [
        {_scheme(document, schemes, name): frozenset(scopes) for name, scopes in each.items()}
        for each in operation.security
    ]
    return ways or [{}]


def accepted(way: Requirement, ways: list[Requirement]) -> bool:
    """Return whether credentials that were enough for the one way are enough for one of the others.

    >>> accepted({"a": frozenset({"read", "write"})}, [{"a": frozenset({"read"})}])
    True
    >>> accepted({}, [{"a": frozenset()}])
    False
    """
    return any(each.keys() <= way.keys() and all(each[name] <= way[name] for name in each) for each in ways)


def _scheme(document: Document, schemes: dict[str, Any], name: str) -> str:
    node = document.follow(schemes.get(name, {"type": name}))
    told = {key: value for key, value in node.items() if key not in _SAID and not key.startswith("x-")}
    if isinstance(told.get("scheme"), str):
        told["scheme"] = told["scheme"].lower()
    flows = told.get("flows", {})
    return canonical({**told, "flows": {kind: {**flow, "scopes": None} for kind, flow in flows.items()}})

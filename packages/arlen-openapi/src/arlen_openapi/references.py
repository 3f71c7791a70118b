"""References: an OpenAPI document, read from JSON, whose `$ref` are followed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import msgspec

from arlen_core.commands import CommandError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Document", "parse"]

_VERSION = "3.1"
_DEEP = 200


class Document:
    """An OpenAPI 3.1 document.

    Args:
        tree: what the JSON says; it is not changed.

    Raises:
        CommandError: it is no OpenAPI 3.1 document, with the code "document_invalid".

    >>> document = Document({"openapi": "3.1.0", "components": {"schemas": {"A": {"type": "null"}}}})
    >>> document.follow({"$ref": "#/components/schemas/A"})
    {'type': 'null'}
    """

    def __init__(self, tree: Any) -> None:
        version = tree.get("openapi") if isinstance(tree, dict) else None
        if not isinstance(version, str) or not version.startswith(f"{_VERSION}."):
            raise _invalid(f"it is no OpenAPI {_VERSION} document", f"give one that says openapi: {_VERSION}.x")
        self.tree: dict[str, Any] = tree

    @property
    def version(self) -> str:
        """The release that the document describes: `info.version`."""
        return str(self.section(self.tree, "info").get("version", ""))

    def section(self, node: Mapping[str, Any], name: str) -> dict[str, Any]:
        """Return a member that is an object; an empty one when it is not there."""
        found = node.get(name, {})
        if not isinstance(found, dict):
            raise _invalid(f"{name!r} is no object", "validate the document")
        return found

    def components(self, kind: str) -> dict[str, Any]:
        """Return the components of a kind, such as "schemas", by name."""
        return self.section(self.section(self.tree, "components"), kind)

    def follow(self, node: Any) -> Any:
        """Return what a node is: itself, or what its `$ref` leads to, however many steps away.

        Raises:
            CommandError: a reference leads nowhere, out of the document, or back to itself.
        """
        for _ in range(_DEEP):
            if not isinstance(node, dict) or not isinstance(node.get("$ref"), str):
                return node
            node = self.target(node["$ref"])
        raise _invalid("a $ref leads back to itself", "break the circle")

    def target(self, reference: str) -> Any:
        """Return what a reference such as `#/components/schemas/Note` names (RFC 6901).

        Raises:
            CommandError: it names nothing here.
        """
        if reference != "#" and not reference.startswith("#/"):
            raise _invalid(f"{reference!r} leads out of the document", "bundle the document into one file")
        node: Any = self.tree
        for part in reference.split("/")[1:]:
            node = _child(node, unquote(part).replace("~1", "/").replace("~0", "~"), reference)
        return node


def parse(data: bytes, name: str) -> Document:
    """Return the document that a file holds.

    Args:
        data: the bytes of the file, JSON.
        name: what the error calls it.

    Raises:
        CommandError: it is no JSON, or no OpenAPI 3.1 document; the code is "document_invalid".
    """
    try:
        return Document(msgspec.json.decode(data))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _invalid(f"{name} is no JSON: {error}", "arlen openapi export writes one that is") from error
    except CommandError as error:
        raise _invalid(f"{name}: {error.message}", error.fix) from error


def _child(node: Any, part: str, reference: str) -> Any:
    if isinstance(node, dict) and part in node:
        return node[part]
    if isinstance(node, list) and part.isdecimal() and int(part) < len(node):
        return node[int(part)]
    raise _invalid(f"{reference!r} leads nowhere", "add what it names, or correct it")


def _invalid(reason: str, fix: str) -> CommandError:
    return CommandError("document_invalid", reason, fix=fix)

"""Clients: what a generated client has to know about each operation, in whatever language it is written."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from arlen_openapi.operations import Operation, operations

if TYPE_CHECKING:
    from collections.abc import Iterator

    from arlen_openapi.references import Document

__all__ = ["Answer", "Body", "Call", "binary", "calls", "kind", "sentences"]

_READ = ("json", "text", "bytes")
_HEADER = re.compile(r"[\x21-\x7e][\x20-\x7e]*")
_PREFERRED = ("json", "multipart", "form", "text", "bytes")


class Body(Struct, frozen=True):
    """What a call sends: how it is written ("json", "form", "multipart", "text", "bytes"), and what it is."""

    kind: str
    media: str
    schema: Any
    required: bool


class Answer(Struct, frozen=True):
    """What a call may get when it succeeds: the status, and how to read it ("json", "text", "bytes", "none").

    A status has one for each way to read it; the Content-Type of what comes tells which.
    """

    status: str
    kind: str
    media: str
    schema: Any


class Call(Struct, frozen=True):
    """One operation, as a client sees it."""

    operation: Operation
    body: Body | None
    answers: tuple[Answer, ...]

    @property
    def name(self) -> str:
        """What the function is called after."""
        return self.operation.id or f"{self.operation.method} {self.operation.path}"

    @property
    def accept(self) -> str:
        """The header that asks for what the client can read."""
        firsts = {each.status: each for each in reversed(self.answers)}
        found = {each.media: "" for each in firsts.values() if each.media}
        found = {each.media: found.get(each.media, ";q=0.5") for each in self.answers if each.media}
        return ", ".join([*(f"{media}{weight}" for media, weight in found.items()), "application/problem+json"])


def calls(document: Document) -> list[Call]:
    """Return the calls of a document, sorted by path and method."""
    return [Call(each, _body(document, each), _answers(document, each)) for each in operations(document)]


def kind(media: str) -> str:
    """Return how a media type is written and read.

    >>> kind("application/problem+json; charset=utf-8"), kind("text/csv"), kind("image/png")
    ('json', 'text', 'bytes')
    """
    name = media.partition(";")[0].strip().lower()
    if name == "application/json" or name.endswith("+json"):
        return "json"
    known = {"application/x-www-form-urlencoded": "form", "multipart/form-data": "multipart"}
    return known.get(name, "text" if name.startswith("text/") else "bytes")


def binary(schema: dict[str, Any]) -> bool:
    """Return whether a schema is that of bytes as they are, such as a file of a form."""
    return schema.get("format") == "binary" or ("contentMediaType" in schema and "contentEncoding" not in schema)


def sentences(call: Call) -> list[str]:
    """Return what the document says about an operation: the summary, then the description."""
    node = call.operation.node
    found = [str(node[name]) for name in ("summary", "description") if node.get(name)]
    return [line for each in dict.fromkeys(found) for line in each.splitlines()]


def _body(document: Document, operation: Operation) -> Body | None:
    if operation.body is None:
        return None
    content = _content(document, operation.body)
    ranked = sorted(content, key=lambda media: (_PREFERRED.index(kind(media)), media))
    if not ranked:
        return None
    media, how = ranked[0], kind(ranked[0])
    sent = {"text": "text/plain"}.get(how, "application/octet-stream") if "*" in media else media
    return Body(how, sent, content[media].get("schema", {}), operation.body.get("required", False))


def _answers(document: Document, operation: Operation) -> tuple[Answer, ...]:
    found = [status for status in sorted(operation.responses) if status.startswith("2")]
    if not found and "default" in operation.responses:
        found = ["default"]
    return tuple(each for status in found for each in _ways(document, status, operation.responses[status]))


def _ways(document: Document, status: str, node: dict[str, Any]) -> Iterator[Answer]:
    content = _content(document, node)
    if not content or status in {"204", "205"}:
        yield Answer(status, "none", "", {})
        return
    for read in _READ:
        media = [each for each in sorted(content) if _read(each) == read]
        if media:
            schemas = [content[each].get("schema", {}) for each in media]
            same = all(each == schemas[0] for each in schemas)
            yield Answer(status, read, media[0], schemas[0] if same else {"anyOf": schemas})


def _read(media: str) -> str:
    return found if (found := kind(media)) in _READ else "bytes"


def _content(document: Document, node: dict[str, Any]) -> dict[str, Any]:
    """Return the media types that can be written into a header, each with what has it."""
    return {media: each for media, each in document.section(node, "content").items() if _HEADER.fullmatch(media)}

"""Parameters: what a plan takes from path, query, headers and cookies, as OpenAPI parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, get_args, get_origin

import msgspec

from arlen_core.convert import multiple
from arlen_core.placeholders import PATH
from arlen_core.queries import Query
from arlen_core.signatures import MISSING
from arlen_core.validation import fields, strip
from arlen_openapi.operations import REST
from arlen_openapi.schemas import present
from arlen_openapi.templates import segment

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from arlen_core.binding import Parameter
    from arlen_core.patterns import Pattern
    from arlen_openapi.schemas import Schemas

__all__ = ["fallible", "parameters"]

_TEXT = {"query", "header", "cookie"}


def parameters(taken: Iterable[Parameter], pattern: Pattern, schemas: Schemas) -> list[dict[str, Any]]:
    """Return the parameters of an operation: those of the path from left to right, then the others as declared."""
    taken = list(taken)
    typed = {each.wire: each.kind for each in taken if each.source == "path" and each.kind is not MISSING}
    found: list[dict[str, Any]] = [
        {"name": each.name, "in": "path", "required": True, "schema": segment(each, typed.get(each.name), schemas)}
        | ({REST: True} if each.kind is PATH else {})
        for each in pattern.placeholders
    ]
    return found + [made for each in taken for made in _texts(each, schemas)]


def fallible(taken: Iterable[Parameter], pattern: Pattern) -> bool:
    """Say whether something that comes as text can be wrong, so that 422 is an answer."""
    matched = {each.name: each.kind.type for each in pattern.placeholders}
    return any(_fallible(each, matched) for each in taken)


def _fallible(each: Parameter, matched: dict[str, Any]) -> bool:
    if each.source == "path":
        return each.kind not in {str, MISSING, matched[each.wire]}  # what the matcher has read is right already
    return each.source in _TEXT and (_model(each) or each.required or not _any_text(each.kind))


def _any_text(kind: Any) -> bool:
    kind = present(kind)
    parts = get_args(kind)[1:] if get_origin(kind) is Annotated else ()
    return strip(kind) is str and not any(isinstance(each, msgspec.Meta) for each in parts)


def _texts(each: Parameter, schemas: Schemas) -> Iterator[dict[str, Any]]:
    if each.source not in _TEXT:
        return
    if _model(each):
        yield from _members(strip(each.kind), schemas)
    elif each.wire:
        yield _one(each.wire, each.source, each.kind, each.default, schemas, required=each.required)


def _model(each: Parameter) -> bool:
    return each.source == "query" and not each.wire and strip(each.kind) is not Query


def _members(kind: Any, schemas: Schemas) -> Iterator[dict[str, Any]]:
    defaults = _defaults(kind)
    for name, inner, required in fields(kind) or ():
        needed = required and strip(inner) is not bool  # as browsers send check boxes
        yield _one(name, "query", inner, defaults.get(name, MISSING), schemas, required=needed)


def _one(name: str, source: str, kind: Any, default: Any, schemas: Schemas, *, required: bool) -> dict[str, Any]:
    schema = schemas.of(present(kind))
    if default is not MISSING and default is not None and (plain := _plain(default)) is not MISSING:
        schema["default"] = plain
    made: dict[str, Any] = {"name": name, "in": source, "required": required, "schema": schema}
    if source == "query" and multiple(kind) is not None:
        made |= {"style": "form", "explode": True}
    if words := _words(kind):
        made["description"] = words
    return made


def _words(kind: Any) -> str:
    parts = get_args(kind)[1:] if get_origin(kind) is Annotated else ()
    return next((each.description for each in parts if isinstance(each, msgspec.Meta) and each.description), "")


def _plain(value: Any) -> Any:
    try:
        return msgspec.to_builtins(value)
    except (TypeError, ValueError):
        return MISSING


def _defaults(kind: Any) -> dict[str, Any]:
    """Return the defaults of a record's fields by their names in a query."""
    if not (isinstance(kind, type) and issubclass(kind, msgspec.Struct)):
        return {}
    found = {}
    for each in msgspec.structs.fields(kind):
        if each.default is not msgspec.NODEFAULT:
            found[each.encode_name] = each.default
        elif each.default_factory is not msgspec.NODEFAULT:
            found[each.encode_name] = each.default_factory()
    return found

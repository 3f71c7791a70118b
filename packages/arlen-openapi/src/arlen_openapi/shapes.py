"""Shapes: a JSON Schema as a list of alternatives, each of one type and free of references and combinations."""

from __future__ import annotations

import json
from itertools import product
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from arlen_openapi.references import Document

__all__ = ["ANNOTATIONS", "TYPES", "Shape", "Unclear", "canonical", "disjoint", "shapes"]

Shape = dict[str, Any]
TYPES = ("null", "boolean", "integer", "number", "string", "array", "object")
"""The types of JSON, and "integer", which is a number too."""

ANNOTATIONS = frozenset({
    "title", "description", "default", "examples", "example", "deprecated", "externalDocs", "xml", "discriminator",
    "$comment", "$schema", "$id", "$anchor", "$defs", "definitions",
})  # fmt: skip
"""Keywords that say nothing about which values are valid."""

_WIDTH = 100
_COMBINED = ("$ref", "allOf", "anyOf", "oneOf")
_MOST = {"minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties"}
_LEAST = {"maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties"}
_SETS = {"pattern", "format", "multipleOf"}
_OF = {
    "number": {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"},
    "string": {"minLength", "maxLength", "pattern"},
    "array": {"minItems", "maxItems", "uniqueItems", "items", "prefixItems", "contains", "minContains", "maxContains"},
    "object": {"properties", "required", "additionalProperties", "minProperties", "maxProperties", "patternProperties",
               "propertyNames", "dependentRequired", "dependentSchemas"},
}  # fmt: skip
_OWNER = {keyword: owner for owner, names in _OF.items() for keyword in names}


class Unclear(Exception):
    """A schema that has no such form that is worth comparing; its text says why."""


def shapes(document: Document, schema: Any, *, exact: bool = True) -> list[Shape]:
    """Return the alternatives of a schema: a value is valid when it is valid for one of them.

    Args:
        document: where its references lead.
        schema: an object, or a boolean.
        exact: false to take `oneOf` as `anyOf`, so that values may be let through that are not valid.

    Raises:
        Unclear: it has too many, or it combines what cannot be combined.
    """
    found: list[Shape] = []
    for conjuncts in _conjunctions(document, schema, (), exact=exact):
        for shape in _split(conjuncts):
            if shape not in found:
                found.append(shape)
    return found


def canonical(value: Any) -> str:
    """Return JSON that is equal for equal values; 1 and 1.0 are equal there, 1 and true are not.

    >>> canonical(1.0) == canonical(1) != canonical(True)
    True
    """
    return json.dumps(_plain(value), sort_keys=True)


def disjoint(document: Document, one: Shape, document_of_other: Document, other: Shape, *, tags: bool = False) -> bool:
    """Return whether no value is valid for both: by type, by listed values, or by a property that tells them apart.

    Args:
        document: where the references of `one` lead.
        one: a shape.
        document_of_other: where the references of `other` lead.
        other: another shape.
        tags: whether only a property with listed values tells them apart, and not one whose types differ.
    """
    if {one["type"], other["type"]} <= {"integer", "number"}:
        return _apart(one, other)
    if one["type"] != other["type"] or _apart(one, other):
        return True
    names = one.get("properties", {}).keys() & other.get("properties", {}).keys()
    sure = names & (one.get("required", set()) | other.get("required", set()))
    pairs = [(one["properties"][name], other["properties"][name]) for name in sure]
    return any(_told_apart(document, mine, document_of_other, theirs, tags=tags) for mine, theirs in pairs)


def _apart(one: Shape, other: Shape) -> bool:
    if "enum" not in one or "enum" not in other:
        return False
    return not set(map(canonical, one["enum"])) & set(map(canonical, other["enum"]))


def _told_apart(document: Document, one: Any, document_of_other: Document, other: Any, *, tags: bool) -> bool:
    try:
        pairs = product(shapes(document, one, exact=False), shapes(document_of_other, other, exact=False))
        return all((not tags and not _types(a["type"], b["type"])) or _apart(a, b) for a, b in pairs)
    except Unclear:
        return False


def _conjunctions(document: Document, schema: Any, seen: tuple[str, ...], *, exact: bool) -> list[list[Shape]]:
    """Return the alternatives of a schema, each a list of simple schemas that hold together."""
    if not isinstance(schema, dict):
        return [] if schema is False else [[]]
    found = [[{key: value for key, value in schema.items() if key not in _COMBINED}]]
    if isinstance(reference := schema.get("$ref"), str):
        if reference in seen:
            raise Unclear(f"{reference} is a part of itself")
        found = _both(found, _conjunctions(document, document.target(reference), (*seen, reference), exact=exact))
    for part in schema.get("allOf", []):
        found = _both(found, _conjunctions(document, part, seen, exact=exact))
    for keyword in ("anyOf", "oneOf"):
        if keyword in schema:
            branches = [_conjunctions(document, part, seen, exact=exact) for part in schema[keyword]]
            only = exact and keyword == "oneOf" and _overlap(document, branches)
            rest = [{"oneOf": schema[keyword]}] if only else []
            found = _both(found, [[*each, *rest] for branch in branches for each in branch])
    return found


def _both(left: list[list[Shape]], right: list[list[Shape]]) -> list[list[Shape]]:
    if len(left) * len(right) > _WIDTH:
        raise Unclear(f"it has more than {_WIDTH} alternatives")
    return [[*one, *(each for each in other if each not in one)] for one, other in product(left, right)]


def _overlap(document: Document, branches: list[list[list[Shape]]]) -> bool:
    """Return whether two branches of a oneOf may be valid for one value, so that it is not simply their union."""
    known = [[shape for conjuncts in branch for shape in _split(conjuncts)] for branch in branches]
    return any(
        not disjoint(document, a, document, b)
        for at, one in enumerate(known)
        for other in known[at + 1 :]
        for a, b in product(one, other)
    )


def _split(conjuncts: Sequence[Shape]) -> Iterator[Shape]:
    for kind in _common(conjuncts):
        shape = _merged(conjuncts, kind)
        if kind == "number" and all(_fits(each, "integer") for each in shape.get("enum", [0.5])):
            shape["type"] = "integer"
        if shape.get("enum") != []:
            yield shape


def _common(conjuncts: Iterable[Shape]) -> list[str]:
    found = {"null", "boolean", "number", "string", "array", "object"}
    for each in conjuncts:
        if "type" in each:
            wanted = [each["type"]] if isinstance(each["type"], str) else each["type"]
            found = {common for one in found for other in wanted for common in _types(one, other)}
    return [each for each in TYPES if each in found and not (each == "integer" and "number" in found)]


def _types(one: str, other: str) -> set[str]:
    if one == other:
        return {one}
    return {"integer"} if {one, other} == {"integer", "number"} else set()


def _merged(conjuncts: Sequence[Shape], type: str) -> Shape:
    shape: Shape = {"type": type}
    if type == "boolean":
        shape["enum"] = [False, True]
    elif type == "null":
        shape["enum"] = [None]
    for each in conjuncts:
        for keyword, value in each.items():
            owner = _OWNER.get(keyword, type)
            if owner in {type, "number" if type == "integer" else type}:
                _add(shape, keyword, value, type)
    named = [each for each in conjuncts if each.keys() & {"properties", "additionalProperties"}]
    if shape.get("additionalProperties") not in (None, True, {}) and len(named) > 1:
        raise Unclear("it combines additionalProperties with other properties")
    return shape


def _add(shape: Shape, keyword: str, value: Any, type: str) -> None:
    if keyword in {"enum", "const"}:
        _choose(shape, [value] if keyword == "const" else value, type)
    elif keyword in _MOST | _LEAST:
        choose = max if keyword in _MOST else min
        shape[keyword] = choose(shape.get(keyword, value), value)
    elif keyword in _SETS:
        shape[keyword] = {*shape.get(keyword, ()), value}
    elif keyword == "required":
        shape[keyword] = {*shape.get(keyword, ()), *value}
    elif keyword == "properties":
        mine = shape.setdefault(keyword, {})
        mine.update({name: _joined(mine.get(name), each) for name, each in value.items()})
    elif keyword == "items":
        shape[keyword] = _joined(shape.get(keyword), value)
    elif keyword == "prefixItems":
        if shape.setdefault(keyword, value) != value:
            raise Unclear("it combines several prefixItems")
    elif keyword in {"uniqueItems", "additionalProperties"}:
        shape[keyword] = value
    elif keyword != "type" and keyword not in ANNOTATIONS and not keyword.startswith("x-"):
        shape.setdefault("opaque", {}).setdefault(keyword, []).append(value)


def _choose(shape: Shape, values: list[Any], type: str) -> None:
    fitting = [each for each in values if _fits(each, type)]
    known = set(map(canonical, shape["enum"])) if "enum" in shape else None
    kept = {canonical(each): each for each in fitting if known is None or canonical(each) in known}
    shape["enum"] = [kept[key] for key in sorted(kept)]


def _fits(value: Any, type: str) -> bool:
    if isinstance(value, bool) or value is None:
        return type == ("boolean" if isinstance(value, bool) else "null")
    if isinstance(value, int | float):
        return type == "number" or (type == "integer" and float(value).is_integer())
    return isinstance(value, {"string": str, "array": list, "object": dict}.get(type, ()))


def _joined(one: Any, other: Any) -> Any:
    if one is None or one == other:
        return other
    parts = one["allOf"] if isinstance(one, dict) and one.keys() == {"allOf"} else [one]
    return {"allOf": parts if other in parts else [*parts, other]}


def _plain(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return sorted(map(_plain, value), key=str) if isinstance(value, set) else value

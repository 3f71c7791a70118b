"""Narrowing: whether every value of one schema is a value of another, and where it is not."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from itertools import chain
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from arlen_openapi.shapes import ANNOTATIONS, Shape, Unclear, canonical, disjoint, shapes

if TYPE_CHECKING:
    from arlen_openapi.references import Document

__all__ = ["Finding", "Narrowing", "same", "step"]

_CAP = 100
_VALUES = {"const", "enum"}
_NAMED = {"properties", "patternProperties", "dependentSchemas", "dependentRequired"}
_SIMPLER = {("int32", "int64"), ("float", "double")}


class Finding(Struct, frozen=True):
    """A place where values of the one schema are not values of the other.

    Attributes:
        kind: what differs: "type", "enum", "property-removed" and so on.
        place: where, below the schema.
        reason: what the one takes and the other does not.
        level: "breaking"; "unknown" when it cannot be told; "compatible" when it does no harm.
    """

    kind: str
    place: str
    reason: str
    level: str = "breaking"


class Narrowing:
    """Compares schemas of two documents.

    Args:
        narrow, wide: the documents.
        forward: whether `narrow` is the older one.
    """

    def __init__(self, narrow: Document, wide: Document, *, forward: bool) -> None:
        self._narrow, self._wide, self._forward = narrow, wide, forward
        self._done: dict[tuple[str, str], list[Finding]] = {}

    def findings(self, narrow: Any, wide: Any) -> list[Finding]:
        """Return where a value that is valid for `narrow` may not be valid for `wide`; nothing when it always is."""
        key = canonical(narrow), canonical(wide)
        if key not in self._done:
            self._done[key] = []  # a schema that holds itself: what is found is found where it begins
            try:
                if not same(self._narrow, narrow, self._wide, wide):
                    self._done[key] = list(self._compared(narrow, wide))[:_CAP]
            except Unclear as reason:
                self._done[key] = [Finding("schema", "", f"the schemas cannot be compared: {reason}", "unknown")]
        return self._done[key]

    def _compared(self, narrow: Any, wide: Any) -> Iterator[Finding]:
        mine, theirs = shapes(self._narrow, narrow), shapes(self._wide, wide)
        kinds = {each["type"] for each in theirs}
        lost = [each for each in mine if each["type"] not in kinds | ({"integer"} if "number" in kinds else set())]
        if lost:
            yield Finding("type", "", f"{_types(lost)}: not among {_types(theirs) or 'nothing'}")
        for each in mine:
            if each not in lost:
                yield from self._within(each, theirs)

    def _within(self, one: Shape, others: list[Shape]) -> Iterator[Finding]:
        alike = [other for other in others if not disjoint(self._narrow, one, self._wide, other, tags=True)]
        near = [other for other in alike if not disjoint(self._narrow, one, self._wide, other)] or alike
        if not near:
            yield self._nothing(one, others)
            return
        found = [list(self._alternative(one, other)) for other in near]
        best = min(found, key=_harm)
        if len(near) == 1 or not _harm(best):
            yield from best
        elif not _listed(one, near):
            yield Finding("alternatives", "", f"no single one of {len(near)} alternatives takes it whole", "unknown")

    def _nothing(self, one: Shape, others: list[Shape]) -> Finding:
        values = [each for other in others for each in other.get("enum", ())]
        if "enum" in one and values:
            return Finding("enum", "", f"{_values(one['enum'])}: not among {_values(values)}")
        return Finding("alternatives", "", f"an alternative of type {one['type']} fits none of the others")

    def _alternative(self, one: Shape, other: Shape) -> Iterator[Finding]:
        yield from _enum(one, other)
        yield from chain.from_iterable(rule(_bounded(one), other) for rule in _RULES)
        if one["type"] == "array":
            yield from self._items(one, other)
        if one["type"] == "object":
            yield from self._object(one, other)
        yield from self._opaque(one, other)

    def _opaque(self, one: Shape, other: Shape) -> Iterator[Finding]:
        mine = one.get("opaque", {})
        for keyword, values in other.get("opaque", {}).items():
            if not same(self._narrow, mine.get(keyword), self._wide, values):
                yield Finding("constraint", "", f"what {keyword} says differs, which cannot be compared", "unknown")

    def _items(self, one: Shape, other: Shape) -> Iterator[Finding]:
        mine, theirs = (each.get("prefixItems", []) for each in (one, other))
        for at in range(max(len(mine), len(theirs))):
            left = mine[at] if at < len(mine) else one.get("items", {})
            right = theirs[at] if at < len(theirs) else other.get("items", {})
            if at < one.get("maxItems", at + 1):
                yield from self._below(f"[{at}]", left, right)
        if one.get("maxItems", len(theirs) + 1) > max(len(mine), len(theirs)):
            yield from self._below("[]", one.get("items", {}), other.get("items", {}))

    def _object(self, one: Shape, other: Shape) -> Iterator[Finding]:
        mine, theirs = one.get("properties", {}), other.get("properties", {})
        missing = other.get("required", set()) - one.get("required", set())
        for name in sorted(missing):
            yield self._missing(name, new=name not in mine)
        for name in sorted(mine.keys() | theirs.keys()):
            if name in mine and name in theirs:
                yield from self._below(step(name), mine[name], theirs[name])
            elif name in mine:
                yield from self._extra(name, mine[name], other.get("additionalProperties", True))
            elif name not in missing:
                rest: dict[str, Any] | None = (
                    None if mine or not self._forward else {}
                )  # without any names it is a map of anything
                yield from self._less(name, one.get("additionalProperties", rest), theirs[name])
        yield from self._rest(one, other)

    def _missing(self, name: str, *, new: bool) -> Finding:
        if self._forward:
            kind = "required-property-added" if new else "property-became-required"
        else:
            kind = "required-property-removed" if new else "property-became-optional"
        return Finding(kind, step(name), "one of them requires it, and the other does not")

    def _extra(self, name: str, schema: Any, rest: Any) -> Iterator[Finding]:
        """A property that only the narrow one knows goes where the wide one puts all others."""
        kind = "property-removed" if self._forward else "property-added"
        if rest is False:
            yield Finding(kind, step(name), "the object takes no property that it does not name")
        elif isinstance(rest, dict) and rest:
            yield from self._below(step(name), schema, rest)
        elif self._forward:
            yield Finding(kind, step(name), "the object does not name it any more, and may ignore it", "unknown")
        else:
            yield Finding(kind, step(name), "a client that does not know it ignores it", "compatible")

    def _less(self, name: str, rest: Any, schema: Any) -> Iterator[Finding]:
        """A property that only the wide one knows is among all others of the narrow one."""
        if rest is True or isinstance(rest, dict):  # a map, which may have it as any other
            yield from self._below(step(name), rest, schema)
        elif not self._forward:
            yield Finding("property-removed", step(name), "a client that reads it finds nothing")

    def _rest(self, one: Shape, other: Shape) -> Iterator[Finding]:
        mine, theirs = one.get("additionalProperties"), other.get("additionalProperties")
        if theirs is None or theirs is True or theirs == {} or mine is False:
            return
        if isinstance(mine, dict) and isinstance(theirs, dict):
            yield from self._below("{}", mine, theirs)
        else:
            reason = "properties without a name were allowed on one side only"
            yield Finding("additional-properties", "{}", reason, "unknown" if mine is None else "breaking")

    def _below(self, place: str, narrow: Any, wide: Any) -> Iterator[Finding]:
        for each in self.findings(narrow, wide):
            yield Finding(each.kind, place + each.place, each.reason, each.level)


def step(name: str) -> str:
    """Return how a place names a property.

    >>> step("title"), step("due date")
    ('.title', '["due date"]')
    """
    return f".{name}" if re.fullmatch(r"[A-Za-z_]\w*", name, re.ASCII) else f"[{json.dumps(name)}]"


def same(document: Document, one: Any, document_of_other: Document, other: Any, *, exact: bool = False) -> bool:
    """Return whether two nodes of two documents say the same, all references followed.

    Args:
        document: where the references of `one` lead.
        one: a schema, or anything else of the document.
        document_of_other: where the references of `other` lead.
        other: what is compared with it.
        exact: whether annotations, such as descriptions, count too.
    """
    return _Sameness(document, document_of_other, exact=exact).equal(one, other, named=exact)


class _Sameness:
    def __init__(self, document: Document, document_of_other: Document, *, exact: bool) -> None:
        self.document, self.document_of_other, self.exact = document, document_of_other, exact
        self.pairs: set[tuple[str, str]] = set()

    def equal(self, one: Any, other: Any, *, named: bool) -> bool:
        if isinstance(one, list) and isinstance(other, list):
            return len(one) == len(other) and all(
                self.equal(*pair, named=self.exact) for pair in zip(one, other, strict=True)
            )
        if not isinstance(one, dict) or not isinstance(other, dict):
            return canonical(one) == canonical(other)
        if not named and ("$ref" in one or "$ref" in other):
            return self.followed(one, other)
        mine, theirs = (each if named else _known(each) for each in (one, other))
        return mine.keys() == theirs.keys() and all(self.member(key, mine[key], theirs[key]) for key in mine)

    def member(self, key: str, one: Any, other: Any) -> bool:
        if key in _VALUES:
            return canonical(one) == canonical(other)
        return self.equal(one, other, named=self.exact or key in _NAMED)

    def followed(self, one: dict[str, Any], other: dict[str, Any]) -> bool:
        pair = canonical(one), canonical(other)
        if pair in self.pairs:
            return True  # it is being compared, further up
        self.pairs.add(pair)
        mine, theirs = _opened(self.document, one), _opened(self.document_of_other, other)
        if isinstance(mine, dict) and isinstance(theirs, dict) and "$ref" not in mine and "$ref" not in theirs:
            return self.equal(mine, theirs, named=False)
        return self.beside(mine, theirs)

    def beside(self, one: Any, other: Any) -> bool:
        """Compare references that have keywords beside them: both have to have them."""
        if not (isinstance(one, dict) and isinstance(other, dict) and "$ref" in one and "$ref" in other):
            return canonical(one) == canonical(other)
        targets = self.document.target(one["$ref"]), self.document_of_other.target(other["$ref"])
        mine, theirs = ({key: value for key, value in each.items() if key != "$ref"} for each in (one, other))
        return self.equal(*targets, named=False) and self.equal(mine, theirs, named=False)


def _known(node: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in node.items() if key not in ANNOTATIONS and not key.startswith("x-")}


def _opened(document: Document, node: dict[str, Any]) -> Any:
    return document.follow(node) if set(_known(node)) == {"$ref"} else node


def _enum(one: Shape, other: Shape) -> Iterator[Finding]:
    if "enum" not in other:
        return
    if "enum" not in one:
        yield Finding("enum", "", f"any value, against {_values(other['enum'])}")
        return
    known = set(map(canonical, other["enum"]))
    lost = [each for each in one["enum"] if canonical(each) not in known]
    if lost:
        yield Finding("enum", "", f"{_values(lost)}: not among {_values(other['enum'])}")


def _harm(findings: list[Finding]) -> int:
    return sum(each.level != "compatible" for each in findings)


def _listed(one: Shape, near: list[Shape]) -> bool:
    """Return whether every listed value of the one is a listed value of one of the others, which have nothing else."""
    if "enum" not in one or any(each.keys() != {"type", "enum"} for each in near):
        return False
    return set(map(canonical, one["enum"])) <= {canonical(value) for each in near for value in each["enum"]}


def _bounded(shape: Shape) -> Shape:
    """Return a shape with the bounds that its listed values keep anyway."""
    values = shape.get("enum")
    if not values or shape["type"] not in {"integer", "number", "string"}:
        return shape
    low, high = ("minLength", "maxLength") if shape["type"] == "string" else ("minimum", "maximum")
    sizes = [len(each) if isinstance(each, str) else each for each in values]
    return {**shape, low: min(sizes), high: max(sizes)}


def _range(one: Shape, other: Shape) -> Iterator[Finding]:
    for names, sign in ((("minimum", "exclusiveMinimum"), 1), (("maximum", "exclusiveMaximum"), -1)):
        mine, theirs = _bound(one, names, sign), _bound(other, names, sign)
        if theirs is not None and (mine is None or mine < theirs):
            yield Finding("range", "", f"{_told(one, names)}, against {_told(other, names)}")


def _bound(shape: Shape, names: tuple[str, str], sign: int) -> tuple[float, bool] | None:
    whole = shape["type"] == "integer"
    found = [(shape[names[0]] * sign, False)] if names[0] in shape else []
    if names[1] in shape:
        edge = shape[names[1]] * sign
        found.append((edge + 1, False) if whole and float(edge).is_integer() else (edge, True))
    return max(found, default=None)


def _told(shape: Shape, names: tuple[str, ...]) -> str:
    return ", ".join(f"{name} {shape[name]}" for name in names if name in shape) or f"no {names[0]}"


def _sizes(kind: str, low: str, high: str) -> Callable[[Shape, Shape], Iterator[Finding]]:
    def rule(one: Shape, other: Shape) -> Iterator[Finding]:
        for name, worse in ((low, one.get(low, 0) < other.get(low, 0)), (high, _over(one, other, high))):
            if worse:
                yield Finding(kind, "", f"{_told(one, (name,))}, against {_told(other, (name,))}")

    return rule


def _over(one: Shape, other: Shape, name: str) -> bool:
    return name in other and (name not in one or one[name] > other[name])


def _formats(one: Shape, other: Shape) -> Iterator[Finding]:
    mine = one.get("format", set())
    lost = {each for each in other.get("format", set()) - mine if not any((own, each) in _SIMPLER for own in mine)}
    if lost:
        told = ", ".join(sorted(mine)) or "of any kind"
        yield Finding("format", "", f"format {told}, against {', '.join(sorted(lost))}")


def _patterns(one: Shape, other: Shape) -> Iterator[Finding]:
    mine, lost = one.get("pattern", set()), other.get("pattern", set()) - one.get("pattern", set())
    if lost:
        reason = f"pattern {_values(sorted(mine)) or 'of any kind'}, against {_values(sorted(lost))}"
        yield Finding("pattern", "", reason, "unknown" if mine or "enum" in one else "breaking")


def _multiples(one: Shape, other: Shape) -> Iterator[Finding]:
    mine = {*one.get("multipleOf", ()), *([1] if one["type"] == "integer" else [])}
    for size in sorted(other.get("multipleOf", ())):
        if not any(_divides(size, own) for own in mine):
            yield Finding("multiple", "", f"a multiple of {size}", "unknown" if "enum" in one else "breaking")


def _divides(size: float, own: float) -> bool:
    return own == size or (isinstance(own, int) and isinstance(size, int) and size > 0 and own % size == 0)


def _unique(one: Shape, other: Shape) -> Iterator[Finding]:
    if other.get("uniqueItems") and not one.get("uniqueItems") and one.get("maxItems", 2) > 1:
        yield Finding("unique", "", "its items are to differ from each other")


def _integer(one: Shape, other: Shape) -> Iterator[Finding]:
    if (one["type"], other["type"]) == ("number", "integer") and not _whole(one):
        yield Finding("type", "", "number: not among integer")


def _whole(shape: Shape) -> bool:
    return "enum" in shape and all(float(each).is_integer() for each in shape["enum"])


def _types(found: list[Shape]) -> str:
    return ", ".join(dict.fromkeys(each["type"] for each in found))


def _values(values: list[Any]) -> str:
    told = [json.dumps(each, ensure_ascii=False) for each in values[:5]]
    return ", ".join([*told, *(["…"] if len(values) > 5 else [])])


_RULES = (
    _integer,
    _range,
    _sizes("length", "minLength", "maxLength"),
    _sizes("items-count", "minItems", "maxItems"),
    _sizes("properties-count", "minProperties", "maxProperties"),
    _formats,
    _patterns,
    _multiples,
    _unique,
)

"""Annotations: the schemas of a document as types of Python, of the kind that msgspec reads and writes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from arlen_openapi.clients import binary
from arlen_openapi.names import KEYWORDS, Names, literal, pascal, snake

if TYPE_CHECKING:
    from collections.abc import Iterable

    from arlen_openapi.references import Document

__all__ = ["Annotations", "Field", "Hint", "Model"]

_PREFIX = "#/components/schemas/"
_NAMES = frozenset({
    "Any", "Literal", "Struct", "UNSET", "UUID", "UnsetType", "bool", "bytes", "date", "datetime", "dict", "float",
    "int", "list", "msgspec", "self", "str", "time", "timedelta", "tuple",
})  # fmt: skip
_FORMATS = {
    "date-time": "datetime",
    "date": "date",
    "time": "time",
    "duration": "timedelta",
    "uuid": "UUID",
    "byte": "bytes",
}


class Hint(Struct, frozen=True):
    """A type: how it is written, and of which kinds of JSON its values are."""

    text: str
    kinds: frozenset[str]
    values: tuple[Any, ...] = ()
    tag: tuple[str, str] | None = None


class Field(Struct, frozen=True):
    """One field of a model; `default` is the text of an expression, empty for what has to be there."""

    name: str
    wire: str
    type: str
    default: str
    about: Any = None


class Model(Struct, frozen=True):
    """One Struct; the tag is a field that all of its values have in common, and its value."""

    name: str
    fields: tuple[Field, ...]
    tag: tuple[str, str] | None
    about: Any = None


_ANY = Hint("Any", frozenset({"any"}))
_PLAIN = {
    "null": Hint("None", frozenset({"null"})),
    "boolean": Hint("bool", frozenset({"boolean"})),
    "integer": Hint("int", frozenset({"integer"})),
    "number": Hint("float", frozenset({"number"})),
    "string": Hint("str", frozenset({"string"})),
    "array": Hint("list[Any]", frozenset({"array"})),
    "object": Hint("dict[str, Any]", frozenset({"object"})),
}


class Annotations:
    """Collects the models and the other names that types need.

    Args:
        document: whose components are given names.
        reserved: names that are taken.

    Attributes:
        models: the Structs, in the order of their names' first use.
        aliases: what other components are, after those that they use.
    """

    def __init__(self, document: Document, reserved: frozenset[str]) -> None:
        self._document, self._names = document, Names(reserved | _NAMES, KEYWORDS)
        self._classes = {name: self._names.take(pascal(name)) for name in sorted(document.components("schemas"))}
        self._known: dict[str, Hint] = {}
        self.models: list[Model] = []
        self.aliases: dict[str, Hint] = {}
        for name in self._classes:
            self._component(name)

    def hint(self, schema: Any, context: str) -> Hint:
        """Return the type of a schema.

        Args:
            schema: an object, or a boolean.
            context: what a model is called after that has no name of its own.
        """
        if not isinstance(schema, dict):
            return _ANY
        if isinstance(schema.get("$ref"), str):
            return self._reference(schema["$ref"], context)
        for keyword in ("oneOf", "anyOf"):
            if keyword in schema:
                return _union(self.hint(each, context) for each in schema[keyword])
        if "allOf" in schema:
            return self._all(schema, context)
        if "const" in schema or "enum" in schema:
            return _listed([schema["const"]] if "const" in schema else schema["enum"])
        return self._typed(schema, context)

    def _typed(self, schema: dict[str, Any], context: str) -> Hint:
        kinds = schema.get("type", "object" if "properties" in schema else [])
        if isinstance(kinds, list):
            return _union(self.hint({**schema, "type": each}, context) for each in kinds) if kinds else _bare(schema)
        if kinds == "string":
            return _string(schema)
        if kinds == "array":
            return self._array(schema, context)
        if kinds == "object":
            return self._object(schema, context)
        return _PLAIN.get(kinds, _ANY)

    def _reference(self, reference: str, context: str) -> Hint:
        name = reference.removeprefix(_PREFIX)
        if reference.startswith(_PREFIX) and name in self._classes:
            return self._component(name)
        return self.hint(self._document.target(reference), context) if reference not in self._known else _ANY

    def _component(self, name: str) -> Hint:
        if name in self._known:
            return self._known[name]
        schema, own = self._document.components("schemas")[name], self._classes[name]
        if fields := self._properties(schema):
            self._known[name] = Hint(own, frozenset({"object"}), tag=_tag(fields))
            self._model(own, fields, schema)
            return self._known[name]
        self._known[name] = _ANY  # while it is looked at: an alias cannot hold itself
        found = self.hint(schema, own)
        self.aliases[own] = found
        self._known[name] = Hint(own, found.kinds, found.values, found.tag)
        return self._known[name]

    def _properties(self, schema: Any) -> dict[str, Any]:
        """Return the merged schema of an object that has named properties; nothing when it is something else."""
        if not isinstance(schema, dict) or schema.keys() & {"oneOf", "anyOf", "enum", "const"}:
            return {}
        parts = [schema, *(self._document.follow(each) for each in schema.get("allOf", []))]
        if any(not isinstance(each, dict) or each.get("type", "object") != "object" for each in parts):
            return {}
        if any(part.keys() & {"oneOf", "anyOf"} or ("allOf" in part and part is not schema) for part in parts):
            return {}
        properties = {name: each for part in parts for name, each in part.get("properties", {}).items()}
        if not all(map(_writable, properties)):
            return {}
        required = {name for part in parts for name in part.get("required", [])}
        return {"properties": properties, "required": required} if properties else {}

    def _all(self, schema: dict[str, Any], context: str) -> Hint:
        if len(schema["allOf"]) == 1 and not schema.get("properties"):
            return self.hint(schema["allOf"][0], context)
        return self._object(schema, context) if self._properties(schema) else _ANY

    def _array(self, schema: dict[str, Any], context: str) -> Hint:
        places = schema.get("prefixItems", [])
        if schema.get("items") is False and schema.get("minItems") == len(places):
            parts = ", ".join(self.hint(each, f"{context}Item").text for each in places)
            return Hint(f"tuple[{parts or '()'}]", frozenset({"array"}))
        item = _ANY if "prefixItems" in schema else self.hint(schema.get("items", {}), f"{context}Item")
        return Hint(f"list[{item.text}]", frozenset({"array"}))

    def _object(self, schema: dict[str, Any], context: str) -> Hint:
        if fields := self._properties(schema):
            name = self._names.take(pascal(context))
            self._model(name, fields, schema)
            return Hint(name, frozenset({"object"}), tag=_tag(fields))
        rest = schema.get("additionalProperties", True)
        value = self.hint(rest, f"{context}Value") if isinstance(rest, dict) else _ANY
        return Hint(f"dict[str, {value.text}]", frozenset({"object"}))

    def _model(self, name: str, schema: dict[str, Any], node: dict[str, Any]) -> None:
        at, names, tag = len(self.models), Names(_NAMES, KEYWORDS), _tag(schema)
        fields = [
            self._field(names.take(snake(wire, "field")), wire, each, name, required=wire in schema["required"])
            for wire, each in schema["properties"].items()
            if tag is None or wire != tag[0]
        ]
        self.models.insert(at, Model(name, tuple(fields), tag, node.get("description")))

    def _field(self, name: str, wire: str, schema: Any, owner: str, *, required: bool) -> Field:
        found = self.hint(schema, f"{owner}{pascal(wire, 'Field')}")
        about = schema.get("description") if isinstance(schema, dict) else None
        if required:
            return Field(name, wire, found.text, "", about)
        default = _default(schema, found)
        unset = found is _ANY or default != "UNSET"
        return Field(name, wire, found.text if unset else f"{found.text} | UnsetType", default, about)


def _tag(schema: dict[str, Any]) -> tuple[str, str] | None:
    """Return the first required property that has one value alone, a string: it tells models from each other."""
    for name, each in schema["properties"].items():
        if name in schema["required"] and isinstance(each, dict):
            values = [each["const"]] if "const" in each else each.get("enum", [])
            if len(values) == 1 and isinstance(values[0], str) and _writable(values[0]):
                return name, values[0]
    return None


def _default(schema: Any, hint: Hint) -> str:
    missing = object()
    value = schema.get("default", missing) if isinstance(schema, dict) else missing
    if isinstance(value, bool | int | float | str) or value is None:
        allowed = value in hint.values if hint.values else _kind(value) in hint.kinds and hint.text in _OPEN
        return literal(value) if allowed or (value is None and "null" in hint.kinds) else "UNSET"
    return "UNSET"


def _kind(value: Any) -> str:
    names = {bool: "boolean", int: "integer", float: "number", str: "string"}
    return names.get(type(value), "null")


_OPEN = {f"{plain}{rest}" for plain in ("bool", "int", "float", "str") for rest in ("", " | None")}


def _string(schema: dict[str, Any]) -> Hint:
    kind = frozenset({"string"})
    if binary(schema):
        return Hint("Upload", kind)
    if schema.get("contentEncoding") == "base64":
        return Hint("bytes", kind)
    return Hint(_FORMATS.get(str(schema.get("format")), "str"), kind)


def _bare(schema: dict[str, Any]) -> Hint:
    return Hint("Upload", frozenset({"string"})) if binary(schema) else _ANY


def _listed(values: list[Any]) -> Hint:
    if values and all(map(_literal, values)):
        ordered = tuple(sorted(dict.fromkeys(values), key=lambda each: (each is not None, str(type(each)), each or 0)))
        return Hint(f"Literal[{', '.join(map(literal, ordered))}]", frozenset(map(_kind, ordered)), ordered)
    return _union(_PLAIN[_kind(each)] if isinstance(each, bool | int | float | str) else _ANY for each in values)


def _literal(value: Any) -> bool:
    """Return whether msgspec takes it in a `Literal`."""
    if isinstance(value, str):
        return _writable(value)
    return value is None or (isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63)


def _writable(text: str) -> bool:
    """Return whether msgspec takes it as the name of a field: no quote, no backslash, nothing that is no text."""
    return not re.search(r'[\\"\x00-\x1f\ud800-\udfff]', text)


def _union(found: Iterable[Hint]) -> Hint:
    hints = list({each.text: each for each in found}.values())
    if not hints or any("any" in each.kinds for each in hints):
        return _ANY
    for kind in ("string", "integer", "array", "object"):
        hints = _apart(hints, kind)
    hints.sort(key=lambda each: each.text == "None")
    kinds = frozenset(kind for each in hints for kind in each.kinds)
    tag = hints[0].tag if len(hints) == 1 else None
    return Hint(" | ".join(dict.fromkeys(each.text for each in hints)), kinds, _values(hints), tag)


def _values(hints: list[Hint]) -> tuple[Any, ...]:
    rest = [each for each in hints if each.text != "None"]
    return rest[0].values if len(rest) == 1 else ()


def _apart(hints: list[Hint], kind: str) -> list[Hint]:
    """Return the hints with at most one of a kind: msgspec could not tell them apart, unless they have tags."""
    alike = [each for each in hints if kind in each.kinds]
    tags = {each.tag for each in alike}
    told = None not in tags and len(tags) == len(alike) and len({tag[0] for tag in tags if tag}) == 1
    if len(alike) < 2 or (told and kind == "object"):
        return hints
    if all(each.values for each in alike):
        merged = _listed([value for each in alike for value in each.values])
    else:
        kinds = {each for hint in alike for each in hint.kinds}
        merged = _ANY if len(kinds) > 1 else _PLAIN[kind]
    return [merged if each is alike[0] else each for each in hints if each is alike[0] or each not in alike]

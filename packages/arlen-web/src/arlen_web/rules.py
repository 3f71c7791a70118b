"""Rules: what a Struct says about its fields, as a browser understands it."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import msgspec
from msgspec import Struct, field
from msgspec import inspect as types

from arlen_core.uploads import Upload
from arlen_core.vault import Secret

__all__ = ["Rule", "empty", "rules"]

_SIMPLE: dict[type, str] = {
    types.BoolType: "checkbox",
    types.DateType: "date",
    types.DateTimeType: "datetime-local",
    types.TimeType: "time",
}
_NUMBERS = (types.IntType, types.FloatType, types.DecimalType)
_LISTS = (types.ListType, types.SetType, types.FrozenSetType, types.VarTupleType)


class Rule(Struct, frozen=True):
    """One field.

    Attributes:
        type: of the input: "text", "number", "date", "checkbox", "file", ...
        attributes: `required`, `min`, `max`, `step`, `minlength`, `maxlength`.
        options: `(value, label)` of what may be chosen, for an Enum or a Literal.
        multiple: several values may be given.
        title, help: of the field's `Meta(title=..., description=...)`.
        ticked: a check box that is true when nothing is sent.
    """

    type: str = "text"
    attributes: dict[str, Any] = field(default_factory=dict)
    options: tuple[tuple[str, str], ...] = ()
    multiple: bool = False
    title: str = ""
    help: str = ""
    ticked: bool = False


@lru_cache(512)
def rules(kind: Any) -> dict[str, Rule]:
    """Return the rule of each field of a Struct, dataclass or TypedDict, by its name in the form.

    >>> class Note(Struct):
    ...     title: str
    ...     stars: int
    >>> rules(Note)["title"].type, rules(Note)["stars"].type, rules(Note)["stars"].attributes
    ('text', 'number', {'required': True})
    """
    found = types.type_info(kind)
    return {each.encode_name: _rule(each) for each in getattr(found, "fields", ())}


def _rule(each: types.Field) -> Rule:
    kind, schema = _bare(each.type)
    multiple = isinstance(kind, _LISTS)
    if multiple:
        kind, _ = _bare(kind.item_type)  # type: ignore[attr-defined]
    shape = _type(kind, each.encode_name)
    limits = {name: value for name, value in _limits(kind).items() if value is not None}
    if _needed(each, kind) and not multiple and shape != "checkbox":
        limits["required"] = True
    words = schema.get("title", ""), schema.get("description", "")
    return Rule(shape, limits, _options(kind), multiple, *words, ticked=each.default is True)


def _bare(kind: types.Type) -> tuple[types.Type, dict[str, Any]]:
    """Take off what only describes, and the `None` of an optional field."""
    schema: dict[str, Any] = {}
    while True:
        if isinstance(kind, types.Metadata):
            schema = {**(kind.extra_json_schema or {}), **schema}
            kind = kind.type
        elif isinstance(kind, types.UnionType) and len(left := _some(kind)) == 1:
            kind = left[0]
        else:
            return kind, schema


def _some(kind: types.UnionType) -> list[types.Type]:
    return [each for each in kind.types if not isinstance(each, types.NoneType)]


def _type(kind: types.Type, name: str) -> str:
    if isinstance(kind, types.CustomType):
        return {Upload: "file", Secret: "password"}.get(kind.cls, "text")
    if isinstance(kind, _NUMBERS):
        return "number"
    last = name.lower().rpartition("_")[2]
    if isinstance(kind, types.StrType) and last in {"email", "password"}:
        return last
    return _SIMPLE.get(type(kind), "text")


def _limits(kind: types.Type) -> dict[str, Any]:
    if isinstance(kind, types.StrType):
        return {"minlength": kind.min_length, "maxlength": kind.max_length}
    if isinstance(kind, types.IntType):
        above, below = (None if each is None else each + by for each, by in ((kind.gt, 1), (kind.lt, -1)))
        return {"min": _first(kind.ge, above), "max": _first(kind.le, below), "step": kind.multiple_of}
    if isinstance(kind, types.FloatType):
        limits = {"min": _first(kind.ge, kind.gt), "max": _first(kind.le, kind.lt)}
        return limits | {"step": kind.multiple_of or "any"}
    return {"step": "any"} if isinstance(kind, types.DecimalType) else {}


def _first(*values: float | None) -> float | None:
    return next((each for each in values if each is not None), None)


def _needed(each: types.Field, kind: types.Type) -> bool:
    if not each.required or _optional(each.type):
        return False
    # an empty text is a text, unless the type says otherwise
    return not isinstance(kind, types.StrType) or bool(kind.min_length)


def _optional(kind: types.Type) -> bool:
    if isinstance(kind, types.Metadata):
        return _optional(kind.type)
    return isinstance(kind, types.UnionType) and len(_some(kind)) < len(kind.types)


def _options(kind: types.Type) -> tuple[tuple[str, str], ...]:
    if isinstance(kind, types.EnumType):
        return tuple((str(each.value), each.name.replace("_", " ").capitalize()) for each in kind.cls)
    if isinstance(kind, types.LiteralType):
        return tuple((str(each), str(each).replace("_", " ").capitalize()) for each in kind.values)
    return ()


def empty(kind: Any) -> dict[str, Any]:
    """Return the defaults of a Struct's fields, by their names in the form."""
    made: dict[str, Any] = {}
    for each in getattr(types.type_info(kind), "fields", ()):
        if each.default is not msgspec.NODEFAULT:
            made[each.encode_name] = each.default
        elif each.default_factory is not msgspec.NODEFAULT:
            made[each.encode_name] = each.default_factory()
    return made

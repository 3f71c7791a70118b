"""Schemas: types as JSON Schema 2020-12, with everything that has a name as a component."""

from __future__ import annotations

from math import isfinite
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin

import msgspec

from arlen_core.errors import StartupError
from arlen_core.uploads import Upload
from arlen_openapi.components import components
from arlen_openapi.dialects import ecma
from arlen_openapi.docstrings import attributes, prose

__all__ = ["BINARY", "Schemas", "present"]

BINARY: dict[str, Any] = {"type": "string", "format": "binary"}
"""The schema of a file in a form, and of a body that may be anything."""

_TYPES: dict[type, str] = {str: "string", int: "integer", float: "number", bool: "boolean"}

_DECIMAL = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})?$"
"""What text is a number: no NaN, no infinity, and no power of ten that fills the memory."""


class Schemas:
    """Gathers the types of one document, so that each is described once, under a name that no other has.

    A type keeps its own name unless another one of that name is there: then both are called by module and name.

    >>> class Note(msgspec.Struct):
    ...     title: str
    >>> schemas = Schemas()
    >>> found = schemas.of(list[Note])
    >>> list(schemas.settle()), found
    (['Note'], {'items': {'$ref': '#/components/schemas/Note'}, 'type': 'array'})
    """

    def __init__(self) -> None:
        self._wanted: list[tuple[Any, dict[str, Any]]] = []

    def of(self, kind: Any) -> dict[str, Any]:
        """Return the schema of a type: a dict that `settle` fills. A type that JSON cannot say has an empty one."""
        found: dict[str, Any] = {}
        if _known(kind):
            self._wanted.append((kind, found))
        return found

    def settle(self) -> dict[str, dict[str, Any]]:
        """Fill the schemas that were asked for and return the components, sorted by name."""
        kinds = [kind for kind, _ in self._wanted]
        try:
            made, named = components(kinds, _hook)
        except KeyError as error:
            reason = f"two types are called alike in the same module: {error.args[0]!r}"
            raise StartupError(reason, fix="rename one of them", code="openapi_names") from None
        for (_, found), schema in zip(self._wanted, made, strict=True):
            found.update(_tidy(schema))
        return {name: _tidy(named[name]) for name in sorted(named)}


def present(kind: Any) -> Any:
    """Return a type without `None`: what text in a query, a form or a header can be.

    >>> present(int | None), present(int)
    (<class 'int'>, <class 'int'>)
    """
    if get_origin(kind) is Annotated:
        inner, *words = get_args(kind)
        return Annotated[(present(inner), *words)]
    if get_origin(kind) not in {Union, UnionType}:
        return kind
    left = tuple(each for each in get_args(kind) if each is not NoneType)
    return Union[left]  # noqa: UP007  # of a tuple


def _known(kind: Any) -> bool:
    try:
        components([kind], _hook)
    except (TypeError, NotImplementedError, KeyError):
        return False
    return True


def _hook(kind: type) -> dict[str, Any]:
    return dict(BINARY) if kind is Upload else {}


def _tidy(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema with sorted keywords, the words of its docstring in place, and no empty `required`."""
    text = schema.get("description", "")
    schema = _repaired(_plain(schema) if "default" in schema else schema)
    made = {key: _inner(key, value) for key, value in sorted(schema.items()) if value != [] or key != "required"}
    if text:
        made["description"] = prose(text)
        for name, words in attributes(text).items():
            if name in made.get("properties", {}):
                made["properties"][name].setdefault("description", words)
        if not made["description"]:
            del made["description"]
    return made


def _repaired(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema with what msgspec leaves out, and without what only Python understands."""
    made = dict(schema)
    if made.get("format") == "decimal":
        made["pattern"] = _DECIMAL
    elif "pattern" in made and (said := ecma(made.pop("pattern"))) is not None:
        made["pattern"] = said
    if not all(isinstance(each, str) for each in made.get("discriminator", {}).get("mapping", {})):
        del made["discriminator"]  # it knows texts alone
    if "enum" in made and (word := _typed(made["enum"])):
        made["type"] = word
    return made


def _plain(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema with its default as JSON has it: no tuples, and no infinity, which JSON cannot say."""
    default = schema["default"]
    if isinstance(default, float) and not isfinite(default):
        return {key: value for key, value in schema.items() if key != "default"}
    return {**schema, "default": msgspec.json.decode(msgspec.json.encode(default))}


def _inner(key: str, value: Any) -> Any:
    if key in {"properties", "$defs"}:
        return {name: _tidy(each) for name, each in value.items()}
    if key in {"items", "additionalProperties", "propertyNames", "not"} and isinstance(value, dict):
        return _tidy(value)
    if key in {"anyOf", "oneOf", "allOf", "prefixItems"}:
        return [_tidy(each) for each in value]
    return value


def _typed(choices: list[Any]) -> str:
    """Return the JSON type that all choices have, or ""."""
    words = {_TYPES.get(type(each), "") for each in choices}
    return words.pop() if len(words) == 1 else ""

"""Components: the schemas of types as msgspec has them, each component under a name that OpenAPI can have."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import msgspec

__all__ = ["components"]

_TEMPLATE = "#/components/schemas/{name}"

_Made = tuple[tuple[dict[str, Any], ...], dict[str, Any]]
_Hook = Callable[[type], dict[str, Any]]


def components(kinds: list[Any], hook: _Hook) -> _Made:
    """Return the schemas of types, and the components that they refer to by name.

    A letter outside of ASCII is written as its number, so that two names never become one.

    Args:
        kinds: the types.
        hook: gives the schema of a type that msgspec does not know.

    Raises `KeyError` for two types that cannot be told apart by module and name, and `TypeError` or
    `NotImplementedError` for a type that JSON cannot say.

    >>> kind = msgspec.defstruct("Größe", [("cm", int)])
    >>> list(components([kind], lambda _: {})[1])
    ['Gr_f6__df_e']
    """
    try:
        made = _schemas(kinds, hook)
    except KeyError:
        pass
    else:
        if all(str(each.get("title", "")).isascii() for each in made[1].values()):
            return made
    with _renamed(kinds) as known:
        found, named = _schemas(kinds, hook)
    return found, {name: _titled(each, known) for name, each in named.items()}


def _schemas(kinds: list[Any], hook: _Hook) -> _Made:
    return msgspec.json.schema_components(kinds, schema_hook=hook, ref_template=_TEMPLATE)


@contextmanager
def _renamed(kinds: list[Any]) -> Iterator[dict[str, str]]:
    """Give types names of ASCII, and generic types with arguments a qualified name, for as long as msgspec reads them.

    It yields the names of classes by what they are meanwhile.
    """
    classes = _classes(kinds)
    before = [(each, each.__name__, each.__qualname__) for each in classes if isinstance(each, type)]
    aliases = [each for each in classes if hasattr(each, "__origin__")]
    try:
        for kind, name, qualified in before:
            _name(kind, _ascii(name), _ascii(qualified))
        for each in aliases:  # msgspec calls Page[a.Item] and Page[b.Item] by the qualified name that both have
            each.__qualname__ = repr(each).removeprefix(f"{each.__module__}.")
        yield {_ascii(name): name for _, name, _ in before if not name.isascii()}
    finally:
        for each in aliases:
            each.__dict__.pop("__qualname__", None)
        for kind, name, qualified in before:
            _name(kind, name, qualified)


def _name(kind: type, name: str, qualified: str) -> None:
    if (kind.__name__, kind.__qualname__) != (name, qualified):
        kind.__name__, kind.__qualname__ = name, qualified


def _ascii(name: str) -> str:
    return re.sub(r"[^\x00-\x7f]", lambda found: f"_{ord(found[0]):x}_", name)


def _titled(schema: dict[str, Any], known: dict[str, str]) -> dict[str, Any]:
    """Return a component with the title that it should have, and without the docstring that a data class is given."""
    for meanwhile, name in known.items():
        if meanwhile in schema.get("title", ""):
            schema = {**schema, "title": schema["title"].replace(meanwhile, name)}
        if schema.get("description", "").startswith(f"{name}("):
            schema = {key: value for key, value in schema.items() if key != "description"}
    return schema


def _classes(kinds: list[Any]) -> list[Any]:
    """Return the types with names that these types hold, and the generic types of those with arguments."""
    found: dict[int, Any] = {}
    left: list[Any] = list(msgspec.inspect.multi_type_info(kinds))
    while left:
        each = left.pop()
        if id(each) not in found and isinstance(each, msgspec.inspect.Type | msgspec.inspect.Field):
            found[id(each)] = each
            for value in msgspec.structs.astuple(each):
                left += value if isinstance(value, tuple) else [value]
    classes = {id(one): one for each in found.values() if (one := getattr(each, "cls", None)) is not None}
    origins = {id(one): one for each in classes.values() if (one := getattr(each, "__origin__", None)) is not None}
    return list({**classes, **origins}.values())

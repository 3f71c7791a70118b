"""Templates: a route's pattern as an OpenAPI path, and the schema of each of its placeholders."""

from __future__ import annotations

import re
from enum import Enum
from typing import TYPE_CHECKING, Any, Literal, get_origin

from arlen_core.paths import quoted
from arlen_core.placeholders import PATH, TEXT, lookup
from arlen_openapi.dialects import ecma

if TYPE_CHECKING:
    from arlen_core.patterns import Pattern, Placeholder
    from arlen_core.placeholders import Kind
    from arlen_openapi.schemas import Schemas

__all__ = ["blank", "narrow", "path", "segment"]

_name = re.compile(r"\{[^}]*\}")
_BRACES = str.maketrans({"{": "%7B", "}": "%7D"})
_TYPED = frozenset(lookup(each) for each in ("int", "float", "uuid", "date"))


def path(pattern: Pattern, prefix: str = "") -> str:
    """Return the path of a pattern below a prefix, as OpenAPI writes it.

    >>> from arlen_core.grammar import parse
    >>> path(parse("/notes/{id:int}/{name}.{ext}"), "/api")
    '/api/notes/{id}/{name}.{ext}'
    """
    parts = ["".join(map(_part, segment.parts)) for segment in pattern.segments]
    return quoted(prefix, slash=True) + "/" + "/".join(parts)


def blank(found: str) -> str:
    """Return a path without the names in it: two paths that differ in names only are the same for OpenAPI.

    >>> blank("/notes/{id}") == blank("/notes/{number}")
    True
    """
    return _name.sub("{}", found)


def narrow(kind: Kind) -> bool:
    """Say whether a placeholder of that type leaves some text unmatched, for which its route answers 404."""
    return kind is not TEXT and kind is not PATH


def segment(placeholder: Placeholder, taken: Any, schemas: Schemas) -> dict[str, Any]:
    """Return the schema of a placeholder.

    Args:
        placeholder: of the template, with the type that it has when the handler has been read.
        taken: the type of the handler's parameter, or `None` when it takes none of that name.
        schemas: of the document.
    """
    kind = placeholder.kind
    if not narrow(kind):
        return {"type": "string", "minLength": 1} if taken in {None, str} else schemas.of(taken)
    if kind not in _TYPED and not _choice(kind.type):
        said = ecma(f"^(?:{kind.pattern})$")
        return {"type": "string"} | ({} if said is None else {"pattern": said})
    found = schemas.of(kind.type if taken is None else taken)
    if kind.type is int:
        found["format"] = "int64"
    return found


def _choice(kind: Any) -> bool:
    return get_origin(kind) is Literal or (isinstance(kind, type) and issubclass(kind, Enum))


def _part(part: str | Placeholder) -> str:
    return quoted(part).translate(_BRACES) if isinstance(part, str) else "{" + part.name + "}"

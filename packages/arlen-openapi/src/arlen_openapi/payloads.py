"""Payloads: what a plan reads from the body, as an OpenAPI request body."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, get_args

from arlen_core.bodies import Body
from arlen_core.convert import multiple, scalar
from arlen_core.forms import Form, FormLimits
from arlen_core.uploads import Upload
from arlen_core.validation import fields, strip
from arlen_openapi.schemas import BINARY, present

if TYPE_CHECKING:
    from collections.abc import Iterable

    from arlen_core.binding import Parameter
    from arlen_openapi.schemas import Schemas

__all__ = ["READERS", "limits", "payload"]

JSON, URLENCODED, MULTIPART = "application/json", "application/x-www-form-urlencoded", "multipart/form-data"

READERS = frozenset({"request", "context", "body"})
"""Sources of parameters by which a handler may read the body itself."""


def payload(taken: Iterable[Parameter], told: Any, schemas: Schemas, forms: FormLimits) -> dict[str, Any] | None:
    """Return the request body of an operation, or `None`.

    Args:
        taken: the handler's parameters.
        told: the route option `body`, for a handler that reads the body itself: a type, or types by media type.
        schemas: of the document.
        forms: the limits of forms.
    """
    if told is not None:
        contents = told if isinstance(told, Mapping) else _usual(told)
        return {
            "content": {name: _content(name, kind, schemas, forms) for name, kind in contents.items()},
            "required": True,
        }
    found = next((each for each in taken if each.source == "body"), None)
    if found is None:
        return None
    if strip(found.kind) is Body:  # a handler may well take none, so it is not required
        return {"content": {"*/*": {"schema": dict(BINARY)}}, "required": False}
    if strip(found.kind) is Form:
        content = {name: {"schema": {"type": "object"}} for name in (URLENCODED, MULTIPART)}
        return {"content": content, "required": True}
    content = {name: _content(name, kind, schemas, forms) for name, kind in _usual(found.kind).items()}
    return {"content": content, "required": found.required}


def limits(size: int | None, forms: FormLimits, media: Iterable[str]) -> str:
    """Return the sentences that tell how large a body may be.

    >>> limits(1000, FormLimits(), ["application/json"])
    'At most 1,000 bytes.'
    """
    words = [f"At most {size:,} bytes."] if size is not None else []
    if {URLENCODED, MULTIPART} & set(media):
        words.append(f"A form has at most {forms.fields:,} fields of {forms.field_size:,} bytes.")
    if MULTIPART in media:
        words.append(f"It has at most {forms.files} files of {forms.file_size:,} bytes.")
    return " ".join(words)


def _usual(kind: Any) -> dict[str, Any]:
    """Return the media types that are taken for a type: JSON, and forms for a record whose fields are text or files."""
    known = fields(strip(kind))
    if known is None:
        return {JSON: kind}
    if any(_file(inner) for _, inner, _ in known):
        return {MULTIPART: kind}
    flat = all(_flat(inner) for _, inner, required in known if required)
    return {JSON: kind} | ({URLENCODED: kind, MULTIPART: kind} if flat else {})


def _content(media: str, kind: Any, schemas: Schemas, forms: FormLimits) -> dict[str, Any]:
    if media in {URLENCODED, MULTIPART} and fields(strip(kind)) is not None:
        return {"schema": _form(media, strip(kind), schemas, forms)}
    return {} if kind is bytes else {"schema": schemas.of(kind)}


def _form(media: str, kind: Any, schemas: Schemas, forms: FormLimits) -> dict[str, Any]:
    """Return the schema of a record as a form: unknown fields are left out, and a check box may be absent."""
    rows = [row for row in fields(kind) or () if _flat(row[1]) or (media == MULTIPART and _file(row[1]))]
    required = [name for name, inner, needed in rows if needed and strip(inner) is not bool]
    made: dict[str, Any] = {"type": "object", "propertyNames": {"minLength": 1, "maxLength": forms.name_length}}
    made["properties"] = {name: schemas.of(present(inner)) for name, inner, _ in rows}
    return made | ({"required": required} if required else {})


def _flat(kind: Any) -> bool:
    return scalar(kind) or multiple(kind) is not None


def _file(kind: Any) -> bool:
    bare = strip(kind)
    return bare is Upload or any(strip(each) is Upload for each in get_args(bare))

"""Contents: request bodies as a client writes them: JSON, forms, files."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from arlen_core.queries import encode

__all__ = ["content", "pairs"]

_NOTHING: Any = object()


def content(
    *,
    json: Any = _NOTHING,
    form: Mapping[str, Any] | Iterable[tuple[str, Any]] | None = None,
    files: Mapping[str, Any] | None = None,
    body: bytes = b"",
) -> tuple[bytes, str]:
    """Return a body and its media type.

    Args:
        json: anything that msgspec encodes, `None` included.
        form: names and values.
        files: field to `(file name, bytes)` or `(file name, bytes, media type)`, or to a list of these; with `form`.
        body: the bytes themselves, of no declared type.

    >>> content(form={"q": "tea time", "tag": ["a", "b"]})
    (b'q=tea+time&tag=a&tag=b', 'application/x-www-form-urlencoded')
    """
    if json is not _NOTHING:
        return msgspec.json.encode(json), "application/json"
    if files is not None:
        return _multipart(pairs(form or {}), files)
    if form is not None:
        return encode(pairs(form)).encode(), "application/x-www-form-urlencoded"
    return body, ""


def pairs(values: Mapping[str, Any] | Iterable[tuple[str, Any]]) -> list[tuple[str, str]]:
    """Return names and values as text: a list gives a pair for each item, `None` none, truths are true and false.

    >>> pairs({"page": 2, "tag": ["a", "b"], "open": True, "q": None})
    [('page', '2'), ('tag', 'a'), ('tag', 'b'), ('open', 'true')]
    """
    rows = values.items() if isinstance(values, Mapping) else values
    flat = ((name, each) for name, value in rows for each in (value if isinstance(value, list | tuple) else [value]))
    return [
        (name, str(each).lower() if isinstance(each, bool) else str(each)) for name, each in flat if each is not None
    ]


def _multipart(fields: list[tuple[str, str]], files: Mapping[str, Any]) -> tuple[bytes, str]:
    boundary = os.urandom(16).hex()
    parts = [f'Content-Disposition: form-data; name="{_named(name)}"\r\n\r\n{value}'.encode() for name, value in fields]
    for name, given in files.items():
        for filename, data, *media in given if isinstance(given, list) else [given]:
            head = f'Content-Disposition: form-data; name="{_named(name)}"; filename="{_named(filename)}"\r\n'
            kind = media[0] if media else "application/octet-stream"
            parts.append(f"{head}Content-Type: {kind}\r\n\r\n".encode() + data)
    body = b"".join(b"--" + boundary.encode() + b"\r\n" + part + b"\r\n" for part in parts)
    return body + b"--" + boundary.encode() + b"--\r\n", f"multipart/form-data; boundary={boundary}"


def _named(name: str) -> str:
    # as browsers do: HTML standard, "multipart/form-data encoding algorithm"
    return name.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")

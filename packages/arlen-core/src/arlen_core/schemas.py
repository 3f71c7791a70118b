"""Schemas: check the values of one section against its type, and say everything that is wrong at once."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from difflib import get_close_matches
from pathlib import Path
from typing import Any, get_args, get_origin

import msgspec

from arlen_core.convert import boolean
from arlen_core.errors import FieldError
from arlen_core.validation import explain, fields, strip
from arlen_core.vault import Secret

__all__ = ["child", "fit", "leaves", "read_secret", "seal", "spell", "unknown"]

SECRET_BYTES = 65536
"""The largest file that a secret is read from."""

_lists = {list, set, frozenset, tuple}


def child(kind: Any, key: str) -> Any | None:
    """Return the type of a key inside a Struct or a `dict[str, ...]`; `None` when there is no such key."""
    bare = strip(kind)
    known = fields(bare)
    if known is not None:
        return next((inner for name, inner, _ in known if name == key), None)
    return get_args(bare)[1] if get_origin(bare) is dict else Any if bare in {dict, Any} else None


def spell(kind: Any, key: str) -> str:
    """Return a variable's word as the type spells it: case and dashes do not matter in variables."""
    names = [name for name, _, _ in fields(strip(kind)) or []]
    return next((name for name in names if name.lower().replace("-", "_") == key), key)


def unknown(data: Any, kind: Any, at: str = "") -> list[FieldError]:
    """Take out every key that the type does not have, and return a row for each, with the nearest name.

    >>> class Server(msgspec.Struct):
    ...     port: int = 8000
    >>> data = {"prot": 1, "port": 2}
    >>> [(row.field, row.message) for row in unknown(data, Server)], data
    ([('prot', "did you mean 'port'?")], {'port': 2})
    """
    bare = strip(kind)
    if get_origin(bare) in _lists and isinstance(data, list):
        return [row for n, item in enumerate(data) for row in unknown(item, get_args(bare)[0], f"{at}[{n}]")]
    if not isinstance(data, dict):
        return []
    rows = []
    for key in list(data):
        path = f"{at}.{key}" if at else key
        inner = child(bare, key)
        if inner is not None:
            rows += unknown(data[key], inner, path)
        elif fields(bare) is not None:
            del data[key]
            rows.append(FieldError(path, "unknown_key", _nearest(key, bare)))
    return rows


def seal(data: Any, kind: Any) -> Any:
    """Return the data with each text that the type calls a `Secret` made one.

    >>> seal({"key": "s3cr3t", "name": "x"}, dict[str, Secret])
    {'key': Secret('********'), 'name': Secret('********')}
    """
    bare = strip(kind)
    if bare is Secret:
        return Secret(data) if isinstance(data, str) else data
    if get_origin(bare) in _lists and isinstance(data, list):
        return [seal(item, get_args(bare)[0]) for item in data]
    if isinstance(data, dict):
        return {key: seal(value, child(bare, key)) for key, value in data.items()}
    return data


def fit(text: str, kind: Any) -> Any:
    """Return what a variable's text means for a type: text where text will do, else a TOML or JSON value.

    >>> fit("8080", int), fit("8080", str), fit("yes", bool), fit('["a", "b"]', list[str])
    (8080, '8080', True, ['a', 'b'])
    """
    found = [text, *_values(text)]
    return next((each for each in found if not explain(seal(each, kind), kind)), found[1] if len(found) > 1 else text)


def read_secret(root: Path, name: str) -> str:
    """Return the text of a secret's file without its last line break; `ValueError` says why not."""
    try:
        data = (root / name).read_bytes()
    except OSError as error:
        raise ValueError(f"names a file that cannot be read: {error.strerror}") from None
    if len(data) > SECRET_BYTES:
        raise ValueError(f"names a file of more than {SECRET_BYTES} bytes")
    text = data.decode(errors="replace").removesuffix("\n").removesuffix("\r")
    if not text or "\ufffd" in text:
        raise ValueError("names a file that is empty or not UTF-8")
    return text


def leaves(value: Any, path: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], Any]]:
    """Return every value inside a settings object with its path."""
    if isinstance(value, msgspec.Struct):
        pairs = [(each.encode_name, getattr(value, each.name)) for each in msgspec.structs.fields(value)]
    elif isinstance(value, dict) and value:
        pairs = [(str(key), inner) for key, inner in value.items()]
    else:
        return [(path, value)]
    return [leaf for key, inner in pairs for leaf in leaves(inner, (*path, key))]


def _nearest(key: str, kind: Any) -> str:
    names = [name for name, _, _ in fields(kind) or []]
    near = get_close_matches(key.lower().replace("-", "_"), names, 1)
    return f"did you mean {near[0]!r}?" if near else f"known here: {', '.join(sorted(names)) or 'nothing'}"


def _values(text: str) -> list[Any]:
    readers: list[Callable[[str], Any]] = [_toml, msgspec.json.decode]
    found = [boolean(text)] if isinstance(boolean(text), bool) and text else []
    for read in readers:
        try:
            found.insert(0 if read is _toml else len(found), read(text))
        except ValueError:  # both say it with a kind of ValueError
            continue
    return found


def _toml(text: str) -> Any:
    table = tomllib.loads(f"value = {text}")
    if set(table) != {"value"}:
        raise ValueError("more than one value")
    return table["value"]

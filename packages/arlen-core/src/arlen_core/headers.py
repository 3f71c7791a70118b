"""Headers: a case-insensitive multi-map over the raw bytes, decoded only when asked."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

__all__ = ["Headers", "Raw"]

Raw = list[tuple[bytes, bytes]]

_keys: dict[str, bytes] = {}  # names that were found to be tokens, in lower case
_MOST, _LONGEST = 512, 64
_token = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+").fullmatch
_value = re.compile(rb"[\t\x20-\x7e\x80-\xff]*").fullmatch


class Headers:
    """Header fields in the order in which they came; names in lower case (RFC 9110 §5).

    Args:
        raw: `(name, value)` pairs in bytes, names in lower case; kept, not copied.

    >>> headers = Headers([(b"accept", b"text/html"), (b"x-tag", b"a"), (b"x-tag", b"b")])
    >>> headers["Accept"], headers.get("missing"), headers.all("X-Tag")
    ('text/html', None, ['a', 'b'])
    """

    __slots__ = ("raw",)

    def __init__(self, raw: Raw | None = None) -> None:
        self.raw: Raw = [] if raw is None else raw

    @classmethod
    def of(cls, fields: Mapping[str, str] | Iterable[tuple[str, str]]) -> Headers:
        """Make checked headers from text; `ValueError` for a name or a value that HTTP forbids."""
        made = cls()
        for name, value in fields.items() if isinstance(fields, Mapping) else fields:
            made.add(name, value)
        return made

    def get(self, name: str, default: str | None = None) -> str | None:
        """Return the first value of `name`, or `default`."""
        key = _keys.get(name) or _key(name)
        for each, value in self.raw:
            if each == key:
                return value.decode("latin-1")
        return default

    def all(self, name: str) -> list[str]:
        """Return every value of `name`, in order."""
        key = _key(name)
        return [value.decode("latin-1") for each, value in self.raw if each == key]

    def add(self, name: str, value: str) -> None:
        """Append a field; `ValueError` when the name is no token, or the value not text in Latin-1 (RFC 9110 §5.5)."""
        self.raw.append(_checked(name, value))

    def set(self, name: str, value: str) -> None:
        """Replace every field of that name by one."""
        key, raw = _keys.get(name), self.raw
        if key is None or not value.isascii() or not value.isprintable():
            key, data = _checked(name, value)
        else:
            data = value.encode()
        for each, _ in raw:
            if each == key:
                raw[:] = [other for other in raw if other[0] != key]
                break
        raw.append((key, data))

    def default(self, name: str, value: str) -> None:
        """Add the field unless there is one of that name."""
        if name not in self:
            self.add(name, value)

    def remove(self, name: str) -> None:
        """Drop every field of that name, if any."""
        key = _key(name)
        self.raw[:] = [each for each in self.raw if each[0] != key]

    def vary(self, name: str) -> None:
        """Add `name` to the Vary list, once (RFC 9110 §12.5.5)."""
        have = [part.strip().lower() for part in ",".join(self.all("vary")).split(",") if part.strip()]
        if "*" not in have and name.lower() not in have:
            self.set("vary", ", ".join([*have, name.lower()]))

    def items(self) -> Iterator[tuple[str, str]]:
        """Yield every field as text, in order."""
        for name, value in self.raw:
            yield name.decode("latin-1"), value.decode("latin-1")

    def __getitem__(self, name: str) -> str:
        value = self.get(name)
        if value is None:
            raise KeyError(name)
        return value

    def __setitem__(self, name: str, value: str) -> None:
        self.set(name, value)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self.get(name) is not None

    def __iter__(self) -> Iterator[str]:
        return (name.decode("latin-1") for name, _ in self.raw)

    def __len__(self) -> int:
        return len(self.raw)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Headers) and self.raw == other.raw

    __hash__ = None  # type: ignore[assignment]  # it can change

    def __repr__(self) -> str:
        # values may be secrets (cookies, tokens): names only
        return f"Headers({sorted({name.decode('latin-1') for name, _ in self.raw})})"


def _checked(name: str, value: str) -> tuple[bytes, bytes]:
    key = _keys.get(name) or _new_key(name)
    try:
        data = value.encode("latin-1")
    except UnicodeEncodeError:
        raise ValueError(f"the value of {name!r} holds a character outside Latin-1; encode it first") from None
    if not _value(data):
        raise ValueError(f"the value of {name!r} holds a control character, such as CR, LF or NUL")
    return key, data


def _new_key(name: str) -> bytes:
    key = _key(name)
    if not _token(key):
        raise ValueError(f"{name!r} is not a header name (a token of RFC 9110 §5.1)")
    if len(_keys) < _MOST and len(name) <= _LONGEST:
        _keys[name] = key
    return key


def _key(name: str) -> bytes:
    # lowered as bytes: some letters outside ASCII would fold into it
    return name.encode("latin-1", "replace").lower()

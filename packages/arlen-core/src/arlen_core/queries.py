"""Queries: the parameters after `?`, and urlencoded forms, as an immutable multi-map."""

from __future__ import annotations

from typing import TYPE_CHECKING, overload
from urllib.parse import quote_plus, unquote_to_bytes

from arlen_core.errors import FieldError, HTTPError, ValidationFailed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

__all__ = ["Query", "decode", "encode"]

_TRUE, _FALSE = frozenset({"1", "true", "on", "yes"}), frozenset({"0", "false", "off", "no", ""})


class Query:
    """Parameters in the order in which they came; a name may have several values. It never changes.

    Args:
        pairs: `(name, value)` pairs of text.

    Attributes:
        first: the first value of every name.

    Iteration, `len` and `in` are over the distinct names; `items` yields every pair.

    >>> query = Query.parse(b"tag=a&tag=b+c&page=2")
    >>> query.get("tag"), query.all("tag"), query.integer("page"), list(query)
    ('a', ['a', 'b c'], 2, ['tag', 'page'])
    """

    __slots__ = ("_pairs", "first")

    def __init__(self, pairs: Iterable[tuple[str, str]] = ()) -> None:
        self._pairs = made = tuple(pairs)
        self.first: dict[str, str] = {}
        for name, value in reversed(made):
            self.first[name] = value

    @classmethod
    def parse(cls, raw: bytes, *, max_fields: int = 1000) -> Query:
        """Parse a query string without its `?`, as the WHATWG URL standard (§5.1) does for urlencoded data.

        Args:
            raw: the bytes as they came.
            max_fields: most parameters.

        Raises `HTTPError` 400: code `too_many_fields`, or `invalid_encoding` when a part is no UTF-8.

        >>> Query.parse(b"q=%C3%A9t%C3%A9&empty").get("q")
        'été'
        """
        return cls(decode(raw, max_fields=max_fields))

    def get(self, name: str, default: str | None = None) -> str | None:
        """Return the first value of `name`, or `default`."""
        return self.first.get(name, default)

    def all(self, name: str) -> list[str]:
        """Return every value of `name`, in order."""
        return [value for each, value in self._pairs if each == name] if name in self.first else []

    @overload
    def integer(self, name: str, default: int, *, low: int | None = None, high: int | None = None) -> int: ...

    @overload
    def integer(
        self, name: str, default: None = None, *, low: int | None = None, high: int | None = None
    ) -> int | None: ...

    def integer(
        self, name: str, default: int | None = None, *, low: int | None = None, high: int | None = None
    ) -> int | None:
        """Return the first value as a whole number, or `default` when it is absent or empty.

        Raises `ValidationFailed` (422) when it is no number of at most 18 digits, or outside `low` to `high`.

        >>> Query.parse(b"page=3").integer("page", 1, low=1)
        3
        """
        text = self.get(name)
        if not text:
            return default
        digits = text.removeprefix("-")
        if not (digits.isascii() and digits.isdigit() and len(digits) <= 18):
            raise _invalid(name, "integer", "must be a whole number")
        number = int(text)
        if (low is not None and number < low) or (high is not None and number > high):
            raise _invalid(name, "range", f"must be {_bounds(low, high)}")
        return number

    def flag(self, name: str, *, default: bool = False) -> bool:
        """Return the first value as a yes or no: `1 true on yes`, or `0 false off no` and the empty text.

        Raises `ValidationFailed` (422) for any other word.

        >>> Query.parse(b"draft=on").flag("draft")
        True
        """
        text = self.get(name)
        if text is None:
            return default
        word = text.lower()
        if word not in _TRUE and word not in _FALSE:
            raise _invalid(name, "boolean", "must be true or false")
        return word in _TRUE

    def replace(self, **changes: str | int | None) -> Query:
        """Return a copy where each name given has that one value; `None` drops it. For paging and sorting links.

        >>> str(Query.parse(b"q=tea&page=2").replace(page=3, q=None))
        'page=3'
        """
        pairs: list[tuple[str, str]] = []
        left = {name: None if value is None else str(value) for name, value in changes.items()}
        for name, value in self._pairs:
            if name not in changes:
                pairs.append((name, value))
            elif (new := left.pop(name, None)) is not None:
                pairs.append((name, new))
        return Query([*pairs, *((name, value) for name, value in left.items() if value is not None)])

    def items(self) -> Iterator[tuple[str, str]]:
        """Yield every pair, in order."""
        return iter(self._pairs)

    def __getitem__(self, name: str) -> str:
        return self.first[name]

    def __contains__(self, name: object) -> bool:
        return name in self.first

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys(name for name, _ in self._pairs))

    def __len__(self) -> int:
        return len(self.first)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Query) and self._pairs == other._pairs

    def __hash__(self) -> int:
        return hash(self._pairs)

    def __str__(self) -> str:
        return encode(self._pairs)

    def __repr__(self) -> str:
        # values may be secrets (tokens in links): names only
        return f"{type(self).__name__}({sorted(self.first)})"


def decode(raw: bytes, *, max_fields: int = 1000) -> list[tuple[str, str]]:
    """Decode `application/x-www-form-urlencoded` bytes to pairs (WHATWG URL §5.1).

    A `%` without two hex digits stays as it is, as in browsers. Bytes that are no UTF-8 are refused: browsers would
    put replacement characters there, and so lose what was sent.

    Raises `HTTPError` 400: code `too_many_fields` or `invalid_encoding`.

    >>> decode(b"a=1&&b=x%20y&c")
    [('a', '1'), ('b', 'x y'), ('c', '')]
    """
    if not raw:
        return []
    if len(raw) > max_fields and raw.count(b"&") > max_fields:  # a flood of separators costs nothing
        raise _too_many(max_fields)
    pairs: list[tuple[str, str]] = []
    try:
        if raw.find(b"%") < 0:
            text = raw.decode()
            for part in (text if text.find("+") < 0 else text.replace("+", " ")).split("&"):
                if part:
                    name, _, value = part.partition("=")
                    pairs.append((name, value))
        else:
            pairs = [_unquote(part) for part in raw.split(b"&") if part]
    except UnicodeDecodeError:
        raise HTTPError(400, "a field is not valid UTF-8", code="invalid_encoding") from None
    if len(pairs) > max_fields:
        raise _too_many(max_fields)
    return pairs


def encode(pairs: Iterable[tuple[str, object]] | Mapping[str, object]) -> str:
    """Encode pairs as `application/x-www-form-urlencoded` text (WHATWG URL §5.2).

    >>> encode({"q": "été & co", "page": 2})
    'q=%C3%A9t%C3%A9+%26+co&page=2'
    """
    rows = pairs if not hasattr(pairs, "items") else pairs.items()
    return "&".join(f"{quote_plus(str(name))}={quote_plus(str(value))}" for name, value in rows)


def _too_many(count: int) -> HTTPError:
    return HTTPError(400, f"there are more than {count} fields", code="too_many_fields")


def _unquote(part: bytes) -> tuple[str, str]:
    name, _, value = part.replace(b"+", b" ").partition(b"=")
    return unquote_to_bytes(name).decode(), unquote_to_bytes(value).decode()


def _bounds(low: int | None, high: int | None) -> str:
    if low is None:
        return f"at most {high}"
    return f"at least {low}" if high is None else f"from {low} to {high}"


def _invalid(name: str, code: str, message: str) -> ValidationFailed:
    return ValidationFailed([FieldError(name, code, message)])

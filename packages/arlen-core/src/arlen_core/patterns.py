"""Patterns: what route templates such as `/users/{id:int}` match, segment by segment."""

from __future__ import annotations

import re
from typing import Any

from msgspec import Struct

from arlen_core.placeholders import PATH, TEXT, Kind, Read
from arlen_core.regexes import LIMIT

__all__ = ["Pattern", "Placeholder", "Segment"]


class Placeholder(Struct, frozen=True):
    """One `{name}` or `{name:type}`; `given` is false when no type was written."""

    name: str
    kind: Kind
    given: bool = False


class Segment(Struct, frozen=True):
    """What stands between two slashes: text and placeholders in turn.

    Attributes:
        parts: in order, adjacent text joined.
        key: equal for segments that match the same; "" for static ones.
        read: takes a decoded segment; gives the values of its placeholders or `None`. Not for static ones.
    """

    parts: tuple[str | Placeholder, ...]
    key: str
    read: Read

    @classmethod
    def of(cls, parts: tuple[str | Placeholder, ...]) -> Segment:
        """Make a segment of its parts."""
        if len(parts) == 1 and isinstance(parts[0], Placeholder):
            return cls(parts, "{" + _key(parts[0]) + "}", parts[0].kind.read)
        if all(isinstance(part, str) for part in parts):
            return cls(parts, "", _nothing)
        key = "".join(_escape(part) if isinstance(part, str) else "{" + _key(part) + "}" for part in parts)
        return cls(parts, key, _mixed(parts))

    @property
    def placeholders(self) -> tuple[Placeholder, ...]:
        """The placeholders, in order."""
        return tuple(part for part in self.parts if isinstance(part, Placeholder))

    @property
    def text(self) -> str:
        """The text of a static segment."""
        return "".join(part for part in self.parts if isinstance(part, str))

    @property
    def rank(self) -> int:
        """0 static, 1 typed, 2 plain, 3 the rest of the path."""
        if not self.key:
            return 0
        if len(self.parts) > 1:
            return 1
        kind = self.placeholders[0].kind
        return 3 if kind is PATH else 2 if kind is TEXT else 1


class Pattern(Struct, frozen=True):
    """A route template, parsed.

    >>> from arlen_core.grammar import parse
    >>> pattern = parse("/users/{id:int}/{file}.{ext}")
    >>> pattern.names, [segment.key for segment in pattern.segments]
    (('id', 'file', 'ext'), ['', '{int}', '{str}.{str}'])
    """

    template: str
    segments: tuple[Segment, ...]

    @property
    def placeholders(self) -> tuple[Placeholder, ...]:
        """All placeholders, from left to right."""
        return tuple(each for segment in self.segments for each in segment.placeholders)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the placeholders, from left to right."""
        return tuple(each.name for each in self.placeholders)

    @property
    def path(self) -> bytes | None:
        """The decoded path of a pattern without placeholders, in UTF-8; `None` of others."""
        if self.placeholders:
            return None
        return "".join("/" + segment.text for segment in self.segments).encode()

    @property
    def shape(self) -> tuple[str, ...]:
        """Equal for patterns that match the same paths, whatever the names of the placeholders."""
        return tuple(segment.key or "=" + segment.text for segment in self.segments)

    @property
    def rank(self) -> tuple[int, int, int, int]:
        """The more specific pattern has the smaller rank: 0 static, 2 with placeholders, 3 with the rest of a path."""
        ranks = [segment.rank for segment in self.segments]
        kind = 3 if 3 in ranks else 2 if any(ranks) else 0
        return (kind, -ranks.count(0), -ranks.count(1), -ranks.count(2))

    def specialise(self, kinds: dict[str, Kind]) -> Pattern:
        """Return the pattern with other types for some of its placeholders."""
        segments = tuple(_typed(segment, kinds) for segment in self.segments)
        return Pattern(self.template, segments)


def _mixed(parts: tuple[str | Placeholder, ...]) -> Read:
    groups = [re.escape(part) if isinstance(part, str) else f"(?P<{part.name}>{part.kind.pattern})" for part in parts]
    match = re.compile("".join(groups), re.ASCII).fullmatch
    readers = [(part.name, part.kind.read) for part in parts if isinstance(part, Placeholder)]

    def read(segment: bytes) -> tuple[Any, ...] | None:
        text = segment.decode()
        found = match(text) if len(text) <= LIMIT else None
        if found is None:
            return None
        values: tuple[Any, ...] = ()
        for name, each in readers:
            value = each(found[name].encode())
            if value is None:
                return None
            values += value
        return values

    return read


def _typed(segment: Segment, kinds: dict[str, Kind]) -> Segment:
    if not any(each.name in kinds for each in segment.placeholders):
        return segment
    parts = tuple(
        Placeholder(part.name, kinds.get(part.name, part.kind), part.given) if isinstance(part, Placeholder) else part
        for part in segment.parts
    )
    return Segment.of(parts)


def _nothing(_: bytes) -> tuple[Any, ...] | None:
    return None


def _key(part: Placeholder) -> str:
    return part.kind.key or part.kind.name


def _escape(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")

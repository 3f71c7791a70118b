"""Patterns: route templates such as `/users/{id:int}`, read into segments."""

from __future__ import annotations

import re
from collections.abc import Iterator
from difflib import get_close_matches
from keyword import iskeyword
from typing import Any

from msgspec import Struct

from arlen_core.errors import StartupError
from arlen_core.placeholders import PATH, TEXT, Kind, Read, known, lookup, matching
from arlen_core.regexes import LIMIT, refusal

__all__ = ["Pattern", "Placeholder", "Segment", "parse"]


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


def parse(template: str) -> Pattern:
    """Read a template.

    A template begins with a slash. `{name}` matches one segment, `{name:type}` one of that type, `{name:regex}` one
    that the regular expression matches as a whole, `{name:path}` the rest of the path. `{{` and `}}` are braces.

    Raises:
        StartupError: naming the template, the position, the reason and the fix.
    """
    return Pattern(template, tuple(_Reader(template).segments()))


class _Reader:
    def __init__(self, template: str) -> None:
        self.template = template
        self.at = 0
        self.names: set[str] = set()

    def fail(self, at: int, reason: str, fix: str) -> StartupError:
        where = f"route {self.template!r}, position {at}"
        return StartupError(f"{where}: {reason}", fix=fix, code="template_invalid")

    def segments(self) -> Iterator[Segment]:
        if not self.template.startswith("/"):
            raise self.fail(0, "a template begins with a slash", f"write {'/' + self.template!r}")
        while self.at < len(self.template):
            start = self.at = self.at + 1
            segment = self.segment()
            self.check(segment, start)
            yield segment
            if segment.rank == 3 and self.at < len(self.template):
                raise self.fail(self.at, "nothing may follow a placeholder of type path", "put it at the end")

    def check(self, segment: Segment, start: int) -> None:
        if segment.key:
            return
        if segment.text in {".", ".."}:
            raise self.fail(start, "dot segments never arrive at a server (RFC 3986 §5.2.4)", "leave it out")
        if not segment.text and self.at < len(self.template):
            raise self.fail(start, "two slashes in a row", "leave one out")

    def segment(self) -> Segment:
        parts: list[str | Placeholder] = []
        while self.at < len(self.template) and self.template[self.at] != "/":
            start = self.at
            part = self.part()
            if isinstance(part, Placeholder):
                if parts and isinstance(parts[-1], Placeholder):
                    raise self.fail(start, "two placeholders touch", "put a character between them")
                parts.append(part)
            elif parts and isinstance(parts[-1], str):
                parts[-1] += part
            else:
                parts.append(part)
        if len(parts) > 1 and any(isinstance(part, Placeholder) and part.kind is PATH for part in parts):
            raise self.fail(self.at, "a placeholder of type path stands alone in its segment", "put a slash before it")
        return _segment(tuple(parts))

    def part(self) -> str | Placeholder:
        two, char = self.template[self.at : self.at + 2], self.template[self.at]
        if two in {"{{", "}}"}:
            self.at += 2
            return char
        if char == "{":
            return self.placeholder()
        if char == "}":
            raise self.fail(self.at, "a closing brace that nothing opened", "write }} for a brace")
        if char in "?#%" or not char.isprintable() or char == "\\":
            raise self.fail(
                self.at, f"{char!r} cannot stand in a template", "templates are decoded paths without query"
            )
        self.at += 1
        return char

    def placeholder(self) -> Placeholder:
        start = self.at
        self.at = self.closing(start) + 1
        name, colon, spec = self.template[start + 1 : self.at - 1].partition(":")
        if not name.isidentifier() or iskeyword(name) or name.startswith("_"):
            raise self.fail(start + 1, f"{name!r} is no name for a parameter", "use letters, digits and underscores")
        if name in self.names:
            raise self.fail(start + 1, f"there are two placeholders called {name!r}", "rename one of them")
        self.names.add(name)
        kind = self.kind(spec, start + len(name) + 2) if colon else TEXT
        return Placeholder(name, kind, bool(colon))

    def closing(self, start: int) -> int:
        depth, at = 0, start
        for token in re.finditer(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|.", self.template[start:], re.DOTALL):
            depth += {"{": 1, "}": -1}.get(token[0], 0)
            at = start + token.start()
            if depth == 0:
                return at
        raise self.fail(start, "a brace that is not closed", "close it, or write {{ for a brace")

    def kind(self, spec: str, at: int) -> Kind:
        kind = lookup(spec)
        if kind is not None:
            return kind
        if not spec or spec.isidentifier():
            near = get_close_matches(spec, known(), 1)
            fix = f"did you mean {near[0]!r}?" if near else f"use one of {', '.join(known())}, or a regular expression"
            raise self.fail(at, f"there is no type of placeholder called {spec!r}", fix)
        if reason := refusal(spec):
            raise self.fail(at, reason, "write a simpler expression, or register a type that checks the rest in Python")
        return Kind(spec, spec, matching(spec), str)


def _segment(parts: tuple[str | Placeholder, ...]) -> Segment:
    if len(parts) == 1 and isinstance(parts[0], Placeholder):
        return Segment(parts, "{" + _key(parts[0]) + "}", parts[0].kind.read)
    if all(isinstance(part, str) for part in parts):
        return Segment(parts, "", _nothing)
    key = "".join(_escape(part) if isinstance(part, str) else "{" + _key(part) + "}" for part in parts)
    return Segment(parts, key, _mixed(parts))


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
    return _segment(parts)


def _nothing(_: bytes) -> tuple[Any, ...] | None:
    return None


def _key(part: Placeholder) -> str:
    return part.kind.key or part.kind.name


def _escape(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")

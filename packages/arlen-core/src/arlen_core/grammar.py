"""Grammar: reads route templates such as `/users/{id:int}` into patterns."""

from __future__ import annotations

import re
from collections.abc import Iterator
from difflib import get_close_matches
from keyword import iskeyword

from arlen_core.errors import StartupError
from arlen_core.patterns import Pattern, Placeholder, Segment
from arlen_core.placeholders import PATH, TEXT, Kind, known, lookup, matching
from arlen_core.regexes import refusal

__all__ = ["parse"]


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
        return Segment.of(tuple(parts))

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

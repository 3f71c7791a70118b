"""Dialects: patterns of Python as ECMA-262 has them, which is what JSON Schema means by a pattern."""

from __future__ import annotations

import re

__all__ = ["ecma"]

_TOKEN = re.compile(
    r"""
      (?P<set> \[ \^? ]? (?: \\. | [^]\\] )* ] )
    | (?P<escape> \\ . )
    | (?P<name> \(\?P< (?P<group> [A-Za-z_]\w* ) > )
    | (?P<again> \(\?P= (?P<of> [A-Za-z_]\w* ) \) )
    | (?P<plain> \(\? (?: [:=!] | <[=!] ) )
    | (?P<other> \(\? )
    | (?P<never> (?: [*+?] | \{ (?: \d+ (?: , \d* )? | , \d* ) } ) \+ )
    | (?P<count> \{ \d+ (?: , \d* )? } )
    | (?P<most> \{ , (?P<times> \d* ) } )
    | (?P<rest> . )
    """,
    re.VERBOSE | re.DOTALL | re.ASCII,
)
_ENDS = {r"\A": "^", r"\Z": "$", r"\z": "$"}
_SYNTAX = r"^$\.*+?()[]{}|/"
_FOREIGN = frozenset("aNUAZz")  # inside of brackets these are letters to JavaScript, or none at all


def ecma(pattern: str) -> str | None:
    r"""Return a pattern of `re` as ECMA-262 writes it, or `None` when it cannot be said.

    Args:
        pattern: as in `Meta(pattern=...)`.

    It is for JSON Schema 2020-12 (Core, section 6.4). Flags, comments, conditions, and groups and repetitions that
    never go back are only in Python.

    >>> ecma(r"\A(?P<year>\d{4})\Z"), ecma("(?i:tea)")
    ('^(?<year>\\d{4})$', None)
    """
    try:
        re.compile(pattern)
    except re.error:  # it was not written for Python, but for those who read the document
        return pattern
    parts = [_part(each) for each in _TOKEN.finditer(pattern)]
    return None if None in parts else "".join(filter(None, parts))


def _part(found: re.Match[str]) -> str | None:
    text, sort = found[0], found.lastgroup
    if found["set"]:
        return _set(text)
    if found["escape"]:
        return _ENDS.get(text) or (None if text[1] in _FOREIGN else _escape(found, _SYNTAX))
    if found["name"]:
        return f"(?<{found['group']}>"
    if found["again"]:
        return rf"\k<{found['of']}>"
    if found["most"]:
        return f"{{0,{found['times']}}}"
    if sort == "rest":
        return f"\\{text}" if text in "]{}" else text
    return None if sort in {"other", "never"} else text


def _escape(found: re.Match[str], kept: str) -> str:
    """Return an escape, or the character alone that JavaScript does not let be escaped."""
    text = found[0]
    return text if text[1].isalnum() or text[1] in kept else text[1]


def _set(text: str) -> str | None:
    """Return the characters in brackets; a first `]` is one of them in Python alone."""
    inner = text[1:-1]
    start, inner = ("^", inner[1:]) if inner.startswith("^") else ("", inner)
    if any(each[1] in _FOREIGN for each in re.findall(r"\\.", inner, re.DOTALL)):
        return None
    inner = re.sub(r"\\.", lambda found: _escape(found, _SYNTAX + "-"), inner, flags=re.DOTALL)
    return f"[{start}{chr(92) if inner.startswith(']') else ''}{inner}]"

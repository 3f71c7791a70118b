"""Names: identifiers and literals for generated code, whatever the document holds."""

from __future__ import annotations

import json
import keyword
import re
from collections.abc import Collection
from typing import Any

__all__ = ["KEYWORDS", "Names", "camel", "literal", "pascal", "prose", "quoted", "snake"]

KEYWORDS = frozenset(keyword.kwlist)
"""The keywords of Python."""

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_LONGEST = 60


class Names:
    """Gives each thing in a scope a name of its own.

    Args:
        reserved: names that are taken from the start.
        keywords: names that get a `_`; those of Python are `KEYWORDS`.

    >>> names = Names({"client"}, KEYWORDS)
    >>> names.take("note"), names.take("note"), names.take("client"), names.take("class")
    ('note', 'note2', 'client2', 'class_')
    """

    def __init__(self, reserved: Collection[str] = (), keywords: Collection[str] = ()) -> None:
        self._taken, self._keywords = set(reserved), keywords

    def take(self, wanted: str) -> str:
        """Return the wanted name, with a number behind it when it is taken."""
        wanted = f"{wanted}_" if wanted in self._keywords else wanted
        name, number = wanted, 1
        while name in self._taken:
            number += 1
            name = f"{wanted}{number}"
        self._taken.add(name)
        return name


def snake(text: str, default: str = "value") -> str:
    """Return a name for functions and variables of Python, of ASCII letters, digits and `_` alone.

    >>> snake("createNote"), snake("X-Request-Id"), snake("2fa"), snake("名")
    ('create_note', 'x_request_id', 'value_2_fa', 'value')
    """
    return _started("_".join(each.lower() for each in _words(text)), f"{default}_", default)


def pascal(text: str, default: str = "Value") -> str:
    """Return a name for types; one that is written so already stays.

    >>> pascal("Page_Note_"), pascal("new note"), pascal("HTTPError")
    ('Page_Note_', 'NewNote', 'HTTPError')
    """
    if re.fullmatch(r"[A-Z]\w*", text, re.ASCII) and len(text) <= _LONGEST:
        return text
    return _started("".join(each[:1].upper() + each[1:] for each in _words(text)), default, default)


def camel(text: str, default: str = "value") -> str:
    """Return a name for functions of TypeScript.

    >>> camel("create_note"), camel("GET /notes/{id}")
    ('createNote', 'getNotesId')
    """
    name = "".join(
        each.lower() if not at else each[:1].upper() + each[1:].lower() for at, each in enumerate(_words(text))
    )
    return _started(name, default, default)


def literal(value: Any) -> str:
    r"""Return a value of JSON as a literal of Python, in ASCII.

    >>> literal("it's\n\u2028")
    '"it\'s\\n\\u2028"'
    """
    return ascii(value)


def quoted(value: Any) -> str:
    r"""Return a value of JSON as a literal of TypeScript, in ASCII.

    >>> quoted("</script>\u2028")
    '"\\u003c/script>\\u2028"'
    """
    return json.dumps(value).replace("<", "\\u003c")


def prose(text: Any) -> list[str]:
    r"""Return the lines of a text for people, for a comment that it cannot end.

    >>> prose("Two\r\nlines \u202e*/")
    ['Two', 'lines  * /']
    """
    lines = text.splitlines() if isinstance(text, str) else []
    shown = ["".join(each if each.isprintable() else " " for each in line) for line in lines]
    return [line.replace("*/", "* /").rstrip() for line in shown]


def _words(text: str) -> list[str]:
    return _WORD.findall(text[: _LONGEST * 4])


def _started(name: str, prefix: str, default: str) -> str:
    name = name[:_LONGEST].rstrip("_")
    return name if name[:1].isalpha() else f"{prefix}{name}".rstrip("_") or default

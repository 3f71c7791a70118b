"""Docstrings: what they say for readers of a document: a summary, a description, and words about each attribute."""

from __future__ import annotations

import re
from inspect import cleandoc

__all__ = ["attributes", "prose", "split"]

_section = re.compile(
    r"^(?:Args|Attributes|Returns|Raises|Yields|Examples?|Note)s?:\s*$|^>>> |^```python", re.MULTILINE
)
_attributes = re.compile(r"^Attributes:\s*$\n((?:[ \t]+.*\n?|\n)+)", re.MULTILINE)
_item = re.compile(r"^(?:    )?([A-Za-z_][\w, ]*):[ ]+(.*(?:\n(?:    )? {4,}.*)*)", re.MULTILINE)


def split(text: str | None) -> tuple[str, str]:
    r"""Return the first line without its full stop, and the prose that follows it.

    >>> split("Open a note.\n\nIt gets the next number.\n\nRaises `NotFound`.")
    ('Open a note', 'It gets the next number.\n\nRaises `NotFound`.')
    """
    whole = prose(text)
    head, _, rest = whole.partition("\n\n")
    return " ".join(head.split()).removesuffix("."), rest


def prose(text: str | None) -> str:
    r"""Return a docstring up to its first section or example.

    >>> prose("A note.\n\nAttributes:\n    id: its number.")
    'A note.'
    """
    clean = cleandoc(text or "")
    found = _section.search(clean)
    return (clean[: found.start()] if found else clean).strip()


def attributes(text: str | None) -> dict[str, str]:
    r"""Return the words about each attribute, by name.

    >>> attributes("A note.\n\nAttributes:\n    id: its number.\n    x, y: where\n        it is.")
    {'id': 'its number.', 'x': 'where it is.', 'y': 'where it is.'}
    """
    block = _attributes.search(cleandoc(text or "") + "\n")
    if block is None:
        return {}
    rows = [(found[1], " ".join(found[2].split())) for found in _item.finditer(cleandoc("\n" + block[1]))]
    return {name.strip(): words for names, words in rows for name in names.split(",")}

"""Tags: HTML elements with everything escaped."""

from __future__ import annotations

import re
from typing import Any

from markupsafe import Markup

__all__ = ["attributes", "element", "identifier"]

_name = re.compile(r"[A-Za-z][A-Za-z0-9_:.-]*").fullmatch
_VOID = frozenset({"br", "hr", "img", "input", "link", "meta"})


def attributes(given: dict[str, Any]) -> Markup:
    """Write attributes. `None` and `False` are left out, `True` is written bare, a list is joined by blanks.

    In names an underscore is a hyphen, and one at the end is dropped, so that `class_` and `data_id` can be written.

    Raises `ValueError` for what is no name of an attribute.

    >>> attributes({"class_": ["a", "b"], "data_id": 7, "required": True, "title": '"', "hidden": False})
    Markup(' class="a b" data-id="7" required title="&#34;"')
    """
    clean = {name.rstrip("_").replace("_", "-"): value for name, value in given.items()}
    out = Markup()
    for name, value in clean.items():
        if not _name(name):
            raise ValueError(f"{name!r} is no name of an HTML attribute")
        if value is True:
            out += Markup(" {}").format(name)
        elif value is not None and value is not False:
            text = " ".join(str(each) for each in value) if isinstance(value, list | tuple) else value
            out += Markup(' {}="{}"').format(name, text)
    return out


def element(tag: str, given: dict[str, Any], *inside: Any) -> Markup:
    """Write an element around what is inside, which is escaped unless it is markup.

    >>> element("p", {"id": "x"}, "1 < 2"), element("input", {"name": "q"})
    (Markup('<p id="x">1 &lt; 2</p>'), Markup('<input name="q">'))
    """
    start = Markup("<{}{}>").format(tag, attributes(given))
    return start if tag in _VOID else start + Markup().join(inside) + Markup("</{}>").format(tag)


def identifier(*parts: str) -> str:
    """Make an id out of names: letters, digits, hyphens and underscores, beginning with a letter.

    >>> identifier("note", "items[0].name"), identifier("", "7")
    ('note-items-0-name', 'f-7')
    """
    made = "-".join(each for part in parts for each in re.findall(r"[A-Za-z0-9_]+", part))
    return made if made[:1].isalpha() else f"f-{made}"

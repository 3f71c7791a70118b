"""Pages: an HTML answer in a test, searched with CSS selectors and submitted by its forms."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin

from msgspec import Struct

from arlen_core.contents import pairs

try:
    from selectolax.lexbor import LexborHTMLParser
except ImportError:  # pragma: no cover  # the extra is part of every test environment
    raise ImportError("searching pages needs a parser: pip install 'arlen-core[testing]'") from None

if TYPE_CHECKING:
    from selectolax.lexbor import LexborNode

__all__ = ["Element", "Filled", "Form", "Page"]

_SKIPPED = frozenset({"submit", "button", "reset", "image", "file"})


class Element:
    """One element of a page."""

    def __init__(self, node: LexborNode) -> None:
        self._node = node

    @property
    def tag(self) -> str:
        """The name in lower case."""
        return self._node.tag or ""

    @property
    def text(self) -> str:
        """The text in it and below it, blanks joined."""
        return " ".join(self._node.text().split())

    @property
    def html(self) -> str:
        """Its markup."""
        return self._node.html or ""

    def all(self, selector: str) -> list[Element]:
        """Return every element below this one that a CSS selector finds."""
        return [Element(each) for each in self._node.css(selector)]

    def __getitem__(self, name: str) -> str:
        """The value of an attribute; `KeyError` when there is none; "" when it has no value."""
        return self._node.attributes[name] or ""

    def __contains__(self, name: object) -> bool:
        return name in self._node.attributes

    def get(self, name: str, default: str = "") -> str:
        """Return the value of an attribute, or `default`."""
        value = self._node.attributes.get(name, default)
        return "" if value is None else value

    def __repr__(self) -> str:
        return f"<Element {self.html[:60]!r}>"


class Page:
    """A page.

    Args:
        text: its HTML.
        url: where it came from; links and forms are resolved against it.

    >>> page = Page('<h1>Notes</h1><a class="more" href="?page=2">More</a>', "/notes")
    >>> page.one("h1").text, page.one("a.more")["href"], len(page.all("p"))
    ('Notes', '?page=2', 0)
    """

    def __init__(self, text: str, url: str = "/") -> None:
        self._tree = LexborHTMLParser(text)
        self.url = url

    def all(self, selector: str) -> list[Element]:
        """Return every element that a CSS selector finds."""
        return [Element(each) for each in self._tree.css(selector)]

    def one(self, selector: str) -> Element:
        """Return the only element that a CSS selector finds; `AssertionError` when there are none or several."""
        found = self.all(selector)
        if len(found) != 1:
            raise AssertionError(f"{selector!r} finds {len(found)} elements, not one: {found[:5]}")
        return found[0]

    def texts(self, selector: str) -> list[str]:
        """Return the text of every element that a CSS selector finds."""
        return [each.text for each in self.all(selector)]

    def form(self, selector: str = "form") -> Form:
        """Return the only form that a CSS selector finds."""
        return Form(self.one(selector), self.url)


class Filled(Struct, frozen=True):
    """A form as it is sent: names and values in order, and the files by field."""

    fields: list[tuple[str, str]]
    files: dict[str, list[tuple[Any, ...]]]


class Form:
    """A form as a browser would send it.

    Attributes:
        method: GET or POST.
        action: where it goes.
        multipart: whether it is sent as `multipart/form-data`, with files.
        names: of everything in it that has one.
        fields: what would be sent now: names and values, in order.
    """

    def __init__(self, element: Element, url: str) -> None:
        self.method = "POST" if element.get("method").lower() == "post" else "GET"
        self.action = urljoin(url, element.get("action") or url)
        self.multipart = element.get("enctype").lower() == "multipart/form-data"
        self.names = [each["name"] for each in element.all("[name]")]
        self._ticks = {each["name"]: each.get("value", "on") for each in element.all("[type=checkbox][name]")}
        self.fields = [pair for each in element.all("input, textarea, select") for pair in _sent(each)]

    def filled(self, values: dict[str, Any]) -> Filled:
        """Return what is sent with some values replaced.

        Args:
            values: by name: text, a number, a list; `None` leaves a field out; `True` ticks a check box and `False`
                unticks it; `(file name, bytes)` or `(file name, bytes, media type)`, or a list of these, are files. The
                name of a button presses it.

        Raises `AssertionError` for a name that the form does not have, and for a file in a form that sends none: a
        person could not do that.
        """
        unknown = sorted(set(values) - set(self.names))
        if unknown:
            raise AssertionError(f"the form has no field {unknown[0]!r}; it has {sorted(set(self.names))}")
        left = [(name, value) for name, value in self.fields if name not in values]
        files: dict[str, list[tuple[Any, ...]]] = {}
        for name, value in values.items():
            for each in value if isinstance(value, list) else [value]:
                if isinstance(each, tuple):
                    files.setdefault(name, []).append(each)
                else:
                    left += self._written(name, each)
        if files and not self.multipart:
            raise AssertionError('the form sends no files: it needs enctype="multipart/form-data"')
        return Filled(left, files)

    def _written(self, name: str, value: Any) -> list[tuple[str, str]]:
        if name in self._ticks and isinstance(value, bool):
            return [(name, self._ticks[name])] if value else []
        return pairs([(name, value)])


def _sent(element: Element) -> list[tuple[str, str]]:
    name, kind = element.get("name"), element.get("type", "text").lower()
    if not name or "disabled" in element or kind in _SKIPPED:
        return []
    if element.tag == "select":
        options = [each for each in element.all("option") if "disabled" not in each]
        chosen = [each for each in options if "selected" in each] or options[:1] * ("multiple" not in element)
        return [(name, each.get("value", each.text)) for each in chosen]
    if element.tag == "textarea":
        return [(name, element._node.text())]  # noqa: SLF001  # blanks count here
    if kind in {"checkbox", "radio"}:
        return [(name, element.get("value", "on"))] if "checked" in element else []
    return [(name, element.get("value"))]

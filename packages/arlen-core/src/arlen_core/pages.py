"""Pages: an HTML answer in a test, searched with CSS selectors and submitted by its forms."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin

try:
    from selectolax.lexbor import LexborHTMLParser
except ImportError:  # pragma: no cover  # the extra is part of every test environment
    raise ImportError("searching pages needs a parser: pip install 'arlen-core[testing]'") from None

if TYPE_CHECKING:
    from selectolax.lexbor import LexborNode

__all__ = ["Element", "Form", "Page"]

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


class Form:
    """A form as a browser would send it.

    Attributes:
        method: GET or POST.
        action: where it goes.
        fields: what would be sent now: names and values, in order.
    """

    def __init__(self, element: Element, url: str) -> None:
        self.method = element.get("method", "get").upper()
        self.action = urljoin(url, element.get("action") or url)
        self.names = [each["name"] for each in element.all("[name]")]
        self.fields = [pair for each in element.all("input, textarea, select") for pair in _sent(each)]

    def filled(self, values: dict[str, Any]) -> tuple[str, str, list[tuple[str, str]]]:
        """Return method, address and fields with some values replaced: text, a list, or `None` to leave one out.

        Raises `AssertionError` for a name that the form does not have: a person could not fill it.
        """
        unknown = sorted(set(values) - set(self.names))
        if unknown:
            raise AssertionError(f"the form has no field {unknown[0]!r}; it has {sorted(set(self.names))}")
        left = [(name, value) for name, value in self.fields if name not in values]
        for name, value in values.items():
            left += [
                (name, str(each))
                for each in (value if isinstance(value, list | tuple) else [value])
                if each is not None
            ]
        return self.method, self.action, left


def _sent(element: Element) -> list[tuple[str, str]]:
    name, kind = element.get("name"), element.get("type", "text")
    if not name or "disabled" in element or kind in _SKIPPED:
        return []
    if element.tag == "select":
        options = element.all("option")
        chosen = [each for each in options if "selected" in each] or options[:1] * ("multiple" not in element)
        return [(name, each.get("value", each.text)) for each in chosen]
    if element.tag == "textarea":
        return [(name, element._node.text())]  # noqa: SLF001  # blanks count here
    if kind in {"checkbox", "radio"}:
        return [(name, element.get("value", "on"))] if "checked" in element else []
    return [(name, element.get("value"))]

"""Fields: the controls of a form, bound to a Struct, with what was sent and what is wrong with it."""

from __future__ import annotations

import dataclasses
from datetime import date, datetime, time
from difflib import get_close_matches
from enum import Enum
from typing import TYPE_CHECKING, Any

from markupsafe import Markup
from msgspec import Struct, structs

from arlen_core.params import Input
from arlen_web.rules import Rule, empty, rules
from arlen_web.scope import maybe
from arlen_web.tags import element, identifier

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from arlen_core.errors import FieldError

__all__ = ["Fields", "form"]

_HINT = "_hint"  # passed inside, not written
_SECRET = frozenset({"password", "file"})  # never filled again


class Fields:
    """The controls of one form. `form(...)` makes it; templates call its methods.

    Args:
        rules: what each field is, by name; without any, every name is a text field.
        values: what the fields show.
        errors: a row for each failing field.
        id: what the ids of the elements begin with; two forms on a page need two.

    >>> fields = form({"title": "Tea <hot>"}, id="note")
    >>> fields.label("title") + fields.input("title", maxlength=80)
    Markup('<label for="note-title">Title</label><input type="text" id="note-title" name="title" \
value="Tea &lt;hot&gt;" maxlength="80">')
    """

    def __init__(
        self,
        rules: Mapping[str, Rule] | None = None,
        values: Mapping[str, Any] | None = None,
        errors: Sequence[FieldError] = (),
        id: str = "",
    ) -> None:
        self.rules, self.values, self.id = dict(rules or {}), dict(values or {}), id
        self.rows = list(errors)

    @property
    def ok(self) -> bool:
        """True when there are no errors."""
        return not self.rows

    def open(self, action: str = "", method: str = "post", **attributes: Any) -> Markup:
        """Begin the form: `<form>` with its encoding when there is a file, then `hidden()` unless the method is get."""
        files = any(rule.type == "file" for rule in self.rules.values())
        given = {"action": action or None, "method": method, "enctype": "multipart/form-data" if files else None}
        tag = element("form", given | attributes).removesuffix("</form>")
        return Markup(tag) + (self.hidden() if method.lower() != "get" else Markup())  # noqa: S704  # made by element

    def close(self) -> Markup:
        """End the form."""
        return Markup("</form>")

    def hidden(self) -> Markup:
        """Return the hidden fields that protect a form: what the helper `csrf_field` makes; nothing without one."""
        context = maybe()
        if context is None or "csrf_field" not in context.app.helpers:
            return Markup()
        return Markup(context.helpers.csrf_field())  # noqa: S704  # the helper makes markup

    def field(self, name: str, label: str = "", *, hint: str = "", **attributes: Any) -> Markup:
        """Return a whole field: label, control, hint and errors; the control is what the Struct's type asks for.

        A bool is a check box, an Enum or Literal a select, a text with `rows=` a textarea, everything else an input.
        """
        rule, help_ = self._rule(name), hint or self._rule(name).help
        given: dict[str, Any] = {_HINT: bool(help_), **attributes}
        if rule.type == "checkbox":
            control = self.checkbox(name, **given) + self.label(name, label)
        else:
            make = self.select if rule.options else self.textarea if "rows" in attributes else self.input
            control = self.label(name, label) + make(name, **given)
        tip = element("p", {"class": "hint", "id": self._id(name, "hint")}, help_) if help_ else ""
        return element("div", {"class": "field"}, control, tip, self.errors(name))

    def label(self, name: str, text: str = "", **attributes: Any) -> Markup:
        """Return the label; its text is the field's title, or its name."""
        return element("label", {"for": self._id(name), **attributes}, text or self._title(name))

    def input(self, name: str, type: str = "", **attributes: Any) -> Markup:
        """Return an input of the type and with the limits of the field; passwords and files are never filled again."""
        rule = self._rule(name)
        kind = type or rule.type
        value = None if kind in _SECRET else _text(self.value(name), kind) or None
        given = {"type": kind, **self._common(name, attributes), "value": value, **self._limits(rule, kind)}
        return element("input", given | attributes)

    def textarea(self, name: str, **attributes: Any) -> Markup:
        """Return a text of several lines."""
        given = self._common(name, attributes) | self._limits(self._rule(name), "text")
        # a browser drops the first line break inside
        return element("textarea", given | attributes, "\n", _text(self.value(name)))

    def select(self, name: str, options: Any = None, *, blank: str | None = None, **attributes: Any) -> Markup:
        """Return a choice.

        Args:
            name: of the field.
            options: values, `(value, label)` pairs, a mapping, or an Enum; by default what the type allows.
            blank: the label of an empty first option.
            **attributes: more attributes.
        """
        rule, chosen = self._rule(name), self._chosen(name)
        pairs = list(rule.options) if options is None else _pairs(options)
        rows = [("", blank), *pairs] if blank is not None else pairs
        inside = [element("option", {"value": v, "selected": v in chosen and v != ""}, text) for v, text in rows]
        given = {
            **self._common(name, attributes),
            "multiple": rule.multiple,
            "required": rule.attributes.get("required"),
        }
        return element("select", given | attributes, *inside)

    def checkbox(self, name: str, value: str = "", **attributes: Any) -> Markup:
        """Return a check box; with `value`, one of several that fill a list.

        A browser sends nothing for a box that is not ticked. Where the Struct takes that for true, a hidden field that
        says false follows the box; of two values the first one counts.
        """
        shown = value or "true"
        ticked = shown in self._chosen(name)
        given = {"type": "checkbox", **self._common(name, attributes), "value": shown, "checked": ticked}
        if value:
            given["id"] = self._id(name, value)
        off = {"type": "hidden", "name": name, "value": "false"}
        rest = element("input", off) if self._rule(name).ticked and not value else ""
        return element("input", given | attributes) + rest

    def errors(self, name: str) -> Markup:
        """Return what is wrong with a field, as the list that the control refers to; nothing when it is fine."""
        rows = self._errors(name)
        if not rows:
            return Markup()
        items = [element("li", {}, row.message) for row in rows]
        return element("ul", {"class": "errors", "id": self._id(name, "errors")}, *items)

    def summary(self, heading: str = "Please correct this:", **attributes: Any) -> Markup:
        """Return all that is wrong, with links to the fields, for the top of the page; nothing without errors."""
        if self.ok:
            return Markup()
        items = [element("li", {}, self._link(row)) for row in self.rows]
        given = {"class": "error-summary", "role": "alert", "tabindex": "-1"}
        return element("div", given | attributes, element("p", {}, heading), element("ul", {}, *items))

    def value(self, name: str) -> Any:
        """Return what a field shows."""
        self._rule(name)
        return self.values.get(name)

    def _rule(self, name: str) -> Rule:
        if not self.rules or name in self.rules:
            return self.rules.get(name, Rule())
        near = get_close_matches(name, self.rules, 1)
        raise LookupError(f"the form has no field {name!r}" + (f": did you mean {near[0]!r}?" if near else ""))

    def _common(self, name: str, attributes: dict[str, Any]) -> dict[str, Any]:
        hint = attributes.pop(_HINT, False)
        wrong = bool(self._errors(name))
        described = [self._id(name, "hint")] * hint + [self._id(name, "errors")] * wrong
        aria = {"aria-invalid": "true" if wrong else None, "aria-describedby": described or None}
        return {"id": self._id(name), "name": name, **aria}

    def _limits(self, rule: Rule, kind: str) -> dict[str, Any]:
        if kind == "hidden":
            return {}
        if kind not in {rule.type, "text", "password", "email", "url", "tel", "search"}:
            return {"required": rule.attributes.get("required")}
        return {**rule.attributes, "multiple": rule.multiple or None} if kind == "file" else rule.attributes

    def _errors(self, name: str) -> list[FieldError]:
        return [row for row in self.rows if row.field == name or row.field.startswith((f"{name}[", f"{name}."))]

    def _link(self, row: FieldError) -> Markup:
        name = next((each for each in self.rules if row in self._errors(each)), "")
        if not name:
            return Markup("{}").format(f"{row.field}: {row.message}" if row.field else row.message)
        return element("a", {"href": f"#{self._id(name)}"}, f"{self._title(name)}: {row.message}")

    def _title(self, name: str) -> str:
        return self._rule(name).title or name.replace("_", " ").replace("-", " ").capitalize()

    def _chosen(self, name: str) -> set[str]:
        value = self.value(name)
        return {_text(each) for each in (value if isinstance(value, list | tuple | set | frozenset) else [value])}

    def _id(self, *parts: str) -> str:
        return identifier(self.id, *parts)


def form(
    source: Any = None, *, values: Mapping[str, Any] | None = None, errors: Iterable[FieldError] = (), id: str = ""
) -> Fields:
    """Bind a form.

    Args:
        source: an `Input` (what was sent, with its errors), a Struct or dataclass (what is stored), a Struct type (an
            empty form with its defaults), a mapping of values, or nothing.
        values: shown in place of the source's, by name.
        errors: added to the source's.
        id: what the ids begin with; by default the name of the Struct in lower case.

    >>> class Note(Struct):
    ...     title: str = ""
    ...     pinned: bool = False
    >>> form(Note(title="Tea", pinned=True)).checkbox("pinned")
    Markup('<input type="checkbox" id="note-pinned" name="pinned" value="true" checked>')
    """
    kind, have, rows = _source(source)
    named = id or getattr(kind, "__name__", "").lower()
    return Fields(rules(kind) if kind is not None else None, {**have, **(values or {})}, [*rows, *errors], named)


def _source(source: Any) -> tuple[Any, dict[str, Any], list[FieldError]]:
    if isinstance(source, Input):
        sent = source.raw or (_stored(source.value) if source.value is not None else {})
        return source.kind, dict(sent), source.errors
    if isinstance(source, type):
        return source, empty(source), []
    if isinstance(source, Struct) or dataclasses.is_dataclass(source):
        return type(source), _stored(source), []
    return None, dict(source or {}), []


def _stored(source: Any) -> dict[str, Any]:
    if isinstance(source, Struct):
        return {each.encode_name: getattr(source, each.name) for each in structs.fields(source)}
    return {each.name: getattr(source, each.name) for each in dataclasses.fields(source)}


def _pairs(options: Any) -> list[tuple[str, str]]:
    if isinstance(options, type) and issubclass(options, Enum):
        return [(str(each.value), each.name.replace("_", " ").capitalize()) for each in options]
    rows = options.items() if hasattr(options, "items") else options
    return [(_text(row[0]), str(row[1])) if isinstance(row, tuple | list) else (_text(row), _text(row)) for row in rows]


def _text(value: Any, kind: str = "") -> str:
    if isinstance(value, list | tuple):
        value = value[0] if value else None
    if isinstance(value, Enum):
        value = value.value
    if isinstance(value, datetime) and kind == "datetime-local":
        return value.replace(tzinfo=None).isoformat(timespec="seconds")
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)

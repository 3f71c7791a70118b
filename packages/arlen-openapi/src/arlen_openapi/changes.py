"""Changes: what differs between two versions of an OpenAPI document, and what of it breaks clients."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from arlen_openapi.narrowing import Narrowing, same
from arlen_openapi.operations import operations, shape
from arlen_openapi.requirements import accepted, requirements

if TYPE_CHECKING:
    from arlen_openapi.narrowing import Finding
    from arlen_openapi.operations import Operation, Parameter
    from arlen_openapi.references import Document

__all__ = ["LEVELS", "Change", "compare"]

LEVELS = ("breaking", "unknown", "compatible")
"""How bad a change is, the worst first; "unknown" is what cannot be told."""

_OWN_NAME = re.compile(r"property")


class Change(Struct, frozen=True):
    """One difference.

    Attributes:
        rule: a stable word, such as "operation-removed".
        level: one of `LEVELS`.
        place: where: the operation, then the part of it, then the path into the schema.
        reason: what differs, for people.
    """

    rule: str
    level: str
    place: str
    reason: str


def compare(old: Document, new: Document) -> list[Change]:
    """Return the changes from one version of a document to the next, the worst first.

    What a client sends has to go on being understood, and what it gets has to go on being what it was told: a request
    may only take more, a response may only promise more. Descriptions, titles and examples break nothing.

    >>> from arlen_openapi.references import Document
    >>> base = {"openapi": "3.1.0", "paths": {"/notes": {"get": {}}}}
    >>> compare(Document(base), Document({**base, "paths": {}}))[0].rule
    'operation-removed'
    """
    comparison = _Comparison(old, new)
    comparison.all()
    return sorted(comparison.found.values(), key=lambda each: (LEVELS.index(each.level), each.place, each.rule))


class _Comparison:
    def __init__(self, old: Document, new: Document) -> None:
        self.old, self.new = old, new
        self.found: dict[tuple[str, str], Change] = {}

    def tell(self, rule: str, level: str, place: str, reason: str, family: str = "") -> None:
        key = family or rule, place
        there = self.found.get(key)
        if there is None or LEVELS.index(level) < LEVELS.index(there.level):
            self.found[key] = Change(rule, level, place, reason)

    def all(self) -> None:
        before = {(each.method, shape(each.path)): each for each in operations(self.old)}
        after = {(each.method, shape(each.path)): each for each in operations(self.new)}
        for key in sorted(before.keys() | after.keys()):
            if key not in after:
                reason = "it is gone: a client that calls it gets 404 or 405"
                self.tell("operation-removed", "breaking", before[key].name, reason)
            elif key not in before:
                self.tell("operation-added", "compatible", after[key].name, "it is new")
            else:
                self.operation(before[key], after[key])
        self.servers()
        self.rest()

    def operation(self, old: Operation, new: Operation) -> None:
        count = len(self.found)
        self.identity(old, new)
        self.parameters(old, new)
        self.body(old, new)
        self.responses(old, new)
        self.security(old, new)
        for name in ("callbacks", "servers"):
            if not same(self.old, old.node.get(name), self.new, new.node.get(name), exact=True):
                self.tell(f"{name}-changed", "unknown", old.name, f"its {name} differ, which is not compared")
        if count == len(self.found) and old.node != new.node:
            self.tell("documentation-changed", "compatible", old.name, "only what people read has changed")

    def identity(self, old: Operation, new: Operation) -> None:
        if old.id != new.id:
            level = "breaking" if old.id else "compatible"
            reason = f"{old.id!r} is {new.id!r} now: generated clients name their functions after it"
            self.tell("operation-id-changed", level, old.name, reason)
        if new.node.get("deprecated", False) is not old.node.get("deprecated", False):
            told = "deprecated" if new.node.get("deprecated") else "not deprecated any more"
            self.tell("operation-deprecation-changed", "compatible", old.name, f"it is {told}")

    def parameters(self, old: Operation, new: Operation) -> None:
        before, after = _placed(old), _placed(new)
        for key in sorted(before.keys() | after.keys()):
            if key not in after:
                place = f"{old.name} {key[0]} {before[key].name}"
                self.tell(
                    "request-parameter-removed", "breaking", place, "a client that sends it is not heard any more"
                )
            elif key not in before:
                self.added(f"{old.name} {key[0]} {after[key].name}", after[key])
            else:
                self.parameter(f"{old.name} {key[0]} {before[key].name}", before[key], after[key])

    def added(self, place: str, new: Parameter) -> None:
        if new.required:
            reason = "it is new and required: a client that does not know it is refused"
            self.tell("new-required-request-parameter", "breaking", place, reason)
        else:
            self.tell("new-optional-request-parameter", "compatible", place, "it is new, and may be left out")

    def parameter(self, place: str, old: Parameter, new: Parameter) -> None:
        if old.place == "path" and old.name != new.name:
            reason = f"it is {new.name!r} now: generated clients name an argument after it"
            self.tell("path-parameter-renamed", "breaking", place, reason)
        if old.required is not new.required:
            rule, level = ("required", "breaking") if new.required else ("optional", "compatible")
            self.tell(f"request-parameter-became-{rule}", level, place, f"it is {rule} now")
        if (old.style, old.explode, old.media) != (new.style, new.explode, new.media):
            reason = f"its value is written another way: {_manner(old)}, and {_manner(new)} now"
            self.tell("request-parameter-style-changed", "breaking", place, reason)
        self.schema("request", place, old.schema, new.schema)
        if isinstance(old.schema, dict) and isinstance(new.schema, dict):
            mine, theirs = (each.get("default") for each in (old.schema, new.schema))
            if mine != theirs:
                self.tell("request-parameter-default-changed", "compatible", place, f"{mine!r} is {theirs!r} now")

    def body(self, old: Operation, new: Operation) -> None:
        place = f"{old.name} request"
        if old.body is None or new.body is None:
            self.without(place, old.body, new.body)
            return
        mine, theirs = (each.get("required", False) for each in (old.body, new.body))
        if mine is not theirs:
            rule, level = ("required", "breaking") if theirs else ("optional", "compatible")
            self.tell(f"request-body-became-{rule}", level, place, f"it is {rule} now")
        self.contents("request", place, old.body, new.body)

    def without(self, place: str, old: dict[str, Any] | None, new: dict[str, Any] | None) -> None:
        if old is not None:
            self.tell("request-body-removed", "breaking", place, "what a client sends is not heard any more")
        elif new is not None:
            rule, level = ("required", "breaking") if new.get("required") else ("optional", "compatible")
            self.tell(f"new-{rule}-request-body", level, place, f"it is new, and {rule}")

    def contents(self, side: str, place: str, old: dict[str, Any], new: dict[str, Any]) -> None:
        before, after = self.old.section(old, "content"), self.new.section(new, "content")
        for media in sorted(before.keys() | after.keys()):
            where = f"{place} {media}"
            if media not in after:
                self.tell(f"{side}-media-type-removed", "breaking", where, "a client that relies on it is left without")
            elif media not in before:
                self.tell(f"{side}-media-type-added", "compatible", where, "it is new")
            else:
                self.schema(side, f"{where} $", before[media].get("schema", {}), after[media].get("schema", {}))
                mine, theirs = before[media].get("encoding"), after[media].get("encoding")
                if not same(self.old, mine, self.new, theirs, exact=True):
                    self.tell(f"{side}-encoding-changed", "unknown", where, "how its parts are written differs")

    def responses(self, old: Operation, new: Operation) -> None:
        for status in sorted(old.responses.keys() | new.responses.keys()):
            place = f"{old.name} response {status}"
            mine, theirs = old.responses.get(status), new.responses.get(status)
            if mine is not None and theirs is not None:
                self.response(place, mine, theirs)
            elif theirs is None:
                self.lost(place, status)
            else:
                self.gained(place, status, old, theirs)

    def lost(self, place: str, status: str) -> None:
        if status[0] in "45":
            reason = "a client that expects this error does not get it any more"
            self.tell("response-non-success-status-removed", "compatible", place, reason)
        else:
            reason = "a client that waits for it gets something else"
            self.tell("response-success-status-removed", "breaking", place, reason)

    def gained(self, place: str, status: str, old: Operation, new: dict[str, Any]) -> None:
        ranged = old.responses.get(f"{status[0]}XX", old.responses.get("default"))
        if ranged is not None and status not in {"default", f"{status[0]}XX"}:
            self.response(place, ranged, new)
        elif status[0] in "45" or status == "default":
            reason = "a client takes an error that it does not know as one of its class"
            self.tell("response-non-success-status-added", "compatible", place, reason)
        else:
            reason = "whether clients understand a success of another status cannot be told"
            self.tell("response-success-status-added", "unknown", place, reason)

    def response(self, place: str, old: dict[str, Any], new: dict[str, Any]) -> None:
        self.contents("response", place, old, new)
        before = {name.lower(): self.old.follow(each) for name, each in self.old.section(old, "headers").items()}
        after = {name.lower(): self.new.follow(each) for name, each in self.new.section(new, "headers").items()}
        for name in sorted((before.keys() | after.keys()) - {"content-type"}):
            self.header(f"{place} header {name}", before.get(name), after.get(name))

    def header(self, place: str, old: dict[str, Any] | None, new: dict[str, Any] | None) -> None:
        if new is None:
            self.tell("response-header-removed", "breaking", place, "a client that reads it finds nothing")
        elif old is None:
            self.tell("response-header-added", "compatible", place, "it is new")
        else:
            if old.get("required", False) is not new.get("required", False):
                rule, level = ("required", "compatible") if new.get("required") else ("optional", "breaking")
                self.tell(f"response-header-became-{rule}", level, place, f"it is {rule} now")
            self.schema("response", place, old.get("schema", {}), new.get("schema", {}))

    def security(self, old: Operation, new: Operation) -> None:
        before, after = requirements(self.old, old), requirements(self.new, new)
        refused = [way for way in before if not accepted(way, after)]
        if refused:
            known = all(any(way.keys() <= each.keys() for way in after) for each in refused)
            rule = "security-scope-added" if known else "security-requirement-added"
            self.tell(rule, "breaking", old.name, "credentials that were enough are refused now")
        elif not all(accepted(way, before) for way in after):
            self.tell(
                "security-requirement-relaxed", "compatible", old.name, "it asks for less, or for something else too"
            )

    def schema(self, side: str, place: str, old: Any, new: Any) -> None:
        forward = Narrowing(self.old, self.new, forward=True).findings(old, new)
        backward = Narrowing(self.new, self.old, forward=False).findings(new, old)
        told = [("narrowed", forward), ("widened", backward)]
        for suffix, findings in told if side == "request" else reversed(told):
            harmful = (suffix == "narrowed") is (side == "request")
            for each in findings:
                level = each.level if harmful else "compatible"
                rule = f"{side}-{each.kind}" if _OWN_NAME.search(each.kind) else f"{side}-{each.kind}-{suffix}"
                self.tell(rule, level, place + _into(place, each), each.reason, _family(side, each))

    def servers(self) -> None:
        before, after = (
            [each.get("url", "/") for each in document.tree.get("servers", [])] for document in (self.old, self.new)
        )
        if before != after:
            gone = sorted(set(before or ["/"]) - set(after or ["/"]))
            level, told = ("unknown", "gone") if gone else ("compatible", "new")
            listed = ", ".join(gone or sorted(set(after) - set(before)))
            self.tell(f"server-{'removed' if gone else 'added'}", level, "servers", f"{told}: {listed}")

    def rest(self) -> None:
        if self.old.tree.get("webhooks") != self.new.tree.get("webhooks"):
            self.tell("webhooks-changed", "unknown", "webhooks", "they differ, which is not compared")
        before, after = self.old.components("schemas"), self.new.components("schemas")
        for name in sorted(before.keys() & after.keys()):
            if before[name] != after[name] and same(self.old, before[name], self.new, after[name]):
                reason = "only what people read has changed"
                self.tell("documentation-changed", "compatible", f"schema {name}", reason)
        if not self.found and self.old.tree != self.new.tree:
            self.tell("documentation-changed", "compatible", "document", "only what people read has changed")


def _urls(document: Document) -> set[str]:
    return {str(each.get("url", "/")) for each in document.tree.get("servers") or [{}]}


def _placed(operation: Operation) -> dict[tuple[str, str], Parameter]:
    """Return the parameters by what tells them apart: those of the path by where they are in it."""
    order = re.findall(r"\{([^{}]*)\}", operation.path)
    return {(each.place, _position(each, order)): each for each in operation.parameters}


def _position(parameter: Parameter, order: list[str]) -> str:
    if parameter.place == "path" and parameter.name in order:
        return f"{order.index(parameter.name):03}"
    return parameter.key[1]


def _manner(each: Parameter) -> str:
    return each.media or f"{each.style}{', exploded' if each.explode else ''}"


def _into(place: str, finding: Finding) -> str:
    if place.endswith("$") or not finding.place:
        return finding.place
    return f" ${finding.place}"


def _family(side: str, finding: Finding) -> str:
    kind = finding.kind.removeprefix("required-")
    if kind.startswith("property-became"):
        kind = "property-became"
    return f"{side}-{kind}"

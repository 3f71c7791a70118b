"""Endpoints: a typed handler and its test, made of a method and a path template."""

from __future__ import annotations

from uuid import UUID

from arlen_cli import names
from arlen_cli.texts import fill
from arlen_core.commands import CommandError
from arlen_core.errors import StartupError
from arlen_core.grammar import parse
from arlen_core.patterns import Pattern, Placeholder

__all__ = ["METHODS", "endpoint"]

METHODS = ("DELETE", "GET", "PATCH", "POST", "PUT", "QUERY")
"""The methods that an endpoint can be generated for."""

_BODIES = {"PATCH", "POST", "PUT", "QUERY"}
# the annotation, its import, a value in a URL, and the same in JSON
_SAMPLES = {
    "date": ("date", "from datetime import date", "2026-01-31", '"2026-01-31"'),
    "float": ("float", "", "1.5", "1.5"),
    "int": ("int", "", "7", "7"),
    "path": ("str", "", "an/example", '"an/example"'),
    "slug": ("str", "", "example", '"example"'),
    "str": ("str", "", "example", '"example"'),
    "uuid": ("UUID", "from uuid import UUID", str(UUID(int=1)), f'"{UUID(int=1)}"'),
}


def endpoint(name: str, method: str, route: str) -> tuple[str, str]:
    """Return the module of an endpoint, and the module of its tests.

    Args:
        name: of the module and of the handler.
        method: one of `METHODS`.
        route: the path template.

    Raises:
        CommandError: the template is wrong, or has a type that no example value is known for.
    """
    return _Endpoint(name, method, _parsed(route)).texts()


class _Endpoint:
    def __init__(self, name: str, method: str, pattern: Pattern) -> None:
        self.name, self.method, self.pattern = name, method, pattern
        self.samples = [(each.name, *_SAMPLES[each.kind.name]) for each in pattern.placeholders]
        self.field = "text" if "title" in pattern.names else "title"
        self.body = method in _BODIES

    def texts(self) -> tuple[str, str]:
        values = self.values()
        values["sent"] = fill("generate/endpoint_sent.py", values) if self.body else ""
        refusal = fill("generate/endpoint_refusal.py", values) if self.body else ""
        return fill("generate/endpoint.py", values), fill("generate/endpoint_test.py", values) + refusal

    def values(self) -> dict[str, str]:
        title, created = names.title(self.name), self.method == "POST"
        return self.lists(title) | {
            "name": self.name,
            "camel": names.camel(self.name),
            "title": title,
            "words": title.lower(),
            "method": self.method,
            "verb": self.method.lower(),
            "route": self.pattern.template,
            "field": self.field,
            "names": "Meta, Router, Struct" if self.body else "Router, Struct",
            "options": ", status=201" if created else "",
            "status": "201" if created else "200",
            "json": ', json={"' + self.field + '": "Milk"}' if self.body else "",
            "standard": self.standard(),
            "url": "/" + "/".join("".join(map(_sample, segment.parts)) for segment in self.pattern.segments),
        }

    def lists(self, title: str) -> dict[str, str]:
        """Return what there is one of for each placeholder, and for the field that is sent or made up."""
        parameters = [f"{name}: {kind}" for name, kind, *_ in self.samples]
        fields = [f"    {each}" for each in parameters]
        values = [f"{name}={name}" for name, *_ in self.samples]
        answer = [f'"{name}": {json}' for name, *_, json in self.samples]
        if self.body or not self.samples:
            fields.append(f"    {self.field}: str")
            values.append(f"{self.field}=new.{self.field}" if self.body else f'{self.field}="{title}"')
            answer.append(f'"{self.field}": "{"Milk" if self.body else title}"')
        if self.body:
            parameters.append(f"new: New{names.camel(self.name)}")
        lists = {"parameters": ", ".join(parameters), "values": ", ".join(values), "fields": "\n".join(fields)}
        return lists | {"answer": "{" + ", ".join(answer) + "}"}

    def standard(self) -> str:
        lines = {line for _, _, line, *_ in self.samples if line}
        wanted = sorted(lines | ({"from typing import Annotated"} if self.body else set()))
        return "\n".join(wanted) + "\n\n" if wanted else ""


def _sample(part: str | Placeholder) -> str:
    return _SAMPLES[part.kind.name][2] if isinstance(part, Placeholder) else part


def _parsed(route: str) -> Pattern:
    try:
        pattern = parse(route)
    except StartupError as error:
        raise CommandError(error.code, error.reason, fix=error.fix, exit=2) from error
    for each in pattern.placeholders:
        if each.kind.name not in _SAMPLES:
            message = f"no example is known for {{{each.name}:{each.kind.name}}}"
            raise CommandError(
                "route_unsupported", message, fix=f"generate it with {{{each.name}}}, then edit it", exit=2
            )
        if each.name == "new":
            raise CommandError("route_unsupported", "'new' is taken by the body", fix="rename the placeholder", exit=2)
    return pattern

"""Entries: one operation of a document: a method of a route, with all that it takes and answers."""

from __future__ import annotations

from inspect import getdoc
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from arlen_core.routes import ANY
from arlen_core.signatures import place
from arlen_openapi.declarations import declared
from arlen_openapi.docstrings import split
from arlen_openapi.facts import errors
from arlen_openapi.outcomes import Outcome, outcomes
from arlen_openapi.payloads import limits
from arlen_openapi.returns import annotation, sent
from arlen_openapi.security import requirements
from arlen_openapi.templates import path

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from arlen_openapi.walks import Step

__all__ = ["METHODS", "Entry", "entries"]

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
"""What OpenAPI 3.1 can say, in its order; QUERY comes with 3.2."""

_EVERY = ("GET", "PUT", "POST", "DELETE", "PATCH")


class Entry(Struct):
    """One operation.

    Attributes:
        step: its route.
        method: in capitals.
        path: as OpenAPI writes it.
        outcomes: what it answers, by status.
        security: the alternatives by which clients say who they are, or `None`.
    """

    step: Step
    method: str
    path: str
    outcomes: dict[int, Outcome]
    security: list[dict[str, list[str]]] | None = None

    @property
    def words(self) -> tuple[str, str]:
        """The summary and the description."""
        options = self.step.options
        summary, description = split(getdoc(self.step.route.endpoint))
        return options.get("summary", summary), options.get("description", description)

    @property
    def tags(self) -> list[str]:
        """The tags: those of routers and route, or the name of the mount that it is in."""
        found = list(dict.fromkeys(self.step.options.get("tags", ())))
        return found or list(self.step.names[-1:])

    def limited(self, body: dict[str, Any]) -> dict[str, Any]:
        """Return a request body with the words about its size."""
        app = self.step.app
        words = limits(self.step.options.get("max_body", app.http.max_body), app.forms, body["content"])
        return {"description": words, **body} if words else body


def entries(steps: Iterable[Step]) -> Iterator[Entry]:
    """Yield the operations of routes; `StartupError` names a declaration that is wrong."""
    for step in steps:
        methods = _EVERY if ANY in step.route.methods else sorted(step.route.methods)
        found, alternatives = path(step.route.pattern, step.prefix), requirements(step)
        for method in methods:
            yield Entry(step, method, found, _answers(step, method, bool(alternatives)), alternatives)


def _answers(step: Step, method: str, secured: bool) -> dict[int, Outcome]:  # noqa: FBT001  # of a pair
    formats = step.formats
    returned = sent(annotation(step.route.endpoint), step.route.status, formats)
    where = f"{step.route.template} ({step.route.source})"
    around = [declared(each, place(each)) for each in (*step.middleware, *step.guards)]
    told = [*around, declared(step.options, where)]
    return outcomes(returned, told, errors(step, method, returned, secured=secured), formats)

"""Writing: entries as OpenAPI operation objects, and the responses that they share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from arlen_openapi.declarations import NOTHING
from arlen_openapi.parameters import parameters
from arlen_openapi.payloads import payload
from arlen_openapi.problems import Problem, component, example

if TYPE_CHECKING:
    from arlen_openapi.entries import Entry
    from arlen_openapi.outcomes import Outcome
    from arlen_openapi.schemas import Schemas

__all__ = ["Writer"]


class Writer:
    """Writes the operations of one document.

    Args:
        schemas: gathers the types.
    """

    def __init__(self, schemas: Schemas) -> None:
        self._schemas = schemas
        self._shared: dict[str, dict[str, Any]] = {}

    def operation(self, entry: Entry, name: str) -> dict[str, Any]:
        """Return the operation object of an entry, under a name."""
        step, (summary, description) = entry.step, entry.words
        made: dict[str, Any] = {"operationId": name, "tags": entry.tags, "summary": summary, "description": description}
        made |= {"deprecated": bool(step.options.get("deprecated"))}
        made["parameters"] = _renamed(parameters(step.taken, step.route.pattern, self._schemas), entry)
        made["requestBody"] = self._body(entry)
        responses = {str(status): self._response(each) for status, each in entry.outcomes.items()}
        made = {key: value for key, value in made.items() if value} | {"responses": responses}
        return made if entry.security is None else made | {"security": entry.security}

    def responses(self) -> dict[str, Any]:
        """Return the shared responses, sorted by name; call it when all operations are written."""
        return {name: self._shared[name] for name in sorted(self._shared)}

    def _body(self, entry: Entry) -> dict[str, Any] | None:
        step = entry.step
        made = payload(step.taken, step.options.get("body"), self._schemas, step.app.forms)
        return made if made is None else entry.limited(made)

    def _response(self, outcome: Outcome) -> dict[str, Any]:
        if not outcome.shared:
            return self._object(outcome)
        name = component(outcome.status) if outcome.status >= 400 else "NotModified"
        if name not in self._shared:
            self._shared[name] = self._object(outcome)
        return {"$ref": f"#/components/responses/{name}"}

    def _object(self, outcome: Outcome) -> dict[str, Any]:
        made: dict[str, Any] = {"description": outcome.description}
        if outcome.headers:
            made["headers"] = {name: _header(words) for name, words in sorted(outcome.headers.items())}
        if outcome.bodies:
            made["content"] = {media: self._content(media, kind, outcome) for media, kind in outcome.bodies.items()}
        return made

    def _content(self, media: str, kind: Any, outcome: Outcome) -> dict[str, Any]:
        made: dict[str, Any] = {}
        schema = self._schema(media, kind)
        if schema is not None:  # one that is still empty is filled later
            made["schema"] = schema
        shown = outcome.examples.get(media, NOTHING)
        if shown is NOTHING and kind is Problem and outcome.status >= 400:
            shown = example(outcome.status, outcome.description)
        return made if shown is NOTHING else made | {"example": shown}

    def _schema(self, media: str, kind: Any) -> dict[str, Any] | None:
        if isinstance(kind, dict):
            return kind
        if media == "application/json" or media.endswith("+json"):
            return self._schemas.of(Any if kind is None else kind)
        return {"type": "string"} if media.startswith("text/") else None


def _header(words: str) -> dict[str, Any]:
    return {"description": words, "schema": {"type": "string"}}


def _renamed(found: list[dict[str, Any]], entry: Entry) -> list[dict[str, Any]]:
    """Give the parameters of the path the names that the path has in the document."""
    spelled = [part.partition("}")[0] for part in entry.path.split("{")[1:]]
    for name, each in zip(spelled, [each for each in found if each["in"] == "path"], strict=True):
        each["name"] = name
    return found

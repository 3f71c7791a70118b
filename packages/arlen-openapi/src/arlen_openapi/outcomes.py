"""Outcomes: every response that an operation can send: what its handler says, what is declared, and every error."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Union

from msgspec import Struct, field

from arlen_openapi.declarations import NOTHING, Answer
from arlen_openapi.problems import CONTENT, HEADERS, TELLING, Problem, title
from arlen_openapi.returns import ANY, Sent, sent

__all__ = ["REDIRECTS", "SHORT", "Outcome", "outcomes"]

_BODILESS = frozenset({204, 304})  # whatever a handler returns (RFC 9110, section 6.4.1)

REDIRECTS = frozenset({301, 302, 303, 307, 308})

SHORT = frozenset({304, 412})
"""What Arlen answers without a body, to a client that asks for a response only if it has changed, or has not."""


class Outcome(Struct):
    """The responses of one status.

    Attributes:
        status: the status.
        description: when it is sent.
        bodies: the type of its body by media type; no entry stands for no body.
        empty: whether it may have no body.
        headers: header fields, and what they say.
        examples: by media type.
        shared: whether it is the same for every operation.
    """

    status: int
    description: str = ""
    bodies: dict[str, Any] = field(default_factory=dict)
    empty: bool = False
    headers: dict[str, str] = field(default_factory=dict)
    examples: dict[str, Any] = field(default_factory=dict)
    shared: bool = False

    def add(self, row: Sent) -> None:
        """Add a body; one that leaves open what it is gives way to one that says it."""
        known = self.bodies.get(row.media, NOTHING)
        if not row.media:
            self.empty = True
        elif known is NOTHING or known is Any:
            self.bodies[row.media] = row.kind
        elif row.kind is not Any and row.kind != known:
            self.bodies[row.media] = Union[known, row.kind]  # noqa: UP007  # of two values


def outcomes(
    returned: Sequence[Sent],
    told: Sequence[Mapping[int, Sequence[Answer]]],
    errors: Sequence[int],
    formats: Sequence[str],
) -> dict[int, Outcome]:
    """Return the outcomes of an operation by status, sorted.

    Args:
        returned: what the handler's annotation says.
        told: what is declared, the route's own last. Where it declares a response that is no error, a bare `Response`
            in the annotation says nothing more.
        errors: statuses of what Arlen itself may answer: an error, or a short answer without a body.
        formats: of the route.
    """
    made: dict[int, Outcome] = {}
    plain = any(status < 400 for each in told for status in each)
    for row in returned:
        if not (plain and row.media == ANY and row.status != 206):
            made.setdefault(row.status, Outcome(row.status)).add(row)
    for each in told:
        for status, answers in each.items():
            for answer in answers:
                _tell(made.setdefault(status, Outcome(status)), answer, formats)
    for status in errors:
        made.setdefault(status, _usual(status)).empty |= status in SHORT
    for outcome in made.values():
        _finish(outcome)
    return {status: made[status] for status in sorted(made)}


def _tell(outcome: Outcome, answer: Answer, formats: Sequence[str]) -> None:
    outcome.description = answer.description or outcome.description
    outcome.headers |= answer.headers
    for row in _rows(answer, outcome.status, formats):
        outcome.add(row)
        if answer.example is not NOTHING and row.media:
            outcome.examples.setdefault(row.media, answer.example)


def _rows(answer: Answer, status: int, formats: Sequence[str]) -> list[Sent]:
    if answer.body is NOTHING:
        if answer.media:
            return [Sent(status, answer.media)]
        return _problem(status) if status >= 400 else [Sent(status, "")]
    if isinstance(answer.body, dict):
        return [Sent(status, answer.media or "application/json", answer.body)]
    rows = sent(answer.body, status, formats)
    return [Sent(status, answer.media, row.kind) for row in rows] if answer.media else rows


def _problem(status: int) -> list[Sent]:
    return [Sent(status, media, Problem if media == CONTENT[0] else None) for media in CONTENT]


def _usual(status: int) -> Outcome:
    made = Outcome(status, TELLING.get(status, ""), shared=True)
    for row in [Sent(status, "")] if status in SHORT else _problem(status):
        made.add(row)
    return made


def _finish(outcome: Outcome) -> None:
    if outcome.status in _BODILESS:
        outcome.bodies, outcome.empty = {}, True
    if not outcome.description:
        outcome.description = TELLING.get(outcome.status) or _title(outcome.status)
    if outcome.status in REDIRECTS:
        outcome.headers.setdefault("Location", "Where to go on.")
    outcome.headers = {**HEADERS.get(outcome.status, {}), **outcome.headers}


def _title(status: int) -> str:
    if status >= 400:
        return title(status)
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return f"HTTP {status}"

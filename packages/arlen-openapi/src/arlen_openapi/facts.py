"""Facts: what an operation can answer by itself: which errors its declarations let happen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from arlen_core.bodies import Body
from arlen_core.forms import Form
from arlen_core.validation import strip
from arlen_openapi.parameters import fallible
from arlen_openapi.returns import ANY
from arlen_openapi.templates import narrow

if TYPE_CHECKING:
    from collections.abc import Sequence

    from arlen_openapi.returns import Sent
    from arlen_openapi.walks import Step

__all__ = ["errors"]


def errors(step: Step, method: str, returned: Sequence[Sent], *, secured: bool) -> list[int]:
    """Return the statuses that Arlen itself may answer in place of the handler.

    Args:
        step: the route.
        method: of the operation.
        returned: what the handler may send.
        secured: whether clients have to say who they are.
    """
    found = {500}
    found |= _input(step) | _body(step)
    found |= {401, 403} if secured or any(not hasattr(each, "responses") for each in step.guards) else set()
    found |= {503} if _late(step) else set()
    found |= _negotiated(step, returned)
    found |= {404, 416} if any(each.status == 206 for each in returned) else set()  # a file
    if method == "GET" and any(each.vague or each.media == "text/html" for each in returned):
        found |= {304, 412}  # a response that the handler made itself may have an ETag
    return sorted(found)


def _input(step: Step) -> set[int]:
    placeholders = step.route.pattern.placeholders
    found = {404} if any(narrow(each.kind) for each in placeholders) else set()
    found |= {400} if placeholders or any(each.source == "query" for each in step.taken) else set()
    return found | ({422} if fallible(step.taken, step.route.pattern) else set())


def _body(step: Step) -> set[int]:
    if step.options.get("body") is not None:
        return {400, 413, 415}
    kinds = [strip(each.kind) for each in step.taken if each.source == "body"]
    if not kinds:
        return set()
    if kinds[0] is Body:
        return {413}
    return {400, 413, 415} if kinds[0] is Form else {400, 413, 415, 422}


def _late(step: Step) -> bool:
    deadline = step.options.get("deadline", step.app.http.deadline)
    return deadline > 0 or any(each.source == "context" for each in step.taken)


def _negotiated(step: Step, returned: Sequence[Sent]) -> set[int]:
    pages = any(each.media == "text/html" or (each.vague and each.media != ANY) for each in returned)
    formats = bool(step.route.formats) and any(each.media == ANY for each in returned)
    return {406} if pages or formats else set()

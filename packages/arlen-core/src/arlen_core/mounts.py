"""Mounts: other applications below a prefix, be they Arlen's, ASGI or WSGI."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from arlen_core.errors import StartupError
from arlen_core.foreign import Foreign
from arlen_core.lifecycle import Unit

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from arlen_core.requests import Request
    from arlen_core.responses import Response
    from arlen_core.spans import Tracer

    Call = Callable[[Request], Awaitable[Response]]

__all__ = ["adopt", "nested"]


def adopt(
    prefix: str,
    target: Any,
    *,
    timeout: float | None = None,
    failed: Callable[[str, BaseException], object] | None = None,
    tracer: Tracer | None = None,
) -> tuple[Call, Unit]:
    """Return how to call a mounted application, and the unit of its lifecycle.

    Args:
        prefix: where it is mounted.
        target: an `App`, an ASGI application (three parameters) or a WSGI application (two).
        timeout: seconds that an ASGI or WSGI application has to start, and to stop.
        failed: called with a name and an error when one fails where nobody waits for it.
        tracer: who listens to it hears of what happens in the mounted application too.

    Raises `StartupError` when it is none of these, or when `arlen-core[wsgi]` is not installed for a WSGI application.
    """
    name = f"the application mounted at {prefix or '/'}"
    if hasattr(target, "handle") and hasattr(target, "start"):
        return _native(prefix, target, tracer), Unit(name, target.start, target.stop)
    takes = _parameters(target)
    if takes == 2:
        from arlen_core.wsgi import Wsgi  # needs an extra

        foreign = Foreign(Wsgi(target), name, failed=failed, threads=True)
    elif takes == 3:
        foreign = Foreign(target, name, failed=failed)
    else:
        raise StartupError(f"{target!r} cannot be mounted", fix="mount an App, an ASGI or a WSGI application")
    return _foreign(prefix, foreign), Unit(name, foreign.start, foreign.stop, timeout)


def nested(app: Any, above: tuple[Any, ...] = ()) -> None:
    """Raise `StartupError` when an application is mounted inside itself, at whatever depth."""
    if any(app is each for each in above):
        raise StartupError(f"the application {app.title!r} is mounted inside itself", fix="remove one of the mounts")
    for each in app.flat():
        target = getattr(each, "target", None)
        if hasattr(target, "flat"):
            nested(target, (*above, app))


def _native(prefix: str, target: Any, tracer: Tracer | None) -> Call:
    async def call(request: Request) -> Response:
        if tracer is not None and tracer.on:
            tracer.record(request)  # one record for both
        child = request.below(prefix, request.state.pop("mounted"))
        response: Response = await target.handle(child)
        request.failure = request.failure or child.failure
        request.template = child.template or request.template
        request.state.setdefault("mounts", []).append((target, child, response))  # its own work after the response
        return _marked(response, prefix)

    return call


def _foreign(prefix: str, foreign: Foreign) -> Call:
    async def call(request: Request) -> Response:
        return _marked(await foreign.handle(request.below(prefix, request.state.pop("mounted"))), prefix)

    return call


def _marked(response: Response, prefix: str) -> Response:
    response.headers.default("x-arlen-mount-prefix", quote(prefix))
    return response


def _parameters(target: Any) -> int:
    try:
        signature = inspect.signature(target)
    except (TypeError, ValueError):
        return 0
    kinds = {inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD}
    return sum(each.kind in kinds and each.default is each.empty for each in signature.parameters.values())

"""A bare RSGI callable for granian: no framework, the handlers of plain.py."""

from collections.abc import Awaitable, Callable
from typing import Any

from tools.bench.apps import shared
from tools.bench.apps.plain import Answer, Call, Refused, find

__all__ = ["app"]

Fields = dict[str, str]
Next = Callable[[Any, Any, Call], Awaitable[tuple[Answer, Fields]]]


async def app(scope: Any, protocol: Any) -> None:
    """Answer a request."""
    if scope.proto != "http":
        return
    call = Call()
    try:
        (media, body), fields = await CHAIN(scope, protocol, call)
    except Refused as error:
        protocol.response_str(error.status, [("content-type", "text/plain; charset=utf-8")], str(error.status))
        return
    protocol.response_bytes(200, [("content-type", media.decode()), *fields.items()], body)


async def _innermost(scope: Any, protocol: Any, call: Call) -> tuple[Answer, Fields]:
    handler, parts = find(scope.path, scope.method)
    if scope.method == "POST":
        async for chunk in protocol:
            call.chunks.append(chunk)
            call.size += len(chunk)
    return handler(call, scope.query_string, parts), {}


def _tagged(inner: Next) -> Next:
    async def call(scope: Any, protocol: Any, call: Call) -> tuple[Answer, Fields]:
        answer, fields = await inner(scope, protocol, call)
        fields["etag"] = shared.tag(answer[1])
        return answer, fields

    return call


def _session(inner: Next) -> Next:
    async def call(scope: Any, protocol: Any, call: Call) -> tuple[Answer, Fields]:
        call.session = shared.load_session(scope.headers.get("cookie"))
        answer, fields = await inner(scope, protocol, call)
        if call.session:
            fields["set-cookie"] = shared.save_session(call.session)
        return answer, fields

    return call


def _secured(inner: Next) -> Next:
    async def call(scope: Any, protocol: Any, call: Call) -> tuple[Answer, Fields]:
        answer, fields = await inner(scope, protocol, call)
        fields.update(shared.SECURITY)
        return answer, fields

    return call


def _timed(inner: Next) -> Next:
    async def call(scope: Any, protocol: Any, call: Call) -> tuple[Answer, Fields]:
        start = shared.clock()
        answer, fields = await inner(scope, protocol, call)
        fields["server-timing"] = shared.elapsed(start)
        return answer, fields

    return call


def _named(inner: Next) -> Next:
    async def call(scope: Any, protocol: Any, call: Call) -> tuple[Answer, Fields]:
        name = shared.identity(scope.headers.get("x-request-id"))
        answer, fields = await inner(scope, protocol, call)
        fields["x-request-id"] = name
        return answer, fields

    return call


CHAIN: Next = _named(_timed(_secured(_session(_tagged(_innermost))))) if shared.LAYERED else _innermost

"""A bare ASGI callable: no framework, the handlers of plain.py."""

from typing import Any

from tools.bench.apps import layers, shared
from tools.bench.apps.plain import Call, Refused, find

__all__ = ["app", "bare"]


async def bare(scope: Any, receive: layers.Receive, send: layers.Send) -> None:
    """Answer a request."""
    if scope["type"] != "http":
        return
    status, call = 200, Call()
    try:
        handler, parts = find(scope["path"], scope["method"])
        if scope["method"] == "POST":
            await _read(call, receive)
        call.session = scope.get("session", call.session)
        media, body = handler(call, scope["query_string"].decode("latin-1"), parts)
    except Refused as error:
        status, media, body = error.status, b"text/plain; charset=utf-8", str(error.status).encode()
    fields = [(b"content-type", media), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": fields})
    await send({"type": "http.response.body", "body": body})


async def _read(call: Call, receive: layers.Receive) -> None:
    more = True
    while more:
        message = await receive()
        chunk = message.get("body", b"")
        call.chunks.append(chunk)
        call.size += len(chunk)
        more = message.get("more_body", False)


app = layers.wrap(bare) if shared.LAYERED else bare

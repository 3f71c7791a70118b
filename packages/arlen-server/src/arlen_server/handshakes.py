"""Handshakes: how an HTTP request becomes a WebSocket (RFC 6455 §4.2)."""

from __future__ import annotations

from websockets.datastructures import Headers
from websockets.extensions.permessage_deflate import ServerPerMessageDeflateFactory
from websockets.http11 import Request as Opening
from websockets.protocol import State
from websockets.server import ServerProtocol

from arlen_core.headers import Raw
from arlen_core.requests import Request
from arlen_server.refusals import Refusal

__all__ = ["open_engine"]

_VERSION = "13"


def open_engine(request: Request, max_message: int) -> tuple[ServerProtocol, Raw]:
    """Check the request for a WebSocket.

    Args:
        request: the one that wants to become a WebSocket.
        max_message: most bytes of one message.

    Returns the engine, ready for frames, and the fields of the answer that accepts. Raises `Refusal`: 426 when the
    request asks for no WebSocket or for another version, 400 when something about its handshake is wrong.
    """
    if request.upgrade != "websocket":
        raise Refusal(426, "upgrade_required", "this address speaks WebSocket only", {"Upgrade": "websocket"})
    if request.headers.all("sec-websocket-version") != [_VERSION]:
        wanted = {"Sec-WebSocket-Version": _VERSION}
        raise Refusal(426, "version_unsupported", "the version of the WebSocket protocol must be 13", wanted)
    if "transfer-encoding" in request.headers or (request.headers.get("content-length") or "0").strip("0"):
        raise Refusal(400, "handshake_invalid", "a WebSocket handshake has no body")  # it would be read as frames
    # small windows: 20 KiB a connection instead of 320, for a little less compression
    deflate = ServerPerMessageDeflateFactory(
        server_max_window_bits=12, client_max_window_bits=12, compress_settings={"memLevel": 5}
    )
    handshake = ServerProtocol(extensions=[deflate])
    answer = handshake.accept(Opening(request.target.decode(), Headers(request.headers.items())))
    if answer.status_code != 101:
        raise Refusal(400, "handshake_invalid", f"the WebSocket handshake is wrong: {handshake.handshake_exc}")
    engine = ServerProtocol(state=State.OPEN, max_size=max_message)
    engine.extensions = handshake.extensions
    sent = {"upgrade", "connection", "sec-websocket-accept", "sec-websocket-extensions"}
    fields = [(name.lower(), value) for name, value in answer.headers.raw_items() if name.lower() in sent]
    return engine, [(name.encode(), value.encode()) for name, value in fields]

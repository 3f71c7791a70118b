"""Flash: a message for the next page that a client sees, kept in a signed cookie until then."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

if TYPE_CHECKING:
    from arlen_core.clock import Clock
    from arlen_core.requests import Request
    from arlen_core.responses import Response
    from arlen_web.signing import Signer

__all__ = ["COOKIE", "LIMIT", "Flash", "Message"]

COOKIE = "arlen_flash"
"""The name of the cookie."""

LIMIT = 3500
"""Most characters of the cookie's value; browsers take 4,096 bytes with name and attributes."""

_NEW, _OLD, _SEEN = "flash", "arlen_web.flash", "arlen_web.flash_seen"


class Message(Struct, frozen=True):
    """One message: what it says, and of which kind it is, such as "info" or "error"."""

    message: str
    kind: str = "info"


class Flash:
    """Carries messages from `ctx.flash(...)` to the page that shows them.

    Args:
        signer: signs the cookie; `None` when there is no secret: messages are then only seen in the same answer.
        clock: tells how old a message is.
        log: where dropped messages are noted.
        seconds: how long a message waits.
    """

    def __init__(self, signer: Signer | None, clock: Clock, log: Any, seconds: int = 300) -> None:
        self._signer, self._clock, self._log, self._seconds = signer, clock, log, seconds
        self._decode = msgspec.json.Decoder(list[Message]).decode

    def take(self, request: Request) -> list[Message]:
        """Return the messages of earlier requests and of this one, the oldest first; they are then used up."""
        old, new = self._old(request), self._new(request)
        request.state[_OLD], request.state[_NEW] = [], []
        if old or new:
            request.state[_SEEN] = True
        return old + new

    def store(self, request: Request, response: Response) -> Response:
        """Put what is left into the cookie, or delete a cookie whose messages were shown; the last step of a request.

        An answer that shows or sets messages is for one client, once, so it says `Cache-Control: no-store` unless the
        handler said something else.
        """
        new = self._new(request)
        value = self._fitted(self._old(request) + new, request) if new else ""
        secure = request.scheme == "https"
        if value:
            response.cookie(COOKIE, value, max_age=self._seconds, secure=secure)
        elif _SEEN in request.state and COOKIE in request.cookies:
            response.cookie(COOKIE, "", max_age=0, secure=secure)
        if value or _SEEN in request.state:
            response.headers.default("cache-control", "no-store")
        return response

    def _fitted(self, messages: list[Message], request: Request) -> str:
        if self._signer is None:
            self._log.error("flash.dropped", reason="[web] secret is not set", path=request.path, dropped=len(messages))
            return ""
        for first in range(len(messages)):
            value = self._signer.sign(msgspec.json.encode(messages[first:]), self._now())
            if len(value) <= LIMIT:
                break
        else:
            first, value = len(messages), ""
        if first:
            self._log.warning("flash.dropped", reason="the cookie would be too large", path=request.path, dropped=first)
        return value

    def _new(self, request: Request) -> list[Message]:
        return [Message(str(row["message"]), str(row["kind"])) for row in request.state.get(_NEW, [])]

    def _old(self, request: Request) -> list[Message]:
        if _OLD not in request.state:
            request.state[_OLD] = self._read(request)
        return list(request.state[_OLD])

    def _read(self, request: Request) -> list[Message]:
        token = request.cookies.get(COOKIE, "")
        if not token or self._signer is None or len(token) > LIMIT:
            return []
        data = self._signer.read(token, self._now(), max_age=self._seconds)
        try:
            return [] if data is None else self._decode(data)
        except msgspec.MsgspecError:
            return []

    def _now(self) -> int:
        return int(self._clock.now().timestamp())

"""Refresh: in development, pages reload themselves when the application or its files change."""

from __future__ import annotations

import re
from asyncio import Queue
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from arlen_core.responses import Response, Stream
from arlen_core.uniforms import wear
from arlen_server.viewer import Viewer

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, AsyncIterator

    from arlen_core.requests import Request
    from arlen_server.traces import Traces

__all__ = ["EVENTS", "SCRIPT", "STATE", "Hub", "Refresh", "allow", "inject"]

SCRIPT = b"/__arlen__/refresh.js"
"""Path of the script, reserved in development."""

EVENTS = b"/__arlen__/events"
"""Path of the event stream, reserved in development."""

STATE = b"/api/dev/build-error"
"""Path that says as JSON what is broken, or that nothing is; reserved in development."""

_OURS = {SCRIPT, EVENTS, STATE}
_NAVIGATION = {b"accept-encoding", b"if-none-match", b"if-modified-since"}
_BODY = {b"content-length", b"etag", b"last-modified", b"accept-ranges"}
_END = re.compile(rb"</body\s*>", re.IGNORECASE)
_NONCE = re.compile(r"'nonce-([A-Za-z0-9+/_=-]+)'")


class Hub:
    """The pages that listen, and the version that they should show.

    Args:
        boot: differs for each process that serves, so that a restart is a new version.

    >>> hub = Hub("a1")
    >>> hub.tell(css=False)
    >>> hub.version
    'a1.1'
    """

    def __init__(self, boot: str) -> None:
        self._boot = boot
        self._changes = 0
        self._queues: set[Queue[str | None]] = set()

    @property
    def version(self) -> str:
        """What a page must carry to be current."""
        return f"{self._boot}.{self._changes}"

    def tell(self, *, css: bool) -> None:
        """Something changed: pages reload, or with `css` take their style sheets anew."""
        self._changes += 1
        for queue in self._queues:
            queue.put_nowait(_event("css" if css else "version", self.version))

    def close(self) -> None:
        """End every stream, so that a process which stops need not wait for them."""
        for queue in self._queues:
            queue.put_nowait(None)

    def answer(self, target: bytes) -> Response | None:
        """The script or the event stream; `None` for any other path."""
        if target == SCRIPT:
            code = Path(__file__).with_name("refresh.js").read_bytes()
            return Response(code, media="text/javascript; charset=utf-8", headers={"cache-control": "no-cache"})
        if target == EVENTS:
            return Stream(self._events(), media="text/event-stream", headers={"cache-control": "no-store"})
        return None

    def tag(self, nonce: str = "") -> bytes:
        """The script element for a page."""
        mark = f' nonce="{escape(nonce)}"' if nonce else ""
        return f'<script src="{SCRIPT.decode()}?v={self.version}"{mark} defer></script>'.encode()

    async def _events(self) -> AsyncIterator[str]:
        queue: Queue[str | None] = Queue()
        self._queues.add(queue)
        try:
            yield "retry: 300\n" + _event("version", self.version)
            while (event := await queue.get()) is not None:
                yield event
        finally:
            self._queues.discard(queue)


class Refresh:
    """An application with the development paths in front, and the script in its pages; everything else is its own.

    Args:
        app: the application.
        hub: see `Hub`.
        browser: put the script into pages.
        traces: the last requests, when they are kept; the page that shows them is in front too.
    """

    def __init__(self, app: Any, hub: Hub, *, browser: bool = True, traces: Traces | None = None) -> None:
        self._app = app
        self._hub = hub
        self._browser = browser
        self._traces = traces
        self._viewer = None if traces is None else Viewer(traces)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._app, name)

    async def handle(self, request: Request) -> Response:
        """Answer a development path, or let the application answer and put the script into its page."""
        if request.target == STATE:
            return _fine()
        own = self._hub.answer(request.target)
        if own is not None:
            return own
        if self._viewer is not None and self._viewer.owns(request.target):
            return self._viewer.answer(request)
        page = self._browser and request.method == "GET" and b"text/html" in _accept(request)
        if page:  # nothing kept from before the change, and nothing compressed
            request.raw = [pair for pair in request.raw if pair[0] not in _NAVIGATION]
        answer: Response = await self._app.handle(request)
        wear(request, answer)
        return inject(answer, self._hub) if page else answer

    def finish(self, request: Request, response: Response, **outcome: Any) -> None:
        """Tell the application, unless it never saw the request."""
        if request.target in _OURS or (self._viewer is not None and self._viewer.owns(request.target)):
            return
        self._app.finish(request, response, **outcome)
        if self._traces is not None:
            self._traces.dress(request, response)


def inject(answer: Response, hub: Hub) -> Response:
    """Put the script into an HTML page, whether it is whole, a stream or a file; leave anything else alone.

    >>> inject(Response("<p>hi</p>", media="text/html"), Hub("a1")).body
    b'<p>hi</p><script src="/__arlen__/refresh.js?v=a1.0" defer></script>'
    """
    if answer.media != "text/html" or answer.status == 206 or "content-encoding" in answer.headers:
        return answer
    tag = hub.tag(_permit(answer))
    if answer.stream is not None:
        streamed = Stream(_followed(answer.stream, tag), answer.status)
        streamed.raw[:] = [pair for pair in answer.raw if pair[0] not in _BODY]
        return streamed
    body = answer.body or b""
    ends = [found.start() for found in _END.finditer(body)]
    at = ends[-1] if ends else len(body)
    answer.body = body[:at] + tag + body[at:]
    answer.raw[:] = [pair for pair in answer.raw if pair[0] != b"content-length"]
    return answer


def allow(policy: str) -> tuple[str, str]:
    """Let a Content-Security-Policy load the script and its events; also its nonce, or "".

    >>> allow("default-src 'none'; style-src 'self'")
    ("default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'", '')
    >>> allow("default-src 'self'")
    ("default-src 'self'", '')
    """
    rules = dict.fromkeys(part.strip() for part in policy.split(";") if part.strip())
    found = {rule.partition(" ")[0].lower(): rule for rule in rules}
    nonce = _NONCE.search(found.get("script-src", ""))
    default = found.get("default-src")
    for name in ("script-src", "connect-src"):
        rule = found.get(name, default)
        if rule is None or "'self'" in rule.split():
            continue
        kept = [source for source in rule.split()[1:] if source != "'none'"]
        found[name] = " ".join([name, *kept, "'self'"])
    return "; ".join(found.values()), nonce[1] if nonce else ""


def _permit(answer: Response) -> str:
    policy = answer.headers.get("content-security-policy")
    if not policy:
        return ""
    changed, nonce = allow(policy)
    answer.headers.set("content-security-policy", changed)
    return nonce


async def _followed(source: AsyncIterable[bytes | str], tag: bytes) -> AsyncIterator[bytes | str]:
    try:
        async for chunk in source:
            yield chunk
        yield tag
    finally:
        if close := getattr(source, "aclose", None):
            await close()


def _accept(request: Request) -> bytes:
    return b",".join(value for name, value in request.raw if name == b"accept")


def _event(name: str, data: str) -> str:
    return f"event: {name}\ndata: {data}\n\n"


def _fine() -> Response:
    return Response(b'{"status":"ok","error":null}\n', media="application/json", headers={"cache-control": "no-store"})

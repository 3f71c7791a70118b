"""Pages: what the development server answers while the application cannot run."""

from __future__ import annotations

import secrets
from html import escape
from typing import TYPE_CHECKING, Any

import msgspec

from arlen_core.negotiation import choose
from arlen_core.responses import Response
from arlen_server.refresh import STATE, Hub, inject

if TYPE_CHECKING:
    from arlen_core.requests import Request
    from arlen_server.failures import Failure

__all__ = ["Broken"]

_STYLE = """
:root { color-scheme: light dark; --edge: #8884; --bad: #c22; }
body { font: 15px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 62rem; padding: 2rem 1rem; }
h1 { font-size: 1.3rem; margin: 0; overflow-wrap: anywhere; } .stage { color: var(--bad); margin: 0; }
.where, .note { opacity: .75; margin: .2rem 0 1rem; } .hint { margin: 1rem 0; }
pre { margin: 1rem 0; padding: .6rem .8rem; overflow-x: auto; background: #8881; border-left: 3px solid var(--bad);
  font: 13px/1.5 ui-monospace, monospace; }
details { border: 1px solid var(--edge); border-radius: 8px; } details pre { margin: 0; border: 0; }
summary { cursor: pointer; padding: .5rem .8rem; }
"""
_STAGES = {
    "load": "The application could not be loaded",
    "start": "The application could not start",
    "serve": "The server could not listen",
    "exit": "The application ended",
}


class Broken:
    """An application that answers every request with why the real one does not run.

    The answer is 503 with `Retry-After`: HTML for a browser, `application/problem+json` for a client that wants JSON
    and at `/api/dev/build-error`, text for others. Its members are those of `arlen_server.failures.Failure`, with
    `code` "dev_build_failed", `auto_retry_seconds` and `auto_refresh_seconds`.

    Args:
        failure: why.
        hub: the pages that listen; they reload when the application is back.
        retry: seconds until the next try by itself, 0 for none.
        refresh: seconds after which a page without JavaScript loads itself again.
        browser: put the refresh script into the page.
    """

    name = "boomhauer"
    debug = True

    def __init__(self, failure: Failure, hub: Hub, *, retry: float, refresh: int, browser: bool = True) -> None:
        self.failure = failure
        self.retry = retry
        self._hub = hub
        self._refresh = refresh
        self._browser = browser

    def change(self, failure: Failure, retry: float) -> None:
        """Show this failure from now on; pages that show another one reload."""
        if failure.key != self.failure.key:
            self._hub.tell(css=False)
        self.failure, self.retry = failure, retry

    async def start(self) -> None:
        """Nothing to start."""

    async def stop(self) -> None:
        """Nothing to stop."""

    async def handle(self, request: Request) -> Response:
        """Answer with the failure, or with a development path."""
        own = self._hub.answer(request.target)
        return own if own is not None else self._answer(request)

    def finish(self, request: Request, response: Response, **outcome: Any) -> None:
        """Nothing to do after an answer."""

    def drain(self) -> None:
        """Nothing is ready here anyway."""

    def _answer(self, request: Request) -> Response:
        kind = _kind(request)
        if kind == "html":
            answer = self._page()
        elif kind == "json":
            answer = Response(msgspec.json.encode(self.members()) + b"\n", 503, media="application/problem+json")
        else:
            answer = Response(self._text(), 503)
        answer.headers.set("retry-after", str(max(1, round(self.retry or self._refresh))))
        answer.headers.set("cache-control", "no-store")
        answer.headers.vary("accept")
        return answer

    def members(self) -> dict[str, Any]:
        """Return the members of the problem document (RFC 9457)."""
        return {
            "type": "about:blank",
            "title": _STAGES.get(self.failure.stage, "The application does not run"),
            "status": 503,
            "detail": self.failure.message,
            "code": "dev_build_failed",
            "errors": [],
            **msgspec.to_builtins(self.failure),
            "auto_retry_seconds": self.retry,
            "auto_refresh_seconds": self._refresh,
        }

    def _page(self) -> Response:
        nonce, members = secrets.token_urlsafe(16), self.members()
        shown = {name: escape(str(value)) for name, value in members.items()}
        place = f'<p class="where">{shown["file"]}:{shown["line"]}</p>' if members["file"] else ""
        snippet = f"<pre>{shown['snippet']}</pre>" if members["snippet"] else ""
        output = (
            f"<details><summary>Output</summary><pre>{shown['output']}</pre></details>" if members["output"] else ""
        )
        body = (
            f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{shown["title"]}</title>'
            f'<meta http-equiv="refresh" content="{self._refresh}"><style nonce="{nonce}">{_STYLE}</style></head><body>'
            f'<p class="stage">{shown["title"]}</p><h1>{shown["message"]}</h1>{place}{snippet}'
            f'<p class="hint">{shown["hint"]}</p>{output}'
            '<p class="note">This page loads itself again when the application is back.</p></body></html>'
        )
        policy = f"default-src 'none'; style-src 'nonce-{nonce}'; base-uri 'none'; form-action 'none'"
        media, headers = "text/html; charset=utf-8", {"content-security-policy": policy}
        answer = Response(body, 503, media=media, headers=headers)
        return inject(answer, self._hub) if self._browser else answer

    def _text(self) -> str:
        failure, title = self.failure, self.members()["title"]
        place = f"{failure.file}:{failure.line}" if failure.file else ""
        return "\n\n".join(filter(None, [f"{title}: {failure.message}", place, failure.snippet, failure.hint])) + "\n"


def _kind(request: Request) -> str:
    path = request.target
    if path == STATE or path.endswith(b".json"):
        return "json"
    offered = ["txt", "html", "application/problem+json", "json"]
    if path.startswith(b"/api/"):
        offered = ["application/problem+json", "json", "html", "txt"]
    kind = choose(request, offered) or "txt"
    return kind if kind in {"html", "txt"} else "json"

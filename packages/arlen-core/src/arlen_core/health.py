"""Health: the reserved paths that tell a supervisor whether to send requests here, or to restart."""

from __future__ import annotations

from datetime import UTC, datetime
from time import monotonic
from typing import TYPE_CHECKING, Any

from arlen_core.negotiation import choose
from arlen_core.responses import Response, json, text

if TYPE_CHECKING:
    from arlen_core.requests import Request

__all__ = ["Health"]


class Health:
    """Answers `/healthz`, `/livez` (the process runs) and `/readyz` (send requests here), as text or JSON.

    Attributes:
        ready: false until the application has started, and from the moment that it drains.
    """

    def __init__(self) -> None:
        self.ready = False
        self.draining = False
        self._since = monotonic()

    async def alive(self, request: Request) -> Response:
        """Answer `/healthz` and `/livez`: always 200."""
        word = "live" if request.target.startswith(b"/livez") else "ok"
        return self._answer(request, word, 200, signal="live" if word == "live" else "health")

    async def readiness(self, request: Request) -> Response:
        """Answer `/readyz`: 200 "ready", or 503 "not_ready"."""
        good = self.ready and not self.draining
        made = self._answer(request, "ready" if good else "not_ready", 200 if good else 503, signal="ready")
        if not good:
            made.headers.set("retry-after", "1")
        return made

    def _answer(self, request: Request, word: str, status: int, *, signal: str) -> Response:
        made = text(word + "\n", status)
        if choose(request, ["txt", "json"]) == "json" or request.query.get("format") == "json":
            made = json(self._details(word, status, signal), status)
        made.headers.set("cache-control", "no-store")
        return made

    def _details(self, word: str, status: int, signal: str) -> dict[str, Any]:
        checks = {
            "startup": {"ok": self.ready, "required_for_readyz": True},
            "draining": {"ok": not self.draining, "required_for_readyz": True},
        }
        now = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        uptime = int(monotonic() - self._since)
        return {
            "ok": status == 200,
            "signal": signal,
            "status": word,
            "timestamp_utc": now,
            "uptime_seconds": uptime,
            "ready": self.ready and not self.draining,
            "checks": checks,
        }

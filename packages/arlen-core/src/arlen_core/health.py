"""Health: the reserved paths that tell a supervisor whether to send requests here, or to restart."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, Any

import anyio

from arlen_core.clock import Clock, SystemClock
from arlen_core.errors import StartupError
from arlen_core.negotiation import choose
from arlen_core.responses import Response, json, text

if TYPE_CHECKING:
    from arlen_core.requests import Request

__all__ = ["Check", "Facts", "Health"]

_OWN = ("startup", "draining")


class Facts(dict[str, Any]):
    """What a check returns to have it told in the answer: counts and words that everybody may know.

    An exception of a check that has them as its attribute `facts` tells them, too.

    >>> Facts(observed=2, expected=3)
    {'observed': 2, 'expected': 3}
    """


class Health:
    """Answers `/healthz`, `/livez` (the process runs) and `/readyz` (send requests here), as text or JSON.

    Args:
        clock: what the age of a check's result is measured with.
        log: gets a line when a check begins to fail, and when it is well again.

    Attributes:
        ready: false until the application has started, and from the moment that it drains.

    >>> import anyio
    >>> from arlen_core.requests import Request
    >>> health = Health()
    >>> health.ready = True
    >>> async def disk_full() -> None:
    ...     raise OSError("no space left")
    >>> health.add("disk", disk_full)
    >>> anyio.run(health.readiness, Request(target=b"/readyz")).status
    503
    """

    def __init__(self, clock: Clock | None = None, log: Any = None) -> None:
        self.ready = False
        self.draining = False
        self._since = monotonic()
        self._clock: Clock = SystemClock() if clock is None else clock
        self._log = log
        self._checks: dict[str, Check] = {}

    def add(
        self,
        name: str,
        check: Callable[[], Awaitable[object]],
        *,
        timeout: float = 2.0,
        every: float = 1.0,
        critical: bool = True,
    ) -> None:
        """Ask something that the application needs, a database or a queue, whenever somebody asks for `/readyz`.

        Args:
            name: a word for it; `StartupError` when it is taken.
            check: a coroutine function without arguments; raising says what is wrong, returning that all is well. It
                may return `Facts`.
            timeout: seconds that it may take, more than 0.
            every: seconds for which its result counts, so that many who ask cost no more than one; 0 asks each time.
            critical: whether its failure makes `/readyz` answer 503; else it is only told.

        Answers name checks and say "ok", "failed" or "timeout". The reason goes to the log: `/readyz` is for everybody.
        """
        if name in self._checks or name in _OWN:
            raise StartupError(f"there are two health checks called {name!r}", fix="give one another name")
        if timeout <= 0 or every < 0:
            raise StartupError(f"the health check {name!r} has no time", fix="use a timeout over 0 and every from 0")
        self._checks[name] = Check(name, check, self._clock, timeout=timeout, every=every, critical=critical)

    async def alive(self, request: Request) -> Response:
        """Answer `/healthz` and `/livez`: always 200."""
        word = "live" if request.target.startswith(b"/livez") else "ok"
        return self._answer(request, word, 200, self._own(), signal="live" if word == "live" else "health")

    async def readiness(self, request: Request) -> Response:
        """Answer `/readyz`: 200 "ready", or 503 "not_ready" when a critical check fails, too."""
        checks = self._own()
        if self.ready and not self.draining:  # else what the checks need may not be there
            checks |= await self._asked()
        good = all(each["ok"] for each in checks.values() if each["required_for_readyz"])
        made = self._answer(request, "ready" if good else "not_ready", 200 if good else 503, checks, signal="ready")
        if not good:
            made.headers.set("retry-after", "1")
        return made

    async def _asked(self) -> dict[str, dict[str, Any]]:
        async with anyio.create_task_group() as group:
            for each in self._checks.values():
                group.start_soon(partial(each.ask, self._log))
        return {
            name: {"ok": each.status == "ok", "required_for_readyz": each.critical, "status": each.status} | each.facts
            for name, each in self._checks.items()
        }

    def _own(self) -> dict[str, dict[str, Any]]:
        return {
            "startup": {"ok": self.ready, "required_for_readyz": True, "started": self.ready},
            "draining": {"ok": not self.draining, "required_for_readyz": True},
        }

    def _answer(self, request: Request, word: str, status: int, checks: dict[str, Any], *, signal: str) -> Response:
        made = text(word + "\n", status)
        if choose(request, ["txt", "json"]) == "json" or request.query.get("format") == "json":
            made = json(self._details(word, status, signal, checks), status)
        made.headers.set("cache-control", "no-store")
        return made

    def _details(self, word: str, status: int, signal: str, checks: dict[str, Any]) -> dict[str, Any]:
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


class Check:
    """One thing that is asked; those who ask at the same time share one answer. See `Health.add` for the arguments.

    Attributes:
        status: "ok", "failed" or "timeout"; "" before it was asked.
        facts: what it told beside that.
    """

    def __init__(
        self,
        name: str,
        call: Callable[[], Awaitable[object]],
        clock: Clock,
        *,
        timeout: float,
        every: float,
        critical: bool,
    ) -> None:
        self.name, self.critical, self.status = name, critical, ""
        self.facts: dict[str, Any] = {}
        self._call, self._clock = call, clock
        self._timeout, self._every = timeout, every
        self._lock = anyio.Lock()
        self._asked = 0.0
        self._turn = 0

    async def ask(self, log: Any = None) -> None:
        """Ask, unless the last answer still counts; a change goes to the log."""
        turn = self._turn
        async with self._lock:
            fresh = self.status and self._clock.monotonic() - self._asked < self._every
            if fresh or turn != self._turn:  # somebody else has asked while this one waited
                return
            before, (self.status, error) = self.status, await self._result()
            self._asked = self._clock.monotonic()
            self._turn += 1
        if log is not None and error is not None and before in {"", "ok"}:
            log.error("health.check.failed", check=self.name, status=self.status, exc_info=error)
        elif log is not None and error is None and before not in {"", "ok"}:
            log.info("health.check.recovered", check=self.name)

    async def _result(self) -> tuple[str, Exception | None]:
        try:
            with anyio.fail_after(self._timeout) as scope:
                self.facts = _facts(await self._call())
        except Exception as error:  # noqa: BLE001  # whatever it is, the answer is that it failed
            self.facts = _facts(getattr(error, "facts", None))
            return "timeout" if scope.cancelled_caught else "failed", error
        return "ok", None


def _facts(told: object) -> dict[str, Any]:
    """Keep what was meant for everybody: a row of a database that a check returns by chance is not."""
    own = {"ok", "required_for_readyz", "status"}
    return {name: value for name, value in told.items() if name not in own} if isinstance(told, Facts) else {}

"""Deliveries: what an application's spans and meters learn of its outbox."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING, Any

from arlen_core.meters import Meters
from arlen_core.spans import Tracer

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from contextlib import AbstractContextManager

    from arlen_core.spans import Span
    from arlen_data.effects import Effect

__all__ = ["Deliveries"]

_PERIOD = 15.0  # seconds between two looks at how much there is to do


class Deliveries:
    """Tells what a relay does; without an application, nobody.

    Args:
        meters: of the application.
        spans: the same.
        backlog: how much there is to do: effects that wait, dead ones, and the age of the oldest.
    """

    def __init__(
        self,
        meters: Meters | None = None,
        spans: Tracer | None = None,
        backlog: Callable[[], Awaitable[Any]] | None = None,
    ) -> None:
        self._meters = Meters() if meters is None else meters
        self._spans = Tracer() if spans is None else spans
        self._backlog = backlog
        self._next = 0.0
        self._count = self._meters.counter(
            "arlen.outbox.deliveries",
            "Attempts to deliver an effect, by how they went: delivered, failed, or failed for the last time.",
            labels=("kind", "outcome"),
            unit="{effect}",
        )
        gauge = self._meters.gauge  # the relay that delivers tells, and all others say 0
        self._waiting = gauge("arlen.outbox.waiting", "Effects that wait.", unit="{effect}", combine="max")
        self._dead = gauge("arlen.outbox.dead", "Effects that nobody tries any more.", unit="{effect}", combine="max")
        self._oldest = gauge("arlen.outbox.oldest", "Age of the oldest one that waits.", unit="s", combine="max")

    def span(self, effect: Effect) -> AbstractContextManager[Span]:
        """Return the span of one attempt, for `with`."""
        facts: dict[str, Any] = {
            "messaging.system": "arlen.outbox",
            "messaging.operation.type": "process",
            "messaging.destination.name": effect.kind,
            "messaging.message.id": effect.id,
            "arlen.outbox.attempts": effect.attempts,
        }
        return self._spans.span(f"deliver {effect.kind}", "consumer", **facts)

    def ended(self, kind: str, outcome: str) -> None:
        """Count an attempt: "delivered", "failed" or "dead"."""
        self._count.add(1, kind, outcome)

    async def measure(self) -> None:
        """Look how much there is to do, when somebody keeps the numbers and it is time again."""
        if self._meters.attached and self._backlog is not None and monotonic() >= self._next:
            self._next = monotonic() + _PERIOD
            found = await self._backlog()
            self._show(found.waiting, found.dead, found.oldest)

    def leave(self) -> None:
        """Say nothing about it any more: another relay does."""
        self._next = 0.0
        self._show(0, 0, 0.0)

    def _show(self, waiting: int, dead: int, oldest: float) -> None:
        self._waiting.set(waiting)
        self._dead.set(dead)
        self._oldest.set(oldest)

"""Telemetry: a span and a time for each page that is made."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING, Any

from arlen_core.spans import Tracer

if TYPE_CHECKING:
    from arlen_core.app import App
    from arlen_web.views import Views

__all__ = ["Telemetry"]

_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)


class Telemetry:
    """Watches the views of an application while anybody wants to know; `app.use(Web())` makes one.

    Args:
        views: make the pages.
        app: its spans and meters are told.
    """

    def __init__(self, views: Views, app: App) -> None:
        self._views, self._meters = views, app.meters
        took = "Time that it took to make a page, by its template, the ones that it includes among them."
        self._durations = app.meters.histogram("template.render.duration", took, labels=("template",), buckets=_SECONDS)
        self._tracer = Tracer(partial(_failed, app), self.look)
        self._tracer.under(app.spans)

    def look(self) -> None:
        """Begin or end to watch, as somebody wants it: spans tell by themselves, and the start asks for the meters."""
        on = self._tracer.on or self._meters.attached
        self._views.watch = self.render if on else None

    def render(self, name: str, values: Mapping[str, Any]) -> str:
        """Make a page, and tell."""
        views, begun = self._views, perf_counter()
        with self._tracer.span(f"render {name}") as span:
            span.set("arlen.stage", "render")
            span.set("arlen.template", name)
            known = views.cached(name)
            template = views.env.get_template(name)
            span.set("arlen.template.cached", template is known)
            try:
                return template.render(values)
            finally:
                self._durations.record(perf_counter() - begun, name)


def _failed(app: App, part: str, error: BaseException) -> None:
    app.log.error("http.late.failed", part=part, exc_info=error)

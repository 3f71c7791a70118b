"""Plugin: what gives an application `/metrics` and `/clusterz`, and keeps the numbers of its instruments."""

from __future__ import annotations

import asyncio
import errno
import os
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from arlen_core.errors import ConfigError, HTTPError
from arlen_core.health import Facts
from arlen_core.plugins import Plugin
from arlen_metrics import aliases, processes, workers
from arlen_metrics.cluster import Cluster
from arlen_metrics.files import Full
from arlen_metrics.formats import answer
from arlen_metrics.guards import Guard
from arlen_metrics.loops import Beat
from arlen_metrics.names import check
from arlen_metrics.registry import Registry
from arlen_metrics.settings import ClusterSettings, Settings
from arlen_metrics.store import Alone, Shared
from arlen_metrics.traffic import Traffic

if TYPE_CHECKING:
    from arlen_core.app import App
    from arlen_core.requests import Request
    from arlen_core.responses import Response
    from arlen_metrics.totals import Family

__all__ = ["RUN", "Metrics"]

RUN = "ARLEN_RUN"
"""The variable in which a supervisor names its folder."""


_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.ENOMEM})


class Metrics(Plugin):
    """Keeps what an application counts and measures: `metrics = app.use(Metrics())`.

    Args:
        folder: where the processes of the host share their numbers, in place of the setting's.

    The numbers count from the moment that all plugins are registered, at the latest when the application starts.

    >>> from arlen_core import App
    >>> from arlen_core.testing import run
    >>> app = App("shop", environ={})
    >>> metrics = app.use(Metrics())
    >>> orders = app.meters.counter("shop.orders", "Orders that came in.", unit="{order}")
    >>> @app.post("/orders")
    ... async def order() -> None:
    ...     orders.add(2)
    >>> run(app, "POST", "/orders").status
    204
    >>> "shop_orders_total 2" in run(app, "GET", "/metrics").text
    True
    """

    name = "metrics"
    version = "0.1.0"
    arlen_api = ">=1,<2"
    settings = Settings

    def __init__(self, *, folder: Path | str | None = None) -> None:
        self._given = folder
        self._beat: asyncio.Task[None] | None = None

    @cached_property
    def registry(self) -> Registry:
        """What keeps the numbers of `app.meters`."""
        return Registry()

    @cached_property
    def cluster(self) -> Cluster:
        """What answers `/clusterz`; tell it how to count machines by its `measure`."""
        return Cluster()

    def register(self, app: App) -> None:
        """Add what this plugin brings; `app.use` has it called. Raises `ConfigError` or `StartupError`."""
        config: Settings = self.config
        run = os.environ.get(RUN)
        self._run = Path(run) if run else None
        self._folder = self._shared(app)
        self._guard = Guard(config.token, config.addresses)
        self.registry.configure(max_series=config.max_series, max_label=config.max_label, log=app.log)
        for each in (*workers.DECLARATIONS, *(aliases.DECLARATIONS if config.aliases else ())):
            check(each, self.registry.taken, f"{each.name} of Arlen")
        app.meters.attach(self.registry)
        if config.http:
            self.traffic = Traffic(app, self.registry)
        self._clock = Beat(self.registry, app.clock, period=config.period, lag=config.lag if config.process else 0.0)
        if config.process:
            processes.observe(app.meters)
            self._clock.declare(app.meters)
        self._clusters(app)
        app.reserve("/metrics", self.answer)
        app.health.add("metrics_registry", self._readable, every=5.0, critical=False)
        app.hook("will_start")(self._open)
        app.hook("did_start")(self._look)
        app.hook("did_stop")(self._close)

    async def start(self, app: App) -> None:
        """Begin to look at what is observed."""
        self._beat = asyncio.get_running_loop().create_task(self._clock.run(), name="metrics")

    async def stop(self, app: App) -> None:
        """Look for the last time."""
        beat, self._beat = self._beat, None
        if beat is not None:
            beat.cancel()
            await asyncio.wait([beat])
        self.registry.refresh()

    def collect(self) -> list[Family]:
        """Return all metrics of all processes of the host, by name. Raises `OSError` when the folder is gone."""
        self.registry.fold()
        totals = self.registry.totals()
        workers.add(workers.read(self._run), totals)
        if self.config.aliases and self.config.http:
            aliases.add(totals)
        return [totals.families[name] for name in sorted(totals.families)]

    async def answer(self, request: Request) -> Response:
        """Answer `/metrics`."""
        self._guard.check(request)
        try:
            return answer(request, self.collect())
        except OSError as error:
            self.registry.tell("metrics.gone", "all of them", folder=str(self._folder), reason=str(error))
            raise HTTPError(503, "the metrics cannot be read", code="metrics_gone") from None

    async def _readable(self) -> Facts:
        shared = self._folder is not None
        return Facts(source="host" if shared else "process", processes=self.registry.living())

    def _shared(self, app: App) -> Path | None:
        given = self._given or self.config.folder
        if given:
            return app.root / given
        return None if self._run is None else self._run / "metrics"

    def _clusters(self, app: App) -> None:
        settings = app.settings("cluster", ClusterSettings)
        self.cluster.configure(settings, self._run, self.registry.living, app.log)

        async def guarded(request: Request) -> Response:
            self._guard.check(request)
            return await self.cluster.answer(request)

        app.reserve("/clusterz", guarded)
        if settings.enabled:
            app.health.add("cluster_quorum", self.cluster.check, critical=settings.readiness_requires_quorum, timeout=5)

    async def _open(self, _: Any) -> None:
        if self._folder is None:
            return
        try:
            self.registry.use(Shared(self._folder, limit=self.config.max_bytes))
            self.registry.fold()
        except (OSError, Full) as error:
            reason = getattr(error, "strerror", None) or str(error) or "it is full"
            if isinstance(error, Full) or error.errno in _NO_ROOM:  # no fault of the configuration: serve all the same
                self.registry.tell("metrics.unshared", "all of them", folder=str(self._folder), reason=reason)
                return
            fix = "name a folder that this user may write to as [metrics] folder"
            raise ConfigError(f"the metrics cannot be shared in {self._folder}: {reason}", fix=fix) from None

    async def _look(self, _: Any) -> None:
        self.registry.refresh()  # now, and not at the first beat: others are scraped meanwhile

    async def _close(self, _: Any) -> None:
        if self._folder is not None:
            self.registry.use(Alone(), keep=False)

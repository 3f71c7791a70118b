"""Plugin: what `app.use(Otel())` gives to an application."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import partial
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, ClassVar

from anyio import to_thread
from msgspec.structs import replace

from arlen_core.errors import ConfigError
from arlen_core.plugins import Plugin
from arlen_otel.exporting import Exporter
from arlen_otel.options import Options
from arlen_otel.resources import described
from arlen_otel.sampling import Sampler, sampled
from arlen_otel.settings import Settings
from arlen_otel.variables import options

if TYPE_CHECKING:
    from arlen_core.app import App
    from arlen_core.spans import Listener
    from arlen_otel.interface import Interface

__all__ = ["Otel"]


class Otel(Plugin):
    """Sends an application's spans to a collector, over OTLP.

    Args:
        config: in the place of the section `[otel]`.
        environ: the variables; those of the process by default.

    Attributes:
        options: what was decided, after `register`.
        exporter: what sends them; `None` when nothing is recorded.

    >>> from arlen_core.app import App
    >>> app = App("shop", env="test")
    >>> otel = app.use(Otel(Settings(endpoint="http://collector:4318"), environ={}))
    >>> app.plugins.settle()
    >>> otel.options.url
    'http://collector:4318/v1/traces'
    """

    name = "otel"
    version = "0.1.0"
    arlen_api = ">=1,<2"
    settings: ClassVar[Any] = Settings

    def __init__(self, config: Settings | None = None, *, environ: Mapping[str, str] | None = None) -> None:
        if config is not None:
            self.config = config
        self._environ = environ
        self.options = Options()
        self.exporter: Exporter | None = None
        self._sampler: Sampler | None = None
        self._interface: Interface | None = None
        self._listener: Listener | None = None

    def register(self, app: App) -> None:
        """Read what is configured, and observe requests.

        Raises `ConfigError` with the key or the variable, the reason and the fix.
        """
        environ = os.environ if self._environ is None else self._environ
        self.options = options(self.config, environ, root=app.root, title=app.title)
        if not self.options.enabled:
            return
        self._sampler = sampler = Sampler(self.options.sampler, self.options.ratio)
        if sampler.marks:
            app.observe(sampler.mark)
        if self.options.sampler == "always_off":
            return
        self.options = replace(self.options, api=_api(self.config.api))
        extra: dict[str, Any] = self._connected(app, sampler) if self.options.api else {}
        self.exporter = Exporter(self.options, app.log, app.env, **extra)
        _meters(app, self.exporter)

    async def start(self, app: App) -> None:
        """Begin to take spans."""
        if self.exporter is None or self._sampler is None:
            return
        self.exporter.start()
        self._listener = app.spans.listen(self.exporter.put, sample=sampled, decide=self._sampler.decide)
        if self._interface is not None:
            self._interface.start(described(self.options.resource, app.env))

    async def stop(self, app: App) -> None:
        """Take no more, and send those that are left, for at most `drain` seconds."""
        if self.exporter is None or self._listener is None:
            return
        app.spans.leave(self._listener)
        if self._interface is not None:
            self._interface.stop()
        await to_thread.run_sync(self.exporter.stop, abandon_on_cancel=True)

    def _connected(self, app: App, sampler: Sampler) -> dict[str, Any]:
        from arlen_otel.interface import Interface, encoded, quiet  # an extra

        self._interface = Interface(
            app, decide=sampler.decide, put=partial(_put, self), length=self.options.attribute_length
        )
        app.observe(self._interface.begin, self._interface.end)
        return {"quiet": quiet, "foreign": encoded}


def _put(plugin: Otel, spans: Any) -> None:
    if plugin.exporter is not None:
        plugin.exporter.put(spans)


def _api(wanted: bool | None) -> bool:  # noqa: FBT001
    there = all(map(_there, ("opentelemetry.sdk.trace", "opentelemetry.exporter.otlp.proto.common")))
    if wanted and not there:
        reason = "otel.api: OpenTelemetry's own interface is not installed"
        raise ConfigError(reason, fix="pip install 'arlen-otel[api]', or set otel.api = false", code="otel_api")
    return there if wanted is None else wanted


def _there(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except ModuleNotFoundError:
        return False


def _meters(app: App, exporter: Exporter) -> None:
    meters, unit = app.meters, "{span}"
    meters.observe(
        "otel.spans.exported", "Spans that a collector took.", lambda: exporter.exported, unit=unit, kind="counter"
    )
    meters.observe(
        "otel.spans.dropped",
        "Spans that no collector took, by reason.",
        lambda: exporter.dropped,
        labels=("reason",),
        unit=unit,
        kind="counter",
    )
    meters.observe("otel.spans.waiting", "Spans that wait to be exported.", lambda: exporter.queue.size, unit=unit)

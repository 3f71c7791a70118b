"""Metrics: a request with the default series, beside the same request without; and the calls of instruments."""

from collections.abc import AsyncIterator

from arlen_core.app import App
from arlen_core.meters import Meters
from arlen_metrics.plugin import Metrics
from arlen_metrics.registry import Registry
from tools.perf.registry import Step, demand, path
from tools.perf.samples import HELLO
from tools.perf.sites import handled, started

__all__: list[str] = []


@path("metrics.off", on=False)
@path("metrics.on", on=True)
async def _request(*, on: bool) -> AsyncIterator[Step]:
    async with started(_counted if on else _plain) as made:
        step = handled(made, b"/json")
        demand(HELLO, await step())
        yield step


@path("metrics.add", what="add")
@path("metrics.record", what="record")
@path("metrics.null", what="null")
async def _instrument(*, what: str) -> AsyncIterator[Step]:
    meters = Meters()
    if what != "null":
        meters.attach(Registry())
    counter = meters.counter("orders", "Orders.", labels=("kind", "result"))
    histogram = meters.histogram("durations", "Seconds.", labels=("kind", "result"))
    call = histogram.record if what == "record" else counter.add

    def step() -> None:
        call(0.042, "books", "ok")

    step()
    yield step


def _counted(made: App) -> App:
    made.use(Metrics())
    return made


def _plain(made: App) -> App:
    return made

"""Middlewares: a small answer through five of them."""

from collections.abc import AsyncIterator

from tools.perf.registry import Step, demand, path
from tools.perf.samples import HELLO
from tools.perf.sites import handled, layered, started

__all__: list[str] = []


@path("middlewares.five")
async def _middlewares() -> AsyncIterator[Step]:
    async with started(layered) as made:
        step = handled(made, b"/json")
        demand(HELLO, await step())
        yield step

"""Template: a page of twelve rows."""

from collections.abc import AsyncIterator

from tools.perf.registry import Step, demand, path
from tools.perf.sites import handled, paged, started

__all__: list[str] = []


@path("template.page")
async def _page() -> AsyncIterator[Step]:
    async with started(paged) as made:
        step = handled(made, b"/page")
        demand(12, (await step()).count(b"Product "))
        yield step

"""Dispatch: from a request to its response, without a server."""

from collections.abc import AsyncIterator

from tools.perf.registry import Step, demand, path
from tools.perf.samples import HELLO
from tools.perf.sites import handled, started

__all__: list[str] = []


@path("dispatch.defaults", minimal=False)
@path("dispatch.minimal", minimal=True)
async def _dispatch(*, minimal: bool) -> AsyncIterator[Step]:
    async with started(minimal=minimal) as made:
        step = handled(made, b"/json")
        demand(HELLO, await step())
        yield step

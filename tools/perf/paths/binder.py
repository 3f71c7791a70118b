"""Binder: from a request to the handler's arguments, and the call."""

from collections.abc import AsyncIterator

from arlen_core.binding import Binder
from arlen_core.bodies import Body
from arlen_core.requests import Request
from arlen_core.services import Services
from tools.perf.registry import Step, demand, path
from tools.perf.samples import ORDER, Order

__all__: list[str] = []


@path("binder.parameters")
async def _parameters() -> AsyncIterator[Step]:
    """Two parameters of the path, three of the query."""

    async def handler(id: int, name: str, page: int = 1, size: int = 20, sort: str = "name") -> tuple[object, ...]:
        return id, name, page, size, sort

    call = Binder({}, Services({})).plan(handler, ("id", "name"), body=False).call

    async def step() -> object:
        request = Request("GET", b"/users/7/ada", b"page=3&size=50&sort=born")
        request.params = {"id": 7, "name": "ada"}
        return await call(request)

    demand((7, "ada", 3, 50, "born"), await step())
    yield step


@path("binder.body")
async def _body() -> AsyncIterator[Step]:
    """A JSON body of ten items, validated."""

    async def handler(order: Order) -> Order:
        return order

    call = Binder({}, Services({})).plan(handler).call
    fields = [(b"host", b"example.org"), (b"content-type", b"application/json")]

    async def step() -> Order:
        made: Order = await call(Request("POST", b"/orders", b"", fields, Body(ORDER)))
        return made

    demand(10, len((await step()).items))
    yield step

"""Router: from a method and a path to a route, the last of so many."""

from collections.abc import AsyncIterator

from arlen_core.matcher import Match, Matcher
from arlen_core.requests import Request
from arlen_core.router import Router
from tools.perf.registry import Step, demand, path

__all__: list[str] = []


@path("router.dynamic1000", target="/dynamic999/7", count=1000)
@path("router.dynamic10", target="/dynamic9/7", count=10)
@path("router.static1000", target="/static/999", count=1000)
@path("router.static10", target="/static/9", count=10)
async def _router(target: str, count: int) -> AsyncIterator[Step]:
    router = Router()

    async def handler() -> None:
        """Do nothing: nobody calls it."""

    for number in range(count):
        router.get(f"/static/{number}", name=f"s{number}")(handler)
        router.get(f"/dynamic{number}/{{id:int}}", name=f"d{number}")(handler)
    match, wanted, request = Matcher(router.flat()).match, target.encode(), Request("GET", target.encode())
    demand(True, isinstance(match("GET", wanted, request), Match))
    yield lambda: match("GET", wanted, request)

"""What a request opened is closed, whatever becomes of the request."""

import asyncio
from collections.abc import AsyncIterator

import anyio
import pytest

from arlen_core import App, HTTPError
from arlen_core.files import FileResponse
from arlen_core.requests import Request
from arlen_core.testing import Client

pytestmark = pytest.mark.anyio


class Work:
    """A unit of work that notes how it ended."""

    ends: list[str]


def made() -> tuple[App, list[str]]:
    """Return an application whose unit of work notes its end."""
    app, ends = App("closers"), []

    @app.provide(scope="request", type=Work)
    async def work() -> AsyncIterator[Work]:
        try:
            yield Work()
        except BaseException as error:
            ends.append(f"rolled back: {type(error).__name__}")
            raise
        ends.append("committed")

    @app.get("/good")
    async def good(work: Work) -> str:
        return "good"

    @app.get("/refused")
    async def refused(work: Work) -> str:
        raise HTTPError(409)

    @app.get("/broken")
    async def broken(work: Work) -> str:
        raise RuntimeError

    @app.get("/gone")
    async def gone(work: Work) -> FileResponse:
        return FileResponse("/does/not/exist")

    @app.get("/slow")
    async def slow(work: Work) -> str:
        await anyio.sleep_forever()
        return "never"

    return app, ends


@pytest.mark.parametrize(
    ("path", "status", "end"),
    [
        ("/good", 200, "committed"),
        ("/refused", 409, "rolled back: HTTPError"),
        ("/broken", 500, "rolled back: RuntimeError"),
        ("/gone", 404, "rolled back: NotFound"),
    ],
)
async def test_the_end_of_a_unit_of_work(path: str, status: int, end: str) -> None:
    """It commits when the handler answered, and is rolled back when the request failed, even with an answer."""
    app, ends = made()
    async with Client(app) as client:
        assert (await client.get(path)).status == status
    assert ends == [end]


async def test_a_cancelled_request_rolls_back() -> None:
    """A request that is cancelled closes what it opened, with the cancellation as its error."""
    app, ends = made()
    async with Client(app):
        with anyio.move_on_after(0.01):
            await app.handle(Request("GET", b"/slow"))
    assert ends == ["rolled back: CancelledError"]


async def test_timing_is_for_development() -> None:
    """`Server-Timing` tells the stages in development, and nothing in production unless it is asked for."""
    for environ, shown in [
        ({"ARLEN_ENV": "development"}, True),
        ({"ARLEN_ENV": "production"}, False),
        ({"ARLEN_ENV": "production", "ARLEN_HTTP__TIMING": "true"}, True),
    ]:
        async with Client(App("timed", environ={**environ, "ARLEN_LOG__ACCESS": "false"})) as client:
            assert ("server-timing" in (await client.get("/healthz")).headers) is shown


async def test_a_cancelled_helper_is_no_cancelled_request() -> None:
    """A handler that waits for a task which was cancelled has failed (500); its request was not cancelled."""
    app = App("helper")

    @app.get("/")
    async def home() -> str:
        task = asyncio.ensure_future(anyio.sleep_forever())
        await anyio.lowlevel.checkpoint()
        task.cancel()
        await task
        return "never"

    async with Client(app) as client:
        assert (await client.get("/")).status == 500

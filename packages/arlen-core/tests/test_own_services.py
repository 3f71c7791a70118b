"""What an application offers to its own services, and to the work after an answer."""

from pathlib import Path

import anyio
import pytest

from arlen_core import App, Context
from arlen_core.clock import Clock, VirtualClock
from arlen_core.config import Config
from arlen_core.logs import current
from arlen_core.testing import Client

pytestmark = pytest.mark.anyio


class Store:
    """A service that wants to know where it lives."""

    def __init__(self, app: App, clock: Clock, config: Config) -> None:
        self.seen = (app.title, clock.monotonic(), config.env)


async def test_services_take_the_application() -> None:
    """A factory may take the application, its clock and its configuration."""
    app = App("home", clock=VirtualClock())
    app.provide(Store)

    @app.get("/")
    async def show(store: Store) -> list[object]:
        return list(store.seen)

    async with Client(app) as client:
        assert ["home", 0.0, "test"] == (await client.get("/")).json()


async def test_work_after_the_answer_knows_its_request() -> None:
    """Background work runs in the context of the request that asked for it, wherever the last byte is sent."""
    app, seen, done = App("later"), [], anyio.Event()

    async def work() -> None:
        seen.append(current.get().id)
        done.set()

    @app.get("/")
    async def show(ctx: Context) -> str:
        ctx.background(work)
        return "ok"

    async with Client(app) as client:
        reply = await client.get("/")
        current.set(None)
        await done.wait()
    assert [reply.headers["x-request-id"]] == seen


def test_a_name_is_no_module() -> None:
    """Only a module that passes its own name decides on the folder; "site" is not the standard library's."""
    assert Path.cwd() == App("site").root
    assert Path(__file__).parent == App(__name__).root

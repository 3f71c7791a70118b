"""Tests of what the plugin does."""

from argparse import ArgumentParser
from pathlib import Path

import pytest
from arlen_core import App
from arlen_core.clock import VirtualClock
from arlen_core.testing import Client

from maintenance import Maintenance

pytestmark = pytest.mark.anyio


class Site:
    """An application that uses the plugin, and a clock that the test moves."""

    def __init__(self, root: Path, **settings: str):
        self.clock, self.file = VirtualClock(), root / "var/maintenance"
        environ = {f"ARLEN_MAINTENANCE__{name.upper()}": text for name, text in settings.items()}
        self.app = App("site", root=root, clock=self.clock, environ=environ)
        self.app.use(Maintenance())
        self.app.get("/")(self.index)
        self.app.plugins.settle()

    async def index(self) -> str:
        return "open"

    def switch(self, *words: str) -> str:
        command, parser = self.app.commands[0], ArgumentParser()
        command.configure(parser)
        return command.run(parser.parse_args(words)).text

    async def look(self):
        """Let the plugin look at its file, which it does in a thread."""
        await self.clock.asleep()
        self.clock.shift(1)
        await self.clock.asleep()


async def test_it_closes_and_opens_again(tmp_path):
    """While the file is there, requests get 503, the reason and Retry-After; its own route says the same."""
    site = Site(tmp_path, retry="30")
    async with Client(site.app) as client:
        assert "open" == (await client.get("/")).text
        assert "maintenance is on" == site.switch("on", "new disks")
        await site.look()
        reply = await client.get("/")
        assert (503, "30", "new disks") == (reply.status, reply.headers["retry-after"], reply.json()["detail"])
        assert {"maintenance": True, "reason": "new disks"} == (await client.get("/maintenance")).json()
        assert "new disks" == site.app.helpers["maintenance_reason"][0]()
        assert "maintenance is off" == site.switch("off")
        await site.look()
        assert "open" == (await client.get("/")).text


async def test_it_begins_closed(tmp_path):
    """A file that is there before the start counts from the first request; an empty one has a usual reason."""
    site = Site(tmp_path)
    site.switch("on", " ")
    async with Client(site.app) as client:
        assert "we are working on it" == (await client.get("/")).json()["detail"]
        assert 200 == (await client.get("/healthz")).status
        reply = await client.get("/readyz", headers={"accept": "application/json"})
        assert (200, False) == (reply.status, reply.json()["checks"]["maintenance"]["ok"])


async def test_the_file_can_be_anywhere(tmp_path):
    """What is configured is below the application's folder, or an absolute path."""
    (tmp_path / "closed").write_text("elsewhere", "utf-8")
    async with Client(Site(tmp_path, file=str(tmp_path / "closed")).app) as client:
        assert "elsewhere" == (await client.get("/")).json()["detail"]


def test_the_state(tmp_path):
    """`status` changes nothing."""
    site = Site(tmp_path)
    assert ["maintenance is off", "maintenance is on", "maintenance is on"] == [
        site.switch(word) for word in ("status", "on", "status")
    ]

"""The badge: certified as a plugin, and as a part of the board."""

from argparse import ArgumentParser
from xml.etree import ElementTree as ET

import pytest
from arlen import App, Client, Plugin
from arlen_conformance.conformance import PluginContract
from drafts import BOARD, add

from badge import Badge, Embed, drawn
from store import Store


class Shelf(Plugin):
    """Stands for the board: it has a store, and nothing in it."""

    name = "shelf"
    version = "1.0"
    arlen_api = ">=1,<2"

    def register(self, app: App) -> None:
        app.provide(Empty, type=Store)


class Empty(Store):
    """A store without a database."""

    def __init__(self) -> None:
        """There is nothing to open."""

    async def unresolved(self) -> int:
        return 0


class TestBadge(PluginContract):
    """It keeps every promise of a plugin, in an application that is not the board."""

    version = 1

    @pytest.fixture(autouse=True)
    def importable(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The contract imports it in a process of its own, which looks where this one does."""
        monkeypatch.syspath_prepend(str(BOARD))

    @pytest.fixture
    def companions(self):
        """What it needs beside itself."""
        return (Shelf,)

    @pytest.fixture
    def adapter(self):
        """What makes it."""
        return Badge


@pytest.mark.anyio
async def test_the_picture_counts_what_is_not_resolved(page: Client) -> None:
    """It is an SVG that others may keep for a minute; it says how many, and nothing else."""
    store = await page.app.service(Store)
    await add(store, "2026-11-20", service="search")
    await add(store, "2026-11-20", "2026-11-21", service="login")
    reply = await page.get("/badge.svg")
    assert (200, "image/svg+xml") == (reply.status, reply.headers["content-type"].partition(";")[0])
    assert "public, max-age=60" == reply.headers["cache-control"]
    assert ["incidents", "1 open"] == [each.text for each in ET.fromstring(reply.text).iter() if each.text]


@pytest.mark.anyio
async def test_the_check_is_told(page: Client) -> None:
    """`/readyz` names it, and does not depend on it."""
    checks = (await page.get("/readyz", headers={"accept": "application/json"})).json()["checks"]
    assert (True, False) == (checks["badge"]["ok"], checks["badge"]["required_for_readyz"])


@pytest.mark.anyio
@pytest.mark.engines("sqlite")
async def test_the_helper(page: Client) -> None:
    """Templates show the picture by `badge()`."""
    function, wants = page.app.helpers["badge"]
    assert wants
    context = type("Context", (), {"url_for": staticmethod(lambda name: f"/{name}.svg")})
    assert '<img src="/badge.svg" alt="incidents" height="20">' == function(context)


@pytest.mark.parametrize(("label", "count", "words"), [("a<b>&", 0, ["a<b>&", "none open"]), ("x", 7, ["x", "7 open"])])
def test_the_picture_is_xml(label: str, count: int, words: list[str]) -> None:
    """Whatever the label is."""
    assert words == [each.text for each in ET.fromstring(drawn(label, count)).iter() if each.text]


def test_the_command() -> None:
    """It prints what to paste."""
    command, parser = Embed("incidents"), ArgumentParser()
    command.configure(parser)
    found = command.run(parser.parse_args(["https://board.example.org/"]))
    assert "[![incidents](https://board.example.org/badge.svg)](https://board.example.org/)" == found.text

"""Compatibility: plugins that were written for the oldest interface that this core supports run unchanged."""

import hashlib
from argparse import ArgumentParser
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

from arlen_core import App
from arlen_core.commands import CommandError
from arlen_core.plugins import API
from arlen_core.testing import Client

pytestmark = pytest.mark.anyio

FILE = Path(__file__).parent / "frozen" / "plugin_api_1_0.py"
CHECKSUM = "b0d0a1e101d0660c1a0645c734a481a7c7c459c6a60b899ca5249ecbfd22bfe8"


@pytest.fixture
def frozen():
    """The module, fresh."""
    spec = spec_from_file_location("plugin_api_1_0", FILE)
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def made(frozen):
    """Make an application that uses the plugins; words are variables."""

    def make(**environ):
        app = App("old", environ=environ)
        shop = frozen.Shop()
        for each in (frozen.Till(), shop, frozen.Base()):
            app.use(each)
        return app, shop

    return make


def test_the_file_is_the_same():
    """Nobody has changed what stands for plugins that nobody can change."""
    assert CHECKSUM == hashlib.sha256(FILE.read_bytes()).hexdigest()


def test_the_oldest_interface_is_supported():
    """The file goes when the first number grows, not before."""
    assert 1 == API[0]


async def test_it_registers_in_its_order(made):
    """What it depends on comes first, what it is before comes after."""
    app, _ = made()
    app.plugins.settle()
    assert ["old-base", "old-shop", "old-till"] == [each.name for each in app.plugins]
    assert [] == app.plugins.problems()


async def test_it_serves(made):
    """Routes, services, helpers, middleware, hooks and error handlers do what they did."""
    app, _ = made(ARLEN_OLD_SHOP__CURRENCY="CHF", ARLEN_OLD_SHOP__ITEMS="7")
    async with Client(app) as client:
        reply = await client.get("/old-shop/apple")
        assert {"item": "apple", "open": True, "price": "2 CHF"} == reply.json()
        assert ("yes", "7") == (reply.headers["x-old-around"], reply.headers["x-old-shop"])
        assert {"missing": "nothing"} == (await client.get("/old-shop/nothing")).json()
        added = await client.post("/old-shop")
        assert (201, {"url": "/old-shop"}) == (added.status, added.json())
        assert "7" == (await client.get("/not-there")).headers["x-old-shop"]


async def test_its_life(made):
    """It is settled, started and stopped, each time; its hook and its check are asked."""
    app, shop = made()
    async with Client(app) as client:
        checks = (await client.get("/readyz", headers={"accept": "application/json"})).json()["checks"]
        assert checks["old_shop"]["ok"]
    assert ["settled", "start", "did_start", "stop"] == shop.stock.seen
    await app.start()
    await app.stop()
    assert ["start", "did_start", "stop"] == shop.stock.seen[4:]


async def test_what_it_brings(made, frozen):
    """Commands, folders and metrics are where those who use them look."""
    app, _ = made()
    app.plugins.settle()
    command, parser = app.commands[0], ArgumentParser()
    command.configure(parser)
    assert ({"count": 3}, "3 apples", 0) == (
        (result := command.run(parser.parse_args([]))).data,
        result.text,
        result.exit,
    )
    with pytest.raises(CommandError) as caught:
        command.run(parser.parse_args(["--of=pears"]))
    assert ("no_such_fruit", 2) == (caught.value.code, caught.value.exit)
    assert ([FILE.parent], [("/old-shop/static", FILE.parent)]) == (app.templates, app.statics)
    assert [FILE.parent] == app.translations
    assert "old_shop.sold" in [each.name for each in app.meters.declarations]
    assert {"old_shop_price", "old_shop_here", "old_till"} <= set(app.helpers)


async def test_it_is_enabled_by_the_configuration(tmp_path, monkeypatch):
    """By import path, as it could be then."""
    monkeypatch.syspath_prepend(str(FILE.parent))
    (tmp_path / "config").mkdir()
    (tmp_path / "config/app.toml").write_text(
        '[plugins]\nenabled = ["plugin_api_1_0:Shop", "plugin_api_1_0:Base"]\n[old_shop]\nitems = 3\n'
    )
    async with Client(App("old", root=tmp_path, environ={})) as client:
        assert "3" == (await client.get("/old-shop/apple")).headers["x-old-shop"]


async def test_it_keeps_the_contract(frozen):
    """Where the kit is installed, it says the same of the plugin's manifest."""
    benches = pytest.importorskip("arlen_conformance.conformance.benches")
    app = App("old", environ={})
    app.use(frozen.Base())
    app.use(frozen.Shop())
    app.plugins.settle()
    shop = next(each for each in app.plugins.known() if each.name == "old-shop")
    assert [] == benches.strangers(shop)
    assert ["/old-shop/{item}", "/old-shop", "/old-shop/static"] == benches.paths(shop)

"""Health: what a supervisor is told, and when."""

import datetime as dt

import pytest

from arlen_core.app import App
from arlen_core.errors import StartupError
from arlen_core.health import Health
from arlen_core.requests import Request
from arlen_core.testing import Client

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(("path", "word"), [("/healthz", "ok"), ("/livez", "live"), ("/readyz", "ready")])
async def test_text_by_default(path, word):
    """One word a line, not to be cached."""
    async with Client(App("a", environ={})) as client:
        reply = await client.get(path)
        assert (200, f"{word}\n", "text/plain", "no-store") == (
            reply.status, reply.text, reply.media, reply.headers["cache-control"],
        )  # fmt: skip
        assert b"" == (await client.head(path)).body
        assert 405 == (await client.post(path)).status


@pytest.mark.parametrize(("path", "signal"), [("/healthz", "health"), ("/livez", "live"), ("/readyz", "ready")])
@pytest.mark.parametrize("way", ["accept", "query", "suffix"])
async def test_json_when_asked(path, signal, way):
    """By Accept, by `?format=json`, by suffix: the same members."""
    async with Client(App("a", environ={})) as client:
        url = path + {"accept": "", "query": "?format=json", "suffix": ".json"}[way]
        reply = await client.get(url, headers={"accept": "application/json"} if way == "accept" else {})
    data = reply.json()
    assert ("application/json", True, signal, True) == (reply.media, data["ok"], data["signal"], data["ready"])
    assert {"startup", "draining"} == set(data["checks"])
    assert all(check == {"ok": True, "required_for_readyz": True} for check in data["checks"].values())
    assert dt.datetime.fromisoformat(data["timestamp_utc"]).tzinfo is not None
    assert data["uptime_seconds"] >= 0


async def test_draining_fails_readiness_alone():
    """Everything else is still served."""
    app = App("a", environ={})

    @app.get("/")
    async def home() -> str:
        return "here"

    async with Client(app) as client:
        app.drain()
        reply = await client.get("/readyz")
        assert (503, "not_ready\n", "1") == (reply.status, reply.text, reply.headers["retry-after"])
        data = (await client.get("/readyz.json")).json()
        assert (False, False, True) == (data["ok"], data["checks"]["draining"]["ok"], data["checks"]["startup"]["ok"])
        assert (200, 200, 200) == (
            (await client.get("/")).status, (await client.get("/healthz")).status, (await client.get("/livez")).status,
        )  # fmt: skip
    async with Client(app) as client:
        assert 200 == (await client.get("/readyz")).status


async def test_readiness_follows_the_life():
    """Not before the start, not after the stop, not when the start failed."""
    app = App("a", environ={})
    assert not app.health.ready
    await app.start()
    assert app.health.ready
    await app.stop()
    assert not app.health.ready
    assert 503 == (await app.health.readiness(Request(target=b"/readyz"))).status

    @app.provide
    def broken() -> dict:
        raise RuntimeError("no")

    with pytest.raises(StartupError):
        await app.start()
    assert not app.health.ready


async def test_health_works_alone():
    """It needs no application."""
    health = Health()
    assert 200 == (await health.alive(Request(target=b"/healthz"))).status
    assert 503 == (await health.readiness(Request(target=b"/readyz"))).status
    health.ready = True
    assert 200 == (await health.readiness(Request(target=b"/readyz"))).status

"""Health: what a supervisor is told, and when."""

import datetime as dt

import anyio
import msgspec
import pytest

from arlen_core.app import App
from arlen_core.clock import VirtualClock
from arlen_core.errors import StartupError
from arlen_core.health import Facts, Health
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
    well = {"ok": True, "required_for_readyz": True}
    assert {"startup": well | {"started": True}, "draining": well} == data["checks"]
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


class Dependency:
    """Something that is asked."""

    def __init__(self) -> None:
        self.asked = 0
        self.error: Exception | None = None

    async def check(self) -> None:
        self.asked += 1
        if self.error is not None:
            raise self.error


class Lines:
    """A log that keeps what it gets."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str]] = []

    def error(self, event, **values):
        self.lines.append((event, values["status"]))

    def info(self, event, **values):
        self.lines.append((event, values["check"]))


def made(**options):
    """Return a health with one check, and what it is made of."""
    clock, lines, asked = VirtualClock(), Lines(), Dependency()
    health = Health(clock, lines)
    health.ready = True
    health.add("database", asked.check, **options)
    return health, clock, lines, asked


async def test_a_critical_check_decides():
    """When it fails the answer is 503, and the body tells which one, but not why."""
    app, asked = App("a", environ={}), Dependency()
    app.health.add("database", asked.check, every=0)
    async with Client(app) as client:
        assert 200 == (await client.get("/readyz")).status
        asked.error = OSError("host db.internal is away")
        reply = await client.get("/readyz.json")
        assert (503, "1", "not_ready") == (reply.status, reply.headers["retry-after"], reply.json()["status"])
        row = {"ok": False, "required_for_readyz": True, "status": "failed"}
        assert row == reply.json()["checks"]["database"]
        assert "db.internal" not in reply.text
        assert (200, 200) == ((await client.get("/healthz")).status, (await client.get("/livez")).status)
        asked.error = None
        assert 200 == (await client.get("/readyz")).status


async def test_a_check_that_is_not_critical_is_only_told():
    """Its failure is in the answer, which is 200."""
    health, _, _, asked = made(critical=False)
    asked.error = OSError("away")
    reply = await health.readiness(Request(target=b"/readyz", query=b"format=json"))
    assert 200 == reply.status
    assert b'"database":{"ok":false,"required_for_readyz":false,"status":"failed"}' in reply.body


async def test_a_result_counts_for_a_while():
    """Within the window the dependency is asked once; after it again."""
    health, clock, _, asked = made(every=5.0)
    for _ in range(3):
        await health.readiness(Request(target=b"/readyz"))
    assert 1 == asked.asked
    clock.shift(5.0)
    await health.readiness(Request(target=b"/readyz"))
    assert 2 == asked.asked


async def test_those_who_ask_at_once_share_an_answer():
    """Also without a window, one check runs at a time, and those who waited for it take its result."""
    health, _, _, _ = made()
    gate, counted = anyio.Event(), []

    async def slow() -> None:
        counted.append(1)
        await gate.wait()

    health.add("slow", slow, every=0)
    async with anyio.create_task_group() as group:
        for _ in range(5):
            group.start_soon(health.readiness, Request(target=b"/readyz"))
        await anyio.wait_all_tasks_blocked()
        gate.set()
    assert [1] == counted


async def test_a_check_that_hangs_is_a_timeout():
    """The answer comes all the same."""
    health, _, lines, _ = made()
    health.add("stuck", anyio.sleep_forever, timeout=0.01)
    reply = await health.readiness(Request(target=b"/readyz", query=b"format=json"))
    assert 503 == reply.status
    assert b'"status":"timeout"' in reply.body
    assert [("health.check.failed", "timeout")] == lines.lines


async def test_changes_go_to_the_log():
    """One line when it begins to fail and one when it is well again, however often somebody asks."""
    health, _, lines, asked = made(every=0)
    for error in (None, OSError("away"), OSError("away"), None, None):
        asked.error = error
        await health.readiness(Request(target=b"/readyz"))
    assert [("health.check.failed", "failed"), ("health.check.recovered", "database")] == lines.lines


async def test_checks_are_not_asked_before_the_start_or_while_draining():
    """What they need may not be there."""
    health, _, _, asked = made(every=0)
    health.ready = False
    await health.readiness(Request(target=b"/readyz"))
    health.ready, health.draining = True, True
    await health.readiness(Request(target=b"/readyz"))
    await health.alive(Request(target=b"/livez"))
    assert 0 == asked.asked


@pytest.mark.parametrize(
    ("name", "options"),
    [("database", {}), ("startup", {}), ("new", {"timeout": 0}), ("new", {"every": -1})],
)
def test_a_wrong_check_is_refused(name, options):
    """A name that is taken, a time that is none."""
    health, _, _, asked = made()
    with pytest.raises(StartupError):
        health.add(name, asked.check, **options)


async def test_a_check_may_tell_facts():
    """Beside that it is well or not, and never in their place; when it fails, too."""
    health, _, _, _ = made(every=0)
    told = {"error": None}

    class Few(Exception):
        facts = Facts(observed=1)

    async def count() -> Facts:
        if told["error"]:
            raise Few
        return Facts(observed=2, ok="never", status="mine")

    health.add("nodes", count, every=0)
    row = {"ok": True, "required_for_readyz": True, "status": "ok", "observed": 2}
    assert row == await nodes(health)
    told["error"] = True
    assert {"ok": False, "required_for_readyz": True, "status": "failed", "observed": 1} == await nodes(health)


async def test_what_a_check_returns_by_chance_is_not_told():
    """A row of a database is for nobody's eyes: only `Facts` are told."""
    health, _, _, _ = made()

    async def ask() -> dict[str, str]:
        return {"password": "hunter2"}

    health.add("nodes", ask)
    assert {"ok": True, "required_for_readyz": True, "status": "ok"} == await nodes(health)


async def nodes(health):
    """Return what the answer says of the check "nodes"."""
    reply = await health.readiness(Request(target=b"/readyz", query=b"format=json"))
    return msgspec.json.decode(reply.body)["checks"]["nodes"]

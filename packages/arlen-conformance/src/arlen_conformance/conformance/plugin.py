"""PluginContract: what every plugin promises to the applications that use it.

Subclass it, and give the fixture `adapter`: what makes the plugin, so the class itself when it needs no arguments. A
plugin that depends on others gives the fixture `companions` too: what makes each of these.

<!-- not run: there is no such plugin -->

```python
import pytest
from arlen_conformance.conformance import PluginContract
from greeter import Greeter


class TestGreeter(PluginContract):
    version = 1

    @pytest.fixture
    def adapter(self):
        return Greeter
```

The version of the contract is that of the plugin interface: version 1 is for `arlen_api = ">=1,<2"`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from pathlib import Path

import anyio
import pytest

from arlen_conformance.conformance.benches import (
    RESERVED,
    Bench,
    Leaping,
    Make,
    importing,
    lacking,
    own,
    paths,
    remains,
    strangers,
    taken,
)
from arlen_conformance.conformance.diaries import Broken
from arlen_conformance.conformance.vandals import SABOTEURS
from arlen_conformance.contract import Contract
from arlen_conformance.leaks import snapshot
from arlen_conformance.promises import promise
from arlen_core import App
from arlen_core.clock import VirtualClock
from arlen_core.errors import StartupError
from arlen_core.manifests import faults
from arlen_core.plugins import API, Plugin
from arlen_core.testing import Client
from arlen_core.versions import fits

__all__ = ["GUARDS", "PATHS", "PluginContract"]

PATHS = "paths"
"""The capability of a plugin that answers paths which do not begin with its name, such as /robots.txt."""

GUARDS = "guards"
"""The capability of a plugin that answers requests which are for others, since it refuses or redirects them."""

PATIENCE = 2.0
"""Seconds after which a start or a stop must be waiting for something; nothing that is right takes nearly as long."""


class _Failing(Plugin):
    """A plugin that cannot start; it comes after all others."""

    name = "conformance_failing"
    version = "1.0"
    arlen_api = ">=1,<2"

    def __init__(self, *after: str) -> None:
        self.after = after

    async def start(self, app: App) -> None:
        """Fail."""
        raise Broken("not today")


class _Manifest:
    """What it says about itself."""

    @promise
    async def test_it_says_what_it_is(self, adapter: Make) -> None:
        """It has a name of lower-case letters, digits, - and _, a version, and tuples of names for its order."""
        plugin = adapter()
        assert [] == [str(each) for each in faults(plugin, type(plugin).__name__)]
        assert "" != getattr(plugin, "name", "")
        assert "" != getattr(plugin, "version", "")

    @promise
    async def test_it_is_for_this_core(self, adapter: Make) -> None:
        """The range of plugin interfaces that it names holds this core's, and does not hold the next great one."""
        wanted = getattr(adapter(), "arlen_api", "")
        assert wanted, f'it does not say which: write arlen_api = ">={API[0]},<{API[0] + 1}"'
        assert fits(".".join(map(str, API)), wanted)
        assert not fits(f"{API[0] + 1}.0", wanted), f"{wanted} promises what nobody can know: write <{API[0] + 1}"

    @promise(heavy=True)
    async def test_importing_it_does_nothing(self, adapter: Make) -> None:
        """To import its module writes no file, opens no connection, starts nothing and prints nothing."""
        plugin = adapter()
        assert [] == await anyio.to_thread.run_sync(importing, plugin)


class _Registration:
    """What it brings."""

    @promise
    async def test_registering_starts_nothing(self, adapter: Make, bench: Bench) -> None:
        """To make it and to register it starts no task and no thread, and opens nothing: that waits for the start."""
        before = snapshot()
        app, _ = bench.app(adapter)
        app.plugins.settle()
        found = await remains(before)
        await app.start()
        await app.stop()
        assert [] == found

    @promise
    async def test_used_twice_it_counts_once(self, adapter: Make, bench: Bench) -> None:
        """Used a second time, as the same object or as one that was made in the same way, it adds nothing more."""
        app, plugged = bench.app(adapter)
        assert plugged.plugin is app.use(plugged.plugin)
        assert plugged.plugin is app.use(adapter())
        await app.start()
        await app.stop()
        assert [plugged.name] == [each.name for each in app.plugins.known() if each.name == plugged.name]

    @promise
    async def test_two_applications_are_independent(self, adapter: Make, bench: Bench) -> None:
        """Two applications in one process each get all that it brings, and one goes on when the other has stopped."""
        async with bench.running(adapter) as (one, first):
            async with bench.running(adapter) as (_, second):
                assert first.brought == second.brought
            await _serves(one)

    @promise
    async def test_what_it_brings_carries_its_name(self, adapter: Make, bench: Bench) -> None:
        """Helpers, checks, commands, metrics and names of routes begin with its name; services have own types."""
        async with bench.running(adapter) as (_, plugged):
            assert [] == strangers(plugged)

    @promise(unless=[PATHS])
    async def test_its_paths_begin_with_its_name(self, adapter: Make, bench: Bench) -> None:
        """The first segment of every path that it answers is its name, alone or with something after it."""
        async with bench.running(adapter) as (_, plugged):
            answered = [each for each in paths(plugged) if each not in RESERVED]
            assert [] == [each for each in answered if not own(each.split("/")[1], plugged.name)]

    @promise
    async def test_reserved_paths_are_left_alone(self, adapter: Make, bench: Bench) -> None:
        """It answers none of the platform's own paths, such as /healthz, /metrics and /openapi.json."""
        async with bench.running(adapter) as (app, plugged):
            assert [] == [each for each in paths(plugged) if each in RESERVED]
            assert [] == taken(app)

    @promise(unless=[GUARDS])
    async def test_other_requests_pass(self, adapter: Make, bench: Bench) -> None:
        """What is not its own is answered as it would be without it: the application's route, and a path of nobody."""
        app, _ = bench.app(adapter)

        @app.get("/conformance-of-others")
        async def others() -> str:
            return "untouched"

        async with Client(app) as client:
            reply = await client.get("/conformance-of-others")
            assert (200, "untouched") == (reply.status, reply.text)
            assert 404 == (await client.get("/conformance-of-nobody")).status

    @promise
    async def test_the_doctor_finds_nothing(self, adapter: Make, bench: Bench) -> None:
        """It has no problems, its commands can be parsed and have a help, and its folders are there."""
        async with bench.running(adapter) as (app, plugged):
            assert [] == lacking(app, plugged)


class _Life:
    """Start and stop."""

    @promise
    async def test_it_starts_and_stops_again(self, adapter: Make, bench: Bench) -> None:
        """An application that uses it starts and stops twice, and is ready each time."""
        clock = Leaping()
        app, _ = bench.app(adapter, clock=clock)
        for _ in range(2):
            await app.start()
            await _serves(app)
            await app.stop()
            assert "stopped" == app.state
            clock.ahead += 3600  # what a health check said does not count any more

    @promise
    async def test_it_leaves_nothing(self, adapter: Make, bench: Bench) -> None:
        """After stops it has left no task, no thread, no descriptor and no process behind."""
        app, _ = bench.app(adapter)
        await app.start()
        await app.stop()
        before = snapshot()
        for _ in range(3):
            await app.start()
            await app.stop()
        assert [] == await remains(before)

    @promise
    async def test_a_failed_start_leaves_nothing(self, adapter: Make, bench: Bench) -> None:
        """When another plugin fails to start after it, it has left nothing behind."""
        app, _ = bench.app(adapter)
        app.use(_Failing(*(each.name for each in app.plugins.known())))
        before = snapshot()
        with pytest.raises(StartupError, match=_Failing.name):
            await app.start()
        assert [] == await remains(before)

    @promise
    async def test_it_waits_for_no_clock(self, adapter: Make, bench: Bench) -> None:
        """It starts and stops when it is told to, not when a time has passed: the application's clock stands still."""
        clock = VirtualClock()
        app, _ = bench.app(adapter, clock=clock)
        await _within(app.start, clock, "start")
        await _within(app.stop, clock, "stop")


class _Configuration:
    """Settings and environments."""

    @promise
    async def test_it_works_without_configuration(self, adapter: Make, bench: Bench) -> None:
        """With nothing configured, an application that uses it starts in production and is ready."""
        async with bench.running(adapter, env="production") as (app, _):
            await _serves(app)

    @promise
    async def test_it_works_in_every_environment(self, adapter: Make, bench: Bench) -> None:
        """It starts and stops in development and in tests too, and brings the same."""
        brought = []
        for env in ("development", "test", "production"):
            async with bench.running(adapter, env=env) as (_, plugged):
                brought.append(plugged.brought)
        assert [brought[0]] * 3 == brought

    @promise
    async def test_an_unknown_key_is_refused(self, adapter: Make, bench: Bench) -> None:
        """A key of its section that it does not know fails the start: the error names it, and says what to do."""
        section = str(adapter().name).upper().replace("-", "_")
        app, _ = bench.app(adapter, environ={f"ARLEN_{section}__NO_SUCH_KEY": "1"})
        try:
            with pytest.raises(StartupError, match=f"(?s)ARLEN_{section}__NO_SUCH_KEY.*fix:"):
                await app.start()
        finally:
            await app.stop()


class PluginContract(
    _Configuration, _Life, _Registration, _Manifest, Contract, name="plugin", version=1, capabilities=(PATHS, GUARDS)
):
    """What every plugin promises; the module tells how to use it."""

    made = False

    @pytest.fixture
    def companions(self) -> Iterable[Make]:
        """What makes the plugins that this one depends on, in any order; override it when there are some."""
        return ()

    @pytest.fixture
    def bench(self, tmp_path: Path, companions: Iterable[Make]) -> Bench:
        """Where it is tried."""
        return Bench(tmp_path, companions)


async def _serves(app: App) -> None:
    reply = await Client(app).get("/readyz", headers={"accept": "application/json"})
    assert 200 == reply.status, reply.text


async def _within(call: Make, clock: VirtualClock, word: str) -> None:
    task = asyncio.ensure_future(call())
    done, _ = await asyncio.wait([task], timeout=PATIENCE)
    while not task.done():
        await clock.advance(3600)
        await asyncio.sleep(0.01)
    await task
    assert done, f"it waits for a time to pass before it {word}s"


SABOTEURS.into(PluginContract)

"""Startup: how long the parts of an application took to start, for whoever listened before."""

import pytest

from arlen_core.app import App
from arlen_core.errors import StartupError
from arlen_core.logs import current
from arlen_core.spans import Tracer, active
from arlen_core.startup import Startup

pytestmark = pytest.mark.anyio


class Pool:
    """A service."""


class Store:
    """A service that needs another one."""

    def __init__(self, pool: Pool) -> None:
        self.pool = pool


def last(name):
    """The last word of a name, without its module."""
    return name.split(" ")[-1].rpartition(".")[2]


async def started(app):
    """Start and stop an application, and return its spans by name."""
    told = []
    app.spans.listen(told.extend, starts=True)
    await app.start()
    await app.stop()
    return {each.name: each for each in told}


async def test_services_hooks_and_plugins_are_spans():
    """Each is a part of one trace, with its time; a service begins when what it needs is there."""
    app = App("shop", env="test")
    app.services.add(Pool)
    app.services.add(Store)

    @app.hook("will_start")
    async def prepare(app):
        pass

    spans = await started(app)
    whole = spans["start"]
    names = {last(name): each for name, each in spans.items()}
    assert {"start", "services", "Pool", "Store", "prepare", "work"} <= set(names)
    assert ("shop", "internal", "") == (whole.attributes["arlen.app"], whole.kind, whole.parent_id)
    assert {(whole.trace_id, whole.span_id)} == {
        (each.trace_id, each.parent_id) for each in spans.values() if each is not whole
    }
    assert names["Pool"].end <= names["Store"].start
    assert all(whole.start <= each.start <= each.end <= whole.end for each in spans.values())


async def test_a_start_that_fails_is_told():
    """The part that failed has its error, and so has the whole."""
    app = App("shop", env="test")

    async def broken() -> Pool:
        raise OSError("no disk")

    app.services.add(broken)
    told = []
    app.spans.listen(told.extend, starts=True)
    with pytest.raises(StartupError):
        await app.start()
    errors = {last(each.name): type(each.error) for each in told}
    assert (OSError, StartupError) == (errors["Pool"], errors["start"])


async def test_a_service_takes_no_span_along():
    """Its task lives as long as the application: a span of the start would be around all that it ever does."""
    app, seen = App("shop", env="test"), []

    async def pool():
        seen.append((active.get(), current.get()))
        yield Pool()
        seen.append((active.get(), current.get()))

    app.services.add(pool, Pool)
    await started(app)
    assert [(None, None)] * 2 == seen
    assert active.get() is None


async def test_each_start_is_told_once():
    """A second call that finds all started tells nothing; a start after a stop is a trace of its own."""
    app, told = App("shop", env="test"), []
    app.spans.listen(told.extend, starts=True)
    await app.start()
    await app.start()
    await app.stop()
    await app.start()
    await app.stop()
    wholes = [each for each in told if each.name == "start"]
    assert (2, 2) == (len(wholes), len({each.trace_id for each in wholes}))


async def test_whoever_did_not_ask_hears_of_requests_alone():
    """A listener wants the start by `starts`: others count the traces of requests."""
    app, told = App("shop", env="test"), []
    app.spans.listen(told.append)
    await app.start()
    await app.stop()
    assert [] == told


def test_nobody_listens():
    """Then nothing is kept."""
    startup = Startup(Tracer(), "shop")
    with startup.whole(), startup.part("pool"):
        pass
    assert [] == startup._parts

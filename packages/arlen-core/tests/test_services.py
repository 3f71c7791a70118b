"""Services: started in the order of their needs, side by side, stopped in reverse, rolled back when one fails."""

from collections.abc import AsyncIterator

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from arlen_core.errors import StartupError
from arlen_core.lifecycle import StopError
from arlen_core.providers import Need, Provider
from arlen_core.requests import Request
from arlen_core.services import MissingService, Services

pytestmark = pytest.mark.anyio

KINDS = [type(f"S{number}", (), {}) for number in range(10)]


class Pool:
    """A service."""


class Cache:
    """Another service."""


class Session:
    """A service of request scope."""


class Store:
    """A service that needs two."""

    def __init__(self, pool: Pool, cache: Cache) -> None:
        self.pool, self.cache = pool, cache


class Log:
    """Makes factories that write down when they open and close."""

    def __init__(self):
        self.seen = []

    def factory(self, kind, *needs, up=None, down=None):
        """Make a factory of `kind`, which raises `up` or `down` when these are given."""

        async def make(**values) -> AsyncIterator[kind]:
            self.seen.append(f"{kind.__name__} up")
            await anyio.lowlevel.checkpoint()
            if up is not None:
                raise up
            yield kind()
            self.seen.append(f"{kind.__name__} down")
            if down is not None:
                raise down

        make.__annotations__ = {f"p{n}": need for n, need in enumerate(needs)} | {"return": AsyncIterator[kind]}
        make.__signature__ = _signature(needs)
        return make


def _signature(needs):
    from inspect import Parameter, Signature

    return Signature([Parameter(f"p{n}", Parameter.KEYWORD_ONLY, annotation=need) for n, need in enumerate(needs)])


async def test_a_service_gets_what_it_needs():
    """Needs are filled by type, whatever the order of registration."""
    services = Services()
    for factory in (Store, Pool, Cache):
        services.add(factory)
    await services.start()
    store = services.resolve(Store)
    assert (services.resolve(Pool), services.resolve(Cache)) == (store.pool, store.cache)


async def test_there_is_one_instance():
    """Everyone who needs the pool gets the same one."""
    services = Services()
    services.add(Pool)
    await services.start()
    assert services.resolve(Pool) is services.resolve(Pool)


def test_adding_gives_the_factory_back():
    """So that `add` serves as a decorator."""

    def make() -> Pool:
        return Pool()

    assert make is Services().add(make)


async def test_a_second_start_does_nothing():
    """The instances stay."""
    services = Services()
    services.add(Pool)
    await services.start()
    pool = services.resolve(Pool)
    await services.start()
    assert pool is services.resolve(Pool)


async def test_a_restart_makes_new_instances():
    """After a stop everything is made anew."""
    services = Services()
    services.add(Pool)
    await services.start()
    pool = services.resolve(Pool)
    await services.stop()
    await services.start()
    assert pool is not services.resolve(Pool)


async def test_independent_services_start_side_by_side():
    """Two that wait for each other's beginning both start."""
    services, met = Services(), [anyio.Event(), anyio.Event()]

    async def pool() -> Pool:
        met[0].set()
        await met[1].wait()
        return Pool()

    async def cache() -> Cache:
        met[1].set()
        await met[0].wait()
        return Cache()

    services.add(pool)
    services.add(cache)
    with anyio.fail_after(5):
        await services.start()
    assert isinstance(services.resolve(Cache), Cache)


@st.composite
def graphs(draw):
    """Random needs without cycles, in random order of registration, and some that fail to start."""
    count = draw(st.integers(1, 10))
    needs = {n: draw(st.sets(st.integers(0, n - 1), max_size=3)) if n else set() for n in range(count)}
    order = draw(st.permutations(range(count)))
    return [(n, needs[n]) for n in order]


@given(graphs())
def test_every_start_and_stop_keeps_the_order_of_needs(rows):
    """Whatever the graph: nothing opens before its needs, and the stop is the exact reverse of the plan."""
    log, services = Log(), Services()
    for number, needs in rows:
        services.add(log.factory(KINDS[number], *(KINDS[each] for each in sorted(needs))))

    async def main():
        await services.start()
        await services.stop()

    anyio.run(main)
    ups = [int(each[1]) for each in log.seen if each.endswith("up")]
    downs = [int(each[1]) for each in log.seen if each.endswith("down")]
    assert sorted(ups) == sorted(number for number, _ in rows)
    assert all(ups.index(need) < ups.index(number) for number, needs in rows for need in needs)
    assert [KINDS.index(each.type) for each in services.order][::-1] == downs


@given(graphs(), st.sets(st.integers(0, 9), min_size=1, max_size=3), st.sets(st.integers(0, 9), max_size=3))
def test_every_failed_start_is_rolled_back(rows, broken, stubborn):
    """Whatever fails: all that opened is closed, in reverse, and the error names only services that failed."""
    log, services = Log(), Services()
    for number, needs in rows:
        up = OSError("no") if number in broken else None
        down = OSError("stuck") if number in stubborn else None
        services.add(log.factory(KINDS[number], *(KINDS[each] for each in sorted(needs)), up=up, down=down))
    failing = broken & {number for number, _ in rows}
    errors = []

    async def main():
        try:
            await services.start()
        except StartupError as error:
            errors.append(error)
        else:
            with_suppressed = services.stop()
            try:
                await with_suppressed
            except StopError:
                return

    anyio.run(main)
    assert bool(failing) is bool(errors)
    if errors:
        named = {number for number in range(10) if f"service S{number} " in errors[0].reason}
        assert named
        assert named <= failing
        opened = [KINDS.index(each.type) for each in services.order if KINDS.index(each.type) not in failing]
        downs = [int(each[1]) for each in log.seen if each.endswith("down")]
        assert [number for number in reversed(opened) if number in downs] == downs
        with pytest.raises(MissingService):
            services.resolve(KINDS[rows[0][0]])


async def test_a_failure_names_the_service_and_keeps_its_cause():
    """Type, factory, exception and its text; the original is the cause."""
    services = Services()

    async def make_pool() -> Pool:
        raise ConnectionRefusedError("port 5432")

    services.add(make_pool)
    with pytest.raises(StartupError) as caught:
        await services.start()
    assert "service Pool (" in caught.value.reason
    assert "make_pool) failed to start: ConnectionRefusedError: port 5432" in caught.value.reason
    assert caught.value.code == "service_failed"
    assert isinstance(caught.value.__cause__, ConnectionRefusedError)


async def test_failures_at_the_same_time_are_all_named():
    """Two that fail in one moment are both in the error."""
    services, both = Services(), anyio.Event()

    async def pool() -> Pool:
        await both.wait()
        raise OSError("no pool")

    async def cache() -> Cache:
        both.set()
        raise OSError("no cache")

    services.add(pool)
    services.add(cache)
    with pytest.raises(StartupError, match="no cache") as caught:
        await services.start()
    assert isinstance(caught.value.__cause__, ExceptionGroup | StartupError | OSError)


async def test_a_failure_cancels_the_others_that_are_starting():
    """They are not waited for."""
    services, seen = Services(), []

    async def slow() -> Pool:
        try:
            await anyio.sleep_forever()
        finally:
            seen.append("cancelled")
        return Pool()

    async def broken() -> Cache:
        await anyio.lowlevel.checkpoint()
        raise OSError("no cache")

    services.add(slow)
    services.add(broken)
    with pytest.raises(StartupError, match="no cache"):
        await services.start()
    assert ["cancelled"] == seen


@pytest.mark.parametrize("opening", [True, False], ids=["generator", "coroutine"])
async def test_a_start_that_is_too_slow_is_named(opening):
    """With the seconds that it had."""
    services = Services()

    async def waiting() -> Pool:
        await anyio.sleep_forever()
        return Pool()

    async def entering() -> AsyncIterator[Pool]:
        await anyio.sleep_forever()
        yield Pool()

    services.add(entering if opening else waiting, timeout=0.01)
    with pytest.raises(StartupError, match=r"service Pool \(.*\) did not start within 0.01 s"):
        await services.start()


async def test_a_stop_that_is_too_slow_is_cancelled_and_the_rest_stops():
    """One stuck service delays by its timeout, and no more."""
    services, log = Services(), Log()

    async def stuck() -> AsyncIterator[Cache]:
        yield Cache()
        await anyio.sleep_forever()

    services.add(log.factory(Pool))
    services.add(stuck, timeout=0.01)
    await services.start()
    with pytest.raises(StopError) as caught:
        await services.stop()
    assert ["did not stop within 0.01 s"] == [str(each).partition(") ")[2] for each in caught.value.exceptions]
    assert ["Pool up", "Pool down"] == log.seen


async def test_stop_failures_are_collected_with_their_names():
    """Every service is stopped; each failure names its service."""
    services, log = Services(), Log()
    services.add(log.factory(Pool, down=OSError("one")))
    services.add(log.factory(Cache, Pool, down=OSError("two")))
    await services.start()
    with pytest.raises(StopError) as caught:
        await services.stop()
    assert ["Pool up", "Cache up", "Cache down", "Pool down"] == log.seen
    texts = [str(each) for each in caught.value.exceptions]
    assert ["OSError: two", "OSError: one"] == [text.partition("stop: ")[2] for text in texts]


async def test_failures_of_a_rollback_are_noted():
    """The start's error stays the error."""
    services, log = Services(), Log()
    services.add(log.factory(Pool, down=OSError("stuck")))
    services.add(log.factory(Cache, Pool, up=OSError("broken")))
    with pytest.raises(StartupError, match="broken") as caught:
        await services.start()
    assert "OSError: stuck" in caught.value.__notes__[0]


async def test_a_cancelled_start_is_rolled_back():
    """What had opened is closed before the cancellation goes on."""
    services, log, reached = Services(), Log(), anyio.Event()

    async def slow(pool: Pool) -> Cache:
        reached.set()
        await anyio.sleep_forever()
        return Cache()

    services.add(log.factory(Pool))
    services.add(slow)
    async with anyio.create_task_group() as group:
        group.start_soon(services.start)
        await reached.wait()
        group.cancel_scope.cancel()
    assert ["Pool up", "Pool down"] == log.seen
    with pytest.raises(MissingService):
        services.resolve(Pool)


async def test_a_stop_runs_to_its_end_when_its_caller_is_cancelled():
    """Nothing stays open."""
    services, log, reached, go = Services(), Log(), anyio.Event(), anyio.Event()

    async def slow(pool: Pool) -> AsyncIterator[Cache]:
        yield Cache()
        reached.set()
        await go.wait()

    services.add(log.factory(Pool))
    services.add(slow)
    await services.start()
    async with anyio.create_task_group() as group:
        group.start_soon(services.stop)
        await reached.wait()
        group.cancel_scope.cancel()
        go.set()
    assert ["Pool up", "Pool down"] == log.seen


async def test_services_may_own_task_groups():
    """Two that do, started side by side and stopped one by one, are left in their own tasks."""
    services, seen = Services(), []

    async def pool() -> AsyncIterator[Pool]:
        async with anyio.create_task_group() as group:
            group.start_soon(anyio.sleep_forever)
            yield Pool()
            group.cancel_scope.cancel()
        seen.append("pool")

    async def cache() -> AsyncIterator[Cache]:
        async with anyio.create_task_group() as group:
            group.start_soon(anyio.sleep_forever)
            yield Cache()
            group.cancel_scope.cancel()
        seen.append("cache")

    services.add(pool)
    services.add(cache)
    await services.start()
    await services.stop()
    assert ["cache", "pool"] == seen


async def test_a_service_that_fails_while_it_runs_is_reported():
    """At once, by name, and again by the stop."""
    told, go, seen = anyio.Event(), anyio.Event(), []

    def failed(name, error):
        seen.append((name.partition(" (")[0], type(error).__name__))
        told.set()

    async def crash():
        await go.wait()
        raise OSError("lost")

    async def pool() -> AsyncIterator[Pool]:
        async with anyio.create_task_group() as group:
            group.start_soon(crash)
            yield Pool()

    services = Services(failed=failed)
    services.add(pool)
    await services.start()
    go.set()
    await told.wait()
    assert [("service Pool", "ExceptionGroup")] == seen
    with pytest.raises(StopError):
        await services.stop()


async def test_nothing_can_be_added_after_the_start():
    """The error names the latecomer; after the stop it is welcome."""
    services = Services()
    await services.start()
    with pytest.raises(StartupError, match=r"service Pool .* came after the services had started"):
        services.add(Pool)
    await services.stop()
    assert Pool is services.add(Pool)


async def test_what_is_not_there_is_explained():
    """No such service, one of request scope, one that has not started: three different sentences."""
    services = Services()
    services.add(Pool)
    services.add(Session, scope="request")
    for kind, words in (
        (Cache, "there is no service Cache"),
        (Session, "belongs to a request"),
        (Pool, "has not started"),
    ):
        with pytest.raises(MissingService, match=words):
            services.resolve(kind)
    with pytest.raises(LookupError):
        services.resolve(Cache)


def test_the_plan_is_checked_before_anything_starts():
    """A missing need is found by looking at the order."""
    services = Services()
    services.add(Store)
    with pytest.raises(StartupError, match="needs Pool for its parameter 'pool'"):
        assert services.order


async def test_scopes_are_known_by_type():
    """For those who bind parameters."""
    services = Services({Request: lambda request: request})
    services.add(Pool)
    services.add(Session, scope="request")
    assert ("app", "request", None) == tuple(services.scope_of(kind) for kind in (Pool, Session, Cache))
    assert [True, True, True, False] == [services.knows(kind) for kind in (Pool, Session, Request, Cache)]


async def test_getters_fetch_by_request():
    """One of application scope needs no await, one of request scope does, and there is none for strangers."""
    services, request = Services(), Request()
    services.add(Pool)
    services.add(Session, scope="request")
    await services.start()
    get, later = services.getter(Pool)
    assert (services.resolve(Pool), False) == (get(request), later)
    get, later = services.getter(Session)
    assert (True, True) == (later, isinstance(await get(request), Session))
    assert services.getter(Cache) is None


async def test_an_override_takes_the_place_of_a_service():
    """Everyone gets the double; it is neither opened nor closed; afterwards the original is back."""
    services, log, double = Services(), Log(), Pool()
    services.add(log.factory(Pool))
    services.add(Cache)
    services.add(Store)
    with services.override(Pool, double):
        await services.start()
        assert double is services.resolve(Store).pool
        await services.stop()
    assert [] == log.seen
    await services.start()
    assert double is not services.resolve(Store).pool
    await services.stop()


async def test_an_override_may_be_a_factory():
    """It is opened and closed as the original would be, and may need other services."""
    services, log = Services(), Log()
    services.add(Pool)
    services.add(Cache)
    with services.override(Pool, factory=log.factory(Pool, Cache)):
        await services.start()
        await services.stop()
    assert ["Pool up", "Pool down"] == log.seen


async def test_what_an_override_opened_is_stopped_after_its_block():
    """Leaving the block before the stop loses nothing."""
    services, log = Services(), Log()
    services.add(Pool)
    with services.override(Pool, factory=log.factory(Pool)):
        await services.start()
    await services.stop()
    assert ["Pool up", "Pool down"] == log.seen


async def test_overrides_nest():
    """The inner one wins, then the outer one again."""
    services, outer, inner = Services(), Pool(), Pool()
    services.add(Pool)
    found = []
    with services.override(Pool, outer):
        with services.override(Pool, inner):
            await services.start()
            found.append(services.resolve(Pool))
            await services.stop()
        await services.start()
        found.append(services.resolve(Pool))
        await services.stop()
    assert [inner, outer] == found


async def test_an_override_needs_something_to_override():
    """A type that nobody makes is an error, and so is a service that runs already."""
    services = Services()
    with pytest.raises(StartupError, match="there is no service Pool to override"), services.override(Pool, Pool()):
        pytest.fail("must not get here")
    services.add(Pool)
    await services.start()
    with pytest.raises(StartupError, match="has started"), services.override(Pool, Pool()):
        pytest.fail("must not get here")
    await services.stop()


async def test_a_need_with_a_default_may_be_missing():
    """Then the default is used; when there is a service, it is that."""

    class Reader:
        def __init__(self, pool: Pool | None = None, cache: Cache = None) -> None:
            self.cache = cache

    services = Services()
    services.add(Reader)
    await services.start()
    assert services.resolve(Reader).cache is None
    await services.stop()
    services.add(Cache)
    await services.start()
    assert services.resolve(Cache) is services.resolve(Reader).cache


def test_a_provider_can_be_built_by_hand():
    """What `add` reads off a signature is a plain value."""
    made = Provider(Pool, "by hand", Pool, (Need("x", Cache),))
    assert "service Pool (by hand)" == str(made)


async def test_a_fix_is_said_once():
    """What a service raises with a fix arrives with that fix, not with two."""

    async def pool() -> AsyncIterator[Pool]:
        raise StartupError("no room", fix="make room")
        yield

    services = Services()
    services.add(pool)
    with pytest.raises(StartupError) as caught:
        await services.start()
    assert 1 == str(caught.value).count("make room")

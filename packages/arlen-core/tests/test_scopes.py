"""Scopes: the services of one request."""

from collections.abc import AsyncIterator, Iterator

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from arlen_core.deadlines import TooSlow
from arlen_core.lifecycle import StopError
from arlen_core.requests import Request
from arlen_core.services import MissingService, Services

pytestmark = pytest.mark.anyio


class Pool:
    """A service of the application."""


class Session:
    """A service of a request."""

    def __init__(self, pool: Pool, request: Request) -> None:
        self.pool, self.request = pool, request


class User:
    """A service of a request that needs another one."""

    def __init__(self, session: Session) -> None:
        self.session = session


async def started(*factories):
    """Return services with a pool that are started."""
    services = Services({Request: lambda request: request})
    services.add(Pool)
    for factory in factories:
        services.add(factory, scope="request")
    await services.start()
    return services


async def test_a_request_gets_its_own_instance():
    """One a request, the same for all who ask; made of the application's services and the request."""
    services = await started(Session, User)
    one, two = Request(), Request()
    user = await services.scope(one).get(User)
    assert (await services.scope(one).get(Session), one) == (user.session, user.session.request)
    assert services.resolve(Pool) is user.session.pool
    assert user is not await services.scope(two).get(User)
    assert services.scope(one) is services.scope(one)


async def test_nothing_is_opened_before_it_is_asked_for():
    """And only what is needed."""
    seen = []

    def session() -> Session:
        seen.append("session")
        return Session(None, None)

    def user() -> User:
        seen.append("user")
        return User(None)

    services = await started(session, user)
    scope = services.scope(Request())
    assert [] == seen
    await scope.get(User)
    assert ["user"] == seen


async def test_closing_is_in_reverse():
    """What was opened last is closed first; the request knows its closers."""
    seen = []

    async def session() -> AsyncIterator[Session]:
        seen.append("session up")
        yield Session(None, None)
        seen.append("session down")

    def user(session: Session) -> Iterator[User]:
        seen.append("user up")
        yield User(session)
        seen.append("user down")

    services, request = await started(session, user), Request()
    scope = services.scope(request)
    await scope.get(User)
    assert [scope.close] == request.closers
    await scope.close()
    assert ["session up", "user up", "user down", "session down"] == seen
    await scope.close()
    assert len(seen) == 4


async def test_a_failed_request_is_told_to_its_services():
    """A generator gets the exception at its `yield`, and may roll back; it need not raise it again."""
    seen = []

    async def session() -> AsyncIterator[Session]:
        try:
            yield Session(None, None)
        except ValueError as error:
            seen.append(f"rolled back: {error}")
            raise

    def user(session: Session) -> Iterator[User]:
        try:
            yield User(session)
        except ValueError:
            seen.append("swallowed")

    services = await started(session, user)
    scope = services.scope(Request())
    await scope.get(User)
    await scope.close(ValueError("bad"))
    assert ["swallowed", "rolled back: bad"] == seen


async def test_one_that_fails_to_close_keeps_none_open():
    """All are closed; the failures come together, by name."""
    seen = []

    async def session() -> AsyncIterator[Session]:
        yield Session(None, None)
        seen.append("session down")

    async def user(session: Session) -> AsyncIterator[User]:
        yield User(session)
        raise OSError("stuck")

    scope = (await started(session, user)).scope(Request())
    await scope.get(User)
    with pytest.raises(StopError) as caught:
        await scope.close()
    assert ["session down"] == seen
    assert "service User (" in str(caught.value.exceptions[0])
    assert "failed to close: OSError: stuck" in str(caught.value.exceptions[0])


async def test_one_that_fails_to_open_leaves_the_others_to_be_closed():
    """The exception goes to the handler as it is."""
    seen = []

    async def session() -> AsyncIterator[Session]:
        yield Session(None, None)
        seen.append("session down")

    async def user(session: Session) -> User:
        raise LookupError("nobody")

    scope = (await started(session, user)).scope(Request())
    with pytest.raises(LookupError, match="nobody"):
        await scope.get(User)
    await scope.close()
    assert ["session down"] == seen


async def test_opening_too_slowly_is_named():
    """A factory has its timeout for each request."""
    services = Services()

    async def session() -> Session:
        await anyio.sleep_forever()
        return Session(None, None)

    services.add(session, scope="request", timeout=0.01)
    await services.start()
    with pytest.raises(TooSlow, match=r"service Session \(.*\) was not ready within 0.01 s"):
        await services.scope(Request()).get(Session)


async def test_closing_too_slowly_is_named():
    """And given up after the timeout."""
    services = Services()

    async def session() -> AsyncIterator[Session]:
        yield Session(None, None)
        await anyio.sleep_forever()

    services.add(session, scope="request", timeout=0.01)
    await services.start()
    scope = services.scope(Request())
    await scope.get(Session)
    with pytest.raises(StopError) as caught:
        await scope.close()
    assert "did not close within 0.01 s" in str(caught.value.exceptions[0])


async def test_tasks_of_one_request_share_the_instance():
    """Ten that ask at the same time get one, opened once."""
    made, found = [], []

    async def session() -> Session:
        await anyio.lowlevel.checkpoint()
        made.append(Session(None, None))
        return made[-1]

    scope = (await started(session)).scope(Request())

    async def ask():
        found.append(await scope.get(Session))

    async with anyio.create_task_group() as group:
        for _ in range(10):
            group.start_soon(ask)
    assert len(made) == 1
    assert made * 10 == found


async def test_closing_runs_to_its_end_when_the_request_is_cancelled():
    """A client that goes away does not leave a transaction open."""
    seen, closing, go = [], anyio.Event(), anyio.Event()

    async def session() -> AsyncIterator[Session]:
        yield Session(None, None)
        closing.set()
        await go.wait()
        seen.append("closed")

    scope = (await started(session)).scope(Request())
    await scope.get(Session)
    async with anyio.create_task_group() as group:
        group.start_soon(scope.close)
        await closing.wait()
        group.cancel_scope.cancel()
        go.set()
    assert ["closed"] == seen


async def test_strangers_are_refused():
    """A type that nobody makes, and one of the application."""
    scope = (await started()).scope(Request())
    for kind in (Session, Pool):
        with pytest.raises(MissingService):
            await scope.get(kind)


async def test_an_override_counts_for_requests_of_a_running_application():
    """Services of request scope may be replaced at any time."""
    services, double = await started(Session), Session(None, None)
    with services.override(Session, double):
        assert double is await services.scope(Request()).get(Session)
    assert double is not await services.scope(Request()).get(Session)


async def test_a_need_with_a_default_may_be_missing():
    """As in the application's services."""

    class View:
        def __init__(self, request: Request, user: User = None, pool: Pool = None) -> None:
            self.user, self.pool = user, pool

    services = await started(View)
    view = await services.scope(Request()).get(View)
    assert (None, services.resolve(Pool)) == (view.user, view.pool)


@given(st.integers(1, 6), st.integers(0, 6), st.sets(st.integers(0, 5)))
def test_whatever_was_opened_is_closed_in_reverse(count, broken, stubborn):
    """A chain of services where any may fail to open and any to close: what opened is closed, last first."""
    kinds = [type(f"S{n}", (), {}) for n in range(count)]
    seen, services = [], Services()

    def factory(n):
        async def make(before: kinds[n - 1] if n else Pool = None) -> AsyncIterator[kinds[n]]:
            if n == broken:
                raise OSError("broken")
            seen.append(("up", n))
            yield kinds[n]()
            seen.append(("down", n))
            if n in stubborn:
                raise OSError("stuck")

        return make

    async def main():
        for n in range(count):
            services.add(factory(n), kinds[n], scope="request")
        await services.start()
        scope = services.scope(Request())
        try:
            await scope.get(kinds[-1])
        except OSError:
            seen.append(("failed", broken))
        try:
            await scope.close()
        except StopError:
            return

    anyio.run(main)
    ups = [n for what, n in seen if what == "up"]
    assert list(range(min(count, broken))) == ups
    assert ups[::-1] == [n for what, n in seen if what == "down"]

"""Services: made in the order of their needs, side by side where they can be, and closed in reverse."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import anyio

from arlen_core.deadlines import TooSlow, within
from arlen_core.errors import ArlenError, StartupError
from arlen_core.hosts import Host
from arlen_core.lifecycle import StopError
from arlen_core.plans import index, needed, ordered
from arlen_core.providers import Provider, Scope, label, provider
from arlen_core.scopes import RequestScope, failure
from arlen_core.startup import Startup

if TYPE_CHECKING:
    from arlen_core.requests import Request

__all__ = ["MissingService", "Services"]

Get = Callable[[Any], Any]
Failed = Callable[[str, BaseException], object]
_KEY = "services"


class MissingService(ArlenError, LookupError):
    """There is no such service, or it has not started."""


class Services:
    """The services of one application.

    Args:
        given: what a service of request scope may take beside services, by type: how to get it from the request.
        failed: called with a name and an error when a service fails between its start and its stop.
        startup: takes the time of each start.

    ```python
    import anyio
    from collections.abc import AsyncIterator
    from arlen_core.services import Services


    class Pool:
        closed = False


    class Store:
        def __init__(self, pool: Pool) -> None:
            self.pool = pool


    async def open_pool() -> AsyncIterator[Pool]:
        pool = Pool()
        yield pool
        pool.closed = True


    async def main() -> tuple[bool, bool]:
        services = Services()
        services.add(Store)
        services.add(open_pool)
        await services.start()
        pool = services.resolve(Store).pool
        before = pool.closed
        await services.stop()
        return before, pool.closed


    assert anyio.run(main) == (False, True)
    ```
    """

    def __init__(
        self, given: Mapping[Any, Get] | None = None, *, failed: Failed | None = None, startup: Startup | None = None
    ) -> None:
        self._given = dict(given or {})
        self._startup = Startup() if startup is None else startup
        self._failed = failed
        self._providers: list[Provider] = []
        self._kinds: dict[Any, Provider] = {}
        self._overrides: dict[Any, Provider] = {}
        self._order: list[Provider] | None = None
        self._running: list[Provider] = []
        self._values: dict[Any, Any] = {}
        self._hosts: dict[Any, Host] = {}
        self._chains: dict[Any, tuple[Provider, ...]] = {}
        self._started = False

    def add(self, factory: Any, type: Any = None, *, scope: Scope = "app", timeout: float | None = 30.0) -> Any:
        """Register a factory and return it; see `arlen_core.providers.provider` for what a factory may be.

        Args:
            factory: what makes the service.
            type: what it makes, when its annotation does not say so.
            scope: "app" for one instance; "request" for one for each request that asks for it.
            timeout: seconds to start, and to stop; `None` is no limit. A factory that is no coroutine cannot be
                interrupted: keep it short.

        Raises `StartupError` when it does not say what it makes or needs, or when the services have started.
        """
        made = provider(factory, type, scope=scope, timeout=timeout)
        if self._started:
            raise StartupError(f"{made} came after the services had started", fix="register it before the start")
        self._providers.append(made)
        self._kinds.setdefault(made.type, made)
        self._order = None
        return factory

    @property
    def order(self) -> list[Provider]:
        """The providers in the order in which they start; `StartupError` when there is none."""
        if self._order is None:
            known = index(self._providers) | self._overrides
            self._order = ordered(known, self._given)
            self._chains.clear()
        return self._order

    def scope_of(self, kind: Any) -> Scope | None:
        """Return the scope of that service, or `None` when there is none of that type."""
        known = self._kinds.get(kind)
        return known.scope if known else None

    def resolve(self, kind: Any) -> Any:
        """Return the service of application scope; `MissingService` when there is none or it has not started."""
        try:
            return self._values[kind]
        except KeyError:
            raise MissingService(self._why(kind)) from None

    def getter(self, kind: Any) -> tuple[Get, bool] | None:
        """Return how to get it from a request, and whether to await that; `None` when there is none of that type."""
        scope = self.scope_of(kind)
        if scope == "request":
            return lambda request: self.scope(request).get(kind), True
        return (lambda _: self.resolve(kind), False) if scope else None

    def scope(self, request: Request) -> RequestScope:
        """Return the scope of that request, opened on first use and kept in `request.state["services"]`."""
        scope: RequestScope | None = request.state.get(_KEY)
        if scope is None:
            scope = request.state[_KEY] = RequestScope(self, request)
            request.closers = [*(request.closers or ()), scope.close]
        return scope

    async def start(self) -> None:
        """Start every service of application scope, each as soon as its needs have started.

        When one fails, or the caller is cancelled, those that have started are stopped in reverse.
        `StartupError` names every service that failed.
        """
        if self._started:
            return
        try:
            await self._start()
        except BaseException as error:
            raised = _joined(error)
            for problem in await self._stop():
                raised.add_note(f"while rolling back: {problem}")
            if raised is error:
                raise
            raise raised from raised.__cause__ or error  # of one failure, what it was raised for
        self._started = True

    async def stop(self) -> None:
        """Stop them in the reverse order; each, even when others fail or the caller is cancelled.

        `StopError` holds every failure.
        """
        self._started = False
        failures = await self._stop()
        if failures:
            raise StopError("services failed to stop", failures)

    @contextmanager
    def override(self, kind: Any, value: Any = None, *, factory: Any = None) -> Iterator[None]:
        """Put something else in the place of a service inside the `with` block: a test double.

        Args:
            kind: the type to replace; `StartupError` when there is none.
            value: the double itself; it is not opened or closed.
            factory: or a factory that makes it, with the scope and timeout of the original.

        An application's service must be replaced before the start.
        """
        original = self._kinds.get(kind)
        if original is None:
            raise StartupError(f"there is no service {label(kind)} to override", fix="register it first")
        if self._started and original.scope == "app":
            raise StartupError(f"{original} has started", fix="override it before the start")
        before = self._overrides.get(kind)
        self._replace(kind, _double(original, value, factory))
        try:
            yield
        finally:
            self._replace(kind, before)

    def chain(self, kind: Any) -> tuple[Provider, ...]:
        """Return the providers of request scope to open for `kind`, in order; `MissingService` when there is none."""
        chain = self._chains.get(kind) if self._order is not None else None
        if chain is None:
            if self.scope_of(kind) != "request":
                raise MissingService(self._why(kind))
            chain = needed(kind, self.order)
            self._chains[kind] = chain
        return chain

    def given(self, kind: Any, request: Request) -> Any:
        """Return what the request itself gives for a type, or the application's service."""
        return self._given[kind](request) if kind in self._given else self.resolve(kind)

    def knows(self, kind: Any) -> bool:
        """Return true when a service of request scope may take a `kind`."""
        return kind in self._given or self.scope_of(kind) is not None

    def _replace(self, kind: Any, provider: Provider | None) -> None:
        if provider is None:
            self._overrides.pop(kind, None)
        else:
            self._overrides[kind] = provider
        self._order = None

    def _why(self, kind: Any) -> str:
        scope = self.scope_of(kind)
        if scope is None:
            return f"there is no service {label(kind)} (fix: register a factory that makes one)"
        if scope == "request":
            return f"service {label(kind)} belongs to a request (fix: take it as a handler's parameter)"
        return f"service {label(kind)} has not started (fix: start the application first)"

    async def _start(self) -> None:
        self._running = [each for each in self.order if each.scope == "app"]
        ready = {each.type: anyio.Event() for each in self._running}
        async with anyio.create_task_group() as group:
            for each in self._running:
                group.start_soon(self._begin, each, ready)

    async def _begin(self, each: Provider, ready: dict[Any, anyio.Event]) -> None:
        for need in each.needs:
            if need.type in ready:
                await ready[need.type].wait()
        try:
            with self._startup.part(f"service {label(each.type)}"):
                opening = partial(self._open, each)
                self._values[each.type] = await within(each.timeout, opening, f"{each} did not start")
        except Exception as error:
            reason = str(failure(each, "start", error))
            raise StartupError(reason, fix=getattr(error, "fix", ""), code="service_failed") from error
        ready[each.type].set()

    async def _open(self, each: Provider) -> Any:
        values = {need.name: self._values[need.type] for need in each.needs if need.type in self._values}
        if not each.enters:
            return await each.open(AsyncExitStack(), values)
        failed = None if self._failed is None else partial(self._failed, str(each))
        host = self._hosts[each.type] = Host(str(each), partial(each.open, values=values), failed)
        return await host.start()

    async def _stop(self) -> list[Exception]:
        failures: list[Exception] = []
        with anyio.CancelScope(shield=True):
            for each in reversed(self._running):
                host = self._hosts.pop(each.type, None)
                if host is not None:
                    await _leave(host, each, failures)
        self._values.clear()
        return failures


def _double(original: Provider, value: Any, factory: Any) -> Provider:
    if factory is not None:
        return provider(factory, original.type, scope=original.scope, timeout=original.timeout)
    return Provider(original.type, f"override of {original.name}", lambda: value, scope=original.scope)


async def _leave(host: Host, each: Provider, failures: list[Exception]) -> None:
    try:
        await within(each.timeout, host.stop, f"{each} did not stop")
    except TooSlow as error:
        failures.append(error)
        await host.cancel()
    except Exception as error:  # noqa: BLE001  # the others are stopped all the same
        failures.append(failure(each, "stop", error))


def _joined(error: BaseException) -> BaseException:
    """Turn the group of a task group into one error that names everything."""
    if not isinstance(error, ExceptionGroup):
        return error
    failures = [each for each in error.exceptions if isinstance(each, StartupError)]
    if len(failures) == 1:
        return failures[0]
    return StartupError("; ".join(each.reason for each in failures), fix=failures[0].fix, code="service_failed")

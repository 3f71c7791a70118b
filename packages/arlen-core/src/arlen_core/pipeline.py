"""Pipeline: what stands between a match and a handler, composed once a route when the application starts."""

from __future__ import annotations

from inspect import iscoroutinefunction
from math import inf
from typing import TYPE_CHECKING, Any

import anyio

from arlen_core.answers import READY, answer
from arlen_core.errors import HTTPError, StartupError
from arlen_core.responses import Response, Upgrade
from arlen_core.routes import bind_types
from arlen_core.signatures import target
from arlen_core.sockets import WebSocket

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Sequence

    from arlen_core.binding import Binder, Plan
    from arlen_core.hooks import Hooks
    from arlen_core.requests import Request
    from arlen_core.routes import Route
    from arlen_core.sockets import Transport

    Call = Callable[[Request], Awaitable[Response]]
    Recover = Callable[[Request, Exception], Awaitable[Response]]

__all__ = ["Pipeline", "compose"]

_BODIES = frozenset({"POST", "PUT", "PATCH", "DELETE", "QUERY", "*"})


def compose(call: Call, middleware: Sequence[Any], *, checked: bool = True) -> Call:
    """Return `call` with each middleware around it, the first outermost.

    Args:
        call: the innermost.
        middleware: coroutine functions.
        checked: whether each is watched, so that the one which returns no response is named; else only the outermost.

    A middleware is `async def middleware(request, next)`; it returns what `await next(request)` returned, or
    another response. `next` may be called once.

    >>> import anyio
    >>> from arlen_core.requests import Request
    >>> async def shout(request, next):
    ...     answer = await next(request)
    ...     return Response(answer.body.upper())
    >>> async def hello(request):
    ...     return Response("hello")
    >>> anyio.run(compose(hello, [shout]), Request()).body
    b'HELLO'
    """
    for index in reversed(range(len(middleware))):
        call = _layer(middleware[index], call, checked=checked or index == 0)
    return call


class Pipeline:
    """Composes the calls of one application.

    Args:
        binder: compiles signatures.
        hooks: `before_action` and `after_action` are run.
        recover: makes a response of an `HTTPError` that a guard or a handler raised, inside the middleware.
        formats: of routes that declare none.
        deadline: of routes that declare none, in seconds; 0 for no bound.
        checked: as for `compose`.

    The order for one request: middleware, outer to inner; guards, outer to inner; binding and validation (so nobody
    who is refused learns what would be valid); the handler. A guard takes parameters as a handler does. It refuses by
    raising `HTTPError`, by returning `False` (403) or a response; `None` and `True` let pass.
    """

    def __init__(
        self,
        binder: Binder,
        hooks: Hooks,
        recover: Recover,
        *,
        formats: Sequence[str],
        deadline: float = 0.0,
        checked: bool = True,
    ) -> None:
        self._binder, self._recover = binder, recover
        self._before, self._after = hooks.runner("before_action"), hooks.runner("after_action")
        self._formats, self._deadline, self._checked = tuple(formats), deadline, checked

    def route(self, route: Route) -> Call:
        """Return what answers the requests of `route`; `StartupError` names what is wrong with its handler."""
        names = {each.name for each in route.pattern.placeholders}
        plan = self._binder.plan(route.endpoint, names, body=bool(route.methods & _BODIES))
        bind_types(route, {each.wire: each.kind for each in plan.parameters if each.source == "path"})
        _check(route, plan)
        deadline = float(route.options.get("deadline", self._deadline))
        if not (plan.socket or deadline > 0 or route.guards or self._before or self._after):
            return compose(self._plain(route, plan), route.middleware, checked=self._checked)
        act = _socket(route, plan) if plan.socket else self._action(route, plan)
        return self.around(act, route.guards, route.middleware, names=names, deadline=deadline)

    def around(
        self,
        act: Call,
        guards: Sequence[Any],
        middleware: Sequence[Any],
        *,
        names: Collection[str] = (),
        deadline: float = 0.0,
    ) -> Call:
        """Return `act` behind its guards, with its errors turned into responses, inside its middleware.

        Args:
            act: the innermost call.
            guards: outermost first; their parameters are bound as a handler's.
            middleware: outermost first.
            names: of the path's parameters, which a guard may take.
            deadline: seconds for guards and call, 0 for no bound.
        """
        plans = [self._binder.plan(guard, names, body=False, whole=False).call for guard in guards]
        guarded = _guarded(plans, act) if plans else act
        if deadline > 0:
            guarded = _limited(guarded, deadline)
        return compose(self._recovering(guarded), middleware, checked=self._checked)

    def _recovering(self, call: Call) -> Call:
        recover = self._recover

        async def run(request: Request) -> Response:
            try:
                return await call(request)
            except HTTPError as error:
                request.failure = error
                return await recover(request, error)

        return run

    def _action(self, route: Route, plan: Plan) -> Call:
        call, status, before, after = plan.call, route.status, self._before, self._after
        formats = route.formats or self._formats

        async def hooked(request: Request) -> Response:
            early = await before(request) if before is not None else None
            made = await answer(await call(request) if early is None else early, status, formats)
            return await after(request, made) if after is not None else made

        return hooked

    def _plain(self, route: Route, plan: Plan) -> Call:
        """Return the call of a route with nothing around it: the errors and the answer in one coroutine."""
        call, status, recover, formats = plan.call, route.status, self._recover, route.formats or self._formats
        code, ready = 200 if status is None else status, READY.get

        async def act(request: Request) -> Response:
            try:
                result = await call(request)
                make = ready(type(result))
                return make(result, code) if make is not None else await answer(result, status, formats)
            except HTTPError as error:
                request.failure = error
                return await recover(request, error)

        if plan.bare is None:
            return act
        handler = plan.bare

        async def bare(request: Request) -> Response:
            try:
                result = await handler()
                make = ready(type(result))
                return make(result, code) if make is not None else await answer(result, status, formats)
            except HTTPError as error:
                request.failure = error
                return await recover(request, error)

        return bare


def _check(route: Route, plan: Plan) -> None:
    if route.websocket != bool(plan.socket):
        raise _wrong(
            route,
            "a WebSocket route and its handler go together",
            "declare it with `websocket(...)` and take a parameter of type WebSocket",
        )
    if plan.socket and not iscoroutinefunction(target(route.endpoint)):
        raise _wrong(route, "the handler of a WebSocket is no coroutine function", "write `async def`")
    status, deadline, limit = route.status, route.options.get("deadline", 0), route.options.get("max_body")
    if status is not None and not 200 <= status <= 599:
        raise _wrong(route, f"{status} is not the status of a response", "use one of 200 to 599")
    if not isinstance(deadline, int | float) or not 0 <= deadline < inf:
        raise _wrong(route, f"the deadline {deadline!r} is no number of seconds", "use 0 for no bound")
    if limit is not None and (not isinstance(limit, int) or limit < 0):
        raise _wrong(route, f"max_body {limit!r} is no number of bytes", "use a whole number, or None for no bound")


def _wrong(route: Route, reason: str, fix: str) -> StartupError:
    return StartupError(f"{route.template} ({route.source}): {reason}", fix=fix, code="bad_signature")


def _socket(route: Route, plan: Plan) -> Call:
    endpoint, name, protocols = route.endpoint, plan.socket, tuple(route.options.get("protocols", ()))

    async def act(request: Request) -> Response:
        values = await plan.gather(request)
        asked = [each.strip() for each in (request.headers.get("sec-websocket-protocol") or "").split(",")]
        agreed = next((each for each in protocols if each in asked), None)

        async def run(transport: Transport) -> None:
            socket = WebSocket(request, transport, agreed)
            await socket.accept()
            await endpoint(**values, **{name: socket})

        return Upgrade(run, protocols)

    return act


def _layer(layer: Any, call: Call, *, checked: bool) -> Call:
    if not iscoroutinefunction(layer) and not iscoroutinefunction(getattr(layer, "__call__", None)):  # noqa: B004
        raise StartupError(f"the middleware {layer!r} is no coroutine function", fix="write `async def`")

    if not checked:
        return lambda request: layer(request, call)

    async def run(request: Request) -> Response:
        made = await layer(request, call)
        if not isinstance(made, Response):
            raise TypeError(f"the middleware {layer!r} returned {type(made).__name__}, not a Response")
        return made

    return run


def _guarded(guards: Sequence[Callable[[Request], Awaitable[Any]]], act: Call) -> Call:
    async def run(request: Request) -> Response:
        for guard in guards:
            verdict = await guard(request)
            if isinstance(verdict, Response):
                return verdict
            if verdict is not None and not verdict:
                raise HTTPError(403)
        return await act(request)

    return run


def _limited(call: Call, seconds: float) -> Call:
    async def run(request: Request) -> Response:
        with anyio.move_on_after(seconds):  # a TimeoutError of the handler's own stays one
            return await call(request)
        raise HTTPError(503, "this took too long", code="deadline_exceeded", headers={"retry-after": "1"})

    return run

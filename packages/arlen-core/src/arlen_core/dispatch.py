"""Dispatch: the way of every request, from its identity to its finished response."""

from __future__ import annotations

import sys
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any

import anyio

from arlen_core.compression import Compression, compress
from arlen_core.conditional import conditional
from arlen_core.errors import Disconnected, HTTPError, NotFound
from arlen_core.files import FileResponse
from arlen_core.ids import request_id, trace_parent
from arlen_core.logs import current
from arlen_core.matcher import Matcher, Miss
from arlen_core.pipeline import compose
from arlen_core.responses import Response, Upgrade, discard, redirect

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Sequence

    from arlen_core.headers import Raw
    from arlen_core.hooks import Hooks
    from arlen_core.requests import Request
    from arlen_core.sockets import Transport

    Closer = Callable[[BaseException | None], Awaitable[object]]
    Call = Callable[[Request], Awaitable[Response]]

__all__ = ["MAX_BODY", "Dispatcher", "cancelling", "close", "identify"]

MAX_BODY = 1_048_576
"""Most bytes of a request body when nobody says anything."""

_VALIDATORS = frozenset({b"etag", b"last-modified"})


class Dispatcher:
    """Everything that happens to a request, compiled when the application starts.

    Args:
        matcher: finds the route.
        hooks: `before_request`, `after_match` and `before_response` are run.
        recover: makes a response of any exception; never raises.
        around: the application's middleware, which a miss passes too.
        headers: added to every response that has no field of that name.
        max_body: bytes of a request body when the route says nothing; `None` leaves it to the server.
        compression: what is compressed.
        identity: send the request id and the trace.
        timing: send how long the stages took, as `Server-Timing`.
    """

    def __init__(
        self,
        matcher: Matcher,
        hooks: Hooks,
        recover: Callable[[Request, Exception], Awaitable[Response]],
        *,
        around: Sequence[Any] = (),
        headers: Raw | None = None,
        max_body: int | None = None,
        compression: Compression | None = None,
        identity: bool = True,
        timing: bool = False,
    ) -> None:
        self._match, self._recover = matcher.match, recover
        self._first, self._matched = hooks.runner("before_request"), hooks.runner("after_match")
        self._last = hooks.runner("before_response")
        self._headers: Raw = headers or []
        self._names = frozenset(name for name, _ in self._headers) | {b"x-request-id", b"traceparent"}
        self._max_body, self._identity, self._timing = max_body, identity, timing
        self._compression = compression or Compression()
        self._missing = compose(self._miss, around)

    async def handle(self, request: Request) -> Response:
        """Answer a request. Exceptions become responses; cancellation passes through."""
        identify(request)
        current.set(request)
        try:
            response = await self._answer(request)
            return await self._finish(request, response)
        except Exception as raised:  # noqa: BLE001  # every error becomes a response
            request.failure = raised
            return self._dress(request, await self._recover(request, raised))
        finally:
            if request.closers:  # the request was cancelled, or finishing it failed
                await self._abandon(request)

    async def _answer(self, request: Request) -> Response:
        try:
            return await self._route(request)
        except Exception as raised:  # noqa: BLE001  # every error becomes a response
            request.failure = raised
            return await self._recover(request, raised)
        except anyio.get_cancelled_exc_class() as raised:
            if cancelling():
                raise
            # nobody cancelled this request: its handler waited for something that was cancelled
            request.failure = failure = RuntimeError("the handler waited for a task that was cancelled")
            failure.__cause__ = raised
            return await self._recover(request, failure)

    async def _route(self, request: Request) -> Response:
        if self._max_body is not None or request.body.limit is None:
            request.body.limit = MAX_BODY if self._max_body is None else self._max_body
        if self._first is not None and (early := await self._first(request)) is not None:
            return early  # type: ignore[no-any-return]
        found = self._match(request.method, request.target, request)
        if isinstance(found, Miss):
            request.mark("routed")
            request.state["miss"] = found
            return await self._missing(request)
        route = request.route = found.route  # type: ignore[assignment]  # a mount is good enough for logs
        request.params, request.format = found.params, found.format
        request.template = request.root + route.template if request.root else route.template
        if found.target:
            request.state["mounted"] = found.target
        elif route.options and "max_body" in route.options:  # type: ignore[union-attr]
            request.body.limit = route.options["max_body"]  # type: ignore[union-attr]
        request.mark("routed")
        if self._matched is not None and (early := await self._matched(request)) is not None:
            return early  # type: ignore[no-any-return]
        return await route.call(request)  # type: ignore[misc]

    async def _miss(self, request: Request) -> Response:
        miss: Miss = request.state.pop("miss")
        if miss.status == 308:
            return redirect(miss.location, 308)
        allow = {"allow": ", ".join(miss.allow)} if miss.allow else {}
        if miss.status == 204:
            return Response(b"", 204, media="", headers=allow)
        if miss.status == 404:
            error: HTTPError = NotFound(miss.detail or "there is nothing at this address")
        else:
            upgrade = {"upgrade": "websocket"} if miss.status == 426 else {}
            error = HTTPError(miss.status, miss.detail, headers=allow | upgrade)
        return await self._recover(request, error)

    async def _finish(self, request: Request, response: Response) -> Response:
        if response.owner and response.owner != request.id:  # its headers may be meant for another client's eyes
            raise RuntimeError("a response was used for two requests: make a new one for each")
        response.owner = request.id
        try:
            if response.stream is not None or len(response.raw) > 1:
                response = await self._conditional(request, response)
            if request.closers:
                response = await self._close(request, response)
            if self._last is not None:
                response = await self._last(request, response)
            if response.body is None or len(response.body) >= self._compression.minimum:
                response = await compress(request, response, self._compression)
        except BaseException:
            with anyio.CancelScope(shield=True):
                await discard(response.stream)
            raise
        request.mark("handled")
        return self._dress(request, response)

    async def _conditional(self, request: Request, response: Response) -> Response:
        if isinstance(response, FileResponse) and response.length < 0:
            return await response.prepare(request)
        if response.status != 200 or all(name not in _VALIDATORS for name, _ in response.raw):
            return response
        made = conditional(request, response)
        if made is not response:
            await discard(response.stream)
        return made

    async def _close(self, request: Request, response: Response) -> Response:
        """Close what the request opened: now, or when the stream or the socket that uses it has ended."""
        if isinstance(response, Upgrade):
            closers, request.closers = request.closers or [], None
            response.run = _held(response.run, closers)
        elif response.stream is None:
            await close(request, request.failure)
        else:
            closers, request.closers = request.closers or [], None
            response = _plain(response)
            response.stream = _Closing(response.stream, closers)
        return response

    async def _abandon(self, request: Request) -> None:
        with anyio.CancelScope(shield=True):
            try:
                await close(request, sys.exc_info()[1] or request.failure)
            except Exception as raised:  # noqa: BLE001  # the answer is on its way
                await self._recover(request, raised)

    def _dress(self, request: Request, response: Response) -> Response:
        raw = response.raw
        fields = self._headers
        if self._timing:
            fields = [*fields, (b"server-timing", _timing(request.marks))]
        if self._identity:
            fields = [*fields, (b"x-request-id", request.id.encode()), (b"traceparent", request.trace.encode())]
        if len(raw) > 1 and any(name in self._names for name, _ in raw):
            have = {name for name, _ in raw}
            fields = [field for field in fields if field[0] not in have]
        raw += fields
        return response


def cancelling() -> bool:
    """Say whether somebody has asked the current task to stop."""
    import asyncio  # 6 MB, which every event loop has already, but not every import

    task = asyncio.current_task()
    return task is None or task.cancelling() > 0


def identify(request: Request) -> None:
    """Give the request its id and its span; an inbound id only counts from a trusted proxy."""
    if request.id:
        return  # mounted: the outer application did
    given = parent = None
    for name, value in request.raw:
        if name == b"traceparent":
            parent = value.decode("latin-1")
        elif name == b"x-request-id":
            given = value.decode("latin-1")
    request.id = request_id(given, trusted=given is not None and bool(request.state.get("trusted")))
    request.trace = trace_parent(parent)


async def close(request: Request, error: BaseException | None = None) -> None:
    """Run the request's closers, last added first, all of them; the first failure is raised."""
    closers, request.closers = request.closers or [], None
    await _run(closers, error)


async def _run(closers: list[Closer], error: BaseException | None) -> None:
    failure: BaseException | None = None
    while closers:
        try:
            await closers.pop()(error)
        except Exception as raised:  # noqa: BLE001  # the others close all the same
            failure = failure or raised
    if failure is not None:
        raise failure


def _plain(response: Response) -> Response:
    # a server would send a FileResponse's file past the stream
    if not isinstance(response, FileResponse):
        return response
    made = Response(b"", response.status, media="")
    made.raw, made.body, made.stream, made.owner = response.raw, None, response.stream, response.owner
    return made


def _held(run: Callable[[Transport], Awaitable[None]], closers: list[Closer]) -> Callable[[Transport], Awaitable[None]]:
    async def held(transport: Transport) -> None:
        try:
            await run(transport)
        finally:
            error = sys.exc_info()[1]
            with anyio.CancelScope(shield=True):
                await _run(closers, error)

    return held


class _Closing:
    """A stream, and what is closed after it: once, whether it is read to its end, left early, or never begun."""

    __slots__ = ("_begun", "_closers", "_source")

    def __init__(self, source: AsyncIterable[Any] | None, closers: list[Closer]) -> None:
        self._source = aiter(source) if source is not None else None
        self._closers = closers
        self._begun = False

    def __aiter__(self) -> AsyncIterator[Any]:
        return self

    async def __anext__(self) -> Any:
        self._begun = True
        try:
            if self._source is None:
                raise StopAsyncIteration
            return await anext(self._source)
        except BaseException as error:
            await self._end(None if isinstance(error, StopAsyncIteration) else error)
            raise

    async def aclose(self) -> None:
        """End it early."""
        await self._end(Disconnected("the client went away in the middle of the answer") if self._begun else None)

    async def _end(self, error: BaseException | None) -> None:
        source, self._source = self._source, None
        with anyio.CancelScope(shield=True):
            try:
                await discard(source)
            finally:
                await _run(self._closers, error)


def _timing(marks: list[int]) -> bytes:
    received, routed, handled = marks
    now = perf_counter_ns()
    routed, handled = routed or now, handled or now
    stages = (("route", routed - received), ("action", handled - routed), ("total", now - received))
    return ", ".join(f"{name};dur={spent / 1e6:.3f}" for name, spent in stages).encode()

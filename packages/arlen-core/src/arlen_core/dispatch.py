"""Dispatch: the way of every request, from its identity to its finished response."""

from __future__ import annotations

import sys
from functools import partial
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any

import anyio

from arlen_core.bodies import NOTHING
from arlen_core.compression import Compression, compress
from arlen_core.conditional import conditional
from arlen_core.errors import Disconnected, HTTPError, NotFound
from arlen_core.files import FileResponse
from arlen_core.logs import current
from arlen_core.matcher import Matcher, Miss
from arlen_core.pipeline import compose
from arlen_core.responses import Response, Upgrade, discard, redirect
from arlen_core.stages import stamp
from arlen_core.uniforms import Uniform, wear

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Sequence

    from arlen_core.headers import Raw
    from arlen_core.hooks import Hooks
    from arlen_core.requests import Request
    from arlen_core.routes import Mount, Route
    from arlen_core.sockets import Transport
    from arlen_core.spans import Span

    Closer = Callable[[BaseException | None], Awaitable[object]]
    Call = Callable[[Request], Awaitable[Response]]

__all__ = ["MAX_BODY", "Dispatcher", "cancelling", "close"]

MAX_BODY = 1_048_576
"""Most bytes of a request body when nobody says anything."""

_VALIDATORS = frozenset({b"etag", b"last-modified"})
_CONDITIONS = frozenset({b"if-match", b"if-none-match", b"if-modified-since", b"if-unmodified-since"})


def _none(_: Request) -> Sequence[Span]:
    return ()


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
        spans: tells what has happened in a request, for that.
        begins: called with each request, first of all.
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
        spans: Callable[[Request], Sequence[Span]] = _none,
        begins: Sequence[Callable[[Request], object]] = (),
    ) -> None:
        self._enter: Callable[[Request], object] = _entering(begins) if begins else current.set
        self._match, self._static, self._recover = matcher.match, matcher.static, recover
        self._first, self._matched = hooks.runner("before_request"), hooks.runner("after_match")
        self._last = hooks.runner("before_response")
        self._uniform = Uniform(headers or [], identity=identity)
        self._max_body, self._timing, self._spans = max_body, timing, spans
        self._compression = compression or Compression()
        self._minimum = self._compression.minimum
        self._clocks = True
        self._names = self._uniform.names
        self._bare = not (self._names or timing)
        self._plainly = self._first is None and self._matched is None
        self._missing = compose(self._miss, around)

    def clock(self, *, on: bool) -> None:
        """Take note of how long the stages took, which is on by default, or do not: nobody will ask."""
        self._clocks = on or self._timing

    async def handle(self, request: Request) -> Response:
        """Answer a request. Exceptions become responses; cancellation passes through.

        One coroutine does what most requests need, for each call more costs one in thirty of a request.
        """
        self._enter(request)
        if self._clocks and not request.received:
            request.received = perf_counter_ns()
        try:
            try:
                table = self._static.get(request.target)
                row = None if table is None or request.upgrade else table.get(request.method)
                if row is not None and self._plainly:
                    request.route = route = row[0]
                    request.template = request.root + route.template
                    if request.body is not NOTHING:
                        self._limit(request, route)
                    if self._clocks:
                        request.routed = perf_counter_ns()
                    response = await route.call(request)  # type: ignore[misc]  # the pipeline has made it
                else:
                    early = None if self._first is None else await self._begin(request)
                    response = await self._route(request)(request) if early is None else early
            except Exception as raised:  # noqa: BLE001  # every error becomes a response
                request.failure = raised
                response = await self._recover(request, raised)
            except anyio.get_cancelled_exc_class() as raised:
                response = await self._deceived(request, raised)
            body, owner = response.body, response.owner
            if (
                body is None
                or owner is not None
                or len(body) >= self._minimum
                or request.closers
                or self._last is not None
                or (len(response.raw) > 1 and _validated(request, response))
            ):
                return await self._finish(request, response)
            response.owner = request
            if self._clocks:
                request.handled = perf_counter_ns()
            return response if self._bare else self._dress(request, response)
        except Exception as raised:  # noqa: BLE001  # every error becomes a response
            request.failure = raised
            return self._dress(request, await self._recover(request, raised))
        finally:
            if request.closers:  # the request was cancelled, or finishing it failed
                await self._abandon(request)

    async def _begin(self, request: Request) -> Response | None:
        self._limit(request, None)  # hooks may read the body
        return await self._first(request)  # type: ignore[misc,no-any-return]

    async def _deceived(self, request: Request, raised: BaseException) -> Response:
        if cancelling():
            raise raised
        # nobody cancelled this request: its handler waited for something that was cancelled
        request.failure = failure = RuntimeError("the handler waited for a task that was cancelled")
        failure.__cause__ = raised
        return await self._recover(request, failure)

    def _route(self, request: Request) -> Call:
        """Return what answers a request."""
        found = self._match(request.method, request.target, request)
        if isinstance(found, Miss):
            return self._missed(request, found)
        route, request.params, request.format = found.route, found.params, found.format
        if found.target:
            request.state["mounted"] = found.target
        request.route = route  # type: ignore[assignment]  # a mount is good enough for logs
        request.template = request.root + route.template
        self._limit(request, route)
        if self._clocks:
            request.routed = perf_counter_ns()
        call: Call = route.call  # type: ignore[assignment]  # the pipeline has made it
        return call if self._matched is None else partial(self._heard, call)

    async def _heard(self, call: Call, request: Request) -> Response:
        """Go on when nobody who hears of the match has an answer."""
        early = await self._matched(request)  # type: ignore[misc]
        return await call(request) if early is None else early

    def _missed(self, request: Request, miss: Miss) -> Call:
        self._limit(request, None)
        if self._clocks:
            request.routed = perf_counter_ns()
        request.state["miss"] = miss
        return self._missing

    def _limit(self, request: Request, route: Route | Mount | None) -> None:
        """Say how much of the body may be read: what the route says, else the application, else the server."""
        body, options = request.body, getattr(route, "options", None)
        if body is NOTHING:
            return
        if options and "max_body" in options:
            body.limit = options["max_body"]
        elif self._max_body is not None or body.limit is None:
            body.limit = MAX_BODY if self._max_body is None else self._max_body

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
        owner = response.owner
        if owner is not None and owner is not request and owner.id != request.id:
            # its headers may be meant for another client's eyes
            raise RuntimeError("a response was used for two requests: make a new one for each")
        response.owner = request
        try:
            if response.stream is not None or len(response.raw) > 1:
                response = await self._conditional(request, response)
            if request.closers:
                response = await self._close(request, response)
            if self._last is not None:
                response = await self._last(request, response)
            if response.body is None or len(response.body) >= self._minimum:
                response = await compress(request, response, self._compression)
        except BaseException:
            with anyio.CancelScope(shield=True):
                await discard(response.stream)
            raise
        if self._clocks:
            request.handled = perf_counter_ns()
        return self._dress(request, response)

    async def _conditional(self, request: Request, response: Response) -> Response:
        if isinstance(response, FileResponse) and response.length < 0:
            return await response.prepare(request)
        if not _validated(request, response):
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
        if self._timing:
            stamp(response, request, self._spans(request))
        if response.uniform is not None:  # a mounted application's
            wear(request, response)
        response.uniform = self._uniform
        if not request.native:
            wear(request, response)
            return response
        for name, _ in raw:
            if name in self._names:
                wear(request, response)
                break
        return response


def _entering(begins: Sequence[Callable[[Request], object]]) -> Callable[[Request], object]:
    def enter(request: Request) -> None:
        current.set(request)
        for begin in begins:
            begin(request)

    return enter


def _validated(request: Request, response: Response) -> bool:
    """Say whether the client asks for a response only if it has changed, or for a part, and the response can tell."""
    if response.status != 200 or all(name not in _VALIDATORS for name, _ in response.raw):
        return False
    return any(name in _CONDITIONS for name, _ in request.raw)


def cancelling() -> bool:
    """Say whether somebody has asked the current task to stop."""
    import asyncio  # 6 MB, which every event loop has already, but not every import

    task = asyncio.current_task()
    return task is None or task.cancelling() > 0


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

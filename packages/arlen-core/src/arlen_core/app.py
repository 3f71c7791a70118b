"""App: an application, a router with configuration, services, a lifecycle and two ways out: native and ASGI."""

from __future__ import annotations

import os
import sys
from functools import partial
from pathlib import Path
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any, TypeVar, cast

import anyio

from arlen_core.access import Access
from arlen_core.answers import answer
from arlen_core.asgi import bridge
from arlen_core.background import Background, BackgroundFull, BackgroundSettings
from arlen_core.binding import Binder
from arlen_core.bodies import Body
from arlen_core.clock import Clock, SystemClock
from arlen_core.compression import Compression
from arlen_core.config import Config, environment
from arlen_core.context import Context
from arlen_core.dispatch import Dispatcher
from arlen_core.errors import ConfigError, Disconnected, StartupError
from arlen_core.forms import FormLimits
from arlen_core.headers import Headers, Raw
from arlen_core.health import Health
from arlen_core.hooks import Hooks
from arlen_core.lifecycle import Lifecycle, Unit
from arlen_core.links import Links
from arlen_core.logs import Logs, LogSettings, about
from arlen_core.matcher import Matcher
from arlen_core.meters import Meters
from arlen_core.mounts import adopt, nested
from arlen_core.pipeline import Pipeline
from arlen_core.plugged import Plugins
from arlen_core.plugins import PluginSettings
from arlen_core.queries import Query
from arlen_core.recovery import Recovery
from arlen_core.requests import Request
from arlen_core.router import Router
from arlen_core.routes import Mount, Route
from arlen_core.services import Services
from arlen_core.settings import HEADERS, HttpSettings
from arlen_core.sockets import SocketClosed
from arlen_core.spans import Listener, Tracer
from arlen_core.stages import unheard
from arlen_core.startup import Startup

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from types import FrameType

    from arlen_core.answers import Renderer
    from arlen_core.commands import Command
    from arlen_core.responses import Response

    Begin = Callable[[Request], object]
    Ended = Callable[[Request, Response, int, BaseException | None], object]

__all__ = ["App"]

_LEFT = (Disconnected, SocketClosed)

F = TypeVar("F", bound="Callable[..., Any]")
P = TypeVar("P")
S = TypeVar("S")


class App(Router):
    """An application.

    Args:
        name: `__name__` of the module that makes it: its folder is the application's, where `config/` and
            `templates/` are looked for. Any other word is just a name.
        root: the application's folder, in place of the module's.
        env: "development", "production" or "test"; by default `ARLEN_ENV`, and "production" without one.
        environ: in place of the process's environment.
        clock: in place of the system's.

    Attributes:
        config: the merged configuration.
        hooks: named moments; see `arlen_core.hooks`.
        services: what handlers can ask for by type.
        helpers: functions by name, for templates and `Context.helpers`.
        meters: what it counts and measures; see `arlen_core.meters`.
        spans: what happens in its requests and when; see `arlen_core.spans`.
        renderer: makes pages of templates; set by `arlen-web`.
        schemes: how clients may say who they are: OpenAPI security schemes by name, which routes name in `security=`.

    >>> from arlen_core.testing import run
    >>> app = App("hello")
    >>> @app.get("/hello/{name}")
    ... async def hello(name: str, shout: bool = False) -> dict[str, str]:
    ...     return {"hello": name.upper() if shout else name}
    >>> run(app, "GET", "/hello/ada?shout=yes").json()
    {'hello': 'ADA'}
    """

    renderer: Renderer

    def __init__(
        self,
        name: str = "app",
        *,
        root: Path | str | None = None,
        env: str | None = None,
        environ: Mapping[str, str] | None = None,
        clock: Clock | None = None,
        **group: Any,
    ) -> None:
        super().__init__(**group)
        self.title = name
        self.root = Path(root) if root is not None else _folder(name)
        words = os.environ if environ is None else environ
        self.config = Config.load(self.root, env or environment(words), words)
        self.env = self.config.env
        self.clock: Clock = SystemClock() if clock is None else clock
        given = {Request: lambda request: request, Context: self.context}
        self.meters, self.spans = Meters(), Tracer(self._late, self._arm)
        startup = Startup(self.spans, name)
        self.hooks, self.services = Hooks(), Services(given, failed=self._failed, startup=startup)
        for kind, value in ((App, self), (Config, self.config), (Clock, self.clock)):
            self.services.add(partial(_itself, value), kind)
        self.helpers: dict[str, tuple[Callable[..., Any], bool]] = {}
        self.schemes: dict[str, dict[str, Any]] = {}
        self.http = self.settings("http", HttpSettings)
        self.forms, self.compression = self.settings("forms", FormLimits), self.settings("compression", Compression)
        self.logs = Logs(self.settings("log", LogSettings), self.env, root=self.root, clock=self.clock)
        self.log = self.logs.log
        bounds = self.settings("background", BackgroundSettings)
        self.background = Background(bounds, self.log, meters=self.meters, spans=self.spans)
        self.health = Health(self.clock, self.log)
        self.lifecycle = Lifecycle(self, self.hooks, timeout=self.http.start_timeout, startup=startup)
        self._recovery = Recovery(self)
        self._threads: anyio.CapacityLimiter | None = None
        self._access = Access(self.logs) if self.logs.settings.access else None
        self._begins: list[Begin] = []
        self._ends: list[Ended] = []
        self._ended: Ended | None = None
        self._timed: Listener | None = None
        self._after: Callable[..., None] | None = None
        self.commands: list[Command] = []
        self.migrations: list[Any] = []
        self.templates: list[Path] = []
        self.statics: list[tuple[str, Path]] = []
        self.translations: list[Path] = []
        self.plugins = Plugins(self, self.settings("plugins", PluginSettings))
        self._reserved: list[Route] = []
        self._dispatch: Dispatcher | None = None
        self._links: Links | None = None
        for path in ("/healthz", "/livez"):
            self.reserve(path, self.health.alive)
        self.reserve("/readyz", self.health.readiness)

    @property
    def debug(self) -> bool:
        """True in development: error pages show the exception."""
        return self.env == "development"

    @property
    def state(self) -> str:
        """Where its life stands: created, starting, started, stopping or stopped."""
        return self.lifecycle.state

    def settings(self, section: str, kind: type[S]) -> S:
        """Return a section of the configuration as `kind`, a Struct; `ConfigError` says what is wrong in it.

        >>> from msgspec import Struct
        >>> class Board(Struct):
        ...     page: int = 20
        >>> App("board", environ={"ARLEN_BOARD__PAGE": "50"}).settings("board", Board)
        Board(page=50)
        """
        return self.config.section(section, kind)  # type: ignore[type-var]

    def provide(self, factory: Any = None, /, **options: Any) -> Any:
        """Register a service; see `Services.add`. Also a decorator, with or without options."""
        if factory is None:
            return lambda made: self.services.add(made, **options)
        return self.services.add(factory, **options)

    def use(self, plugin: P) -> P:
        """Take a plugin, once: its `register(app)` adds what it brings. Returns the plugin that is in use.

        A `Plugin`, or what declares an order, registers at the start, after those that it waits for; any other object
        at once. One that is there already, or one of the same class with equal attributes, is not taken again.

        Raises `StartupError` when another plugin has its `name`, it is none, or the application runs.
        """
        return cast("P", self.plugins.add(plugin))

    def hook(self, name: str) -> Callable[[F], F]:
        """Decorate a function that runs at a named moment; see `arlen_core.hooks.HOOKS`."""
        return cast("Callable[[F], F]", self.hooks.on(name))

    def observe(self, begin: Begin | None = None, end: Ended | None = None) -> None:
        """Hear of every request, those of mounted applications too, for what counts and measures; before the start.

        Args:
            begin: called with the request, before anything else.
            end: called with the request, the response, the bytes of the body that were sent, and what kept them from
                being sent, or `None`. The times of its stages are in the request; see `Request.received`.

        Both run on the way of every request, so they must be quick, and may not raise.
        """
        self._begins += [] if begin is None else [begin]
        self._ends += [] if end is None else [end]

    def error(self, kind: int | type[Exception]) -> Callable[[F], F]:
        """Decorate `async def handler(ctx, error)`, which answers a status (404) or an exception type.

        It returns what a handler may return; the error's status stays unless it returns a response.
        """

        def register(function: F) -> F:
            self._recovery.register(kind, function)
            return function

        return register

    def helper(self, name: str, function: Callable[..., Any], *, context: bool = False) -> None:
        """Register a function for templates and `ctx.helpers`; with `context` it gets the `Context` first.

        Raises `StartupError` for a name that is taken or no identifier.
        """
        if not name.isidentifier() or name in self.helpers:
            raise StartupError(f"the helper name {name!r} is taken or no identifier", fix="choose another")
        self.helpers[name] = function, context

    def reserve(self, path: str, handler: Callable[[Request], Any]) -> None:
        """Answer a path that nothing can shadow, without middleware and guards; `handler` takes the request."""

        async def call(request: Request) -> Response:
            return await answer(await handler(request))

        route = Route(methods=frozenset({"GET"}), template=path, endpoint=handler, name=path.strip("/"), call=call)
        self._reserved = [each for each in self._reserved if each.template != path] + [route]

    def url_for(self, name: str, /, **params: Any) -> str:
        """Return the URL of a named route; see `Links.url_for` for the options that begin with `_`."""
        fresh = self.state in {"created", "stopped"}  # routes may still come
        links = Links(self.flat()) if fresh or self._links is None else self._links
        return links.url_for(name, **params)

    def context(self, request: Request) -> Context:
        """Return the context of a request, the same one each time."""
        if request.context is None:
            request.context = Context(self, request)
        return request.context

    async def service(self, kind: type[S], request: Request | None = None) -> S:
        """Return a service by its type; one of request scope needs the request."""
        if request is not None and self.services.scope_of(kind) == "request":
            return cast("S", await self.services.scope(request).get(kind))
        return cast("S", self.services.resolve(kind))

    async def start(self) -> None:
        """Let plugins register, check the configuration, compile the routes, start services, plugins, mounts.

        Raises `StartupError` naming the culprit; what had started is stopped.
        """
        if self.state in {"created", "stopped"}:
            self.plugins.settle()
            self.config.check()
            self._compile()
            self.logs.start()
        try:
            await self.lifecycle.start()
        except BaseException as error:
            for note in getattr(error, "__notes__", ()):  # what failed while the rest was stopped
                self.log.warning("app.start.failed", note=note)
            if self.state != "started":
                self.logs.stop()
            raise
        self.health.ready, self.health.draining = True, False

    async def stop(self) -> None:
        """Finish background work, then stop everything in reverse."""
        self.health.ready = False
        try:
            await self.lifecycle.stop()
        finally:
            self.logs.stop()

    def drain(self) -> None:
        """Fail `/readyz` while everything else is still served: the first step of a stop."""
        self.health.draining = True

    @property
    def handle(self) -> Callable[[Request], Awaitable[Response]]:
        """Answers a request; exceptions become responses. Call `finish` when the response has been sent."""
        return _unstarted if self._dispatch is None else self._dispatch.handle

    def finish(
        self, request: Request, response: Response, *, sent: int = 0, error: BaseException | None = None
    ) -> None:
        """Note that a response was sent, or could not be: logs it and starts its background work.

        Args:
            request: the request.
            response: what `handle` returned.
            sent: bytes of the body that were written.
            error: what kept it from being complete.
        """
        if self._ended is not None:
            request.ended = perf_counter_ns()
            self._ended(request, response, sent, error)
        if error is not None and isinstance(error, Exception) and not isinstance(error, _LEFT):
            with about(request):
                self.log.error("http.response.failed", method=request.method, path=request.path, exc_info=error)
        if request.state or self._after is not None:
            self.after(request, response, sent, error)

    def observed(self, request: Request, response: Response, sent: int, error: BaseException | None) -> None:
        """Do what waits for the end of a request that came through a mount: the application above logs it."""
        for end in self._ends:
            end(request, response, sent, error)
        self.after(request, response, sent, error)

    def after(self, request: Request, response: Response, sent: int = 0, error: BaseException | None = None) -> None:
        """Do what waits for the end of a request, its background work and `after_response`; `finish` calls it.

        A failure is logged.
        """
        for mounted, child, made in request.state.pop("mounts", ()):
            if isinstance(mounted, App):
                child.ended = request.ended
                mounted.observed(child, made, sent, error)
            else:
                mounted.after(child, made)
        for context, function, args, options in request.state.pop("background", ()):
            context.run(self._spawn, function, args, options)
        if self._after is not None:
            with about(request):  # a server tells of the end wherever it is
                try:
                    self._after(request, response)
                except Exception as failure:  # noqa: BLE001  # the answer is sent: nobody waits for this
                    self._late("after_response", failure)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve one connection of an ASGI server."""
        await bridge(self, scope, receive, send)

    def binder(self) -> Binder:
        """Return what reads the signatures of its handlers: its plans say what each of them takes, and from where."""
        special = {
            Request: lambda request: request,
            Context: self.context,
            App: lambda _: self,
            Query: lambda request: request.query,
            Headers: lambda request: request.headers,
            Body: lambda request: request.body,
        }
        return Binder(special, self.services, lambda: self._threads, self.forms)

    def _compile(self) -> None:
        http = self.http
        pipeline = Pipeline(
            self.binder(),
            self.hooks,
            self._recovery,
            formats=http.formats,
            deadline=http.deadline,
            checked=self.env != "production",
        )
        nested(self)
        routes, services = self.flat(), Unit("the services", self.services.start, self.services.stop)
        units = [services, *self.plugins.units()]
        for item in routes:
            if isinstance(item, Mount):
                call, unit = adopt(
                    item.prefix, item.target, timeout=http.start_timeout, failed=self._late, tracer=self.spans
                )
                if isinstance(item.target, App):
                    item.target.spans.under(self.spans)
                    item.target.meters.under(self.meters)
                item.call = pipeline.around(call, item.guards, item.middleware)
                units.append(unit)
            else:
                if http.cancel_on_disconnect:
                    item.options.setdefault("cancel_on_disconnect", True)
                item.call = pipeline.route(item)
        matcher = Matcher(routes, reserved=self._reserved, slash=self.http.slash, formats=self.http.formats)
        timing = self.debug if http.timing is None else http.timing
        if timing and self._timed is None:
            self._timed = self.spans.listen(unheard)
        self._links = Links(routes)
        self._dispatch = Dispatcher(
            matcher,
            self.hooks,
            self._recovery,
            around=self.around,
            headers=_headers(self.http),
            max_body=self.http.max_body,
            compression=self.compression,
            identity=self.http.identity,
            timing=timing,
            spans=self.spans.recorded,
            begins=self._begins,
        )
        self._arm()
        self._after = self.hooks.sender("after_response", self.background.spawn)
        self.lifecycle.arrange([*units, Unit("background work", self._open, self.background.stop)])

    def _declare(self, prefix: str, name: str, item: Any) -> None:
        if self.state not in {"created", "stopped"}:
            what = getattr(item, "template", "") or getattr(item, "prefix", "") or prefix or "/"
            reason = f"{what} was declared while the application is {self.state}"
            raise StartupError(reason, fix="declare routes and mounts before the start", code="route_late")
        super()._declare(prefix, name, item)

    def _arm(self) -> None:
        """Tell those who want to know of the end of requests; when there are none, nobody looks at a clock."""
        traced = self.spans.finished if self.spans.on else None
        self._ended = _ending([each for each in (self._access, *self._ends, traced) if each is not None])
        if self._dispatch is not None:
            self._dispatch.clock(on=self._ended is not None)

    def _failed(self, name: str, error: BaseException) -> None:
        self.log.error("service.failed", service=name, exc_info=error)

    def _late(self, name: str, error: BaseException) -> None:
        self.log.error("http.late.failed", part=name, exc_info=error)

    async def _open(self) -> None:
        self._threads = anyio.CapacityLimiter(self.http.threads)
        self.background.start()

    def _spawn(self, function: Callable[..., Any], args: tuple[Any, ...], options: dict[str, Any]) -> None:
        try:
            self.background.spawn(function, *args, **options)
        except BackgroundFull as error:
            self.log.exception("background.refused", reason=str(error))


async def _unstarted(_: Request) -> Response:
    raise StartupError("the application has not started", fix="await app.start() first")


def _ending(ends: list[Ended]) -> Ended | None:
    if len(ends) < 2:
        return ends[0] if ends else None

    def ended(request: Request, response: Response, sent: int, error: BaseException | None) -> None:
        for each in ends:
            each(request, response, sent, error)

    return ended


def _itself(value: Any) -> Any:
    return value


def _folder(name: str) -> Path:
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001  # the public way reads every source line
    while frame is not None:  # a module that passes its own name; any other word is just a name
        if frame.f_globals.get("__name__") == name and "__file__" in frame.f_globals:
            return Path(frame.f_globals["__file__"]).resolve().parent
        frame = frame.f_back
    return Path.cwd()


def _headers(settings: HttpSettings) -> Raw:
    made = Headers()
    for name, value in (HEADERS | {name.lower(): value for name, value in settings.headers.items()}).items():
        try:
            if value:
                made.set(name, value)
        except ValueError as error:
            raise ConfigError(f"http.headers: {error}", fix="write a header that HTTP allows") from None
    return made.raw

"""Web: the plugin that gives an application pages, forms, flash messages and static files."""

from __future__ import annotations

import secrets
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

from anyio import to_thread
from markupsafe import Markup

from arlen_core.errors import ConfigError, HTTPError, StartupError
from arlen_core.requests import Request
from arlen_core.responses import Response
from arlen_core.routes import Route
from arlen_web.bytecode import Bytecode
from arlen_web.calls import passed
from arlen_web.failures import Spot, TemplateFault
from arlen_web.fields import form
from arlen_web.flash import Flash, Message
from arlen_web.lint import lint, uses
from arlen_web.scope import current, maybe
from arlen_web.settings import EXTENSIONS, Settings, StaticSettings
from arlen_web.signing import Signer
from arlen_web.static import StaticMount
from arlen_web.telemetry import Telemetry
from arlen_web.trees import literals
from arlen_web.views import Views

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from arlen_core.app import App
    from arlen_core.context import Context
    from arlen_web.checks import Finding

__all__ = ["GLOBALS", "Web"]

GLOBALS = ("asset", "ctx", "flash", "form", "request", "url_for")
"""The names that templates have; no helper may take them."""

_SECRET = 32
_FIX = "set ARLEN_WEB__SECRET to 32 random characters or more: python -c 'import secrets; print(secrets.token_hex(32))'"


class Web:
    """Pages of Jinja2 templates, flash messages and static files: `web = app.use(Web())`.

    Args:
        templates: the folder of the templates, in place of the setting's.

    Attributes:
        views: makes the pages; `views.env` is the Jinja2 environment.
        settings: the section `[web]`.

    A folder `public` beside the application is served below `/static`, unless the configuration or `static` says
    something else.
    """

    name = "web"
    version = "0.1.0"
    arlen_api = ">=1,<2"

    def __init__(self, *, templates: Path | str | None = None) -> None:
        self._templates = templates
        self._mounts: dict[str, StaticMount] = {}
        self._usual: StaticMount | None = None
        self._brought: set[tuple[str, Path]] = set()
        self._home = False
        self._app: App | None = None
        self.settings = Settings()
        self.views = Views([])

    def register(self, app: App) -> None:
        """Add what this plugin brings to an application; `app.use` calls it. Raises `ConfigError` or `StartupError`."""
        self._app, self.settings = app, app.settings("web", Settings)
        folder = app.root / (self._templates or self.settings.templates)
        kept = Bytecode(app.root / self.settings.bytecode) if self.settings.bytecode else None
        self.views = Views([folder], reload=app.debug, bytecode=kept)
        self._telemetry = Telemetry(self.views, app)
        app.renderer = self
        self._flash = Flash(self._signer(app), app.clock, app.log, self.settings.flash_seconds)
        self._globals()
        app.hook("will_start")(self._start)
        app.hook("before_response")(self._flash.store)
        for each in self.settings.static:
            self._configured(each)
        if not self._mounts and (app.root / "public").is_dir():
            self._usual = self.static("/static", app.root / "public")

    def settled(self, app: App) -> None:
        """Take the templates and static files that plugins brought, after the application's own; the start calls it.

        Raises `StartupError` when a folder is missing, or a prefix is taken.
        """
        self._usual = None  # from now on nobody else takes its place
        for folder in app.templates:
            found = (app.root / folder).resolve()
            if not found.is_dir():
                raise StartupError(f"there is no folder {found} of templates", fix="make it, or correct the plugin")
            if found not in self.views.folders:
                self.views.add_folder(found)
        for prefix, folder in app.statics:
            if (prefix, folder) not in self._brought:
                self._brought.add((prefix, folder))
                self.static(prefix, folder)

    def static(
        self,
        prefix: str,
        directory: Path | str,
        *,
        extensions: Sequence[str] = EXTENSIONS,
        cache: str = "no-cache",
    ) -> StaticMount:
        """Serve the files of a folder below a prefix, to GET and HEAD.

        Args:
            prefix: such as "/static".
            directory: relative to the application's folder.
            extensions: what is served; everything else is a 404.
            cache: the Cache-Control of addresses without a fingerprint.

        Raises `StartupError` when the plugin is not in use yet, the folder is missing, or the prefix is taken.
        """
        app = self._application()
        folder = app.root / directory
        if not folder.is_dir():
            raise StartupError(f"there is no folder {folder} to serve below {prefix}", fix="make it, or name another")
        mount = StaticMount(prefix, folder, extensions=extensions, cache=cache, watch=app.debug)
        known = self._mounts.get(mount.prefix)
        if known is not None and known is not self._usual:
            raise StartupError(f"two folders are served below {prefix}", fix="give one another prefix")
        self._mounts[mount.prefix] = mount
        if known is None:
            self._route(app, mount.prefix)
        return mount

    def asset(self, path: str) -> str:
        """Return the address of a static file, with its fingerprint, below the mounts that the request went through.

        Args:
            path: below a static folder: "app.css". The first folder that has it is taken.

        Raises `LookupError` naming the nearest file when there is none.
        """
        for mount in self._mounts.values():
            try:
                return _root() + mount.url(path)
            except FileNotFoundError:
                continue
        known = [each for mount in self._mounts.values() for each in mount.folder.files()]
        near = get_close_matches(path, known, 1)
        raise LookupError(f"there is no static file {path!r}" + (f": did you mean {near[0]!r}?" if near else ""))

    def render(self, context: Context, template: str, values: dict[str, Any]) -> str:
        """Make a page; what `ctx.render` ends in. See `Views.render`."""
        return self.views.render(context, template, values)

    def page(self, template: str, /, **values: Any) -> str:
        """Render a template without a request, for a mail or a file. Helpers that need a request raise there."""
        self.ready()
        return self.views.text(template, values)

    def ready(self) -> None:
        """Let templates see the helpers that the application and its plugins have; the start does this by itself."""
        self._application().plugins.settle()
        self.views.add_helpers(self._application().helpers, GLOBALS)

    def lint(self) -> list[Finding]:
        """Check every template without rendering one; see `arlen_web.lint`."""
        self.ready()
        return lint(self.views, passed(self._application().root), self.asset)

    def _globals(self) -> None:
        given = {"asset": self.asset, "url_for": self._url_for, "flash": self._take, "form": form}
        self.views.env.globals |= given | {"csrf_field": Markup}

    def _take(self) -> list[Message]:
        return self._flash.take(current().request)

    def _url_for(self, name: str, /, **params: Any) -> str:
        return self._application().url_for(name, **{"_root": _root(), **params})

    def _application(self) -> App:
        if self._app is None:
            raise StartupError("this Web belongs to no application yet", fix="web = app.use(Web())")
        return self._app

    def _configured(self, each: StaticSettings) -> None:
        self.static(each.prefix, each.directory, extensions=each.extensions, cache=each.cache)

    def _route(self, app: App, prefix: str) -> None:
        async def serve(request: Request) -> Response:
            return await self._mounts[prefix].serve(request)

        name = f"static:{prefix or '/'}"
        if prefix:  # a mount owns its prefix: no `/{a}/{b}` of the application takes its files
            app.mount(prefix, _Owned(prefix, serve), name=name)
            app.get(prefix, name=f"{name}:folder", openapi=False)(serve)
        else:
            app.get("/{path:path}", name=name, openapi=False)(serve)
            app.get("/", name=f"{name}:index", when=[self._homeless], openapi=False)(serve)

    def _homeless(self, _: Request) -> bool:
        """Say whether the application has no page of its own at "/": the index at the top gives way to it."""
        return not self._home

    async def _start(self, app: App) -> None:
        self.ready()
        self._telemetry.look()
        pages = [each for each in app.flat() if isinstance(each, Route) and each.template == "/"]
        self._home = any("GET" in each.methods and self._homeless not in each.conditions for each in pages)
        await to_thread.run_sync(self._prepare, app.env == "production")

    def _prepare(self, production: bool) -> None:  # noqa: FBT001  # a thread takes positions only
        for mount in self._mounts.values():
            mount.scan()
        if production:
            self.views.compile()
            self._warm()
            shown = uses(self.views, "flash")
            if shown and self.settings.secret is None:
                raise ConfigError(f"[web] secret is missing, and {shown} shows flash messages", fix=_FIX)

    def _warm(self) -> None:
        """Read the files that templates name, so that no page waits for it; a missing one stops the start."""
        for name in self.views.names():
            source = self.views.source(name)
            for at, path in literals(self.views.env.parse(source, name), "asset") if "asset" in source else ():
                try:
                    self.asset(path)
                except LookupError as error:
                    spot = Spot(self.views.file(name), at, name)
                    raise TemplateFault(str(error.args[0]), spot, fix="make it, or correct the path") from None

    def _signer(self, app: App) -> Signer | None:
        secret = self.settings.secret.reveal() if self.settings.secret else ""
        if secret and len(secret) < _SECRET:
            raise ConfigError(f"[web] secret is shorter than {_SECRET} characters", fix=_FIX)
        if not secret and app.env != "production":
            secret = secrets.token_hex(_SECRET)
        return Signer(secret, "arlen-web flash") if secret else None


def _root() -> str:
    context = maybe()
    return context.request.root if context is not None else ""


class _Owned:
    """A folder as a mounted application."""

    def __init__(self, prefix: str, serve: Callable[[Request], Awaitable[Response]]) -> None:
        self._prefix, self._serve = prefix, serve

    async def start(self) -> None:
        """Nothing to start: the folders are looked through when the application starts."""

    async def stop(self) -> None:
        """Nothing to stop."""

    def after(self, request: Request, response: Response) -> None:
        """Nothing to do after the response."""

    async def handle(self, request: Request) -> Response:
        if request.method not in {"GET", "HEAD"}:
            allow = {"allow": "GET, HEAD, OPTIONS"}
            if request.method == "OPTIONS":
                return Response(b"", 204, media="", headers=allow)
            raise HTTPError(405, f"{request.method} is not allowed here", headers=allow)
        request.root = request.root.removesuffix(self._prefix)
        request.target = self._prefix.encode() + request.target
        return await self._serve(request)

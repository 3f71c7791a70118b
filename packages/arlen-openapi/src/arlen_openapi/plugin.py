"""Plugin: serves the document of an application and a page that shows it, and watches its responses."""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from anyio import to_thread

from arlen_core.errors import HTTPError, NotFound, StartupError
from arlen_core.requests import Request
from arlen_core.responses import Response, html
from arlen_openapi.documents import document, encode
from arlen_openapi.pages import assets, page
from arlen_openapi.settings import Settings
from arlen_openapi.watches import Watch

if TYPE_CHECKING:
    from arlen_core.app import App

__all__ = ["WELL_KNOWN", "OpenAPI"]

WELL_KNOWN = "/.well-known"
"""Where the document is found by those who look for one (RFC 8615)."""


class OpenAPI:
    """The OpenAPI document of an application, and a page that shows it: `app.use(OpenAPI())`.

    Args:
        settings: in place of the section `[openapi]`.

    Attributes:
        settings: the section `[openapi]`.

    ```python
    from arlen_core import App
    from arlen_core.testing import run
    from arlen_openapi import OpenAPI

    app = App("hello")
    app.use(OpenAPI())


    @app.get("/hello/{name}")
    async def hello(name: str) -> dict[str, str]:
        return {"hello": name}


    assert list(run(app, "GET", "/openapi.json").json()["paths"]) == ["/hello/{name}"]
    ```
    """

    name = "openapi"
    version = "0.1.0"
    arlen_api = ">=1,<2"

    def __init__(self, settings: Settings | None = None) -> None:
        self.settings = settings or Settings()
        self._given = settings is not None
        self._app: App | None = None
        self._watch: Watch | None = None
        self._served: dict[str, tuple[bytes, str]] = {}

    def register(self, app: App) -> None:
        """Add the routes and the watch; `app.use` calls it. Raises `ConfigError` for a wrong section."""
        self._app = app
        if not self._given:
            self.settings = app.settings("openapi", Settings)
        self.settings = self.settings.checked()
        if self.settings.path:
            for path in (self.settings.path, WELL_KNOWN + self.settings.path):
                app.get(path, openapi=False)(self._document)
        if self.settings.path and self.settings.shown(app.env):
            app.get(self.settings.ui_path, formats=("html",), openapi=False)(self._page)
            app.get(self.settings.ui_path + "/{file}", openapi=False)(self._asset)
        app.hook("will_start")(self._forget)
        if self.settings.strictness(app.env) != "off":
            app.hook("before_response")(self._look)

    def scheme(self, name: str, /, **scheme: Any) -> None:
        """Say how clients may say who they are: an OpenAPI security scheme, which routes name in `security=`.

        >>> from arlen_core.app import App
        >>> app = App("hello")
        >>> app.use(OpenAPI()).scheme("bearer", type="http", scheme="bearer")
        >>> app.schemes
        {'bearer': {'type': 'http', 'scheme': 'bearer'}}
        """
        self._application().schemes[name] = scheme

    def document(self) -> dict[str, Any]:
        """Return the document of the application; see `arlen_openapi.documents.document`."""
        return document(self._application(), self.settings)

    def _forget(self, _: App) -> None:
        """Forget what was made of the routes: there may be others since the last start."""
        self._watch = None
        self._served.clear()

    async def _document(self, request: Request) -> Response:
        if request.root not in self._served:
            made = self.document()
            if request.root:
                made = {**made, "servers": made.get("servers") or [{"url": request.root}]}
            body = encode(made)
            self._served[request.root] = body, f'"{blake2b(body, digest_size=16).hexdigest()}"'
        body, tag = self._served[request.root]
        return Response(body, media="application/json", headers={"etag": tag, "cache-control": "no-cache"})

    async def _page(self, request: Request) -> Response:
        title = self.settings.title or self._application().title
        up = "../" if request.path.endswith("/") else ""  # the setting `http.slash` lets it be asked for like that
        root = up + "../" * (self.settings.ui_path.count("/") - 1) or "./"  # a proxy may cut a prefix
        return html(page(title, up + self.settings.ui_path.rpartition("/")[2], root + self.settings.path[1:]))

    async def _asset(self, file: str) -> Response:
        found = (await to_thread.run_sync(assets)).get(file)
        if found is None:
            raise NotFound
        return Response(found.body, media=found.media, headers={"etag": found.tag, "cache-control": "no-cache"})

    async def _look(self, request: Request, response: Response) -> Response:
        if self._watch is None:
            self._watch = Watch(self._application())
        reason = self._watch.wrong(request, response)
        if not reason:
            return response
        self._application().log.error(
            "openapi.response.undescribed", method=request.method, route=request.template, reason=reason
        )
        if self.settings.strictness(self._application().env) != "raise":
            return response
        where = f"{request.method} {request.template}"
        raise HTTPError(500, f"{where}: {reason}", code="response_contract_failed")

    def _application(self) -> App:
        if self._app is None:
            raise StartupError("this OpenAPI belongs to no application yet", fix="openapi = app.use(OpenAPI())")
        return self._app

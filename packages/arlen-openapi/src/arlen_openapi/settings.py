"""Settings: the section `[openapi]` of the configuration."""

from __future__ import annotations

import re
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from arlen_core.errors import ConfigError

__all__ = ["Settings"]

_PATH = re.compile(r"(?:/[^/{}?#\s]+)+")


class Settings(Struct, frozen=True, forbid_unknown_fields=True):
    """The section `[openapi]`.

    Attributes:
        title: of the API; the application's name by default.
        version: of the API, which is not that of the application.
        description: what the API is for; may be Markdown.
        servers: addresses that the API has, such as "https://api.example.org"; without any, the document's own.
        path: where the document is served, also below `/.well-known`; "" serves none.
        ui: whether there is a page that shows the document; by default everywhere but in production.
        ui_path: where that page is; not "/", because its files are below it.
        check: what happens to a response that the document does not describe: "raise" answers 500 in its place, "log"
            tells of it, "off" does not look. By default it is raised in tests and logged in development.
    """

    title: str = ""
    version: str = "0.1.0"
    description: str = ""
    servers: tuple[str, ...] = ()
    path: str = "/openapi.json"
    ui: bool | None = None
    ui_path: str = "/docs"
    check: Literal["raise", "log", "off"] | None = None

    def checked(self) -> Settings:
        """Return the settings with no slash at the end of a path; raises `ConfigError` for what is no path to serve.

        >>> Settings(ui_path="/api/").checked().ui_path
        '/api'
        """
        path = _path("path", self.path, "/openapi.json") if self.path else ""
        ui_path = _path("ui_path", self.ui_path, "/docs")
        if path == ui_path:
            reason = f"openapi.ui_path: {self.ui_path!r} is where the document is"
            raise ConfigError(reason, fix='write ui_path = "/docs" in the section [openapi]')
        return replace(self, path=path, ui_path=ui_path)

    def shown(self, env: str) -> bool:
        """Say whether the page is there in an environment.

        >>> Settings().shown("production"), Settings(ui=True).shown("production")
        (False, True)
        """
        return env != "production" if self.ui is None else self.ui

    def strictness(self, env: str) -> str:
        """Return what happens to responses that the document does not describe.

        >>> [Settings().strictness(env) for env in ("production", "development", "test")]
        ['off', 'log', 'raise']
        """
        return self.check or {"development": "log", "test": "raise"}.get(env, "off")


def _path(name: str, value: str, example: str) -> str:
    found = value.rstrip("/")
    if not _PATH.fullmatch(found):
        reason = f"openapi.{name}: {value!r} is no path that can be served: one or more segments, each after a slash"
        raise ConfigError(reason, fix=f'write {name} = "{example}" in the section [openapi]')
    return found

"""Settings: the section `[openapi]` of the configuration."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

__all__ = ["Settings"]


class Settings(Struct, frozen=True, forbid_unknown_fields=True):
    """The section `[openapi]`.

    Attributes:
        title: of the API; the application's name by default.
        version: of the API, which is not that of the application.
        description: what the API is for; may be Markdown.
        servers: addresses that the API has, such as "https://api.example.org"; without any, the document's own.
        path: where the document is served, also below `/.well-known`; "" serves none.
        ui: whether there is a page that shows the document; by default everywhere but in production.
        ui_path: where that page is.
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

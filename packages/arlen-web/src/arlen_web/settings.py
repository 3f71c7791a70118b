"""Settings: the section `[web]` of the configuration."""

from __future__ import annotations

from msgspec import Struct

from arlen_core.vault import Secret

__all__ = ["EXTENSIONS", "Settings", "StaticSettings"]

EXTENSIONS: tuple[str, ...] = (
    "avif", "css", "gif", "htm", "html", "ico", "jpeg", "jpg", "js", "json", "map", "mjs", "png", "svg", "txt",
    "webmanifest", "webp", "woff", "woff2", "xml",
)  # fmt: skip
"""The extensions that a static mount serves when it says nothing else."""


class StaticSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """One `[[web.static]]`: a folder whose files are served below a prefix.

    Attributes:
        prefix: the path, such as "/static".
        directory: the folder, relative to the application's.
        extensions: what is served; any other file is a 404.
        cache: the Cache-Control of addresses without a fingerprint.
    """

    prefix: str
    directory: str
    extensions: tuple[str, ...] = EXTENSIONS
    cache: str = "no-cache"


class Settings(Struct, frozen=True, forbid_unknown_fields=True):
    """The section `[web]`.

    Attributes:
        templates: the folder of the templates, relative to the application's.
        bytecode: a folder for compiled templates, which makes the next start faster; "" keeps none.
        secret: signs flash messages; at least 32 characters. Needed in production when a template shows them; in
            development each process makes its own.
        flash_seconds: how long a flash message waits for its page.
        static: static mounts.
    """

    templates: str = "templates"
    bytecode: str = ""
    secret: Secret | None = None
    flash_seconds: int = 300
    static: tuple[StaticSettings, ...] = ()

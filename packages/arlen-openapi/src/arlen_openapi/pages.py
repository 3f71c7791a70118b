"""Pages: the page that shows the document, made of the files of a package that is installed, and of no address else."""

from __future__ import annotations

import re
from base64 import b64decode
from functools import cache
from hashlib import blake2b
from html import escape
from importlib.resources import files
from importlib.util import find_spec
from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes

from msgspec import Struct

from arlen_core.media import guess

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

__all__ = ["SOURCE", "Asset", "assets", "available", "page"]

SOURCE = "mkdocs_swagger_ui_tag"
"""The package whose files hold Swagger UI; `arlen-openapi[ui]` brings it."""

_FILES = {"swagger-ui.css": "stylesheets/swagger-ui.css", "swagger-ui-bundle.js": "javascripts/swagger-ui-bundle.js"}
_data = re.compile(rb"""url\((["']?)data:([\w/+.-]+)((?:;[\w=-]+)*),((?:\\.|.)*?)\1\)""")
_escaped = re.compile(rb"\\(.)")
_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
{body}
</html>
"""
_SHOWN = """<link rel="stylesheet" href="{at}/swagger-ui.css">
<link rel="stylesheet" href="{at}/page.css">
<div id="swagger-ui" data-document="{document}"></div>
<noscript>This page needs JavaScript. The document itself is at <a href="{document}">{document}</a>.</noscript>
<script src="{at}/swagger-ui-bundle.js"></script>
<script src="{at}/start.js"></script>"""
_ABSENT = """<link rel="stylesheet" href="{at}/page.css">
<main class="plain"><h1>{title}</h1>
<p>The page that shows this API is not installed: <code>pip install "arlen-openapi[ui]"</code>.</p>
<p>The document itself is at <a href="{document}">{document}</a>.</p></main>"""


class Asset(Struct, frozen=True):
    """One file of the page: its bytes, its Content-Type and its ETag."""

    body: bytes
    media: str
    tag: str


def available() -> bool:
    """Say whether the package with the files is installed."""
    return find_spec(SOURCE) is not None


def page(title: str, at: str, document: str) -> str:
    """Return the page.

    Args:
        title: of the API.
        at: the folder of its files, relative to the page.
        document: the address of the document, relative too: a proxy in front may cut a prefix from addresses.
    """
    words = {"title": escape(title), "at": escape(at), "document": escape(document)}
    return _PAGE.format(title=words["title"], body=(_SHOWN if available() else _ABSENT).format(**words))


@cache
def assets() -> dict[str, Asset]:
    """Return the files of the page by name. It reads them, so call it in a thread.

    The pictures inside of style sheets become files of their own: a Content-Security-Policy of `default-src 'self'`
    takes none that are written into an address.
    """
    found = {name: (files("arlen_openapi") / "assets" / name).read_bytes() for name in ("start.js", "page.css")}
    if available():
        folder = files(SOURCE) / "swagger-ui"
        found |= {name: _file(folder, path) for name, path in _FILES.items()}
        found["swagger-ui.css"] = _apart(found["swagger-ui.css"], found)
    return {name: _asset(name, body) for name, body in found.items()}


def _file(folder: Traversable, path: str) -> bytes:
    for part in path.split("/"):
        folder /= part
    return folder.read_bytes()


def _apart(sheet: bytes, found: dict[str, bytes]) -> bytes:
    """Return a style sheet without pictures in its addresses, which are put among the files."""

    def put(match: re.Match[bytes]) -> bytes:
        text = _escaped.sub(rb"\1", match[4])  # as CSS writes a quotation mark inside of two
        data = b64decode(text) if b";base64" in match[3] else unquote_to_bytes(text)
        ending = match[2].decode().partition("/")[2].partition("+")[0]
        name = f"{blake2b(data, digest_size=6).hexdigest()}.{ending}"
        found[name] = data
        return b"url(" + name.encode() + b")"

    return _data.sub(put, sheet)


def _asset(name: str, body: bytes) -> Asset:
    body = body.replace(b"\n//# sourceMappingURL=", b"\n// ") if name.endswith(".js") else body
    return Asset(body, guess(name), f'"{blake2b(body, digest_size=16).hexdigest()}"')

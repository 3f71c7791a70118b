"""Static: the files of a folder below a prefix, with an allowlist, ranges, compressed siblings and fingerprints."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING
from urllib.parse import quote

from anyio import to_thread

from arlen_core.errors import NotFound, StartupError
from arlen_core.files import FileResponse
from arlen_core.media import compressible, guess
from arlen_core.negotiation import encoding
from arlen_core.responses import redirect
from arlen_web.assets import Fingerprints, marked, unmarked
from arlen_web.folders import Folder, segments
from arlen_web.settings import EXTENSIONS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from arlen_core.requests import Request
    from arlen_core.responses import Response

__all__ = ["FOREVER", "StaticMount"]

FOREVER = "public, max-age=31536000, immutable"
"""The Cache-Control of an address with a fingerprint: a year."""

_SIBLINGS = {"zstd": "zst", "br": "br", "gzip": "gz"}
_INDEX = ("index.html", "index.htm")


class StaticMount:
    """One folder served below one prefix.

    Args:
        prefix: such as "/static"; "/" serves the folder at the top.
        folder: the folder.
        extensions: what is served, without dots.
        cache: the Cache-Control of addresses without a fingerprint.
        watch: believe no scan: the files change, as in development. Compressed siblings are then not used.
    """

    def __init__(
        self,
        prefix: str,
        folder: Path,
        *,
        extensions: Sequence[str] = EXTENSIONS,
        cache: str = "no-cache",
        watch: bool = False,
    ) -> None:
        self.prefix = _plain(prefix)
        self.folder = Folder(folder)
        self.extensions = frozenset(each.lower().lstrip(".") for each in extensions)
        self._cache, self._watch = cache, watch
        self._fingerprints = Fingerprints(self.folder)
        self._siblings: frozenset[str] = frozenset()

    def scan(self) -> None:
        """Find the compressed siblings (`app.css.br`) that are not older than their file."""
        if not self._watch:
            names = self.folder.files()
            self._siblings = frozenset(each for each in names if self._is_sibling(each))

    def url(self, path: str) -> str:
        """Return the address of a file with its fingerprint, below the prefix.

        Raises `FileNotFoundError` when the folder has no such file, or its extension is not served.
        """
        names = segments(quote(path.lstrip("/")).encode())
        if not names or not self._served(names[-1]):
            raise FileNotFoundError(path)
        try:
            fingerprint = self._fingerprints.of(names)
        except OSError:
            raise FileNotFoundError(path) from None
        return self._address([*names[:-1], marked(names[-1], fingerprint)])

    async def serve(self, request: Request) -> Response:
        """Answer GET or HEAD for an address below the prefix; raises `NotFound` for everything that is not served."""
        full, base = segments(request.target), self.prefix.split("/")[1:]
        if full is None or full[: len(base)] != base:
            raise NotFound
        names = full[len(base) :]
        if not names:
            return self._redirect(request, [""], 301)
        if names[-1] in _INDEX:
            return self._redirect(request, [*names[:-1], ""], 301)
        return await (self._file(request, names) if names[-1] else self._index(request, names[:-1]))

    async def _index(self, request: Request, folder: list[str]) -> Response:
        for name in _INDEX:
            if self._served(name):
                with suppress(NotFound):
                    return await self._send(request, [*folder, name])
        raise NotFound

    async def _file(self, request: Request, names: list[str]) -> Response:
        if self._served(names[-1]):
            try:
                return await self._send(request, names)
            except NotFound:
                answer = await self._fingerprinted(request, names)
                if answer is not None:
                    return answer
        if await to_thread.run_sync(self.folder.is_directory, names):
            return self._redirect(request, [*names, ""], 301)
        raise NotFound

    async def _fingerprinted(self, request: Request, names: list[str]) -> Response | None:
        found = unmarked(names[-1])
        if found is None:
            return None
        plain = [*names[:-1], found[0]]
        try:
            current = await to_thread.run_sync(self._fingerprints.of, plain)
        except OSError:
            return None
        if current == found[1]:
            return await self._send(request, plain, FOREVER)
        # an old page, or another server of a rolling release: never this content under that address
        answer = self._redirect(request, [*names[:-1], marked(found[0], current)], 302)
        answer.headers.set("cache-control", "no-store")
        return answer

    async def _send(self, request: Request, names: list[str], cache: str = "") -> Response:
        coding = self._coding(request, names)
        if coding:
            with suppress(NotFound):  # it went since the scan
                return await self._response(request, names, coding, cache)
        return await self._response(request, names, "", cache)

    async def _response(self, request: Request, names: list[str], coding: str, cache: str) -> Response:
        media = guess(names[-1])
        path = [*names[:-1], f"{names[-1]}.{_SIBLINGS[coding]}"] if coding else names
        made = FileResponse(
            self.folder.path.joinpath(*path),
            media=media,
            cache=cache or self._cache,
            opener=lambda _, flags: self.folder.open(path, flags),
        )
        if coding:
            made.headers.set("content-encoding", coding)
        if compressible(media):
            made.headers.vary("accept-encoding")
        return await made.prepare(request)

    def _coding(self, request: Request, names: list[str]) -> str | None:
        path = "/".join(names)
        have = [coding for coding, suffix in _SIBLINGS.items() if f"{path}.{suffix}" in self._siblings]
        return encoding(", ".join(request.headers.all("accept-encoding")), have) if have else None

    def _served(self, name: str) -> bool:
        return "." in name and name.rpartition(".")[2].lower() in self.extensions

    def _is_sibling(self, path: str) -> bool:
        plain, _, suffix = path.rpartition(".")
        if suffix not in _SIBLINGS.values() or not self._served(plain):
            return False
        try:
            return (self.folder.path / plain).stat().st_mtime <= (self.folder.path / path).stat().st_mtime
        except OSError:
            return False

    def _redirect(self, request: Request, names: list[str], status: int) -> Response:
        query = b"?" + request.query_string if request.query_string else b""
        return redirect(request.root + self._address(names) + query.decode("latin-1"), status)

    def _address(self, names: list[str]) -> str:
        return self.prefix + "/" + "/".join(quote(name, safe="") for name in names)


def _plain(prefix: str) -> str:
    bare = prefix.strip("/")
    if bare and (segments(bare.encode()) != bare.split("/") or quote(bare, safe="/~") != bare):
        raise StartupError(f"{prefix!r} is no prefix for static files", fix='write a plain path such as "/static"')
    return f"/{bare}" if bare else ""

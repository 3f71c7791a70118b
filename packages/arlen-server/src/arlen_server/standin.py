"""Stand-in: the server that answers with the error page while the application cannot."""

from __future__ import annotations

from secrets import token_hex
from typing import TYPE_CHECKING

from msgspec.structs import replace

from arlen_core.errors import StartupError
from arlen_server.pages import Broken
from arlen_server.refresh import Hub
from arlen_server.server import Server

if TYPE_CHECKING:
    import socket

    from arlen_server.failures import Failure
    from arlen_server.settings import Settings

__all__ = ["StandIn"]


class StandIn:
    """Serves `Broken` on the listening sockets, from `show` until `leave`."""

    def __init__(self) -> None:
        self._server: Server | None = None
        self._page: Broken | None = None
        self._hub = Hub(token_hex(4))

    async def show(self, failure: Failure, settings: Settings, sockets: list[socket.socket], *, retry: float) -> None:
        """Answer with this failure from now on; pages that show another one reload.

        Args:
            failure: what to show.
            settings: limits, and what the page says about itself.
            sockets: the listening sockets; they stay the caller's.
            retry: seconds until the next try by itself.
        """
        tuning = settings.boomhauer
        if self._server is not None and self._page is not None:
            self._page.change(failure, retry)
            return
        self._page = Broken(failure, self._hub, retry=retry, refresh=tuning.page_refresh, browser=tuning.browser)
        try:
            self._server = await _served(self._page, settings, sockets)
        except StartupError:  # the certificate is what is broken
            self._server = await _served(self._page, replace(settings, tls=None), sockets)

    async def leave(self) -> None:
        """Stop answering; connections that wait are the application's again."""
        server, self._server = self._server, None
        if server is not None:
            self._hub.close()
            await server.drain(0)
            await server.stop()


async def _served(page: Broken, settings: Settings, sockets: list[socket.socket]) -> Server:
    copies = [one.dup() for one in sockets]
    server = Server(page, settings, sockets=copies)
    try:
        await server.start()
    except BaseException:
        for copy in copies:
            copy.close()
        raise
    return server

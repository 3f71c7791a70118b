"""Ports: the listening sockets of propane, which live as long as the manager, so that no worker's end closes one."""

from __future__ import annotations

import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from msgspec.structs import replace

from arlen_core.errors import StartupError
from arlen_server.listeners import bind, name

if TYPE_CHECKING:
    from arlen_server.settings import Settings

__all__ = ["Ports", "remove_files"]


class Ports:
    """Opens the listeners of `settings` and says which of them each worker serves.

    With "shared" all workers accept from the same sockets. With "reuseport" each TCP listener exists once for each
    worker, and the kernel spreads connections over them by a hash. A socket of that kind loses the connections
    that wait in it when it is closed; here none ever is: the manager keeps all of them open, a new worker is given the
    sockets of the one it replaces, and a smaller pool serves those of the larger one too.

    Args:
        settings: where to listen.
        listener: "shared" or "reuseport".

    Raises:
        StartupError: an address cannot be had, or the system does not spread connections over such sockets.
    """

    def __init__(self, settings: Settings, listener: Literal["shared", "reuseport"] = "shared") -> None:
        self._settings = settings
        spread = listener == "reuseport"
        if spread and sys.platform != "linux":
            fix = 'set listener = "shared" in [server.propane]'
            raise StartupError("only Linux spreads connections over sockets with SO_REUSEPORT", fix=fix)
        if spread:  # any number of such sockets may be bound, by other servers too: see first that the address is free
            for probe in bind(replace(settings, reuse_port=False)):
                probe.close()
        first = bind(replace(settings, reuse_port=spread))
        self._copies = [first]
        self._spread = [spread and _tcp(one) for one in first]

    @property
    def addresses(self) -> list[str]:
        """What the listeners are called, as `http://127.0.0.1:3000`."""
        return [name(one, tls=self._settings.tls is not None) for one in self._copies[0]]

    def reserve(self, size: int) -> None:
        """Open what so many workers need.

        Raises:
            OSError: the system refuses another socket; those that are open stay.
        """
        while any(self._spread) and len(self._copies) < size:
            made: list[socket.socket] = []
            self._copies.append(made)
            made += (_copy(one, self._settings.backlog) for one in self._mine())

    def grant(self, slot: int, size: int) -> tuple[int, ...]:
        """The descriptors that a worker must serve: those in common, and its part of the spread ones.

        Args:
            slot: the worker's place, from 0.
            size: how many workers there are; `reserve` was called for as many.
        """
        own = [copy for index, copy in enumerate(self._copies) if index % size == slot % size]
        spread = [one.fileno() for copy in own for one in (self._mine(copy) if copy is self._copies[0] else copy)]
        common = [one.fileno() for one, is_spread in zip(self._copies[0], self._spread, strict=True) if not is_spread]
        return (*common, *spread)

    def close(self) -> None:
        """Close them all and remove the files of Unix sockets that were made here; who waits is refused."""
        for copy in self._copies:
            for one in copy:
                one.close()
        remove_files(self._settings)

    def _mine(self, copy: list[socket.socket] | None = None) -> list[socket.socket]:
        first = self._copies[0] if copy is None else copy
        return [one for one, is_spread in zip(first, self._spread, strict=True) if is_spread]


def remove_files(settings: Settings) -> None:
    """Remove the files of the Unix sockets that `bind` made; those that were inherited belong to somebody else."""
    for address in settings.bind:
        if address.startswith("unix:"):
            Path(address.removeprefix("unix:")).unlink(missing_ok=True)


def _tcp(listener: socket.socket) -> bool:
    inet = listener.family in {socket.AF_INET, socket.AF_INET6}
    return inet and bool(listener.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT))


def _copy(listener: socket.socket, backlog: int) -> socket.socket:
    made = socket.socket(listener.family, listener.type)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    if made.family == socket.AF_INET6:
        made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    made.setblocking(False)
    made.bind(listener.getsockname())
    made.listen(backlog)
    return made

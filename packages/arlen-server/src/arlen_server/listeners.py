"""Listeners: the sockets that a server accepts on: TCP, Unix, inherited and from systemd."""

from __future__ import annotations

import errno
import os
import socket
import stat
from contextlib import ExitStack, suppress
from pathlib import Path

from arlen_core.errors import StartupError
from arlen_server.settings import Settings

__all__ = ["bind", "name"]

_SYSTEMD_FIRST = 3  # sd_listen_fds(3): the first descriptor that it passes


def bind(settings: Settings) -> list[socket.socket]:
    """Open every listener of `settings`, ready to accept: `bind` when it is set, else `host` and `port`.

    Returns non-blocking sockets that queue connections already; the caller closes them. Raises `StartupError`
    that names the address, the reason and the fix; then nothing stays open.

    >>> [listener] = bind(Settings(host="127.0.0.1", port=0))
    >>> name(listener).startswith("http://127.0.0.1:")
    True
    >>> listener.close()
    """
    with ExitStack() as undo:
        made: list[socket.socket] = []
        for address in settings.bind or (_join(settings.host, settings.port),):
            made += map(undo.enter_context, _open(address, settings))
        for listener in made:
            listener.setblocking(False)
            listener.listen(settings.backlog or 1024)  # the event loop says what it bears when it takes it over
        undo.pop_all()
    return made


def name(listener: socket.socket, *, tls: bool = False) -> str:
    """Return the address of a listener as a URL, or `unix:` and its path.

    >>> with socket.create_server(("127.0.0.1", 0)) as listener:
    ...     name(listener, tls=True).startswith("https://127.0.0.1:")
    True
    """
    where = listener.getsockname()
    if listener.family == socket.AF_UNIX:
        return f"unix:{os.fsdecode(where)}"
    return f"{'https' if tls else 'http'}://{_join(where[0], where[1])}"


def _join(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _open(address: str, settings: Settings) -> list[socket.socket]:
    if address.startswith("unix:"):
        return [_unix(address, settings)]
    if address.startswith("fd://"):
        return [_inherited(address)]
    if address == "systemd":
        return _systemd()
    return _tcp(address, settings)


def _tcp(address: str, settings: Settings) -> list[socket.socket]:
    host, colon, port = address.rpartition(":")
    if not colon or not port.isdecimal() or int(port) > 65535:
        raise StartupError(
            f"{address!r} is no address to listen on", fix="write host:port, unix:/path, fd://3 or systemd"
        )
    host = host.removeprefix("[").removesuffix("]")
    try:
        found = socket.getaddrinfo(host or None, int(port), type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except socket.gaierror as error:
        raise StartupError(f"the name in {address!r} is unknown ({error.strerror})", fix="use an IP address") from error
    with ExitStack() as undo:
        made = [undo.enter_context(_listen(family, where, settings)) for family, _, _, _, where in dict.fromkeys(found)]
        undo.pop_all()
    return made


def _listen(family: int, where: tuple[object, ...], settings: Settings) -> socket.socket:
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if settings.reuse_port:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind(where)
    except OSError as error:
        listener.close()
        raise _refused(f"{where[0]}:{where[1]}", error) from error
    return listener


def _unix(address: str, settings: Settings) -> socket.socket:
    path = Path(address.removeprefix("unix:"))
    _remove_stale(path)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        mask = os.umask(0o777 & ~settings.unix_mode)  # no moment with wider permissions than asked for
        try:
            listener.bind(str(path))
        finally:
            os.umask(mask)
        path.chmod(settings.unix_mode)
    except OSError as error:
        listener.close()
        raise _refused(address, error) from error
    return listener


def _remove_stale(path: Path) -> None:
    """Remove the socket file that a dead server left; refuse when somebody answers on it or it is no socket."""
    with suppress(FileNotFoundError):
        if not stat.S_ISSOCK(path.lstat().st_mode):
            raise StartupError(f"{path} exists and is no socket", fix="choose another path or remove the file")
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            if probe.connect_ex(str(path)) == 0:
                raise StartupError(f"a server already listens on {path}", fix="stop it or choose another path")
        path.unlink()


def _inherited(address: str) -> socket.socket:
    number = address.removeprefix("fd://")
    try:
        return _adopt(int(number))
    except (ValueError, OSError) as error:
        raise StartupError(
            f"{address!r} is no inherited listening socket", fix="pass an open socket's number"
        ) from error


def _adopt(number: int) -> socket.socket:
    listener = socket.socket(fileno=number)
    if listener.getsockopt(socket.SOL_SOCKET, socket.SO_TYPE) != socket.SOCK_STREAM:
        listener.detach()
        raise OSError("not a stream socket")
    os.set_inheritable(number, False)
    return listener


def _systemd() -> list[socket.socket]:
    """Adopt what systemd passed (sd_listen_fds(3)); the variables are removed so that children do not take them too."""
    count, pid = os.environ.pop("LISTEN_FDS", ""), os.environ.pop("LISTEN_PID", "")
    os.environ.pop("LISTEN_FDNAMES", None)
    if pid != str(os.getpid()) or not count.isdecimal() or int(count) < 1:
        raise StartupError(
            "systemd passed no socket to this process", fix="start it from a .socket unit, or bind an address"
        )
    return [_adopt(_SYSTEMD_FIRST + index) for index in range(int(count))]


def _refused(address: str, error: OSError) -> StartupError:
    taken = error.errno == errno.EADDRINUSE
    fix = "stop the other program or choose another address" if taken else "choose an address of this machine"
    return StartupError(f"cannot listen on {address}: {error.strerror or error}", fix=fix, code="bind_failed")

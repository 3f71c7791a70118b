"""Settings: every limit, timeout and address of the server, in one frozen Struct."""

from __future__ import annotations

from functools import cache
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct, inspect

from arlen_core.vault import Secret
from arlen_server.tuning import Boomhauer, Propane

__all__ = ["Settings", "Tls"]

_Size = Meta(ge=0, le=2**40)
_Count = Meta(ge=1, le=2**31)
_Seconds = Meta(gt=0, le=86400)
_Pause = Meta(ge=0, le=86400)


def _about(text: str) -> Meta:
    return Meta(description=text)


class Tls(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """TLS of the listeners.

    >>> Tls(certificate="cert.pem", password=Secret("hunter2")).password
    Secret('********')
    """

    certificate: Annotated[str, _about("file of the certificate chain, PEM")]
    key: Annotated[str, _about("file of the private key, PEM; empty when it is in the certificate's file")] = ""
    password: Annotated[Secret, _about("password of the private key; never shown")] = Secret("")
    client_ca: Annotated[
        str, _about("file of the authorities whose client certificates are required; empty asks for none")
    ] = ""
    minimum: Annotated[Literal["1.2", "1.3"], _about("lowest TLS version")] = "1.2"


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the `[server]` section of the configuration may say. Sizes are bytes, times are seconds.

    Raises `ValueError` for a value out of its bounds, naming the field and the bound.

    >>> Settings(port=8080).max_body
    1048576
    >>> Settings(port=70000)
    Traceback (most recent call last):
        ...
    ValueError: port is 70000; it must be at most 65535
    """

    # where to listen
    host: Annotated[str, _about("address to listen on: a name, IPv4 or IPv6; empty means every interface")] = (
        "127.0.0.1"
    )
    port: Annotated[int, Meta(ge=0, le=65535), _about("port to listen on; 0 lets the system choose")] = 3000
    bind: Annotated[
        tuple[str, ...],
        _about("listeners instead of `host` and `port`: `host:port`, `[::1]:port`, `unix:/path`, `fd://3`, `systemd`"),
    ] = ()
    unix_mode: Annotated[int, Meta(ge=0, le=0o777), _about("permissions of a Unix socket's file")] = 0o660
    backlog: Annotated[
        int,
        Meta(ge=0, le=65535),
        _about(
            "connections that the system queues; 0 is 1024 on uvloop and 128 on plain asyncio, where more make it spin"
        ),
    ] = 0
    reuse_port: Annotated[bool, _about("set SO_REUSEPORT on TCP listeners")] = False
    loop: Annotated[
        Literal["auto", "asyncio", "uvloop"], _about("event loop; `auto` takes uvloop when it is installed")
    ] = "auto"
    tls: Annotated[Tls | None, _about("the table below; without it plain HTTP is served")] = None
    trusted_proxies: Annotated[
        tuple[str, ...], _about("networks (CIDR) whose forwarding headers are believed; `unix` for Unix sockets")
    ] = ()
    proxy_headers: Annotated[
        Literal["x-forwarded", "forwarded"],
        _about("what those proxies set: X-Forwarded-For, -Proto and -Host, or Forwarded"),
    ] = "x-forwarded"

    # sizes and counts of one request
    max_line: Annotated[int, _Count, _about("request line without its line end, else 414")] = 8192
    max_header_bytes: Annotated[int, _Count, _about("all header lines with their line ends, else 431")] = 32768
    max_headers: Annotated[int, _Count, _about("number of header fields, else 431")] = 100
    max_body: Annotated[
        int, _Size, _about("request body, else 413; `http.max_body` goes over it, and a route's `max_body=` over both")
    ] = 1048576
    max_chunk_line: Annotated[
        int, _Count, _about("a chunk's size line with extensions, and a trailer line, else 400")
    ] = 256

    # how much at once
    max_connections: Annotated[int, _Count, _about("open connections, else 503 `http_session_limit`")] = 10000
    max_in_flight: Annotated[int, _Count, _about("requests being handled, else 503 `http_worker_queue_full`")] = 1000
    max_websockets: Annotated[int, _Count, _about("open WebSockets, else 503 `websocket_session_limit`")] = 10000
    max_pipeline: Annotated[
        int, _Count, _about("requests of one connection answered in one turn of the event loop")
    ] = 32
    max_pipeline_bytes: Annotated[int, _Count, _about("bytes of further requests held while one is answered")] = 65536
    max_unread: Annotated[
        int, _Size, _about("unread request body skipped after the answer, else the connection closes")
    ] = 65536
    max_message: Annotated[int, _Count, _about("one WebSocket message, else close code 1009")] = 1048576
    read_buffer: Annotated[int, _Count, _about("request body held for a slow handler before reading pauses")] = 65536
    write_buffer: Annotated[int, _Count, _about("response bytes held for a slow reader before the handler waits")] = (
        65536
    )

    # how long
    header_timeout: Annotated[float, _Seconds, _about("first to last byte of a request's head, else 408")] = 10.0
    body_timeout: Annotated[float, _Seconds, _about("longest silence within a request's body, else 408")] = 30.0
    min_rate: Annotated[
        int, _Size, _about("bytes a second over `body_timeout` or `write_timeout` that do not count as silence")
    ] = 240
    keep_alive_timeout: Annotated[float, _Seconds, _about("an idle connection is kept this long")] = 75.0
    write_timeout: Annotated[float, _Seconds, _about("longest wait for a client that reads nothing")] = 30.0
    tls_timeout: Annotated[float, _Seconds, _about("TLS handshake")] = 10.0
    linger_timeout: Annotated[float, _Seconds, _about("a refused client may read its answer this long")] = 2.0
    ping_interval: Annotated[float, _Pause, _about("silence on a WebSocket before a ping is sent; 0 is off")] = 20.0
    ping_timeout: Annotated[float, _Seconds, _about("longest wait for the pong, else close code 1011")] = 20.0
    close_timeout: Annotated[float, _Seconds, _about("longest wait for a WebSocket's closing handshake")] = 5.0
    retry_after: Annotated[int, _Size, _about("Retry-After of an overload answer")] = 1
    drain_idle: Annotated[
        float, _Pause, _about("while draining, an idle connection may send its last request this long")
    ] = 1.0
    drain_delay: Annotated[
        float, _Pause, _about("after a stop signal: readiness fails, everything else is still served")
    ] = 1.0
    drain_timeout: Annotated[float, _Pause, _about("then requests in flight may finish this long")] = 30.0

    # the runners
    boomhauer: Annotated[Boomhauer, _about("the development server")] = Boomhauer()
    propane: Annotated[Propane, _about("the production manager")] = Propane()

    def __post_init__(self) -> None:
        for name, kind in _bounds(type(self)).items():
            _check(name, getattr(self, name), kind)


@cache
def _bounds(struct: type[Struct]) -> dict[str, inspect.IntType | inspect.FloatType]:
    fields: tuple[inspect.Field, ...] = getattr(inspect.type_info(struct), "fields", ())
    return {
        each.name: kind for each in fields if isinstance(kind := _bare(each.type), inspect.IntType | inspect.FloatType)
    }


def _bare(kind: inspect.Type) -> inspect.Type:
    return kind.type if isinstance(kind, inspect.Metadata) else kind


def _check(name: str, value: Any, kind: inspect.IntType | inspect.FloatType) -> None:
    rules = ((kind.ge, "at least", value >= (kind.ge or 0)), (kind.gt, "more than", value > (kind.gt or 0)))
    for bound, words, good in (*rules, (kind.le, "at most", kind.le is None or value <= kind.le)):
        if bound is not None and not good:
            raise ValueError(f"{name} is {value}; it must be {words} {bound}")

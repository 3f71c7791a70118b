"""Response: status, raw headers, and a body that is bytes or a stream."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from arlen_core.headers import Headers, Raw

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Awaitable, Callable, Mapping

    from arlen_core.sockets import Transport

__all__ = ["Response", "Stream", "Upgrade", "html", "json", "redirect", "text"]

_json = msgspec.json.Encoder().encode
_JSON, _TEXT, _HTML = b"application/json", b"text/plain; charset=utf-8", b"text/html; charset=utf-8"


class Response:
    """An answer.

    Args:
        body: the whole body; text is encoded as UTF-8.
        status: 200 to 599.
        media: the Content-Type; "" sends none.
        headers: more header fields.

    Attributes:
        raw: header pairs in bytes, names in lower case. The server adds Content-Length, Date and Connection.
        body: bytes, or `None` when the body is a `stream`.
        stream: an async iterable of bytes or text (sent as UTF-8), or `None`.

    >>> answer = Response("hello", headers={"X-Mood": "good"})
    >>> answer.status, answer.body, answer.headers["content-type"]
    (200, b'hello', 'text/plain; charset=utf-8')
    """

    __slots__ = ("body", "raw", "status", "stream")

    def __init__(
        self,
        body: bytes | str = b"",
        status: int = 200,
        *,
        media: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.status = status
        self.body: bytes | None = body.encode() if isinstance(body, str) else body
        self.stream: AsyncIterable[bytes | str] | None = None
        self.raw: Raw = []
        if media is None:
            self.raw.append((b"content-type", _TEXT if isinstance(body, str) else b"application/octet-stream"))
        elif media:
            self.headers.add("content-type", media)
        for name, value in (headers or {}).items():
            self.headers.set(name, value)

    @property
    def headers(self) -> Headers:
        """The header fields, checked when you add to them."""
        return Headers(self.raw)

    @property
    def media(self) -> str:
        """The media type without parameters, or ""."""
        return (self.headers.get("content-type") or "").partition(";")[0].strip().lower()

    def cookie(
        self,
        name: str,
        value: str,
        *,
        max_age: int | None = None,
        path: str = "/",
        domain: str = "",
        secure: bool = False,
        http_only: bool = True,
        same_site: str = "Lax",
    ) -> None:
        """Set a cookie (RFC 6265 §4.1); `max_age` is in seconds, 0 deletes it.

        Raises `ValueError` for a name or a value that cookies forbid.
        """
        if not name or any(c in '()<>@,;:\\"/[]?={} \t' or not "!" <= c <= "~" for c in name):
            raise ValueError(f"{name!r} is not a cookie name (a token of RFC 6265 §4.1.1)")
        if any(c in ' ",;\\' or not "!" <= c <= "~" for c in value):
            raise ValueError(f"the value of cookie {name!r} holds a character that cookies forbid; encode it first")
        parts = [f"{name}={value}", f"Path={path}", f"SameSite={same_site}"]
        parts += [f"Max-Age={max_age}"] * (max_age is not None) + [f"Domain={domain}"] * bool(domain)
        parts += ["Secure"] * secure + ["HttpOnly"] * http_only
        self.headers.add("set-cookie", "; ".join(parts))

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.status}>"


class Stream(Response):
    """A body that is made while it is sent.

    Args:
        source: an async iterable of bytes or text. It is closed (`aclose`) when the client goes away,
            so put clean-up in `finally`.
        status, media, headers: as for `Response`.
    """

    __slots__ = ()

    def __init__(
        self,
        source: AsyncIterable[bytes | str],
        status: int = 200,
        *,
        media: str = "text/plain; charset=utf-8",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(b"", status, media=media, headers=headers)
        self.body = None
        self.stream = source


class Upgrade(Response):
    """Leave HTTP: the server answers 101 and hands the connection to `run` (RFC 9110 §7.8)."""

    __slots__ = ("protocols", "run")

    def __init__(self, run: Callable[[Transport], Awaitable[None]], protocols: tuple[str, ...] = ()) -> None:
        super().__init__(b"", 101, media="")
        self.run = run
        self.protocols = protocols


def json(data: Any, status: int = 200, *, headers: Mapping[str, str] | None = None) -> Response:
    """Answer with `data` as JSON; anything that msgspec encodes.

    >>> json({"ok": True}).body
    b'{"ok":true}'
    """
    return _raw(_json(data), status, _JSON, headers)


def text(body: str, status: int = 200, *, headers: Mapping[str, str] | None = None) -> Response:
    """Answer with plain text in UTF-8."""
    return _raw(body.encode(), status, _TEXT, headers)


def html(body: str, status: int = 200, *, headers: Mapping[str, str] | None = None) -> Response:
    """Answer with an HTML page in UTF-8."""
    return _raw(body.encode(), status, _HTML, headers)


def redirect(location: str, status: int = 303) -> Response:
    """Send the client to `location`; 303 by default, so that a form is not posted twice (RFC 9110 §15.4.4).

    Raises `ValueError` for a location with control characters or a status that is no redirect.

    >>> redirect("/notes/7").headers["location"]
    '/notes/7'
    """
    if status not in {301, 302, 303, 307, 308}:
        raise ValueError(f"{status} is not a redirect (301, 302, 303, 307 or 308)")
    return Response(b"", status, media="", headers={"location": location})


def _raw(body: bytes, status: int, media: bytes, headers: Mapping[str, str] | None) -> Response:
    answer = Response.__new__(Response)  # skips the checks that constants do not need
    answer.status, answer.body, answer.stream, answer.raw = status, body, None, [(b"content-type", media)]
    for name, value in (headers or {}).items():
        answer.headers.set(name, value)
    return answer

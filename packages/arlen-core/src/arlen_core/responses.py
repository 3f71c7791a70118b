"""Response: status, raw headers, and a body that is bytes or a stream."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import msgspec

from arlen_core.headers import Headers, Raw
from arlen_core.native import mypyc_attr

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Awaitable, Callable, Mapping

    from arlen_core.requests import Request
    from arlen_core.sockets import Transport
    from arlen_core.uniforms import Uniform

__all__ = ["JSON", "TEXT", "Response", "Stream", "Upgrade", "discard", "html", "json", "ready", "redirect", "text"]

_json = msgspec.json.Encoder().encode
_URL = "%/:?#[]@!$&'()*+,;=~"
_new_headers = Headers.__new__
_control = re.compile(r"[\x00-\x1f\x7f]").search
_cookie_name = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+").fullmatch
_cookie_value = re.compile(r"[!#-+\--:<-\[\]-~]*").fullmatch
_cookie_path = re.compile(r"/[ -:<-~]*").fullmatch
_cookie_domain = re.compile(r"[0-9A-Za-z.\-]*").fullmatch
_TEXT = b"text/plain; charset=utf-8"
TEXT = (b"content-type", _TEXT)
"""The field of a plain text."""
_HTML = (b"content-type", b"text/html; charset=utf-8")
JSON = (b"content-type", b"application/json")
"""The field of a JSON response; one tuple for all, so that it is found fast."""


@mypyc_attr(allow_interpreted_subclasses=True)
class Response:
    """An answer.

    Args:
        body: the whole body; text is encoded as UTF-8.
        status: 200 to 599.
        media: the Content-Type; "" sends none.
        headers: more header fields.

    Raises `ValueError` for another status and for a header that HTTP forbids, `TypeError` for another body. A response
    is for one request: make a new one each time.

    Attributes:
        raw: header pairs in bytes, names in lower case. The server adds Content-Length, Date and Connection.
        body: bytes, or `None` when the body is a `stream`.
        stream: an async iterable of bytes or text (sent as UTF-8), or `None`.
        owner: the request that it answers, once it does.
        uniform: more fields, that a native server sends; see `arlen_core.uniforms`.

    >>> answer = Response("hello", headers={"X-Mood": "good"})
    >>> answer.status, answer.body, answer.headers["content-type"]
    (200, b'hello', 'text/plain; charset=utf-8')
    """

    __slots__ = ("body", "owner", "raw", "status", "stream", "uniform")

    def __init__(
        self,
        body: bytes | bytearray | memoryview | str = b"",
        status: int = 200,
        *,
        media: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        if not 200 <= status <= 599:
            raise ValueError(f"{status} is not the status of a response (200 to 599)")
        self.status = status
        self.owner: Request | None = None
        self.uniform: Uniform | None = None
        self.body: bytes | None = body if isinstance(body, bytes) else _encoded(body)
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
        made = _new_headers(Headers)
        made.raw = self.raw
        return made

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
        """Set a cookie (RFC 6265 §4.1).

        Args:
            name: a token.
            value: of visible ASCII without quotes, commas, semicolons and backslashes; encode what is not.
            max_age: in seconds, 0 deletes the cookie; without one it lives as long as the browser.
            path: below which it is sent.
            domain: whose hosts get it; without one only this host.
            secure: by https alone.
            http_only: out of reach of scripts.
            same_site: "Lax", "Strict" or "None"; the last needs `secure`.

        Raises `ValueError` for whatever browsers would refuse or read as something else.

        >>> answer = Response("hello")
        >>> answer.cookie("theme", "dark", max_age=3600)
        >>> answer.headers["set-cookie"]
        'theme=dark; Path=/; SameSite=Lax; Max-Age=3600; HttpOnly'
        """
        if not _cookie_name(name):
            raise ValueError(f"{name!r} is not a cookie name (a token of RFC 6265 §4.1.1)")
        if not _cookie_value(value):
            raise ValueError(f"the value of cookie {name!r} holds a character that cookies forbid; encode it first")
        _check_cookie(name, path, domain, same_site, max_age, secure=secure)
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
        if not hasattr(source, "__aiter__"):
            raise TypeError(f"a stream needs an async iterable, not {type(source).__name__}")
        super().__init__(b"", status, media=media, headers=headers)
        self.body = None
        self.stream = source


class Upgrade(Response):
    """Leave HTTP: the server answers 101 and hands the connection to `run` (RFC 9110 §7.8)."""

    __slots__ = ("protocols", "run")

    def __init__(self, run: Callable[[Transport], Awaitable[None]], protocols: tuple[str, ...] = ()) -> None:
        super().__init__(media="")
        self.status = 101
        self.run = run
        self.protocols = protocols


_new = Response.__new__


def json(data: Any, status: int = 200, *, headers: Mapping[str, str] | None = None) -> Response:
    """Answer with `data` as JSON; anything that msgspec encodes.

    >>> json({"ok": True}).body
    b'{"ok":true}'
    """
    return _raw(_json(data), status, JSON, headers)


def text(body: str, status: int = 200, *, headers: Mapping[str, str] | None = None) -> Response:
    """Answer with plain text in UTF-8."""
    return _raw(body.encode(), status, TEXT, headers)


def html(body: str, status: int = 200, *, headers: Mapping[str, str] | None = None) -> Response:
    """Answer with an HTML page in UTF-8."""
    return _raw(body.encode(), status, _HTML, headers)


def redirect(location: str, status: int = 303) -> Response:
    """Send the client to `location`; 303 by default, so that a form is not posted twice (RFC 9110 §15.4.4).

    Args:
        location: a URL, absolute or relative. Percent-encode data in it; what no URL can hold is encoded here. Never
            redirect to what a client sent: it could be another site.
        status: 301, 302, 303, 307 or 308.

    Raises `ValueError` for a location with control characters or another status.

    >>> redirect("/notes/7").headers["location"]
    '/notes/7'
    """
    if status not in {301, 302, 303, 307, 308}:
        raise ValueError(f"{status} is not a redirect (301, 302, 303, 307 or 308)")
    if _control(location):
        raise ValueError("the location holds a control character, such as CR, LF or NUL")
    return Response(b"", status, media="", headers={"location": quote(location, safe=_URL)})


async def discard(stream: object) -> None:
    """Close a stream that nobody reads to its end, so that its `finally` runs now; other things are left alone."""
    end = getattr(stream, "aclose", None)
    if end is not None:
        await end()


def ready(body: bytes, status: int, field: tuple[bytes, bytes]) -> Response:
    """Return a response without any check, for what has been checked before."""
    answer = _new(Response)
    answer.status, answer.body, answer.raw = status, body, [field]
    answer.stream = answer.owner = answer.uniform = None
    return answer


def _raw(body: bytes, status: int, field: tuple[bytes, bytes], headers: Mapping[str, str] | None) -> Response:
    if not 200 <= status <= 599:
        raise ValueError(f"{status} is not the status of a response (200 to 599)")
    answer = ready(body, status, field)
    if headers:
        for name, value in headers.items():
            answer.headers.set(name, value)
    return answer


def _encoded(body: object) -> bytes:
    if isinstance(body, str):
        return body.encode()
    if isinstance(body, bytearray | memoryview):
        return bytes(body)
    raise TypeError(f"a body is text or bytes, not {type(body).__name__}")


def _check_cookie(name: str, path: str, domain: str, same_site: str, max_age: object, *, secure: bool) -> None:
    wrong = ""
    if not _cookie_path(path) or not _cookie_domain(domain):
        wrong = f"path {path!r} or domain {domain!r} holds what a cookie forbids"
    elif same_site not in {"Lax", "Strict", "None"} or (same_site == "None" and not secure):
        wrong = f'same_site {same_site!r} is not "Lax", "Strict", or "None" together with secure'
    elif max_age is not None and not isinstance(max_age, int):
        wrong = "max_age is a number of seconds"
    elif name.startswith(("__Host-", "__Secure-")) and not secure:
        wrong = "a name with that prefix needs secure"
    elif name.startswith("__Host-") and (path != "/" or domain):
        wrong = 'the prefix "__Host-" needs the path "/" and no domain'
    if wrong:
        raise ValueError(f"cookie {name!r}: {wrong}")

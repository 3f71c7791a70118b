"""Uniforms: the header fields that every response of an application wears, as pairs or as the bytes of their lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from arlen_core.headers import Raw
    from arlen_core.requests import Request
    from arlen_core.responses import Response

__all__ = ["Uniform", "wear"]


class Uniform:
    r"""What is added to every response.

    A server that writes responses by itself sets `Request.native`: it finds the uniform in `Response.uniform`, and
    takes its lines as they are. For everybody else the fields stand in `Response.raw`.

    Args:
        fields: the same for every response, checked as `Headers.set` does.
        identity: whether `x-request-id` and `traceparent` of the request are among them.

    Attributes:
        names: of the fields, in lower case.

    >>> from arlen_core.requests import Request
    >>> uniform, request = Uniform([(b"x-frame-options", b"DENY")], identity=False), Request()
    >>> uniform.lines(request), uniform.pairs(request)
    (b'x-frame-options: DENY\r\n', [(b'x-frame-options', b'DENY')])
    """

    __slots__ = ("_bytes", "_fields", "_identity", "names")

    def __init__(self, fields: Raw, *, identity: bool = True) -> None:
        self._fields, self._identity = fields, identity
        self._bytes = b"".join(b"%b: %b\r\n" % field for field in fields)
        self.names = frozenset(name for name, _ in fields) | ({b"x-request-id", b"traceparent"} if identity else set())

    def lines(self, request: Request) -> bytes:
        """Return the lines of the fields, each with its line end."""
        if not self._identity:
            return self._bytes
        name, trace = request.identify()
        return self._bytes + f"x-request-id: {name}\r\ntraceparent: {trace}\r\n".encode()

    def pairs(self, request: Request) -> Raw:
        """Return the fields."""
        if not self._identity:
            return self._fields
        name, trace = request.identify()
        return [*self._fields, (b"x-request-id", name.encode()), (b"traceparent", trace.encode())]


def wear(request: Request, response: Response) -> None:
    """Put the uniform of a response, if it has one, among its own fields; fields of these names stay as they are."""
    uniform, response.uniform = response.uniform, None
    if uniform is None:
        return
    raw, fields = response.raw, uniform.pairs(request)
    if any(name in uniform.names for name, _ in raw):
        have = {name for name, _ in raw}
        fields = [field for field in fields if field[0] not in have]
    raw += fields

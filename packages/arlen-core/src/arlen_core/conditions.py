"""Conditions: what else, beside method and path, a request must have for a route."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from arlen_core.requests import Request

__all__ = ["HeaderIs", "HostIs"]


class HostIs(Struct, frozen=True):
    """The host is `pattern`, whatever its port; a leading `*.` stands for exactly one label.

    >>> from arlen_core.requests import Request
    >>> HostIs("*.example.org")(Request(headers=[(b"host", b"api.example.org:8080")]))
    True
    """

    pattern: str

    def __call__(self, request: Request) -> bool:
        """Say whether the request is for that host."""
        host = re.sub(r":\d*$", "", request.host).removesuffix(".")
        pattern = self.pattern.lower()
        if pattern.startswith("*."):
            label, _, rest = host.partition(".")
            return bool(label) and rest == pattern[2:]
        return host == pattern


class HeaderIs(Struct, frozen=True):
    """The header `name` has the value `equals`, or one that `regex` matches as a whole; with neither, it is there.

    >>> from arlen_core.requests import Request
    >>> HeaderIs("X-Version", regex="[12]")(Request(headers=[(b"x-version", b"2")]))
    True
    """

    name: str
    equals: str | None = None
    regex: str | None = None

    def __call__(self, request: Request) -> bool:
        """Say whether one of the fields of that name has the value."""
        return any(self._fits(value) for value in request.headers.all(self.name))

    def _fits(self, value: str) -> bool:
        if self.equals is not None:
            return value == self.equals
        return self.regex is None or re.fullmatch(self.regex, value) is not None

"""Pages: some rows of a list, and how to get to the others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from msgspec import Struct

if TYPE_CHECKING:
    from arlen_core.queries import Query
    from arlen_core.requests import Request
    from arlen_data.listing import Wanted

__all__ = ["Page"]


class Page(Struct, frozen=True, omit_defaults=True):
    """One page of a listing; a handler may return it as it is, and it becomes JSON.

    Attributes:
        items: the rows.
        size: rows a page.
        page: its number; `None` with cursors.
        pages: how many there are; `None` when nobody counts.
        total: how many rows there are; `None` when nobody counts.
        links: the query strings of other pages, by relation: "first", "prev", "next" and "last".
    """

    items: list[Any]
    size: int
    page: int | None = None
    pages: int | None = None
    total: int | None = None
    links: dict[str, str] = {}

    @classmethod
    def of(
        cls,
        items: list[Any],
        wanted: Wanted,
        links: Mapping[str, Mapping[str, Any]],
        *,
        total: int | None = None,
        pages: int | None = None,
    ) -> Page:
        """Return the page of these items; each link is what changes in the query."""
        texts = {name: f"?{_changed(wanted.query, changes)}" for name, changes in links.items()}
        return cls(items, wanted.size, wanted.page, pages, total, texts)

    def link(self, request: Request) -> str:
        """Return the value of the `Link` header (RFC 8288), with paths as the client sees them; "" for no links.

        >>> from arlen_core.requests import Request
        >>> Page([], 20, links={"next": "?after=WzFd"}).link(Request(target=b"/notes"))
        '</notes?after=WzFd>; rel="next"'
        """
        path = request.root + request.target.decode("ascii")
        return ", ".join(f'<{path}{query}>; rel="{name}"' for name, query in self.links.items())


def _changed(query: Query, changes: Mapping[str, Any]) -> str:
    return str(query.replace(**changes))

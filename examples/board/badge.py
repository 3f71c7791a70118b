"""Badge: a plugin that tells other pages how many incidents are open, as a small picture."""

from argparse import ArgumentParser, Namespace
from html import escape
from typing import Annotated

from arlen import App, Context, Meta, Plugin, Response, Struct
from arlen_core.commands import Result
from markupsafe import Markup

from store import Store

__all__ = ["Badge", "Embed", "drawn"]

SVG = """<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="20" role="img" aria-label="{label}: {value}">\
<rect width="{width}" height="20" rx="3" fill="#444"/><rect x="{left}" width="{right}" height="20" rx="3" \
fill="{color}"/><g fill="#fff" font-family="sans-serif" font-size="11"><text x="6" y="14">{label}</text>\
<text x="{text}" y="14">{value}</text></g></svg>"""
WIDTH = 7
"""Of a letter."""


class Settings(Struct, frozen=True, forbid_unknown_fields=True):
    """The section `[badge]`.

    Attributes:
        label: what stands on the left.
        seconds: for which others may keep the picture.
    """

    label: Annotated[str, Meta(min_length=1, max_length=40)] = "incidents"
    seconds: Annotated[int, Meta(ge=0)] = 60


class Badge(Plugin):
    """Brings `/badge.svg`, the helper `badge`, a health check and the command `arlen badge`."""

    name = "badge"
    version = "1.0.0"
    arlen_api = ">=1,<2"
    settings = Settings
    config: Settings

    def register(self, app: App) -> None:
        """Add what it brings; the application has a `Store`."""
        self.app = app
        app.get("/badge.svg", name="badge", openapi=False)(self.show)
        app.helper("badge", self.tag, context=True)
        app.health.add("badge", self.check, critical=False)
        app.commands.append(Embed(self.config.label))

    async def show(self, store: Store) -> Response:
        """Draw how many incidents are not resolved."""
        headers = {"cache-control": f"public, max-age={self.config.seconds}"}
        picture = drawn(self.config.label, await store.unresolved()).encode()
        return Response(picture, media="image/svg+xml", headers=headers)

    def tag(self, ctx: Context) -> Markup:
        """Return the picture for a page of the board itself."""
        return Markup('<img src="{}" alt="{}" height="20">').format(ctx.url_for("badge"), self.config.label)

    async def check(self) -> None:
        """Raise when there is nothing to draw."""
        await (await self.app.service(Store)).unresolved()


class Embed:
    """The command `arlen badge URL`: what to paste into a README or a wiki."""

    name = "badge"
    help = "print the Markdown that shows the badge of a board"

    def __init__(self, label: str) -> None:
        self.label = label

    def configure(self, parser: ArgumentParser) -> None:
        """Add the address."""
        parser.add_argument("url", metavar="URL", help="of the board, such as https://board.example.org")

    def run(self, args: Namespace) -> Result:
        """Print it."""
        base = args.url.rstrip("/")
        made = f"[![{self.label}]({base}/badge.svg)]({base}/)"
        return Result({"markdown": made}, made)


def drawn(label: str, count: int) -> str:
    """Return the picture as SVG: green when nothing is open.

    >>> "none open" in drawn("incidents", 0), "12 open" in drawn("incidents", 12)
    (True, True)
    """
    value = f"{count} open" if count else "none open"
    left, right = (WIDTH * len(each) + 12 for each in (label, value))
    color = "#b3261e" if count else "#2e7d32"
    return SVG.format(
        label=escape(label), value=value, color=color, left=left, right=right, text=left + 6, width=left + right
    )

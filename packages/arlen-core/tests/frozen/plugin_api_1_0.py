"""Plugins as they were written for version 1.0 of the plugin interface. NEVER CHANGE THIS FILE.

It stands for the plugins that are out there, which nobody can change with the platform. It uses what the interface had
in its first version, all of it, and nothing newer. When the core breaks it, the core is wrong, or the first number of
`arlen_core.plugins.API` has to grow: then this file goes, and one for the new version takes its place.
`test_frozen.py` has its checksum.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from msgspec import Struct

from arlen_core import App, Context, Request, Response
from arlen_core.commands import CommandError, Result
from arlen_core.plugins import API, Plugin

HERE = Path(__file__).parent


class ShopSettings(Struct, frozen=True):
    """The section `[old_shop]`."""

    currency: str = "EUR"
    items: int = 10


class Stock:
    """A service."""

    def __init__(self) -> None:
        self.open = False
        self.seen: list[str] = []


class Count:
    """A command."""

    name = "old-shop-count"
    help = "say how much there is"

    def configure(self, parser: Any) -> None:
        """Add an argument."""
        parser.add_argument("--of", default="apples")

    def run(self, args: Any) -> Result:
        """Answer, or fail."""
        if args.of != "apples":
            raise CommandError("no_such_fruit", f"there are no {args.of}", fix="ask for apples", exit=2)
        return Result({"count": 3}, "3 apples", 0)


class Shop(Plugin):
    """Brings one thing of each kind."""

    name = "old-shop"
    version = "0.9.1"
    arlen_api = ">=1,<2"
    depends_on = ("old-base",)
    after = ("not-there",)
    before = ("old-till",)
    settings = ShopSettings
    timeout = 5.0

    def register(self, app: App) -> None:
        """Add everything that could be added then."""
        self.stock = Stock()
        app.get("/old-shop/{item}")(self.show)
        app.route("/old-shop", methods=["POST"], name="old_shop", status=201)(self.add)
        app.middleware(self.around)
        app.guard(self.allow)
        app.hook("did_start")(self.note)
        app.hook("before_response")(self.mark)
        app.error(KeyError)(self.missing)
        app.helper("old_shop_price", self.price)
        app.helper("old_shop_here", self.here, context=True)
        app.provide(lambda: self.stock, type=Stock)
        app.health.add("old_shop", self.check, timeout=1.0, every=0.0, critical=False)
        self.sold = app.meters.counter("old_shop.sold", "Things that were sold.", labels=("item",))
        app.commands.append(Count())
        app.templates.append(HERE)
        app.statics.append(("/old-shop/static", HERE))
        app.translations.append(HERE)

    def settled(self, app: App) -> None:
        """Look at the whole."""
        self.stock.seen.append("settled")

    async def start(self, app: App) -> None:
        """Open."""
        self.stock.open = True
        self.stock.seen.append("start")

    async def stop(self, app: App) -> None:
        """Close."""
        self.stock.open = False
        self.stock.seen.append("stop")

    async def show(self, item: str, stock: Stock, ctx: Context) -> dict[str, Any]:
        """Answer with what there is; some things are missing."""
        if item == "nothing":
            raise KeyError(item)
        self.sold.add(1, item)
        return {"item": item, "open": stock.open, "price": ctx.helpers.old_shop_price(2)}

    async def add(self, app: App) -> dict[str, str]:
        """Answer with the address of a thing."""
        return {"url": app.url_for("old_shop")}

    async def around(self, request: Request, next: Any) -> Response:
        """Mark what passes."""
        response: Response = await next(request)
        response.headers.set("x-old-around", "yes")
        return response

    async def allow(self, request: Request) -> None:
        """Refuse nobody."""

    def note(self, app: App) -> None:
        """Note that all has started."""
        self.stock.seen.append("did_start")

    def mark(self, request: Request, response: Response) -> None:
        """Mark everything that is answered."""
        response.headers.set("x-old-shop", str(self.config.items))

    async def missing(self, ctx: Context, error: KeyError) -> dict[str, str]:
        """Answer that there is none."""
        return {"missing": str(error.args[0])}

    def price(self, euros: int) -> str:
        """Return a price."""
        return f"{euros} {self.config.currency}"

    def here(self, ctx: Context) -> str:
        """Return the path of the request."""
        return ctx.request.path

    async def check(self) -> None:
        """Find that it is open."""
        if not self.stock.open:
            raise RuntimeError("closed")


class Base(Plugin):
    """A plugin that others build on; it has no life of its own."""

    name = "old-base"
    version = "1"
    arlen_api = ">=1.0,<2"


class Till:
    """A plugin without a base class: anything with `register` is one; it has never heard of versions."""

    name = "old-till"
    after = ("old-shop",)

    def register(self, app: App) -> None:
        """Add a helper."""
        app.helper("old_till", lambda: "open")


assert API[0] == 1

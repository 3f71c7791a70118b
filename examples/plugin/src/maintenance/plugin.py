"""The plugin."""

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import Annotated

from anyio import to_thread
from arlen_core import App, HTTPError, Plugin, Request
from msgspec import Meta, Struct

from maintenance.commands import Switch

__all__ = ["Maintenance", "Settings"]

LONGEST = 500
"""Characters of a reason."""


class Settings(Struct, frozen=True, forbid_unknown_fields=True):
    """The section `[maintenance]`.

    Attributes:
        file: while it is there, below the application's folder, work is done; it says why.
        retry: seconds after which clients may come again.
        look: seconds between two looks at the file.
    """

    file: str = "var/maintenance"
    retry: Annotated[int, Meta(ge=1)] = 60
    look: Annotated[float, Meta(gt=0)] = 1.0


class Maintenance(Plugin):
    """Answers with 503 while its file is there; brings a guard, a route, a helper, a health check and a command."""

    name = "maintenance"
    version = "1.2.0"
    arlen_api = ">=1,<2"
    settings = Settings
    config: Settings

    def register(self, app: App) -> None:
        """Add what it brings."""
        self.file, self.reason = app.root / self.config.file, ""
        app.guard(self.refuse)
        app.get("/maintenance", name="maintenance")(self.status)
        app.helper("maintenance_reason", lambda: self.reason)
        app.health.add("maintenance", self.check, critical=False)
        app.commands.append(Switch(self.file))

    async def start(self, app: App) -> None:
        """Look at the file now, and again and again."""
        self.reason = await to_thread.run_sync(_read, self.file)
        self.watch = asyncio.create_task(self.look(app), name="maintenance")

    async def stop(self, app: App) -> None:
        """Look no more."""
        self.watch.cancel()
        with suppress(asyncio.CancelledError):
            await self.watch

    async def look(self, app: App) -> None:
        """Read the file again and again, off the event loop."""
        while True:
            await app.clock.sleep(self.config.look)
            self.reason = await to_thread.run_sync(_read, self.file)

    def refuse(self, request: Request) -> None:
        """Refuse a request for any route but the plugin's own."""
        if self.reason and request.path != "/maintenance":
            after = {"retry-after": str(self.config.retry)}
            raise HTTPError(503, self.reason, code="maintenance", headers=after)

    async def status(self) -> dict[str, str | bool]:
        """Answer whether work is done, and why."""
        return {"maintenance": bool(self.reason), "reason": self.reason}

    async def check(self) -> None:
        """Say so on `/readyz` too, without taking the application out of service."""
        if self.reason:
            raise RuntimeError("work is done")


def _read(file: Path) -> str:
    """Return what the file says; "" when it is not there."""
    try:
        return file.read_text("utf-8", "replace")[:LONGEST].strip() or "we are working on it"
    except OSError:
        return ""

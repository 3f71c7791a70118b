"""Couriers: a plugin that is right about everything; saboteurs differ from it in one thing."""

from __future__ import annotations

import asyncio
import os
from argparse import ArgumentParser, Namespace
from contextlib import suppress
from typing import Annotated, Any

from msgspec import Meta, Struct

from arlen_core import App
from arlen_core.clock import Clock
from arlen_core.commands import Result
from arlen_core.plugins import Plugin

__all__ = ["Courier", "CourierSettings", "Rounds"]


class CourierSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """The section `[courier]`."""

    every: Annotated[float, Meta(gt=0)] = 60.0


class Rounds:
    """The command `courier-rounds`."""

    name = "courier-rounds"
    help = "say how often the courier goes"

    def configure(self, parser: ArgumentParser) -> None:
        """Take no arguments."""

    def run(self, args: Namespace) -> Result:
        """Say it."""
        return Result({"every": CourierSettings().every})


class Courier(Plugin):
    """Brings a route, a helper, a service, a health check and a command; a task and a descriptor live while it runs."""

    name = "courier"
    version = "1.0.0"
    arlen_api = ">=1,<2"
    settings = CourierSettings
    config: CourierSettings

    def register(self, app: App) -> None:
        """Add what it brings."""
        app.route("/courier/parcels", name="courier_parcels")(self.parcels)
        app.helper("courier_every", self.often)
        app.provide(lambda: self, type=Courier)
        app.health.add("courier", self.check)
        app.commands.append(Rounds())

    async def start(self, app: App) -> None:
        """Go on the rounds."""
        self.bag = self.opened()
        self.task = asyncio.create_task(self.rounds(app.clock))

    async def stop(self, app: App) -> None:
        """Come home."""
        self.task.cancel()
        with suppress(asyncio.CancelledError):
            await self.task
        os.close(self.bag)

    async def parcels(self) -> list[str]:
        """Return what is in the bag."""
        return []

    async def check(self) -> None:
        """Find that all is well."""

    def often(self) -> float:
        """Return the seconds between two rounds."""
        return self.config.every

    def opened(self) -> int:
        """Return a new descriptor."""
        return os.open(os.devnull, os.O_RDONLY)

    async def rounds(self, clock: Clock) -> Any:
        """Go round for ever."""
        while True:
            await clock.sleep(self.config.every)

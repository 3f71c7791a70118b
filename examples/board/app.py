"""Lookout: a shared incident board for a small team. `arlen boomhauer` starts it."""

from pathlib import Path
from typing import Any

from arlen import App, Web
from arlen_data import Database
from arlen_data.targets import Databases
from arlen_metrics import Metrics
from arlen_openapi import OpenAPI

import helpers
import schema
from badge import Badge
from controllers import dashboard, errors, incidents, timeline, transfer
from store import Settings, Store

__all__ = ["app", "board"]


def board(**options: Any) -> App:
    """Make the application; the options are those of `App`, so that tests can give it another configuration."""
    made = App("board", root=Path(__file__).parent, **options)
    settings = made.settings("board", Settings)
    made.use(Web())
    made.use(Databases())
    made.use(Badge())
    made.use(Metrics())
    made.use(OpenAPI())

    @made.provide
    async def store(db: Database) -> Store:
        await schema.prepare(db, settings.migrate)
        return await Store.begin(db, settings, made.clock.now)

    for each in (dashboard, incidents, timeline, transfer):
        made.include(each.routes)
    helpers.install(made)
    errors.install(made)
    return made


app = board()

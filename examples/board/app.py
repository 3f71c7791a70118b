"""Lookout: a shared incident board for a small team. `arlen boomhauer` starts it."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from arlen import App, Web

import helpers
from controllers import dashboard, errors, incidents, timeline, transfer
from store import Settings, Store

__all__ = ["app", "board"]


def board(**options: Any) -> App:
    """Make the application; the options are those of `App`, so that tests can give it another configuration."""
    made = App("board", root=Path(__file__).parent, **options)
    settings = made.settings("board", Settings)
    made.use(Web())

    @made.provide
    async def store() -> AsyncIterator[Store]:
        async with Store(settings, made.clock.now) as opened:
            yield opened

    for each in (dashboard, incidents, timeline, transfer):
        made.include(each.routes)
    helpers.install(made)
    errors.install(made)
    return made


app = board()

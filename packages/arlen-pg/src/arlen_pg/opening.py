"""Opening: how a connection is made, by either transport."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeVar

import psycopg

from arlen_pg.cursors import CursorWire
from arlen_pg.failures import translated, unreachable
from arlen_pg.raw import RawWire

if TYPE_CHECKING:
    from psycopg.abc import PQGen

    from arlen_pg.codecs import Codec
    from arlen_pg.settings import Settings
    from arlen_pg.wires import Wire

__all__ = ["connect", "dial"]

T = TypeVar("T")

_SELDOM = 3600.0  # seconds


class _Link(psycopg.AsyncConnection[Any]):
    """psycopg's, which wakes ten times a second while it waits; nothing here needs that."""

    async def wait(self, gen: PQGen[T], interval: float = 0.0, timeout: float | None = None) -> T:
        return await super().wait(gen, _SELDOM, timeout)


async def dial(settings: Settings, codec: Codec, *, prepares: bool = False) -> psycopg.AsyncConnection[Any]:
    """Return psycopg's connection in autocommit; `ConnectionFailed` says why there is none.

    Args:
        settings: where to.
        codec: the types.
        prepares: psycopg prepares statements.
    """
    try:
        async with asyncio.timeout(settings.connect_timeout):
            return await _Link.connect(
                settings.conninfo(),
                autocommit=True,
                prepare_threshold=0 if prepares else None,
                context=codec,
            )
    except TimeoutError:
        timeout = TimeoutError(f"no answer in {settings.connect_timeout:g} s")
        raise unreachable(timeout, settings.target()) from None
    except (psycopg.Error, OSError) as error:
        raise unreachable(error, settings.target(), secrets=settings.secrets()) from None


async def connect(settings: Settings, codec: Codec) -> Wire:
    """Return a connection that is ready for statements."""
    made: Wire
    if settings.transport == "raw":
        made = RawWire(await dial(settings, codec), codec, settings)
    else:
        link = await dial(settings, codec, prepares=settings.statement_cache > 0)
        link.prepared_max = settings.statement_cache
        made = CursorWire(link, codec, settings)
    made.lent = True
    try:
        async with asyncio.timeout(settings.connect_timeout):
            prologue = settings.prologue(made.known)
            if prologue:
                await made.control(prologue)
    except BaseException as error:
        made.close()
        if isinstance(error, psycopg.Error):
            raise translated(error) from None
        raise
    made.lent = False
    return made

"""PostgreSQL for asyncio: a fast path over libpq with a pool of its own, for the Arlen web platform or alone."""

from __future__ import annotations

from arlen_pg.database import Postgres

__all__ = ["Postgres"]

"""Settings: the section `[database]` of the configuration."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from arlen_core.vault import Secret

__all__ = ["DatabaseSettings"]

_Seconds = Annotated[float, Meta(ge=0, le=86400)]
_Count = Annotated[int, Meta(ge=0, le=1_000_000)]


class DatabaseSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the section `[database]` may say. It is about every database of the application.

    Attributes:
        url: of the database that handlers get as `Database`; `app.use(Databases())` opens it. Never shown.
        targets: further databases by name: `reports = "postgresql://..."`.
        migrations: what the application does about its migrations when it starts: "apply" them, "check" and refuse to
            start while some are pending, or "off". `None` is "check" in production and "apply" elsewhere. Without a
            folder `db/migrations`, and without plugins that bring some, there is nothing to do.
        slow: seconds from which a query is logged as a warning, with its text in development only; 0 logs none.
        budget: most queries of one request, 0 for no bound. What comes after is an error when `strict`, else a warning.
        budget_time: most seconds that one request may spend in queries, 0 for no bound.
        repeats: how often one request may run the same statement before it is a warning that names the line; 0 for
            no bound. `None` is 10 in development and no bound elsewhere.
        strict: refuse the queries over the budget.
        trace_sql: whether spans hold the text of queries, with `?` in place of every literal. `None` is in development
            only. No setting makes them hold a value.
        health: whether `/readyz` asks the databases.
        health_timeout: seconds that each may take to answer.

    >>> DatabaseSettings(url=Secret("postgresql://app:s3cr3t@db/shop")).url
    Secret('********')
    """

    url: Secret | None = None
    targets: dict[str, Secret] = field(default_factory=dict)
    migrations: Literal["apply", "check", "off"] | None = None
    slow: _Seconds = 0.5
    budget: _Count = 0
    budget_time: _Seconds = 0.0
    repeats: _Count | None = None
    strict: bool = False
    trace_sql: bool | None = None
    health: bool = True
    health_timeout: Annotated[float, Meta(gt=0, le=3600)] = 2.0

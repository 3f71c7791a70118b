"""Outbox: effects that happen when the transaction commits, at least once, and never when it rolls back."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import anyio
import msgspec
from msgspec import Struct

from arlen_core.errors import StartupError
from arlen_data.deliveries import Deliveries
from arlen_data.effects import MAX_PAYLOAD, Effect, write
from arlen_data.errors import InvalidArgument, UndefinedTable
from arlen_data.relay import Handler, Relay, RelaySettings
from arlen_data.schema import install, now, tables

if TYPE_CHECKING:
    from arlen_core.app import App
    from arlen_data.database import Database
    from arlen_data.folders import Migrations
    from arlen_data.transactions import Transaction

__all__ = ["Backlog", "Dead", "Outbox"]

H = TypeVar("H", bound=Handler)

_BACKLOG = """select coalesce(sum(1 - dead), 0), coalesce(sum(dead), 0),
coalesce({now} - min(case when dead = 0 then created end), 0.0) from arlen_outbox"""
_REDRIVE = "update arlen_outbox set dead = 0, attempts = 0, due = {now} where dead = 1"


class Dead(Struct, frozen=True):
    """An effect that nobody tries any more: too many failures, or `Undeliverable`.

    Attributes:
        id, kind, key, payload: of the effect.
        attempts: how often it failed.
        error: the last failure, at most 500 characters.
    """

    id: str
    kind: str
    key: str
    payload: Any
    attempts: int
    error: str


class Backlog(Struct, frozen=True):
    """How much there is to do.

    Attributes:
        waiting: effects that are not delivered yet, those that will be retried among them.
        dead: see `Dead`.
        oldest: the age of the oldest one that waits, in seconds.
    """

    waiting: int
    dead: int
    oldest: float


class Outbox:
    """Writes effects down with the transaction, and delivers them when it has committed.

    Args:
        db: the database; without one, the application's `Database`.
        relay: whether this process delivers; one of several processes does so at a time.
        tables: make the tables when the outbox starts, in place of a migration.
        notify: tell relays in other processes at the commit, where the engine has `listen`. On PostgreSQL commits that
            notify wait for each other; without it another process finds out within `poll`.
        max_payload: bytes of a payload as JSON.
        settings: how to deliver, see `RelaySettings`.

    Raises `InvalidArgument` for an unknown setting or one out of its bounds.

    ```python
    from arlen_core import App
    from arlen_data import Database
    from arlen_data.effects import Effect
    from arlen_data.outbox import Outbox

    app = App("shop")
    outbox = app.use(Outbox())


    @outbox.on("mail.send")
    async def send(effect: Effect) -> None:
        print("to", effect.payload["to"], "once, by", effect.id)


    @app.post("/orders", status=201)
    async def order(db: Database) -> None:
        async with db.transaction() as tx:
            await tx.execute("insert into orders default values")
            await outbox.add(tx, "mail.send", "ada", {"to": "ada@example.org"})
    ```
    """

    name = "outbox"

    def __init__(
        self,
        db: Database | None = None,
        *,
        relay: bool = True,
        tables: bool = False,
        notify: bool = True,
        max_payload: int = MAX_PAYLOAD,
        **settings: Any,
    ) -> None:
        try:
            self.settings = msgspec.convert(settings, RelaySettings)
        except msgspec.ValidationError as error:
            raise InvalidArgument(f"the settings of an outbox are wrong: {error}") from None
        self._db, self._relays, self._tables = db, relay, tables
        self._notify, self._max_payload = notify, max_payload
        self._handlers: dict[str, tuple[Handler, Any]] = {}
        self._deliveries = Deliveries()

    def on(self, kind: str, *, into: Any = None) -> Callable[[H], H]:
        """Decorate `async def handler(effect)`, which does what effects of a kind are about.

        Args:
            kind: one handler each; `InvalidArgument` for a second one.
            into: the type of the payload: a Struct, dataclass or TypedDict.

        It may be called again for the same effect, when the process died or the answer got lost: pass `effect.id` on
        as an idempotency key, or use `arlen_data.inbox.first`. Raising means to try again later; `Undeliverable`, that
        this is no use.
        """

        def register(handler: H) -> H:
            if kind in self._handlers:
                raise InvalidArgument(f"two handlers for effects of the kind {kind!r}", fix="drop one")
            self._handlers[kind] = (handler, into)
            return handler

        return register

    async def add(self, tx: Transaction, kind: str, key: str = "", payload: Any = None) -> str:
        """Write an effect down in a transaction, and return its id; see `Effect` for the arguments."""
        effect = Effect(kind=kind, key=key, payload=payload)
        await write(tx, [effect], max_payload=self._max_payload, notify=self._notify)
        return effect.id

    async def drain(self) -> int:
        """Deliver all that is due now, and return how many succeeded: for tests and scripts.

        `LeaseTaken` when a relay is at work.
        """
        return await Relay(self._database(), self._handlers, self.settings, self._deliveries).drain()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Outbox]:
        """Deliver inside the `async with` block; at its end, what is under way may finish for `grace` seconds."""
        relay = Relay(self._database(), self._handlers, self.settings, self._deliveries)
        async with anyio.create_task_group() as group:
            group.start_soon(relay.run)
            try:
                yield self
            finally:
                relay.stop()
                if relay.holds:
                    with anyio.move_on_after(self.settings.grace, shield=True):
                        await relay.ended.wait()
                group.cancel_scope.cancel()

    async def backlog(self) -> Backlog:
        """Return how much there is to do, for metrics and alarms."""
        db = self._database()
        sql = _BACKLOG.format(now=now(db.capabilities.dialect))
        waiting, dead, oldest = await db.one(sql)
        return Backlog(int(waiting), int(dead), max(float(oldest), 0.0))

    async def dead(self, *, limit: int = 100) -> list[Dead]:
        """Return dead effects, the oldest first."""
        sql = "select id, kind, key, payload, attempts, error from arlen_outbox where dead = 1 order by seq limit $1"
        rows = await self._database().all(sql, limit)
        return [Dead(row.id, row.kind, row.key, msgspec.json.decode(row.payload), row[4], row.error) for row in rows]

    async def redrive(self, *ids: str) -> int:
        """Let dead effects live again, all of them or those with an id, with all their attempts; return how many."""
        return await self._each(_REDRIVE.format(now=now(self._database().capabilities.dialect)), ids)

    async def discard(self, *ids: str) -> int:
        """Delete dead effects, by their ids; return how many."""
        return await self._each("delete from arlen_outbox where dead = 1", ids) if ids else 0

    def register(self, app: App) -> None:
        """Deliver while an application runs; `app.use` calls it. `Outbox` is a service that handlers can ask for."""
        from arlen_data.database import Database

        self._deliveries = Deliveries(app.meters, app.spans, self.backlog)

        async def opened(db: Any) -> Any:
            self._db = self._db or db
            await self._ready()
            if not self._relays:
                yield self
                return
            async with self.running():
                yield self

        mine = type(self._db)
        known = self._db is not None and app.services.scope_of(mine) is not None
        opened.__annotations__ = {"db": mine if known else Database}
        app.services.add(opened, Outbox, timeout=self.settings.grace + 30)

    @property
    def migrations(self) -> Migrations | None:
        """What `arlen migrate` applies for it; `None` when it makes its tables itself."""
        return None if self._tables else tables("default" if self._db is None else self._db.name)

    async def _ready(self) -> None:
        db = self._database()
        if self._tables:
            await install(db)
        try:
            await self.backlog()
        except UndefinedTable as error:
            fix = "run `arlen migrate`, or use Outbox(tables=True)"
            raise StartupError("the outbox has no tables", fix=fix, code="tables_missing") from error

    async def _each(self, sql: str, ids: tuple[str, ...]) -> int:
        if not ids:
            return await self._database().execute(sql)
        return await self._database().execute_many(f"{sql} and id = $1", [(each,) for each in ids])

    def _database(self) -> Database:
        if self._db is None:
            raise InvalidArgument("the outbox has no database yet", fix="Outbox(db), or app.use(outbox) and start")
        return self._db

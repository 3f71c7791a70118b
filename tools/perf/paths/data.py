"""Data: what stands between a handler and a driver, and the builder."""

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from typing import Any, Self

from msgspec import Struct

from arlen_data.capabilities import Capabilities
from arlen_data.database import Database
from arlen_data.lanes import Chunk, Options, Session
from arlen_data.results import Result
from arlen_data.rows import shape
from arlen_sqlbuilder import PG, Table, column, param, select
from tools.perf.registry import Step, demand, path

__all__: list[str] = []

SQL = "select id, email from users where id = $1"


class _Users(Table, name="users"):
    id = column(int)
    email = column(str)
    tenant_id = column(int)
    active = column(bool)


class _User(Struct):
    id: int
    email: str


class _Instant(Database):
    """A driver that has the row already."""

    async def open(self) -> None:
        """Do nothing."""

    async def close(self) -> None:
        """Do nothing."""

    def again(self, **changes: Any) -> Self:
        raise NotImplementedError

    async def session(self, options: Options, /) -> Session:
        raise NotImplementedError

    async def run(self, sql: str, params: Sequence[Any], /) -> Result:
        columns = ("id", "email")
        return Result(columns, [shape(columns)((params[0], "ada@example.org"))], 1)

    def chunks(self, sql: str, params: Sequence[Any], size: int, /) -> AsyncGenerator[Chunk, None]:
        raise NotImplementedError

    async def load(self, table: Any, columns: Any, rows: Any, /) -> int:
        raise NotImplementedError


@path("data.row", into=None)
@path("data.into", into=_User)
async def _row(into: Any) -> AsyncIterator[Step]:
    db = _Instant(Capabilities(adapter="instant", dialect="postgresql"))
    row = await db.one(SQL, 7, into=into)
    demand((7, "ada@example.org"), (row.id, row.email))

    async def step() -> None:
        await db.one(SQL, 7, into=into)

    yield step


@path("data.build")
async def _build() -> AsyncIterator[Step]:
    def build() -> str:
        query = select(_Users.id, _Users.email).where(_Users.tenant_id == 7, _Users.active == True)  # noqa: E712
        return query.order_by(_Users.email).limit(20).offset(40).compile(PG).sql

    wanted = 'SELECT "id", "email" FROM "users" WHERE "tenant_id" = $1 AND "active" = $2 ORDER BY "email" '
    demand(f"{wanted}LIMIT $3 OFFSET $4", build())
    yield build


@path("data.bind")
async def _bind() -> AsyncIterator[Step]:
    query = select(_Users.id, _Users.email).where(_Users.id == param("id")).compile(PG)
    demand((5,), tuple(query.bind(id=5)))
    yield lambda: query.bind(id=5)

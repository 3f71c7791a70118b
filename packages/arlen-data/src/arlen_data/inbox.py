"""Inbox: the receiver's half: what was seen before is not done again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from arlen_data.errors import InvalidArgument
from arlen_data.schema import now

if TYPE_CHECKING:
    from arlen_data.queries import Queries
    from arlen_data.transactions import Transaction

__all__ = ["first", "forget"]

_REMEMBER = "insert into arlen_inbox (id, arrived) values ($1, {now}) on conflict (id) do nothing"
_FORGET = "delete from arlen_inbox where arrived < {now} - $1"


async def first(tx: Transaction, id: str) -> bool:
    """Return whether this is the first time that an effect arrives here, and remember it with the commit.

    Args:
        tx: the transaction in which the receiver does what it has to do; so it is done exactly once.
        id: of the effect, at most 200 characters.

    ```python
    from arlen_data import Database
    from arlen_data.effects import Effect
    from arlen_data.inbox import first


    async def book(effect: Effect, db: Database) -> None:
        async with db.transaction() as tx:
            if await first(tx, effect.id):
                await tx.execute("update accounts set balance = balance + 1 where id = $1", effect.payload["account"])
    ```
    """
    if not 0 < len(id) <= 200 or "\0" in id:
        raise InvalidArgument("the id of an effect has 1 to 200 characters")
    return await tx.execute(_REMEMBER.format(now=now(tx.capabilities.dialect)), id) == 1


async def forget(db: Queries, *, older: float = 2_592_000.0) -> int:
    """Forget what arrived more than `older` seconds ago, by default 30 days; return how many.

    Keep them longer than an effect can be retried or lie dead before somebody drives it again.
    """
    return await db.execute(_FORGET.format(now=now(db.capabilities.dialect)), float(older))

"""Effects: what a transaction leaves to be done outside of the database, when it commits."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Sequence
from hashlib import blake2b
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import msgspec
from msgspec import Struct, field

from arlen_data.errors import InvalidArgument, UndefinedTable
from arlen_data.schema import now

if TYPE_CHECKING:
    from arlen_data.transactions import Transaction

__all__ = ["CHANNEL", "MAX_PAYLOAD", "Effect", "wakers", "write"]

CHANNEL = "arlen_outbox"
"""Where `write` notifies on engines with `listen`."""

MAX_PAYLOAD = 65_536
"""Most bytes of a payload, as JSON, when nobody says anything."""

_KIND = re.compile(r"[a-z0-9][a-z0-9_.-]{0,99}").fullmatch
_INSERT = "insert into arlen_outbox (id, kind, key, payload, created, due) values ($1, $2, $3, $4, {now}, {now})"

wakers: WeakKeyDictionary[Any, set[Callable[[], object]]] = WeakKeyDictionary()
"""What to call, by database, when a transaction of this process with effects has committed."""


class Effect(Struct, frozen=True, kw_only=True):
    """One thing to do when the transaction commits, at least once; not at all when it rolls back.

    Args:
        kind: what it is, "mail.send"; the handlers are found by it. Lower case, digits, `.`, `_` and `-`; at most 100.
        key: effects of one key are done one after another, in the order in which their transactions committed; "" has
            no order. At most 200 characters.
        payload: whatever goes into JSON, at most 64 KiB of it.
        id: the same in every attempt: give it to the receiver as its idempotency key.
        attempts: how often it failed before.
        token: the fencing token of the relay that delivers it; a later relay has a larger one.

    >>> Effect(kind="mail.send", key="ada", payload={"to": "ada@example.org"}).kind
    'mail.send'
    """

    kind: str
    key: str = ""
    payload: Any = None
    id: str = field(default_factory=lambda: secrets.token_hex(16))
    attempts: int = 0
    token: int = 0


async def write(
    tx: Transaction, effects: Sequence[Effect], *, max_payload: int = MAX_PAYLOAD, notify: bool = True
) -> None:
    """Put effects into the outbox, in the transaction that they belong to; in one round trip where there is one.

    Args:
        tx: the transaction.
        effects: in their order.
        max_payload: bytes of JSON.
        notify: tell the relays of other processes, where the engine has `listen`.

    Transactions that have effects of one key in common commit one after another.

    Raises `InvalidArgument` for a kind, key or payload that cannot be.
    """
    rows = [(each.id, each.kind, each.key, _text(each, max_payload)) for each in effects]
    statements: list[tuple[Any, ...]] = []
    if tx.capabilities.advisory_locks:  # else there is one writer at a time
        # without it a later transaction could commit first, and its effect be delivered first
        keys = sorted({each.key for each in effects if each.key})
        statements += [("select pg_advisory_xact_lock($1)", _number(key)) for key in keys]
    sql = _INSERT.format(now=now(tx.capabilities.dialect))
    statements += [(sql, *row) for row in rows]
    if notify and tx.capabilities.listen:
        statements.append(("select pg_notify($1, '')", CHANNEL))
    try:
        await tx.batch(*statements)
    except UndefinedTable as error:
        error.add_note("run `arlen migrate`, or `await arlen_data.schema.install(db)`")
        raise
    tx.after_commit(_wake, tx.database)


def _text(effect: Effect, most: int) -> str:
    if not _KIND(effect.kind):
        raise InvalidArgument(f"{effect.kind[:100]!r} is no kind of an effect", fix='write it like "mail.send"')
    if len(effect.key) > 200 or "\0" in effect.key:
        raise InvalidArgument("the key of an effect has at most 200 characters, and no NUL")
    try:
        data = msgspec.json.encode(effect.payload)
    except (TypeError, ValueError) as error:
        raise InvalidArgument(f"the payload of {effect.kind!r} does not go into JSON: {error}") from error
    if len(data) > most:
        fix = "put it into a table, and its id into the effect"
        raise InvalidArgument(f"the payload of {effect.kind!r} is {len(data)} bytes; at most {most} go", fix=fix)
    return data.decode()


def _number(key: str) -> int:
    return int.from_bytes(blake2b(b"arlen.outbox\0" + key.encode(), digest_size=8).digest(), signed=True)


def _wake(database: Any) -> None:
    for wake in wakers.get(database, ()):
        wake()

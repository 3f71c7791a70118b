"""Notifications: in order, with every text, gone with the block, and honest about what was missed."""

from __future__ import annotations

import asyncio

import anyio

from arlen_conformance import promise
from arlen_data.conformance.aids import BOUND, raises, until
from arlen_data.conformance.checks.transactions import Sentinel
from arlen_data.conformance.dialects import dialect
from arlen_data.conformance.faults import Faults
from arlen_data.database import Database
from arlen_data.errors import DataError, InvalidArgument, Unsupported
from arlen_data.notifications import Missed, Notification

__all__ = ["Notifications"]

_CHANNEL = 'Käse "quoted"; select 1'


class Notifications:
    """LN01."""

    @promise(needs=["listen"])
    async def test_ln01_notifications_in_order(self, adapter: Database) -> None:
        """What is told on a channel arrives in order, with its text, and nothing of other channels."""
        async with adapter.listen(_CHANNEL, "plain") as heard:
            await adapter.notify("other", "no")
            for text in ("", "é\U0001f600", "x" * 7999):
                await adapter.notify(_CHANNEL, text)
            await adapter.notify("plain", "last")
            with anyio.fail_after(BOUND):
                found = [await anext(heard) for _ in range(4)]
        assert [_CHANNEL] * 3 + ["plain"] == [each.channel for each in found if isinstance(each, Notification)]
        texts = ["", "é\U0001f600", "x" * 7999, "last"]
        assert texts == [each.payload for each in found if isinstance(each, Notification)]

    @promise(needs=["listen"])
    async def test_ln01_too_long_a_text(self, adapter: Database) -> None:
        """A text of 8,000 bytes is refused."""
        with raises(DataError, InvalidArgument):
            await adapter.notify("plain", "x" * 8000)

    @promise(needs=["listen", "transactions"])
    async def test_ln01_a_transaction_tells_when_it_commits(self, adapter: Database) -> None:
        """What a transaction tells is heard when it commits, and never when it rolls back."""
        async with adapter.listen("ln01_commit") as heard:
            with raises(Sentinel):
                async with adapter.transaction() as tx:
                    await tx.notify("ln01_commit", "never")
                    raise Sentinel
            async with adapter.transaction() as tx:
                await tx.notify("ln01_commit", "committed")
            with anyio.fail_after(BOUND):
                first = await anext(heard)
        assert "committed" == getattr(first, "payload", "")

    @promise(needs=["listen", "pool"], heavy=True)
    async def test_ln01_what_was_missed_is_told(self, adapter: Database, engine: Faults) -> None:
        """When the connection was lost, it is made again, and `Missed` comes before anything else."""
        async with adapter.listen("ln01_missed") as heard:
            await engine.terminate()
            with anyio.fail_after(BOUND):
                assert isinstance(await anext(heard), Missed)
                await adapter.notify("ln01_missed", "again")
                assert "again" == getattr(await anext(heard), "payload", "")

    @promise(needs=["listen"], heavy=True)
    async def test_ln01_nobody_listens_after_the_block(self, adapter: Database) -> None:
        """After the block, and after a cancel in it, nothing listens any more."""
        ready = asyncio.Event()

        async def hear() -> None:
            async with adapter.listen("ln01_gone") as heard:
                ready.set()
                await anext(heard)

        task = asyncio.create_task(hear())
        await ready.wait()
        assert 1 == await adapter.value(dialect(adapter).listeners)
        task.cancel()
        with raises(asyncio.CancelledError):
            await task
        await until(lambda: _nobody(adapter), "nobody listens")

    @promise(unless=["listen"])
    async def test_ln01_notifications_are_refused(self, adapter: Database) -> None:
        """Without `listen`, to listen and to notify are `Unsupported`."""
        with raises(Unsupported):
            await adapter.notify("channel", "payload")
        with raises(Unsupported):
            async with adapter.listen("channel"):
                pass


async def _nobody(adapter: Database) -> bool:
    return await adapter.value(dialect(adapter).listeners, into=int) == 0

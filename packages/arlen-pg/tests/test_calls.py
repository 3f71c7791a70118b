"""Calls: each is its own future."""

import asyncio
import contextvars

import pytest

from arlen_pg.calls import Call

pytestmark = pytest.mark.anyio


async def test_an_answer_may_come_before_anybody_waits():
    """A coroutine that is driven by hand is handed to a task a turn later; then the task goes on at once."""
    loop = asyncio.get_running_loop()
    call, went_on = Call(loop), asyncio.Event()
    waiting = call.__await__()
    assert call is next(waiting)
    call.answer = 7
    call.wake()
    call.add_done_callback(lambda _: went_on.set(), context=contextvars.copy_context())
    assert not went_on.is_set()
    await asyncio.wait_for(went_on.wait(), 10)
    with pytest.raises(StopIteration) as raised:
        next(waiting)
    assert 7 == raised.value.value

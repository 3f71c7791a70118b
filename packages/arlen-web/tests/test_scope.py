"""Scope: the current request, and none outside."""

import anyio
import pytest

from arlen_core import App, Context, Request
from arlen_web.scope import bound, current, entered, maybe


def context() -> Context:
    """Make a context."""
    return Context(App("x", environ={}), Request())


def test_there_is_none_outside():
    """Asking for it is an error that says why; asking whether there is one is not."""
    assert maybe() is None
    with pytest.raises(RuntimeError, match="without one"):
        current()


def test_it_is_there_inside_and_gone_after():
    """Blocks nest, and end when something fails."""
    outer, inner = context(), context()
    with entered(outer):
        with entered(inner):
            assert inner is current() is maybe()
        with pytest.raises(KeyError), entered(inner):
            raise KeyError
        assert outer is current()
    assert maybe() is None


def test_a_bound_function_gets_it_first():
    """Then its own arguments."""
    here = context()
    with entered(here):
        assert (here, 1, {"b": 2}) == bound(lambda ctx, a, **rest: (ctx, a, rest))(1, b=2)


def test_tasks_have_their_own():
    """Two pages at once do not see each other."""
    seen = []

    async def make(mine, gate, other):
        with entered(mine):
            gate.set()
            await other.wait()
            seen.append(current() is mine)

    async def main():
        one, two = anyio.Event(), anyio.Event()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(make, context(), one, two)
            tasks.start_soon(make, context(), two, one)

    anyio.run(main)
    assert [True, True] == seen

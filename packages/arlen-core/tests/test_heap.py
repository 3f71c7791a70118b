"""Heap: collections pass over what a process was started with, in production only."""

import gc
import subprocess
import sys

import pytest

from arlen_core.heap import settle

ASGI = """
import asyncio, gc, sys
from arlen_core.app import App

async def main():
    messages = iter([{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}])
    counts = []
    async def receive():
        return next(messages)
    async def send(message):
        counts.append(gc.get_freeze_count())
    await App("x", env=sys.argv[1])({"type": "lifespan"}, receive, send)
    print(counts[0] > 1000)

asyncio.run(main())
"""


@pytest.mark.parametrize(("env", "expected"), [("production", "True"), ("development", "False"), ("test", "False")])
def test_under_an_asgi_server(env, expected):
    """What the start has made is frozen when the start is complete."""
    made = subprocess.run([sys.executable, "-c", ASGI, env], check=True, timeout=60, capture_output=True, text=True)
    assert expected == made.stdout.strip()


def test_nothing_happens_elsewhere():
    """An application of a test can still be collected."""
    before = gc.get_freeze_count()
    assert (0, 0) == (settle("test"), settle("development"))
    assert before == gc.get_freeze_count()

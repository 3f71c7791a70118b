"""Consoles: an interactive Python with `await`, beside an event loop that keeps running."""

from __future__ import annotations

import ast
import asyncio
import code
import concurrent.futures
import contextlib
import signal
import threading
import traceback
from collections.abc import Iterator
from types import CodeType, FrameType, TracebackType
from typing import Any

from arlen_cli.scripts import evaluate

__all__ = ["Console", "talk"]

_FILE = "<console>"


class Console(code.InteractiveConsole):
    """Reads lines in a thread of its own, and runs them in the event loop.

    Args:
        names: what the lines see.
        loop: where they run.
    """

    def __init__(self, names: dict[str, Any], loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(names, _FILE)
        self.names, self.loop = names, loop
        self.compile.compiler.flags |= ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
        self.task: asyncio.Task[Any] | None = None

    def runcode(self, code: CodeType) -> None:
        """Run one statement in the loop, and wait for it; Ctrl-C cancels it."""
        try:
            left = asyncio.run_coroutine_threadsafe(self._run(code), self.loop).result()
        except concurrent.futures.CancelledError:
            left = KeyboardInterrupt()
        except BaseException as error:  # noqa: BLE001  # shown to the person who typed it
            self.write("".join(traceback.format_exception(type(error), error, _own(error.__traceback__))))
            return
        if isinstance(left, KeyboardInterrupt):
            self.write("\nKeyboardInterrupt\n")
        elif left is not None:
            raise left

    async def _run(self, code: CodeType) -> BaseException | None:
        self.task = asyncio.current_task()
        try:
            await evaluate(code, self.names)
        except (SystemExit, KeyboardInterrupt) as left:  # a task that raises these ends the loop and all in it
            return left
        finally:
            self.task = None
        return None

    def interrupt(self, *_: object) -> None:
        """Cancel the statement that waits; to be called in the loop."""
        if self.task is not None:
            self.task.cancel()


def _own(trace: TracebackType | None) -> TracebackType | None:
    first = trace
    while trace is not None and trace.tb_frame.f_code.co_filename != _FILE:
        trace = trace.tb_next
    return trace or first


async def talk(names: dict[str, Any], banner: str) -> None:
    """Hold an interactive session until its end (Ctrl-D, or `exit()`); what runs in the loop goes on meanwhile."""
    loop = asyncio.get_running_loop()
    console, done = Console(names, loop), asyncio.Event()

    def read() -> None:
        try:
            console.interact(banner=banner, exitmsg="")
        except SystemExit:
            pass
        finally:
            loop.call_soon_threadsafe(done.set)

    with _completion(names), _interrupts(console):
        threading.Thread(target=read, name="arlen shell", daemon=True).start()
        await done.wait()


@contextlib.contextmanager
def _interrupts(console: Console) -> Iterator[None]:
    """Let Ctrl-C end the running statement, not the session."""

    def handle(_: int, frame: FrameType | None) -> None:
        while frame is not None:
            if frame.f_code.co_filename == _FILE:
                raise KeyboardInterrupt  # the statement itself is at work
            frame = frame.f_back
        console.loop.call_soon_threadsafe(console.interrupt)

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, handle)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextlib.contextmanager
def _completion(names: dict[str, Any]) -> Iterator[None]:
    """Complete names with the tab key, where there is a readline."""
    try:
        import readline
        import rlcompleter
    except ImportError:
        yield
        return
    before = readline.get_completer()
    readline.set_completer(rlcompleter.Completer(names).complete)
    readline.parse_and_bind("tab: complete")
    try:
        yield
    finally:
        readline.set_completer(before)

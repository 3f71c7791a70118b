"""Consoles: an interactive Python with `await`, beside an event loop that keeps running."""

from __future__ import annotations

import ast
import asyncio
import code
import concurrent.futures
import contextlib
import threading
import traceback
from collections.abc import Awaitable, Iterator
from types import CodeType, TracebackType
from typing import Any

from arlen_cli.scripts import evaluate

__all__ = ["Console", "talk"]


class Console(code.InteractiveConsole):
    """Reads lines in a thread of its own, and runs them in the event loop.

    Args:
        names: what the lines see.
        loop: where they run.
    """

    def __init__(self, names: dict[str, Any], loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(names)
        self.names, self.loop = names, loop
        self.compile.compiler.flags |= ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
        self.running: concurrent.futures.Future[Any] | None = None

    def runcode(self, code: CodeType) -> None:
        """Run one statement in the loop, and wait for it; Ctrl-C cancels it."""
        self.running = asyncio.run_coroutine_threadsafe(_left(evaluate(code, self.names)), self.loop)
        try:
            left = self.running.result()
        except concurrent.futures.CancelledError:
            self.write("\nKeyboardInterrupt\n")
        except BaseException as error:  # noqa: BLE001  # shown to the person who typed it
            self.write("".join(traceback.format_exception(type(error), error, _own(error.__traceback__))))
        else:
            if left is not None:
                raise left
        finally:
            self.running = None

    def interrupt(self) -> bool:
        """Cancel what runs; say whether something did."""
        return self.running is not None and self.running.cancel()


async def _left(work: Awaitable[Any]) -> SystemExit | None:
    try:
        await work
    except SystemExit as left:  # a task that raises it would end the loop, and everything in it
        return left
    return None


def _own(trace: TracebackType | None) -> TracebackType | None:
    first = trace
    while trace is not None and trace.tb_frame.f_code.co_filename != "<console>":
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

    with _completion(names), _interrupts(loop, console):
        threading.Thread(target=read, name="arlen shell", daemon=True).start()
        await done.wait()


@contextlib.contextmanager
def _interrupts(loop: asyncio.AbstractEventLoop, console: Console) -> Iterator[None]:
    """Let Ctrl-C cancel the running statement, not the session."""
    import signal  # only an interactive session needs it

    try:
        loop.add_signal_handler(signal.SIGINT, console.interrupt)
    except (NotImplementedError, RuntimeError, ValueError):  # not the main thread, or Windows
        yield
        return
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGINT)


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

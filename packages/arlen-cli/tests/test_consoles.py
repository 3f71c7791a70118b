"""Tests of arlen_cli.consoles."""

import asyncio
import builtins
import os
import signal
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from arlen_cli.consoles import Console, _interrupts, talk

pytestmark = pytest.mark.anyio


@pytest.fixture
def typed(monkeypatch):
    """Type these lines; an exception is raised in place of a line."""

    def put(*lines):
        waiting = iter(lines)

        def read(prompt=""):
            line = next(waiting, EOFError())
            if isinstance(line, BaseException):
                raise line
            return line() if callable(line) else line

        monkeypatch.setattr(builtins, "input", read)

    return put


async def test_lines_are_run_and_shown(typed, capsys):
    """Values are shown, names are kept, and `await` works."""
    typed("x = 20", "x + 1", "import asyncio", "await asyncio.sleep(0, 'woke')")
    await talk({}, "welcome")
    found = capsys.readouterr()
    assert "21\n'woke'\n" == found.out
    assert "welcome" in found.err


async def test_an_error_does_not_end_the_session(typed, capsys):
    """An exception is shown from the line that was typed, and the session goes on."""
    typed("1 / 0", "'still here'")
    await talk({}, "")
    found = capsys.readouterr()
    assert "'still here'\n" == found.out
    assert 'Traceback (most recent call last):\n  File "<console>", line 1, in <module>\nZeroDivisionError' in found.err


async def test_a_syntax_error_does_not_end_the_session(typed, capsys):
    """Wrong Python is shown as such."""
    typed("x = = 1", "5")
    await talk({}, "")
    found = capsys.readouterr()
    assert "5\n" == found.out
    assert "SyntaxError" in found.err


async def test_statements_of_several_lines(typed, capsys):
    """A function ends with an empty line, and may be a coroutine."""
    typed("async def double(x):", "    return 2 * x", "", "await double(4)")
    await talk({}, "")
    assert "8\n" == capsys.readouterr().out


@pytest.mark.parametrize("end", ["stop()", "raise SystemExit(3)", EOFError()])
async def test_the_session_ends(typed, end):
    """`exit()` and Ctrl-D leave."""
    typed(end, "never = True")
    names = {"stop": sys.exit}
    await talk(names, "")
    assert "never" not in names


async def test_the_loop_runs_while_the_session_waits(typed):
    """What the application started goes on between two lines."""
    ticked, may = threading.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    async def tick():
        await may.wait()
        ticked.set()

    def line():
        loop.call_soon_threadsafe(may.set)
        assert ticked.wait(10)
        return "x = 1"

    task = asyncio.create_task(tick())
    typed(line)
    await talk({}, "")
    await task
    assert ticked.is_set()


async def test_a_waiting_statement_can_be_interrupted(typed, capsys):
    """Ctrl-C cancels what waits, and the session goes on."""
    names = {"asyncio": asyncio, "interrupt": lambda: os.kill(os.getpid(), signal.SIGINT)}
    typed("interrupt(); await asyncio.Event().wait()", "'still here'")
    await talk(names, "")
    found = capsys.readouterr()
    assert "\nKeyboardInterrupt\n" in found.err
    assert "'still here'\n" == found.out


async def test_a_busy_statement_can_be_interrupted(typed, capsys):
    """Ctrl-C also ends a loop that never waits."""
    names = {"interrupt": lambda: os.kill(os.getpid(), signal.SIGINT)}
    typed("interrupt()", "while True: interrupt()", "", "'still here'")
    await talk(names, "")
    found = capsys.readouterr()
    assert 2 == found.err.count("KeyboardInterrupt")
    assert "'still here'\n" == found.out


async def test_ctrl_c_between_statements(typed):
    """When nothing runs, Ctrl-C ends nothing."""
    console = Console({}, asyncio.get_running_loop())
    console.interrupt()
    before = signal.getsignal(signal.SIGINT)
    typed(lambda: os.kill(os.getpid(), signal.SIGINT) or "x = 5")
    names = {}
    await talk(names, "")
    assert (5, before) == (names["x"], signal.getsignal(signal.SIGINT))


async def test_a_session_in_another_thread():
    """Only the main thread gets signals; a session elsewhere goes without."""
    with ThreadPoolExecutor(1) as pool:
        await asyncio.get_running_loop().run_in_executor(pool, lambda: asyncio.run(_session()))


async def _session():
    loop = asyncio.get_running_loop()
    with _interrupts(Console({}, loop)):
        pass

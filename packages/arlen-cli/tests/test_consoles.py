"""Tests of arlen_cli.consoles."""

import asyncio
import builtins
import sys
import threading

import pytest

from arlen_cli.consoles import Console, talk

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


async def test_a_running_statement_can_be_interrupted(typed, capsys):
    """Ctrl-C cancels what runs, and the session goes on."""
    loop, names = asyncio.get_running_loop(), {}
    console = Console(names, loop)
    assert not console.interrupt()
    names |= {"asyncio": asyncio, "stop": lambda: loop.call_soon(console.interrupt)}

    def run():
        console.push("stop(); await asyncio.Event().wait()")

    await asyncio.to_thread(run)
    assert "KeyboardInterrupt" in capsys.readouterr().err

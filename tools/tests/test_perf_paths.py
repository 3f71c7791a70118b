"""The paths: found by name, and each does what it should, as often as it is told."""

import os
import subprocess
import sys
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tools.perf import registry
from tools.perf.registry import Unknown, choose, demand, find
from tools.perf.sites import Peer, often
from tools.perf.steps import run

ROOT = Path(__file__).parents[2]


def test_groups_are_all_there():
    """The paths that the gate promises are measured."""
    assert set(choose()) >= {
        *("router.static10", "router.static1000", "router.dynamic10", "router.dynamic1000"),
        *("binder.parameters", "binder.body", "dispatch.minimal", "dispatch.defaults"),
        *("wire.minimal", "wire.defaults", "wire.browser", "wire.pipelined", "wire.post"),
        *("template.page", "middlewares.five", "head.plain", "head.browser"),
    }


def test_every_module_of_paths_is_a_group():
    """A module that is not named is not measured, so there is none."""
    files = {path.stem for path in (ROOT / "tools" / "perf" / "paths").glob("*.py")} - {"__init__"}
    assert set(registry.GROUPS) == files


def test_order_of_the_report():
    """Paths come in the order of the groups, and in a group in the order of its declarations."""
    assert ["router.static10", "router.static1000", "router.dynamic10", "router.dynamic1000"] == choose()[:4]


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (["head"], ["head.plain", "head.browser"]),
        (["wire.minimal"], ["wire.minimal"]),
        (["wire.minimal", "head.plain"], ["head.plain", "wire.minimal"]),
        (["head", "head.plain"], ["head.plain", "head.browser"]),
    ],
)
def test_choose(words, names):
    """A word is a path, or a group for all in it."""
    assert names == choose(words)


@pytest.mark.parametrize("word", ["nothing", "head.nothing", "", "hea"])
def test_choose_nothing(word):
    """A word that means no path is an error with the names of all."""
    with pytest.raises(Unknown, match=rf"there is no path '{word}'; the paths are router\.static10, "):
        choose([word])


@pytest.mark.parametrize("name", ["nothing.at.all", "head.nothing"])
def test_find_nothing(name):
    """So is a name."""
    with pytest.raises(Unknown, match="there is no path"):
        find(name)


@pytest.mark.parametrize("name", choose())
def test_path_works(name):
    """Each path runs as often as it is told, and marks each round."""
    marks = []
    run(find(name), [1, 3], lambda: marks.append("mark"), lambda: marks.append("settle"))
    assert ["settle", "mark", "mark"] == marks


def test_demand():
    """A path that answers something else is not measured."""
    demand(1, 1)
    with pytest.raises(AssertionError, match="expected 1, got 2"):
        demand(1, 2)


def _made(step):
    @asynccontextmanager
    async def make():
        yield step

    return make


def test_plain_steps_run_outside_of_tasks():
    """A plain step is called as a transport calls: there is no current task."""
    import asyncio

    tasks = []
    run(_made(lambda: tasks.append(asyncio.current_task())), [2], lambda: None, lambda: None)
    assert [None, None] == tasks


def test_waiting_steps_run_in_a_task():
    """A step that waits runs in a task."""
    import asyncio

    tasks = []

    async def step():
        tasks.append(asyncio.current_task())

    run(_made(step), [2], lambda: None, lambda: None)
    assert [False, False] == [task is None for task in tasks]


def test_step_that_fails():
    """A failure in a step ends the run."""

    def step():
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run(_made(step), [1], lambda: None, lambda: None)


def test_often():
    """The log is written every so many calls."""
    calls = []
    function = often(lambda: calls.append(1), 4)
    for _ in range(9):
        function()
    assert len(calls) == 3


def test_peer_takes_what_is_written():
    """The transport gives what was written, once."""
    peer = Peer()
    peer.write(b"a")
    peer.writelines([b"b", b"c"])
    assert (b"abc", b"") == (peer.take(), peer.take())


def test_peer_is_patient():
    """The transport reads everything and stays; it knows the addresses that a real one knows."""
    peer = Peer()
    for call in (peer.pause_reading, peer.resume_reading, peer.close, peer.abort):
        call()
    peer.set_write_buffer_limits(1)
    assert (0, False, 80, None) == (
        peer.get_write_buffer_size(),
        peer.is_closing(),
        peer.get_extra_info("sockname")[1],
        peer.get_extra_info("sslcontext"),
    )


def test_time_and_chance_stand_still():
    """Two processes see the same times and the same random bytes."""
    code = (
        "from tools.perf import still; still.stop(); import os, random, time;"
        "print(time.time(), time.time(), time.perf_counter_ns(), time.perf_counter_ns(), time.monotonic(),"
        " os.urandom(8), random.random())"
    )
    first, second = (
        subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True, env={**os.environ}
        ).stdout
        for _ in range(2)
    )
    assert (True, True) == (first == second, first.startswith("1767225600.125 1767225600.125 "))


def test_program_runs_paths_without_valgrind():
    """The program that is measured runs anywhere, and prints which process ran which path."""
    words = [sys.executable, "-m", "tools.perf.program", "4", "10", "head.plain", "router.static10"]
    done = subprocess.run(words, cwd=ROOT, check=True, capture_output=True, text=True)
    assert ["head.plain", "router.static10"] == [line.split()[0] for line in done.stdout.splitlines()]


def test_program_fails_when_a_path_does():
    """One path that fails makes the program fail, and says why."""
    words = [sys.executable, "-m", "tools.perf.program", "4", "0", "head.nothing"]
    done = subprocess.run(words, cwd=ROOT, check=False, capture_output=True, text=True)
    assert (1, True) == (done.returncode, "there is no path 'head.nothing'" in done.stderr)

"""Tests of the checks for what is left behind."""

import asyncio
import subprocess
import threading

import pytest

from arlen_conformance.leaks import Leak, left, snapshot, watch

pytest_plugins = ["pytester"]


def test_nothing():
    """Code that cleans up leaves nothing."""
    with watch(), open("/dev/null") as file:  # noqa: PTH123 - the shortest descriptor there is
        assert file.fileno() > 0
    assert left(snapshot()) == []


def test_a_descriptor():
    """An open file is named with its target."""
    with pytest.raises(Leak, match=r"file descriptor \d+ .*/dev/null"), watch():
        file = open("/dev/null")  # noqa: PTH123, SIM115 - what is tested
    file.close()


def test_a_thread(monkeypatch):
    """A thread is named; one that ends within the grace is none."""
    monkeypatch.setattr("arlen_conformance.leaks.GRACE", 0.01)
    go = threading.Event()
    thread = threading.Thread(target=go.wait, name="worker")
    with pytest.raises(Leak, match="thread 'worker'"), watch():
        thread.start()
    go.set()
    thread.join()


def test_a_child(monkeypatch):
    """A process that was not waited for is named by its id."""
    monkeypatch.setattr("arlen_conformance.leaks.GRACE", 0.01)
    with pytest.raises(Leak, match="child process"), watch():
        child = subprocess.Popen(["cat"], stdin=subprocess.PIPE)
    child.communicate()


@pytest.mark.anyio
async def test_a_task():
    """Inside an event loop, a task that goes on is named."""
    task = None
    with pytest.raises(Leak, match="task 'worker'"), watch():
        task = asyncio.create_task(asyncio.Event().wait(), name="worker")
    task.cancel()


def test_a_failure_goes_first():
    """Code that fails is not blamed for what its failure holds."""
    with pytest.raises(OSError, match="first"), watch():  # noqa: PT012 - what is tested
        file = open("/dev/null")  # noqa: PTH123, SIM115 - what is tested
        raise OSError("first")
    file.close()


def test_the_fixture(pytester):
    """A test that asks for `no_leaks` fails when it leaves something."""
    pytester.makepyfile("kept = []\ndef test_x(no_leaks): kept.append(open('/dev/null'))")
    result = pytester.runpytest_subprocess("-pno:cacheprovider")
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["*Leak: left behind: file descriptor*"])

"""Tests of failpoints; what they do to a process is tested with the kit that controls processes."""

import os
import signal
import subprocess
import sys

import pytest

from arlen_core import failpoints
from arlen_core.errors import StartupError
from arlen_core.failpoints import FailpointError, armed, failpoint


def test_off():
    """A failpoint that nobody armed does nothing."""
    assert failpoint("jobs.settle") is None


def test_armed():
    """It raises where it stands, as long as it is armed, and others do nothing."""
    with armed("jobs.settle", "raise"):
        failpoint("jobs.claim")
        with pytest.raises(FailpointError, match=r"^jobs\.settle$"):
            failpoint("jobs.settle")
    failpoint("jobs.settle")


def test_from_the_second_time():
    """A count lets the first ones pass."""
    with armed("jobs.settle", "exit@3"):
        failpoint("jobs.settle")
        failpoint("jobs.settle")
        with pytest.raises(SystemExit, match="70"):
            failpoint("jobs.settle")


def test_a_function():
    """A test may put anything there."""
    seen = []
    with armed("jobs.settle", lambda: seen.append("here")):
        failpoint("jobs.settle")
        failpoint("jobs.settle")
    assert seen == ["here", "here"]


def test_one_inside_the_other():
    """What was armed before is armed again."""
    with armed("jobs.settle", "raise"):
        with armed("jobs.settle", print):
            failpoint("jobs.settle")
        with pytest.raises(FailpointError):
            failpoint("jobs.settle")


@pytest.mark.parametrize(("action", "number"), [("kill", signal.SIGKILL), ("stop", signal.SIGSTOP)])
def test_signals(monkeypatch, action, number):
    """`kill` and `stop` signal the own process."""
    sent = []
    monkeypatch.setattr(os, "kill", lambda *words: sent.append(words))
    with armed("jobs.settle", action):
        failpoint("jobs.settle")
    assert sent == [(os.getpid(), number)]


@pytest.mark.parametrize("action", ["", "die", "kill@", "kill@0", "kill@x", "kill@-1"])
def test_no_action(action):
    """An unknown action is refused, and the message lists those that there are."""
    if action == "kill@":
        return
    with pytest.raises(ValueError, match="kill, stop, raise, exit"), armed("jobs.settle", action):
        pass


def test_the_variable():
    """It arms several, with commas between."""
    found = failpoints._read({failpoints.VARIABLE: "a.b:raise, c:exit@2,"})
    assert list(found) == ["a.b", "c"]
    with pytest.raises(FailpointError):
        found["a.b"]()


@pytest.mark.parametrize("text", ["a", "a:die", ":kill", "a:kill@0"])
def test_a_wrong_variable(text):
    """A process that was started with nonsense does not start."""
    with pytest.raises(StartupError, match="ARLEN_FAILPOINT") as caught:
        failpoints._read({failpoints.VARIABLE: text})
    assert (caught.value.code, bool(caught.value.fix)) == ("failpoint_invalid", True)


def test_a_process():
    """The variable counts from the start of the process."""
    code = "from arlen_core.failpoints import failpoint; failpoint('a'); failpoint('b')"
    environ = {**os.environ, failpoints.VARIABLE: "b:kill"}
    assert subprocess.run([sys.executable, "-c", code], env=environ, check=False).returncode == -signal.SIGKILL


def test_it_is_cheap():
    """One that is off looks at nothing but an empty table."""
    assert failpoint.__code__.co_names == ("_armed",)

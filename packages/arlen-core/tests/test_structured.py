"""Structured: structlog when it is needed, and shared while the application runs."""

import subprocess
import sys

import pytest
import structlog

from arlen_core.sinks import Sink
from arlen_core.structured import Structured


class Target(Sink):
    """Keeps what is written."""

    def __init__(self):
        super().__init__(size=0)
        self.rows = []
        self.hurried = 0

    def write(self, line):
        self.rows.append(line)

    def hurry(self):
        self.hurried += 1


def render(logger, level, values):
    """Make a line that a test can read."""
    return f"{level} {values}".encode()


@pytest.fixture
def target():
    """Where lines go."""
    return Target()


@pytest.fixture
def structured(target):
    """One that is stopped in the end."""
    made = Structured(target, render, 20)
    yield made
    made.stop()
    assert structlog.is_configured() is False


def test_a_line_goes_through_the_renderer(structured, target):
    """Bound values, values of the call, and the context variables of structlog."""
    with structlog.contextvars.bound_contextvars(user=7):
        structured.logger().bind(a=1).info("hello", b=2)
    assert [b"info {'a': 1, 'b': 2, 'event': 'hello', 'user': 7}"] == target.rows


def test_levels_below_the_threshold_are_dropped(structured, target):
    """Every level has its method."""
    for level in ("debug", "info", "warning", "error", "critical", "exception"):
        getattr(structured.logger(), level)("x")
    assert [b"info", b"warning", b"error", b"critical", b"error"] == [row.split()[0] for row in target.rows]


def test_errors_are_written_in_a_hurry(structured, target):
    """They may be the last words."""
    structured.logger().info("x")
    assert target.hurried == 0
    structured.logger().error("x")
    structured.logger().critical("x")
    assert target.hurried == 2


def test_exceptions_become_text(structured, target):
    """With the traceback, without the values of variables."""
    hunter2 = "swordfish"
    try:
        raise LookupError("gone")
    except LookupError:
        structured.logger().exception("x", length=len(hunter2))
    assert b"LookupError: gone" in target.rows[0]
    assert b"swordfish" not in target.rows[0]


def test_the_logger_is_made_once(structured):
    """And the same afterwards."""
    assert structured.logger() is structured.logger()


@pytest.mark.parametrize("first", ["start", "logger"])
def test_structlog_gives_the_same_log_while_it_runs(structured, target, first):
    """Whichever comes first, the start or the first line."""
    calls = [structured.start, structured.logger]
    for call in calls if first == "start" else calls[::-1]:
        call()
    structlog.get_logger().warning("mine", a=1)
    assert [b"warning {'a': 1, 'event': 'mine'}"] == target.rows
    structured.stop()
    assert structlog.is_configured() is False


def test_a_program_that_configures_structlog_keeps_its_own(structured, target):
    """Its configuration stays, during and after."""
    seen = []
    structlog.configure(processors=[lambda *args: (seen.append(args[2]["event"]), "")[1]])
    try:
        structured.start()
        structured.logger().info("ours")
        structured.stop()
        assert structlog.is_configured() is True
        assert len(target.rows) == 1
    finally:
        structlog.reset_defaults()


def test_a_second_application_does_not_take_over(structured, target):
    """The first that runs is the one that structlog knows."""
    other = Structured(Target(), render, 20)
    structured.start()
    structured.logger()
    other.start()
    other.logger()
    other.stop()
    structlog.get_logger().info("mine")
    assert len(target.rows) == 1


@pytest.mark.parametrize("use", ["start", "logger"])
def test_structlog_is_imported_by_the_start_or_the_first_line(use):
    """Importing, making and stopping costs nothing of it; after the start no request waits for it."""
    code = (
        "import sys\n"
        "from arlen_core.structured import Structured\n"
        "from arlen_core.sinks import Sink\n"
        "made = Structured(Sink(), lambda *_: b'', 20)\n"
        "made.stop()\n"
        "assert 'structlog' not in sys.modules\n"
        f"made.{use}()\n"
        "assert 'structlog' in sys.modules\n"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0

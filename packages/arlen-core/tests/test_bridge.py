"""Bridge: the standard library's log."""

import logging

import pytest

from arlen_core.bridge import Bridge


@pytest.fixture
def rows():
    """What came through."""
    return []


@pytest.fixture
def bridge(rows):
    """A bridge that is taken off in the end."""
    made = Bridge(lambda level, message, values: rows.append((level, message, values)), 20)
    before = logging.getLogger().level
    yield made
    made.remove()
    assert before == logging.getLogger().level


@pytest.mark.parametrize(
    ("level", "name"),
    [(20, "info"), (25, "info"), (30, "warning"), (40, "error"), (50, "critical"), (60, "critical")],
)
def test_levels_are_translated(bridge, rows, level, name):
    """Levels in between count as the one below."""
    bridge.install()
    logging.getLogger("some.library").log(level, "hello %s", "you")
    assert [(name, "hello you", {"logger": "some.library"})] == rows


def test_what_is_below_the_level_does_not_come(bridge, rows):
    """The root logger gets the level too, so that it costs nothing."""
    bridge.install()
    logging.getLogger("some.library").debug("hello")
    assert [] == rows
    assert logging.getLogger().level == 20


def test_a_bridge_for_debugging_takes_everything(rows):
    """Level 10 and below are "debug"."""
    bridge = Bridge(lambda level, message, values: rows.append(level), 5)
    bridge.install()
    logging.getLogger("some.library").log(7, "hello")
    bridge.remove()
    assert ["debug"] == rows


def test_an_exception_comes_along(bridge, rows):
    """As `exc_info`, for the traceback."""
    bridge.install()
    error = LookupError("gone")
    logging.getLogger("some.library").error("it failed", exc_info=error)
    assert error is rows[0][2]["exc_info"][1]


def test_a_wrong_format_string_is_not_our_failure(bridge, rows):
    """The message comes out as it was written."""
    bridge.emit(logging.LogRecord("lib", 30, "f.py", 1, "%d items", ("many",), None))
    assert [("warning", "%d items ('many',)", {"logger": "lib"})] == rows


def test_there_is_one_bridge(bridge, rows):
    """A second application in the process leaves it to the first."""
    other = Bridge(lambda *args: pytest.fail("two bridges"), 20)
    assert (True, False) == (bridge.install(), other.install())
    other.remove()
    logging.getLogger("lib").warning("hello")
    assert len(rows) == 1
    assert logging.getLogger().level == 20

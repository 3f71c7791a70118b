"""Logs: settings, formats, context, and that logging never fails."""

import io
import json
import logging
import os
import signal
import sys
import threading

import msgspec
import pytest
import structlog

from arlen_core import logs as module
from arlen_core.clock import VirtualClock
from arlen_core.config import Config
from arlen_core.errors import StartupError
from arlen_core.logs import LEVELS, Logs, LogSettings, current
from arlen_core.requests import Request
from arlen_core.vault import MASK, Secret


@pytest.fixture
def stream(monkeypatch):
    """What was written to standard error."""
    made = io.StringIO()
    monkeypatch.setattr(module.sys, "stderr", made)
    return made


@pytest.fixture
def make(tmp_path):
    """Make logs to a file in JSON at once; they are stopped in the end."""
    made = []

    def one(env="production", **settings):
        options = {"target": "app.log", "buffer": 0} | settings
        made.append(Logs(LogSettings(**options), env, root=tmp_path, clock=VirtualClock()))
        return made[-1]

    yield one
    for each in made:
        each.stop()


@pytest.fixture
def lines(tmp_path):
    """Read the log."""

    def read():
        file = tmp_path / "app.log"
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []

    return read


def test_a_line_is_json_in_production(make, lines):
    """Time, level and event first, then the values."""
    make().log.info("order.created", id=7, who="Ada")
    assert [
        {"timestamp": "2026-01-01T00:00:00.000Z", "level": "info", "event": "order.created", "id": 7, "who": "Ada"}
    ] == lines()
    assert ["timestamp", "level", "event", "id", "who"] == list(lines()[0])


@pytest.mark.parametrize(
    ("env", "setting", "is_json"),
    [
        ("development", "auto", False),
        ("test", "auto", False),
        ("production", "auto", True),
        ("staging", "auto", True),
        ("development", "json", True),
        ("production", "text", False),
    ],
)
def test_the_format_is_chosen(make, tmp_path, env, setting, is_json):
    """Text for people, JSON for machines, or what the settings say."""
    made = make(env, format=setting)
    assert is_json is made.json
    made.log.info("hello")
    assert (tmp_path / "app.log").read_text().startswith('{"' if is_json else "2026-01-01T00:00:00.000Z info     hello")


@pytest.mark.parametrize("level", LEVELS)
def test_the_level_is_a_threshold(make, lines, level):
    """At it and above is written, below it is not."""
    log = make(level=level).log
    for each in LEVELS:
        getattr(log, each)("x")
    assert list(LEVELS)[list(LEVELS).index(level) :] == [line["level"] for line in lines()]


def test_values_can_be_bound(make, lines):
    """To a logger of its own; the first one stays as it was."""
    log = make().log
    log.bind(a=1, b=1).bind(b=2).warning("x", c=3)
    log.info("y")
    assert {"a": 1, "b": 2, "c": 3}.items() <= lines()[0].items()
    assert "a" not in lines()[1]


def test_a_line_knows_its_request(make, lines):
    """Id and trace of the request that is being answered, in whatever task or thread."""
    request, log = Request(), make().log
    request.id, request.trace = "r" * 32, f"00-{'a' * 32}-{'b' * 16}-01"
    token = current.set(request)
    log.info("inside")
    current.reset(token)
    log.info("outside")
    assert {"request_id": "r" * 32, "trace_id": "a" * 32}.items() <= lines()[0].items()
    assert "request_id" not in lines()[1]


def test_context_variables_of_structlog_come_along(make, lines):
    """For those who bind their own."""
    with structlog.contextvars.bound_contextvars(tenant="acme"):
        make().log.info("x")
    assert lines()[0]["tenant"] == "acme"


def test_an_exception_has_its_traceback(make, lines):
    """By `exception`, and by `exc_info` for one that is kept."""
    log, kept = make().log, None
    try:
        raise LookupError("gone")
    except LookupError as error:
        kept = error
        log.exception("failed", a=1)
    log.error("again", exc_info=kept)
    first, second = lines()
    assert ("error", "failed", 1) == (first["level"], first["event"], first["a"])
    assert first["exception"] == second["exception"]
    assert first["exception"].endswith("LookupError: gone")


def test_secrets_are_masked(make, tmp_path):
    """By type, by name, in URLs, in events, in tracebacks, and under names of one's own."""
    log = make(mask=("iban",)).log
    try:
        raise OSError("cannot reach postgres://user:hunter2@db")
    except OSError:
        log.exception("no postgres://user:hunter2@db", password="hunter2", a=Secret("hunter2"), iban="hunter2")
    log.info("x", nested={"list": [{"api-key": "hunter2"}]})
    text = (tmp_path / "app.log").read_text()
    assert "hunter2" not in text
    assert 7 == text.count(MASK)


def test_a_tool_may_hear_lines(make, lines):
    """Whoever listens is told of each line that is written, with its request and secrets masked."""
    logs, heard = make(level="info"), []
    logs.heard = heard.append
    token = current.set(Request())
    try:
        logs.log.info("order.created", id=7, token="s3cr3t")
        logs.log.debug("order.looked_at")
    finally:
        current.reset(token)
    (record,) = heard
    assert ("info", "order.created", 7, MASK) == tuple(record[key] for key in ("level", "event", "id", "token"))
    assert lines()[0]["request_id"] == record["request_id"]


@pytest.mark.parametrize("setting", ["text", "json"])
def test_a_line_cannot_be_forged(make, tmp_path, setting):
    """Line breaks and escape sequences in events, names and values are escaped."""
    evil = "x\n2026-01-01T00:00:00.000Z info     forged\x1b[2J\u2028\x9b"
    make(format=setting).log.info(evil, **{evil: evil})
    text = (tmp_path / "app.log").read_text()
    assert text.count("\n") == 1
    assert text[:-1].isprintable()


class Broken:
    """Cannot be shown."""

    def __repr__(self):
        raise LookupError("no text")


@pytest.mark.parametrize("setting", ["text", "json"])
@pytest.mark.parametrize(
    "values",
    [
        {"x": Broken()},
        {"x": "\ud800"},
        {"x": 10**5000},
        {"x": float("nan")},
        {"x": b"\xff"},
        {"x": {1: {2: object()}}},
        {"event": "mine", "level": "mine", "timestamp": "mine"},
        {"_": 1, "self": 2, "logger": 3, "exc_info": "nonsense"},
        {"x": type},
    ],
)
def test_logging_never_fails(make, tmp_path, setting, values):
    """Whatever the values are there is one line, and no exception."""
    made = make(format=setting)
    made.log.info("odd", **values)
    text = (tmp_path / "app.log").read_text()
    assert text.count("\n") == 1
    assert "odd" in text
    assert text.startswith(('{"timestamp":"2026', "2026"))


def test_values_cannot_take_the_place_of_what_is_ours(make, lines):
    """They get an underscore."""
    make().log.info("real", event="fake", level="fake", timestamp="fake")
    line = lines()[0]
    assert ("real", "info") == (line["event"], line["level"])
    assert ("fake", "fake", "fake") == (line["event_"], line["level_"], line["timestamp_"])


def test_a_line_that_cannot_be_made_is_counted(make, lines, monkeypatch):
    """Even when something inside is broken, there is a line that says so."""
    made = make()
    monkeypatch.setattr(module, "hide", lambda *args: 1 / 0)
    made.log.info("hello", a=1)
    assert [("info", "hello", "ZeroDivisionError")] == [(x["level"], x["event"], x["log_error"]) for x in lines()]
    assert made.failed == 1


def test_other_libraries_log_here_while_it_runs(make, lines):
    """From the start to the stop, with the name of their logger."""
    made = make()
    logging.getLogger("lib").warning("before")
    made.start()
    made.start()
    logging.getLogger("lib").warning("during %s", 1)
    made.stop()
    logging.getLogger("lib").warning("after")
    assert [("during 1", "lib")] == [(line["event"], line["logger"]) for line in lines()]


def test_other_libraries_may_be_left_alone(make, lines):
    """`stdlib = false`."""
    made = make(stdlib=False)
    made.start()
    logging.getLogger("lib").warning("during")
    made.stop()
    assert [] == lines()


def test_structlog_is_ours_while_it_runs(make, lines):
    """`structlog.get_logger()` anywhere writes here."""
    made = make()
    made.start()
    made.log.info("ours")
    structlog.get_logger().info("theirs", a=1)
    made.stop()
    assert ["ours", "theirs"] == [line["event"] for line in lines()]


def test_lines_are_held_in_production_and_errors_are_not(make, lines):
    """An error makes the writer hurry; the stop writes the rest."""
    made = make(buffer=65536, flush=60)
    made.start()
    made.log.info("one")
    assert [] == lines()
    made.log.error("two")
    done = threading.Event()
    while len(lines()) < 2 and not done.wait(0.001):
        pass
    made.log.info("three")
    made.stop()
    assert ["one", "two", "three"] == [line["event"] for line in lines()]


@pytest.mark.parametrize("env", ["development", "test"])
def test_lines_are_written_at_once_for_people(make, tmp_path, env):
    """Nobody wants to wait for the output of a print."""
    made = make(env, buffer=65536, flush=60)
    made.start()
    made.log.info("one")
    assert "one" in (tmp_path / "app.log").read_text()


def test_lost_lines_are_told(make, lines, monkeypatch):
    """When the target works again."""
    made = make()
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", lambda *args: (_ for _ in ()).throw(OSError(28, "full")))
        made.log.info("one")
    made.log.info("two")
    assert [("log.lost", 1), ("two", None)] == [(line["event"], line.get("lines")) for line in lines()]


def test_the_target_is_below_the_applications_folder(make, tmp_path):
    """Unless it is absolute; a folder that is missing stops the start."""
    other = tmp_path / "elsewhere.log"
    make(target=str(other)).log.info("x")
    assert other.exists()
    with pytest.raises(StartupError, match=r"logs/app.log cannot be opened"):
        make(target="logs/app.log").start()


def test_standard_error_is_the_default(monkeypatch):
    """As text or JSON, by the environment."""
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    Logs(env="development", clock=VirtualClock()).log.info("hello", a=1)
    assert sys.stderr.getvalue() == "2026-01-01T00:00:00.000Z info     hello a=1\n"


@pytest.mark.parametrize(("terminal", "no_color", "setting", "colored"), [
    (True, None, "text", True), (True, "1", "text", False), (False, None, "text", False), (True, None, "json", False),
])  # fmt: skip
def test_terminals_get_colours(monkeypatch, terminal, no_color, setting, colored):
    """Unless NO_COLOR is set; files, pipes and JSON never do."""

    class Screen(io.StringIO):
        def isatty(self):
            return terminal

    monkeypatch.setattr(sys, "stderr", Screen())
    monkeypatch.delenv("NO_COLOR", raising=False)
    if no_color:
        monkeypatch.setenv("NO_COLOR", no_color)
    Logs(LogSettings(format=setting), "test").log.warning("hello")
    assert colored is ("\x1b[33m" in sys.stderr.getvalue())


@pytest.mark.skipif(not hasattr(signal, "SIGUSR1"), reason="needs signals")
def test_usr1_reopens_the_file(make, tmp_path):
    """While it runs; afterwards the signal is what it was. Standard error has nothing to reopen."""
    made = make()
    made.start()
    made.log.info("one")
    (tmp_path / "app.log").rename(tmp_path / "old.log")
    signal.raise_signal(signal.SIGUSR1)
    made.log.info("two")
    made.stop()
    assert "one" in (tmp_path / "old.log").read_text()
    assert "two" in (tmp_path / "app.log").read_text()
    assert signal.getsignal(signal.SIGUSR1) == signal.SIG_DFL


@pytest.mark.skipif(not hasattr(signal, "SIGUSR1"), reason="needs signals")
def test_a_signal_that_somebody_uses_is_left_alone(make):
    """Also off the main thread, where signals cannot be set."""
    made, seen = make(), []
    before = signal.signal(signal.SIGUSR1, lambda *_: seen.append("theirs"))
    try:
        made.start()
        signal.raise_signal(signal.SIGUSR1)
        made.stop()
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert ["theirs"] == seen
    thread = threading.Thread(target=lambda: (made.start(), made.stop()))
    thread.start()
    thread.join()
    assert signal.getsignal(signal.SIGUSR1) == signal.SIG_DFL


@pytest.mark.parametrize(
    ("key", "value", "fine"),
    [
        ("level", "debug", True),
        ("level", "verbose", False),
        ("format", "xml", False),
        ("target", "", False),
        ("buffer", 16 << 20, True),
        ("buffer", (16 << 20) + 1, False),
        ("buffer", -1, False),
        ("flush", 60, True),
        ("flush", 60.1, False),
        ("flush", -0.1, False),
        ("colour", True, False),
    ],
)
def test_settings_have_bounds(tmp_path, key, value, fine):
    """At the bound is fine, past it is not, and unknown keys are refused."""
    (tmp_path / "config").mkdir()
    (tmp_path / "config/app.toml").write_text(f"[log]\n{key} = {msgspec.json.encode(value).decode()}\n")
    config = Config.load(tmp_path, "test", {})
    if fine:
        assert value == getattr(config.section("log", LogSettings), key)
    else:
        with pytest.raises(StartupError, match=f"config/app.toml:2: log.{key}"):
            config.section("log", LogSettings)

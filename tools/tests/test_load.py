"""The command `python -m tools.load`."""

import importlib
import os
import signal
import subprocess
import sys

import pytest

from tools.bench.processes import Failed
from tools.load.probes import until
from tools.load.report import HEAD, Line, row
from tools.load.runners import SITE, ended

command = importlib.import_module("tools.load.__main__")
ROOT = SITE.parents[2]

MET = Line("one", "what", "goal", "good", met=True, promise=True)
SLOW = Line("two", "what", "goal", "slow", met=False)
BROKEN = Line("three", "what", "goal", "bad", met=False, promise=True)


@pytest.fixture
def checks(monkeypatch):
    """Replaces the checks by some that find what a test wants; returns what was run, and how."""
    ran = []

    def fake(name, found):
        def check(folder, *, quick):
            assert folder.is_dir()
            ran.append((name, quick))
            if isinstance(found, BaseException):
                raise found
            return [found]

        return check, f"about {name}"

    found = {
        "one": MET,
        "two": SLOW,
        "three": BROKEN,
        "four": Failed("it did not start"),
        "five": KeyboardInterrupt("SIGTERM"),
        "six": AssertionError("no worker_ready"),
    }
    monkeypatch.setattr(command, "CHECKS", {name: fake(name, each) for name, each in found.items()})
    return ran


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["one"], 0),
        (["two"], 0),
        (["one", "two"], 0),
        (["three"], 1),
        (["three", "one"], 1),
        (["four"], 3),
        (["six"], 3),
        (["three", "four"], 3),
        (["five"], 130),
    ],
)
def test_exit_codes(checks, words, code):
    """A goal that is missed is no failure; a broken promise, a check that could not run and Ctrl-C are."""
    assert code == command.main(words)
    assert words == [name for name, _ in checks]


def test_rows_are_printed(checks, capsys):
    """The table is printed row by row, in the order that was asked for."""
    command.main(["two", "one"])
    assert [*HEAD.splitlines(), row(SLOW), row(MET)] == capsys.readouterr().out.splitlines()


def test_others_run_when_one_could_not(checks, capsys):
    """A check that could not run is named with its reason, after the rows of all others."""
    command.main(["four", "one"])
    *_, last, reason = capsys.readouterr().out.splitlines()
    assert row(MET) == last
    assert reason == "load: could not measure four: Failed: it did not start"


def test_interrupted(checks, capsys):
    """Whoever interrupts it learns that nothing was left behind; nothing else is run."""
    command.main(["five", "one"])
    assert [("five", False)] == checks
    assert "load: stopped by SIGTERM; everything that was started has ended" in capsys.readouterr().out


def test_all_by_default(checks, monkeypatch):
    """Without a name all checks are run."""
    monkeypatch.setattr(command, "CHECKS", {name: command.CHECKS[name] for name in ("one", "two")})
    assert 0 == command.main([])
    assert [("one", False), ("two", False)] == checks


def test_quick(checks):
    """The quick form reaches every check."""
    command.main(["--quick", "one", "two"])
    assert [("one", True), ("two", True)] == checks


def test_json(checks, tmp_path):
    """The figures are saved where that is wanted, and only when it is."""
    command.main(["one", "--folder", str(tmp_path)])
    assert [] == list(tmp_path.iterdir())
    command.main(["one", "--json", "--folder", str(tmp_path)])
    assert {"load.json", "load.md"} == {path.name for path in tmp_path.iterdir()}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["seven"], "there is no check seven; the checks are one, two"),
        (["one", "seven", "eight"], "there is no check seven, eight;"),
        (["--fast"], "unrecognized arguments: --fast"),
        (["--folder"], "expected one argument"),
    ],
)
def test_wrong_command_lines(checks, capsys, words, message):
    """A wrong command line is refused before anything is run, with what would be right."""
    with pytest.raises(SystemExit) as caught:
        command.main(words)
    assert 2 == caught.value.code
    assert message in capsys.readouterr().err
    assert [] == checks


def test_help_names_every_check(capsys):
    """The help says what each check is about, and what the exit codes mean."""
    with pytest.raises(SystemExit):
        command.main(["--help"])
    shown = capsys.readouterr().out
    for name, (_, about) in command.CHECKS.items():
        assert f"  {name:9} {about}" in shown
    assert "1 when a promise is broken" in shown


def test_checks_of_the_issue():
    """There is a check for every promise and resource of the plan."""
    names = "idle memory start workers latency sendfile flood resets term kill reload"
    assert names.split() == list(command.CHECKS)


def test_other_systems(checks, monkeypatch, capsys):
    """Where there is no /proc, it says so instead of failing somewhere."""
    monkeypatch.setattr(command.sys, "platform", "darwin")
    assert 3 == command.main(["one"])
    assert "only Linux" in capsys.readouterr().out
    assert [] == checks


@pytest.mark.skipif(sys.platform != "linux", reason="the system lacks: /proc")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_nothing_outlives_it(number):
    """Interrupted in the middle of a check, it ends every process that it has started, and says so."""
    with subprocess.Popen(
        [sys.executable, "-m", "tools.load", "reload"], cwd=ROOT, stdout=subprocess.PIPE, start_new_session=True
    ) as process:
        assert until(lambda: len(session(process.pid)) >= 5, 30) is not None  # manager, two workers, clients
        others = session(process.pid)
        process.send_signal(number)
        output, _ = process.communicate(timeout=60)
    assert 130 == process.returncode
    assert b"everything that was started has ended" in output
    assert [] == [pid for pid in others if not ended(pid)]


def session(leader):
    """The processes of a session."""
    found = []
    for name in os.listdir("/proc"):  # noqa: PTH208 - names are enough
        if name.isdigit() and not ended(int(name)):
            try:
                found += [int(name)] * (os.getsid(int(name)) == leader)
            except ProcessLookupError:
                continue
    return found

"""The command line of tools/bench: what it takes, what it refuses and how it ends."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tools.bench import cli, generators, processes
from tools.bench.cli import main
from tools.bench.records import Options, Results, Sample
from tools.bench.scenarios import SCENARIOS
from tools.bench.servers import SERVERS

ROOT = Path(__file__).parents[2]


def sample(server, rate, scenario="json"):
    """One turn."""
    return Sample(scenario, server, 1, 200, 0, 2.0, rate, 10.0, 500.0, 900.0, 0.5, saturated=False)


@pytest.fixture
def measured(monkeypatch):
    """Nothing is measured; the calls are noted, and each adds a sample of raw."""
    calls = []

    def measure(scenarios, servers, kit):
        calls.append(([each.name for each in scenarios], [each.name for each in servers], kit))
        kit.results.samples.extend(sample("raw", 100.0, each.name) for each in scenarios)

    monkeypatch.setattr(cli, "measure", measure)
    return calls


def refused(capsys, *arguments):
    """The message with which wrong arguments are refused."""
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert 2 == caught.value.code
    return capsys.readouterr().err.splitlines()[-1]


def test_everything_is_measured_unless_told_otherwise(measured, capsys):
    """All scenarios, those that belong together together, and all servers."""
    assert 0 == main([])
    names = [names for names, _, _ in measured]
    assert list(SCENARIOS) == [name for group in names for name in group]
    assert ["routes-10", "routes-1000"] in names
    assert all(list(SERVERS) == servers for _, servers, _ in measured)
    assert "| raw (httptools, uvloop) | 1.00 |" in capsys.readouterr().out


def test_scenarios_and_servers_are_chosen_by_name(measured):
    """Each once, however often it is named, in the order of the command line."""
    arguments = ["--scenario", "json", "--server", "raw", "--server", "arlen", "--server", "raw"]
    assert 0 == main([*arguments, "--scenario", "single", "--scenario", "json"])
    assert [(["json"], ["raw", "arlen"]), (["single"], ["raw", "arlen"])] == [call[:2] for call in measured]


def test_one_of_a_group_can_be_measured_alone(measured):
    """The last of 1,000 routes without that of 10."""
    main(["--scenario", "routes-1000"])
    assert [["routes-1000"]] == [names for names, _, _ in measured]


def test_options_say_how(measured):
    """Rounds, seconds, warm-up, generator."""
    main(["--rounds", "5", "--seconds", "0.5", "--warmup", "0", "--generator", "own", "--scenario", "json"])
    options = measured[0][2].options
    assert (5, 0.5, 0.0, "own") == (options.rounds, options.seconds, options.warmup, options.generator)


def test_quick_is_one_round_of_one_second(measured):
    """To see that everything works."""
    main(["--quick", "--scenario", "json"])
    options = measured[0][2].options
    assert (1, 1.0, 0.2) == (options.rounds, options.seconds, options.warmup)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--scenario", "jsn"], "invalid choice: 'jsn' (choose from"),
        (["--server", "nginx"], "invalid choice: 'nginx' (choose from"),
        (["--rounds", "0"], "'0' is not a whole number from 1 to 1000"),
        (["--rounds", "1001"], "'1001' is not a whole number from 1 to 1000"),
        (["--rounds", "two"], "'two' is not a whole number from 1 to 1000"),
        (["--rounds", "1.5"], "'1.5' is not a whole number from 1 to 1000"),
        (["--seconds", "0"], "nothing can be measured in 0 seconds"),
        (["--seconds", "nan"], "'nan' is not a number of seconds from 0 to 3600"),
        (["--seconds", "1e3"], "'1e3' is not a number of seconds from 0 to 3600"),
        (["--warmup", "4000"], "'4000' is not a number of seconds from 0 to 3600"),
        (["--generator", "ab"], "invalid choice: 'ab'"),
        (["--name", "../x"], "'../x' is no name of a file"),
        (["--name", "A B"], "'A B' is no name of a file"),
        (["--name", "readme"], "'readme' is no name of a file"),
        (["--nmae", "x"], "unrecognized arguments: --nmae"),
    ],
)
def test_wrong_arguments_are_refused(capsys, measured, arguments, message):
    """Before anything is started, with what is wrong."""
    assert message in refused(capsys, *arguments)
    assert [] == measured


def test_wrk_takes_whole_seconds(capsys, measured, monkeypatch):
    """Half a second of it would be one, and nobody would know."""
    monkeypatch.setattr(generators.shutil, "which", lambda _: "/usr/bin/wrk")
    message = refused(capsys, "--seconds", "1.5", "--generator", "wrk")
    assert message.endswith("wrk takes whole seconds, not 1.5 (fix: round, or take --generator own)")
    assert [] == measured


def test_a_generator_that_is_not_installed_is_refused(capsys, measured, monkeypatch):
    """When it was asked for."""
    monkeypatch.setattr(generators.shutil, "which", lambda _: None)
    assert refused(capsys, "--generator", "wrk").endswith("(fix: install it, or take --generator own)")


def test_the_list_names_everything(capsys, measured):
    """And measures nothing."""
    assert 0 == main(["--list"])
    printed = capsys.readouterr().out
    assert all(f"  {name} " in printed for name in [*SCENARIOS, *SERVERS])
    assert "JSON, one connection, 1 connections" in printed
    assert [] == measured


def test_a_wrong_server_is_an_exit_code(monkeypatch, capsys):
    """1, so that a script notices."""

    def measure(scenarios, servers, kit):
        kit.fault("json/raw", ["GET /json: status 500 instead of 200"])

    monkeypatch.setattr(cli, "measure", measure)
    assert 1 == main(["--scenario", "json"])
    assert "json/raw: WRONG: GET /json: status 500 instead of 200" in capsys.readouterr().out


def test_an_absent_peer_is_no_failure(monkeypatch, capsys):
    """The others were measured, and the notes tell."""

    def measure(scenarios, servers, kit):
        kit.results.absent["falcon"] = "no network"

    monkeypatch.setattr(cli, "measure", measure)
    assert 0 == main(["--scenario", "json"])
    assert "- falcon is absent: no network" in capsys.readouterr().out


def test_a_name_writes_three_files(measured, tmp_path, capsys):
    """And says which, without their folder."""
    assert 0 == main(["--scenario", "json", "--name", "x", "--folder", str(tmp_path / "out")])
    written = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert 3 == len(written)
    assert ["x.md", "x.svg"] == written[1:]
    printed = capsys.readouterr().out
    assert all(f"wrote {name}" in printed for name in written)
    assert str(tmp_path) not in printed
    held = Results.of(json.loads((tmp_path / "out" / written[0]).read_text()))
    assert [sample("raw", 100.0)] == held.samples
    assert held.machine["python"]


def test_without_a_name_nothing_is_written(measured, tmp_path):
    """It only prints."""
    main(["--scenario", "json", "--folder", str(tmp_path / "out")])
    assert not (tmp_path / "out").exists()


def stored(tmp_path, **changes):
    """A file of results."""
    results = Results(
        [sample("raw", 100.0), sample("arlen", 80.0)], options=Options(core=0), machine={"date": "2026-11-22 1"}
    )
    path = tmp_path / "stored.json"
    path.write_text(json.dumps(results.data() | changes))
    return path


def test_results_can_be_rendered_again(measured, tmp_path, capsys):
    """Nothing is measured for it."""
    path = stored(tmp_path)
    assert 0 == main(["--render", str(path), "--name", "again", "--folder", str(tmp_path / "out")])
    assert [] == measured
    assert "| arlen, minimal | 0.80 |" in capsys.readouterr().out
    assert "| arlen, minimal | 0.80 |" in (tmp_path / "out" / "again.md").read_text()
    assert (tmp_path / "out" / "2026-11-22-again.json").is_file()


@pytest.mark.parametrize(
    ("text", "reason"),
    [("{", "JSONDecodeError"), ("{}", "KeyError: 'samples'"), ('{"samples": [{}]}', "TypeError"), ("[]", "TypeError")],
)
def test_a_file_of_something_else_is_refused(capsys, tmp_path, text, reason):
    """With its name and the reason."""
    path = tmp_path / "other.json"
    path.write_text(text)
    message = refused(capsys, "--render", str(path))
    assert "other.json holds no results: " in message
    assert reason in message


def test_a_file_that_is_not_there_is_refused(capsys, tmp_path):
    """The same."""
    assert "missing.json holds no results: FileNotFoundError" in refused(
        capsys, "--render", str(tmp_path / "missing.json")
    )


@pytest.mark.parametrize(("text", "cause"), [("", "Ctrl-C"), ("SIGTERM", "SIGTERM")])
def test_an_interruption_has_an_exit_code_of_its_own(monkeypatch, capsys, text, cause):
    """130, as shells have it, and says what stopped it."""

    def measure(scenarios, servers, kit):
        raise KeyboardInterrupt(*([text] if text else []))

    monkeypatch.setattr(cli, "measure", measure)
    assert 130 == main(["--scenario", "json"])
    assert f"bench: stopped by {cause}; everything that was started has ended" in capsys.readouterr().out


def test_one_core_is_said(measured, monkeypatch, capsys):
    """Before the first round."""
    monkeypatch.setattr(processes, "cores", lambda: (None, None))
    main(["--scenario", "json"])
    assert "bench: servers and load share their cores" in capsys.readouterr().out
    assert measured[0][2].options.core is None


def test_servers_and_load_get_a_core_each(measured, monkeypatch):
    """The first is the servers'."""
    monkeypatch.setattr(processes, "cores", lambda: (2, 3))
    main(["--scenario", "json", "--generator", "own"])
    kit = measured[0][2]
    assert (2, 3, 3) == (kit.options.core, kit.generator.core, kit.warmer.core)


def test_peers_are_installed_when_they_are_needed(measured, monkeypatch, capsys, tmp_path):
    """Below the cache that was named; whoever waits is told for what."""
    asked = []
    monkeypatch.setattr(cli.environments, "made", lambda peer, cache: False)
    monkeypatch.setattr(cli.environments, "make", lambda peer, cache: asked.append((peer, cache)) or cache / peer)
    main(["--scenario", "json", "--cache", str(tmp_path)])
    peer = measured[0][2].peer
    assert peer(SERVERS["raw"]) is None
    assert tmp_path / "falcon" == peer(SERVERS["falcon"])
    assert [("falcon", tmp_path)] == asked
    assert "falcon: installing what tools/bench/peers/falcon.txt pins" in capsys.readouterr().out


def test_the_scratch_folder_is_thrown_away(measured):
    """Access logs and what servers print do not stay."""
    main(["--scenario", "json"])
    assert not measured[0][2].scratch.exists()


def started(*arguments):
    """The command in a process, as people run it."""
    environ = {**os.environ, "PYTHONUNBUFFERED": "1"}
    command = [sys.executable, "-m", "tools.bench", *arguments]
    return subprocess.Popen(command, cwd=ROOT, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_whoever_ends_the_command_ends_everything(number):
    """Servers and load, at any moment; here in the middle of a round."""
    pytest.importorskip("uvloop")
    arguments = ["--scenario", "json", "--server", "raw", "--rounds", "50", "--generator", "own", "--warmup", "0"]
    with started(*arguments, "--seconds", "0.2") as command:
        line = next(line for line in command.stdout if "raw" in line)
        children = [pid for pid in _below(command.pid) if pid != command.pid]
        command.send_signal(number)
        rest = command.stdout.read()
    assert "µs CPU" in line
    assert 130 == command.returncode
    assert "everything that was started has ended" in rest
    assert children
    assert not [pid for pid in children if _runs(pid)]


def _below(parent):
    found = [parent]
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = entry.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == parent:
            found += _below(int(entry.parent.name))
    return found


def _runs(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in {"Z", "X"}
    except OSError:
        return False


def test_a_whole_run_from_the_command_line(tmp_path):
    """Raw, measured by our generator for a moment, with its three files."""
    pytest.importorskip("uvloop")
    arguments = ["--scenario", "json", "--server", "raw", "--rounds", "1", "--seconds", "0.2", "--warmup", "0.1"]
    with started(*arguments, "--generator", "own", "--name", "run", "--folder", str(tmp_path)) as command:
        printed = command.stdout.read()
    assert 0 == command.returncode, printed
    assert "| raw (httptools, uvloop) | 1.00" in printed
    assert 3 == len(list(tmp_path.iterdir()))

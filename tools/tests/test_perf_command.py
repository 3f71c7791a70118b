"""The command: which gate it takes, and its exit codes."""

import json

import pytest

from tools.perf import callgrind, command, layers, micros, pairs, profiles, registry, trials
from tools.perf.baseline import Baseline
from tools.perf.callgrind import Broken
from tools.perf.gates import Report
from tools.perf.layers import Costs

HERE = {"python": "3.11.7", "msgspec": "0.22.0"}


@pytest.fixture(autouse=True)
def bench(monkeypatch, tmp_path):
    """A machine with valgrind and the locked libraries, a baseline of the heads, and counts that the test sets."""
    file = tmp_path / "baseline.json"
    file.write_text(
        json.dumps([{"environment": HERE, "instructions": {"head.plain": 1000, "head.browser": 2000}}]), "utf-8"
    )
    counts = {"head.plain": 1000, "head.browser": 2000}
    monkeypatch.setattr(command, "ROOT", tmp_path)
    monkeypatch.setattr(command, "Baseline", lambda: Baseline(file))
    monkeypatch.setattr(command, "here", lambda: HERE)
    monkeypatch.setattr(command, "strangers", list)
    monkeypatch.setattr(command, "against_base", lambda root, names: Report([f"timed {' '.join(names)}"]))
    monkeypatch.setattr(callgrind, "available", lambda: True)
    monkeypatch.setattr(callgrind, "count", lambda names, **options: {name: counts[name] for name in names})
    counts["file"] = file
    return counts


def test_passes(capsys):
    """When nothing has changed, the code is 0 and the last line says so."""
    assert command.main(["--paths", "head"]) == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith("perf: passed in ")


def test_fails(bench, capsys):
    """When a path is slower, the code is 1 and the last line says so."""
    bench["head.plain"] = 1100
    assert command.main(["--paths", "head"]) == 1
    assert capsys.readouterr().out.splitlines()[-1].startswith("perf: FAILED in ")


def test_missing_baseline_fails(bench, capsys):
    """Without a baseline the code is 1."""
    bench["file"].unlink()
    assert command.main(["--paths", "head"]) == 1
    assert "there is no baseline; write one" in capsys.readouterr().out


def test_corrupt_baseline(bench, capsys):
    """What is no baseline ends with 2: nothing was measured."""
    bench["file"].write_text("{", "utf-8")
    assert command.main(["--paths", "head"]) == 2
    assert "is no baseline" in capsys.readouterr().out


def test_unknown_path(capsys):
    """A path that is not there ends with 2 and the names of those that are."""
    assert command.main(["--paths", "nothing"]) == 2
    assert "there is no path 'nothing'; the paths are router.static10" in capsys.readouterr().out


def test_broken_path(monkeypatch, capsys):
    """A path that cannot be measured ends with 2 and what it said."""

    def broken(names, **options):
        raise Broken("the application does not work")

    monkeypatch.setattr(callgrind, "count", broken)
    assert (2, "perf: the application does not work\n") == (command.main(["--count"]), capsys.readouterr().out)


def test_unknown_option():
    """An option that is not there ends with 2, as is usual."""
    with pytest.raises(SystemExit, match="2"):
        command.main(["--quick"])


def test_two_actions():
    """Two actions at once are refused."""
    with pytest.raises(SystemExit, match="2"):
        command.main(["--update", "--base"])


def test_without_valgrind(monkeypatch, capsys):
    """Without valgrind the second gate is taken, and the first line says why."""
    monkeypatch.setattr(callgrind, "available", lambda: False)
    assert command.main(["--paths", "head"]) == 0
    assert capsys.readouterr().out.splitlines()[:2] == [
        "perf: there is no valgrind here: comparing processor time with the base instead",
        "timed head.plain head.browser",
    ]


def test_other_libraries_than_the_lock(monkeypatch, capsys):
    """Where other libraries are installed, counts mean nothing: the second gate is taken, and says so."""
    monkeypatch.setattr(command, "strangers", lambda: ["msgspec is 0.1, the lock says 0.22.0"])
    assert command.main(["--paths", "head"]) == 0
    assert "not those of the lock (msgspec is 0.1, the lock says 0.22.0): comparing" in capsys.readouterr().out


def test_unknown_environment(monkeypatch, capsys):
    """On a Python that the baseline does not know the second gate is taken, and the first line says what differs."""
    monkeypatch.setattr(command, "here", lambda: {**HERE, "python": "3.13.0"})
    assert command.main(["--paths", "head"]) == 0
    out = capsys.readouterr().out
    assert "does not know this environment (python 3.13.0 instead of 3.11.7): comparing" in out
    assert "timed head.plain head.browser" in out


def test_second_gate_can_fail(monkeypatch):
    """The second gate's failure is the command's."""
    monkeypatch.setattr(callgrind, "available", lambda: False)
    monkeypatch.setattr(command, "against_base", lambda root, names: Report(["slower"], passed=False))
    assert command.main(["--paths", "head"]) == 1


def test_base_is_asked_for(capsys):
    """The second gate can be asked for."""
    assert (0, "timed head.plain") == (command.main(["--base", "--paths", "head.plain"]), _first(capsys))


def test_count(capsys):
    """Counts can be printed without a verdict."""
    assert (0, "head.plain                      1,000") == (
        command.main(["--count", "--paths", "head"]),
        _first(capsys),
    )


def test_update(bench, capsys):
    """The baseline is written, and its place said."""
    bench["head.plain"] = 500
    assert command.main(["--update", "--paths", "head.plain"]) == 0
    assert {"head.plain": 500, "head.browser": 2000} == Baseline(bench["file"]).find(HERE).instructions
    assert "perf: wrote baseline.json" in capsys.readouterr().out


def test_update_with_other_libraries(bench, monkeypatch):
    """A baseline of libraries that are not locked would fail everybody else: it is not written."""
    monkeypatch.setattr(command, "strangers", lambda: ["msgspec is 0.1, the lock says 0.22.0"])
    before = bench["file"].read_bytes()
    assert (1, before) == (command.main(["--update", "--paths", "head"]), bench["file"].read_bytes())


def test_profile(monkeypatch, capsys):
    """A profile has both views."""
    monkeypatch.setattr(profiles, "native", lambda name: [f"native {name}"])
    monkeypatch.setattr(profiles, "python", lambda name: [f"python {name}"])
    assert command.main(["--profile", "head.plain"]) == 0
    assert capsys.readouterr().out.splitlines()[:3] == ["native head.plain", "", "python head.plain"]


def test_profile_of_nothing(capsys):
    """A profile of a path that is not there ends with 2."""
    assert command.main(["--profile", "nothing"]) == 2
    assert "there is no path 'nothing'" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "names"),
    [([], ["wire.minimal", "wire.defaults"]), (["--paths", "head"], ["head.plain", "head.browser"])],
)
def test_layers(monkeypatch, capsys, words, names):
    """The table of layers shows both profiles, or what is asked for."""
    monkeypatch.setattr(layers, "measure", lambda name: Costs({"parse": 1.0}, []))
    assert (0, f"| layer | {' | '.join(names)} |") == (command.main(["--layers", *words]), _first(capsys))


def test_micro(monkeypatch, capsys):
    """The micro-benchmarks can be asked for."""
    monkeypatch.setattr(micros, "run", lambda: Report(["micro"]))
    assert (0, "micro") == (command.main(["--micro"]), _first(capsys))


@pytest.mark.parametrize(("first", "second", "code"), [(True, True, 0), (True, False, 1), (False, True, 1)])
def test_self_test(monkeypatch, first, second, code):
    """The self-test passes when both gates do."""
    monkeypatch.setattr(trials, "counts", lambda names: Report([], first))
    monkeypatch.setattr(trials, "times", lambda names, root: Report([], second))
    assert code == command.main(["--self-test"])


def test_self_test_without_valgrind(monkeypatch, capsys):
    """Without valgrind only the second gate is tried, and that is said."""
    monkeypatch.setattr(callgrind, "available", lambda: False)
    monkeypatch.setattr(trials, "times", lambda names, root: Report(["times"]))
    assert command.main(["--self-test"]) == 0
    assert "only the gate of time is tried" in capsys.readouterr().out


def test_worker_that_dies(monkeypatch, capsys):
    """A worker that dies ends with 2."""

    def lacking(root, names):
        raise pairs.Lacking("the worker died")

    monkeypatch.setattr(command, "against_base", lacking)
    assert (2, "perf: the worker died\n") == (command.main(["--base"]), capsys.readouterr().out)


def test_all_paths_without_words(monkeypatch):
    """Without words all paths are measured."""
    seen = []
    monkeypatch.setattr(callgrind, "count", lambda names: seen.extend(names) or {})
    command.main(["--count"])
    assert registry.choose() == seen


def _first(capsys) -> str:
    return capsys.readouterr().out.splitlines()[0]

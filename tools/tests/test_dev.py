"""dev.py on machines of several kinds: what it sets up, what it says, and what it does not touch."""

import importlib.util
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import dev
from tools import each, pythons, smoke

ROOT = Path(__file__).parents[2]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A place for .boot/ that is not the real one."""
    for name, path in {"BOOT": ".boot", "HOME": ".boot/hatch", "BIN": ".boot/hatch/bin"}.items():
        monkeypatch.setattr(dev, name, tmp_path / path)
    monkeypatch.setattr(dev, "PYTHON", tmp_path / ".boot/hatch/bin/python")
    monkeypatch.setattr(dev, "ROOT", tmp_path)
    shutil.copy(ROOT / "hatch.toml", tmp_path)
    return tmp_path / ".boot/hatch"


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The commands that were run instead of pip and hatch."""
    seen: list[list[str]] = []
    monkeypatch.setattr(dev.subprocess, "call", lambda command, env: seen.append(command) or 0)
    monkeypatch.setattr(dev.os, "chdir", lambda _: None)
    monkeypatch.setattr(dev.os, "execve", lambda _, command, env: seen.append(command))
    return seen


def test_it_is_short():
    """What a stranger runs first can be read first."""
    assert len((ROOT / "dev.py").read_text().splitlines()) < 120


def test_there_are_at_most_eight_verbs_and_all_are_explained():
    """Each verb of hatch.toml is in the table of CONTRIBUTING.md."""
    verbs = tomllib.loads((ROOT / "hatch.toml").read_text())["envs"]["default"]["scripts"]
    text = (ROOT / "CONTRIBUTING.md").read_text()
    assert len(verbs) <= 8
    assert [] == [verb for verb in verbs if f"| `{verb}` |" not in text]


@pytest.mark.parametrize("arguments", [[], ["--help"], ["tset"]])
def test_a_wrong_verb_lists_the_right_ones(arguments):
    """Without a verb, or with one that is not there, the verbs are named and nothing is installed."""
    with pytest.raises(SystemExit, match=r"usage: python3 dev.py <verb> .*: start, test, check, alone"):
        dev.main(arguments)


def test_a_mistyped_verb_is_named():
    """The message says which word was wrong."""
    with pytest.raises(SystemExit, match="there is no verb 'tset'"):
        dev.main(["tset"])


def test_the_first_run_installs_and_the_second_does_not(home, ran, monkeypatch, capsys):
    """The pinned tools are installed once, with hashes, and then hatch runs the verb with its options."""
    monkeypatch.delenv("HATCH_CONFIG", raising=False)
    monkeypatch.setattr(dev, "create", lambda: [dev.HOME.mkdir(parents=True) or "pip"])
    dev.main(["test", "-k", "x"])
    dev.main(["check"])
    assert Path(dev.environment()["HATCH_CONFIG"]).is_file()  # hatch refuses to start without it
    assert ["pip", "install"] == ran[0][:2]
    assert {"--require-hashes", str(ROOT / "tools/boot.txt")} <= set(ran[0])
    hatch = [str(dev.PYTHON), "-m", "hatch", "run"]
    assert [[*hatch, "test", "-k", "x"], [*hatch, "check"]] == ran[1:]
    lines = ["installing hatch and uv into .boot/hatch (once)", "hatch run test -k x", "hatch run check"]
    assert [f"dev.py: {line}" for line in lines] == capsys.readouterr().out.splitlines()


def test_new_pins_are_installed(home, ran, monkeypatch):
    """When tools/boot.txt changes, what was installed is replaced."""
    monkeypatch.setattr(dev, "create", lambda: [dev.HOME.mkdir(parents=True) or "pip"])
    pins = home.parent.parent / "boot.txt"
    monkeypatch.setattr(dev, "PINS", pins)
    pins.write_text("hatch==1")
    dev.bootstrap()
    (home / "old").touch()
    dev.bootstrap()
    assert (home / "old").exists()
    pins.write_text("hatch==2")
    dev.bootstrap()
    assert not (home / "old").exists()


def test_an_installation_that_failed_is_begun_again(home, ran, monkeypatch):
    """Without a network the message says what to set, and the next run tries again."""
    monkeypatch.setattr(dev, "create", lambda: [dev.HOME.mkdir(parents=True) or "pip"])
    monkeypatch.setattr(dev.subprocess, "call", lambda *_, **__: 1)
    for _ in range(2):
        with pytest.raises(SystemExit, match="without a network, point PIP_INDEX_URL"):
            dev.bootstrap()


@pytest.mark.skipif(hasattr(os, "getuid") and os.getuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_is_named(home):
    """The message names the folder."""
    home.parent.parent.chmod(0o500)
    with pytest.raises(SystemExit, match="cannot write"):
        dev.bootstrap()


def test_a_file_in_the_way_is_named(home):
    """The folder cannot be made where a file is."""
    home.parent.write_text("in the way")
    with pytest.raises(SystemExit, match="cannot write"):
        dev.bootstrap()


def test_without_pip_and_ensurepip_the_message_says_what_to_install(home, monkeypatch):
    """A Python without pip cannot begin, and the message names it."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(SystemExit, match="has no pip; install it, for example with `apt install python3-pip`"):
        dev.create()


@pytest.mark.parametrize("module", ["venv", None], ids=["venv", "by hand"])
def test_the_environment_needs_no_ensurepip_and_no_venv(home, monkeypatch, module):
    """With pip outside, the environment is made without pip; without the venv module, by hand; both work."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())
    if module is None:
        monkeypatch.setitem(sys.modules, "venv", None)
    assert [sys.executable, "-m", "pip", "--python", str(dev.PYTHON)] == dev.create()
    code = "import sys; print(sys.prefix != sys.base_prefix, [p for p in sys.path if 'site-packages' in p])"
    out = subprocess.run([str(dev.PYTHON), "-c", code], capture_output=True, text=True, check=True).stdout
    version = "{}.{}".format(*sys.version_info)
    (home / "lib" / f"python{version}" / "site-packages").mkdir(parents=True, exist_ok=True)
    assert "True" == out.split()[0]
    assert str(ROOT) not in out
    assert not (home / "bin/pip").exists()


def test_what_the_caller_sets_is_kept(monkeypatch):
    """The folders of hatch and the certificates can be chosen outside; what is not chosen stays in .boot/."""
    for name in ("HATCH_DATA_DIR", "HATCH_CACHE_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HATCH_CACHE_DIR", "/elsewhere")
    found = dev.environment()
    assert (str(dev.BOOT / "data"), "/elsewhere") == (found["HATCH_DATA_DIR"], found["HATCH_CACHE_DIR"])
    assert str(dev.BIN) == found["PATH"].split(os.pathsep)[0]


def test_git_ignores_what_it_makes():
    """Nothing that a verb makes is ever committed."""
    paths = [".boot/hatch/x", ".wheels/x", ".coverage", ".hypothesis/x", "packages/arlen/src/arlen/__pycache__/x"]
    done = subprocess.run(["git", "check-ignore", *paths], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode == 128:
        pytest.skip("not a git checkout")
    assert paths == done.stdout.split()


@pytest.mark.parametrize("version", ["3.8", "3.9", "3.10"])
def test_an_old_python_is_told_so(version):
    """The message says which version is too old, and is no traceback."""
    if (python := pythons.find(version)) is None:
        pytest.skip(f"Python {version} is not on this machine")
    done = subprocess.run([python, "dev.py", "test"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (1, f"dev.py: Python {version} is too old, 3.11 or later is needed\n") == (done.returncode, done.stderr)


def test_the_other_pythons_are_found(tmp_path, monkeypatch):
    """An interpreter counts when it starts and is what its name says."""
    real = "{}.{}".format(*sys.version_info)
    monkeypatch.setattr(pythons, "PLACES", (str(tmp_path / "*" / "bin"),))
    monkeypatch.setattr(sys, "base_prefix", str(tmp_path / "nowhere" / "x"))
    monkeypatch.setenv("PATH", str(tmp_path))
    for name, target in {"3.9.1": "/bin/false", "3.10.1": os.path.realpath(sys.executable)}.items():
        folder = tmp_path / name / "bin"
        folder.mkdir(parents=True)
        (folder / f"python{real}").symlink_to(target)
    (tmp_path / "python3.99").symlink_to(os.path.realpath(sys.executable))
    assert tmp_path / "3.10.1/bin" / f"python{real}" == pythons.find(real)
    assert pythons.find("3.99") is None


def test_every_python_is_put_on_the_path(monkeypatch):
    """The folders of the interpreters that were found come after what is on PATH, so they hide nothing."""
    monkeypatch.setenv("PATH", "/first")
    monkeypatch.setattr(pythons, "find", lambda version: Path(f"/x/python{version}") if version == "3.13" else None)
    assert "/first:/x" == pythons.environment()["PATH"]


@pytest.fixture
def hatch(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Only 3.13 is there besides this Python, which is 3.11; what hatch is asked for is recorded."""
    seen: list[list[str]] = []
    monkeypatch.setattr(smoke, "find", lambda version: Path("/x/python3.13") if version == "3.13" else None)
    monkeypatch.setattr(smoke.sys, "version_info", (3, 11, 0))
    monkeypatch.setattr(smoke.subprocess, "call", lambda command, cwd, env: seen.append(command) or 0)
    return seen


def test_smoke_runs_the_others_and_says_what_is_missing(hatch, capsys):
    """The Python of this run is not repeated, and one that is not there is no failure."""
    assert 0 == smoke.main(["-x"])
    assert [["hatch", "run", "+python=3.13", "smoke:quick", "-x"]] == hatch
    lines = ["Python 3.12 is not on this machine: left out", "Python 3.13", "passed"]
    assert [f"smoke: {line}" for line in lines] == capsys.readouterr().out.splitlines()


def test_smoke_fails_when_one_of_them_fails(hatch, monkeypatch, capsys):
    """The closing line names the version."""
    monkeypatch.setattr(smoke.subprocess, "call", lambda *_, **__: 1)
    assert 1 == smoke.main([])
    assert "smoke: failed on Python 3.13" == capsys.readouterr().out.splitlines()[-1]


def test_smoke_is_a_word_of_alone(hatch):
    """The verbs are eight at most, so what runs on other Pythons is one."""
    assert 0 == each.main(["smoke", "-x"])
    assert [["hatch", "run", "+python=3.13", "smoke:quick", "-x"]] == hatch


def test_the_script_of_ci_is_valid_shell():
    """Bash can read .ci/run, and it may be executed."""
    path = ROOT / ".ci/run"
    assert os.access(path, os.X_OK)
    assert 0 == subprocess.run(["bash", "-n", path], check=True).returncode


def test_every_python_of_the_packages_is_in_every_matrix():
    """hatch.toml and the workflow test the same versions."""
    environments = tomllib.loads((ROOT / "hatch.toml").read_text())["envs"]
    versions = environments["smoke"]["matrix"][0]["python"]
    assert versions == environments["alone"]["matrix"][0]["python"]
    workflow = (ROOT / ".github/workflows/ci.yml").read_text()
    assert 2 == workflow.count("python: [" + ", ".join(f'"{version}"' for version in versions) + "]")

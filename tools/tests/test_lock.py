"""The lock holds what is declared, names no index, and keeps arlen packages away from every index."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from types import ModuleType

import pytest

from tools import lock

ROOT = Path(__file__).parents[2]
UV = os.environ.get("HATCH_UV") or shutil.which("uv") or shutil.which("uv", path=str(Path(sys.executable).parent))

HATCH = """
[envs.default]
dependencies = ["pytest>=9"]

[envs.default.env-vars]
UV_CONSTRAINT = "tools/lock.txt tools/house.txt"

[[envs.alone.matrix]]
python = ["3.11"]
"""

PACKAGE = """
[build-system]
requires = ["hatchling>=1.27"]
build-backend = "hatchling.build"

[project]
name = "{name}"
version = "0.1.0"
dependencies = {requires}

[project.optional-dependencies]
fast = ["uvloop>=0.20"]
"""


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """A repository with two packages and locks that fit."""
    (tmp_path / "tools").mkdir()
    (tmp_path / "hatch.toml").write_text(HATCH)
    (tmp_path / "tools/boot.in").write_text("hatch>=1.18\n")
    for name, requires in {"arlen-core": '["anyio>=4"]', "arlen-web": '["arlen-core>=0.1.0,<0.2", "jinja2"]'}.items():
        folder = tmp_path / "packages" / name
        (folder / "src" / name.replace("-", "_")).mkdir(parents=True)
        (folder / "pyproject.toml").write_text(PACKAGE.format(name=name, requires=requires))
        (folder / "src" / name.replace("-", "_") / "__init__.py").touch()
    (tmp_path / "tools/house.txt").write_text(lock.house(tmp_path))
    write(tmp_path, "lock.txt", lock.inputs(tmp_path), "anyio==4.0 \\\n    --hash=sha256:00\n")
    write(tmp_path, "boot.txt", ["hatch>=1.18"], "hatch==1.18 \\\n    --hash=sha256:00\n")
    return tmp_path


def write(root: Path, name: str, lines: list[str], text: str) -> None:
    """Write a lock."""
    (root / "tools" / name).write_text(f"{lock.stamp(lines)}\n{text}")


def test_inputs_are_what_packages_declare_and_tools_need(house):
    """Dependencies, extras, build systems and the tools of hatch.toml are locked; arlen packages are not."""
    expected = ["anyio>=4", "hatchling>=1.27", "jinja2", "pytest>=9", "uvloop>=0.20"]
    assert expected == lock.inputs(house)


@pytest.mark.parametrize("line", ["arlen", "arlen-core>=0.1", "arlen-core[zstd]>=0.1", "arlen; python_version > '3'"])
def test_arlen_packages_are_no_inputs(line):
    """A sibling is recognised with and without a range, extras or markers."""
    assert lock.OURS.match(line)


@pytest.mark.parametrize("line", ["arlenx", "arlendb>=1", "not-arlen"])
def test_other_names_are_inputs(line):
    """Only arlen and arlen-something are ours."""
    assert lock.OURS.match(line) is None


def test_fitting_locks_have_no_problem(house):
    """When nothing has changed since, there is nothing to say."""
    assert [] == list(lock.problems(house))


def test_a_new_dependency_is_a_problem(house):
    """A lock knows its inputs, so a forgotten `hatch run lock` is seen without a network."""
    path = house / "packages/arlen-web/pyproject.toml"
    path.write_text(path.read_text().replace('"jinja2"', '"jinja2", "markupsafe"'))
    assert ["tools/lock.txt: what it locks has changed; run `hatch run lock`"] == list(lock.problems(house))


@pytest.mark.parametrize("line", ["--index-url x", "--find-links https://example.org", "a @ https://example.org/a.whl"])
def test_the_name_of_an_index_is_a_problem(house, line):
    """A lock is the same wherever it was written."""
    path = house / "tools/lock.txt"
    path.write_text(path.read_text() + line + "\n")
    assert any("names the host of an index" in problem for problem in lock.problems(house))


def test_a_version_without_a_hash_is_a_problem(house):
    """Every pin has hashes."""
    path = house / "tools/boot.txt"
    path.write_text(path.read_text() + "loose==1.0\n")
    assert ["tools/boot.txt: a requirement has no hash; run `hatch run lock`"] == list(lock.problems(house))


def test_a_missing_lock_is_a_problem(house):
    """Without a lock nothing is reproducible."""
    (house / "tools/lock.txt").unlink()
    assert ["tools/lock.txt: what it locks has changed; run `hatch run lock`"] == list(lock.problems(house))


def test_a_package_that_the_house_does_not_know_is_a_problem(house):
    """A new package must be kept from the index too."""
    shutil.copytree(house / "packages/arlen-web", house / "packages/arlen-new")
    assert ["tools/house.txt: does not list the packages; run `hatch run lock`"] == list(lock.problems(house))


def test_the_locks_of_this_repository_fit():
    """What is committed is up to date."""
    assert [] == list(lock.problems(ROOT))


def test_pins_are_whole_entries(house):
    """Each pin is its version with all its hashes."""
    write(
        house, "lock.txt", [], "a-b==1 ; python_version < '3'\\\n    --hash=x\\\n    --hash=y\nc==2 \\\n    --hash=z\n"
    )
    expected = {
        "a-b": "a-b==1 ; python_version < '3'\\\n    --hash=x\\\n    --hash=y",
        "c": "c==2 \\\n    --hash=z\n",
    }
    assert expected == lock.pins(house)


def test_every_environment_of_this_repository_is_constrained():
    """No environment installs without the lock and the house; `alone` sets its own, see test_alone.py."""
    environments = lock.read(ROOT / "hatch.toml")["envs"]
    free = {name for name, config in environments.items() if config.get("detached") or config.get("template")}
    assert {"alone"} == free
    assert ["tools/lock.txt", "tools/house.txt"] == environments["default"]["env-vars"]["UV_CONSTRAINT"].split()


@pytest.mark.skipif(UV is None, reason="uv is not on PATH")
@pytest.mark.parametrize(
    ("options", "expected"),
    [(["--constraints=tools/house.txt"], "arlen-core @ file://"), ([], "arlen-core==0.1.9")],
    ids=["house", "without"],
)
def test_an_index_cannot_replace_a_package(house, options, expected):
    """With the house, a sibling comes from packages/ even when an index has a newer one; without, it would not."""
    evil = house / "index"
    evil.mkdir()
    with zipfile.ZipFile(evil / "arlen_core-0.1.9-py3-none-any.whl", "w") as wheel:
        info = "arlen_core-0.1.9.dist-info"
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: arlen-core\nVersion: 0.1.9\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")
    for name in ("arlen-core", "arlen-web"):
        path = house / "packages" / name / "pyproject.toml"
        path.write_text(path.read_text().replace('"anyio>=4"', "").replace(', "jinja2"', ""))
    environment = {key: value for key, value in os.environ.items() if not key.startswith("UV_")}
    command = [str(UV), "pip", "install", "--dry-run", "--no-index", f"--find-links={evil}", *options]
    command += [f"--python={sys.executable}", f"--cache-dir={house / 'cache'}", "--reinstall", "./packages/arlen-web"]
    done = subprocess.run(command, cwd=house, env=environment, capture_output=True, text=True, check=True)
    assert [line for line in done.stderr.splitlines() if f"+ {expected}" in line]


@pytest.fixture
def plugin(monkeypatch: pytest.MonkeyPatch) -> type:
    """The hatch plugin, with a stand-in for hatch's base class."""

    class Base:
        def __init__(self, root, config):
            self.root = root

    module = ModuleType("interface")
    module.EnvironmentCollectorInterface = Base
    for name in ("hatch", "hatch.env", "hatch.env.collectors", "hatch.env.collectors.plugin"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    monkeypatch.setitem(sys.modules, "hatch.env.collectors.plugin.interface", module)
    monkeypatch.delitem(sys.modules, "tools.pins", raising=False)
    from tools.pins import Pins

    return Pins


def test_the_daily_environment_holds_the_pins(house, plugin):
    """hatch compares installed versions with the pins, so a new lock changes an old environment."""
    write(house, "lock.txt", [], "a==1 ; sys_platform == 'win32' \\\n    --hash=x\nb==2 \\\n    --hash=y\n")
    config = lock.read(house / "hatch.toml")["envs"]
    plugin(house, {}).finalize_config(config)
    assert ["a==1 ; sys_platform == 'win32'", "b==2"] == config["default"]["dependencies"]


def test_alone_covers_every_package(house, plugin):
    """A new package is in the matrix without anybody adding it."""
    config = lock.read(house / "hatch.toml")["envs"]
    plugin(house, {}).finalize_config(config)
    assert ["core", "web"] == config["alone"]["matrix"][0]["pkg"]


def test_without_a_lock_the_ranges_stay(house, plugin):
    """The first lock can be written from an environment that has none."""
    (house / "tools/lock.txt").unlink()
    config = lock.read(house / "hatch.toml")["envs"]
    plugin(house, {}).finalize_config(config)
    assert ["pytest>=9"] == config["default"]["dependencies"]


def test_writing_the_lock_keeps_no_trace_of_the_machine(house, monkeypatch, capsys):
    """uv writes names, versions and hashes; comments with paths are dropped, and constraints do not bend the result."""

    def run(command, *, check, env):
        assert check
        assert "UV_CONSTRAINT" not in env
        target = next(Path(item.partition("=")[2]) for item in command if item.startswith("--output-file="))
        target.write_text("# from /home/somebody\nx==1 \\\n    --hash=sha256:00\n")

    monkeypatch.setenv("UV_CONSTRAINT", "tools/lock.txt")
    monkeypatch.setattr(lock, "ROOT", house)
    monkeypatch.setattr(sys, "argv", ["lock"])
    monkeypatch.setattr(lock.subprocess, "run", run)
    assert 0 == lock.main()
    assert "somebody" not in (house / "tools/lock.txt").read_text()
    assert [] == list(lock.problems(house))
    assert "wrote tools/boot.txt\nwrote tools/lock.txt\n" == capsys.readouterr().out


def test_upgrade_is_passed_on(house, monkeypatch):
    """`lock --upgrade` asks for the newest versions."""
    seen = []
    monkeypatch.setattr(lock, "ROOT", house)
    monkeypatch.setattr(sys, "argv", ["lock", "--upgrade"])
    monkeypatch.setattr(lock.subprocess, "run", lambda command, **_: seen.append("--upgrade" in command))
    lock.main()
    assert [True, True] == seen


def test_check_says_what_to_do(house, monkeypatch, capsys):
    """`lock --check` ends with 1 and the fix, or with 0."""
    monkeypatch.setattr(lock, "ROOT", house)
    monkeypatch.setattr(sys, "argv", ["lock", "--check"])
    assert 0 == lock.main()
    (house / "tools/house.txt").write_text("")
    assert 1 == lock.main()
    assert "run `hatch run lock`" in capsys.readouterr().out

"""One package alone: what is installed for it in each column."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.version import Version

from tools import alone, each, lock, releases

PACKAGES = {
    "arlen-core": ("[]", 'zstd = ["backports.zstd"]\ntesting = ["pytest>=8"]'),
    "arlen-web": ('["arlen-core>=0.2,<0.4", "jinja2>=3"]', ""),
    "arlen": ('["arlen-core>=0.1,<0.4", "arlen-web>=0.1"]', 'all = ["arlen-cli"]'),
    "arlen-cli": ('["arlen-core>=0.1,<0.4"]', ""),
}


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """A git repository with four packages and a lock."""
    (tmp_path / "tools").mkdir()
    (tmp_path / "hatch.toml").write_text('[envs.default]\ndependencies = ["pytest>=9"]\n')
    (tmp_path / "tools/lock.txt").write_text("jinja2==3.1 \\\n    --hash=a\npytest==9.0 \\\n    --hash=b\n")
    for name, (requires, extras) in PACKAGES.items():
        folder = tmp_path / "packages" / name
        folder.mkdir(parents=True)
        text = f'[project]\nname = "{name}"\nversion = "0.3.0"\ndependencies = {requires}\n'
        (folder / "pyproject.toml").write_text(f"{text}[project.optional-dependencies]\n{extras}\n")
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", ".")
    git(tmp_path, "-c", "user.name=x", "-c", "user.email=x@example.org", "commit", "-qm", "first")
    return tmp_path


def git(root: Path, *arguments: str) -> None:
    """Run git in a repository."""
    subprocess.run(["git", *arguments], cwd=root, check=True)


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[tuple[list[str], str]]:
    """What uv was asked to do: the arguments, and the constraints that it was given."""
    seen: list[tuple[list[str], str]] = []
    real = subprocess.run

    def run(command, **options):
        if command[0] == "git":
            return real(command, **options)
        file = next(item.partition("=")[2] for item in command if item.startswith("--constraints="))
        assert "UV_CONSTRAINT" not in options["env"]
        seen.append((command, Path(file).read_text()))
        return None

    monkeypatch.setenv("UV_CONSTRAINT", "from the outer environment")
    monkeypatch.setattr(subprocess, "run", run)
    return seen


def targets(command: list[str]) -> list[str]:
    """Return what a command installs."""
    return [item for item in command if " @ " in item]


def test_siblings_are_what_a_package_reaches(house):
    """Siblings of siblings are needed too, and the extras of the package under test."""
    assert {"arlen-web": [], "arlen-core": []} == alone.siblings("arlen-web", house)
    assert {"arlen": ["all"], "arlen-web": [], "arlen-core": [], "arlen-cli": []} == alone.siblings("arlen", house)


def test_head_takes_siblings_from_here_and_the_rest_from_the_lock(house, calls):
    """Every arlen package comes from packages/, every other from the lock."""
    alone.install("arlen-web", "head", house)
    command, constraints = calls[0]
    assert ["arlen-web @ ./packages/arlen-web", "arlen-core @ ./packages/arlen-core"] == targets(command)
    assert "arlen-cli @ ./packages/arlen-cli\n" in constraints
    assert "jinja2==3.1" in constraints
    assert "--resolution=lowest-direct" not in command


def test_the_package_gets_its_extras(house, calls):
    """What an extra imports is tested alone as well."""
    alone.install("arlen-core", "head", house)
    assert ["arlen-core[testing,zstd] @ ./packages/arlen-core"] == targets(calls[0][0])


def test_oldest_frees_what_is_declared_and_keeps_the_tools(house, calls):
    """The lowest versions of what packages declare; the test tools stay locked."""
    alone.install("arlen-web", "oldest", house)
    command, constraints = calls[0]
    assert "--resolution=lowest-direct" in command
    assert "jinja2==" not in constraints
    assert "pytest==9.0" in constraints
    assert "arlen-core @ ./packages/arlen-core" in targets(command)


def test_what_was_built_before_is_built_again(house, calls):
    """uv does not see that a source file has changed, so each package is refreshed."""
    alone.install("arlen-web", "head", house)
    assert {"--refresh-package=arlen-core", "--reinstall-package=arlen-core"} <= set(calls[0][0])


def test_releases_are_tags_in_the_order_of_versions(house):
    """0.10 is newer than 0.9, and the tags of other packages do not count."""
    for tag in ("arlen-core-v0.9.0", "arlen-core-v0.10.0", "arlen-web-v1.0.0", "arlen-v2.0.0"):
        git(house, "tag", tag)
    assert [Version("0.9.0"), Version("0.10.0")] == releases.versions("arlen-core", house)
    assert [Version("2.0.0")] == releases.versions("arlen", house)


@pytest.mark.parametrize(("column", "expected"), [("released", "0.3.0"), ("oldest", "0.2.0")])
def test_a_released_sibling_comes_from_its_tag(house, calls, monkeypatch, column, expected):
    """`released` takes the last release; `oldest` the lowest that the range allows."""
    for version in ("0.1.0", "0.2.0", "0.3.0"):
        git(house, "tag", f"arlen-core-v{version}")
    monkeypatch.setattr(releases, "wheel", lambda name, version, _: Path(f"/wheels/{name}-{version}.whl"))
    alone.install("arlen-web", column, house)
    command, constraints = calls[0]
    place = f"arlen-core @ file:///wheels/arlen-core-{expected}.whl"
    assert ["arlen-web @ ./packages/arlen-web", place] == targets(command)
    assert [place] == [line for line in constraints.splitlines() if line.startswith("arlen-core @")]


def test_a_wheel_is_built_from_the_tag_once(house, monkeypatch):
    """The sources are those of the tag, not those of today, and a wheel that exists is kept."""
    git(house, "tag", "arlen-core-v0.3.0")
    (house / "packages/arlen-core/pyproject.toml").write_text("changed since")
    built, real = [], subprocess.run

    def run(command, **options):
        if command[0] == "git":
            return real(command, **options)
        built.append(Path(command[-1], "pyproject.toml").read_text())
        folder = next(item.partition("=")[2] for item in command if item.startswith("--out-dir="))
        return Path(folder, "arlen_core-0.3.0-py3-none-any.whl").touch()

    monkeypatch.setattr(subprocess, "run", run)
    first = releases.wheel("arlen-core", Version("0.3.0"), house)
    assert first == releases.wheel("arlen-core", Version("0.3.0"), house)
    assert ["arlen_core-0.3.0-py3-none-any.whl", 1] == [first.name, len(built)]
    assert "changed since" not in built[0]


@pytest.mark.parametrize(
    ("name", "reason"),
    [("web", "arlen-core has no release yet (no tag arlen-core-v*)"), ("core", "it is the core")],
)
def test_without_a_release_the_column_is_left_out_in_one_line(house, calls, monkeypatch, capsys, name, reason):
    """Nothing is released yet: the run says so, and is no failure."""
    monkeypatch.setattr(alone, "ROOT", house)
    assert 0 == alone.main([name, "released"])
    version = "{}.{}".format(*sys.version_info)
    line = f"alone: arlen-{name} on Python {version} with released dependencies: skipped, {reason}\n"
    assert line == capsys.readouterr().out


def test_the_tests_of_the_package_are_run(house, calls, monkeypatch):
    """Only the package's own folder is tested, with the options that were given; the result is the result."""
    seen = []
    monkeypatch.setattr(alone, "ROOT", house)
    monkeypatch.setattr(subprocess, "call", lambda command, **_: seen.append(command) or 5)
    assert 5 == alone.main(["web", "head", "-k", "forms"])
    assert [sys.executable, "-m", "pytest"] == seen[0][:3]
    assert ["packages/arlen-web", "-k", "forms"] == seen[0][-3:]


def test_the_front_door_is_a_package_too(house, calls, monkeypatch):
    """`arlen` itself is tested alone, under its own name."""
    monkeypatch.setattr(alone, "ROOT", house)
    monkeypatch.setattr(subprocess, "call", lambda *_, **__: 0)
    assert 0 == alone.main(["arlen", "head"])
    assert "arlen[all] @ ./packages/arlen" in targets(calls[-1][0])


@pytest.mark.parametrize(
    ("line", "expected"),
    [("Jinja2>=3", "jinja2"), ("backports.zstd", "backports-zstd"), ("a_b[c]; x", "a-b"), ("plain", "plain")],
)
def test_names_of_requirements(line, expected):
    """A name is compared in its canonical spelling."""
    assert expected == alone._name(line)


def test_no_column_installs_an_arlen_package_from_an_index(house, calls):
    """Whatever is asked for, each arlen package is bound to a place on disk."""
    for column in alone.COLUMNS:
        alone.install("arlen", column, house)
    for _, constraints in calls:
        bound = {line.split(" @ ")[0] for line in constraints.splitlines() if " @ " in line}
        assert set(PACKAGES) == bound
    assert 3 == len(calls)
    assert "packages" in lock.house(house)


@pytest.fixture
def ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file in which the runs are noted."""
    path = tmp_path / "ledger"
    monkeypatch.setenv(each.LEDGER, str(path))
    return path


@pytest.mark.parametrize(("code", "word"), [(0, "passed"), (5, "failed")])
def test_a_run_notes_how_it_ended(house, calls, monkeypatch, ledger, code, word):
    """With a ledger a failure is noted, and the next run goes on."""
    monkeypatch.setattr(alone, "ROOT", house)
    monkeypatch.setattr(subprocess, "call", lambda *_, **__: code)
    assert 0 == alone.main(["web", "head"])
    version = "{}.{}".format(*sys.version_info)
    assert f"arlen-web on Python {version} with head dependencies: {word}\n" == ledger.read_text()


def test_an_installation_that_fails_is_a_failure_of_its_run(house, calls, monkeypatch, ledger):
    """A range that nothing fits is found here, and the others are still tested."""

    def fail(*_):
        raise subprocess.CalledProcessError(2, "uv")

    monkeypatch.setattr(alone, "ROOT", house)
    monkeypatch.setattr(alone, "install", fail)
    assert 0 == alone.main(["web", "oldest"])
    assert "failed" == ledger.read_text().split()[-1]


@pytest.mark.parametrize(
    ("lines", "code", "expected"),
    [
        (["a: passed", "b: passed"], 0, 0),
        (["a: passed", "b: failed"], 0, 1),
        (["a: skipped, no release"], 0, 0),
        (["a: passed"], 2, 1),
        ([], 0, 1),
    ],
    ids=["passed", "failed", "skipped", "hatch failed", "nothing"],
)
def test_the_whole_matrix_fails_when_one_run_failed(monkeypatch, capsys, lines, code, expected):
    """The ledger is printed at the end; a failure, or nothing at all, ends with 1."""

    def call(command, cwd, env):
        assert ["hatch", "env", "run", "--env", "alone", "-i", "pkg=web", "test"] == command
        Path(env[each.LEDGER]).write_text("".join(line + os.linesep for line in lines))
        return code

    monkeypatch.setattr(each.subprocess, "call", call)
    assert expected == each.main(["-i", "pkg=web"])
    failed = sum("failed" in line for line in lines)
    assert f"alone: {len(lines)} runs, {failed} failed" == capsys.readouterr().out.splitlines()[-1]

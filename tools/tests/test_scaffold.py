"""A new package has the shape of the others, and its tests pass from the first minute."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tools import scaffold, shape
from tools.fragments import problems
from tools.rules.model import load

ROOT = Path(__file__).parents[2]


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """A repository without packages."""
    for name in ("LICENSE", "conftest.py", "pyproject.toml", "hatch.toml"):
        shutil.copy(ROOT / name, tmp_path / name)
    shutil.copytree(ROOT / "tools", tmp_path / "tools", ignore=shutil.ignore_patterns("tests", "__pycache__"))
    (tmp_path / "tools" / "shape.toml").write_text("")
    return tmp_path


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Run a Python module in a folder."""
    source = next(iter(folder.glob("packages/*/src")), folder)
    environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(source), "HOME": str(folder)}
    whole = [sys.executable, "-m", *command]
    return subprocess.run(whole, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_its_tests_pass_and_its_documentation_runs(house):
    """README, docstring and test file: all of them run, and nothing is skipped."""
    scaffold.make("arlen-foo-bar", "Greets people", house)
    done = run(house, "pytest", "-q", "-p", "no:cacheprovider", "packages")
    assert (0, "6 passed") == (done.returncode, done.stdout.splitlines()[-1].partition(" in ")[0].strip("= "))


def test_it_passes_every_check(house):
    """Lint, format, types, shape and fragments have nothing to say about it."""
    scaffold.make("arlen-foo", "Greets people.", house)
    for command in (["ruff", "check", "packages"], ["ruff", "format", "--check", "packages"], ["mypy", "packages"]):
        done = run(house, *command)
        assert (command, 0, "") == (command, done.returncode, done.stdout if done.returncode else "")
    found = [item for item in shape.check(load(house)) if item.rule != "tests"]
    assert [] == found
    assert [] == list(problems(house))


def test_it_can_be_built(house):
    """The wheel holds the modules, the marker for type checkers, and the licence."""
    folder = scaffold.make("arlen-foo", "Greets people", house)
    done = run(folder, "hatchling", "build", "-t", "wheel", "-d", str(house))
    assert (0, "") == (done.returncode, done.stderr if done.returncode else "")
    names = zipfile.ZipFile(house / "arlen_foo-0.1.0-py3-none-any.whl").namelist()
    expected = {"arlen_foo/greeting.py", "arlen_foo/py.typed", "arlen_foo-0.1.0.dist-info/licenses/LICENSE"}
    assert expected <= set(names)


def test_the_house_knows_it(house):
    """From now on it comes from packages/, and never from an index."""
    scaffold.make("arlen-foo", "Greets people", house)
    assert "arlen-foo @ ./packages/arlen-foo\n" == (house / "tools/house.txt").read_text()


def test_it_has_the_files_of_the_packages_that_are_there():
    """What every package of this repository has at its root, a new one has too."""
    files = {name.partition("/")[0] for name in scaffold.FILES} | {"LICENSE"}
    for folder in ROOT.glob("packages/*"):
        assert files - {"tests"} <= {path.name for path in folder.iterdir()}, folder.name


@pytest.mark.parametrize(
    "name",
    [
        "foo",
        "arlen",
        "arlen_foo",
        "Arlen-foo",
        "arlen-Foo",
        "arlen-",
        "arlen-foo-",
        "arlen-9",
        "arlen-a/b",
        "../arlen-x",
        "",
    ],
)
def test_bad_names_are_refused(house, name):
    """A name is arlen- and lower-case words; nothing is written otherwise."""
    with pytest.raises(scaffold.Refused, match="begins with arlen-"):
        scaffold.make(name, "Greets people", house)
    assert not (house / "packages").exists()


@pytest.mark.parametrize("purpose", ["", "  ", "x" * 111, 'say "hi"', "two\nlines", "{brace}", "back\\slash"])
def test_bad_purposes_are_refused(house, purpose):
    """The purpose goes into TOML, Markdown and a docstring, so it is one plain line."""
    with pytest.raises(scaffold.Refused, match="one line"):
        scaffold.make("arlen-foo", purpose, house)


def test_an_existing_package_is_left_alone(house):
    """A second time is refused, and changes nothing."""
    folder = scaffold.make("arlen-foo", "Greets people", house)
    (folder / "README.md").write_text("mine")
    with pytest.raises(scaffold.Refused, match="exists"):
        scaffold.make("arlen-foo", "Greets people", house)
    assert "mine" == (folder / "README.md").read_text()


def test_the_command_says_what_is_next(house, capsys):
    """It ends with 0 and the next steps."""
    assert 0 == scaffold.main(["arlen-foo", "Greets people"], house)
    assert "made packages/arlen-foo; next: `hatch run lock`" in capsys.readouterr().out


def test_the_command_says_why_not(house, capsys):
    """It ends with 2 and the reason."""
    assert 2 == scaffold.main(["foo", "Greets people"], house)
    assert "new: 'foo' is not a name for a package" in capsys.readouterr().err

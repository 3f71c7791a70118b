"""The steps of `hatch run check`, the linter of the pages, and the grammar of changelog fragments."""

import os
import sys
from pathlib import Path

import pytest

from tools import check, fragments, prose

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _programs(monkeypatch: pytest.MonkeyPatch) -> None:
    """The programs of this environment come first, whether it is active or not."""
    monkeypatch.setenv("PATH", os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """A repository with the real configuration and one package."""
    (tmp_path / "pyproject.toml").write_text((ROOT / "pyproject.toml").read_text())
    (tmp_path / "docs").mkdir()
    changes = tmp_path / "packages/arlen-x/changes"
    changes.mkdir(parents=True)
    (changes / ".gitignore").write_text("!.gitignore\n")
    (changes.parent / "CHANGELOG.md").write_text("# Changelog\n\n<!-- towncrier release notes start -->\n")
    return tmp_path


def test_all_steps_run_also_after_a_failure(monkeypatch, capfd):
    """One run shows everything that is wrong."""
    python = [sys.executable, "-c"]
    steps = {"first": [*python, "print(1); exit(1)"], "second": [*python, "print(2)"], "third": [*python, "exit(3)"]}
    monkeypatch.setattr(check, "STEPS", steps)
    assert 1 == check.main([])
    lines = [line.partition(" in ")[0] for line in capfd.readouterr().out.splitlines()]
    assert ["== first", "1", "== first: failed", "== second", "2", "== second: passed"] == lines[:6]
    assert "check: failed: first, third" == lines[-1]


def test_steps_that_pass_end_with_0(monkeypatch, capfd):
    """The closing line names what was checked."""
    monkeypatch.setattr(check, "STEPS", {"one": [sys.executable, "-c", ""], "two": [sys.executable, "-c", "exit(1)"]})
    assert 0 == check.main(["one"])
    assert "check: one passed" == capfd.readouterr().out.splitlines()[-1]


def test_an_unknown_step_is_refused(capfd):
    """The message lists the steps that there are."""
    assert 2 == check.main(["tpyes"])
    assert "there is no step tpyes; the steps are lint, format, types" in capfd.readouterr().out


def test_fix_repairs_instead_of_checking(monkeypatch):
    """--fix runs the forms that write; steps without one check as ever."""
    seen = []
    monkeypatch.setattr(check.subprocess, "call", lambda command: seen.append(command) or 0)
    check.main(["--fix", "lint", "format", "types"])
    assert [["ruff", "check", "--fix"], ["ruff", "format"], ["mypy"]] == seen


def test_a_page_is_one_program_with_its_own_lines():
    """Blocks keep their lines, and what is no code or not run is blank."""
    page = "# A\n\n```python\nx = 1\n```\n\n```text\nno\n```\n<!-- not run: why -->\n```python\nno\n```\n\n"
    page += "- b\n\n  ```python\n  x += 1\n  ```\n"
    lines = prose.program(page).splitlines()
    assert {4: "x = 1", 18: "x += 1"} == {number: line for number, line in enumerate(lines, 1) if line}


def test_a_mistake_on_a_page_is_reported_with_its_line(house):
    """An unused import, three lines into the page."""
    (house / "docs/a.md").write_text("# A\n\n```python\nimport os\n\nprint(1)\n```\n")
    found = list(prose.lint(house / "docs/a.md", house))
    assert ["docs/a.md:4: F401 `os` imported but unused"] == found
    assert 1 == prose.main(house)


def test_a_page_may_do_what_pages_do(house):
    """Top-level await, assert, print, and imports where they are needed."""
    page = "# A\n\n```python\nimport asyncio\n\nawait asyncio.sleep(0)\n```\n\n"
    page += (
        "```python\nimport json\n\n\ndef f(x):\n    return json.dumps(x)\n\n\nassert f(1) == '1'\nprint(f(2))\n```\n"
    )
    (house / "docs/a.md").write_text(page.replace("'", '"'))
    assert [] == list(prose.lint(house / "docs/a.md", house))
    assert 0 == prose.main(house)


def test_broken_python_on_a_page_is_reported(house):
    """A syntax error is found by the linter too."""
    (house / "docs/a.md").write_text("```python\nx = = 1\n```\n")
    assert "docs/a.md:2:" == next(prose.lint(house / "docs/a.md", house)).split(" ")[0]


@pytest.mark.parametrize("name", ["12.added.md", "12.fixed.2.md", "+word.security.md", "+two-words.changed.md"])
def test_good_fragments(house, name):
    """A fragment has an issue or a word, and a kind."""
    (house / "packages/arlen-x/changes" / name).write_text("`arlen x` does more, and says so.\n")
    assert [] == list(fragments.problems(house))
    assert 0 == fragments.main(house)


@pytest.mark.parametrize("name", ["12.feature.md", "added.md", "12.added.rst", "12-added.md", "README.md", "12.md"])
def test_bad_names_of_fragments(house, name):
    """Another name would be left out of the changelog without a word."""
    (house / "packages/arlen-x/changes" / name).write_text("A sentence.\n")
    assert any("not a name of a fragment" in problem for problem in fragments.problems(house))
    assert 1 == fragments.main(house)


@pytest.mark.parametrize(
    ("text", "reason"), [("", "is empty"), ("\n", "is empty"), ("no stop", "full stop"), ("x" * 121 + ".", "120")]
)
def test_bad_texts_of_fragments(house, text, reason):
    """A fragment is written for users: sentences, in lines of a bearable length."""
    (house / "packages/arlen-x/changes/1.added.md").write_text(text)
    assert [reason in problem for problem in fragments.problems(house)] == [True]


def test_fragments_that_towncrier_cannot_render_are_a_problem(house):
    """What towncrier says is passed on."""
    (house / "packages/arlen-x/changes/1.added.md").write_text("A sentence.\n")
    config = house / "pyproject.toml"
    config.write_text(config.read_text().replace('title_format = "', 'template = "gone.jinja"\ntitle_format = "'))
    assert any("towncrier cannot render it" in problem for problem in fragments.problems(house))


def test_a_release_collects_the_fragments_of_its_package(house, monkeypatch):
    """The changelog gets a section for each kind, with the issue beside the sentence."""
    import subprocess

    changes = house / "packages/arlen-x/changes"
    (changes / "12.added.md").write_text("A door.\n")
    (changes / "+x.fixed.md").write_text("A window.\n")
    command = [
        sys.executable,
        "-m",
        "towncrier",
        "build",
        "--draft",
        "--version=0.2",
        "--date=2026-01-01",
        "--name=arlen-x",
    ]
    command += [f"--dir={changes.parent}", f"--config={house / 'pyproject.toml'}"]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    lines = [line for line in text.splitlines() if line.startswith(("#", "-"))]
    assert ["## 0.2 (2026-01-01)", "### Added", "- A door. (#12)", "### Fixed", "- A window."] == lines

"""Documentation is run: what each kind of block does, and that nothing escapes unseen."""

from pathlib import Path

import pytest

from tools import blocks

pytest_plugins = ["pytester"]
ROOT = Path(__file__).parents[2]

GOOD = """
# A page

```python
import asyncio
from dataclasses import dataclass
from typing import get_type_hints

answer = await asyncio.sleep(0, 42)
loop = asyncio.get_running_loop()


@dataclass
class Point:
    x: "Whole"


Whole = int
```

One name of the page in a later block, on the same event loop:

```python
assert answer == 42
assert asyncio.get_running_loop() is loop or await asyncio.sleep(0)
assert get_type_hints(Point) == {"x": int}
```

```python
>>> answer + 1
43
>>> await asyncio.sleep(0, "waited")
'waited'
```

    >>> answer
    42

```toml
key = 1
```

```json
{"key": 1}
```

<!-- file: greet/hello.py -->
```python
print("hello, " + input_is_not_called if False else "hello")
```

```console
$ cd greet
$ python hello.py
hello
$ python -c "print('a', 1, \\
      'c')"
a ... c
```

```sh
# a comment
mkdir made
python -c "import os; assert os.path.isdir('made')"
```

<!-- not run: it would delete the disk -->
```bash
rm -rf /
```

```text
shown
```

  - in a list:

    ```python
    assert answer == 42
    ```
"""

BAD = {
    "untagged": "```\nx\n```\n",
    "unknown": "```rust\nx\n```\n",
    "unclosed": "```python\nx = 1\n",
    "no reason": "<!-- not run: -->\n```python\nx\n```\n",
    "python": "```python\nassert 1 == 2\n```\n",
    "await": "```python\nimport asyncio\nawait asyncio.sleep(0)\nraise ValueError\n```\n",
    "doctest": ">>> 1 + 1\n3\n",
    "fenced doctest": "```python\n>>> 1 + 1\n3\n```\n",
    "toml": "```toml\nx = \n```\n",
    "json": "```json\n{,}\n```\n",
    "program": "```console\n$ pip install arlen\n```\n",
    "program in sh": "```sh\ncurl localhost\n```\n",
    "exit code": '```console\n$ python -c "raise SystemExit(3)"\n```\n',
    "output": "```console\n$ echo one\ntwo\n```\n",
    "outside": "<!-- file: ../x -->\n```text\nx\n```\n",
    "warning": '```python\nimport warnings\nwarnings.warn("careless")\n```\n',
    "task": "```python\nimport asyncio\ntask = asyncio.create_task(asyncio.sleep(60))\nawait asyncio.sleep(0)\n```\n",
    "thread": "```python\nfrom threading import Event, Thread\nThread(target=Event().wait, daemon=True).start()\n```\n",
}


@pytest.fixture
def repository(pytester: pytest.Pytester) -> pytest.Pytester:
    """A folder with the real conftest.py and the real configuration."""
    pytester.makeconftest((ROOT / "conftest.py").read_text())
    config = (ROOT / "pyproject.toml").read_text().replace('pythonpath = ["."]', f"pythonpath = [{str(ROOT)!r}]")
    pytester.makepyprojecttoml(config)
    (pytester.path / "docs").mkdir()
    return pytester


def write(folder: Path, name: str, text: str) -> None:
    """Write a file and the folders above it."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_good_blocks_of_every_kind_pass(repository):
    """Python with await, doctests, data, written files and commands all run; the rest is shown."""
    write(repository.path, "README.md", GOOD)
    write(repository.path, "packages/arlen-x/README.md", "```python\nassert True\n```\n")
    write(repository.path, "notes/README.txt.md", "```\nnot documentation\n```\n")
    result = repository.runpytest_subprocess("-p", "no:cacheprovider", ".")
    result.assert_outcomes(passed=11)


@pytest.mark.parametrize("options", [("-n", "2"), ("-k", "line:20")], ids=["xdist", "one block"])
def test_a_block_finds_what_the_blocks_before_it_made(repository, options):
    """Blocks on different workers, and a block that is run alone, come after those above them, failed or not."""
    blocks = [f"```python\nn{number} = {f'n{number - 1} + 1' if number else 0}\n```\n" for number in range(5)]
    write(
        repository.path, "README.md", "".join([*blocks, "```python\n1 / 0\n```\n", "```python\nassert 4 == n4\n```\n"])
    )
    result = repository.runpytest_subprocess("-p", "no:cacheprovider", *options, "README.md")
    result.assert_outcomes(**({"passed": 6, "failed": 1} if "-n" in options else {"passed": 1, "deselected": 6}))


def test_bad_blocks_of_every_kind_fail(repository):
    """Each bad block fails its page, and only that."""
    for name, text in BAD.items():
        write(repository.path, f"docs/{name.replace(' ', '_')}.md", text)
    result = repository.runpytest_subprocess("-p", "no:cacheprovider", "-q", ".")
    bad = {
        line.split("::")[0].split("docs/")[1] for line in result.outlines if line.startswith(("ERROR d", "FAILED d"))
    }
    assert {f"{name.replace(' ', '_')}.md" for name in BAD} == bad


def test_errors_point_at_the_line_of_the_page(repository):
    """The traceback of a failing block names the page and the line in it."""
    write(repository.path, "README.md", "# One\n\n```python\nfirst = 1\nfirst / 0\n```\n")
    result = repository.runpytest_subprocess("-p", "no:cacheprovider", "README.md")
    result.stdout.fnmatch_lines(["*README.md:5*ZeroDivisionError*"])


MODULE = '''
"""A module.

    >>> LIMIT
    3
"""

LIMIT = 3

def double(n):
    """Twice a number.

    >>> n = LIMIT
    >>> double(n)
    6

    ```python
    assert double(n) == 6
    ```
    """
    return n * 2

async def later():
    r"""Wait for it.

    >>> await later()
    'a\\nb'
    >>> n
    Traceback (most recent call last):
    NameError: name 'n' is not defined
    """
    return "a\\nb"
'''


def test_docstrings_start_with_the_names_of_their_module_and_share_nothing(repository, monkeypatch):
    """Examples see their module; what one docstring defines, the next one does not see."""
    write(repository.path, "packages/arlen-x/src/pkgx/__init__.py", '"""X."""\n')
    write(repository.path, "packages/arlen-x/src/pkgx/mod.py", MODULE)
    monkeypatch.setenv("PYTHONPATH", str(repository.path / "packages/arlen-x/src"))
    repository.runpytest_subprocess("-p", "no:cacheprovider", ".").assert_outcomes(passed=4)


def test_a_wrong_example_in_a_docstring_fails(repository, monkeypatch):
    """A docstring's example that does not hold fails, and so does an untagged block."""
    write(repository.path, "packages/arlen-x/src/pkgx/__init__.py", '"""X.\n\n>>> 1\n2\n"""\n')
    write(repository.path, "packages/arlen-x/src/pkgx/b.py", '"""X.\n\n```\nx\n```\n"""\n')
    monkeypatch.setenv("PYTHONPATH", str(repository.path / "packages/arlen-x/src"))
    repository.runpytest_subprocess("-p", "no:cacheprovider", ".").assert_outcomes(failed=2)


def test_same_named_test_files_run_side_by_side(repository):
    """Two packages may have a test file of the same name."""
    write(repository.path, "packages/arlen-x/tests/test_app.py", "def test_x(): pass\n")
    write(repository.path, "packages/arlen-y/tests/test_app.py", "def test_y(): pass\n")
    repository.runpytest_subprocess("-p", "no:cacheprovider", "-n", "2", ".").assert_outcomes(passed=2)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("README.md", True),
        ("CHANGELOG.md", False),
        ("docs/a.md", True),
        ("docs/deep/er/a.md", True),
        ("packages/arlen-x/README.md", True),
        ("packages/arlen-x/CHANGELOG.md", False),
        ("packages/arlen-x/src/arlen_x/deep/a.py", True),
        ("packages/arlen-x/tests/test_a.py", False),
        ("packages/arlen-x/src/arlen_x/README.md", False),
        ("tools/leaks.py", False),
        ("examples/board/README.md", False),
        (".boot/somewhere/README.md", False),
    ],
)
def test_what_counts_as_documentation(path, expected):
    """READMEs, docs/ and the docstrings of the packages are documentation, nothing else is."""
    assert expected == blocks.wanted(ROOT / path, ROOT)


def test_files_outside_the_repository_are_no_documentation(tmp_path):
    """A path elsewhere is left alone."""
    assert not blocks.wanted(tmp_path / "README.md", ROOT)


def test_blocks_keep_lines_and_strip_indentation():
    """A block knows its first line, and text inside a list loses the list's indentation."""
    found = [b for b in blocks.blocks("a\n\n  ```python x\n  if 1:\n      2\n  ```\nend\n") if b.tag]
    assert [blocks.Block("python", 3, "if 1:\n    2\n")] == found


def test_a_longer_fence_may_hold_a_shorter_one():
    """A fence ends at a fence of its own kind that is at least as long."""
    found = [b for b in blocks.blocks("````text\n```python\n```\n````\n~~~json\n```\n~~~\n") if b.tag]
    assert [("text", "```python\n```\n"), ("json", "```\n")] == [(b.tag, b.text) for b in found]

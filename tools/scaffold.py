"""Make a package in the shape of the others: `hatch run new arlen-foo "what it is for"`.

It gets a pyproject.toml, a README with a program that runs, a CHANGELOG, the licence, sources and tests that pass. The
environments find it by themselves.
"""

import argparse
import re
import sys
from pathlib import Path

from tools import lock

__all__ = ["Refused", "main", "make"]

ROOT = Path(__file__).parents[1]
NAME = re.compile(r"arlen(-[a-z][a-z0-9]*)+")

PYPROJECT = """\
[build-system]
requires = ["hatchling>=1.27"]
build-backend = "hatchling.build"

[project]
name = "{name}"
version = "0.1.0"
description = "{purpose}"
readme = "README.md"
license = "MIT"
license-files = ["LICENSE"]
requires-python = ">=3.11"
authors = [{{ name = "Arlen contributors" }}]
classifiers = ["Framework :: AnyIO", "Typing :: Typed"]
dependencies = []
"""

README = """\
# {name}

{purpose}.

## Install

<!-- not run: the tests run against this repository -->

```sh
pip install {name}
```

## Synopsis

```python
from {top}.greeting import greet

assert greet("you") == "Hello, you"
```
"""

CHANGELOG = """\
# Changelog of {name}

<!-- towncrier release notes start -->
"""

DOOR = '''\
"""{purpose}."""

__all__: list[str] = []
'''

SOURCE = '''\
"""A greeting, in the place of the first real module."""

__all__ = ["greet"]


def greet(name: str) -> str:
    """Return a greeting.

    Args:
        name: whom to greet; not empty.

    Raises:
        ValueError: the name is empty.

    >>> greet("you")
    'Hello, you'
    """
    if not name:
        raise ValueError("the name is empty; say whom to greet")
    return f"Hello, {{name}}"
'''

TESTS = '''\
"""The greeting."""

import pytest

from {top}.greeting import greet


@pytest.mark.parametrize("name", ["you", "all of you"])
def test_a_greeting_names_whom_it_greets(name):
    """The name is in the greeting."""
    assert f"Hello, {{name}}" == greet(name)


def test_an_empty_name_is_refused():
    """Nobody is not greeted, and the error says what to do."""
    with pytest.raises(ValueError, match="say whom to greet"):
        greet("")


def test_the_front_door_exports_what_it_lists():
    """Every name in the package's __all__ is there."""
    import {top} as package

    assert [] == [name for name in package.__all__ if not hasattr(package, name)]
'''

FRAGMENT = "{purpose}.\n"

FILES = {
    "pyproject.toml": PYPROJECT,
    "README.md": README,
    "CHANGELOG.md": CHANGELOG,
    "changes/.gitignore": "!.gitignore\n",
    "changes/+first.added.md": FRAGMENT,
    "src/{top}/__init__.py": DOOR,
    "src/{top}/greeting.py": SOURCE,
    "src/{top}/py.typed": "",
    "tests/test_greeting.py": TESTS,
}


class Refused(Exception):
    """The package cannot be made; the message says why and what to do."""


def make(name: str, purpose: str, root: Path) -> Path:
    """Write the package and return its folder.

    Args:
        name: the distribution, `arlen-` and one or more lower-case words joined by hyphens.
        purpose: one line of at most 110 characters, without quotes, braces, backslashes or a full stop at the end.
        root: the repository.

    Raises:
        Refused: the name or purpose is not fit, or the package exists.
    """
    purpose = purpose.strip().removesuffix(".")
    folder = root / "packages" / name
    if not NAME.fullmatch(name):
        raise Refused(f"{name!r} is not a name for a package; it begins with arlen-, as in arlen-cache")
    if not purpose or len(purpose) > 110 or re.search(r'["\\{}\n]', purpose):
        raise Refused("the purpose is one line of at most 110 characters without quotes, braces or backslashes")
    if folder.exists():
        raise Refused(f"packages/{name} exists; choose another name, or remove it first")
    values = {"name": name, "top": name.replace("-", "_"), "purpose": purpose}
    for path, text in FILES.items():
        target = folder / path.format(**values)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text.format(**values), encoding="utf-8")
    (folder / "LICENSE").write_text((root / "LICENSE").read_text(encoding="utf-8"), encoding="utf-8")
    (root / "tools" / "house.txt").write_text(lock.house(root), encoding="utf-8")
    return folder


def main(arguments: list[str] | None = None, root: Path = ROOT) -> int:
    """Make the package, and say what is next."""
    parser = argparse.ArgumentParser(prog="hatch run new", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("name", help="the name of the distribution, as in arlen-cache")
    parser.add_argument("purpose", help="what it is for, in one line")
    options = parser.parse_args(arguments)
    try:
        folder = make(options.name, options.purpose, root)
    except Refused as error:
        print(f"new: {error}", file=sys.stderr)
        return 2
    print(f"made {folder.relative_to(root).as_posix()}; next: `hatch run lock`, then `hatch run test {options.name}`")
    return 0


if __name__ == "__main__":
    sys.exit(main())

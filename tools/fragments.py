"""Check the changelog fragments of every package: their names, their grammar, and that towncrier can render them.

A change that users see brings a file `packages/<package>/changes/<issue>.<kind>.md` (or `+<word>.<kind>.md` without an
issue) with one sentence or more, each line at most 120 characters long.
"""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tools.lock import read

__all__ = ["main", "problems"]

ROOT = Path(__file__).parents[1]
IGNORED = {".gitignore", ".gitkeep"}


def problems(root: Path) -> Iterator[str]:
    """Say what is wrong, as `file: reason; fix`."""
    kinds = [kind["directory"] for kind in read(root / "pyproject.toml")["tool"]["towncrier"]["type"]]
    name = re.compile(rf"(\d+|\+[a-z0-9-]+)\.({'|'.join(kinds)})(\.\d+)?\.md")
    for folder in sorted(root.glob("packages/*")):
        paths = [path for path in sorted(folder.glob("changes/*")) if path.name not in IGNORED]
        for path in paths:
            where = path.relative_to(root).as_posix()
            if not name.fullmatch(path.name):
                yield f"{where}: not a name of a fragment; call it <issue>.<kind>.md, kind one of {', '.join(kinds)}"
            yield from (f"{where}: {problem}" for problem in _text(path.read_text(encoding="utf-8")))
        if paths:
            yield from _render(folder, root)


def main(root: Path = ROOT) -> int:
    """Check every package; return 1 when something was found."""
    found = list(problems(root))
    print("\n".join(found) or "the changelog fragments are in order")
    return 1 if found else 0


def _text(text: str) -> Iterator[str]:
    if not text.strip():
        yield "is empty; say what changes for the user"
    elif not text.strip().endswith((".", "`")):
        yield "is not a sentence; end it with a full stop"
    if any(len(line) > 120 for line in text.splitlines()):
        yield "has a line of more than 120 characters; break it"


def _render(folder: Path, root: Path) -> Iterator[str]:
    command = [sys.executable, "-m", "towncrier", "build", "--draft", "--version=0", "--name=x"]
    command += [f"--dir={folder}", f"--config={root / 'pyproject.toml'}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=root)
    if done.returncode:
        yield f"{folder.relative_to(root).as_posix()}/changes: towncrier cannot render it: {done.stderr.strip()}"


if __name__ == "__main__":
    sys.exit(main())

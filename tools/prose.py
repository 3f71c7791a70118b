"""Lint the Python of the documentation: the blocks of every Markdown page, with the lines that they have there.

`ruff format` reads Markdown by itself; this hands the blocks of a page, as one program, to `ruff check`.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tools.blocks import blocks, wanted

__all__ = ["lint", "main", "program"]

ROOT = Path(__file__).parents[1]
PLACES = ("README.md", "docs/**/*.md", "packages/*/README.md")
# A page explains as it goes: it imports where it needs to, prints, asserts, leaves out docstrings and return types, and
# keeps names for the reader to try; a handler has as many parameters as it binds. `await` stands at its top level.
OFF = [
    "ANN",
    "ARG",
    "B018",
    "D",
    "E402",
    "ERA001",
    "F404",
    "F704",
    "F811",
    "I001",
    "INP001",
    "PLE1142",
    "RUF029",
    "S101",
]
OFF += ["PLR0917", "S105", "S106", "SIM300", "T201", "W391", "E303", "E305"]


def program(text: str) -> str:
    """Return the Python of a page, each line where it is on the page and everything else blank."""
    lines = [""] * (text.count("\n") + 1)
    for block in blocks(text):
        if block.tag == "python" and block.mark != "not run" and not block.text.lstrip().startswith(">>>"):
            for number, line in enumerate(block.text.splitlines(), block.line):
                lines[number] = line
    return "\n".join(lines).rstrip() + "\n"


def lint(path: Path, root: Path) -> Iterator[str]:
    """Yield what ruff says about a page, as `file:line: rule message`."""
    name = path.relative_to(root).as_posix()
    source = program(path.read_text(encoding="utf-8"))
    if not source.strip():
        return
    command = ["ruff", "check", "--no-cache", "--output-format=json", f"--extend-ignore={','.join(OFF)}"]
    command += [f"--stdin-filename={root / name}.py", "-"]
    done = subprocess.run(command, input=source, capture_output=True, text=True, check=False, cwd=root)
    if done.returncode not in {0, 1}:
        yield f"{name}:1: ruff failed: {done.stderr.strip()}"
        return
    for item in json.loads(done.stdout):
        yield f"{name}:{item['location']['row']}: {item['code']} {item['message']}"


def main(root: Path = ROOT) -> int:
    """Lint every page; return 1 when something was found."""
    pages = sorted(path for place in PLACES for path in root.glob(place) if wanted(path, root))
    found = [line for path in pages for line in lint(path, root)]
    print("\n".join(found) or f"the Python of {len(pages)} pages is in order")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())

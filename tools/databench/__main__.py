"""Run benchmarks of the data layer: `hatch run measure data [builder|postgres|sqlite|stack] [options]`.

The peers are in an environment of their own, made on first use. `--save` keeps what is printed in docs/benchmarks/.
"""

import importlib.util
import io
import os
import subprocess
import sys
from contextlib import redirect_stdout
from pathlib import Path

from tools.bench.environments import make
from tools.bench.processes import ROOT

__all__ = ["WHAT", "main"]

WHAT = ("builder", "postgres", "sqlite", "stack")
"""The benchmarks: modules of this folder, each with a `main(arguments)`."""

NEEDED = ("aiosqlite", "asyncpg", "httptools", "psycopg_pool", "sqlalchemy", "uvloop")


def main(arguments: list[str]) -> int:
    """Run one, or all of them without a name; 2 when there is no such thing."""
    named = bool(arguments) and not arguments[0].startswith("-")
    if named and arguments[0] not in WHAT:
        print(f"measure data: there is no {arguments[0]!r}: {', '.join(WHAT)}", file=sys.stderr)
        return 2
    if absent := [name for name in NEEDED if importlib.util.find_spec(name) is None]:
        return _elsewhere(arguments, absent)
    rest = arguments[1:] if named else arguments
    save = "--save" in rest
    rest = [word for word in rest if word != "--save"]
    return max(_run(name, rest, save=save) for name in (arguments[:1] if named else WHAT))


def _run(name: str, arguments: list[str], *, save: bool) -> int:
    module = importlib.import_module(f"tools.databench.{name}")
    kept = io.StringIO()
    with redirect_stdout(_Twice(kept)):
        code: int = module.main(arguments)
    if save:
        (ROOT / "docs" / "benchmarks" / f"data-{name}.md").write_text(kept.getvalue(), encoding="utf-8")
    return code


class _Twice(io.TextIOBase):
    """Prints, and keeps what was printed."""

    def __init__(self, kept: io.StringIO) -> None:
        self._kept, self._out = kept, sys.stdout

    def write(self, text: str) -> int:
        self._kept.write(text)
        return self._out.write(text)

    def flush(self) -> None:
        self._out.flush()


def _elsewhere(arguments: list[str], absent: list[str]) -> int:
    """Run in the environment of the peers, with the packages of this repository on its path."""
    if os.environ.get("DATABENCH_INSIDE"):
        print(f"measure data: the environment of the peers lacks {', '.join(absent)}", file=sys.stderr)
        return 1
    python = make("data", ROOT / ".bench", Path(__file__).parent)
    sources = [ROOT, *sorted((ROOT / "packages").glob("*/src"))]
    environ = dict(os.environ) | {"PYTHONPATH": os.pathsep.join(map(str, sources)), "DATABENCH_INSIDE": "1"}
    command = [str(python), "-m", "tools.databench", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environ, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

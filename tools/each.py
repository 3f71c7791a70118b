"""Test every package alone, go on after one that fails, and say at the end which did: `hatch run alone`.

Options select: `-i pkg=web,cli -i deps=oldest -i python=3.12`, `-x python=3.13`.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tools import smoke
from tools.lock import ROOT
from tools.pythons import environment

__all__ = ["LEDGER", "main", "note"]

LEDGER = "ALONE_LEDGER"  # the file in which each run of tools/alone.py notes how it ended


def main(arguments: list[str]) -> int:
    """Run the matrix of hatch.toml; return 1 when a package failed or nothing was run.

    With "smoke" as the first word run the quick tests of everything on the other Pythons instead.
    """
    if arguments[:1] == ["smoke"]:
        return smoke.main(arguments[1:])
    with tempfile.TemporaryDirectory() as folder:
        ledger = Path(folder, "ledger")
        ledger.touch()
        command = ["hatch", "env", "run", "--env", "alone", *arguments, "test"]
        code = subprocess.call(command, cwd=ROOT, env={**environment(), LEDGER: str(ledger)})
        lines = ledger.read_text(encoding="utf-8").splitlines()
    print("\n".join(f"alone: {line}" for line in lines))
    failed = [line for line in lines if "failed" in line]
    print(f"alone: {len(lines)} runs, {len(failed)} failed")
    return 1 if code or failed or not lines else 0


def note(line: str) -> bool:
    """Note how a run ended, when somebody keeps a ledger; return whether somebody does."""
    if not (ledger := os.environ.get(LEDGER)):
        return False
    with Path(ledger).open("a", encoding="utf-8") as file:
        file.write(line + "\n")
    return True


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

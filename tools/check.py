"""Everything that can be said without running the code: `hatch run check`; `--fix` repairs what can be repaired.

All steps run, also after one has failed, and the last line says which failed.
"""

import subprocess
import sys
import time

__all__ = ["STEPS", "main"]

PYTHON = sys.executable
STEPS = {
    "lint": ["ruff", "check"],
    "format": ["ruff", "format", "--check"],
    "types": ["mypy"],
    "shape": [PYTHON, "-m", "tools.shape"],
    "prose": [PYTHON, "-m", "tools.prose"],
    "fragments": [PYTHON, "-m", "tools.fragments"],
    "lock": [PYTHON, "-m", "tools.lock", "--check"],
}
FIXES = {"lint": ["ruff", "check", "--fix"], "format": ["ruff", "format"]}


def main(arguments: list[str]) -> int:
    """Run the named steps, or all; return 1 when one failed."""
    fix = "--fix" in arguments
    chosen = [name for name in arguments if name != "--fix"] or list(STEPS)
    if unknown := [name for name in chosen if name not in STEPS]:
        print(f"check: there is no step {', '.join(unknown)}; the steps are {', '.join(STEPS)}")
        return 2
    failed = [name for name in chosen if not _step(name, FIXES.get(name, STEPS[name]) if fix else STEPS[name])]
    print(f"check: failed: {', '.join(failed)}" if failed else f"check: {', '.join(chosen)} passed")
    return 1 if failed else 0


def _step(name: str, command: list[str]) -> bool:
    start = time.monotonic()
    print(f"== {name}", flush=True)
    code = subprocess.call(command)
    print(f"== {name}: {'failed' if code else 'passed'} in {time.monotonic() - start:.1f} s", flush=True)
    return not code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

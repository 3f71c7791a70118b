"""Run the quick tests on every other supported Python of this machine: `hatch run alone smoke`.

One that is not there is left out, with a line that says so.
"""

import subprocess
import sys

from tools.lock import ROOT
from tools.pythons import environment, find, supported

__all__ = ["main"]


def main(arguments: list[str]) -> int:
    """Run the tests on each; return 1 when they failed on one."""
    current = "{}.{}".format(*sys.version_info)
    failed = []
    for version in supported():
        if version == current:
            continue
        if find(version) is None:
            print(f"smoke: Python {version} is not on this machine: left out", flush=True)
            continue
        print(f"smoke: Python {version}", flush=True)
        command = ["hatch", "run", f"+python={version}", "smoke:quick", *arguments]
        failed += [version] if subprocess.call(command, cwd=ROOT, env=environment()) else []
    print(f"smoke: failed on Python {', '.join(failed)}" if failed else "smoke: passed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""`python -m tools.perf`: see `tools.perf.command`."""

import sys

from tools.perf.command import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

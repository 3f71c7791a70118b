"""`python -m tools.attack`."""

import sys

from tools.attack.command import main

if __name__ == "__main__":
    sys.exit(main())

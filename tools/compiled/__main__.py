"""Run the command."""

import sys

from tools.compiled.command import main

if __name__ == "__main__":
    sys.exit(main())

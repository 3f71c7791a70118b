"""`python -m arlen_cli` is `arlen`."""

import sys

from arlen_cli.main import main

if __name__ == "__main__":
    sys.exit(main())

"""Run the benchmark of traces: `hatch run measure traces [--rounds N] [--save]`."""

import sys

from tools.tracesbench.ways import main

if __name__ == "__main__":
    sys.exit(main())

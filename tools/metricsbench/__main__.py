"""Run the benchmark of metrics: `hatch run measure metrics [--rounds N] [--save]`."""

import argparse
import importlib.util
import os
import subprocess
import sys
import tempfile

from tools.bench.processes import ROOT
from tools.metricsbench.report import page
from tools.metricsbench.rounds import measured

__all__ = ["FILE", "MODE", "main"]

FILE = ROOT / "docs" / "benchmarks" / "metrics.md"
"""Where `--save` keeps what is printed."""

MODE = "PROMETHEUS_MULTIPROC_DIR"
"""The variable that gives prometheus_client a folder for several processes; it looks when it is imported."""


def main(arguments: list[str]) -> int:
    """Measure and print; 2 when prometheus_client is not installed."""
    parser = argparse.ArgumentParser(prog="hatch run measure metrics", description=__doc__)
    parser.add_argument("--rounds", type=int, default=15, help="how often each lane has its turn (15)")
    parser.add_argument("--times", type=int, default=20_000, help="calls of an instrument in a round (20000)")
    parser.add_argument("--save", action="store_true", help="keep it as docs/benchmarks/metrics.md")
    options = parser.parse_args(arguments)
    if importlib.util.find_spec("prometheus_client") is None:
        print("measure metrics: prometheus_client is not installed", file=sys.stderr)
        return 2
    if MODE not in os.environ:
        return _inside(arguments)
    text = page(measured(options.rounds, options.times), options.rounds, options.times)
    print(text, end="")
    if options.save:
        FILE.write_text(text, encoding="utf-8")
    return 0


def _inside(arguments: list[str]) -> int:
    """Run again with the folder that prometheus_client wants."""
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108  # the folder in it is private
    with tempfile.TemporaryDirectory(dir=memory) as folder:
        command = [sys.executable, "-m", "tools.metricsbench", *arguments]
        return subprocess.run(command, cwd=ROOT, env=os.environ | {MODE: folder}, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

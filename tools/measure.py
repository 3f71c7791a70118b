"""Measure and attack the product: `hatch run measure <what>`; each `what` is a program of its own with `--help`."""

import os
import sys

from tools.lock import ROOT

__all__ = ["WHAT", "main"]

WHAT = {
    "peers": ("tools.bench", "requests a second beside other servers and frameworks"),
    "data": ("tools.databench", "builder, PostgreSQL, SQLite and the whole stack beside other drivers"),
    "metrics": ("tools.metricsbench", "counters, histograms and scrapes beside prometheus_client"),
    "load": ("tools.load", "memory, floods, resets, stops, reloads and kills of running servers"),
    "perf": ("tools.perf", "instructions a request, against the committed baseline: the gate of CI"),
    "traces": ("tools.tracesbench", "what traces cost a request, beside OpenTelemetry's own spans"),
    "attack": ("tools.attack", "malformed requests, beside the servers that people trust"),
    "fuzz": ("tools.fuzz", "random requests, frames, forms and headers"),
    "compiled": ("tools.compiled", "the optional compiled wheels: build, test, count"),
}
"""What can be measured: the module that does it, and what it is."""


def main(arguments: list[str]) -> int:
    """Run what the first word names with the rest; 2 and a list when there is no such thing."""
    if arguments and arguments[0] in WHAT:
        os.chdir(ROOT)
        command = [sys.executable, "-m", WHAT[arguments[0]][0], *arguments[1:]]
        os.execv(sys.executable, command)  # noqa: S606  # so that Ctrl-C and the exit code are the program's own
    wrong = f"measure: there is no {arguments[0]!r}\n" if arguments and not arguments[0].startswith("-") else ""
    lines = "\n".join(f"  {name:9} {about}" for name, (_, about) in WHAT.items())
    print(f"{wrong}usage: hatch run measure <what> [options], where <what> is one of\n{lines}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Command: `python -m tools.perf`."""

import argparse
import cProfile
import pstats
import sys
from collections.abc import Sequence

from tools.perf import callgrind
from tools.perf.paths import PATHS
from tools.perf.steps import run

__all__ = ["main"]


def main(arguments: Sequence[str]) -> int:
    """Run the gate, or what the options ask for."""
    parser = argparse.ArgumentParser(prog="python -m tools.perf", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--paths", nargs="+", metavar="PATH", help="measure only these; a group stands for all in it")
    parser.add_argument("--profile", metavar="PATH", help="show where the instructions of one path go")
    options = parser.parse_args(arguments)
    if options.profile:
        return _profile(options.profile)
    names = _chosen(options.paths)
    for name, count in callgrind.count(names).items():
        print(f"{name:<24} {count:>10,}")
    return 0


def _chosen(words: Sequence[str] | None) -> list[str]:
    if not words:
        return list(PATHS)
    names = [name for word in words for name in PATHS if name == word or name.startswith(word + ".")]
    if len(names) < len(words):
        sys.exit(f"perf: there is no such path; the paths are {', '.join(PATHS)}")
    return names


def _profile(name: str, top: int = 40) -> int:
    functions = sorted(callgrind.profile(name).items(), key=lambda item: -item[1])
    total = sum(cost for _, cost in functions)
    print(f"{name}: {total:,.0f} instructions a step, by function of the interpreter, without what it calls")
    for function, cost in functions[:top]:
        print(f"{cost:>10,.0f} {cost / total:>6.1%}  {function}")
    print("\nby Python function, in time under cProfile: the order counts, not the figures")
    profiler = cProfile.Profile()
    run(PATHS[name], [100, 2000], lambda: None, profiler.enable)
    profiler.disable()
    pstats.Stats(profiler, stream=sys.stdout).strip_dirs().sort_stats("tottime").print_stats(top)
    return 0

"""Command: the gate, and what helps to pass it: `python -m tools.perf`.

Without options it measures every path and fails when one has become slower: by callgrind's count of instructions where
valgrind and a baseline for this environment are there, else by processor time beside the base of the branch.
"""

import argparse
import time
from collections.abc import Callable, Sequence

from tools.perf import callgrind, layers, micros, profiles, registry, trials
from tools.perf.baseline import Baseline, Unreadable
from tools.perf.environments import differences, here, strangers
from tools.perf.gates import Report, against_base, against_baseline
from tools.perf.pairs import ROOT, Lacking

__all__ = ["main"]

TRIED = ["head.plain", "wire.minimal"]
SHOWN = ["wire.minimal", "wire.defaults"]


def main(arguments: Sequence[str]) -> int:
    """Do what the options ask for; return 0, 1 when the gate is not passed, 2 when nothing could be measured."""
    options, started = _parser().parse_args(arguments), time.monotonic()
    try:
        names = registry.choose(options.paths)
        report = _action(options)(names)
    except (registry.Unknown, Unreadable, callgrind.Broken, Lacking) as error:
        print(f"perf: {error}")
        return 2
    print("\n".join(report.lines))
    print(f"perf: {'passed' if report.passed else 'FAILED'} in {time.monotonic() - started:.0f} s")
    return 0 if report.passed else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tools.perf", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--paths", nargs="+", metavar="PATH", help="only these; a group stands for all in it")
    actions = parser.add_mutually_exclusive_group()
    actions.add_argument("--update", action="store_true", help="write the counts to the baseline")
    actions.add_argument("--count", action="store_true", help="print the counts, and compare with nothing")
    actions.add_argument("--base", action="store_true", help="compare by time with the base, as without valgrind")
    actions.add_argument("--profile", metavar="PATH", help="show where the work of one path goes")
    actions.add_argument("--layers", action="store_true", help="print what each layer costs; takes a minute a path")
    actions.add_argument("--self-test", action="store_true", help="see whether the gates notice ten per cent")
    actions.add_argument("--micro", action="store_true", help="run the micro-benchmarks and keep what they say")
    return parser


def _action(options: argparse.Namespace) -> Callable[[list[str]], Report]:
    """Return what the options ask for; it takes the names of the paths."""
    if options.profile:
        return lambda _: Report([*profiles.native(options.profile), "", *profiles.python(options.profile)])
    if options.layers:
        return lambda names: Report(layers.table({name: layers.measure(name) for name in _or(options, names, SHOWN)}))
    if options.self_test:
        return lambda names: _self_test(_or(options, names, TRIED))
    if options.micro:
        return lambda _: micros.run()
    if options.update:
        return _update
    if options.base:
        return lambda names: against_base(ROOT, names)
    return _count if options.count else _gate


def _or(options: argparse.Namespace, names: list[str], usual: list[str]) -> list[str]:
    return names if options.paths else usual


def _count(names: list[str]) -> Report:
    return Report(_lines(callgrind.count(names)))


def _update(names: list[str]) -> Report:
    if strange := strangers():
        return Report([f"perf: a baseline is for the locked libraries: {'; '.join(strange)}"], passed=False)
    baseline, counts = Baseline(), callgrind.count(names)
    baseline.update(here(), counts, registry.choose())
    return Report([*_lines(counts), f"perf: wrote {baseline.file.relative_to(ROOT)}"])


def _lines(counts: dict[str, int]) -> list[str]:
    return [f"{name:<24} {count:>12,}" for name, count in counts.items()]


def _gate(names: list[str]) -> Report:
    """Choose the gate, and say why when it is not the first one."""
    if not callgrind.available():
        return _second("there is no valgrind here", names)
    if strange := strangers():
        return _second(f"the libraries are not those of the lock ({'; '.join(strange)})", names)
    baseline, environment = Baseline(), here()
    report = against_baseline(baseline, environment, names, callgrind.count)
    if report is not None:
        return report
    nearest = min((differences(each.environment, environment) for each in baseline.entries), key=len)
    return _second(f"the baseline does not know this environment ({'; '.join(nearest)})", names)


def _second(why: str, names: list[str]) -> Report:
    report = against_base(ROOT, names)
    return Report([f"perf: {why}: comparing processor time with the base instead", *report.lines], report.passed)


def _self_test(names: list[str]) -> Report:
    second = trials.times(names, ROOT)
    if not callgrind.available():
        return Report(["perf: there is no valgrind: only the gate of time is tried", *second.lines], second.passed)
    first = trials.counts(names)
    return Report([*first.lines, *second.lines], first.passed and second.passed)

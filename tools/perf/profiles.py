"""Profiles: where the work of one path goes, by function of the interpreter and by function of Python."""

import cProfile
import io
import pstats

from tools.perf import callgrind, registry
from tools.perf.steps import run

__all__ = ["native", "python"]

_NOTE = "by function of Python, in seconds of cProfile: their order says something, the figures are distorted"


def native(name: str, top: int = 40) -> list[str]:
    """Return lines with the instructions of one step by function of the interpreter, without what each calls."""
    functions = sorted(callgrind.profile(name).items(), key=lambda item: -item[1])
    total = sum(cost for _, cost in functions)
    lines = [f"{name}: {total:,.0f} instructions a step, by function of the interpreter, without what it calls"]
    return lines + [f"{cost:>10,.0f} {cost / total:>6.1%}  {function}" for function, cost in functions[:top]]


def python(name: str, top: int = 40, *, steps: int = 2000) -> list[str]:
    """Return lines with the time of so many steps by function of Python, without what each calls."""
    profiler, text = cProfile.Profile(), io.StringIO()
    run(registry.find(name), [100, steps], lambda: None, profiler.enable)
    profiler.disable()
    pstats.Stats(profiler, stream=text).strip_dirs().sort_stats("tottime").print_stats(top)
    return [_NOTE, *(line for line in text.getvalue().splitlines() if line.strip())]

"""The report: tables in Markdown of what was measured, beside the goals."""

from collections.abc import Callable, Iterable, Sequence

from tools.bench.goals import Verdict, verdicts
from tools.bench.ratios import Place, across, by, series, spread
from tools.bench.records import Results
from tools.bench.scenarios import SCENARIOS
from tools.bench.servers import LIMIT, SERVERS

__all__ = ["goals", "grid", "notes", "report", "summary", "table"]

Cell = Callable[[Place], str]

WALL = (
    "Requests a second as a ratio to `raw` in the same round, medians. This is wall time: on a machine that others use "
    "too, it lies. An asterisk marks rounds in which the load generator was saturated: that server can do more, and "
    "when it is `raw`, all others look better than they are."
)
CPU = (
    "Processor time that `raw` needs for a request, as a ratio to that of the server, medians: what the first table "
    "would say if nothing else ran. It counts what the kernel does for the server, and is much steadier."
)


def report(results: Results, name: str) -> str:
    """Return the whole page; its plot is `<name>.svg` beside it."""
    samples = results.samples
    parts = [
        f"# Benchmark: {name}",
        _where(results),
        f"![Requests a second as a ratio to raw, a panel for each scenario]({name}.svg)",
        "## Goals",
        goals(results) or "Nothing was measured that has a goal.",
        "Wall time decides. In the last but one column, the same ratio by processor time.",
        "## Ratio to raw by wall time",
        WALL,
        grid(results, lambda place: _ratio(results, place)),
        "The same with the smallest and the largest of the rounds:",
        grid(results, lambda place: _text(across(samples, place, (place[0], LIMIT), by("rate")))),
        "## Ratio to raw by processor time",
        CPU,
        grid(results, lambda place: _short(across(samples, (place[0], LIMIT), place, by("cpu")))),
        "## Arlen under uvicorn",
        "Arlen's ASGI form, minimal, as a ratio to a bare ASGI callable that answers the same:",
        _under(results),
        "## Microseconds of processor time for a request",
        grid(results, lambda place: _median(results, place, "cpu", "{:,.1f}")),
        "## Requests a second",
        grid(results, lambda place: _median(results, place, "rate", "{:,.0f}")),
        "## Milliseconds until 99 of 100 requests are answered",
        grid(results, lambda place: _median(results, place, "p99", "{:,.2f}", 1000)),
        "## What to know",
        "\n".join(f"- {line}" for line in notes(results)),
        "## How it was measured",
        _how(results),
    ]
    return "\n\n".join(parts) + "\n"


def summary(results: Results) -> str:
    """Return the tables of ratios and goals and the notes: what is printed after a run."""
    parts = [
        "Requests a second as a ratio to raw in the same round, medians:",
        grid(results, lambda place: _ratio(results, place)),
        "Processor time for a request, raw's as a ratio to the server's, medians:",
        grid(results, lambda place: _short(across(results.samples, (place[0], LIMIT), place, by("cpu")))),
        goals(results),
        "\n".join(f"- {line}" for line in notes(results)),
    ]
    return "\n\n".join(part for part in parts if part)


def goals(results: Results) -> str:
    """Return the table of goals, or nothing when none was measured."""
    rows = [_verdict(each) for each in verdicts(results.samples)]
    return table(["goal", "wanted", "found (min to max)", "by processor time", "met"], rows) if rows else ""


def notes(results: Results) -> list[str]:
    """Return what a reader must know about a run."""
    absent = [f"{name} is absent: {reason}" for name, reason in sorted(results.absent.items())]
    wrong = [f"{name} was not timed to the end: {found[0]}" for name, found in sorted(results.wrong.items())]
    busy = [f"{name} used {share:.0%} of its core while idle" for name, share in sorted(results.busy.items())]
    places = {(each.scenario, each.server) for each in results.samples if each.saturated}
    full = [f"{place[0]}/{place[1]}: the load generator was saturated" for place in sorted(places)]
    errors = [
        f"{each.scenario}/{each.server}: {each.errors} errors in round {each.round}"
        for each in results.samples
        if each.errors
    ]
    return [*_always(results), *absent, *wrong, *busy, *full, *errors]


def grid(results: Results, cell: Cell) -> str:
    """Return a table with a line for each server and a column for each scenario that was measured."""
    scenarios = _measured(results, SCENARIOS, "scenario")
    servers = _measured(results, SERVERS, "server")
    if not servers:
        return "Nothing was measured."
    rows = [[SERVERS[server].title, *(cell((scenario, server)) for scenario in scenarios)] for server in servers]
    return table(["server", *scenarios], rows)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table.

    >>> print(table(["a", "b"], [["1", "2"]]))
    | a | b |
    | --- | --- |
    | 1 | 2 |
    """
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(each.replace('|', '/') for each in line)} |" for line in lines)


def _under(results: Results) -> str:
    rows = []
    for scenario in _measured(results, SCENARIOS, "scenario"):
        ours, bare = (scenario, "arlen-asgi"), (scenario, "uvicorn")
        wall, cpu = across(results.samples, ours, bare, by("rate")), across(results.samples, bare, ours, by("cpu"))
        if wall:
            rows.append([scenario, str(wall), _text(cpu)])
    return table(["scenario", "by wall time", "by processor time"], rows) if rows else "It was not measured."


def _always(results: Results) -> list[str]:
    found = ["arlen-metrics does not exist yet, so the defaults are without metrics"]
    if not results.options.pinned:
        found.append("server and load generator shared their cores: there was only one, or no way to pin them")
    if results.samples and LIMIT not in {each.server for each in results.samples}:
        found.append("raw was not measured, so there are no ratios to it (fix: --server raw)")
    return found


def _verdict(verdict: Verdict) -> list[str]:
    goal = verdict.goal
    cpu = "it is processor time" if goal.measure == "cpu" else _text(verdict.cpu)
    return [goal.title, goal.wanted, str(verdict.found), cpu, "yes" if verdict.met else "**no**"]


def _measured(results: Results, order: Iterable[str], attribute: str) -> list[str]:
    found = {getattr(sample, attribute) for sample in results.samples}
    return [each for each in order if each in found]


def _ratio(results: Results, place: Place) -> str:
    found = _short(across(results.samples, place, (place[0], LIMIT), by("rate")))
    full = any(each.saturated for each in results.samples if (each.scenario, each.server) == place)
    return found + " \\*" * (bool(found) and full)


def _median(results: Results, place: Place, measure: str, pattern: str, unit: float = 1) -> str:
    found = spread(series(results.samples, place, by(measure)).values())
    return pattern.format(found.middle / unit) if found else ""


def _short(found: object) -> str:
    return _text(found).partition(" ")[0]


def _text(found: object) -> str:
    return "" if found is None else str(found)


def _where(results: Results) -> str:
    machine = results.machine
    return (
        f"{machine.get('date', '')}, commit {machine.get('commit', 'unknown')}, {machine.get('python', '')}, "
        f"{machine.get('kernel', '')}, {machine.get('cores', 1)} cores of {machine.get('cpu', '')}. "
        "[How to read this](README.md)."
    )


def _how(results: Results) -> str:
    options, machine = results.options, results.machine
    pinned = f"server on core {options.core}, load on another" if options.pinned else "not pinned"
    load = machine.get("wrk") or "wrk" if options.generator == "wrk" else "the generator of tools/bench/load.py"
    rows = [
        ["rounds", f"{options.rounds} of {options.seconds:g} s, after {options.warmup:g} s of warm-up"],
        ["cores", pinned],
        ["load", load],
        ["packages", ", ".join(f"{name} {version}" for name, version in machine.get("libraries", {}).items())],
        *([f"peer {peer}", ", ".join(pins)] for peer, pins in machine.get("peers", {}).items()),
    ]
    return table(["what", "how"], rows)

"""The report: tables in Markdown of what was measured, beside the goals."""

from collections.abc import Callable, Iterable, Sequence

from tools.bench.goals import verdicts
from tools.bench.ratios import Spread, across, by, series, spread
from tools.bench.records import Results
from tools.bench.scenarios import SCENARIOS
from tools.bench.servers import LIMIT, SERVERS

__all__ = ["goals", "report", "summary", "table"]

Cell = Callable[[str, str], str]


def summary(results: Results) -> str:
    """Return the tables of ratios and goals: what is printed after a run."""
    parts = [
        "Requests a second as a ratio to `raw` in the same round, medians:",
        _grid(results, lambda scenario, server: _ratio(results, scenario, server)),
        "Goals:",
        goals(results),
    ]
    return "\n\n".join(part for part in parts if part)


def goals(results: Results) -> str:
    """Return the table of goals, or nothing when none was measured."""
    rows = [
        [
            each.goal.title,
            each.goal.wanted,
            str(each.found),
            str(each.cpu or "") if each.goal.measure == "rate" else "by CPU" if each.goal.measure == "cpu" else "",
            "yes" if each.met else "**no**",
        ]
        for each in verdicts(results.samples)
    ]
    return table(["goal", "wanted", "found", "by processor time", "met"], rows) if rows else ""


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def report(results: Results, name: str) -> str:
    """Return the whole page."""
    return f"# {name}\n\n{summary(results)}\n"


def _grid(results: Results, cell: Cell) -> str:
    scenarios = _measured(results, SCENARIOS, "scenario")
    servers = _measured(results, SERVERS, "server")
    rows = [[SERVERS[server].title, *(cell(scenario, server) for scenario in scenarios)] for server in servers]
    return table(["", *scenarios], rows)


def _measured(results: Results, order: Iterable[str], attribute: str) -> list[str]:
    found = {getattr(sample, attribute) for sample in results.samples}
    return [each for each in order if each in found]


def _ratio(results: Results, scenario: str, server: str) -> str:
    found = across(results.samples, (scenario, server), (scenario, LIMIT), by("rate"))
    return f"{found.middle:.2f}" if found else ""


def _middle(results: Results, scenario: str, server: str, measure: str) -> Spread | None:
    return spread(series(results.samples, (scenario, server), by(measure)).values())

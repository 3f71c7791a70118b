"""Results: what every server made of every case, as JSON and as a page."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tools.attack.cases import Case
from tools.attack.probe import Verdict, deviates

__all__ = ["OURS", "Results", "desync", "page", "save", "summary"]

OURS = "arlen-server"


@dataclass
class Results:
    """One run.

    Attributes:
        date: of the run.
        versions: of the servers that ran, in order.
        absent: why the others did not.
        verdicts: by server, then in the order of the cases.
    """

    date: str
    cases: list[Case]
    versions: dict[str, str] = field(default_factory=dict)
    absent: dict[str, str] = field(default_factory=dict)
    verdicts: dict[str, list[Verdict]] = field(default_factory=dict)


def desync(front: Verdict, back: Verdict) -> str:
    """Say whether requests could be smuggled past a server that passes bytes on to another one.

    Returns "smuggled" when the back sees requests that the front does not, "swallowed" when it takes requests for a
    body, "different" when it sees as many with other methods or bodies, or "": a front that refuses or closes passes
    nothing more on, and a back that refuses or closes ends the connection.
    """
    if not front.accepted or front.refused or not front.whole:
        return ""
    if back.accepted > front.accepted:
        return "smuggled"
    if back.accepted < front.accepted:
        return "swallowed" if not back.refused and back.end == "open" else ""
    pairs = zip(front.seen, back.seen, strict=False)  # what says nothing was HEAD, or 204
    return "different" if any(each and other and _rough(each) != _rough(other) for each, other in pairs) else ""


def summary(results: Results) -> list[str]:
    """Return the table of servers: how often each is not as demanded, and where it and Arlen disagree."""
    rows = [
        "| server | version | against a MUST | against a SHOULD | hung | smuggled to Arlen | from Arlen |",
        "|---|---|---:|---:|---:|---:|---:|",
    ]
    ours = results.verdicts.get(OURS, [])
    for name, verdicts in results.verdicts.items():
        words = [deviates(case, verdict) for case, verdict in zip(results.cases, verdicts, strict=True)]
        hung = sum(not verdict.statuses and verdict.end == "open" for verdict in verdicts)
        there, back = ("", "") if name == OURS or not ours else (_count(verdicts, ours), _count(ours, verdicts))
        figures = f"{words.count('MUST')} | {words.count('SHOULD')} | {hung} | {there} | {back}"
        rows.append(f"| {name} | {results.versions[name]} | {figures} |")
    return rows + [f"| {name} | skipped: {why} | | | | | |" for name, why in results.absent.items()]


def page(results: Results) -> str:
    """Return the page: what was done, the summary, and the matrix."""
    introduction = _INTRODUCTION.format(count=len(results.cases), date=results.date)
    return "\n".join([introduction, *summary(results), *_matrix(results), ""])


def save(results: Results, folder: Path) -> None:
    """Write attack.md and attack.json."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "attack.md").write_text(page(results), encoding="utf-8")
    (folder / "attack.json").write_text("\n".join(_lines(results)) + "\n", encoding="utf-8")


_INTRODUCTION = """# Servers under attack

Made by `python -m tools.attack` on {date}. Each of the {count} streams of arlen-server's corpus is sent at once, on a
connection of its own and with a good request behind it that says `Connection: close`, to servers with an application
that reads the body and answers 200 to everything; to nginx as a proxy. A cell says how many requests were accepted, and
the status of a refusal; `closed` is an end without an answer, `hung` is neither for a second. Bold is against a MUST of
the RFCs, italic against a SHOULD; where the RFCs leave the choice nothing is marked.

"Smuggled to Arlen" counts the streams in which Arlen, behind that server, would see other requests than that server
does, if it passed bytes on as they came; "from Arlen" is the same the other way round. A refusal ends the connection
and smuggles nothing. Where Arlen is against a MUST it is stricter on purpose; the case says so.
"""


def _rough(seen: str) -> tuple[str, str]:
    """Return method and size of the body; each server writes targets in its own way."""
    return seen.partition(" ")[0], seen.rpartition(" ")[2] or "0"


def _count(fronts: list[Verdict], backs: list[Verdict]) -> int:
    return sum(bool(desync(front, back)) for front, back in zip(fronts, backs, strict=True))


def _matrix(results: Results) -> list[str]:
    names = list(results.verdicts)
    lines: list[str] = []
    group = ""
    for number, case in enumerate(results.cases):
        if case.group != group:
            group = case.group
            lines += ["", f"## {group.capitalize()}", "", f"| case | RFC | demand | {' | '.join(names)} |"]
            lines.append("|---" * (len(names) + 3) + "|")
        cells = [_cell(case, results.verdicts[name][number]) for name in names]
        lines.append(f"| {_text(case.name)} | {_text(case.rfc)} | {case.demand} | {' | '.join(cells)} |")
    return lines


def _cell(case: Case, verdict: Verdict) -> str:
    mark = {"MUST": "**", "SHOULD": "*", "": ""}[deviates(case, verdict)]
    return f"{mark}{verdict.short}{mark}"


def _text(text: str) -> str:
    return text.replace("|", "\\|").replace("*", "\\*").replace("<", "&lt;")


def _lines(results: Results) -> list[str]:
    """Return a JSON document with a line for each case, so that a difference can be read."""
    head = {"date": results.date, "versions": results.versions, "absent": results.absent}
    cases = [_plain(case, number, results) for number, case in enumerate(results.cases)]
    lines = [json.dumps(each, ensure_ascii=False) for each in cases]
    return [f'{json.dumps(head, ensure_ascii=False)[:-1]}, "cases": [', ",\n".join(lines), "]}"]


def _plain(case: Case, number: int, results: Results) -> dict[str, Any]:
    found = {name: verdicts[number] for name, verdicts in results.verdicts.items()}
    verdicts = {name: [*verdict.statuses, verdict.end] for name, verdict in found.items()}
    return {"group": case.group, "name": case.name, "rfc": case.rfc, "demand": case.demand, "verdicts": verdicts}

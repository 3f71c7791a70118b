"""Aliases: the names that the Objective-C Arlen has for the series of requests, made when somebody asks."""

from __future__ import annotations

from arlen_core.meters import SECONDS, Declaration
from arlen_metrics.totals import Totals
from arlen_metrics.traffic import ACTIVE, DURATION

__all__ = ["DECLARATIONS", "add"]

_REQUESTS = Declaration("counter", "aln.http.requests", "Requests that were answered.")
_ERRORS = Declaration("counter", "aln.http.errors", "Requests that were answered with a status from 500.")
_ACTIVE = Declaration("gauge", "aln.http.requests.active", "Requests that are being answered.")
_DURATION = Declaration(
    "histogram", "aln.http.request.duration.ms", "Milliseconds of a request.", (), "", tuple(s * 1000 for s in SECONDS)
)
DECLARATIONS = (_REQUESTS, _ERRORS, _ACTIVE, _DURATION)
"""The series; those of the single statuses, `aln_http_status_404_total`, are beside them."""


def add(totals: Totals) -> None:
    """Add the aliases to `totals`, made of what is there.

    >>> totals = Totals()
    >>> totals.add(DURATION, [(("GET", "/", "200", ""), [2.0] + [0.0] * 14 + [0.004])])
    >>> add(totals)
    >>> totals.families["aln.http.requests"].series, totals.families["aln.http.status.200"].series
    ({(): [2.0]}, {(): [2.0]})
    """
    timed = totals.families.get(DURATION.name)
    width = len(SECONDS) + 2
    whole, failed = [0.0] * width, 0.0
    for values, cells in timed.series.items() if timed is not None else ():
        status, count = values[2] if values is not None else "other", sum(cells[:-1])
        failed += count if status >= "5" and values is not None else 0.0
        whole = [a + b for a, b in zip(whole, cells, strict=True)]
        about = f"Requests that were answered with the status {status}."
        totals.add(Declaration("counter", f"aln.http.status.{status}", about), [((), [count])])
    totals.add(_REQUESTS, [((), [sum(whole[:-1])])])
    totals.add(_ERRORS, [((), [failed])])
    totals.add(_DURATION, [((), [*whole[:-1], whole[-1] * 1000])])
    active = totals.families.get(ACTIVE.name)
    totals.add(_ACTIVE, [] if active is None else [(values, list(cells)) for values, cells in active.series.items()])

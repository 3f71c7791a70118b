"""Snapshots: the same metrics as JSON, for people and scripts."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import accumulate
from typing import Any

from arlen_metrics import names
from arlen_metrics.totals import Family, Values

__all__ = ["snapshot"]


def snapshot(families: Iterable[Family]) -> dict[str, dict[str, list[dict[str, Any]]]]:
    """Return the metrics by kind and name, each with its series.

    >>> from arlen_core.meters import Declaration
    >>> times = Family(Declaration("histogram", "mail.duration", "How long.", unit="s", buckets=(0.1, 1.0)))
    >>> times.put((), [1.0, 1.0, 0.0, 0.75])
    >>> snapshot([times])["timings"]["mail_duration_seconds"]
    [{'labels': {}, 'count': 2, 'sum': 0.75, 'avg': 0.375, 'buckets': {'0.1': 1, '1.0': 2, '+Inf': 2}}]
    """
    made: dict[str, dict[str, list[dict[str, Any]]]] = {"counters": {}, "gauges": {}, "timings": {}}
    for each in families:
        kind, name = each.declaration.kind, names.family(each.declaration)
        if kind == "histogram":
            bounds = [*map(repr, each.declaration.buckets), "+Inf"]
            made["timings"][name] = [_labelled(each, values) | _spread(bounds, cells) for values, cells in _rows(each)]
        else:
            place, suffix = ("counters", "_total") if kind == "counter" else ("gauges", "")
            made[place][name + suffix] = [
                _labelled(each, values) | {"value": cells[0]} for values, cells in _rows(each)
            ]
    return made


def _rows(family: Family) -> list[tuple[Values, list[float]]]:
    return sorted(family.series.items(), key=lambda item: (item[0] is None, item[0] or ()))


def _labelled(family: Family, values: Values) -> dict[str, Any]:
    if values is None:
        return {"labels": dict([names.OVERFLOW])}
    keys = names.labels(family.declaration)
    return {"labels": {key: value for key, value in zip(keys, values, strict=True) if value}}


def _spread(bounds: list[str], cells: list[float]) -> dict[str, Any]:
    counts = [int(each) for each in accumulate(cells[:-1])]
    count, total = counts[-1], cells[-1]
    average = total / count if count else 0.0
    return {"count": count, "sum": total, "avg": average, "buckets": dict(zip(bounds, counts, strict=True))}

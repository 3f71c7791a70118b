"""Texts: metrics as Prometheus reads them: its text format 0.0.4, and OpenMetrics 1.0."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import accumulate
from math import isfinite, isnan

from arlen_core.meters import Declaration
from arlen_metrics import names
from arlen_metrics.totals import Family, Values

__all__ = ["number", "openmetrics", "prometheus"]


def prometheus(families: Iterable[Family]) -> str:
    r"""Return the text format 0.0.4.

    >>> sent = Family(Declaration("counter", "mail.sent", "Mails that left.", ("result",), "{mail}"))
    >>> sent.put(("ok",), [3.0])
    >>> print(prometheus([sent]), end="")
    # HELP mail_sent_total Mails that left.
    # TYPE mail_sent_total counter
    mail_sent_total{result="ok"} 3
    """
    lines: list[str] = []
    for each in families:
        if each.series:
            declaration = each.declaration
            name = names.family(declaration) + ("_total" if declaration.kind == "counter" else "")
            lines.append(f"# HELP {name} {_help(declaration.help)}")
            lines.append(f"# TYPE {name} {declaration.kind}")
            lines.extend(_lines(each))
    return "\n".join([*lines, ""])


def openmetrics(families: Iterable[Family]) -> str:
    """Return OpenMetrics 1.0.

    >>> sent = Family(Declaration("counter", "mail.size", "How big they were.", unit="By"))
    >>> sent.put((), [3.5])
    >>> print(openmetrics([sent]), end="")
    # TYPE mail_size_bytes counter
    # UNIT mail_size_bytes bytes
    # HELP mail_size_bytes How big they were.
    mail_size_bytes_total 3.5
    # EOF
    """
    lines: list[str] = []
    for each in families:
        if each.series:
            declaration = each.declaration
            name, unit = names.family(declaration), names.unit(declaration)
            lines.append(f"# TYPE {name} {declaration.kind}")
            lines.extend([f"# UNIT {name} {unit}"] if unit else [])
            lines.append(f"# HELP {name} {_value(declaration.help)}")
            lines.extend(_lines(each))
    return "\n".join([*lines, "# EOF", ""])


def number(value: float) -> str:
    """Write a number.

    >>> number(3.0), number(0.25), number(float("inf")), number(float("nan"))
    ('3', '0.25', '+Inf', 'NaN')
    """
    if isfinite(value):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    return "NaN" if isnan(value) else "+Inf" if value > 0 else "-Inf"


def _lines(family: Family) -> Iterator[str]:
    declaration = family.declaration
    name, keys = names.family(declaration), names.labels(declaration)
    for values, cells in sorted(family.series.items(), key=_order):
        text = _labels(keys, values)
        if declaration.kind == "histogram":
            yield from _histogram(name, text, declaration, cells)
        else:
            suffix = "_total" if declaration.kind == "counter" else ""
            yield f"{name}{suffix}{{{text}}} {number(cells[0])}" if text else f"{name}{suffix} {number(cells[0])}"


def _histogram(name: str, text: str, declaration: Declaration, cells: list[float]) -> Iterator[str]:
    before = f"{name}_bucket{{{text},le=" if text else f"{name}_bucket{{le="
    counts = [int(each) for each in accumulate(cells[:-1])]
    for bound, count in zip(declaration.buckets, counts, strict=False):
        yield f'{before}"{bound!r}"}} {count}'
    yield f'{before}"+Inf"}} {counts[-1]}'
    after = f"{{{text}}}" if text else ""
    yield f"{name}_count{after} {counts[-1]}"
    yield f"{name}_sum{after} {number(cells[-1])}"


def _labels(keys: tuple[str, ...], values: Values) -> str:
    if values is None:
        return f'{names.OVERFLOW[0]}="{names.OVERFLOW[1]}"'
    return ",".join([f'{key}="{_value(value)}"' for key, value in zip(keys, values, strict=True) if value])


def _order(item: tuple[Values, list[float]]) -> tuple[bool, tuple[str, ...]]:
    return item[0] is None, item[0] or ()


def _help(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n")


def _value(text: str) -> str:
    if "\\" in text or '"' in text or "\n" in text:
        return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return text

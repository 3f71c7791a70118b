"""Names: OpenTelemetry's names in Prometheus spelling, by OpenTelemetry's own rules for that."""

from __future__ import annotations

import re
from functools import lru_cache

from arlen_core.errors import StartupError
from arlen_core.meters import Declaration

__all__ = ["OVERFLOW", "check", "family", "labels", "samples", "unit"]

OVERFLOW = ("otel_metric_overflow", "true")
"""The label of the series of everything that comes past the bound, as OpenTelemetry has it."""

_UNITS = {
    "d": "days", "h": "hours", "min": "minutes", "s": "seconds", "ms": "milliseconds", "us": "microseconds",
    "ns": "nanoseconds", "By": "bytes", "KiBy": "kibibytes", "MiBy": "mebibytes", "%": "percent", "Cel": "celsius",
    "Hz": "hertz", "V": "volts", "A": "amperes", "W": "watts", "J": "joules", "g": "grams", "m": "meters",
}  # fmt: skip
_RESERVED = {"le", "quantile", OVERFLOW[0]}
_braces = re.compile(r"\{[^}]*\}")
_wrong = re.compile(r"[^a-zA-Z0-9_]+")


def unit(declaration: Declaration) -> str:
    """Return the unit in Prometheus spelling, "" for a plain number.

    >>> unit(Declaration("histogram", "http.server.request.duration", "", unit="s", buckets=(1.0,)))
    'seconds'
    """
    code = _braces.sub("", declaration.unit)
    if code == "1":
        return "ratio" if declaration.kind == "gauge" else ""
    over, slash, under = code.partition("/")
    word = _word(over)
    per = _UNITS.get(under, under).removesuffix("s") if slash else ""
    return "_".join(each for each in (word, f"per_{_wrong.sub('_', per)}" if per else "") if each)


@lru_cache(4096)
def family(declaration: Declaration) -> str:
    """Return the name without the suffixes of samples: dots become underscores, the unit comes at the end.

    >>> family(Declaration("counter", "process.cpu.time", "", unit="s"))
    'process_cpu_time_seconds'
    """
    name = declaration.name.replace(".", "_").removesuffix("_total" if declaration.kind == "counter" else "\0")
    suffix = unit(declaration)
    return name if not suffix or name.endswith(f"_{suffix}") else f"{name}_{suffix}"


@lru_cache(4096)
def labels(declaration: Declaration) -> tuple[str, ...]:
    """Return the names of the labels.

    >>> labels(Declaration("counter", "http.requests", "", ("http.route",)))
    ('http_route',)
    """
    return tuple(each.replace(".", "_") for each in declaration.labels)


def samples(declaration: Declaration) -> tuple[str, ...]:
    """Return the names of everything that stands in an answer for this metric."""
    name = family(declaration)
    suffixes = {"counter": ("", "_total", "_created"), "gauge": ("",)}
    return tuple(name + each for each in suffixes.get(declaration.kind, ("", "_bucket", "_count", "_sum", "_created")))


def check(declaration: Declaration, taken: dict[str, str], owner: str = "") -> None:
    """Take the names of a metric.

    Args:
        declaration: of the metric.
        taken: by which metric each name is used.
        owner: what to write there, in place of the metric's name.

    Raises `StartupError` when two metrics, or two labels of one, would be spelled the same, or a label is reserved.
    """
    names = labels(declaration)
    wrong = sorted(_RESERVED & set(names)) or sorted({each for each in names if names.count(each) > 1})
    if wrong:
        reason = f"the label {wrong[0]!r} of the metric {declaration.name!r} is reserved, or there twice"
        raise StartupError(reason, fix="give it another name")
    owner = owner or declaration.name
    for each in samples(declaration):
        if taken.setdefault(each, owner) != owner:
            reason = f"the metrics {owner!r} and {taken[each]!r} would both be {each!r} for Prometheus"
            raise StartupError(reason, fix="give one of the two another name")


def _word(code: str) -> str:
    return _UNITS.get(code, _wrong.sub("_", code).strip("_"))

"""Sampling: which traces are recorded, the same in every process that a trace goes through."""

from __future__ import annotations

from typing import TYPE_CHECKING

from arlen_core.ids import parse_trace
from arlen_otel.settings import Sampling

if TYPE_CHECKING:
    from arlen_core.requests import Request

__all__ = ["Sampler", "sampled"]


def sampled(trace: str) -> bool:
    """Say whether a `traceparent` has the flag "sampled" (W3C Trace Context §3.2.2.5).

    >>> sampled("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
    True
    """
    return trace[54] in "13579bdf"


class Sampler:
    """Decides on traces.

    Args:
        name: how: "always_on", "always_off", "traceidratio", or after the caller for those that have one, with
            "parentbased_" before it.
        ratio: of the traces, 0 to 1, by the last 64 bits of their ids: every process that has the same ratio decides
            alike, and one with a lower ratio records a part of what the others do.

    Attributes:
        follows: whether the caller decides, when there is one.

    >>> half = Sampler("traceidratio", 0.5)
    >>> half.decide("0af7651916cd43dd7fffffffffffffff"), half.decide("0af7651916cd43dd8000000000000000")
    (True, False)
    """

    def __init__(self, name: Sampling, ratio: float = 1.0) -> None:
        self.follows = name.startswith("parentbased_")
        root = name.removeprefix("parentbased_")
        self._bound = round({"always_on": 1.0, "always_off": 0.0}.get(root, ratio) * (1 << 64))

    @property
    def marks(self) -> bool:
        """Whether requests need `mark`: the flags that they have are not right already."""
        return not (self.follows and self._bound == 1 << 64)

    def decide(self, trace_id: str) -> bool:
        """Say whether to record a trace that begins here, or any when callers are not followed."""
        return int(trace_id[16:], 16) < self._bound

    def mark(self, request: Request) -> None:
        """Write into the trace of a request what was decided: its answer, its log and its spans all say that."""
        trace = request.trace
        if self.follows and _called(request, trace[3:35]):
            return
        if self.decide(trace[3:35]) != sampled(trace):
            request.trace = f"{trace[:53]}{int(trace[53:], 16) ^ 1:02x}"


def _called(request: Request, trace_id: str) -> bool:
    for name, value in request.raw:
        if name == b"traceparent":
            found = parse_trace(value.decode("latin-1"))
            if found is not None and found.trace_id == trace_id:
                return True
    return False

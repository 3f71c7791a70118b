"""Startup: what took how long when an application started, as spans."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter_ns

from arlen_core.ambient import active
from arlen_core.spans import Tracer

__all__ = ["Startup"]


class Startup:
    """The times of one start.

    They become spans when it is over, the parts inside of one for the whole: while it goes on there is no span that a
    service's task could take along and keep for its life.

    Args:
        spans: get them; of those who listen, the ones that want `starts`.
        name: of the application.

    >>> tracer, told = Tracer(), []
    >>> listener = tracer.listen(told.extend, starts=True)
    >>> startup = Startup(tracer, "shop")
    >>> with startup.whole():
    ...     with startup.part("service Pool"):
    ...         pass
    >>> [each.name for each in told], told[1].parent_id == told[0].span_id
    (['start', 'service Pool'], True)
    """

    def __init__(self, spans: Tracer | None = None, name: str = "") -> None:
        self._spans = Tracer() if spans is None else spans
        self._name = name
        self._parts: list[tuple[str, int, int, BaseException | None]] = []

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Take the time of a part."""
        begun, wrong = perf_counter_ns(), None
        try:
            yield
        except BaseException as error:
            wrong = error
            raise
        finally:
            self._parts.append((name, begun, perf_counter_ns(), wrong))

    @contextmanager
    def whole(self) -> Iterator[None]:
        """Take the time of all, and tell it."""
        begun, wrong = perf_counter_ns(), None
        self._parts.clear()
        try:
            yield
        except BaseException as error:
            wrong = error
            raise
        finally:
            self._tell(begun, wrong)

    def _tell(self, begun: int, wrong: BaseException | None) -> None:
        parts, self._parts = self._parts, []
        spans = self._spans.only(lambda each: each.starts)
        whole = spans.add("start", begun, attributes={"arlen.app": self._name}, error=wrong)
        if whole is None:
            return
        token = active.set(whole)
        try:
            for name, first, last, error in parts:
                spans.add(name, first, end=last, error=error)
        finally:
            active.reset(token)

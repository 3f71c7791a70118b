"""Exporting: the thread between an application's spans and a collector."""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from time import monotonic
from typing import Any
from urllib.parse import urlsplit
from weakref import WeakSet

from arlen_core.logs import Log
from arlen_core.spans import Span, Tracer
from arlen_otel.encoding import encode, resource
from arlen_otel.limits import limited
from arlen_otel.options import Options
from arlen_otel.queues import Queue
from arlen_otel.resources import described
from arlen_otel.sending import Refused, Sender

__all__ = ["Exporter"]

_HALVINGS = 5  # of a batch that a collector finds too large: at most 63 requests for one, within the time of one

_SILENT = 1.0  # seconds that a stop waits without a word, for who serves the application may wait less than `drain`

_running: WeakSet[Exporter] = WeakSet()


class Exporter:
    """Takes spans on the event loop, in no time, and sends them to a collector from a thread of its own.

    Args:
        options: what is known of the collector, and the bounds.
        log: where it says that the collector does not take them: once, then every `options.warn` seconds.
        environment: the environment's name.
        quiet: called by the thread before anything else, to keep its own requests out of the traces.
        foreign: encodes spans that another library has made.

    Attributes:
        queue: what waits.
        exported: how many spans a collector has taken.
        taken: how many were given to it, those that were dropped among them.
    """

    def __init__(
        self,
        options: Options,
        log: Log,
        environment: str = "production",
        *,
        quiet: Callable[[], object] | None = None,
        foreign: Callable[[Sequence[Any]], bytes] | None = None,
    ) -> None:
        self.options, self._log, self._environment = options, log, environment
        self._quiet, self._foreign = quiet, foreign
        self.queue = Queue(options.queue, options.batch)
        self.exported = self.taken = 0
        self._thread: threading.Thread | None = None
        self._sender: Sender | None = None
        self._open, self._flying = False, 0
        self._starting = threading.Lock()
        self._failures, self._warned = 0, -1e9
        self._parts: tuple[bytes, bytes] | None = None
        self._host = urlsplit(options.url).netloc  # paths hold keys of some collectors

    @property
    def dropped(self) -> Mapping[tuple[str, ...], int]:
        """How many spans were lost, by reason."""
        return {(reason,): count for reason, count in self.queue.dropped.items()}

    def start(self) -> None:
        """Begin to take spans; the thread begins with the first of them."""
        self.queue.renew()
        self._sender, self._open = None, True
        _running.add(self)

    def put(self, spans: Sequence[Any]) -> None:
        """Take spans; never waits, never raises for a collector that is away."""
        length = self.options.attribute_length
        spans = [limited(each, length) if each.__class__ is Span else each for each in spans]
        if self._open:
            self.taken += len(spans)
            if self.queue.put(spans) and self._thread is None:
                self._begin()

    def stop(self) -> None:
        """Send what is left, for at most `options.drain` seconds; what is left then is dropped, and counted. Waits.

        A collector that does not take spans gets no second attempt any more. The log says after a second how many spans
        are left, for the process may be killed before the end, and at the end how many are lost.
        """
        self._open = False
        _running.discard(self)
        self.queue.hurry()
        thread, self._thread = self._thread, None
        if thread is not None:
            if self._sender is not None:
                self._sender.stopping.set()
            self._join(thread)
        self._sender = None  # a thread that hangs in an answer is on its own, and counts no more
        flying, self._flying = self._flying, 0
        self.queue.drop(flying, "stopped")
        if lost := flying + self.queue.clear("stopped"):
            self._log.warning("otel.stopped", spans_lost=lost)

    def _join(self, thread: threading.Thread) -> None:
        drain = self.options.drain
        thread.join(min(drain, _SILENT))
        if drain > _SILENT and thread.is_alive():
            left = self._flying + self.queue.size
            self._log.warning("otel.draining", spans_left=left, seconds=drain - _SILENT, collector=self._host)
            thread.join(drain - _SILENT)

    def forked(self) -> None:
        """Begin anew in a forked process: neither the thread nor what waits is its own."""
        self.queue.renew()
        self.queue.dropped.clear()
        self.exported = self.taken = self._flying = 0
        self._thread = self._sender = self._parts = None
        self._starting = threading.Lock()

    def _begin(self) -> None:
        with self._starting:
            if self._thread is None and self._open:
                sender = self._sender = Sender(self.options)
                self._thread = threading.Thread(target=self._run, args=(sender,), name="arlen-otel", daemon=True)
                self._thread.start()

    def _run(self, sender: Sender) -> None:
        if self._quiet is not None:
            self._quiet()
        while self._sender is sender and (self._open or self.queue.size):
            self.queue.wait(self.options.interval)
            while self._sender is sender and (spans := self.queue.take()):
                self._flying = len(spans)
                self._export(sender, spans)
                if self._open and self.queue.size < self.options.batch:
                    break
        sender.close()

    def _export(self, sender: Sender, spans: list[Any]) -> None:
        reason, lost = self._sent(sender, spans, monotonic() + self.options.timeout)
        if self._sender is not sender:
            return
        self._flying = 0
        self.exported += len(spans) - lost.total()
        for each, count in lost.items():
            self.queue.drop(count, each)
        if lost.total():
            self._warn(reason or ("some spans were rejected" if lost["rejected"] else "some spans have odd values"))
        elif self._failures:
            self._failures, self._warned = 0, -1e9
            self._log.info("otel.recovered", collector=self._host)

    def _sent(
        self, sender: Sender, spans: list[Any], end: float, halvings: int = _HALVINGS
    ) -> tuple[str, Counter[str]]:
        """Return why spans were refused or "", and how many were lost, by reason."""
        data, odd = self._encoded(spans)
        taken = len(spans) - odd
        try:
            rejected = sender.send(data, end) if data else 0
        except Exception as error:  # noqa: BLE001  # the thread goes on; what it says may hold a header
            large = isinstance(error, Refused) and error.large
            if large and halvings and len(spans) > 1 and self._sender is sender:
                return self._halved(sender, spans, end, halvings - 1)
            reason = str(error) if isinstance(error, Refused) else type(error).__name__
            return reason, Counter(encoding=odd, export=taken)
        return "", Counter(encoding=odd, rejected=min(rejected, taken))

    def _halved(self, sender: Sender, spans: list[Any], end: float, halvings: int) -> tuple[str, Counter[str]]:
        middle = len(spans) // 2
        parts = [self._sent(sender, each, end, halvings) for each in (spans[:middle], spans[middle:])]
        return parts[0][0] or parts[1][0], parts[0][1] + parts[1][1]

    def _encoded(self, spans: list[Any]) -> tuple[bytes, int]:
        """Return the message, and how many spans are not in it, for they cannot be told."""
        if self._parts is None:
            self._parts = resource(described(self.options.resource, self._environment), "arlen", version("arlen-core"))
        own = [each for each in spans if each.__class__ is Span]
        other = [each for each in spans if each.__class__ is not Span]
        parts, odd = [], 0
        for each, encoder in ((own, self._own), (other, self._foreign)):
            if each and encoder is not None:
                made, bad = _whole(each, encoder)
                parts.append(made)  # messages of one type after each other are one message with the parts of all
                odd += bad
        return b"".join(parts), odd

    def _own(self, spans: Sequence[Span]) -> bytes:
        assert self._parts is not None  # noqa: S101  # for the type checker
        return encode(spans, Tracer.epoch(), self._parts)

    def _warn(self, reason: str) -> None:
        self._failures += 1
        now = monotonic()
        if now - self._warned >= self.options.warn:
            self._warned = now
            lost = sum(self.queue.dropped.values())
            self._log.warning(
                "otel.failed", reason=reason, collector=self._host, failures=self._failures, spans_lost=lost
            )


def _whole(spans: Sequence[Any], encoder: Callable[[Sequence[Any]], bytes]) -> tuple[bytes, int]:
    """Return spans encoded, and how many had to be left out, for one odd value is no reason to lose the others."""
    try:
        return encoder(spans), 0
    except Exception:  # noqa: BLE001  # whatever the value does
        if len(spans) == 1:
            return b"", 1
    halves = [_whole(each, encoder) for each in (spans[: len(spans) // 2], spans[len(spans) // 2 :])]
    return halves[0][0] + halves[1][0], halves[0][1] + halves[1][1]


def _forked() -> None:
    for each in [*_running]:
        each.forked()


os.register_at_fork(after_in_child=_forked)

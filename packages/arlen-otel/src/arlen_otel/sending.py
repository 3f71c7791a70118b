"""Sending: encoded spans to a collector, over HTTP, with the attempts that OTLP asks for."""

from __future__ import annotations

import gzip
import logging
import random
import threading
from importlib.metadata import version
from time import monotonic
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import urllib3

from arlen_otel.deadlines import POOLS, until

if TYPE_CHECKING:
    from arlen_otel.options import Options

__all__ = ["Refused", "Sender"]

_AGAIN = frozenset({429, 502, 503, 504})  # OTLP 1.5, "retryable response codes"
_ANSWER = 65536
"""Most bytes of an answer that are read."""


_sending = threading.local()


def _others(_: logging.LogRecord) -> bool:
    """Say whether a line of urllib3 is not about sending: those tell the whole URL, and it may hold a key."""
    return not getattr(_sending, "now", False)


for _name in ("urllib3.connectionpool", "urllib3.util.retry"):
    logging.getLogger(_name).addFilter(_others)


class Refused(Exception):  # it says what happened
    """The collector did not take spans; the text says why, without anything that could be a secret.

    Attributes:
        large: whether it said that they were too many at once.
    """

    large = False


class Sender:
    """Sends to one collector, from one thread. Redirects are not followed, for the headers may be secret.

    Args:
        options: what is known of it.

    Attributes:
        stopping: set it to end a wait for the next attempt: that one is the last.
    """

    def __init__(self, options: Options) -> None:
        self._url, self._timeout, self._gzip = options.url, options.timeout, options.gzip
        self._headers = {"user-agent": f"arlen-otel/{version('arlen-otel')}"}
        self._headers |= {name: value.reveal() for name, value in options.headers}
        self._headers |= {"content-type": "application/x-protobuf"}
        if options.gzip:
            self._headers["content-encoding"] = "gzip"
        self._pool = _pool(options)
        self.stopping = threading.Event()

    def send(self, data: bytes, end: float | None = None) -> int:
        """Send a request; return how many of its spans the collector rejected all the same.

        Args:
            data: what to send.
            end: when the last attempt ends, of `time.monotonic`; `timeout` seconds from now by default.

        Raises `Refused` after the last attempt.
        """
        body = gzip.compress(data, 1) if self._gzip else data
        end, pause = monotonic() + self._timeout if end is None else end, 1.0
        while True:
            reason, again, answer = self._attempt(body, end)
            if not reason:
                return _rejected(answer)
            wait = max(pause * random.uniform(0.8, 1.2), again)  # noqa: S311  # not to come with all others
            if again < 0 or self.stopping.is_set() or monotonic() + wait >= end:
                refused = Refused(reason)
                refused.large = reason == "status 413"
                raise refused
            self.stopping.wait(wait)
            pause *= 2

    def close(self) -> None:
        """Close the connections."""
        self._pool.clear()

    def _attempt(self, body: bytes, end: float) -> tuple[str, float, bytes]:
        """Return why it failed or "", after how many seconds to try again or -1, and the answer."""
        _sending.now = True
        try:
            with until(end):
                answer, read = self._exchanged(body, max(end - monotonic(), 0.001))
        except (urllib3.exceptions.HTTPError, OSError) as error:
            return type(error).__name__, 0.0, b""
        except Exception as error:  # noqa: BLE001  # what it says may hold a header
            return type(error).__name__, -1.0, b""
        finally:
            _sending.now = False
        if 200 <= answer.status < 300:
            return "", 0.0, read
        return f"status {answer.status}", _pause(answer) if answer.status in _AGAIN else -1.0, b""

    def _exchanged(self, body: bytes, left: float) -> tuple[Any, bytes]:
        answer = self._pool.request(
            "POST",
            self._url,
            body=body,
            headers=self._headers,
            timeout=urllib3.Timeout(total=left),
            retries=False,
            preload_content=False,
        )
        try:
            return answer, answer.read(_ANSWER)
        finally:
            answer.release_conn() if answer.isclosed() else answer.close()


def _pool(options: Options) -> Any:
    made = _manager(options)
    made.pool_classes_by_scheme = POOLS
    return made


def _manager(options: Options) -> Any:
    files = {"ca_certs": options.certificate, "cert_file": options.client_certificate, "key_file": options.client_key}
    settings: dict[str, Any] = {name: str(path) for name, path in files.items() if path is not None}
    target = urlsplit(options.url)
    if target.scheme == "https":
        settings["cert_reqs"] = "CERT_REQUIRED"
    proxy = getproxies().get(target.scheme)
    if proxy and not proxy_bypass(target.netloc.rpartition("@")[2]):
        return urllib3.ProxyManager(proxy, num_pools=1, maxsize=1, **settings)
    return urllib3.PoolManager(num_pools=1, maxsize=1, **settings)


def _pause(answer: Any) -> float:
    """Return the seconds of `Retry-After` (RFC 9110 §10.2.3), 0 without one."""
    try:
        return float(urllib3.Retry().get_retry_after(answer) or 0.0)
    except (urllib3.exceptions.HTTPError, ValueError, OverflowError):  # a year that no clock has
        return 0.0


def _rejected(answer: bytes) -> int:
    """Return `partial_success.rejected_spans` of an `ExportTraceServiceResponse`, 0 when there is none."""
    if len(answer) < 4 or answer[0] != 0x0A:
        return 0
    at = 2 if answer[1] < 128 else 3 if answer[2] < 128 else 4
    if len(answer) <= at or answer[at] != 0x08:
        return 0
    number = shift = 0
    for byte in answer[at + 1 : at + 11]:
        number |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            break
    return number

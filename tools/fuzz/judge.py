"""The judge: compares what a server made of a stream with what the reference, and h11, make of it."""

from importlib.util import find_spec
from typing import Any

from tools.fuzz import answers
from tools.fuzz.answers import Answer, Nonsense
from tools.fuzz.reference import Heard, Reading
from tools.fuzz.rig import Outcome, Seen

__all__ = ["opinion", "verdict"]

_EARLY = frozenset({b"/unread", b"/stream"})  # are answered before their bodies are there
_COMMON = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "QUERY"})


def verdict(data: bytes, reading: Reading, outcome: Outcome) -> list[str]:
    """Return which invariants are broken, and how; nothing when all hold."""
    heard = [*reading.requests, *([reading.partial] if reading.partial else [])]
    try:
        sent = answers.read(outcome.sent, [each.method for each in heard])
    except Nonsense as error:
        return [*outcome.broken, f"what was sent is no HTTP: {error}"]
    final = [each for each in sent if each.status >= 200]
    return [
        *outcome.broken,
        *_order(final),
        *_seen(reading, outcome.seen),
        *_count(reading, outcome, final),
        *_interim(heard, sent),
        *_cut(reading, sent),
        *opinion(data, reading.requests),
    ]


def opinion(data: bytes, requests: list[Heard]) -> list[str]:
    """Compare the reference with h11, where that is installed and takes the stream: both must see the same requests."""
    other = _h11(data, len(requests)) if requests and find_spec("h11") is not None else []
    for number, (mine, (method, target, body)) in enumerate(zip(requests, other, strict=False)):
        short = mine.path + (b"?" + mine.query if mine.query else b"")
        same = (mine.method, mine.body) == (method, body)
        if not same or (target.startswith(b"/") and target.removesuffix(b"?") != short.removesuffix(b"?")):
            return [f"request {number} is {mine!r} here, and {method} {target!r} {body!r} to h11"]
    return []


def _order(final: list[Answer]) -> list[str]:
    """An error, and an answer that says so, is the last one."""
    early = [each.status for each in final[:-1] if each.status >= 400 or each.closes]
    return [f"there are answers behind {early}"] if early else []


def _seen(reading: Reading, seen: list[Seen]) -> list[str]:
    """The application sees the requests of the reference, in order, and no others."""
    known = [each for each in reading.requests if each.path != b"*"]
    wrong = []
    for number, mine in enumerate(seen):
        expected = known[number] if number < len(known) else reading.partial if number == len(known) else None
        if expected is None:
            wrong.append(f"request {number} is {mine!r}; the reference sees none ({reading.end}: {reading.reason})")
        elif (mine.method, mine.path, mine.query) != (expected.method, expected.path, expected.query):
            wrong.append(f"request {number} is {mine!r}; to the reference it is {expected!r}")
        elif mine.body is not None and (expected is reading.partial or mine.body != expected.body):
            wrong.append(f"request {number} has the body {mine.body!r}; to the reference it is {expected!r}")
    return wrong


def _count(reading: Reading, outcome: Outcome, final: list[Answer]) -> list[str]:
    """As many answers as requests, one more for a refusal; who is refused is closed; nothing good is refused."""
    good = [each for each in final if each.status < 400]
    refused = len(good) < len(final)
    whole = len(reading.requests)
    early = reading.partial is not None and reading.partial.path in _EARLY
    wrong = []
    if final and final[-1].closes and not refused and _unread(reading, len(good)):
        going = final[-1].cut or reading.end == "body"  # the answer itself is not over yet
        return [] if outcome.ended or going else ["an answer says that the connection ends, and it goes on"]
    if not whole <= len(good) <= whole + early and not (refused and _may_refuse(reading, len(good))):
        wrong.append(f"{len(good)} good answers to {whole} requests ({reading.end}: {reading.reason})")
    if refused and not outcome.ended:
        wrong.append("a refusal leaves the connection open")
    if refused and reading.end in {"idle", "closed"} and len(good) == whole:
        wrong.append(f"{final[-1].status} for nothing: the reference refuses nothing")
    if reading.end == "refused" and not outcome.ended:
        wrong.append(f"the reference refuses it ({reading.reason}); the connection goes on")
    if reading.end == "refused" and not refused and not early:
        wrong.append(f"the reference refuses it ({reading.reason}); there is no refusal")
    if reading.end == "closed" and not outcome.ended:
        wrong.append("the last request closes the connection, and it goes on")
    if reading.end in {"idle", "head"} and outcome.ended and not refused:
        wrong.append("the connection ends without a reason")
    return wrong


def _may_refuse(reading: Reading, number: int) -> bool:
    """Methods that httptools does not know are refused, and the reference knows no list of them."""
    return number < len(reading.requests) and reading.requests[number].method not in _COMMON


def _unread(reading: Reading, number: int) -> bool:
    """A body that nobody wants may end the connection instead of being skipped; the answer says so."""
    heard = [*reading.requests, *([reading.partial] if reading.partial else [])]
    return number <= len(heard) and heard[number - 1].path in _EARLY


def _cut(reading: Reading, sent: list[Answer]) -> list[str]:
    """An answer has no end only when the body that it is made of has none."""
    cut = [each for each in sent if each.cut]
    good = len(cut) <= 1 and cut == sent[-1:] and reading.partial is not None and reading.partial.path == b"/stream"
    return [] if good or not cut else ["an answer is cut"]


def _interim(heard: list[Heard], sent: list[Answer]) -> list[str]:
    """Only who expects 100 Continue gets it, and only once (RFC 9110 §10.1.1)."""
    interim = [each.status for each in sent if each.status < 200]
    wanted = sum(each.expects for each in heard)
    return [] if len(interim) <= wanted and set(interim) <= {100} else [f"{interim} for {wanted} expectations"]


def _h11(data: bytes, count: int) -> list[tuple[str, bytes, bytes]]:
    """Return the requests that h11 sees, up to the first that it refuses or that is not whole."""
    import h11

    found: list[tuple[str, bytes, bytes]] = []
    connection: Any = h11.Connection(h11.SERVER)
    connection.receive_data(data)
    try:
        while len(found) < count:
            request = connection.next_event()
            if not isinstance(request, h11.Request):
                break
            body = b""
            while isinstance(event := connection.next_event(), h11.Data):
                body += event.data
            if not isinstance(event, h11.EndOfMessage):
                break
            found.append((request.method.decode(), request.target, body))
            connection.send(h11.Response(status_code=200, headers=[("content-length", "0")]))
            connection.send(h11.EndOfMessage())
            connection.start_next_cycle()
    except (h11.RemoteProtocolError, h11.LocalProtocolError):
        pass
    return found

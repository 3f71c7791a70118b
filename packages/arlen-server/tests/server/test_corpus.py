"""The corpus: raw requests as data, each with its RFC section and what must come of it.

A case has `raw`, or a chunked `body`; what `status` the answers have; the targets `seen` by the application; perhaps a
`code`, `closed` when the connection ends after an accepted request, and `alone` when nothing is to be sent behind it.
`demand` is the RFC's word where it is not plain from the status: grammar SHOULD be refused (RFC 9112 §2.2).
"""

import asyncio
import tomllib
from pathlib import Path

import pytest

pytestmark = pytest.mark.anyio

CANARY = b"GET /canary HTTP/1.1\r\nHost: canary\r\nConnection: close\r\n\r\n"
CHUNKED = "POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"


def load() -> list:
    """Return every case of every file as a parameter."""
    cases = []
    for path in sorted((Path(__file__).parent / "corpus").glob("*.toml")):
        found = tomllib.loads(path.read_text())["case"]
        cases += [pytest.param(case, id=f"{path.stem}: {case['name']}") for case in found]
    return cases


CASES = load()


def raw(case) -> bytes:
    """Return the bytes to send: the case, and behind it a request that must be answered exactly when it may be."""
    data = case.get("raw", CHUNKED + case.get("body", "")).encode("latin-1")
    return data if case.get("alone") else data + CANARY


def expected(case) -> tuple[list[int], list[str]]:
    """Return the statuses and the targets that the application must see."""
    closed = case.get("closed", case["status"][-1] >= 400)
    tail = ([], []) if closed else ([200], ["/canary"])
    return case["status"] + tail[0], case.get("seen", []) + tail[1]


def split(stream: bytes, parse) -> list[tuple[int, dict[str, str], bytes]]:
    """Parse a stream of responses."""
    answers = []
    while stream:
        head, _, stream = stream.partition(b"\r\n\r\n")
        status, headers = parse(head + b"\r\n\r\n")
        size = int(headers.get("content-length", "0"))
        answers.append((status, headers, stream[:size]))
        stream = stream[size:]
    return answers


def seen(app) -> list[str]:
    """Return the targets that the application saw, with their queries."""
    return [(path + b"?" * bool(query) + query).decode("latin-1") for _, path, query in app.seen]


def check(case, stream: bytes, app, parse) -> None:
    """Compare what came of a case with what must come."""
    statuses, targets = expected(case)
    answers = split(stream, parse)
    assert statuses == [status for status, _, _ in answers]
    assert targets == seen(app)
    if "code" in case:
        assert f'"code":"{case["code"]}"'.encode() in answers[-1][2]
    if statuses[-1] >= 400:
        assert "close" == answers[-1][1]["connection"]
        assert 32 == len(answers[-1][1]["x-request-id"])


@pytest.mark.parametrize("case", CASES)
async def test_at_once(serving, heads, case):
    """Sent at once over a socket, a request gets what the RFC says, and nothing behind a bad one is read."""
    served = await serving()
    peer = await served.connect()
    peer.send(raw(case))
    check(case, await peer.rest(), served.app, heads)


@pytest.mark.parametrize("case", CASES)
async def test_byte_by_byte(serving, wire, heads, case):
    """Sent byte by byte, the same comes of it."""
    served = await serving()
    line = wire(served.server)
    await line.feed(*(bytes([byte]) for byte in raw(case)))
    await line.settle()
    if case["status"] == [400] and served.app.seen == [("POST", b"/a", b"")]:
        served.app.seen.clear()  # its handler had started before the body turned out to be wrong
    check(case, line.transport.data, served.app, heads)
    line.transport.abort()
    await asyncio.sleep(0)


DEMANDS = {"MUST accept", "SHOULD accept", "MAY refuse", "MAY refuse, MUST close", "SHOULD refuse", "MUST refuse"}


def test_every_demand_is_met():
    """What the RFCs want refused is refused; what they want accepted is accepted, but where a case says otherwise."""
    for case in (parameter.values[0] for parameter in CASES):
        accepted = case["status"][0] < 400
        demand = case.get("demand", "MUST accept" if accepted else "SHOULD refuse")
        assert demand in DEMANDS
        assert not (accepted and demand.endswith(("SHOULD refuse", "MUST refuse"))), case["name"]
        assert accepted or "accept" not in demand or "refused here" in case["rfc"], case["name"]


def test_every_case_names_its_rfc():
    """Every case says which rule it is about, and no two have the same name."""
    cases = [parameter.values[0] for parameter in CASES]
    assert [] == [case["name"] for case in cases if not case["rfc"]]
    assert len(CASES) == len({parameter.id for parameter in CASES})

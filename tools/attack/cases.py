"""Cases: the corpus of arlen-server's tests, with what the RFCs demand of everybody."""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["CORPUS", "Case", "load"]

CORPUS = Path(__file__).parents[2] / "packages/arlen-server/tests/server/corpus"
_CHUNKED = "POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
_CANARY = b"GET /canary HTTP/1.1\r\nHost: canary\r\nConnection: close\r\n\r\n"


@dataclass(frozen=True)
class Case:
    """One stream of requests.

    Attributes:
        group: the file that it is in.
        name: what it is.
        rfc: the section, and what it says.
        demand: "MUST accept", "SHOULD accept", "MAY refuse", "MAY refuse, MUST close", "SHOULD refuse", "MUST refuse".
        data: the bytes, with a good request behind that says `Connection: close`.
        count: how many requests there are when it is accepted.
    """

    group: str
    name: str
    rfc: str
    demand: str
    data: bytes
    count: int


def load(folder: Path = CORPUS) -> list[Case]:
    """Return every case, in the order of the files."""
    paths = sorted(folder.glob("*.toml"))
    return [_case(path.stem, each) for path in paths for each in tomllib.loads(path.read_text("utf-8"))["case"]]


def _case(group: str, case: dict[str, Any]) -> Case:
    raw = case.get("raw", _CHUNKED + case.get("body", "")).encode("latin-1")
    accepted = case["status"][0] < 400
    demand = case.get("demand", "MUST accept" if accepted else "SHOULD refuse")
    good = sum(status < 400 for status in case["status"])
    closed = case.get("closed", case["status"][-1] >= 400)
    count = good + (not closed) if accepted else 2
    return Case(group, case["name"], case["rfc"], demand, raw if case.get("alone") else raw + _CANARY, count)

"""The document of the board: valid, shown, and kept by every answer to requests that are made of it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from arlen import App, Client
from arlen_openapi import document

from app import board

pytestmark = [pytest.mark.anyio, pytest.mark.engines("sqlite")]

OPERATIONS = {
    ("/", "get"), ("/import", "get"), ("/import", "post"), ("/incidents", "get"), ("/incidents", "post"),
    ("/incidents/new", "get"), ("/incidents/{id}", "get"), ("/incidents/{id}", "patch"),
    ("/incidents/{id}/edit", "get"), ("/incidents/{id}/edit", "post"), ("/incidents/{id}/notes", "post"),
    ("/incidents/{id}/status", "post"),
}  # fmt: skip

RULES = ("412", "422", "428")
"""How the board refuses what no schema can tell from the rest: a time to come, a version that was, no condition."""

CONFIG: dict[str, Any] = {
    "seed": 1,
    "generation": {"max-examples": 4, "deterministic": True},
    "phases": {"stateful": {"enabled": False}},
    "checks": {
        "positive_data_acceptance": {"expected-statuses": ["2xx", "3xx", "401", "403", "404", "409", "5xx", *RULES]}
    },
}


def excused(check: str, info: Any) -> bool:
    """Say whether schemathesis is wrong: in a multipart form a list of one is one text, but it takes that for none."""
    return check == "negative_data_rejection" and "in body - tags: Incorrect type" in info.failure.message


@pytest.fixture
def shown(fresh: str) -> App:
    """A board on a database of its own, with the sample."""
    words = {"ARLEN_DATABASE__URL": fresh, "ARLEN_LOG__LEVEL": "error", "ARLEN_LOG__ACCESS": "false"}
    return board(env="test", environ=words)


@pytest.fixture
def stopped(shown: App) -> Iterator[App]:
    """The board for schemathesis, which starts it by itself; it is stopped in the end."""
    pytest.importorskip("schemathesis", reason="schemathesis is not installed")
    from schemathesis.python import asgi

    yield shown
    asgi._shutdown()  # the thread of its event loop too, which it would keep to the end of the process


async def test_every_route_is_in_the_document(shown: App) -> None:
    """What programs and people can ask for is there; static files, icons and the document itself are not."""
    found = document(shown)["paths"]
    assert {(path, method) for path, operations in found.items() for method in operations} == OPERATIONS


async def test_the_document_is_valid(shown: App) -> None:
    """An independent validator finds nothing wrong with it."""
    validator = pytest.importorskip("openapi_spec_validator", reason="openapi-spec-validator is not installed")
    async with Client(shown) as client:
        reply = await client.get("/openapi.json")
    validator.validate(reply.json())
    assert (reply.status, reply.json()) == (200, document(shown))


async def test_the_document_is_shown(shown: App) -> None:
    """There is a page for it, outside of production."""
    async with Client(shown) as client:
        reply = await client.get("/docs")
    assert (reply.status, reply.media) == (200, "text/html")


def test_schemathesis_finds_nothing(stopped: App, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Requests at the edges of the document and wrong ones get answers that it describes, whatever they hold."""
    monkeypatch.chdir(tmp_path)  # it keeps what it found in the current folder
    schemathesis = pytest.importorskip("schemathesis", reason="schemathesis is not installed")
    from schemathesis.config import SchemathesisConfig
    from schemathesis.engine import events, from_schema

    config = SchemathesisConfig.from_dict(CONFIG)
    schema = schemathesis.openapi.from_asgi("/openapi.json", stopped, config=config)
    failures, count = [], 0
    for event in from_schema(schema).execute():
        if isinstance(event, events.ScenarioFinished):
            checks = [each for found in event.recorder.checks.values() for each in found]
            found = [(each.name, each.failure_info) for each in checks if each.failure_info]
            failures += [f"{event.label}: {name}: {info}" for name, info in found if not excused(name, info)]
            count += len(checks)
        elif isinstance(event, events.NonFatalError | events.FatalError):
            failures.append(str(event))
    assert ([], True) == (failures, count > 1000)

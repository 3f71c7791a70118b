"""Snapshots: the documents of three applications, byte for byte, and whether they are valid and true.

`ARLEN_SNAPSHOTS=write` writes them anew; look at what changed before it is committed.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from arlen_core import App
from arlen_openapi import document, encode

FOLDER = Path(__file__).parent / "snapshots"

CONFIG: dict[str, Any] = {
    "seed": 1,
    "generation": {"max-examples": 3, "deterministic": True},
    "phases": {"stateful": {"enabled": False}},
    "checks": {"positive_data_acceptance": {"expected-statuses": ["2xx", "3xx", "401", "403", "404", "409", "429"]}},
}
FUZZED = {
    "generation": {"max-examples": 5, "deterministic": True},
    "phases": {"stateful": {"enabled": False}, "coverage": {"enabled": False}},
}
"""For the application whose edges are many; the example application has these looked at in its own tests."""

EXCUSED = (
    "Missing request body",  # no bytes at all are a body of none, for a handler that counts them
    "price: Value not matching",  # in a form, an empty field is one that is not there
    "gift: Incorrect type",  # in a form, 0 is a word for no
    "Unsupported method TRACE returned 403",  # guards of a mount are asked before anybody learns what is behind it
)
BLANK = re.compile(r"[?&][^=&']+=(?=[&']|$)")


def test_the_document_is_the_snapshot(sample: tuple[str, App]) -> None:
    """Nobody changes what applications tell of themselves without seeing it."""
    name, app = sample
    made, file = encode(document(app), indent=2), FOLDER / f"{name}.json"
    if os.environ.get("ARLEN_SNAPSHOTS") == "write":
        file.write_bytes(made)
    assert file.read_text("utf-8") == made.decode()


def test_the_document_is_valid(sample: tuple[str, App]) -> None:
    """An independent validator finds nothing wrong."""
    validator = pytest.importorskip("openapi_spec_validator", reason="openapi-spec-validator is not installed")
    validator.validate(document(sample[1]))


def test_the_schemas_are_valid(sample: tuple[str, App]) -> None:
    """Every component is a JSON Schema of the draft 2020-12."""
    jsonschema = pytest.importorskip("jsonschema", reason="jsonschema is not installed")
    for schema in document(sample[1])["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)


def test_two_processes_give_the_same_bytes(sample: tuple[str, App]) -> None:
    """Neither the time nor the seed of hashes is in a document."""
    name, app = sample
    code = (
        "import importlib.util, sys\n"
        f"spec = importlib.util.spec_from_file_location('apps', {str(Path(__file__).parent / 'conftest.py')!r})\n"
        "apps = importlib.util.module_from_spec(spec)\n"
        "sys.modules['apps'] = apps\n"
        "spec.loader.exec_module(apps)\n"
        "from arlen_openapi import document, encode\n"
        f"sys.stdout.buffer.write(encode(document(apps.{name}())))\n"
    )
    words = {**os.environ, "PYTHONHASHSEED": "7"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, env=words, check=True, timeout=60)
    assert encode(document(app)) == done.stdout


def excused(info: Any) -> bool:
    """Say whether it is known that the check is too strict there."""
    message = info.failure.message
    blank = " in query - " in message and BLANK.search(info.code_sample)  # in a query too
    return bool(blank) or any(each in message for each in EXCUSED)


def test_every_answer_is_described(sample: tuple[str, App], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Requests made of the document, right and wrong ones, never get a status or a body that it does not describe."""
    schemathesis = pytest.importorskip("schemathesis", reason="schemathesis is not installed")
    pytest.importorskip("multipart", reason="arlen-core[multipart] is not installed, which reads uploads")
    from schemathesis.config import SchemathesisConfig
    from schemathesis.engine import events, from_schema
    from schemathesis.python import asgi

    monkeypatch.chdir(tmp_path)  # it keeps what it found in the current folder
    config = SchemathesisConfig.from_dict(CONFIG | (FUZZED if sample[0] == "crud" else {}))
    failures, count = [], 0
    try:
        schema = schemathesis.openapi.from_asgi("/openapi.json", sample[1], config=config)
        for event in from_schema(schema).execute():
            if isinstance(event, events.ScenarioFinished):
                checks = [each for found in event.recorder.checks.values() for each in found]
                found = [(each.name, each.failure_info) for each in checks if each.failure_info]
                failures += [f"{event.label}: {name}: {info}" for name, info in found if not excused(info)]
                count += len(checks)
            elif isinstance(event, events.NonFatalError | events.FatalError):
                failures.append(str(event))
    finally:
        asgi._shutdown()  # the thread of its event loop too, which it would keep to the end of the process
    assert [] == failures
    assert count > 100

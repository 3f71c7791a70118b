"""Imports: what `import arlen_core` and an application cost before anything is used."""

import json
import subprocess
import sys

import pytest

HEAVY = {"structlog", "rich", "jinja2", "sqlite3", "importlib.metadata", "email", "multipart", "a2wsgi", "brotli"}

MEASURE = """
import json, sys
import msgspec, anyio
{base}
def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096
before, modules = resident(), set(sys.modules)
{code}
print(json.dumps({{"bytes": resident() - before, "modules": sorted(set(sys.modules) - modules)}}))
"""


def cost(code, base=""):
    """Run the code in a fresh interpreter, after msgspec, anyio and the base, and return what it took."""
    run = subprocess.run(
        [sys.executable, "-I", "-c", MEASURE.format(base=base, code=code)],
        check=True,
        capture_output=True,
        timeout=120,
        text=True,
    )
    return json.loads(run.stdout)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
@pytest.mark.parametrize(
    ("code", "base"),
    [
        ("import arlen_core", ""),
        ("from arlen_core import App", "import asyncio"),
        ("from arlen_core import App; App('x')", "import asyncio"),
    ],
)
def test_an_import_is_small(code, base):
    """Within 12 MB above Python with msgspec and anyio (and the event loop, for the application itself)."""
    found = cost(code, base)
    assert set() == HEAVY & set(found["modules"])
    assert found["bytes"] <= 12 * 2**20


@pytest.mark.parametrize(
    "module",
    ["access", "background", "clock", "config", "hooks", "ids", "lifecycle", "loading", "logs", "services", "vault"],
)
def test_the_ground_floor_brings_no_event_loop(module):
    """Not asyncio, and so not ssl either: 6 MB that a command such as `arlen config` does not need."""
    assert set() == (HEAVY | {"asyncio", "ssl"}) & set(cost(f"import arlen_core.{module}")["modules"])

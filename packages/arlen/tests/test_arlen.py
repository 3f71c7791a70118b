"""Tests of the front door."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

import arlen
import arlen_core

SOURCE = Path(arlen.__file__)


@pytest.mark.parametrize("name", arlen.__all__)
def test_every_name_is_there(name):
    """Each name of `__all__` is the object of the package where it lives."""
    found = getattr(arlen, name)
    module = arlen._HOME[name]
    assert getattr(sys.modules[module], name) is found
    assert name in dir(arlen)


def test_type_checkers_see_the_same_names():
    """The imports that only type checkers read are those that happen when a name is used."""
    (block,) = [node for node in ast.parse(SOURCE.read_text()).body if isinstance(node, ast.If)]
    seen = {alias.name: node.module for node in block.body for alias in node.names}
    assert arlen._HOME == seen
    assert sorted(arlen.__all__) == sorted(seen)


def test_the_core_has_no_public_name_that_is_missing_here():
    """What the core shows to its users, the front door shows too."""
    assert set(arlen_core.__all__) <= set(arlen.__all__)


def test_an_unknown_name_is_an_attribute_error():
    """A misspelt import fails as it does with any module."""
    with pytest.raises(AttributeError, match="module 'arlen' has no attribute 'Ap'"):
        _ = arlen.Ap


def loaded(code):
    """Return the modules that a fresh Python has loaded after this code."""
    script = f"import sys\n{code}\nimport json\nprint(json.dumps(sorted(sys.modules)))"
    made = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(json.loads(made.stdout))


def test_the_import_brings_nothing():
    """`import arlen` loads no other package: the price is paid for what is used."""
    found = loaded("import arlen")
    assert not {"arlen_core", "arlen_web", "arlen_server", "arlen_cli", "msgspec", "jinja2", "anyio"} & found


def test_the_application_brings_no_feature():
    """`from arlen import App` loads the core, and neither views, nor server, nor database drivers."""
    found = loaded("from arlen import App, Context, Router, Struct")
    assert "arlen_core.app" in found
    assert not {"arlen_web", "arlen_server", "arlen_cli", "jinja2", "httptools", "uvloop", "sqlite3"} & found

"""The package itself: its public names, loaded when they are first used."""

import json
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import arlen_core


def fresh(code: str) -> list[str]:
    """Return the modules that a fresh interpreter has after the code, beside those it had before."""
    script = (
        f"import sys, json; before = set(sys.modules)\n{code}\nprint(json.dumps(sorted(set(sys.modules) - before)))"
    )
    run = subprocess.run([sys.executable, "-I", "-c", script], check=True, capture_output=True, timeout=120, text=True)
    return json.loads(run.stdout)


@pytest.mark.parametrize("name", arlen_core.__all__)
def test_every_public_name_is_there(name):
    """It is the one of its module, and stays."""
    value = getattr(arlen_core, name)
    assert value is getattr(arlen_core, name)
    home = import_module(f"arlen_core.{arlen_core._HOME[name]}")
    assert value is getattr(home, name)
    assert name in home.__all__


def test_the_list_is_exact():
    """What is listed is what is known, sorted, and no module of the package has such a name."""
    assert sorted(arlen_core.__all__) == sorted(arlen_core._HOME) == dir(arlen_core)
    modules = {path.stem for path in Path(arlen_core.__file__).parent.glob("*.py")}
    assert set() == modules & set(arlen_core.__all__)


def test_a_name_that_is_not_there():
    """Is the usual error."""
    with pytest.raises(AttributeError, match="module 'arlen_core' has no attribute 'Nothing'"):
        _ = arlen_core.Nothing
    with pytest.raises(ImportError):
        exec("from arlen_core import Nothing")


def test_a_star_brings_everything():
    """For a first try in a shell."""
    space: dict = {}
    exec("from arlen_core import *", space)
    assert set(arlen_core.__all__) <= set(space)


def test_importing_the_package_imports_nothing_else():
    """Not even msgspec or anyio, let alone ssl, structlog or Jinja."""
    loaded = fresh("import arlen_core")
    assert {"arlen_core"} == {name for name in loaded if name.startswith("arlen_core")}
    assert set() == {"anyio", "msgspec", "structlog", "jinja2", "multipart", "a2wsgi", "ssl", "asyncio"} & set(loaded)


def test_an_application_imports_nothing_that_it_may_not_need():
    """No logging library, template engine, parser of forms, bridge, compressor, page of errors, nor the test client."""
    loaded = set(fresh("from arlen_core import App; App('x', environ={})"))
    assert set() == loaded & {
        "structlog", "rich", "jinja2", "multipart", "a2wsgi", "brotli", "selectolax", "sqlite3", "email", "html",
        "arlen_core.debug", "arlen_core.testing", "arlen_core.pages", "arlen_core.parts",
    }  # fmt: skip


@pytest.mark.parametrize(
    "name", [path.stem for path in Path(arlen_core.__file__).parent.glob("*.py") if path.stem != "__init__"]
)
def test_every_module_says_what_it_has(name):
    """`__all__` names what is there, and the first line says what the module is."""
    module = import_module(f"arlen_core.{name}")
    assert all(hasattr(module, each) for each in module.__all__)
    assert len(set(module.__all__)) == len(module.__all__)
    assert module.__doc__.splitlines()[0].endswith(".")

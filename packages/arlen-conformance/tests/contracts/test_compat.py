"""Plugins that are certified without a test file: by an option of pytest, and by the command."""

import json
import sys

import pytest

from arlen_conformance.running import Order, run

pytest_plugins = ["pytester"]

PLUGIN = """
from arlen_conformance.conformance.couriers import Courier


class Owl(Courier):
    '''A good one.'''


class Crow(Courier):
    '''One that takes a name of its own.'''
    def register(self, app):
        super().register(app)
        app.helper("caw", self.often)


def pair():
    return Owl(), Owl()
"""

WORDS = ("-pno:cacheprovider", "-q", "--conformance-report=report.json")


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Runs of pytest load what they need: other plugins take longer to load than all tests."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setenv("PYTEST_PLUGINS", "arlen_conformance.plugin,anyio.pytest_plugin")


@pytest.fixture
def birds(pytester):
    """A folder with a module of plugins, under a name that no other test has."""
    name = f"birds_{pytester.path.name}"
    pytester.makepyfile(**{name: PLUGIN})
    yield name
    sys.modules.pop(name, None)


def test_a_plugin_is_certified_by_an_option(pytester, birds):
    """Nothing else is collected; the report is that of a test file."""
    pytester.makepyfile(test_other="def test_other(): raise OSError")
    result = pytester.runpytest_subprocess(f"--arlen-plugin-compat={birds}:Owl", *WORDS)
    assert 0 == result.ret
    (subject,) = json.loads((pytester.path / "report.json").read_text())["subjects"]
    assert (f"{birds}:Owl", "plugin", "conformant") == (subject["title"], subject["contract"], subject["verdict"])


def test_files_that_are_asked_for_run_too(pytester, birds):
    """Beside the contract."""
    path = pytester.makepyfile(test_other="def test_other(): pass")
    result = pytester.runpytest_subprocess(f"--arlen-plugin-compat={birds}:Owl", *WORDS, path)
    result.assert_outcomes(passed=19)


def test_a_bad_plugin_fails(pytester, birds):
    """The broken promise is named."""
    result = pytester.runpytest_subprocess(f"--arlen-plugin-compat={birds}:Crow", *WORDS, "-k", "carries_its_name")
    assert 1 == result.ret
    result.stdout.fnmatch_lines(["*helper 'caw'*"])


@pytest.mark.parametrize("factory", ["nowhere:Owl", "json", "sys:path"])
def test_what_is_no_factory(pytester, factory):
    """It is an error of usage, with the fix."""
    result = pytester.runpytest_subprocess(f"--arlen-plugin-compat={factory}", *WORDS)
    assert pytest.ExitCode.USAGE_ERROR == result.ret
    result.stderr.fnmatch_lines(["*(fix: *"])


def test_what_makes_no_plugin(pytester, birds, monkeypatch):
    """The promises say what was made in place of one."""
    monkeypatch.chdir(pytester.path)
    monkeypatch.syspath_prepend(str(pytester.path))
    monkeypatch.setenv("PYTHONPATH", str(pytester.path))
    report, output = run(Order("plugin", f"{birds}:pair"), select="reserved")
    assert "failing" == report.verdict
    assert "what makes a plugin; it made" in output

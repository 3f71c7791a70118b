"""Tests of arlen_core.enabling."""

import importlib.metadata
import sys
from importlib.metadata import EntryPoint

import pytest

from arlen_core.enabling import GROUP, found, points
from arlen_core.errors import StartupError

SOURCE = """
from arlen_core.plugins import Plugin


class Greeter(Plugin):
    name = "greeter"


class Needy(Plugin):
    def __init__(self, host):
        self.host = host


class Box:
    inner = Greeter()


def make():
    return Greeter()


def nothing():
    return None


number = 7
"""


@pytest.fixture
def module(tmp_path, monkeypatch):
    """Write a module, importable in this test only; returns its name."""

    def write(text=SOURCE, name="greetings"):
        (tmp_path / f"{name}.py").write_text(text)
        monkeypatch.delitem(sys.modules, name, raising=False)
        return name

    monkeypatch.syspath_prepend(tmp_path)
    yield write
    for name in [name for name, each in sys.modules.items() if str(tmp_path) in str(getattr(each, "__file__", ""))]:
        del sys.modules[name]


@pytest.fixture
def offers(monkeypatch):
    """Install these entry points."""

    def put(**values):
        made = [EntryPoint(name, each, GROUP) for name, all_ in values.items() for each in all_.split()]
        monkeypatch.setattr(importlib.metadata, "entry_points", lambda group: made if group == GROUP else [])

    put()
    return put


@pytest.mark.parametrize("attribute", ["Greeter", "make", "Box.inner"])
def test_a_place(module, attribute):
    """A class, a function that makes one, or a plugin itself, at whatever depth."""
    assert "greeter" == found(f"{module()}:{attribute}").name


def test_an_entry_point(module, offers):
    """A name that an installed package offers."""
    offers(hello=f"{module()}:Greeter")
    assert "greeter" == found("hello").name


def test_nothing_is_imported_to_look(module, offers):
    """Listing what there is runs no code of it."""
    offers(hello=f"{module('raise SystemExit', 'bomb')}:Greeter", other="nowhere:X")
    assert ["hello", "other"] == sorted(points())
    assert "bomb" not in sys.modules


def test_an_entry_point_that_is_not_named_is_not_imported(module, offers):
    """The list of the configuration is what counts, not what is installed."""
    offers(bomb=f"{module('raise SystemExit', 'bomb')}:Greeter", hello=f"{module()}:Greeter")
    assert "greeter" == found("hello").name
    assert "bomb" not in sys.modules


def test_one_entry_point_found_twice(offers):
    """A package that stands twice on the path is one offer; two packages with one name are two."""
    offers(hello="a:X a:X", other="a:X b:X")
    assert {"hello": 1, "other": 2} == {name: len(each) for name, each in points().items()}


@pytest.mark.parametrize(
    ("word", "code", "reason", "fix"),
    [
        ("helo", "plugin_unknown", "there is no such plugin", "did you mean 'hello'?"),
        ("zzz", "plugin_unknown", "there is no such plugin", "installed here: hello, twice"),
        ("twice", "plugin_ambiguous", "several packages offer it: a:X, b:X", "write one of these instead"),
        ("a b:c", "plugin_unknown", "there is no such plugin", "package.module:Name"),
        ("nowhere_at_all:X", "plugin_unknown", "there is no module 'nowhere_at_all'", "install its package"),
        ("greetings.deeper:X", "plugin_unknown", "there is no module 'greetings.deeper'", "install its package"),
        ("greetings:Greter", "plugin_unknown", "greetings has no 'Greter'", "did you mean 'Greeter'?"),
        ("greetings:Box.outer", "plugin_unknown", "greetings has no 'outer'", "did you mean 'inner'?"),
        ("greetings:number", "plugin_invalid", "greetings:number is no plugin", "a method `register(app)`"),
        ("greetings:nothing", "plugin_invalid", "greetings:nothing() gives a NoneType", "a method `register(app)`"),
        ("greetings:Needy", "plugin_load_failed", "greetings:Needy() failed: TypeError", "give every parameter"),
    ],
)
def test_what_cannot_be_found(module, offers, word, code, reason, fix):
    """The error has the word, a code, the reason and the fix."""
    module()
    offers(hello="greetings:Greeter", twice="b:X a:X")
    with pytest.raises(StartupError) as caught:
        found(word)
    assert code == caught.value.code
    assert caught.value.reason.startswith(f"plugin {word!r} cannot be loaded: {reason}")
    assert fix in caught.value.fix


@pytest.mark.parametrize(
    ("text", "reason", "fix"),
    [
        ("import nothing_like_that", "there is no module 'nothing_like_that'", "install nothing_like_that"),
        ("1 / 0", "broken failed to import: ZeroDivisionError", "mend it"),
        ("raise SystemExit(3)", "broken failed to import: SystemExit: 3", "mend it"),
        ("def (", "broken failed to import: SyntaxError", "mend it"),
    ],
)
def test_a_module_that_fails(module, text, reason, fix):
    """Its error is told, and is the cause."""
    module(text, "broken")
    with pytest.raises(StartupError) as caught:
        found("broken:Greeter")
    assert "plugin_load_failed" == caught.value.code
    assert reason in caught.value.reason
    assert fix in caught.value.fix
    assert caught.value.__cause__ is not None


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("odd:leave", r"odd:leave\(\) failed: SystemExit"),
        ("odd:number.inner", "odd has no 'inner'"),
        ("odd:lazy", "'lazy' of odd failed: ImportError: no lazy"),
        ("odd:Shy", "which is no plugin"),
        ("odd:shy", "is no plugin"),
        ("odd:Text", "which is no plugin"),
    ],
)
def test_whatever_stands_there_is_an_error_that_names_it(module, word, reason):
    """A name that is none of a plugin ends neither the application nor the search for what is wrong."""
    module(
        "import sys\n"
        "def leave(): sys.exit(0)\n"
        "number = 3.14\n"
        "class Shy:\n    register = property(lambda self: 1 / 0)\n"
        "shy = Shy()\n"
        "class Text:\n    register = 'x'\n"
        "def __getattr__(name): raise ImportError('no ' + name)\n",
        "odd",
    )
    with pytest.raises(StartupError, match=reason):
        found(word)

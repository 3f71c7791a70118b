"""Tests of arlen_core.manifests."""

import importlib.metadata
from importlib.metadata import EntryPoint

import pytest

from arlen_core.manifests import absent, faults, node
from arlen_core.ordering import Node
from arlen_core.plugins import API, Plugin


def plugin(**said):
    """A plugin that says this about itself."""
    made = type("Made", (Plugin,), {"name": "made", "version": "0.1.0", "arlen_api": ">=1,<2", **said})()
    return made, str(said.get("name", "made"))


def test_the_version_of_the_interface():
    """It is 1.0: what is built for it runs on every 1.x."""
    assert (1, 0) == API


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"name": "a"},
        {"name": "redis-cache_2"},
        {"version": ""},
        {"version": "2026.11"},
        {"version": "1.0.0rc1"},
        {"version": "1.0+local.2"},
        {"arlen_api": ""},
        {"arlen_api": ">=0.9,!=1.1,<3"},
        {"depends_on": ["web"], "after": ("data",), "before": ()},
    ],
)
def test_a_good_manifest(said):
    """Nothing is wrong with it."""
    assert [] == list(faults(*plugin(**said)))


@pytest.mark.parametrize(
    ("said", "code", "reason"),
    [
        ({"name": ""}, "plugin_invalid", "'' is no name"),
        ({"name": "Greeter"}, "plugin_invalid", "'Greeter' is no name"),
        ({"name": "1st"}, "plugin_invalid", "'1st' is no name"),
        ({"name": "a b"}, "plugin_invalid", "'a b' is no name"),
        ({"name": "a" * 65}, "plugin_invalid", "is no name"),
        ({"name": 7}, "plugin_invalid", "7 is no name"),
        ({"version": "new"}, "plugin_invalid", "'new' is no version"),
        ({"version": 1.0, "arlen_api": "~=1"}, "plugin_invalid", "its arlen_api is wrong: '~=1'"),
        ({"depends_on": "web"}, "plugin_invalid", "its depends_on is no tuple of names"),
        ({"after": (7,)}, "plugin_invalid", "its after is no tuple of names"),
        ({"before": None}, "plugin_invalid", "its before is no tuple of names"),
        ({"arlen_api": ">=2"}, "plugin_api", "is for the plugin interface >=2, and this is 1.0"),
        ({"arlen_api": "<1"}, "plugin_api", "is for the plugin interface <1, and this is 1.0"),
    ],
)
def test_a_wrong_manifest(said, code, reason):
    """Each fault has a code, the plugin's name, a reason and a fix."""
    made, name = plugin(**said)
    (found,) = faults(made, name)
    assert code == found.code
    assert reason in found.reason
    assert f"plugin {name!r}" in found.reason
    assert found.fix


def test_all_faults_are_told():
    """Not only the first."""
    assert 3 == len(list(faults(*plugin(name="A", version="?", arlen_api=">=9"))))


def test_an_object_that_is_no_plugin():
    """Needs no manifest; but an order that it asks for has to be right, and an `arlen_api` counts."""

    class Plain:
        name = "No Name"

    class Modern(Plain):
        arlen_api = ">=2"

    assert [] == list(faults(Plain(), "No Name"))
    assert ["plugin_invalid", "plugin_api"] == [each.code for each in faults(Modern(), "No Name")]
    Plain.after = "web"
    assert ["plugin_invalid"] == [each.code for each in faults(Plain(), "No Name")]


def test_where_it_wants_to_be():
    """Lists are as good as tuples; what is wrong counts as nothing, for it is told elsewhere."""
    made, name = plugin(depends_on=["web"], after="data", before=("shop",))
    assert Node("made", depends_on=("web",), after=(), before=("shop",)) == node(made, name)
    assert Node("object") == node(object(), "object")


def test_a_dependency_that_is_missing(monkeypatch):
    """The fix is the nearest name, or an installed package, or to use it."""
    offered = EntryPoint("redis-cache", "redis_cache:Plugin", "arlen.plugins")
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda group: [offered])
    made, name = plugin(depends_on=("web", "dta", "redis-cache", "mail"), after=("nowhere",))
    found = list(absent(made, name, {"web", "data", "made"}))
    assert ["plugin_missing"] * 3 == [each.code for each in found]
    assert "plugin 'made' depends on 'dta', which is not in use" == found[0].reason
    assert [
        "did you mean 'data'?",
        'it is installed: add "redis-cache" to plugins.enabled',
        'app.use(...) a plugin called "mail", or add it to plugins.enabled',
    ] == [each.fix for each in found]


@pytest.mark.parametrize("timeout", [0, -1, float("nan"), "5", True])
def test_a_timeout_is_a_time(timeout):
    """What is no number of seconds above 0 would fail at the start, or wait for ever."""
    assert ["plugin_invalid"] == [each.code for each in faults(*plugin(timeout=timeout))]
    assert [] == list(faults(*plugin(timeout=0.5)))

"""Tuning: what the sections of the runners accept and refuse."""

from __future__ import annotations

import msgspec
import pytest

from arlen_server.tuning import Boomhauer, Propane, Supervised


def test_nothing_needs_to_be_configured():
    """The defaults are complete, and a decoded empty section equals them."""
    assert Propane() == msgspec.convert({}, Propane)
    assert Boomhauer() == msgspec.convert({}, Boomhauer)


@pytest.mark.parametrize(
    ("kind", "section"),
    [
        (Propane, {"workers": 0}),
        (Propane, {"workers": 1024, "jitter": 0.5, "heartbeat_timeout": 0}),
        (Propane, {"commands": [{"name": "jobs", "command": ["a"]}, {"name": "mail-2", "command": ["b", "c"]}]}),
        (Boomhauer, {"retry": 0, "watch": [".", "../lib"], "watcher": "poll"}),
        (Supervised, {"name": "a" * 32, "command": ["a"], "count": 0}),
    ],
)
def test_accepted(kind, section):
    """Values at their bounds are accepted."""
    assert isinstance(msgspec.convert(section, kind), kind)


@pytest.mark.parametrize(
    ("kind", "section", "said"),
    [
        (Propane, {"workers": -1}, "`int` >= 0"),
        (Propane, {"workers": 1025}, "`int` <= 1024"),
        (Propane, {"jitter": 0.51}, "`float` <= 0.5"),
        (Propane, {"start_timeout": 0}, "> 0"),
        (Propane, {"listener": "magic"}, "magic"),
        (Propane, {"wokers": 3}, "wokers"),
        (Propane, {"commands": [{"name": "web", "command": ["a"]}]}, "taken by the server itself"),
        (Propane, {"commands": [{"name": "a", "command": ["a"]}, {"name": "a", "command": ["b"]}]}, "two commands"),
        (Supervised, {"name": "Jobs", "command": ["a"]}, "regex"),
        (Supervised, {"name": "a" * 33, "command": ["a"]}, "regex"),
        (Supervised, {"name": "jobs", "command": []}, "length >= 1"),
        (Supervised, {"name": "jobs"}, "command"),
        (Boomhauer, {"watch": []}, "length >= 1"),
        (Boomhauer, {"poll": 0}, "> 0"),
        (Boomhauer, {"watcher": "inotify"}, "inotify"),
    ],
)
def test_refused(kind, section, said):
    """A wrong value is refused with a message that names the bound or the key."""
    with pytest.raises(msgspec.ValidationError) as caught:
        msgspec.convert(section, kind)
    assert said in str(caught.value)


@pytest.mark.parametrize("kind", [Propane, Boomhauer, Supervised])
def test_every_field_is_described(kind):
    """Each setting says what it does, for the documentation."""
    fields = msgspec.inspect.type_info(kind).fields
    undescribed = [f.name for f in fields if not (getattr(f.type, "extra_json_schema", None) or {}).get("description")]
    assert [] == undescribed

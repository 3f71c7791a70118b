"""Docs: the pages of the runners say what the code does."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest

from arlen_server import boomhauer, pool, propane, refresh, runfolder, solo, viewer
from arlen_server.tuning import Boomhauer, Propane, Supervised

DOCS = Path(__file__).parents[4] / "docs"


def table(kind):
    """The rows of a settings table, as the page must have them."""
    rows = ["| setting | default | what it is |", "| --- | --- | --- |"]
    for field in msgspec.inspect.type_info(kind).fields:
        value = field.default_factory() if field.default_factory is not msgspec.NODEFAULT else field.default
        shown = "" if value is msgspec.NODEFAULT else f"`{msgspec.json.encode(value).decode()}`"
        if len(shown) > 30:
            shown = "see below"
        rows.append(f"| `{field.name}` | {shown} | {field.type.extra_json_schema['description']} |")
    return rows


@pytest.mark.parametrize(("page", "kind"), [("boomhauer", Boomhauer), ("propane", Propane), ("propane", Supervised)])
def test_settings_tables_are_complete(page, kind):
    """Every setting is on its page, with the default and the description that the code has."""
    text = (DOCS / f"{page}.md").read_text()
    assert "\n".join([f"<!-- settings: {kind.__name__} -->", *table(kind)]) in text


def test_names_that_restart_refresh_and_are_ignored():
    """The page lists the names that are watched and ignored by default."""
    text = (DOCS / "boomhauer.md").read_text()
    tuning = Boomhauer()
    for names in (tuning.restart, tuning.refresh, tuning.ignore):
        assert " ".join(f"`{name}`" for name in names) in text


@pytest.mark.parametrize(
    ("page", "modules"), [("propane", [propane, pool, runfolder]), ("boomhauer", [boomhauer, solo])]
)
def test_every_event_is_described(page, modules):
    """Each event that the code tells has a row on the page, and each row is an event of the code."""
    source = "".join(Path(module.__file__).read_text() for module in modules)
    told = set(re.findall(r'self\._(?:emit|tell)\(\s*"([a-z_]+)"', source))
    told |= set(re.findall(r'"(worker_[a-z]+)" if', source)) | set(re.findall(r'else "(worker_[a-z]+)"', source))
    text = (DOCS / f"{page}.md").read_text()
    section = text.partition("<!-- events -->")[2].partition("\n\n")[0]
    assert told == set(re.findall(r"^\| `([a-z_]+)`", section, re.MULTILINE))


def test_every_signal_is_described():
    """Each signal that propane handles has a row."""
    text = (DOCS / "propane.md").read_text()
    section = text.partition("<!-- signals -->")[2].partition("\n\n")[0]
    rows = set(re.findall(r"\b(TERM|INT|QUIT|HUP|TTIN|TTOU)\b", section))
    assert set(propane._SIGNALS) - {"CHLD"} == rows


def test_reserved_paths_are_named():
    """The page names the paths that development reserves."""
    text = (DOCS / "boomhauer.md").read_text()
    for path in (refresh.SCRIPT, refresh.EVENTS, refresh.STATE, viewer.REQUESTS):
        assert f"`{path.decode()}`" in text

"""Docs: the page lists every series and every setting, as the code has them."""

import re
from inspect import cleandoc
from pathlib import Path

import msgspec
import pytest

from arlen_core.app import App
from arlen_metrics import aliases, names, workers
from arlen_metrics.plugin import Metrics
from arlen_metrics.settings import ClusterSettings, Settings

PAGE = Path(__file__).parents[3] / "docs" / "metrics.md"


def declared():
    """Return everything that is there without a line of code."""
    app = App("shop", environ={})
    metrics = app.use(Metrics())
    app.plugins.settle()
    return sorted(
        [*metrics.registry.declarations, *workers.DECLARATIONS, *aliases.DECLARATIONS], key=lambda each: each.name
    )


def series():
    """Return the table of the series."""
    rows = ["| series | kind | labels | what it is |", "| --- | --- | --- | --- |"]
    for each in declared():
        suffix = "_total" if each.kind == "counter" else ""
        labels = ", ".join(f"`{label}`" for label in names.labels(each))
        rows.append(f"| `{names.family(each)}{suffix}` | {each.kind} | {labels} | {each.help} |")
    return rows


def settings(kind):
    """Return the table of a section: its descriptions are those of the class."""
    rows = ["| key | default | |", "| --- | --- | --- |"]
    text = re.sub(r"\n {8}", " ", cleandoc(kind.__doc__).partition("Attributes:")[2])
    about = dict(re.findall(r"(\w+): ([^\n]+)", text))
    for field in msgspec.inspect.type_info(kind).fields:
        default = msgspec.json.encode(field.default).decode()
        rows.append(f"| `{field.name}` | `{default}` | {about[field.name]} |")
    return rows


@pytest.mark.parametrize(
    ("mark", "rows"),
    [
        ("series", series()),
        ("settings: Settings", settings(Settings)),
        ("settings: ClusterSettings", settings(ClusterSettings)),
    ],
)
def test_the_tables_are_complete(mark, rows):
    """Every series and every setting is on the page, with what the code says of it."""
    assert "\n".join([f"<!-- {mark} -->", *rows]) in PAGE.read_text(encoding="utf-8")


def test_every_standard_series_has_a_help():
    """One sentence for people, with a full stop."""
    assert [] == [each.name for each in declared() if not re.fullmatch(r"[A-Z].*\.", each.help)]

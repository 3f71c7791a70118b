"""Capabilities: flags, which the contract knows."""

import inspect
import re
from pathlib import Path

import pytest

from arlen_data.capabilities import Capabilities
from arlen_data.conformance import DatabaseContract

FLAGS = [name for name in Capabilities.__struct_fields__ if name not in {"adapter", "dialect"}]
SPEED = {"batch", "copy"}
"""These say how fast something is, not what it does."""


def test_everything_is_off_by_default():
    """An adapter says what it can."""
    assert frozenset() == Capabilities(adapter="mine", dialect="sqlite").names()


def test_names():
    """They are the flags that are on, not the adapter's name."""
    assert {"pool"} == Capabilities(adapter="mine", dialect="sqlite", pool=True).names()


def test_the_contract_knows_the_flags():
    """What an adapter can claim is what there is a flag for."""
    assert set(FLAGS) == DatabaseContract.specification.capabilities


def test_each_flag_means_something():
    """Each flag is one that a check needs, or that another one is for the lack of."""
    asked = {name for each in DatabaseContract.specification.promises for name in (*each.needs, *each.unless)}
    assert set(FLAGS) - SPEED == asked


def test_each_flag_is_described():
    """The docstring has a line for each."""
    text = inspect.getdoc(Capabilities)
    assert [] == [name for name in FLAGS if f"    {name}: " not in text]


def test_the_page_on_adapters_lists_them():
    """The table of the page is what the docstring says, flag by flag."""
    page = Path(__file__).parents[3] / "docs" / "adapters.md"
    if not page.exists():  # in a package alone there is no page
        pytest.skip("the page is not here")
    told = dict(
        re.findall(r"^\| `(\w+)` \| (.*) \|$", page.read_text("utf-8").partition("## Capabilities")[2], re.MULTILINE)
    )
    text = inspect.getdoc(Capabilities)
    found = re.findall(r"^    (\w+): (.*(?:\n        .*)*)$", text, re.MULTILINE)
    assert {name: " ".join(words.split()) for name, words in found if name in FLAGS} == told

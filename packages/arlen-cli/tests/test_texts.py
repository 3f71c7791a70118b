"""Tests of arlen_cli.texts."""

import pytest

from arlen_cli import texts


def test_a_skeleton_is_filled():
    """Every `${name}` is replaced."""
    made = texts.fill("generate/test.py", {"name": "orders", "words": "orders"})
    assert "async def test_orders(client: Client)" in made
    assert "${" not in made


def test_a_missing_value_is_an_error():
    """A skeleton is never written half filled."""
    with pytest.raises(KeyError):
        texts.fill("generate/test.py", {})


def test_a_tree_of_skeletons():
    """A folder yields every file below it, hidden ones included, in a fixed order."""
    values = {"name": "shop", "title": "Shop", "range": ">=0.1,<0.2"}
    paths = [path for path, _ in texts.tree("full", values)]
    assert sorted(paths) == sorted(set(paths))
    assert {".gitignore", "app.py", "controllers/__init__.py", "templates/home/index.html"} <= set(paths)
    assert paths == [path for path, _ in texts.tree("full", values)]

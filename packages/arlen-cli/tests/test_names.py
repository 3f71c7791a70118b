"""Tests of arlen_cli.names."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arlen_cli import names
from arlen_core.commands import CommandError


@pytest.mark.parametrize("name", ["shop", "field-notes", "field_notes", "a1", "a" * 40])
def test_names_of_applications(name):
    """Lower-case letters, digits, "-" and "_", a letter first."""
    assert name == names.project(name)


@pytest.mark.parametrize(
    ("name", "fix"),
    [
        ("Shop", "write it as shop"),
        ("my shop", "write it as my-shop"),
        ("../shop", "write it as shop"),
        ("shop/x", "write it as shop-x"),
        ("1shop", "write it as shop"),
        ("-shop", "write it as shop"),
        ("shop-", "write it as shop"),
        ("a--b", "write it as a-b"),
        ("shop\n", "write it as shop"),
        ("sh\0op", "write it as sh-op"),
        ("é", "begin with a letter"),
        ("", "begin with a letter"),
        ("..", "begin with a letter"),
        ("a" * 41, f"write it as {'a' * 40}"),
    ],
)
def test_wrong_names_of_applications(name, fix):
    """A name that is no folder name everywhere is refused, with one that is."""
    with pytest.raises(CommandError) as error:
        names.project(name)
    assert ("name_invalid", fix, 2) == (error.value.code, error.value.fix, error.value.exit)


@pytest.mark.parametrize("name", ["arlen", "arlen-core", "arlen_x"])
def test_names_of_the_platform_are_taken(name):
    """An application cannot be called like a package of the platform, which it would hide."""
    with pytest.raises(CommandError) as error:
        names.project(name)
    assert "name_taken" == error.value.code


@pytest.mark.parametrize("name", ["orders", "order_items", "v2"])
def test_names_of_modules(name):
    """Lower-case letters, digits and "_", a letter first."""
    assert name == names.module(name)


@pytest.mark.parametrize(
    ("name", "fix"),
    [
        ("OrderItems", "write it as order_items"),
        ("order-items", "write it as order_items"),
        ("order items", "write it as order_items"),
        ("_x", "write it as x"),
        ("x__y", "write it as x_y"),
        ("../../etc", "write it as etc"),
        ("9", "begin with a letter"),
    ],
)
def test_wrong_names_of_modules(name, fix):
    """A name that is no module is refused, with one that is."""
    with pytest.raises(CommandError) as error:
        names.module(name)
    assert ("name_invalid", fix, 2) == (error.value.code, error.value.fix, error.value.exit)


@pytest.mark.parametrize("name", ["class", "json", "app", "controllers", "tests", "asyncio"])
def test_names_that_mean_something_else(name):
    """Keywords, modules of Python and the folders of an application are taken."""
    with pytest.raises(CommandError) as error:
        names.module(name)
    assert "name_taken" == error.value.code


@given(st.text(max_size=60))
def test_any_text_is_a_good_name_or_a_clear_error(text):
    """What is accepted is a plain file name; what is suggested would be accepted."""
    for check in (names.project, names.module):
        try:
            assert re.fullmatch("[a-z][a-z0-9_-]*", check(text))
        except CommandError as error:
            near = error.fix.removeprefix("write it as ")
            if near != error.fix:
                assert re.fullmatch("[a-z][a-z0-9]*(?:[-_][a-z0-9]+)*", near), (text, near)

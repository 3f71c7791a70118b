"""Tests of the documentation: docs/cli.md says what the parsers know, no less and no more."""

import re
from pathlib import Path

import pytest

from arlen_cli import catalog, parsers

PAGE = Path(__file__).parents[3] / "docs/cli.md"
COMMON = {"--app", "--env", "--help", "--json", "--root", "-h"}

pytestmark = pytest.mark.skipif(not PAGE.exists(), reason="the documentation is not here")


def section(title):
    """Return the text below a heading, without its blocks."""
    text = re.sub(r"```.*?```", "", PAGE.read_text(), flags=re.DOTALL)
    parts = re.split(r"^## (.*)$", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))[title]


def options(text):
    """Return what looks like an option in a text."""
    return set(re.findall(r"(?<![\w-])--?[a-zA-Z][\w-]*", text))


def known(command):
    """Return the options of a command."""
    return {text for action in parsers.build(command)._actions for text in action.option_strings}


@pytest.mark.parametrize("name", sorted(catalog.OWN))
def test_every_option_is_documented(name):
    """Each command has a section that names all its options, and none that it does not have."""
    command = catalog.find(name).load()
    text = section(f"arlen {name}")
    mentioned = options(text) - ({"-k", "-x"} if name == "test" else set())
    assert known(command) - COMMON <= mentioned
    assert mentioned <= known(command) | ({"--version"} if name == "version" else set())


def test_the_common_options_are_documented():
    """The options of every command have a section of their own."""
    assert COMMON - {"-h"} - {"--help"} <= options(section("For every command"))


def test_every_section_is_a_command():
    """No section describes a command that is not there."""
    found = re.findall(r"^## arlen (.*)$", PAGE.read_text(), flags=re.MULTILINE)
    assert sorted(catalog.OWN) == sorted(found)


@pytest.mark.parametrize("name", sorted(set(catalog.OWN) - {"shell"}))
def test_the_keys_of_the_document_are_listed(name):
    """Each section says what is in the JSON document."""
    assert "\nJSON: `" in section(f"arlen {name}")

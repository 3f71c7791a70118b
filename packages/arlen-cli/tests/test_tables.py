"""Tests of arlen_cli.tables."""

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arlen_cli.tables import appended


def add(text, word="new"):
    """Add a word to `plugins.enabled`."""
    return appended(text, "plugins", "enabled", word)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", '[plugins]\nenabled = ["new"]\n'),
        ("[app]\nx = 1\n", '[app]\nx = 1\n\n[plugins]\nenabled = ["new"]\n'),
        ("[app]\nx = 1", '[app]\nx = 1\n\n[plugins]\nenabled = ["new"]\n'),
        ("[plugins]\n", '[plugins]\nenabled = ["new"]\n'),
        ("[plugins]", '[plugins]\nenabled = ["new"]\n'),
        ("[plugins] # all\ntimeout = 5\n", '[plugins] # all\nenabled = ["new"]\ntimeout = 5\n'),
        ("[plugins]\nenabled = []\n", '[plugins]\nenabled = ["new"]\n'),
        ("[plugins]\nenabled=[ ]  # none\n", '[plugins]\nenabled=["new"]  # none\n'),
        ('[plugins]\nenabled = ["a"]\n', '[plugins]\nenabled = ["a", "new"]\n'),
        ("[plugins]\nenabled = ['a',]\n", "[plugins]\nenabled = ['a', \"new\"]\n"),
        ('[plugins]\nenabled = ["a]", "b"]\n', '[plugins]\nenabled = ["a]", "b", "new"]\n'),
        ('[plugins]\nenabled = [\n    "a",\n]\n', '[plugins]\nenabled = [\n    "a",\n    "new",\n]\n'),
        ("[plugins]\nenabled = [\n]\n", '[plugins]\nenabled = [\n  "new",\n]\n'),
        (
            '[plugins]\nenabled = [\n  "a",  # "the first"]\n  "b"   # last, so far\n]\nx = 1\n',
            '[plugins]\nenabled = [\n  "a",  # "the first"]\n  "b",   # last, so far\n  "new",\n]\nx = 1\n',
        ),
        (
            '[plugins]\nenabled = [\n  "a",\n  # "old",\n  ]\n',
            '[plugins]\nenabled = [\n  "a",\n  # "old",\n  "new",\n  ]\n',
        ),
        ('[plugins]\nenabled = ["a",\n  "b"]\n', '[plugins]\nenabled = ["a",\n  "b", "new"]\n'),
        ('plugins.enabled = ["a"]\n', 'plugins.enabled = ["a", "new"]\n'),
        ('plugins = {enabled = ["a"]}\n', 'plugins = {enabled = ["a", "new"]}\n'),
        (
            '[other]\nenabled = ["x"]\n[plugins]\nenabled = ["a"]\n',
            '[other]\nenabled = ["x"]\n[plugins]\nenabled = ["a", "new"]\n',
        ),
        ('[other]\nt = """\n[plugins]\n"""\n', '[other]\nt = """\n[plugins]\n"""\n\n[plugins]\nenabled = ["new"]\n'),
        ("[plugins]\r\nenabled = [\r\n]\r\n", '[plugins]\r\nenabled = [\r\n  "new",\r\n]\r\n'),
    ],
)
def test_a_word_is_added(before, after):
    """At the end of the list, and nothing else is changed: comments, quotes, indentation, ends of lines."""
    assert after == add(before)
    assert tomllib.loads(after)["plugins"]["enabled"][-1] == "new"


@pytest.mark.parametrize("text", ['[plugins]\nenabled = ["new"]\n', 'plugins = { enabled = ["a", "new"] } # x\n'])
def test_a_word_that_is_there(text):
    """Is not added again."""
    assert text == add(text)


@pytest.mark.parametrize("text", ["plugins = 3\n", "[plugins]\nenabled = true\n", "plugins = {}\n"])
def test_a_file_that_cannot_be_added_to(text):
    """Is left to people."""
    assert add(text) is None


def test_a_file_that_is_no_toml():
    """Is an error, for there is no saying what it means."""
    with pytest.raises(tomllib.TOMLDecodeError):
        add("[plugins\n")


WORDS = st.lists(st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=8), max_size=4)
COMMENT = st.sampled_from(["", "  # a note", '  # "x", [', "  # ]"])


@given(WORDS, COMMENT, st.booleans(), st.booleans(), st.text("ab:.-", min_size=1, max_size=5))
def test_whatever_is_in_the_list(words, comment, lines, comma, word):
    """The file says afterwards what it said before, and the new word; every comment is still there."""
    quoted = ['"' + each.replace("\\", "\\\\").replace('"', '\\"') + '"' for each in words]
    end = "," if comma and words else ""
    if lines:
        inner = f",{comment}\n  ".join(quoted)
        text = f"[plugins]{comment}\nenabled = [\n  {inner}{end}{comment}\n]{comment}\n[other]\nx = 1\n"
    else:
        text = f"[plugins]{comment}\nenabled = [{', '.join(quoted)}{end}]{comment}\n[other]\nx = 1\n"
    made = add(text, word)
    wanted = words if word in words else [*words, word]
    assert {"plugins": {"enabled": wanted}, "other": {"x": 1}} == tomllib.loads(made)
    assert text.count("#") == made.count("#")
    assert add(made, word) == made

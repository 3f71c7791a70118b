"""Measure: one verb for everything that measures; a wrong word is told what there is."""

import os
from importlib.util import find_spec

import pytest

from tools import measure


@pytest.mark.parametrize("arguments", [[], ["peer"], ["--help"]])
def test_a_wrong_word_lists_the_right_ones(arguments, capsys):
    """With exit code 2, and the word that was wrong."""
    assert 2 == measure.main(arguments)
    told = capsys.readouterr().err
    assert [] == [name for name in measure.WHAT if f"  {name} " not in told]
    assert ("peer" in arguments) == ("there is no 'peer'" in told)


@pytest.mark.parametrize("name", measure.WHAT)
def test_each_is_a_program(name, monkeypatch):
    """What the word stands for exists, and gets the rest of the line."""
    seen = []
    monkeypatch.setattr(os, "execv", lambda path, command: seen.append(command[1:]))
    monkeypatch.setattr(os, "chdir", lambda folder: None)
    measure.main([name, "--quick"])  # what is run in its place is not: it goes on
    assert [["-m", measure.WHAT[name][0], "--quick"]] == seen
    assert find_spec(f"{measure.WHAT[name][0]}.__main__")

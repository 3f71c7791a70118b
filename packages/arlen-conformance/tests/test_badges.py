"""Tests of badges and matrices: what is shown of reports."""

import json
from xml.etree import ElementTree as ET

import pytest

from arlen_conformance import badges
from arlen_conformance.matrices import matrix
from arlen_conformance.reports import Outcome, Report, Row, Subject


def report(outcome, title="Mine", *, contract="counter", version=1, newest=1, reason=""):
    """Return a report of one promise."""
    rows = [Row("test_x", "It stands.", 1, ("reset",), (), outcome, reason)]
    rows += [Row("test_y", "It | lasts.", 2)] if newest == 2 else []
    return Report([Subject("test_it.py::TestMine", title, contract, newest, version, [], rows)])


@pytest.mark.parametrize(
    ("outcome", "message", "colour"),
    [
        (Outcome.PASSED, "conformant", "brightgreen"),
        (Outcome.KNOWN, "partial", "yellow"),
        (Outcome.MISSING, "incomplete", "lightgrey"),
        (Outcome.FAILED, "failing", "red"),
    ],
)
def test_a_document(outcome, message, colour):
    """The document has the schema of shields.io, the contract with its version, and the verdict."""
    wanted = {"schemaVersion": 1, "label": "counter 1", "message": message, "color": colour}
    assert badges.endpoint(report(outcome)) == wanted


def test_a_picture():
    """The picture is well formed, whatever the name of the contract, and says the same in words."""
    root = ET.fromstring(badges.svg(report(Outcome.PASSED, contract="a<b&c")))
    assert root.attrib["aria-label"] == "a<b&c 1: conformant"
    assert [each.text for each in root.iter("{http://www.w3.org/2000/svg}text")] == ["a<b&c 1", "conformant"]


def test_files(tmp_path):
    """The ending of the file decides."""
    badges.write(report(Outcome.PASSED), tmp_path / "new" / "badge.svg")
    badges.write(report(Outcome.PASSED), tmp_path / "badge.json")
    assert (tmp_path / "new" / "badge.svg").read_text().startswith("<svg")
    assert json.loads((tmp_path / "badge.json").read_text())["message"] == "conformant"


def test_a_matrix():
    """Adapters stand side by side, the promises of the newest version below each other, reasons below the table."""
    first = report(Outcome.PASSED, "One", newest=2)
    second = report(Outcome.KNOWN, "Two", reason="issue 12")
    assert matrix([first, second]) == (
        "### counter\n"
        "\n"
        "| promise | One | Two |\n"
        "| --- | --- | --- |\n"
        "| **verdict** | incomplete (1) | partial (1) |\n"
        "| It stands. (reset) | yes | no [1] |\n"
        "| It \\| lasts. | not run | - |\n"
        "\n"
        "1. Two, test_x: issue 12"
    )


def test_a_matrix_of_two_contracts():
    """Each contract has a table."""
    tables = matrix([report(Outcome.PASSED), report(Outcome.PASSED, contract="apples")])
    assert [line for line in tables.splitlines() if line.startswith("#")] == ["### apples", "### counter"]


@pytest.mark.parametrize(
    ("outcome", "cell"),
    [
        (Outcome.WAIVED, "-"),
        (Outcome.MISSING, "not run"),
        (Outcome.SKIPPED, "skipped [1]"),
        (Outcome.FAILED, "**no** [1]"),
    ],
)
def test_cells(outcome, cell):
    """Each outcome has a word."""
    assert f"| It stands. (reset) | {cell} |" in matrix([report(outcome, reason="why")])

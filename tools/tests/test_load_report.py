"""What `tools.load` prints and saves."""

import json

import pytest

from tools.load import report
from tools.load.report import HEAD, Line, mebibytes, page, row, save

MET = Line("idle", "memory", "≤ 4 KiB", "2 KiB", met=True, figures={"rss": 2048})
BESIDE = Line("idle", "peers", "", "7 KiB")
BROKEN = Line("flood", "a flood", "recovers", "never", met=False, promise=True)


@pytest.fixture
def saved(tmp_path, monkeypatch):
    """Saves lines on a machine that is always the same, and returns the JSON and the page."""
    machine = {
        "date": "2026-11-01",
        "cpu": "a chip",
        "cores": 2,
        "kernel": "Linux",
        "python": "3.11",
        "commit": "c0ffee",
    }
    monkeypatch.setattr(report, "describe", lambda root, peers: machine | {"libraries": {"uvloop": "0.22"}})

    def call(*lines, quick=False):
        save(tmp_path / "new", lines, quick=quick)
        return json.loads((tmp_path / "new" / "load.json").read_text()), (tmp_path / "new" / "load.md").read_text()

    return call


@pytest.mark.parametrize(
    ("met", "promise", "word"),
    [
        (True, False, "met"),
        (True, True, "met"),
        (False, False, "not met"),
        (False, True, "**broken**"),
        (None, False, ""),
        (None, True, ""),
    ],
)
def test_verdict(met, promise, word):
    """A goal that is missed is not met, a promise is broken, and a figure without a goal has no verdict."""
    assert word == Line("x", "", "", "", met, promise).verdict


def test_row():
    """A figure is one line of the table, with as many columns as its head."""
    assert "| idle | memory | ≤ 4 KiB | 2 KiB | met |" == row(MET)
    assert "| idle | peers |  | 7 KiB |  |" == row(BESIDE)
    head, rule = HEAD.splitlines()
    assert {6} == {head.count("|"), rule.count("|"), row(MET).count("|"), row(BROKEN).count("|")}


def test_save_makes_the_folder_and_both_files(saved):
    """The JSON holds the lines of each check, the machine and the form; the page is the table."""
    known, text = saved(MET, BESIDE)
    assert ["idle"] == list(known)
    assert [2048, "peers"] == [known["idle"]["lines"][0]["figures"]["rss"], known["idle"]["lines"][1]["what"]]
    assert ("c0ffee", False) == (known["idle"]["machine"]["commit"], known["idle"]["quick"])
    assert row(MET) in text.splitlines()
    assert "- idle: 2026-11-01, a chip, 2 cores, Linux, 3.11, c0ffee, uvloop 0.22." in text.splitlines()


def test_save_keeps_what_other_checks_found(saved):
    """A check that runs alone replaces its own figures and no others."""
    saved(MET, BESIDE)
    known, text = saved(BROKEN)
    assert ["idle", "flood"] == list(known)
    assert row(BROKEN) in text
    known, text = saved(BESIDE)
    assert [["peers"], ["a flood"]] == [[line["what"] for line in check["lines"]] for check in known.values()]
    assert row(MET) not in text


def test_save_of_nothing(saved):
    """A run that could measure nothing leaves files that say so by being empty."""
    known, text = saved()
    assert {} == known
    assert HEAD in text


def test_page_says_when_the_figures_are_rough(saved):
    """Figures of the quick form are marked, those of the full form are not."""
    saved(MET)
    _, text = saved(BROKEN, quick=True)
    rough = [line for line in text.splitlines() if "Quick form" in line]
    assert 1 == len(rough)
    assert rough[0].startswith("- flood: ")


def test_page_groups_checks_of_the_same_run(saved):
    """Checks that were made at the same time on the same machine share a line."""
    _, text = saved(MET, BROKEN)
    assert 1 == sum(line.startswith("- idle, flood: ") for line in text.splitlines())


def test_page_is_made_of_the_json(saved):
    """The page can be made again from what was saved."""
    known, text = saved(MET, BROKEN)
    assert text == page(known)


@pytest.mark.parametrize(("size", "words"), [(0, "0.0 MiB"), (41 << 20, "41.0 MiB"), (-(1 << 19), "-0.5 MiB")])
def test_mebibytes(size, words):
    """Sizes are told in MiB with one digit."""
    assert words == mebibytes(size)

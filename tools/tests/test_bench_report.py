"""What tools/bench writes: tables, notes, JSON, a plot; and where it was measured."""

import json
import os
import re
import sys
import tomllib
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tools.bench import machine
from tools.bench.cli import write
from tools.bench.machine import describe, model
from tools.bench.plot import CLASSES, Panel, panels, plot
from tools.bench.records import Options, Results, Sample
from tools.bench.report import goals, grid, notes, report, summary, table
from tools.bench.scenarios import SCENARIOS
from tools.bench.servers import PLAIN, SERVERS

ROOT = Path(__file__).parents[2]
SVG = "{http://www.w3.org/2000/svg}"


def sample(server, rate, scenario="json", round=1, **more):
    """One turn."""
    fields = {"requests": 200, "errors": 0, "seconds": 2.0, "cpu": 1e6 / rate, "p50": 500.0, "p99": 900.0}
    return Sample(scenario, server, round, rate=rate, **({"share": 0.5, "saturated": False} | fields | more))


def results(*samples, **more):
    """Results with these samples."""
    return Results(samples=list(samples), options=Options(core=0, generator="wrk"), **more)


THREE = (sample("raw", 1000.0), sample("arlen", 800.0), sample("starlette", 250.0))


def test_a_table_is_markdown():
    """A head, a rule, a line a row; a bar inside a cell would break it."""
    assert "| a | b |\n| --- | --- |\n| 1 | x / y |" == table(["a", "b"], [["1", "x | y"]])


def test_a_grid_has_servers_and_scenarios_in_their_order():
    """Whatever the order in which they were measured; what was not measured is not there."""
    found = results(sample("starlette", 1.0, "params"), sample("raw", 1.0, "json"), sample("arlen", 1.0, "params"))
    lines = grid(found, "/".join).splitlines()
    assert "| server | json | params |" == lines[0]
    assert ["raw (httptools, uvloop)", "arlen, minimal", "starlette + uvicorn"] == [
        line.split(" | ")[0].removeprefix("| ") for line in lines[2:]
    ]
    assert "| arlen, minimal | json/arlen | params/arlen |" == lines[3]


def test_a_grid_of_nothing_says_so():
    """No table without rows."""
    assert "Nothing was measured." == grid(Results(), lambda _: "")


def test_a_summary_has_both_ratios_and_the_goals():
    """By wall time, by processor time, and whether that is enough."""
    text = summary(results(*THREE))
    assert "| arlen, minimal | 0.80 |" in text
    assert "| starlette + uvicorn | 0.25 |" in text
    assert "| JSON: arlen, minimal | ≥ 0.75 | 0.80 (0.80 to 0.80) | 0.80 (0.80 to 0.80) | yes |" in text


def test_the_two_ratios_are_told_apart():
    """Half as fast by the clock, a quarter by the processor."""
    found = results(sample("raw", 1000.0, cpu=10.0), sample("arlen", 500.0, cpu=40.0))
    wall, cpu = re.findall(r"\| arlen, minimal \| ([\d.]+) \|", summary(found))
    assert ("0.50", "0.25") == (wall, cpu)


def test_a_goal_that_is_missed_stands_out():
    """In bold."""
    lines = goals(results(sample("raw", 1000.0), sample("arlen", 700.0))).splitlines()
    assert lines[2].endswith("| **no** |")


def test_a_goal_of_processor_time_has_it_once():
    """The last of 1,000 routes."""
    found = results(sample("arlen", 1000.0, "routes-10", cpu=10.0), sample("arlen", 1.0, "routes-1000", cpu=10.3))
    assert "| ≤ 1.05 | 1.03 (1.03 to 1.03) | it is processor time | yes |" in goals(found)


def test_there_is_no_table_of_goals_that_nobody_measured():
    """Only of those that were."""
    assert "" == goals(results(sample("raw", 1.0)))
    assert "Nothing was measured that has a goal." in report(results(sample("raw", 1.0)), "x")


def test_a_saturated_generator_is_flagged_in_the_table_and_in_the_notes():
    """Its server can do more."""
    found = results(sample("raw", 1000.0, saturated=True), sample("arlen", 800.0))
    assert "| raw (httptools, uvloop) | 1.00 \\* |" in summary(found)
    assert "| arlen, minimal | 0.80 |" in summary(found)
    assert "json/raw: the load generator was saturated" in notes(found)


def test_notes_tell_what_a_reader_must_know():
    """Who is absent, wrong, busy, and had errors."""
    found = results(
        sample("raw", 1.0, errors=3, round=2),
        absent={"falcon": "uv failed: no network"},
        wrong={"json/arlen": ["GET /json: status 500 instead of 200", "more"]},
        busy={"json/aiohttp": 0.06},
    )
    assert [
        "arlen-metrics does not exist yet, so the defaults are without metrics",
        "falcon is absent: uv failed: no network",
        "json/arlen was not timed to the end: GET /json: status 500 instead of 200",
        "json/aiohttp used 6% of its core while idle",
        "json/raw: 3 errors in round 2",
    ] == notes(found)


def test_one_core_is_a_note():
    """Server and load were in each other's way."""
    assert "shared their cores" in notes(Results())[1]


def test_ratios_need_raw():
    """Without it there are none, and the note says what to do."""
    found = results(sample("arlen", 1.0))
    assert "raw was not measured, so there are no ratios to it (fix: --server raw)" in notes(found)
    assert "| arlen, minimal |  |" in summary(found)


def test_a_report_has_every_table():
    """Ratios, processor time, requests a second, latency; the last in milliseconds."""
    page = report(results(*THREE, machine=MACHINE), "baseline")
    heads = [line.removeprefix("## ") for line in page.splitlines() if line.startswith("## ")]
    assert [
        "Goals",
        "Ratio to raw by wall time",
        "Ratio to raw by processor time",
        "Arlen under uvicorn",
        "Microseconds of processor time for a request",
        "Requests a second",
        "Milliseconds until 99 of 100 requests are answered",
        "What to know",
        "How it was measured",
    ] == heads
    assert "| raw (httptools, uvloop) | 1,000 |" in page
    assert "| raw (httptools, uvloop) | 1,000.0 |" in page
    assert "| raw (httptools, uvloop) | 0.90 |" in page


def test_a_report_tells_which_is_wall_time():
    """And that it lies, and which is steadier."""
    page = report(results(*THREE), "x")
    assert "This is wall time: on a machine that others use too, it lies." in page
    assert "much steadier" in page


def test_a_report_compares_arlen_under_uvicorn_with_a_bare_callable():
    """For each scenario in which both were measured."""
    page = report(results(sample("uvicorn", 100.0), sample("arlen-asgi", 90.0)), "x")
    assert "| json | 0.90 (0.90 to 0.90) | 0.90 (0.90 to 0.90) |" in page
    assert "It was not measured." in report(results(sample("raw", 1.0)), "x")


MACHINE = {
    "date": "2026-11-22 10:00 UTC",
    "commit": "abc1234",
    "python": "CPython 3.11.7",
    "kernel": "Linux 6.1",
    "cores": 2,
    "cpu": "Zuse Z3",
    "wrk": "wrk 4.1",
    "libraries": {"uvloop": "0.23.0"},
    "peers": {"falcon": ["falcon==4.4.0", "uvicorn==0.54.0"]},
}


def test_a_report_says_where_and_how_it_was_measured():
    """Machine, versions, rounds."""
    page = report(results(*THREE, machine=MACHINE), "baseline")
    assert "2026-11-22 10:00 UTC, commit abc1234, CPython 3.11.7, Linux 6.1, 2 cores of Zuse Z3." in page
    assert "| rounds | 3 of 2 s, after 0.5 s of warm-up |" in page
    assert "| cores | server on core 0, load on another |" in page
    assert "| load | wrk 4.1 |" in page
    assert "| packages | uvloop 0.23.0 |" in page
    assert "| peer falcon | falcon==4.4.0, uvicorn==0.54.0 |" in page
    assert "![Requests a second as a ratio to raw, a panel for each scenario](baseline.svg)" in page


def test_a_report_names_our_own_generator():
    """Nobody should look for wrk."""
    found = Results(samples=list(THREE), options=Options(generator="own"))
    assert "| load | the generator of tools/bench/load.py |" in report(found, "x")
    assert "| cores | not pinned |" in report(found, "x")


def test_three_files_are_written(tmp_path):
    """The samples with their date, page and plot without, so that links to them last."""
    found = results(*THREE, machine=MACHINE)
    paths = write(found, "baseline", tmp_path / "new")
    assert ["2026-11-22-baseline.json", "baseline.md", "baseline.svg"] == [path.name for path in paths]
    assert found == Results.of(json.loads(paths[0].read_text()))
    assert report(found, "baseline") == paths[1].read_text()
    assert plot(found) == paths[2].read_text()


def parsed(found):
    """The plot as a tree."""
    return ET.fromstring(plot(found))


def shown(tree, tag, kind):
    """The elements of a class."""
    return [each for each in tree.iter(SVG + tag) if each.get("class") == kind]


def test_a_plot_has_a_panel_for_each_scenario_that_was_measured():
    """In the order of the list."""
    found = results(*THREE, sample("raw", 10.0, "template"), sample("raw", 10.0, "plaintext"))
    assert ["plain text", "JSON", "Jinja2 page, 12 rows"] == [panel.title for panel in panels(found)]
    titles = [each.text for each in parsed(found).iter(SVG + "text") if each.get("font-weight")]
    assert ["plain text", "JSON", "Jinja2 page, 12 rows"] == titles


def test_the_best_server_comes_first():
    """And each bar is as long as its ratio."""
    (panel,) = panels(results(sample("starlette", 250.0), sample("arlen", 800.0), sample("raw", 1000.0)))
    assert ["raw", "arlen", "starlette"] == [bar.server for bar in panel.bars]
    tree = parsed(results(*THREE))
    (raw,) = [each for each in shown(tree, "rect", "raw") if each.get("height") == "14"]
    (peer,) = [each for each in shown(tree, "rect", "peer") if each.get("height") == "14"]
    assert 0.25 == pytest.approx(float(peer.get("width")) / float(raw.get("width")))


def test_a_bar_that_is_longer_than_raw_fits_too():
    """The scale follows the longest one."""
    tree = parsed(results(sample("raw", 1000.0), sample("arlen", 2000.0)))
    (raw,) = [each for each in shown(tree, "rect", "raw") if each.get("height") == "14"]
    (ours,) = [each for each in shown(tree, "rect", "arlen") if each.get("height") == "14"]
    assert 2.0 == pytest.approx(float(ours.get("width")) / float(raw.get("width")))
    assert 200.0 == float(ours.get("width"))


def test_goals_are_drawn_where_there_are_some():
    """At the bound: arlen's at 0.75 of raw's length."""
    tree = parsed(results(*THREE))
    goal = shown(tree, "line", "goal")[1]  # the first is the legend's
    (ours,) = [each for each in shown(tree, "rect", "arlen") if each.get("height") == "14"]
    assert 0.75 == pytest.approx((float(goal.get("x1")) - float(ours.get("x"))) / 200.0)
    assert 2 == len(shown(tree, "line", "goal"))


def test_the_range_is_drawn_from_the_smallest_to_the_largest():
    """A line over the bar."""
    rounds = [sample("raw", 100.0, round=n) for n in (1, 2)]
    tree = parsed(results(*rounds, sample("aiohttp", 50.0, round=1), sample("aiohttp", 70.0, round=2)))
    line = shown(tree, "line", "range")[2]
    assert 0.2 == pytest.approx((float(line.get("x2")) - float(line.get("x1"))) / 200.0)


def test_a_plot_is_readable_on_light_and_on_dark_pages():
    """It has a background of its own, and every class has a colour in both."""
    style = parsed(results(*THREE)).find(SVG + "style").text
    light, dark = style.split("@media (prefers-color-scheme: dark)")
    for name in ("page", "text", "quiet", "line", "goal", "range", "peer", *CLASSES.values()):
        assert f".{name} {{" in light
        assert f".{name} {{" in dark
    assert shown(parsed(results(*THREE)), "rect", "page")


def test_a_plot_is_as_high_as_its_panels():
    """Two beside each other, the higher one counts."""
    few, many = Panel("a", ()), Panel("b", tuple(panels(results(*THREE))[0].bars))
    assert few.height + 3 * 19 == many.height
    heights = [float(parsed(results(*rows)).get("viewBox").split()[3]) for rows in ([], THREE)]
    assert many.height == heights[1] - heights[0]


def test_a_plot_of_nothing_is_a_plot():
    """Without panels."""
    assert [] == panels(Results())
    assert shown(parsed(Results()), "rect", "page")


def test_what_is_not_compared_with_raw_is_not_drawn():
    """There is nothing to draw."""
    assert [] == panels(results(sample("arlen", 1.0)))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("processor\t: 0\nmodel name\t: AMD EPYC 9\nflags\t: x\nmodel name\t: other\n", "AMD EPYC 9"),
        ("model name:   Zuse Z3  \n", "Zuse Z3"),
    ],
)
def test_the_processor_is_named(tmp_path, text, expected):
    """As Linux tells it."""
    path = tmp_path / "cpuinfo"
    path.write_text(text)
    assert expected == model(path)


def test_the_processor_is_named_elsewhere_too(tmp_path, monkeypatch):
    """By what Python knows."""
    monkeypatch.setattr(machine.platform, "processor", lambda: "arm")
    assert "arm" == model(tmp_path / "none")
    monkeypatch.setattr(machine.platform, "processor", lambda: "")
    monkeypatch.setattr(machine.platform, "machine", lambda: "aarch64")
    assert "aarch64" == model(tmp_path / "none")


def test_a_machine_is_described_with_all_versions():
    """Date, interpreter, commit, packages, and what each peer pins, once."""
    found = describe(ROOT, ["falcon", "falcon", "nobody"], datetime(2026, 11, 22, 10, 0, tzinfo=UTC))
    assert "2026-11-22 10:00 UTC" == found["date"]
    assert re.fullmatch(r"CPython 3\.\d+\.\d+.*", found["python"])
    assert found["libraries"]["arlen-core"]
    assert found["libraries"]["msgspec"]
    assert ["falcon", "nobody"] == list(found["peers"])
    assert "falcon==4.4.0" in found["peers"]["falcon"]
    assert [] == found["peers"]["nobody"]
    assert (os.cpu_count() or 1) == found["cores"]
    assert json.loads(json.dumps(found)) == found


def test_a_tree_without_git_has_no_commit(tmp_path):
    """That is told, and no error."""
    found = describe(tmp_path, [])
    assert "unknown" == found["commit"]


def test_a_tree_with_changes_says_so(monkeypatch):
    """Figures of it cannot be made again."""
    answers = iter(["abc1234", " M x.py"])
    monkeypatch.setattr(machine, "_output", lambda _: next(answers))
    assert "abc1234 with changes" == machine._commit(ROOT)


def test_programs_that_are_not_there_have_no_version(monkeypatch, tmp_path):
    """Neither git nor wrk is needed."""
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "" == machine._wrk()
    assert "unknown" == machine._commit(ROOT)
    (tmp_path / "wrk").write_text(f"#!{sys.executable}\nprint('wrk 4.1.0 [epoll] Copyright')\nraise SystemExit(1)\n")
    (tmp_path / "wrk").chmod(0o755)
    assert "wrk 4.1.0" == machine._wrk()


README = (ROOT / "docs/benchmarks/README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", [*SCENARIOS, *SERVERS])
def test_the_page_explains_every_scenario_and_every_server(name):
    """By the name that the command line takes."""
    assert f"`{name}`" in README


def test_the_minimal_profile_is_what_the_page_says():
    """The same configuration, as variables."""
    block = tomllib.loads(README.partition("```toml\n")[2].partition("```")[0])
    variables = {
        "ARLEN_LOG__ACCESS": str(block["log"]["access"]).lower(),
        "ARLEN_HTTP__IDENTITY": str(block["http"]["identity"]).lower(),
    }
    assert variables.items() <= PLAIN.items()
    assert block["http"]["headers"] == tomllib.loads(f"x = {PLAIN['ARLEN_HTTP__HEADERS']}")["x"]


def test_the_minimal_profile_drops_every_security_header():
    """Also one that is added later."""
    from arlen_core.settings import HEADERS

    dropped = tomllib.loads(f"x = {PLAIN['ARLEN_HTTP__HEADERS']}")["x"]
    assert dict.fromkeys(HEADERS, "") == dropped

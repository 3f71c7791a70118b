"""The plot: one panel of bars for each scenario, as an SVG that is readable on light and dark pages."""

from collections.abc import Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

from tools.bench.goals import GOALS
from tools.bench.ratios import Spread, across, by
from tools.bench.records import Results
from tools.bench.scenarios import SCENARIOS
from tools.bench.servers import LIMIT, SERVERS

__all__ = ["Bar", "Panel", "panels", "plot"]

STYLE = """
  svg { font: 12px system-ui, sans-serif; }
  .page { fill: #ffffff; } .text { fill: #1f2328; } .quiet { fill: #59636e; } .line { stroke: #d1d9e0; }
  .peer { fill: #afb8c1; } .raw { fill: #6e7781; } .arlen { fill: #0969da; } .defaults { fill: #6cb0f5; }
  .goal { stroke: #bc4c00; stroke-width: 2; } .range { stroke: #1f2328; }
  @media (prefers-color-scheme: dark) {
    .page { fill: #0d1117; } .text { fill: #f0f6fc; } .quiet { fill: #9198a1; } .line { stroke: #3d444d; }
    .peer { fill: #4b535d; } .raw { fill: #9198a1; } .arlen { fill: #4493f8; } .defaults { fill: #1f5fae; }
    .goal { stroke: #f0883e; } .range { stroke: #f0f6fc; }
  }
"""
COLUMNS, WIDTH, MARGIN = 2, 460, 20
NAMES, BARS, STEP, HEAD = 188, 200, 19, 34
LABELS = (("arlen", "arlen, minimal"), ("defaults", "arlen, defaults"), ("raw", "raw"), ("peer", "peers"))
CLASSES = {LIMIT: "raw", "arlen": "arlen", "arlen-asgi": "arlen", "arlen-defaults": "defaults"}


@dataclass(frozen=True)
class Bar:
    """One server in a panel; `goal` is the ratio that it should reach."""

    server: str
    found: Spread
    goal: float | None = None


@dataclass(frozen=True)
class Panel:
    """One scenario, the best server first."""

    title: str
    bars: tuple[Bar, ...]

    @property
    def height(self) -> int:
        """How high it is."""
        return HEAD + STEP * len(self.bars) + 16


def panels(results: Results) -> list[Panel]:
    """Return what there is to draw."""
    found = []
    for name, scenario in SCENARIOS.items():
        bars = [bar for server in SERVERS if (bar := _bar(results, name, server))]
        if bars:
            ordered = sorted(bars, key=lambda bar: -bar.found.middle)
            found.append(Panel(scenario.title, tuple(ordered)))
    return found


def plot(results: Results) -> str:
    """Return the SVG; empty results are a plot without panels."""
    drawn = panels(results)
    rows = [drawn[at : at + COLUMNS] for at in range(0, len(drawn), COLUMNS)]
    parts, top = [], 56
    for row in rows:
        parts += [_panel(panel, MARGIN + WIDTH * column, top) for column, panel in enumerate(row)]
        top += max(panel.height for panel in row)
    width, height = WIDTH * COLUMNS + MARGIN, top + 8
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img">',
            "<title>Requests a second as a ratio to raw</title>",
            f"<style>{STYLE}</style>",
            f'<rect class="page" width="{width}" height="{height}"/>',
            _legend(),
            *parts,
            "</svg>\n",
        ]
    )


def _bar(results: Results, scenario: str, server: str) -> Bar | None:
    found = across(results.samples, (scenario, server), (scenario, LIMIT), by("rate"))
    wanted = [
        goal.bound
        for goal in GOALS
        if (goal.one, goal.other, goal.measure) == ((scenario, server), (scenario, LIMIT), "rate")
    ]
    return Bar(server, found, wanted[0] if wanted else None) if found else None


def _panel(panel: Panel, left: int, top: int) -> str:
    scale = BARS / max(1.0, *(bar.found.high for bar in panel.bars))
    zero, bottom = left + NAMES, top + HEAD + STEP * len(panel.bars) - 6
    parts = [_text(left, top + 12, panel.title, "text", "font-weight='600'")]
    for ratio in (0, 0.25, 0.5, 0.75, 1):
        x = round(zero + ratio * scale, 1)
        parts.append(f'<line class="line" x1="{x}" y1="{top + 22}" x2="{x}" y2="{bottom}"/>')
    for number, bar in enumerate(panel.bars):
        parts += _drawn(bar, left, top + HEAD - 8 + STEP * number, scale)
    return "\n".join(parts)


def _drawn(bar: Bar, left: int, y: int, scale: float) -> Sequence[str]:
    zero, middle = left + NAMES, y + 7
    low, high = (round(zero + value * scale, 1) for value in (bar.found.low, bar.found.high))
    kind = CLASSES.get(bar.server, "peer")
    parts = [
        _text(zero - 6, y + 11, SERVERS[bar.server].title, "quiet" if kind == "peer" else "text", "text-anchor='end'"),
        f'<rect class="{kind}" x="{zero}" y="{y}" width="{bar.found.middle * scale:.1f}" height="14" rx="1"/>',
        f'<line class="range" x1="{low}" y1="{middle}" x2="{high}" y2="{middle}"/>',
        _text(zero + BARS + 8, y + 11, f"{bar.found.middle:.2f}", "text"),
    ]
    if bar.goal is not None:
        x = round(zero + bar.goal * scale, 1)
        parts.append(f'<line class="goal" x1="{x}" y1="{y - 2}" x2="{x}" y2="{y + 16}"/>')
    return parts


def _legend() -> str:
    parts = [_text(MARGIN, 22, "Requests a second as a ratio to raw, one core, medians of interleaved rounds", "text")]
    left = MARGIN
    for kind, label in (
        ("arlen", "arlen, minimal"),
        ("defaults", "arlen, defaults"),
        ("raw", "raw"),
        ("peer", "peers"),
    ):
        parts.append(f'<rect class="{kind}" x="{left}" y="33" width="12" height="12"/>')
        parts.append(_text(left + 17, 43, label, "quiet"))
        left += 40 + 7 * len(label)
    parts.append(f'<line class="goal" x1="{left + 6}" y1="32" x2="{left + 6}" y2="46"/>')
    parts.append(_text(left + 14, 43, "goal", "quiet"))
    parts.append(f'<line class="range" x1="{left + 56}" y1="39" x2="{left + 76}" y2="39"/>')
    return "\n".join([*parts, _text(left + 82, 43, "smallest to largest", "quiet")])


def _text(x: float, y: float, text: str, kind: str, more: str = "") -> str:
    return f'<text class="{kind}" x="{x:g}" y="{y:g}" {more}>{escape(text)}</text>'.replace(" >", ">")

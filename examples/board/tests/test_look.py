"""The look: colours that everybody can read, in both schemes, and a style sheet that says what it uses."""

import re

import pytest
from drafts import BOARD

CSS = (BOARD / "public" / "app.css").read_text("utf-8")
LIGHT, DARK = [
    dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", block))
    for block in re.findall(r":root \{(.*?)\n *\}", CSS, re.DOTALL)
][:2]
SCHEMES = {"light": LIGHT, "dark": LIGHT | DARK}
TEXT = [
    ("ink", "ground"), ("ink", "panel"), ("ink", "raised"), ("soft", "ground"), ("soft", "panel"), ("soft", "raised"),
    ("accent", "ground"), ("accent", "panel"), ("accent", "raised"), ("accent", "accent-wash"),
    ("accent-ink", "accent"),
    ("critical", "critical-wash"), ("high", "high-wash"), ("medium", "medium-wash"), ("low", "low-wash"),
    ("resolved", "resolved-wash"), ("critical", "panel"), ("high", "panel"), ("low", "panel"), ("low", "raised"),
    ("open", "panel"), ("watching", "panel"), ("resolved", "panel"), ("open", "raised"), ("watching", "raised"),
    ("ink", "medium-wash"), ("ink", "critical-wash"), ("accent", "medium-wash"),
]  # fmt: skip
SHAPES = [("strong", "panel"), ("strong", "ground"), ("bar", "panel"), ("critical", "panel"), ("high", "panel"),
          ("medium", "panel"), ("low", "panel")]  # fmt: skip


def luminance(colour: str) -> float:
    """Return the relative luminance (WCAG 2)."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(first: str, second: str) -> float:
    """Return the contrast of two colours, from 1 to 21 (WCAG 2)."""
    light, dark = sorted([luminance(first), luminance(second)], reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize(("front", "back"), TEXT)
def test_text_can_be_read(scheme: str, front: str, back: str) -> None:
    """4.5 to 1, as WCAG 2 AA asks of text."""
    colours = SCHEMES[scheme]
    assert contrast(colours[front], colours[back]) >= 4.5


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize(("front", "back"), SHAPES)
def test_shapes_can_be_seen(scheme: str, front: str, back: str) -> None:
    """3 to 1, as WCAG 2 AA asks of controls and charts."""
    colours = SCHEMES[scheme]
    assert contrast(colours[front], colours[back]) >= 3


def test_the_dark_scheme_has_every_colour() -> None:
    """None of the light ones shines through."""
    assert {name for name, value in LIGHT.items() if value.startswith("#")} == set(DARK)


def test_colours_are_tokens() -> None:
    """Whoever changes one changes it everywhere."""
    rules = re.sub(r"(?s):root \{.*?\n *\}", "", CSS)
    assert [] == re.findall(r"#[0-9a-f]{3,8}\b", rules)
    used = set(re.findall(r"var\(--([a-z-]+)\)", CSS))
    defined = set(re.findall(r"--([a-z-]+):", CSS))
    assert used == defined


def test_nothing_comes_from_elsewhere() -> None:
    """No font, no picture, no other sheet."""
    assert [] == re.findall(r"@import|url\(|@font-face|http", CSS)


def test_every_class_is_used() -> None:
    """A rule for what no page has is a leftover."""
    sources = "".join(
        file.read_text("utf-8") for folder in ("templates", "public") for file in (BOARD / folder).rglob("*.[hj]*")
    )
    known = {"error-summary", "errors", "hint", "field", "error"}  # those that arlen-web's forms write
    values = {"critical", "high", "medium", "low", "open", "watching", "resolved", "change", "good", "severity", "done"}
    for name in set(re.findall(r"\.([a-z][a-z-]+)", re.sub(r"(?s)/\*.*?\*/", "", CSS))) - known - values:
        assert re.search(rf"[\"' }}]{name}[\"' {{]", sources), name

"""Badges: a verdict as a picture, or as the document that an endpoint of shields.io serves."""

from __future__ import annotations

import json
from html import escape
from pathlib import Path

from arlen_conformance.reports import Report, Verdict, save

__all__ = ["endpoint", "svg", "write"]

COLOURS = {
    Verdict.CONFORMANT: ("brightgreen", "#2e7d32"),
    Verdict.PARTIAL: ("yellow", "#8a6d00"),
    Verdict.INCOMPLETE: ("lightgrey", "#616161"),
    Verdict.FAILING: ("red", "#c62828"),
}
LETTER = 7  # pixels; the text is fitted to its box, so that another font does no harm


def endpoint(report: Report) -> dict[str, object]:
    """Return the document for an endpoint badge of shields.io (its schema, version 1).

    >>> endpoint(Report([]))["message"]
    'incomplete'
    """
    colour = COLOURS[report.verdict][0]
    return {"schemaVersion": 1, "label": _label(report), "message": str(report.verdict), "color": colour}


def svg(report: Report) -> str:
    """Return a picture."""
    label, message, colour = escape(_label(report)), str(report.verdict), COLOURS[report.verdict][1]
    left, right = LETTER * len(_label(report)) + 12, LETTER * len(message) + 12
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + right}" height="20" role="img" '
        f'aria-label="{label}: {message}"><title>{label}: {message}</title>'
        f'<rect width="{left}" height="20" fill="#424242"/>'
        f'<rect x="{left}" width="{right}" height="20" fill="{colour}"/>'
        f'<g fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11">'
        f'<text x="6" y="14" textLength="{left - 12}">{label}</text>'
        f'<text x="{left + 6}" y="14" textLength="{right - 12}">{message}</text></g></svg>\n'
    )


def write(report: Report, path: Path) -> None:
    """Write a badge: a picture when the name of the file ends with .svg, else the document.

    Raises:
        ContractError: the file cannot be written.
    """
    text = svg(report) if path.suffix == ".svg" else json.dumps(endpoint(report)) + "\n"
    save(path, text.encode())


def _label(report: Report) -> str:
    return ", ".join(sorted({f"{each.contract} {each.version}" for each in report.subjects})) or "conformance"

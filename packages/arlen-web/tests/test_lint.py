"""Lint: each kind of mistake is found, at its line, with advice, and what is right is left alone."""

import pytest

from arlen_web.lint import lint, uses
from arlen_web.views import Views


def check(tmp_path, files, passed=None, **options):
    """Check templates, and return `(template, line, code, severity)` of what is wrong."""
    return [(each.template, each.line, each.code, each.severity) for each in found(tmp_path, files, passed, **options)]


def found(tmp_path, files, passed=None, **options):
    """Check templates."""
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    views = Views([tmp_path])
    views.env.globals["asset"] = views.env.globals["known"] = str
    return lint(views, passed, **options)


def test_good_templates_are_fine(tmp_path):
    """Layouts, blocks, partials, macros, helpers, loops, conditions and tests of what may be absent."""
    files = {
        "layout.html": "{% block head %}{% block inner %}{% endblock %}{% endblock %}"
        "{% block body %}{% endblock %}{{ title|d('x') }}",
        "page.html": "{% extends 'layout.html' %}{% from 'm.html' import b, c as d %}{% import 'm.html' as m %}"
        "{% set title = 'x' %}\n{# a note #}\n{% block inner %}{{ title|upper }}{% endblock %}"
        "{% block body %}{% for row in rows %}{{ loop.index }}{{ row.name }}{% include 'p.html' %}{% endfor %}"
        "{{ b(1) }}{{ d() }}{{ m.c() }}{{ known(2) }}{{ super() }}{{ self.inner() }}{{ request.path }}{{ ctx.request }}"
        "{% if extra is defined %}{{ extra }}{% endif %}{{ range(3)|list }}{{ asset('a.css') }}{% endblock %}",
        "p.html": "{{ row }}{% include 'none.html' ignore missing %}{% include ['none.html', 'm.html'] %}",
        "m.html": "{% macro b(n) %}{{ n }}{% endmacro %}{% macro c() %}{{ caller is defined }}{% endmacro %}",
        "a.txt": "text",
    }
    assert [] == check(tmp_path, files, {"page": {"rows"}, "a.txt": set()}, asset=str)


@pytest.mark.parametrize(
    ("text", "line", "code"),
    [
        ("a\n{% if %}", 2, "syntax"),
        ("{% for x in y %}", 1, "syntax"),
        ("\n\n{{ x", 3, "syntax"),
        ("{{ 'a'|uper }}", 1, "unknown_filter"),
        ("\n{% filter nope %}x{% endfilter %}", 2, "unknown_filter"),
        ("{% if 1 is evn %}{% endif %}", 1, "unknown_test"),
        ("\n{% include 'nope.html' %}", 2, "missing_template"),
        ("{% extends 'nope.html' %}", 1, "missing_template"),
        ("{% import 'nope.html' as m %}", 1, "missing_template"),
        ("{% from 'nope.html' import m %}", 1, "missing_template"),
        ("{% include ['no.html', 'nope.html'] %}", 1, "missing_template"),
        ("{% from 'm.html' import nope %}", 1, "missing_import"),
        ("{% from 'm.html' import _private %}", 1, "syntax"),
        ("\n{{ nope() }}", 2, "unknown_helper"),
        ("{{ x }}\n{{ nope }}", 2, "undefined_name"),
        ("{% if nope %}{% endif %}", 1, "undefined_name"),
        ("\n{{ asset('nope.css') }}", 2, "missing_asset"),
    ],
)
def test_mistakes_are_errors(tmp_path, text, line, code):
    """What would fail when the page is made is found before, at its line."""

    def asset(path):
        raise LookupError(f"there is no static file {path!r}")

    files = {"page.html": text, "m.html": "{% macro m() %}{% endmacro %}{% set _private = 1 %}"}
    rows = check(tmp_path, files, {"page": {"x", "y"}}, asset=asset)
    assert ("page.html", line, code, "error") in rows
    assert {"page.html"} == {row[0] for row in rows}


@pytest.mark.parametrize(
    ("text", "code", "fix"),
    [
        ("{{ 'a'|uper }}", "unknown_filter", "did you mean 'upper'?"),
        ("{{ 'a'|zzzzzz }}", "unknown_filter", "add it: web.views.env.filters['zzzzzz'] = ..."),
        ("{% if 1 is evn %}{% endif %}", "unknown_test", "did you mean 'even'?"),
        ("{% include 'pge.html' %}", "missing_template", "did you mean 'page.html'?"),
        ("{{ knwon() }}", "unknown_helper", "did you mean 'known'?"),
        ("{{ zzzzzz() }}", "unknown_helper", "register it: app.helper('zzzzzz', ...)"),
        ("{{ titel }}", "undefined_name", "did you mean 'title'?"),
        ("{{ zzzzzz }}", "undefined_name", "pass it to render(), or write zzzzzz|default(...)"),
    ],
)
def test_advice(tmp_path, text, code, fix):
    """The nearest name, or what to do."""
    [row] = found(tmp_path, {"page.html": text}, {"page": {"title"}})
    assert (code, fix, str(tmp_path / "page.html")) == (row.code, row.fix, row.file)


def test_every_mistake_of_a_template_is_found(tmp_path):
    """Not the first one alone, and none twice."""
    text = "{{ 'a'|one }}\n{{ 'a'|two }}\n{% if 1 is three %}{% endif %}\n{{ four() }}"
    rows = check(tmp_path, {"page.html": text}, {"page": set()})
    assert [1, 2, 3, 4] == [row[1] for row in rows]


@pytest.mark.parametrize(
    ("text", "code"),
    [("{% block nope %}{% endblock %}", "unused_block"), ("lost text", "text_outside_block")],
)
def test_what_is_never_shown_is_a_warning(tmp_path, text, code):
    """A block that no layout has, and text outside of blocks, in a template that extends another."""
    files = {"layout.html": "{% block body %}{% endblock %}", "page.html": "{% extends 'layout.html' %}\n" + text}
    assert [("page.html", 2, code, "warning")] == check(tmp_path, files)


def test_a_block_of_any_layout_above_is_used(tmp_path):
    """Blocks nest, and layouts extend layouts; one that is chosen while rendering may have any block."""
    files = {
        "a.html": "{% block a %}{% endblock %}",
        "b.html": "{% extends 'a.html' %}{% block a %}{% block b %}{% endblock %}{% endblock %}",
        "c.html": "{% extends 'b.html' %}{% block a %}{% endblock %}"
        "{% block b %}{% block new %}{% endblock %}{% endblock %}",
        "d.html": "{% extends x %}{% block z %}{% endblock %}",
    }
    assert [] == check(tmp_path, files)


def test_names_are_only_checked_where_they_are_known(tmp_path):
    """A template that nobody is seen to render may be given anything; a call is a warning there."""
    rows = check(tmp_path, {"page.html": "{{ name }}{{ call() }}"})
    assert [("page.html", 1, "unknown_helper", "warning")] == rows
    assert [] == check(tmp_path, {"page.html": "{{ name }}"}, {"page": None})


def test_a_macro_sees_no_page(tmp_path):
    """A name of the page is not defined in a template that is imported without context."""
    files = {
        "page.html": "{% from 'm.html' import m %}{{ m() }}{{ x }}",
        "m.html": "{% macro m() %}\n{{ x }}{% endmacro %}",
    }
    assert [("m.html", 2, "undefined_name", "error")] == check(tmp_path, files, {"page": {"x"}})


def test_a_layout_sees_what_its_pages_set(tmp_path):
    """A title that every page sets is no unknown name."""
    files = {"layout.html": "{{ title }}{{ other }}", "page.html": "{% extends 'layout.html' %}{% set title = 1 %}"}
    assert [("layout.html", 1, "undefined_name", "error")] == check(tmp_path, files, {"page": set()})


def test_a_template_that_is_no_utf8(tmp_path):
    """Is said to be so; the others are checked."""
    (tmp_path / "bad.html").write_bytes(b"\xff")
    assert [("bad.html", 1, "encoding", "error"), ("page.html", 1, "syntax", "error")] == check(
        tmp_path, {"page.html": "{% x %}"}
    )


def test_assets_are_checked_where_they_are_literal(tmp_path):
    """A path that is made while rendering cannot be; without a checker none is."""

    def asset(path):
        raise LookupError(path)

    files = {"page.html": "{{ asset(x) }}{{ asset('a' ~ x) }}{{ asset() }}{{ other.asset('b') }}"}
    assert [] == check(tmp_path, files, {"page": {"x", "other"}}, asset=asset)
    assert [] == check(tmp_path, {"page.html": "{{ asset('b') }}"})


def test_a_global_that_is_used(tmp_path):
    """The first template that uses it; a word in the text or a comment is no use."""
    (tmp_path / "a.html").write_text("flash {# {{ flash() }} #}")
    (tmp_path / "b.html").write_text("{% for m in flash() %}{% endfor %}")
    views = Views([tmp_path])
    views.env.globals["flash"] = list
    assert ("b.html", "") == (uses(views, "flash"), uses(views, "asset"))

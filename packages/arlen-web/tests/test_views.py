"""Views: escaping, strictness, layouts, helpers, and errors that name the line."""

import os
import traceback
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import TemplateNotFound, TemplateSyntaxError, UndefinedError
from markupsafe import Markup, escape

from arlen_core import App, Context, NotFound, Request, StartupError
from arlen_web.bytecode import Bytecode
from arlen_web.failures import TemplateFault
from arlen_web.views import Views


def made(folder: Path, files=None, **options) -> Views:
    """Make views over a folder of templates."""
    for name, text in (files or {}).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return Views([folder], **options)


def page(folder, template, **values):
    """Render one template."""
    return made(folder, {"page.html": template}).text("page", values)


def context(path="/here") -> Context:
    """Make the context of a request."""
    return Context(App("x", environ={}), Request(target=path.encode()))


def notes(error) -> str:
    """Return the notes of an error."""
    return "\n".join(error.__notes__)


@given(st.text())
def test_every_value_is_escaped(text):
    """In a page, in an attribute, and in a text template alike."""
    views = Views([])
    views.env.loader = None
    shown = views.env.from_string('{{ x }}|<a title="{{ x }}">').render(x=text)
    assert f'{escape(text)}|<a title="{escape(text)}">' == shown


def test_text_templates_are_escaped_too(tmp_path):
    """There is one rule, not one a suffix; `safe` says otherwise."""
    views = made(tmp_path, {"a.txt": "{{ x }} {{ x|safe }} {{ y }}"})
    assert "&lt; < <b>" == views.text("a.txt", {"x": "<", "y": Markup("<b>")})


def test_a_name_without_suffix_is_html(tmp_path):
    """Other suffixes are written out; a dot in a name is no suffix."""
    views = made(tmp_path, {"a.html": "html", "a.txt": "text", "v1.2.html": "dot", "x.y/b.html": "deep"})
    assert ["html", "html", "text", "dot", "deep"] == [
        views.text(name, {}) for name in ("a", "a.html", "a.txt", "v1.2", "x.y/b")
    ]


def test_layouts_partials_and_macros(tmp_path):
    """Inheritance, includes and imports are those of the engine; lines of tags leave no blanks."""
    views = made(
        tmp_path,
        {
            "layout.html": "<title>{% block title %}Site{% endblock %}</title>\n{% block body %}\n{% endblock %}",
            "page.html": '{% extends "layout.html" %}\n{% from "m.html" import b %}\n'
            "{% block title %}{{ super() }}: x{% endblock %}\n"
            '{% block body %}\n  {% for n in rows %}\n{% include "row.html" %}\n  {% endfor %}\n'
            '{{ b("!") }}{% endblock %}',
            "row.html": "<li>{{ n }}\n",
            "m.html": "{% macro b(t) %}<b>{{ t }}</b>{% endmacro %}",
        },
    )
    assert "<title>Site: x</title>\n<li>1\n<li>2\n<b>!</b>" == views.text("page", {"rows": [1, 2]})


@pytest.mark.parametrize(
    "template",
    ["{{ x }}", "{% if x %}{% endif %}", "{% for y in x %}{% endfor %}", "{{ x + 1 }}", "{{ x.y }}", "{{ x == 1 }}"],
)
def test_a_missing_value_is_an_error(tmp_path, template):
    """Whatever is done with it; asking first is fine."""
    with pytest.raises(UndefinedError, match="'x' is not defined: pass it to render"):
        page(tmp_path, template)
    assert "none" == page(tmp_path, "{% if x is defined %}{{ x }}{% else %}none{% endif %}")
    assert "none" == page(tmp_path, "{{ x|default('none') }}")


class Note:
    """Something with attributes."""

    title = "Tea"


@pytest.mark.parametrize(
    ("template", "value", "message"),
    [
        ("{{ x.titel }}", Note(), r"Note object has no 'titel': did you mean 'title'\?"),
        ("{{ x.titel }}", {"title": 1}, r"dict object has no 'titel': did you mean 'title'\?"),
        ("{{ x.zzz }}", Note(), r"Note object has no 'zzz'(?!:)"),
        ("{{ x[9] }}", [1], r"list object has no element 9"),
        ("{{ x.y }}", None, r"None has no 'y'"),
    ],
)
def test_a_missing_attribute_says_what_was_meant(tmp_path, template, value, message):
    """The nearest name is in the message."""
    with pytest.raises(UndefinedError, match=message):
        page(tmp_path, template, x=value)


def test_an_error_names_the_line(tmp_path):
    """Template, line and the lines around it, marked; the type of the error stays."""
    with pytest.raises(UndefinedError) as caught:
        page(tmp_path, "one\ntwo\n<p>{{ nope }}</p>\nfour")
    assert notes(caught.value).startswith("in the template page.html, line 3\n")
    assert ">    3 | <p>{{ nope }}</p>" in notes(caught.value)
    assert "     4 | four" in notes(caught.value)


def test_the_traceback_ends_in_the_template(tmp_path):
    """Frames of the engine are of no use to anybody who reads it; those of helpers are."""
    for template, last in (("\n{{ x.y }}", "page.html"), ("\n{{ broken() }}", Path(__file__).name)):
        views = made(tmp_path, {"page.html": template})
        views.add_helpers({"broken": (lambda: 1 // 0, False)})
        with pytest.raises((UndefinedError, ZeroDivisionError)) as caught:
            views.text("page", {})
        files = [frame.filename for frame in traceback.extract_tb(caught.value.__traceback__)]
        assert last == Path(files[-1]).name
        assert [] == [file for file in files if "jinja2" in Path(file).parts]
        assert str(tmp_path / "page.html") in files


def test_an_error_inside_an_include_names_both(tmp_path):
    """First where it happened, then what used it: includes, macros and layouts."""
    views = made(
        tmp_path,
        {
            "layout.html": "\n\n{% block body %}{% endblock %}",
            "page.html": '{% extends "layout.html" %}\n{% block body %}{% include "part.html" %}{% endblock %}',
            "part.html": '{% from "m.html" import m %}\n\n{{ m(0) }}',
            "m.html": "{% macro m(n) %}\n{{ 1 // n }}{% endmacro %}",
        },
    )
    with pytest.raises(ZeroDivisionError) as caught:
        views.text("page", {})
    lines = [line.strip() for line in notes(caught.value).splitlines() if "line " in line]
    assert ["in the template m.html, line 2", "used by part.html, line 3", "used by page.html, line 2"] == lines[:3]


def test_a_syntax_error_names_the_line(tmp_path):
    """Of the template that is wrong, not of the one that includes it."""
    views = made(tmp_path, {"page.html": '{% include "bad.html" %}', "bad.html": "a\n{% if %}"})
    with pytest.raises(TemplateSyntaxError) as caught:
        views.text("page", {})
    assert notes(caught.value).startswith("in the template bad.html, line 2")


def test_an_error_of_a_helper_names_the_call(tmp_path):
    """The template's line is noted though the error is Python's."""

    def broken():
        raise KeyError("x")

    views = made(tmp_path, {"page.html": "\n{{ broken() }}"})
    views.add_helpers({"broken": (broken, False)})
    with pytest.raises(KeyError) as caught:
        views.text("page", {})
    assert "page.html, line 2" in notes(caught.value)


def test_an_answer_passes_through(tmp_path):
    """A helper that says 404 on purpose has made no mistake."""

    def gone():
        raise NotFound("not here")

    views = made(tmp_path, {"page.html": "{{ gone() }}"})
    views.add_helpers({"gone": (gone, False)})
    with pytest.raises(NotFound) as caught:
        views.text("page", {})
    assert [] == getattr(caught.value, "__notes__", [])


def test_a_missing_template_says_where_it_was_looked_for(tmp_path):
    """With the nearest name; a missing include names the line that wants it."""
    views = made(tmp_path, {"notes/show.html": "x", "page.html": '\n{% include "nope.html" %}'})
    with pytest.raises(TemplateNotFound) as caught:
        views.text("notes/shaw", {})
    assert str(tmp_path) in notes(caught.value)
    assert "did you mean 'notes/show.html'?" in notes(caught.value)
    with pytest.raises(TemplateNotFound) as caught:
        views.text("page", {})
    assert "page.html, line 2" in notes(caught.value)


@pytest.mark.parametrize("name", ["../secret.html", "/etc/passwd", "a/../../secret.html", "..\\secret.html", ".."])
def test_a_template_is_never_outside(tmp_path, name):
    """A name that climbs out of the folder is not found."""
    (tmp_path / "secret.html").write_text("secret")
    (tmp_path / "templates").mkdir()
    with pytest.raises(TemplateNotFound):
        made(tmp_path / "templates").text(name, {})


def test_pages_see_the_request(tmp_path):
    """`ctx` and `request` are there, and helpers that want the context get it."""
    views = made(
        tmp_path, {"page.html": "{{ request.path }} {{ ctx.request.method }} {{ who('x') }} {{ plain(1) }} {{ v }}"}
    )
    views.add_helpers({"who": (lambda ctx, name: ctx.request.path + name, True), "plain": (lambda n: n + 1, False)})
    assert "/here GET /herex 2 9" == views.render(context(), "page", {"v": 9})


def test_helpers_work_in_imported_macros(tmp_path):
    """A macro that was imported without context has them too."""
    views = made(
        tmp_path,
        {
            "page.html": '{% import "m.html" as m %}{{ m.link() }}',
            "m.html": "{% macro link() %}{{ here() }}{% endmacro %}",
        },
    )
    views.add_helpers({"here": (lambda ctx: ctx.request.path, True)})
    assert "/a" == views.render(context("/a"), "page", {})
    assert "/b" == views.render(context("/b"), "page", {})


def test_a_helper_that_needs_a_request_says_so(tmp_path):
    """A mail has none."""
    views = made(tmp_path, {"page.html": "{{ here() }}"})
    views.add_helpers({"here": (lambda ctx: ctx.request.path, True)})
    with pytest.raises(RuntimeError, match="needs a request"):
        views.text("page", {})


def test_a_helper_cannot_hide_a_name(tmp_path):
    """What templates always have keeps its meaning."""
    with pytest.raises(StartupError, match="'request' would hide"):
        made(tmp_path).add_helpers({"request": (str, False)}, ["request"])


def test_a_value_may_be_called_like_a_global(tmp_path):
    """The page's own values go first."""
    views = made(tmp_path, {"page.html": "{{ form }}"})
    views.env.globals["form"] = "global"
    assert "mine" == views.text("page", {"form": "mine"})


def test_the_first_folder_goes_first(tmp_path):
    """An application overrides the templates of a plugin."""
    for name in ("mine", "theirs"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.html").write_text(name)
    (tmp_path / "theirs" / "b.html").write_text("only theirs")
    views = Views([tmp_path / "mine"])
    views.add_folder(tmp_path / "theirs")
    assert ["mine", "only theirs"] == [views.text("a", {}), views.text("b", {})]
    assert str(tmp_path / "theirs" / "b.html") == views.file("b.html")
    assert "" == views.file("c.html")


def test_templates_are_known_by_their_suffix(tmp_path):
    """Other files of the folder are none."""
    views = made(tmp_path, {"a.html": "", "b/c.txt": "", "d.py": "", "e": ""})
    assert ["a.html", "b/c.txt"] == views.names()


def test_a_changed_template_is_seen_in_development_only(tmp_path):
    """Production does not look at the files again."""
    for reload, expected in ((True, "new"), (False, "old")):
        views = made(tmp_path, {"a.html": "old"}, reload=reload)
        assert "old" == views.text("a", {})
        (tmp_path / "a.html").write_text("new")
        os.utime(tmp_path / "a.html", (1, 1))
        assert expected == views.text("a", {})


def test_all_templates_are_compiled(tmp_path):
    """Before the first request, so that none waits for it."""
    views = made(tmp_path, {"a.html": "a", "b.html": "b"})
    assert 2 == views.compile()
    (tmp_path / "a.html").unlink()
    assert "a" == views.text("a", {})


def test_a_bad_template_stops_the_start(tmp_path):
    """With file, line and reason."""
    views = made(tmp_path, {"a.html": "fine", "bad.html": "x\n{{ y|nope }}"})
    with pytest.raises(TemplateFault, match=r"bad.html, line 2: No filter named 'nope'") as caught:
        views.compile()
    assert (str(tmp_path / "bad.html"), 2) == (caught.value.file, caught.value.line)


def test_a_template_that_is_no_utf8_stops_the_start(tmp_path):
    """It is named."""
    views = made(tmp_path)
    (tmp_path / "bad.html").write_bytes(b"\xff")
    with pytest.raises(TemplateFault, match=r"bad\.html, line 1: is not UTF-8"):
        views.compile()


def test_bytecode_is_kept_and_pruned(tmp_path):
    """One file a template; those of templates that went are deleted."""
    kept = tmp_path / "kept"
    views = made(tmp_path / "t", {"a.html": "a", "b.html": "b"}, bytecode=Bytecode(kept))
    views.compile()
    assert 2 == len(list(kept.iterdir()))
    (tmp_path / "t" / "a.html").unlink()
    again = made(tmp_path / "t", bytecode=Bytecode(kept))
    again.compile()
    assert 1 == len(list(kept.iterdir()))
    assert "b" == again.text("b", {})


def test_two_requests_do_not_mix(tmp_path):
    """A page that is made while another is made sees its own request."""
    views = made(tmp_path, {"outer.html": "{{ here() }}{{ inner() }}{{ here() }}", "inner.html": "({{ here() }})"})
    views.add_helpers(
        {
            "here": (lambda ctx: ctx.request.path, True),
            "inner": (lambda: views.render(context("/b"), "inner", {}), False),
        }
    )
    assert "/a(/b)/a" == views.render(context("/a"), "outer", {})

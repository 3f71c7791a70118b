"""Contexts: what a template may see, never less than it does."""

import pytest
from jinja2 import Environment

from arlen_web.calls import ANYWHERE
from arlen_web.contexts import contexts

env = Environment(autoescape=True)


def given(texts, passed):
    """Return what each template is given, sorted, `None` when anything may come."""
    found = contexts({name: env.parse(text) for name, text in texts.items()}, passed)
    return {name: None if each.open else sorted(each.names) for name, each in found.items()}


def test_a_page_sees_what_is_passed():
    """By its name with or without suffix; one that nobody renders may be given anything."""
    assert {"a.html": ["x"], "b.html": ["y"], "c.html": None} == given(
        {"a.html": "", "b.html": "", "c.html": ""}, {"a": {"x"}, "b.html": {"y"}}
    )


def test_layouts_and_includes_see_what_their_users_see():
    """And what those define, through any number of steps."""
    texts = {
        "page.html": "{% extends 'layout.html' %}{% set title = 1 %}",
        "layout.html": "{% include 'nav.html' %}",
        "nav.html": "{% for n in x %}{% include 'item.html' %}{% endfor %}",
        "item.html": "",
    }
    found = given(texts, {"page": {"x"}})
    assert {
        "page.html": ["x"],
        "layout.html": ["title", "x"],
        "nav.html": ["title", "x"],
        "item.html": ["n", "title", "x"],
    } == found


def test_two_users_add_up():
    """What one of them passes may be there."""
    texts = {"a.html": "{% include 'p.html' %}", "b.html": "{% include 'p.html' %}", "p.html": ""}
    assert ["x", "y"] == given(texts, {"a": {"x"}, "b": {"y"}})["p.html"]


@pytest.mark.parametrize(
    ("tag", "expected"),
    [
        ("import 'm.html' as m", []),
        ("from 'm.html' import m", []),
        ("import 'm.html' as m with context", ["m", "x"]),
        ("include 'm.html' without context", []),
        ("include 'm.html'", ["x"]),
    ],
)
def test_what_is_imported_sees_nothing(tag, expected):
    """Unless it is imported with context."""
    assert expected == given({"a.html": "{% " + tag + " %}", "m.html": ""}, {"a": {"x"}})["m.html"]


def test_an_unknown_user_may_pass_anything():
    """A page that is not known to be rendered makes its parts unknown; `**values` does so too."""
    texts = {"a.html": "{% include 'p.html' %}", "p.html": ""}
    assert [None, None] == [given(texts, {})["p.html"], given(texts, {"a": None})["p.html"]]


def test_what_users_define_is_known_even_then():
    """An unknown page still passes on what it and its layout define: imports, sets, loops."""
    texts = {
        "layout.html": "{% from 'm.html' import icon %}{% block b %}{% endblock %}",
        "page.html": "{% extends 'layout.html' %}{% block b %}{% set f = 1 %}{% include 'part.html' %}{% endblock %}",
        "part.html": "",
        "m.html": "",
    }
    found = contexts({name: env.parse(text) for name, text in texts.items()}, {})["part.html"]
    assert (True, {"icon", "f"}) == (found.open, found.names)


def test_a_name_chosen_while_rendering():
    """Then any template may be that one, but those that are rendered by name stay known."""
    texts = {"a.html": "{% include x %}{% include 'p.html' %}", "p.html": "", "q.html": ""}
    assert {"a.html": ["x"], "p.html": None, "q.html": None} == given(texts, {"a": {"x"}})


def test_a_call_without_a_literal_name():
    """What it passes may come to every page."""
    assert ["x", "y"] == given({"a.html": ""}, {"a": {"x"}, ANYWHERE: {"y"}})["a.html"]
    assert given({"a.html": ""}, {"a": {"x"}, ANYWHERE: None})["a.html"] is None


def test_a_loop_ends():
    """Templates that include each other are no endless work."""
    texts = {"a.html": "{% include 'b.html' %}", "b.html": "{% include 'a.html' %}"}
    assert {"a.html": ["x"], "b.html": ["x"]} == given(texts, {"a": {"x"}})

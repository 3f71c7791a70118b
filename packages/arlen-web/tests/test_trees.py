"""Trees: questions to the syntax of a template."""

import pytest
from jinja2 import Environment

from arlen_web.trees import constants, defined, free, guarded, line, parents, references

env = Environment(autoescape=True)


@pytest.mark.parametrize(
    ("tag", "expected"),
    [
        ("include 'a'", ["a"]),
        ("include ['a', 'b']", ["a", "b"]),
        ("include ('a', 'b')", ["a", "b"]),
        ("include x", []),
        ("include ['a', x]", []),
        ("include 'a' ~ x", []),
        ("include 7", []),
        ("extends 'a'", ["a"]),
        ("import 'a' as b", ["a"]),
        ("from 'a' import b", ["a"]),
    ],
)
def test_the_names_of_other_templates(tag, expected):
    """Literals and lists of them are known, anything else is not."""
    [node] = references(env.parse("{% " + tag + " %}"))
    assert expected == constants(node.template)


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{% set a = 1 %}", {"a"}),
        ("{% for a, b in c %}{% endfor %}", {"a", "b"}),
        ("{% macro m(a, b=1) %}{% endmacro %}", {"m", "a", "b"}),
        ("{% import 'x' as a %}", {"a"}),
        ("{% from 'x' import a, b as c %}", {"a", "c"}),
        ("{% set a %}text{% endset %}", {"a"}),
        ("{% with a = 1 %}{% endwith %}", {"a"}),
        ("{{ a }}{{ b.c }}", set()),
    ],
)
def test_what_a_template_defines(template, expected):
    """Every way to give a name a value."""
    assert expected == defined(env.parse(template))


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{% if a is defined %}{{ a }}{% endif %}", {"a"}),
        ("{% if a is not defined %}{% endif %}", {"a"}),
        ("{% if a is undefined %}{% endif %}", {"a"}),
        ("{{ a|default('x') }}{{ b|d }}", {"a", "b"}),
        ("{{ a.b|default('x') }}{{ c|upper }}", set()),
    ],
)
def test_what_a_template_asks_about_first(template, expected):
    """A name that may be absent on purpose."""
    assert expected == guarded(env.parse(template))


def test_what_a_template_takes_from_outside():
    """Not what it defines, nor what is global; a filter that does not exist does not matter, and the tree stays."""
    tree = env.parse("{% set a = 1 %}{{ a }}{{ b|nope }}{% if c is strange %}{% endif %}{{ range(3) }}{{ 'x'|gone }}")
    assert {"b", "c"} == free(tree)
    assert env is tree.environment
    assert "nope" not in env.filters


def test_the_line_of_a_name():
    """The first one."""
    tree = env.parse("\n{{ b }}\n{{ a }}{{ b }}")
    assert (3, 2, 1) == (line(tree, "a"), line(tree, "b"), line(tree, "none"))


def test_the_layouts_above():
    """The nearest first; a loop, a missing one and one chosen while rendering are not known."""
    texts = {"a": "{% extends 'b' %}", "b": "{% extends 'c' %}", "c": "", "loop": "{% extends 'loop2' %}"}
    texts |= {"loop2": "{% extends 'loop' %}", "lost": "{% extends 'nope' %}", "late": "{% extends x %}"}
    trees = {name: env.parse(text) for name, text in texts.items()}
    assert [trees["b"], trees["c"]] == parents(trees["a"], trees)
    assert [] == parents(trees["c"], trees)
    assert [None, None, None] == [parents(trees[name], trees) for name in ("loop", "lost", "late")]

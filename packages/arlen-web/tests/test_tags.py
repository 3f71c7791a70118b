"""Tags: whatever the values, the element stays the element."""

from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from arlen_web.tags import attributes, element, identifier


class Seen(HTMLParser):
    """Notes what a browser would see."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.tags, self.texts = [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.texts.append(data)


@given(st.text(), st.text())
def test_any_value_and_text_stay_inside(value, inside):
    """No text can end an attribute or an element."""
    seen = Seen(element("p", {"title": value}, inside))
    assert [("p", {"title": value})] == seen.tags
    assert inside == "".join(seen.texts)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, ""),
        ({"a": None, "b": False, "c": ""}, ' c=""'),
        ({"required": True}, " required"),
        ({"class_": "x", "for_": "y"}, ' class="x" for="y"'),
        ({"aria_label": "z", "data-id": 3}, ' aria-label="z" data-id="3"'),
        ({"class": ["a", "b"]}, ' class="a b"'),
        ({"class": "a", "class_": "b"}, ' class="b"'),
        ({"title": Markup("<b>")}, ' title="<b>"'),
        ({"hx_on:click": "go()"}, ' hx-on:click="go()"'),
    ],
)
def test_attributes_are_written(given, expected):
    """None and False are left out, True is bare, lists are joined, the last of a name counts."""
    assert expected == attributes(given)


@pytest.mark.parametrize("name", ["", "_", "on click", "a=b", "a>", '"', "1a", "a\n", "é"])
def test_a_bad_name_is_refused(name):
    """A name cannot smuggle an attribute in."""
    with pytest.raises(ValueError, match="no name of an HTML attribute"):
        attributes({name: "x"})


def test_void_elements_have_no_end():
    """An input has nothing inside."""
    assert Markup('<input name="q">') == element("input", {"name": "q"})


def test_markup_inside_stays():
    """Elements nest."""
    assert "<ul><li>&lt;</li></ul>" == element("ul", {}, element("li", {}, "<"))


@given(st.lists(st.text(max_size=10), max_size=3))
def test_an_id_is_one_word(parts):
    """An id begins with a letter and holds no blank."""
    made = identifier(*parts)
    assert made[0].isalpha()
    assert made.isascii()
    assert made == "".join(made.split())

"""Names: whatever a document calls things, the code has identifiers, literals and comments that are harmless."""

import ast
import json
import keyword
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arlen_openapi.names import KEYWORDS, Names, camel, literal, pascal, prose, quoted, snake

ANY = st.text(max_size=30)


@pytest.mark.parametrize(
    ("text", "as_snake", "as_camel", "as_pascal"),
    [
        ("note", "note", "note", "Note"),
        ("create_note", "create_note", "createNote", "CreateNote"),
        ("createNote", "create_note", "createNote", "CreateNote"),
        ("HTTPError", "http_error", "httpError", "HTTPError"),
        ("get /notes/{id}", "get_notes_id", "getNotesId", "GetNotesId"),
        ("X-Request-Id", "x_request_id", "xRequestId", "XRequestId"),
        ("2fa", "value_2_fa", "value2Fa", "Value2Fa"),
        ("", "value", "value", "Value"),
        ("名前", "value", "value", "Value"),
        ("a" * 90, "a" * 60, "a" * 60, "A" + "a" * 59),
        ("__class__", "class", "class", "Class"),
    ],
)
def test_words_are_put_together(text, as_snake, as_camel, as_pascal):
    """As each language does it."""
    assert (as_snake, as_camel, as_pascal) == (snake(text), camel(text), pascal(text))


@given(ANY)
def test_names_are_identifiers(text):
    """Of ASCII, for anything."""
    for made in (snake(text), camel(text), pascal(text)):
        assert re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", made)


@given(st.lists(ANY, max_size=20))
def test_names_of_a_scope_differ(texts):
    """From each other, from what is reserved, and from keywords."""
    names = Names({"self"}, KEYWORDS)
    made = [names.take(snake(each)) for each in [*texts, "self", "class", "class"]]
    assert len(made) == len(set(made))
    assert not any(keyword.iskeyword(each) for each in made)
    assert "self" not in made


def test_the_first_one_gets_the_name():
    """The others get a number, a keyword a line below."""
    names = Names(keywords=KEYWORDS)
    assert ["a", "a2", "a3", "import_", "import_2"] == [
        names.take(each) for each in ("a", "a", "a", "import", "import")
    ]


def test_without_keywords_every_word_is_a_name():
    """A member of a class of TypeScript may be called `class`."""
    assert ["class", "class2"] == [(names := Names()).take("class"), names.take("class")]


@given(st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | ANY)
def test_a_literal_is_its_value(value):
    """In both languages, in ASCII, on one line."""
    assert value == ast.literal_eval(literal(value))
    assert value == json.loads(quoted(value))
    assert (literal(value) + quoted(value)).isascii()
    assert "\n" not in literal(value) + quoted(value)


def test_a_literal_ends_no_script():
    """A file may be pasted into a page."""
    assert "<" not in quoted("</script><!--")


@given(st.text(st.characters() | st.sampled_from("*/\n\r\u2028\u202e\x00\x85"), max_size=40))
def test_prose_stays_in_its_comment(text):
    """It cannot end it, and it cannot turn what follows around."""
    for line in prose(text):
        assert "*/" not in line
        assert all(each.isprintable() for each in line)


@pytest.mark.parametrize("text", [None, 3, ["a"], {}])
def test_what_is_no_text_has_no_lines(text):
    """A document that was never validated may have anything there."""
    assert [] == prose(text)

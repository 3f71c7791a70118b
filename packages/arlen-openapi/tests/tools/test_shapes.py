"""Shapes: a schema has a list of simple alternatives, and they allow the same values."""

import pytest

from arlen_openapi.references import Document
from arlen_openapi.shapes import Unclear, canonical, disjoint, shapes


def document(**schemas):
    """Return a document with these components."""
    return Document({"openapi": "3.1.0", "components": {"schemas": schemas}})


def of(schema, **schemas):
    """Return the alternatives of a schema."""
    return shapes(document(**schemas), schema)


def ref(name):
    """Return a reference to a component."""
    return {"$ref": f"#/components/schemas/{name}"}


def test_a_schema_that_says_nothing_has_every_type():
    """And so has `true`."""
    types = ["null", "boolean", "number", "string", "array", "object"]
    assert types == [each["type"] for each in of({})]
    assert of({}) == of(True)


def test_a_schema_that_takes_nothing_has_no_alternative():
    """Nor has one whose parts exclude each other."""
    assert [] == of(False)
    assert [] == of({"allOf": [{"type": "string"}, {"type": "integer"}]})
    assert [] == of({"type": "string", "enum": [1, 2]})


def test_spellings_of_a_choice_are_the_same():
    """A list of types, `anyOf` and `oneOf` of types that differ."""
    spelled = [
        {"type": ["string", "null"], "maxLength": 3},
        {"anyOf": [{"type": "string", "maxLength": 3}, {"type": "null"}]},
        {"oneOf": [{"type": "null"}, {"type": "string", "maxLength": 3}]},
    ]
    found = [sorted(map(canonical, of(each))) for each in spelled]
    assert found[0] == found[1] == found[2]


def test_a_const_is_an_enum_of_one():
    """With the type of its value."""
    assert [{"type": "string", "enum": ["a"]}] == of({"const": "a"})


def test_values_of_an_enum_go_to_their_types():
    """Numbers are integers when all of them are whole."""
    found = {each["type"]: each["enum"] for each in of({"enum": ["a", 1, None, True, 2.5]})}
    assert {"null": [None], "boolean": [True], "number": [1, 2.5], "string": ["a"]} == found


def test_listed_numbers_that_are_whole_are_integers():
    """Whatever the type is called."""
    assert [{"type": "integer", "enum": [1, 2]}] == of({"enum": [1, 2.0]}) == of({"type": "number", "enum": [1, 2]})


def test_keywords_of_other_types_are_left_out():
    """`minLength` says nothing about numbers."""
    assert [{"type": "integer", "minimum": 1}] == of(
        {"type": "integer", "minimum": 1, "minLength": 2, "required": ["a"]}
    )


def test_annotations_are_left_out():
    """And extensions."""
    assert [{"type": "string"}] == of({"type": "string", "title": "T", "examples": ["a"], "x-y": 1, "default": "b"})


def test_all_of_keeps_the_stricter_bound():
    """Of both sides."""
    found = of({"type": "integer", "minimum": 1, "maximum": 9, "allOf": [{"minimum": 3}, {"maximum": 20}]})
    assert [{"type": "integer", "minimum": 3, "maximum": 9}] == found


def test_all_of_joins_objects():
    """A property of both has to be valid for both."""
    one = {"type": "object", "properties": {"a": {"type": "string"}, "b": {}}, "required": ["a"]}
    other = {"type": "object", "properties": {"a": {"minLength": 1}, "c": {}}, "required": ["c"]}
    (found,) = of({"allOf": [one, other]})
    assert {"a", "c"} == found["required"]
    assert {"allOf": [{"type": "string"}, {"minLength": 1}]} == found["properties"]["a"]
    assert ["a", "b", "c"] == sorted(found["properties"])


def test_all_of_keeps_common_values():
    """Of two lists."""
    assert [{"type": "string", "enum": ["b"]}] == of({"enum": ["a", "b"], "allOf": [{"enum": ["b", "c"]}]})


def test_an_integer_is_a_number_too():
    """So that both together are an integer, and either of them a number."""
    assert ["integer"] == [each["type"] for each in of({"type": "number", "allOf": [{"type": "integer"}]})]
    assert ["number"] == [each["type"] for each in of({"type": ["integer", "number"]})]


def test_a_reference_may_have_siblings():
    """They hold together, as in `allOf` (JSON Schema 2020-12, section 8.2.3.1)."""
    assert [{"type": "string", "maxLength": 3}] == of({**ref("A"), "maxLength": 3}, A={"type": "string"})


def test_alternatives_of_all_parts_are_multiplied():
    """Each of the one with each of the other."""
    either = {"anyOf": [{"minimum": 1}, {"minimum": 5}]}
    found = of({"type": "integer", "allOf": [either, {"anyOf": [{"maximum": 7}, {"maximum": 9}]}]})
    assert {(1, 7), (1, 9), (5, 7), (5, 9)} == {(each["minimum"], each["maximum"]) for each in found}


def test_too_many_alternatives_are_not_compared():
    """That is said, not guessed."""
    either = {"anyOf": [{"minimum": each} for each in range(20)]}
    with pytest.raises(Unclear, match="more than 100 alternatives"):
        of({"allOf": [either, either | {"title": "x"}]})


def test_a_schema_that_is_its_own_part_is_not_compared():
    """It says nothing that could be checked."""
    with pytest.raises(Unclear, match="is a part of itself"):
        of(ref("A"), A={"anyOf": [{"type": "null"}, ref("A")]})


def test_closed_objects_cannot_be_joined():
    """`additionalProperties` sees only the properties beside it."""
    closed = {"properties": {"a": {}}, "additionalProperties": False}
    with pytest.raises(Unclear, match="additionalProperties"):
        of({"type": "object", "allOf": [closed, {"properties": {"b": {}}}]})


def test_what_is_not_known_is_kept_aside():
    """So that it can be compared word by word."""
    assert [{"type": "string", "opaque": {"not": [{"const": "a"}]}}] == of({"type": "string", "not": {"const": "a"}})


def test_one_of_with_overlap_is_kept_aside_too():
    """It is more than the union of its parts: a value that fits two of them is refused."""
    (found, *_) = of({"oneOf": [{"type": "string", "minLength": 1}, {"type": "string", "maxLength": 5}]})
    assert ["oneOf"] == list(found["opaque"])


def test_one_of_with_tags_is_a_union():
    """A property of one value tells them apart."""
    parts = [{"type": "object", "properties": {"kind": {"const": each}}, "required": ["kind"]} for each in "ab"]
    assert all("opaque" not in each for each in of({"oneOf": parts}))


def test_one_of_that_holds_itself_ends():
    """A tree of tagged nodes is as common as it is recursive."""
    leaf = {"type": "object", "properties": {"next": ref("Node")}, "required": ["next"]}
    other = {"type": "object", "properties": {"next": {"type": "array", "items": ref("Node")}}, "required": ["next"]}
    assert 2 == len(of(ref("Node"), Node={"oneOf": [leaf, other]}, Leaf=leaf))


def test_several_tuples_cannot_be_joined():
    """Their items would have to be valid for both."""
    with pytest.raises(Unclear, match="several prefixItems"):
        of({"type": "array", "prefixItems": [{}], "allOf": [{"prefixItems": [{"type": "null"}]}]})


@pytest.mark.parametrize(
    ("one", "other", "apart"),
    [
        ({"type": "string"}, {"type": "integer"}, True),
        ({"type": "number"}, {"type": "integer"}, False),
        ({"const": 1}, {"const": 2}, True),
        ({"const": "a"}, {"enum": ["a", "b"]}, False),
        ({"const": "a"}, {"type": "string"}, False),
        ({"type": "object"}, {"type": "object"}, False),
        (
            {"type": "object", "properties": {"k": {"const": "a"}}, "required": ["k"]},
            {"type": "object", "properties": {"k": {"const": "b"}}},
            True,
        ),
        (
            {"type": "object", "properties": {"k": {"const": "a"}}},
            {"type": "object", "properties": {"k": {"const": "b"}}},
            False,
        ),
        (
            {"type": "object", "properties": {"k": {"type": "string"}}, "required": ["k"]},
            {"type": "object", "properties": {"k": {"type": "array"}}},
            True,
        ),
    ],
)
def test_shapes_are_apart_when_no_value_fits_both(one, other, apart):
    """When it is not known, they are not."""
    house = document()
    assert apart is disjoint(house, of(one)[0], house, of(other)[0])


def test_equal_values_have_equal_text():
    """1 is 1.0 in JSON, and neither is true."""
    assert canonical({"a": [1, {"b": 2.0}]}) == canonical({"a": [1.0, {"b": 2}]})
    assert 3 == len({canonical(1), canonical("1"), canonical(True)})
    assert canonical({"b": 1, "a": 2}) == canonical({"a": 2, "b": 1})

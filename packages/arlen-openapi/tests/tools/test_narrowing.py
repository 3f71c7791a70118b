"""Narrowing: a change of a schema breaks those who send it, those who read it, both or nobody."""

import pytest

from arlen_openapi.changes import compare
from arlen_openapi.narrowing import Narrowing, same, step
from arlen_openapi.references import Document

STRING, INTEGER, NUMBER, NULL = ({"type": each} for each in ("string", "integer", "number", "null"))


def obj(*required, rest=None, **properties):
    """Return the schema of an object."""
    extra = {} if rest is None else {"additionalProperties": rest}
    return {"type": "object", "properties": properties, "required": list(required), **extra}


def tagged(kind, **properties):
    """Return the schema of an object that `kind` tells from others."""
    return obj("kind", *properties, kind={"const": kind}, **properties)


def told(found):
    """Return what was found, without the place of the operation."""
    return {(each.level, each.rule, each.place.partition(" $")[2]) for each in found}


# What changes, from, to, what breaks when it is sent, what breaks when it is read ("?" when it cannot be told).
CASES = [
    ("a type changes", STRING, INTEGER, "type-narrowed", "type-widened"),
    ("a type is added", STRING, {"type": ["string", "null"]}, "", "type-widened"),
    ("a type is taken away", {"type": ["string", "null"]}, STRING, "type-narrowed", ""),
    ("anything becomes something", {}, STRING, "type-narrowed", ""),
    ("an integer becomes a number", INTEGER, NUMBER, "", "type-widened"),
    ("a number becomes an integer", NUMBER, INTEGER, "type-narrowed", ""),
    ("a value is added", {"enum": ["a"]}, {"enum": ["a", "b"]}, "", "enum-widened"),
    ("a value is taken away", {"enum": ["a", "b"]}, {"enum": ["b"]}, "enum-narrowed", ""),
    ("all values change", {"enum": ["a"]}, {"enum": ["b"]}, "enum-narrowed", "enum-widened"),
    ("values get a list", STRING, {"enum": ["a"]}, "enum-narrowed", ""),
    ("a list of values goes", {"enum": ["a"]}, STRING, "", "enum-widened"),
    ("true is not 1", {"enum": [True]}, {"enum": [1]}, "type-narrowed", "type-widened"),
    ("1 is 1.0", {"enum": [1]}, {"enum": [1.0]}, "", ""),
    ("a const becomes an enum", {"const": "a"}, {"enum": ["a"]}, "", ""),
    ("a boolean is an enum", {"type": "boolean"}, {"enum": [True, False]}, "", ""),
    ("a lower bound comes", INTEGER, {**INTEGER, "minimum": 1}, "range-narrowed", ""),
    ("a lower bound goes", {**INTEGER, "minimum": 1}, INTEGER, "", "range-widened"),
    ("a lower bound rises", {**NUMBER, "minimum": 1}, {**NUMBER, "minimum": 2}, "range-narrowed", ""),
    ("an upper bound falls", {**NUMBER, "maximum": 5}, {**NUMBER, "maximum": 4}, "range-narrowed", ""),
    ("an upper bound rises", {**NUMBER, "maximum": 4}, {**NUMBER, "maximum": 5}, "", "range-widened"),
    ("an edge is left out", {**NUMBER, "minimum": 0}, {**NUMBER, "exclusiveMinimum": 0}, "range-narrowed", ""),
    ("an edge is let in", {**NUMBER, "exclusiveMaximum": 0}, {**NUMBER, "maximum": 0}, "", "range-widened"),
    ("edges of integers are steps", {**INTEGER, "minimum": 1}, {**INTEGER, "exclusiveMinimum": 0}, "", ""),
    ("listed values keep a bound", {"enum": [1, 2]}, {**INTEGER, "minimum": 0}, "", "enum-widened"),
    ("a multiple is asked for", INTEGER, {**INTEGER, "multipleOf": 2}, "multiple-narrowed", ""),
    ("a multiple of a multiple", {**INTEGER, "multipleOf": 4}, {**INTEGER, "multipleOf": 2}, "", "multiple-widened"),
    ("every integer is a multiple of 1", INTEGER, {**INTEGER, "multipleOf": 1}, "", ""),
    ("a text gets shorter", {**STRING, "maxLength": 9}, {**STRING, "maxLength": 8}, "length-narrowed", ""),
    ("a text may be empty", {**STRING, "minLength": 1}, STRING, "", "length-widened"),
    ("a pattern comes", STRING, {**STRING, "pattern": "^a"}, "pattern-narrowed", ""),
    ("a pattern goes", {**STRING, "pattern": "^a"}, STRING, "", "pattern-widened"),
    (
        "a pattern changes",
        {**STRING, "pattern": "^a"},
        {**STRING, "pattern": "^[ab]"},
        "?pattern-narrowed",
        "?pattern-widened",
    ),
    ("a format comes", STRING, {**STRING, "format": "date"}, "format-narrowed", ""),
    ("a format goes", {**STRING, "format": "date"}, STRING, "", "format-widened"),
    ("an integer has more bits", {**INTEGER, "format": "int32"}, {**INTEGER, "format": "int64"}, "", "format-widened"),
    ("a list has a limit", {"type": "array"}, {"type": "array", "maxItems": 9}, "items-count-narrowed", ""),
    ("a list may be empty", {"type": "array", "minItems": 1}, {"type": "array"}, "", "items-count-widened"),
    ("items are to differ", {"type": "array"}, {"type": "array", "uniqueItems": True}, "unique-narrowed", ""),
    (
        "one item always differs",
        {"type": "array", "maxItems": 1},
        {"type": "array", "maxItems": 1, "uniqueItems": True},
        "",
        "",
    ),
    (
        "an object has a limit",
        {"type": "object"},
        {"type": "object", "maxProperties": 2},
        "properties-count-narrowed",
        "",
    ),
    ("a schema takes nothing", STRING, False, "type-narrowed", ""),
]


@pytest.mark.parametrize(("old", "new", "sent", "read"), [each[1:] for each in CASES], ids=[each[0] for each in CASES])
def test_a_value(offering, old, new, sent, read):
    """What a request takes may grow, what a response holds may shrink, and not the other way round."""
    for side, expected in (("request", sent), ("response", read)):
        found = compare(offering(**{side: old}), offering(**{side: new}))
        wanted = {
            ("unknown" if "?" in each else "breaking", f"{side}-{each.strip('?')}", "") for each in expected.split()
        }
        assert wanted == {each for each in told(found) if each[0] != "compatible"}


# The same for objects: what, from, to, and what breaks, with the place below the object.
OPEN, CLOSED = obj(a=STRING), obj(a=STRING, rest=False)
OBJECTS = [
    ("a property comes", OPEN, obj(a=STRING, b=STRING), "", ""),
    ("a required property comes", OPEN, obj("b", a=STRING, b=STRING), "required-property-added .b", ""),
    ("a property comes where none was let in", CLOSED, obj(a=STRING, b=STRING, rest=False), "", "property-added .b"),
    ("a property goes", OPEN, obj(), "?property-removed .a", "property-removed .a"),
    ("a required property goes", obj("a", a=STRING), obj(), "?property-removed .a", "required-property-removed .a"),
    ("a property goes where none is let in", CLOSED, obj(rest=False), "property-removed .a", "property-removed .a"),
    ("a property has to be there", OPEN, obj("a", a=STRING), "property-became-required .a", ""),
    ("a property may be left out", obj("a", a=STRING), OPEN, "", "property-became-optional .a"),
    ("a property changes", OPEN, obj(a=INTEGER), "type-narrowed .a", "type-widened .a"),
    ("an object closes", OPEN, CLOSED, "?additional-properties-narrowed {}", ""),
    ("an object opens", CLOSED, OPEN, "", "?additional-properties-widened {}"),
    ("a map closes", obj(rest=STRING), obj(rest=False), "additional-properties-narrowed {}", ""),
    ("a map gets a type", obj(), obj(rest=STRING), "?additional-properties-narrowed {}", ""),
    ("a map changes", obj(rest=STRING), obj(rest=INTEGER), "type-narrowed {}", "type-widened {}"),
    ("a map of anything gets a name", {"type": "object"}, obj(b=INTEGER), "type-narrowed .b", ""),
    (
        "so does an object that is said to be open",
        obj(a=NULL, rest=True),
        obj(a=NULL, b=INTEGER, rest=True),
        "type-narrowed .b",
        "",
    ),
    (
        "a key of a map gets a name",
        obj(rest=STRING),
        obj(b=INTEGER, rest=STRING),
        "type-narrowed .b",
        "type-widened .b",
    ),
    ("a key of a map loses it", obj(b=INTEGER, rest=STRING), obj(rest=STRING), "type-narrowed .b", "type-widened .b"),
    (
        "a name is odd",
        obj(**{"due date": STRING}),
        obj(**{"due date": NULL}),
        'type-narrowed ["due date"]',
        'type-widened ["due date"]',
    ),
    (
        "deep inside",
        obj(a=obj(b={"type": "array", "items": STRING})),
        obj(a=obj(b={"type": "array", "items": {**STRING, "maxLength": 3}})),
        "length-narrowed .a.b[]",
        "",
    ),
    (
        "a place of a tuple",
        {"type": "array", "prefixItems": [STRING, STRING]},
        {"type": "array", "prefixItems": [STRING, NULL]},
        "type-narrowed [1]",
        "type-widened [1]",
    ),
    (
        "a tuple gets longer",
        {"type": "array", "prefixItems": [STRING], "items": False, "minItems": 1, "maxItems": 1},
        {"type": "array", "prefixItems": [STRING, NULL], "items": False, "minItems": 2, "maxItems": 2},
        "items-count-narrowed",
        "type-widened [1]; items-count-widened",
    ),
    (
        "a tuple becomes a list",
        {"type": "array", "prefixItems": [STRING], "items": STRING},
        {"type": "array", "items": STRING},
        "",
        "",
    ),
    (
        "names get a pattern",
        {"type": "object"},
        {"type": "object", "propertyNames": {"maxLength": 3}},
        "?constraint-narrowed",
        "",
    ),
    (
        "what cannot be compared changes",
        {**STRING, "not": {"const": "a"}},
        {**STRING, "not": {"const": "b"}},
        "?constraint-narrowed",
        "?constraint-widened",
    ),
    ("a condition goes", {**STRING, "if": {"const": "a"}, "then": False}, STRING, "", "?constraint-widened"),
    ("a keyword of tomorrow", STRING, {**STRING, "shouting": True}, "?constraint-narrowed", ""),
    (
        "a property is to be read alone",
        obj(a=STRING),
        obj(a={**STRING, "readOnly": True}),
        "?constraint-narrowed .a",
        "",
    ),
    (
        "an alternative comes",
        {"oneOf": [tagged("a")]},
        {"oneOf": [tagged("a"), tagged("b")]},
        "",
        "alternatives-widened",
    ),
    (
        "an alternative goes",
        {"oneOf": [tagged("a"), tagged("b")]},
        {"oneOf": [tagged("a")]},
        "alternatives-narrowed",
        "",
    ),
    (
        "an alternative changes",
        {"oneOf": [tagged("a", x=STRING), tagged("b")]},
        {"oneOf": [tagged("a", x=NULL), tagged("b")]},
        "type-narrowed .x",
        "type-widened .x",
    ),
    (
        "alternatives overlap",
        {**INTEGER, "maximum": 9},
        {"anyOf": [{**INTEGER, "maximum": 5}, {**INTEGER, "minimum": 5}]},
        "?alternatives-narrowed",
        "range-widened",
    ),
    ("values are spread", {"enum": ["a", "b"]}, {"anyOf": [{"const": "a"}, {"const": "b"}]}, "", ""),
    (
        "one of them, and one only",
        {"anyOf": [STRING, {"maxLength": 3}]},
        {"oneOf": [STRING, {"maxLength": 3}]},
        "?constraint-narrowed; ?alternatives-narrowed",
        "",
    ),
    ("an order changes", {"anyOf": [STRING, NULL]}, {"anyOf": [NULL, STRING]}, "", ""),
    ("parts are joined", {"allOf": [obj("a", a=STRING), obj(b=NULL)]}, obj("a", a=STRING, b=NULL), "", ""),
]


def rules(expected, side):
    """Return what a case expects, as `told` returns it."""
    pairs = [each.strip().partition(" ") for each in expected.split(";") if each]
    return {("unknown" if "?" in rule else "breaking", f"{side}-{rule.strip('?')}", place) for rule, _, place in pairs}


@pytest.mark.parametrize(
    ("old", "new", "sent", "read"), [each[1:] for each in OBJECTS], ids=[each[0] for each in OBJECTS]
)
def test_an_object(offering, old, new, sent, read):
    """The place says where, as a path into the value."""
    for side, expected in (("request", sent), ("response", read)):
        found = compare(offering(**{side: old}), offering(**{side: new}))
        assert rules(expected, side) == {each for each in told(found) if each[0] != "compatible"}


@pytest.mark.parametrize(
    ("old", "new"), [each[1:3] for each in CASES + OBJECTS], ids=[each[0] for each in CASES + OBJECTS]
)
def test_nothing_of_it_is_silent(offering, old, new):
    """A change that breaks nobody is told too, on either side."""
    for side in ("request", "response"):
        before, after = offering(**{side: old}), offering(**{side: new})
        assert compare(before, after) or old == new


def test_a_schema_may_hold_itself(offering):
    """It is compared once, and a change of it is found."""
    tree = obj("value", value=STRING, left={"$ref": "#/components/schemas/Tree"})
    wide = obj("value", value=INTEGER, left={"$ref": "#/components/schemas/Tree"})
    root = {"$ref": "#/components/schemas/Tree"}
    assert [] == compare(offering(root, Tree=tree), offering(root, Tree=tree))
    found = compare(offering(root, Tree=tree), offering(root, Tree=wide))
    assert {("breaking", "request-type-narrowed", ".value")} == told(found)


def test_two_schemas_may_hold_each_other(offering):
    """The change is found behind both."""
    a, b = obj(b={"$ref": "#/components/schemas/B"}), obj(a={"$ref": "#/components/schemas/A"}, x=STRING)
    root = {"$ref": "#/components/schemas/A"}
    found = compare(offering(None, root, A=a, B=b), offering(None, root, A=a, B={**b, "required": ["x"]}))
    assert {("compatible", "response-property-became-required", ".b.x")} == told(found)


def test_components_may_be_renamed(offering):
    """What is compared is what goes over the wire."""
    old = offering({"$ref": "#/components/schemas/Old"}, Old=obj(a=STRING))
    new = offering({"$ref": "#/components/schemas/New"}, New=obj(a=STRING))
    assert not [each for each in compare(old, new) if each.level != "compatible"]


def test_the_same_schema_at_two_places_is_told_twice(offering):
    """Each place breaks its own readers."""
    both = obj(a={"$ref": "#/components/schemas/X"}, b={"$ref": "#/components/schemas/X"})
    found = compare(offering(both, X=STRING), offering(both, X=INTEGER))
    assert {".a", ".b"} == {place for _, _, place in told(found)}


def test_a_schema_that_says_nothing_clear_is_said_to_be_so(offering):
    """When it differs; when it does not, there is nothing to tell."""
    loop = {"anyOf": [NULL, {"$ref": "#/components/schemas/Loop"}]}
    other = {"anyOf": [STRING, {"$ref": "#/components/schemas/Loop"}]}
    root = {"$ref": "#/components/schemas/Loop"}
    assert [] == compare(offering(root, Loop=loop), offering(root, Loop=loop))
    (found,) = compare(offering(root, Loop=loop), offering(root, Loop=other))
    assert ("unknown", "request-schema-narrowed") == (found.level, found.rule)
    assert "is a part of itself" in found.reason


def test_a_wide_document_does_not_take_for_ever(offering):
    """Twenty levels, each of which uses the next one twice, are two to the twenty places."""

    def ladder(end):
        steps = {
            f"S{at}": obj(a={"$ref": f"#/components/schemas/S{at + 1}"}, b={"$ref": f"#/components/schemas/S{at + 1}"})
            for at in range(20)
        }
        return offering({"$ref": "#/components/schemas/S0"}, **steps, S20=end)

    found = compare(ladder(STRING), ladder(INTEGER))
    assert 0 < len(found) <= 200
    assert {"breaking"} == {each.level for each in found}


def test_a_reason_names_what_is_lost(offering):
    """With the values, cut where they are many."""
    (found,) = compare(offering({"enum": list("abcdefgh")}), offering({"enum": ["a"]}))
    assert '"b", "c", "d", "e", "f", …: not among "a"' == found.reason


def test_findings_are_one_way():
    """Whether the one is within the other; the other question is asked the other way round."""
    house = Document({"openapi": "3.1.0"})
    assert [] == Narrowing(house, house, forward=True).findings(INTEGER, NUMBER)
    (found,) = Narrowing(house, house, forward=True).findings(NUMBER, INTEGER)
    assert ("type", "", "number: not among integer", "breaking") == (found.kind, found.place, found.reason, found.level)


def test_the_same_is_the_same_behind_references():
    """Titles do not count; what a reference leads to does."""
    one = Document({"openapi": "3.1.0", "components": {"schemas": {"A": {**STRING, "title": "One"}}}})
    other = Document({"openapi": "3.1.0", "components": {"schemas": {"A": STRING, "B": INTEGER}}})
    reference = {"$ref": "#/components/schemas/A"}
    assert same(one, [reference], other, [STRING])
    assert not same(one, reference, other, {"$ref": "#/components/schemas/B"})
    assert not same(one, [reference], other, [STRING, STRING])
    assert not same(one, {"const": 1}, other, {"const": True})


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        ({"properties": {"title": STRING}}, {"properties": {"title": INTEGER}}, False),
        ({"properties": {"title": STRING}}, {"properties": {}}, False),
        ({"properties": {"x-a": STRING}}, {"properties": {}}, False),
        ({"title": "A", "x-a": 1}, {"title": "B"}, True),
        ({"enum": [{"title": 1}]}, {"enum": [{"title": 2}]}, False),
        ({"const": {"$ref": "a"}}, {"const": {"$ref": "b"}}, False),
        ({"allOf": [{"title": "A"}]}, {"allOf": [{}]}, True),
        ({"properties": {"$ref": STRING}}, {"properties": {"$ref": STRING}}, True),
    ],
)
def test_a_name_is_no_annotation(one, other, equal):
    """A property may be called `title`, and a value may look like a schema."""
    house = Document({"openapi": "3.1.0"})
    assert equal is same(house, one, house, other)
    assert not same(house, {"title": "A"}, house, {"title": "B"}, exact=True)


def test_keywords_beside_a_reference_count():
    """A reference to the same with another limit is another schema."""
    house = Document({"openapi": "3.1.0", "components": {"schemas": {"A": STRING, "B": STRING, "C": INTEGER}}})
    a, b, c = ({"$ref": f"#/components/schemas/{each}", "maxLength": 3} for each in "ABC")
    assert same(house, a, house, b)
    assert not same(house, a, house, c)
    assert not same(house, a, house, {**b, "maxLength": 4})
    assert not same(house, a, house, STRING)


def test_a_place_is_a_path_into_the_value():
    """Names that are no words are in quotes."""
    assert [".a", '["a b"]', '["1"]', '[""]'] == [step(each) for each in ("a", "a b", "1", "")]

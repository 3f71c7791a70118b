"""Annotations: every schema has a type of Python that msgspec can read, as narrow as it can be."""

import pytest

from arlen_openapi.annotations import Annotations
from arlen_openapi.references import Document

STRING, INTEGER, NULL = {"type": "string"}, {"type": "integer"}, {"type": "null"}


def types(**components):
    """Return the annotations of a document with these components."""
    return Annotations(Document({"openapi": "3.1.0", "components": {"schemas": components}}), frozenset({"Client"}))


def ref(name):
    """Return a reference to a component."""
    return {"$ref": f"#/components/schemas/{name}"}


def obj(*required, **properties):
    """Return the schema of an object."""
    return {"type": "object", "properties": properties, "required": list(required)}


CASES = [
    ({}, "Any"),
    (True, "Any"),
    (False, "Any"),
    (STRING, "str"),
    (INTEGER, "int"),
    ({"type": "number"}, "float"),
    ({"type": "boolean"}, "bool"),
    (NULL, "None"),
    ({"type": ["string", "null"]}, "str | None"),
    ({"type": ["null", "string"]}, "str | None"),
    ({"anyOf": [NULL, STRING, INTEGER]}, "str | int | None"),
    ({"type": []}, "Any"),
    ({"type": "film"}, "Any"),
    ({"type": "string", "format": "date-time"}, "datetime"),
    ({"type": "string", "format": "date"}, "date"),
    ({"type": "string", "format": "time"}, "time"),
    ({"type": "string", "format": "duration"}, "timedelta"),
    ({"type": "string", "format": "uuid"}, "UUID"),
    ({"type": "string", "format": "email"}, "str"),
    ({"type": "string", "format": "byte"}, "bytes"),
    ({"type": "string", "contentEncoding": "base64"}, "bytes"),
    ({"type": "string", "format": "binary"}, "Upload"),
    ({"contentMediaType": "image/png"}, "Upload"),
    ({"type": "array"}, "list[Any]"),
    ({"type": "array", "items": STRING}, "list[str]"),
    ({"type": "array", "items": {"type": "array", "items": INTEGER}}, "list[list[int]]"),
    ({"type": "array", "prefixItems": [STRING, INTEGER], "items": False, "minItems": 2}, "tuple[str, int]"),
    ({"type": "array", "prefixItems": [STRING, INTEGER], "minItems": 2}, "list[Any]"),
    ({"type": "array", "items": False, "minItems": 0}, "tuple[()]"),
    ({"type": "object"}, "dict[str, Any]"),
    ({"type": "object", "additionalProperties": INTEGER}, "dict[str, int]"),
    ({"enum": ["b", "a"]}, "Literal['a', 'b']"),
    ({"const": "a"}, "Literal['a']"),
    ({"enum": [2, 1]}, "Literal[1, 2]"),
    ({"enum": ["a", None]}, "Literal[None, 'a']"),
    ({"enum": [True, False]}, "bool"),
    ({"enum": [1.5, 2.5]}, "float"),
    ({"enum": [2**70]}, "int"),
    ({"enum": [["a"]]}, "Any"),
    ({"enum": []}, "Any"),
    ({"anyOf": [{"const": "a"}, {"const": "b"}]}, "Literal['a', 'b']"),
    ({"anyOf": [{"const": "a"}, STRING]}, "str"),
    ({"anyOf": [STRING, {"type": "string", "format": "date"}, NULL]}, "str | None"),
    ({"anyOf": [{"enum": ["a", 1]}, INTEGER]}, "Any"),
    ({"anyOf": [{"type": "array", "items": STRING}, {"type": "array", "items": INTEGER}]}, "list[Any]"),
    ({"anyOf": [STRING, {}]}, "Any"),
    ({"anyOf": [INTEGER, {"type": "number"}]}, "int | float"),
    ({"allOf": [STRING]}, "str"),
    ({"allOf": [STRING, {"maxLength": 3}]}, "Any"),
]


@pytest.mark.parametrize(
    ("schema", "expected"), CASES, ids=[expected + str(at) for at, (_, expected) in enumerate(CASES)]
)
def test_a_schema_has_a_type(schema, expected):
    """The widest one where msgspec could not tell alternatives apart."""
    assert expected == types().hint(schema, "X").text


@pytest.mark.parametrize("schema", [schema for schema, expected in CASES if expected != "Upload"])
def test_msgspec_can_read_it(schema):
    """Every type that is written is one that a decoder takes."""
    import datetime as dt
    import typing
    import uuid

    msgspec = pytest.importorskip("msgspec")
    space = {**vars(typing), **vars(dt), "UUID": uuid.UUID}
    msgspec.json.Decoder(eval(types().hint(schema, "X").text, space))


def test_an_object_is_a_model():
    """Under the name of its component, with the fields in order."""
    made = types(Note=obj("title", title=STRING, count=INTEGER))
    (model,) = made.models
    assert ("Note", [("title", "str", ""), ("count", "int | UnsetType", "UNSET")]) == (
        model.name,
        [(each.name, each.type, each.default) for each in model.fields],
    )
    assert "list[Note]" == made.hint({"type": "array", "items": ref("Note")}, "X").text


def test_an_object_without_a_name_is_called_after_its_place():
    """However deep."""
    made = types(Note=obj(owner=obj(home=obj(city=STRING)), tags={"type": "array", "items": obj(a=STRING)}))
    assert ["Note", "NoteOwner", "NoteOwnerHome", "NoteTagsItem"] == sorted(each.name for each in made.models)
    assert "Body" == made.hint(obj(a=STRING), "Body").text
    assert "Body2" == made.hint(obj(a=INTEGER), "Body").text


def test_names_of_fields_are_identifiers():
    """No two alike, none that hides a type; the name on the wire is kept."""
    names = ["class", "Class", "int", "due date", "due-date", "self", "", "名"]
    (model,) = types(Odd=obj(**dict.fromkeys(names, STRING))).models
    assert ["class_", "class_2", "int2", "due_date", "due_date2", "self2", "field", "field2"] == [
        each.name for each in model.fields
    ]
    assert names == [each.wire for each in model.fields]


def test_names_of_models_are_identifiers():
    """No two alike, none that is taken already."""
    made = types(**{"a b": obj(a=STRING), "a-b": obj(a=STRING), "Client": obj(a=STRING), "datetime": obj(a=STRING)})
    assert {"AB", "AB2", "Client2", "Datetime"} == {each.name for each in made.models}


def test_what_is_no_object_is_an_alias():
    """After those that it uses."""
    made = types(A={"type": "array", "items": ref("B")}, B={"anyOf": [ref("C"), NULL]}, C={"enum": ["x"]})
    assert [("C", "Literal['x']"), ("B", "C | None"), ("A", "list[B]")] == [
        (name, each.text) for name, each in made.aliases.items()
    ]


def test_an_alias_cannot_hold_itself():
    """Python has no name for that: what is inside is anything."""
    made = types(Loop={"type": "array", "items": ref("Loop")})
    assert {"Loop": "list[Any]"} == {name: each.text for name, each in made.aliases.items()}


def test_a_model_can_hold_itself():
    """And models each other."""
    made = types(A=obj("b", b=ref("B")), B=obj("a", a={"anyOf": [ref("A"), NULL]}))
    assert {"A": "B", "B": "A | None"} == {each.name: each.fields[0].type for each in made.models}


def test_parts_are_one_model():
    """With the properties and the requirements of all."""
    base = obj("id", id=INTEGER)
    made = types(Base=base, Note={"allOf": [ref("Base"), obj("title", title=STRING)], "required": ["id"]})
    model = next(each for each in made.models if each.name == "Note")
    assert [("id", "int"), ("title", "str")] == [(each.name, each.type) for each in model.fields]


def test_parts_that_are_not_simple_are_anything():
    """What is not known is not claimed."""
    made = types(A=obj(a=STRING), B={"allOf": [ref("A"), {"oneOf": [obj(b=STRING), obj(c=STRING)]}]})
    assert "Any" == made.aliases["B"].text


def tagged(value):
    """Return the schema of an object with a tag."""
    return obj("kind", "n", kind={"const": value}, n=INTEGER)


def test_tags_tell_models_apart():
    """A required property of one value; it is no field then."""
    made = types(A=tagged("a"), B=tagged("b"), Either={"oneOf": [ref("A"), ref("B")]})
    assert [("A", ("kind", "a"), ["n"]), ("B", ("kind", "b"), ["n"])] == [
        (each.name, each.tag, [field.name for field in each.fields]) for each in made.models
    ]
    assert "A | B" == made.aliases["Either"].text
    assert "Either | None" == made.hint({"anyOf": [ref("Either"), NULL]}, "X").text


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (obj(a=STRING), obj(b=STRING)),
        (tagged("a"), obj(b=STRING)),
        (tagged("a"), tagged("a")),
        (tagged("a"), obj("type", type={"const": "b"})),
        (tagged("a"), {"type": "object"}),
    ],
)
def test_models_without_tags_cannot_be_told_apart(one, other):
    """The value is a dict then, as it comes."""
    assert "dict[str, Any]" == types(A=one, B=other).hint({"oneOf": [ref("A"), ref("B")]}, "X").text


@pytest.mark.parametrize(
    ("schema", "type", "default"),
    [
        ({**STRING, "default": "a"}, "str", "'a'"),
        ({**INTEGER, "default": 1}, "int", "1"),
        ({"type": "boolean", "default": False}, "bool", "False"),
        ({"type": ["string", "null"], "default": None}, "str | None", "None"),
        ({"enum": ["a", "b"], "default": "b"}, "Literal['a', 'b']", "'b'"),
        ({"enum": ["a", "b"], "default": "c"}, "Literal['a', 'b'] | UnsetType", "UNSET"),
        ({**INTEGER, "default": "a"}, "int | UnsetType", "UNSET"),
        ({**STRING, "default": None}, "str | UnsetType", "UNSET"),
        ({"type": "array", "default": []}, "list[Any] | UnsetType", "UNSET"),
        ({"type": "string", "format": "date", "default": "2026-01-01"}, "date | UnsetType", "UNSET"),
        ({}, "Any", "UNSET"),
    ],
)
def test_a_default_is_kept_when_it_is_a_plain_value(schema, type, default):
    """Of the right type; else a field that is not given is not there."""
    (field,) = types(A=obj(a=schema)).models[0].fields
    assert (type, default) == (field.type, field.default)


def test_references_to_elsewhere_are_followed():
    """Into the document, wherever it is."""
    made = types(A=obj(a=STRING))
    assert "str" == made.hint({"$ref": "#/components/schemas/A/properties/a"}, "X").text

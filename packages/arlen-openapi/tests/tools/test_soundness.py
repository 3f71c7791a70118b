"""Soundness: what is said not to break does not, as an independent validator sees it; what breaks has a witness."""

import copy
import itertools

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from arlen_openapi.changes import compare
from arlen_openapi.narrowing import Narrowing
from arlen_openapi.references import Document

jsonschema = pytest.importorskip("jsonschema", reason="jsonschema is not installed, which judges here")

NUMBERS = [*range(-5, 9), *(each + 0.5 for each in range(-5, 8))]
TEXTS = ["", "a", "b", "ab", "ba", "aaa", "abab", "aaaaab", "bbbbbbb", "baaaaa"]
SCALARS = [None, True, False, *NUMBERS, *TEXTS]
FEW = [None, True, 0, 3, 2.5, "", "ab"]
LISTS = [[], [0], ["a"], [0, "a"], ["a", "a"], [1, 1, 1], [None]]
NAMES = ["a", "title"]  # the name of an annotation is a name like any other
MAPS = [{}, *({key: value} for key in NAMES for value in [*FEW, [0], {"a": 1}])]
PAIRS = [{"a": one, "title": other} for one, other in itertools.product([0, "ab", None], repeat=2)]
POOL = [*SCALARS[::2], *SCALARS[3:17], *LISTS, *MAPS, *PAIRS, [{"a": 0}], {"a": {"a": "x"}}, {"c": 1}]

BOUND = st.integers(-2, 4)
SIZE = st.integers(0, 4)
ONE_WORD = st.one_of(
    st.fixed_dictionaries({"type": st.sampled_from(["null", "boolean", "integer", "number", "string"])}),
    st.fixed_dictionaries({"enum": st.lists(st.sampled_from(SCALARS), min_size=1, max_size=4)}),
    *(
        st.fixed_dictionaries({"type": st.just("number"), name: BOUND})
        for name in ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")
    ),
    *(st.fixed_dictionaries({"type": st.just("string"), name: SIZE}) for name in ("minLength", "maxLength")),
    st.fixed_dictionaries({"type": st.just("string"), "pattern": st.sampled_from(["^a", "b$"])}),
    st.fixed_dictionaries({"type": st.just("integer"), "multipleOf": st.sampled_from([1, 2, 4])}),
)
SCALAR = st.one_of(
    ONE_WORD,
    st.fixed_dictionaries({"type": st.just("integer"), "minimum": BOUND, "exclusiveMaximum": BOUND}),
    st.fixed_dictionaries(
        {"type": st.sampled_from([["string", "null"], ["integer", "string"], ["number", "integer"]])}
    ),
    st.sampled_from([{}, True, False, {"not": {"type": "string"}}]),
)


def larger(inner):
    """Return schemas that are made of others."""
    pair = st.lists(inner, min_size=1, max_size=2)
    closed = st.sampled_from([{}, {}, {"additionalProperties": False}])
    required = st.lists(st.sampled_from(NAMES), unique=True)
    named = st.dictionaries(st.sampled_from(NAMES), inner, max_size=2)
    plain = st.builds(lambda a, b, c: {"type": "object", "properties": a, "required": b, **c}, named, required, closed)
    return st.one_of(
        plain,
        st.builds(lambda a, b: {"type": "object", "properties": a, "additionalProperties": b}, named, inner),
        st.builds(lambda a, b: {"type": "array", "items": a, "maxItems": b}, inner, SIZE),
        st.builds(lambda a: {"type": "array", "prefixItems": a, "minItems": len(a)}, pair),
        st.builds(lambda a, b: {b: a}, pair, st.sampled_from(["anyOf", "oneOf", "allOf"])),
        st.builds(
            lambda a: {"$ref": "#/components/schemas/X", **({} if a is None else {"allOf": [a]})}, st.none() | inner
        ),
    )


SCHEMA = st.recursive(SCALAR, larger, max_leaves=5)


def house(schema):
    """Return a document where the reference of the schemas here leads."""
    return Document({"openapi": "3.1.0", "components": {"schemas": {"X": schema}}})


def valid(schema, other, values=POOL):
    """Return the values that the validator takes."""
    tree = {"components": {"schemas": {"X": other}}, "allOf": [schema]}
    judge = jsonschema.Draft202012Validator(tree)
    return [value for value in values if judge.is_valid(value)]


def closed(schema):
    """Return a schema whose objects take no property that they do not name: what the makers of requests go by."""
    if isinstance(schema, list):
        return [closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    made = {key: value if key in {"enum", "not"} else closed(value) for key, value in schema.items()}
    return (
        {**made, "additionalProperties": made.get("additionalProperties", False)}
        if made.get("type") == "object"
        else made
    )


def harm(found):
    """Return what is not harmless."""
    return [each for each in found if each.level != "compatible"]


@settings(max_examples=100)
@given(SCHEMA, SCHEMA, SCALAR)
@example({"anyOf": [{"type": "string"}]}, {"oneOf": [{"type": "string"}, {"type": "string", "maxLength": 1}]}, {})
@example({"type": "integer"}, {"anyOf": [{"type": "integer", "maximum": 1}, {"type": "integer", "minimum": 1}]}, {})
def test_what_breaks_no_request_is_taken(old, new, shared):
    """Whatever was valid, with the properties that the older schema names, is valid still."""
    found = Narrowing(house(shared), house(shared), forward=True).findings(old, new)
    if not harm(found):
        assert [] == [each for each in valid(closed(old), closed(shared)) if each not in valid(new, shared, [each])]


@settings(max_examples=100)
@given(SCHEMA, SCHEMA, SCALAR)
def test_what_breaks_no_reader_was_promised(old, new, shared):
    """Whatever is valid now was valid before."""
    found = Narrowing(house(shared), house(shared), forward=False).findings(new, old)
    if not harm(found):
        assert [] == [each for each in valid(new, shared) if each not in valid(old, shared, [each])]


@settings(max_examples=100)
@given(ONE_WORD, ONE_WORD)
def test_what_breaks_has_a_witness(old, new):
    """A request that was fine and is refused now."""
    found = harm(Narrowing(house({}), house({}), forward=True).findings(old, new))
    assume(any(each.level == "breaking" for each in found))
    assume("pattern" not in old)  # what a pattern says about the length is not known
    taken = valid(new, {}, SCALARS)
    assert [each for each in valid(old, {}, SCALARS) if not any(each is other for other in taken)]


@given(SCHEMA)
def test_a_schema_is_within_itself(schema):
    """So nothing is found, however it is made."""
    assert [] == Narrowing(house({}), house({}), forward=True).findings(schema, copy.deepcopy(schema))


@given(SCHEMA, SCHEMA)
def test_a_choice_of_two_takes_the_one(one, other):
    """An alternative more is never a narrowing; whether it can be told is another matter."""
    found = Narrowing(house({}), house({}), forward=True).findings(one, {"anyOf": [one, other]})
    assert [] == [each for each in found if each.level == "breaking"]


@pytest.mark.parametrize("name", ["notes", "shop", "media"])
def test_a_document_has_not_changed_from_itself(name, specimen):
    """Whatever is in it, and in whatever order."""
    assert [] == compare(Document(specimen(name)), Document(specimen(name)))
    assert [] == compare(Document(specimen(name)), Document(turned(specimen(name))))


def turned(node):
    """Return a tree whose keys come in the opposite order."""
    if isinstance(node, dict):
        return {key: turned(node[key]) for key in reversed(node)}
    return [turned(each) for each in node] if isinstance(node, list) else node


def removals(tree):
    """Yield a path to each thing whose removal breaks somebody."""
    for path, item in tree["paths"].items():
        yield ("paths", path)
        for at, each in enumerate(item.get("parameters", [])):
            if each["in"] != "path":
                yield ("paths", path, "parameters", at)
        for method in item.keys() - {"parameters"}:
            yield from within(("paths", path, method), item[method])


def within(place, operation):
    """Yield the same for an operation."""
    yield place
    yield (*place, "operationId") if "operationId" in operation else place
    yield (*place, "requestBody") if "requestBody" in operation else place
    for at, each in enumerate(operation.get("parameters", [])):
        if each["in"] != "path":
            yield (*place, "parameters", at)
    for status, response in operation["responses"].items():
        if status.startswith("2"):
            yield (*place, "responses", status)
            yield from ((*place, "responses", status, "content", media) for media in response.get("content", {}))


def properties(tree):
    """Yield a path to each property of a component that a response shows."""
    for name in ("Note", "Receipt", "Tree", "Base"):
        schema = tree["components"]["schemas"].get(name, {})
        yield from (("components", "schemas", name, "properties", each) for each in schema.get("properties", {}))


def without(tree, place):
    """Remove what is at a place, and the requirement of a property."""
    *above, last = place
    node = tree
    for each in above:
        node = node[each]
    del node[last]
    if above[-1] == "properties":
        schema = tree
        for each in above[:-1]:
            schema = schema[each]
        schema["required"] = [each for each in schema.get("required", []) if each != last]


@pytest.mark.parametrize("name", ["notes", "shop", "media"])
def test_removing_anything_that_is_used_breaks(name, specimen):
    """Each path, operation, parameter, body, success, media type, name and property of an answer, one at a time."""
    tree = specimen(name)
    places = [*removals(tree), *properties(tree)]
    assert len(places) > 8
    for place in places:
        new = copy.deepcopy(tree)
        without(new, place)
        assert "breaking" in {each.level for each in compare(Document(tree), Document(new))}, place


OPTIONAL = {
    "an operation": lambda tree: tree["paths"].update({"/new": {"get": {"operationId": "new", "responses": {}}}}),
    "a parameter": lambda tree: each_operation(
        tree,
        lambda node: node.setdefault("parameters", []).append(
            {"name": "new", "in": "query", "schema": {"type": "integer"}}
        ),
    ),
    "a header": lambda tree: each_operation(
        tree,
        lambda node: node.setdefault("parameters", []).append(
            {"name": "X-New", "in": "header", "schema": {"type": "integer"}}
        ),
    ),
    "a media type": lambda tree: each_operation(
        tree,
        lambda node: node.get("requestBody", {"content": {}})["content"].update({"application/cbor": {"schema": {}}}),
    ),
    "an error": lambda tree: each_operation(
        tree, lambda node: node["responses"].update({"599": {"description": "tea"}})
    ),
    "a property": lambda tree: each_object(
        tree, lambda node: node["properties"].update({"brandnew": {"type": "integer"}})
    ),
    "a component": lambda tree: tree["components"]["schemas"].update({"New": {"type": "object"}}),
    "a way in": lambda tree: each_operation(tree, lambda node: "security" in node and node["security"].append({})),
    "a tag": lambda tree: each_operation(tree, lambda node: node.update({"tags": ["new"]})),
    "a description": lambda tree: each_object(tree, lambda node: node.update({"description": "new", "title": "New"})),
    "an extension": lambda tree: each_operation(tree, lambda node: node.update({"x-new": {"type": "integer"}})),
}


def each_operation(tree, change):
    """Change each operation."""
    for item in tree["paths"].values():
        for method in item.keys() - {"parameters"}:
            change(item[method])


def each_object(tree, change):
    """Change each component that is an open object."""
    for schema in tree["components"]["schemas"].values():
        if "properties" in schema and schema.get("additionalProperties") is not False:
            change(schema)


@pytest.mark.parametrize("name", ["notes", "shop", "media"])
@pytest.mark.parametrize("change", OPTIONAL.values(), ids=OPTIONAL)
def test_adding_what_is_optional_breaks_nobody(name, change, changed):
    """And all of it is told, other than what no operation uses."""
    assert [] == harm(compare(*changed(name, change)))


def test_what_is_added_is_told(changed):
    """As compatible."""
    found = compare(*changed("notes", OPTIONAL["a property"]))
    assert {"request-property-added", "response-property-added"} == {each.rule for each in found}

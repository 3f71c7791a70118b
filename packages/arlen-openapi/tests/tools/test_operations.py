"""Operations: what a document offers, with the defaults of OpenAPI filled in."""

import pytest

from arlen_openapi.operations import REST, operations, shape
from arlen_openapi.references import Document


def only(node, item=None, **more):
    """Return the one operation of a document."""
    (found,) = operations(Document({"openapi": "3.1.0", "paths": {"/a/{b}": {**(item or {}), "get": node}}, **more}))
    return found


def test_they_are_sorted_by_path_and_method(specimen):
    """Whatever the order in the document."""
    found = [each.name for each in operations(Document(specimen("notes")))]
    assert ["GET /notes", "POST /notes", "DELETE /notes/{id}", "GET /notes/{id}"] == found


def test_extensions_and_other_members_are_no_operations():
    """Neither `x-` paths, nor a summary of a path."""
    tree = {"openapi": "3.1.0", "paths": {"x-a": {"get": {}}, "/a": {"summary": "A", "get": {}, "x-b": {}}}}
    assert ["GET /a"] == [each.name for each in operations(Document(tree))]


def test_a_path_may_be_a_reference():
    """To a component, for example."""
    tree = {"openapi": "3.1.0", "paths": {"/a": {"$ref": "#/components/pathItems/A"}}}
    tree["components"] = {"pathItems": {"A": {"post": {"operationId": "made"}}}}
    assert ["made"] == [each.id for each in operations(Document(tree))]


def test_an_operation_replaces_a_parameter_of_its_path():
    """Place and name say which one."""
    shared = {"name": "q", "in": "query", "schema": {"type": "string"}}
    own = {"name": "q", "in": "query", "schema": {"type": "integer"}}
    other = {"name": "q", "in": "cookie", "schema": {}}
    found = only({"parameters": [own]}, {"parameters": [shared, other]}).parameters
    assert [("query", {"type": "integer"}), ("cookie", {})] == [(each.place, each.schema) for each in found]


@pytest.mark.parametrize(
    ("place", "style", "explode"),
    [("path", "simple", False), ("query", "form", True), ("header", "simple", False), ("cookie", "form", True)],
)
def test_a_style_has_a_default(place, style, explode):
    """By the place of the parameter (OpenAPI 3.1, section 4.8.12)."""
    (found,) = only({"parameters": [{"name": "b", "in": place}]}).parameters
    assert (style, explode) == (found.style, found.explode)


@pytest.mark.parametrize(("place", "style"), [("path", "rest"), ("query", "form")])
def test_a_parameter_may_be_the_rest_of_the_path(place, style):
    """OpenAPI 3.1 has no word for one with slashes: an extension says so, of the path alone."""
    (found,) = only({"parameters": [{"name": "b", "in": place, REST: True}]}).parameters
    assert style == found.style


def test_a_parameter_of_the_path_is_required():
    """Also in a document that forgot to say so."""
    (found,) = only({"parameters": [{"name": "b", "in": "path"}]}).parameters
    assert found.required


def test_parameters_of_the_path_have_its_order():
    """A client takes them by position: `/users/{user}/notes/{note}` first takes the user."""
    nodes = [{"name": name, "in": "path"} for name in ("note", "user", "lost")]
    tree = {"paths": {"/users/{user}/notes/{note}": {"get": {"parameters": nodes}}}, "openapi": "3.1.0"}
    (found,) = operations(Document(tree))
    assert ["user", "note", "lost"] == [each.name for each in found.parameters]


def test_names_of_headers_have_no_case():
    """One parameter, not two."""
    nodes = [{"name": "X-A", "in": "header"}, {"name": "x-a", "in": "header", "required": True}]
    (found,) = only({"parameters": nodes}).parameters
    assert (("header", "x-a"), True) == (found.key, found.required)


@pytest.mark.parametrize("name", ["Accept", "content-type", "Authorization"])
def test_headers_that_openapi_ignores_are_ignored(name):
    """They are said elsewhere in the document."""
    assert () == only({"parameters": [{"name": name, "in": "header"}]}).parameters


def test_a_parameter_may_have_a_media_type():
    """Its value is written in that then."""
    node = {"name": "q", "in": "query", "content": {"application/json": {"schema": {"type": "object"}}}}
    (found,) = only({"parameters": [node]}).parameters
    assert ("application/json", {"type": "object"}) == (found.media, found.schema)


def test_security_is_that_of_the_document_unless_the_operation_says_other():
    """An empty list says: none."""
    shared = [{"key": []}]
    assert shared == only({}, security=shared).security
    assert [] == only({"security": []}, security=shared).security
    assert [] == only({}).security


def test_bodies_and_responses_are_followed():
    """References to components are what documents are made of."""
    components = {"requestBodies": {"B": {"content": {}}}, "responses": {"R": {"description": "r"}}}
    node = {
        "requestBody": {"$ref": "#/components/requestBodies/B"},
        "responses": {"200": {"$ref": "#/components/responses/R"}},
    }
    found = only(node, components=components)
    assert ({"content": {}}, {"200": {"description": "r"}}) == (found.body, found.responses)


def test_paths_that_differ_in_names_have_one_shape():
    """And others do not."""
    assert shape("/a/{b}/c/{d}") == shape("/a/{x}/c/{y}")
    assert shape("/a/{b}") != shape("/a/b")

"""Changes: each difference between two documents has a rule, a level, a place and a reason."""

import pytest

from arlen_openapi.changes import LEVELS, compare
from arlen_openapi.references import Document

LIST = "GET /notes"
MAKE = "POST /notes"
SHOW = "GET /notes/{id}"
DROP = "DELETE /notes/{id}"


def at(tree, *keys):
    """Return what is at a place of a tree."""
    for key in keys:
        tree = tree[key]
    return tree


def op(tree, path, method):
    """Return an operation of a tree."""
    return tree["paths"][path][method]


def moved(mapping, old, new):
    """Give a member another name."""
    mapping[new] = mapping.pop(old)


def note(tree):
    """Return the schema of a note."""
    return at(tree, "components", "schemas", "Note")


def renamed(tree):
    """Call the parameter of the path by another name, everywhere."""
    moved(tree["paths"], "/notes/{id}", "/notes/{note}")
    tree["paths"]["/notes/{note}"]["parameters"][0]["name"] = "note"


def ok(tree, path="/notes", method="get", status="200"):
    """Return a response."""
    return op(tree, path, method)["responses"][status]


PARAMETER = {"name": "new", "in": "query", "schema": {}}
BODY = {"content": {"application/json": {"schema": {}}}}

# What changes in the document of notes; the level, the rule and the place of each change that follows from it.
CASES = {
    "a path goes": (
        lambda t: t["paths"].pop("/notes/{id}"),
        f"breaking operation-removed {DROP}; breaking operation-removed {SHOW}",
    ),
    "a method goes": (lambda t: t["paths"]["/notes"].pop("post"), f"breaking operation-removed {MAKE}"),
    "a path comes": (lambda t: t["paths"].update({"/new": {"get": {}}}), "compatible operation-added GET /new"),
    "a method comes": (lambda t: t["paths"]["/notes"].update({"put": {}}), "compatible operation-added PUT /notes"),
    "a name changes": (
        lambda t: op(t, "/notes", "get").update({"operationId": "all"}),
        f"breaking operation-id-changed {LIST}",
    ),
    "a name goes": (lambda t: op(t, "/notes", "get").pop("operationId"), f"breaking operation-id-changed {LIST}"),
    "an operation ages": (
        lambda t: op(t, "/notes", "get").update({"deprecated": True}),
        f"compatible operation-deprecation-changed {LIST}",
    ),
    "a parameter goes": (
        lambda t: op(t, "/notes", "get")["parameters"].pop(0),
        f"breaking request-parameter-removed {LIST} query limit",
    ),
    "a header goes": (
        lambda t: op(t, "/notes", "get")["parameters"].pop(2),
        f"breaking request-parameter-removed {LIST} header X-Team",
    ),
    "a parameter comes": (
        lambda t: op(t, "/notes", "get")["parameters"].append(PARAMETER),
        f"compatible new-optional-request-parameter {LIST} query new",
    ),
    "a required parameter comes": (
        lambda t: op(t, "/notes", "get")["parameters"].append({**PARAMETER, "required": True}),
        f"breaking new-required-request-parameter {LIST} query new",
    ),
    "a parameter is required": (
        lambda t: op(t, "/notes", "get")["parameters"][1].update({"required": True}),
        f"breaking request-parameter-became-required {LIST} query tag",
    ),
    "a parameter moves": (
        lambda t: op(t, "/notes", "get")["parameters"][1].update({"in": "cookie"}),
        (
            f"breaking request-parameter-removed {LIST} query tag; "
            f"compatible new-optional-request-parameter {LIST} cookie tag"
        ),
    ),
    "the case of a header": (
        lambda t: op(t, "/notes", "get")["parameters"][2].update({"name": "x-team"}),
        f"compatible documentation-changed {LIST}",
    ),
    "a path has another name": (
        renamed,
        f"breaking path-parameter-renamed {DROP} path id; breaking path-parameter-renamed {SHOW} path id",
    ),
    "lists are joined": (
        lambda t: op(t, "/notes", "get")["parameters"][1].update({"explode": False}),
        f"breaking request-parameter-style-changed {LIST} query tag",
    ),
    "a default that is said": (
        lambda t: op(t, "/notes", "get")["parameters"][1].update({"style": "form", "explode": True}),
        f"compatible documentation-changed {LIST}",
    ),
    "a parameter takes slashes": (
        lambda t: t["paths"]["/notes/{id}"]["parameters"][0].update({"x-arlen-rest": True}),
        (
            f"breaking request-parameter-style-changed {DROP} path id; "
            f"breaking request-parameter-style-changed {SHOW} path id"
        ),
    ),
    "a default changes": (
        lambda t: op(t, "/notes", "get")["parameters"][0]["schema"].update({"default": 50}),
        f"compatible request-parameter-default-changed {LIST} query limit",
    ),
    "a limit falls": (
        lambda t: op(t, "/notes", "get")["parameters"][0]["schema"].update({"maximum": 50}),
        f"breaking request-range-narrowed {LIST} query limit",
    ),
    "items of a parameter": (
        lambda t: op(t, "/notes", "get")["parameters"][1]["schema"]["items"].update({"maxLength": 5}),
        f"breaking request-length-narrowed {LIST} query tag $[]",
    ),
    "a body goes": (
        lambda t: op(t, "/notes", "post").pop("requestBody"),
        f"breaking request-body-removed {MAKE} request",
    ),
    "a body comes": (
        lambda t: op(t, "/notes", "get").update({"requestBody": BODY}),
        f"compatible new-optional-request-body {LIST} request",
    ),
    "a required body comes": (
        lambda t: op(t, "/notes", "get").update({"requestBody": {**BODY, "required": True}}),
        f"breaking new-required-request-body {LIST} request",
    ),
    "a body may be left out": (
        lambda t: op(t, "/notes", "post")["requestBody"].pop("required"),
        f"compatible request-body-became-optional {MAKE} request",
    ),
    "a media type goes": (
        lambda t: moved(op(t, "/notes", "post")["requestBody"]["content"], "application/json", "text/csv"),
        (
            f"breaking request-media-type-removed {MAKE} request application/json; "
            f"compatible request-media-type-added {MAKE} request text/csv"
        ),
    ),
    "parts are written otherwise": (
        lambda t: at(op(t, "/notes", "post"), "requestBody", "content", "application/json").update(
            {"encoding": {"a": {"contentType": "text/csv"}}}
        ),
        f"unknown request-encoding-changed {MAKE} request application/json",
    ),
    "a success goes": (
        lambda t: op(t, "/notes", "get")["responses"].pop("200"),
        f"breaking response-success-status-removed {LIST} response 200",
    ),
    "a success changes": (
        lambda t: moved(op(t, "/notes/{id}", "delete")["responses"], "204", "202"),
        (
            f"breaking response-success-status-removed {DROP} response 204; "
            f"unknown response-success-status-added {DROP} response 202"
        ),
    ),
    "an error goes": (
        lambda t: op(t, "/notes/{id}", "get")["responses"].pop("404"),
        f"compatible response-non-success-status-removed {SHOW} response 404",
    ),
    "an error comes": (
        lambda t: op(t, "/notes/{id}", "get")["responses"].update({"410": {}}),
        f"compatible response-non-success-status-added {SHOW} response 410",
    ),
    "an answer has no body": (
        lambda t: ok(t).pop("content"),
        f"breaking response-media-type-removed {LIST} response 200 application/json",
    ),
    "an answer has another": (
        lambda t: ok(t)["content"].update({"text/csv": {}}),
        f"compatible response-media-type-added {LIST} response 200 text/csv",
    ),
    "a header of an answer goes": (
        lambda t: ok(t)["headers"].pop("ETag"),
        f"breaking response-header-removed {LIST} response 200 header etag",
    ),
    "a header of an answer comes": (
        lambda t: ok(t)["headers"].update({"X-New": {}}),
        f"compatible response-header-added {LIST} response 200 header x-new",
    ),
    "a header may be missing": (
        lambda t: ok(t)["headers"]["ETag"].pop("required"),
        f"breaking response-header-became-optional {LIST} response 200 header etag",
    ),
    "a header changes": (
        lambda t: ok(t)["headers"]["ETag"].update({"schema": {"type": "integer"}}),
        f"breaking response-type-widened {LIST} response 200 header etag",
    ),
    "an error changes": (
        lambda t: at(t, "components", "schemas", "Problem", "properties").pop("code"),
        "; ".join(
            f"breaking response-property-removed {place} application/problem+json $.code"
            for place in (
                f"{DROP} response 404",
                f"{LIST} response 422",
                f"{SHOW} response 404",
                f"{MAKE} response 401",
                f"{MAKE} response 422",
            )
        ),
    ),
    "a scheme is asked for": (
        lambda t: op(t, "/notes", "get").update({"security": [{"bearer": []}]}),
        f"breaking security-requirement-added {LIST}",
    ),
    "a scope is asked for": (
        lambda t: op(t, "/notes/{id}", "delete")["security"][0]["oauth"].append("notes:admin"),
        f"breaking security-scope-added {DROP}",
    ),
    "a way in goes": (
        lambda t: op(t, "/notes/{id}", "delete")["security"].pop(),
        f"breaking security-requirement-added {DROP}",
    ),
    "a way in comes": (
        lambda t: op(t, "/notes", "post")["security"].append({"key": []}),
        f"compatible security-requirement-relaxed {MAKE}",
    ),
    "a key goes elsewhere": (
        lambda t: at(t, "components", "securitySchemes", "key").update({"name": "X-Other"}),
        f"breaking security-requirement-added {DROP}",
    ),
    "a server goes": (lambda t: t.update({"servers": [{"url": "/v2"}]}), "unknown server-removed servers"),
    "a server comes": (lambda t: t["servers"].append({"url": "/v2"}), "compatible server-added servers"),
    "callbacks": (
        lambda t: op(t, "/notes", "post").update({"callbacks": {"done": {}}}),
        f"unknown callbacks-changed {MAKE}",
    ),
    "servers of one": (
        lambda t: op(t, "/notes", "post").update({"servers": [{"url": "/"}]}),
        f"unknown servers-changed {MAKE}",
    ),
    "webhooks": (lambda t: t.update({"webhooks": {"done": {}}}), "unknown webhooks-changed webhooks"),
    "a summary": (
        lambda t: op(t, "/notes", "get").update({"summary": "Other"}),
        f"compatible documentation-changed {LIST}",
    ),
    "a description of a schema": (
        lambda t: note(t).update({"description": "Other"}),
        "compatible documentation-changed schema Note",
    ),
    "the title": (lambda t: t["info"].update({"title": "Other"}), "compatible documentation-changed document"),
}


@pytest.mark.parametrize(("change", "expected"), CASES.values(), ids=CASES)
def test_a_change(change, expected, changed):
    """Is told once for each place, the worst first."""
    found = [f"{each.level} {each.rule} {each.place}" for each in compare(*changed("notes", change))]
    assert [each.strip() for each in expected.split(";")] == found


def test_every_change_says_why(changed):
    """A sentence for people."""
    for change, _ in CASES.values():
        assert all(each.reason and each.level in LEVELS for each in compare(*changed("notes", change)))


def test_a_change_is_found_at_all_places(changed):
    """A note is made, shown and listed, also inside itself."""

    def change(tree):
        note(tree)["properties"]["title"]["maxLength"] = 100

    found = compare(*changed("notes", change))
    assert {
        f"{LIST} response 200 application/json $[].title",
        f"{MAKE} response 201 application/json $.title",
        f"{SHOW} response 200 application/json $.title",
    } == {each.place for each in found}
    assert {("breaking", "response-length-widened")} == {(each.level, each.rule) for each in found}


def test_a_schema_of_both_sides_breaks_one_of_them(changed):
    """A state more is fine for those who send, and news for those who read."""

    def change(tree):
        at(tree, "components", "schemas", "State")["enum"].append("late")

    found = {(each.level, each.rule) for each in compare(*changed("notes", change))}
    assert {("breaking", "response-enum-widened"), ("compatible", "request-enum-widened")} == found


def test_an_error_is_held_against_the_range_that_promised_it(changed):
    """`4XX` says what every error of that class looks like."""

    def change(tree):
        op(tree, "/items/{sku}/price", "get")["responses"]["404"] = {"content": {"text/plain": {}}}

    (found, _) = compare(*changed("shop", change))
    assert ("breaking", "response-media-type-removed") == (found.level, found.rule)
    assert "GET /items/{sku}/price response 404 application/problem+json" == found.place


def test_security_of_the_document_is_that_of_its_operations(changed):
    """One line there changes all of them, other than those that say for themselves."""
    found = compare(*changed("shop", lambda tree: tree.pop("security")))
    assert [("compatible", "POST /payments"), ("compatible", "PUT /tree")] == [
        (each.level, each.place) for each in found
    ]
    found = compare(*changed("shop", lambda tree: op(tree, "/items/{sku}/price", "get").pop("security")))
    assert [("breaking", "security-requirement-added")] == [(each.level, each.rule) for each in found]


def test_an_alternative_of_a_payment(changed):
    """It is not taken any more, and an answer with it does not come any more."""

    def change(tree):
        at(tree, "components", "schemas", "Payment", "oneOf").pop()

    found = compare(*changed("shop", change))
    assert [
        ("breaking", "request-alternatives-narrowed", "POST /payments request application/json $"),
        ("compatible", "response-alternatives-narrowed", "POST /payments response 200 application/json $.payment"),
    ] == [(each.level, each.rule, each.place) for each in found]


def test_a_part_of_an_alternative(changed):
    """It is found through `oneOf` and `allOf`, where the tag leads."""

    def change(tree):
        at(tree, "components", "schemas", "Card", "allOf", 1, "properties")["number"] = {
            "type": "string",
            "maxLength": 16,
        }

    found = compare(*changed("shop", change))
    assert [
        ("breaking", "request-length-narrowed", "POST /payments request application/json $.number"),
        ("compatible", "response-length-narrowed", "POST /payments response 200 application/json $.payment.number"),
    ] == [(each.level, each.rule, each.place) for each in found]


def test_a_name_of_a_scheme_may_change(changed):
    """What it is goes over the wire, not what it is called; nor does the case of `bearer`."""

    def change(tree):
        moved(tree["components"]["securitySchemes"], "bearer", "token")
        tree["components"]["securitySchemes"]["token"]["scheme"] = "bearer"
        tree["security"] = [{"token": []}]

    assert ["documentation-changed"] == [each.rule for each in compare(*changed("shop", change))]


def test_references_may_come_and_go(changed):
    """A response that is written out is the same response."""

    def change(tree):
        op(tree, "/notes", "get")["responses"]["422"] = at(tree, "components", "responses", "Invalid")

    assert ["documentation-changed"] == [each.rule for each in compare(*changed("notes", change))]


def test_an_empty_document_offers_nothing():
    """Everything is gone, or everything is new."""
    empty, full = (Document({"openapi": "3.1.0", "paths": paths}) for paths in ({}, {"/a": {"get": {}}}))
    assert ["operation-removed"] == [each.rule for each in compare(full, empty)]
    assert ["operation-added"] == [each.rule for each in compare(empty, full)]


def test_the_worst_comes_first(changed):
    """Then by place."""

    def change(tree):
        op(tree, "/notes", "get")["summary"] = "Other"
        tree["webhooks"] = {"a": {}}
        del tree["paths"]["/notes"]["post"]

    assert list(LEVELS) == [each.level for each in compare(*changed("notes", change))]

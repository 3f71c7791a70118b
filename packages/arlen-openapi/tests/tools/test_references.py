"""References: a document is OpenAPI 3.1, and every `$ref` leads somewhere in it."""

import pytest

from arlen_core.commands import CommandError
from arlen_openapi.references import Document, parse


def refusal(call, *arguments):
    """Return why it was refused: the code, the message and the fix."""
    with pytest.raises(CommandError) as caught:
        call(*arguments)
    return caught.value


def test_a_reference_is_followed_however_far_away():
    """A component may be a reference to another one."""
    document = Document(
        {
            "openapi": "3.1.1",
            "components": {
                "parameters": {
                    "A": {"$ref": "#/components/parameters/B"},
                    "B": {"$ref": "#/components/parameters/C"},
                    "C": {"name": "c"},
                }
            },
        }
    )
    assert {"name": "c"} == document.follow({"$ref": "#/components/parameters/A"})


def test_what_is_no_reference_is_itself():
    """Also what is no object at all."""
    document = Document({"openapi": "3.1.0"})
    assert {"name": "c"} == document.follow({"name": "c"})
    assert True is document.follow(True)


def test_a_pointer_has_escapes():
    """`~1` is a slash, `~0` a tilde, and percent encoding is undone before (RFC 6901, section 6)."""
    document = Document({"openapi": "3.1.0", "paths": {"/a~b/{c}": {"get": [7, 8]}}})
    assert 8 == document.target("#/paths/~1a~0b~1%7Bc%7D/get/1")


def test_the_whole_document_has_a_name():
    """`#` is the document itself."""
    document = Document({"openapi": "3.1.0"})
    assert document.tree is document.target("#")


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("#/components/schemas/None", "leads nowhere"),
        ("#/list/2", "leads nowhere"),
        ("#/list/x", "leads nowhere"),
        ("#/openapi/x", "leads nowhere"),
        ("other.json#/a", "leads out of the document"),
        ("https://example.org/a", "leads out of the document"),
        ("#anchor", "leads out of the document"),
    ],
)
def test_a_reference_that_leads_nowhere_is_refused(reference, message):
    """With the reference in the message."""
    error = refusal(Document({"openapi": "3.1.0", "list": [1, 2]}).target, reference)
    assert "document_invalid" == error.code
    assert f"'{reference}' {message}" == error.message
    assert error.fix


def test_a_circle_of_references_is_refused():
    """There is nothing that it names."""
    document = Document({"openapi": "3.1.0", "a": {"$ref": "#/b"}, "b": {"$ref": "#/a"}})
    assert "a $ref leads back to itself" == refusal(document.follow, {"$ref": "#/a"}).message


@pytest.mark.parametrize("tree", [None, [], "3.1.0", {}, {"openapi": 3.1}, {"openapi": "3.0.3"}, {"swagger": "2.0"}])
def test_another_document_is_refused(tree):
    """Version 3.0 says some things otherwise, so it is no 3.1 document."""
    assert "it is no OpenAPI 3.1 document" == refusal(Document, tree).message


def test_a_section_is_an_object():
    """A document that was never validated may have anything there."""
    document = Document({"openapi": "3.1.0", "components": {"schemas": []}})
    assert {} == document.section(document.tree, "paths")
    assert "'schemas' is no object" == refusal(document.components, "schemas").message


def test_the_version_is_that_of_the_release():
    """Empty when the document does not say."""
    assert "1.4.0" == Document({"openapi": "3.1.0", "info": {"version": "1.4.0"}}).version
    assert "" == Document({"openapi": "3.1.0"}).version


@pytest.mark.parametrize("data", [b"", b"{", b"openapi: 3.1.0", b"\xff\xfe", b"[" * 100_000])
def test_a_file_that_is_no_json_is_refused(data):
    """YAML is none either; the message names the file."""
    error = refusal(parse, data, "api.yaml")
    assert error.message.startswith("api.yaml is no JSON")
    assert "document_invalid" == error.code


def test_a_file_of_another_version_is_refused_by_name():
    """So that one knows which of two files is meant."""
    assert "old.json: it is no OpenAPI 3.1 document" == refusal(parse, b'{"openapi": "3.0.0"}', "old.json").message


def test_a_file_is_read():
    """The tree is what the JSON says."""
    assert {"openapi": "3.1.0"} == parse(b'{"openapi": "3.1.0"}', "api.json").tree

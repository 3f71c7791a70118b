"""Requirements: credentials that were enough have to go on being enough."""

import pytest

from arlen_openapi.operations import operations
from arlen_openapi.references import Document
from arlen_openapi.requirements import accepted, requirements

SCHEMES = {
    "bearer": {"type": "http", "scheme": "bearer"},
    "token": {"type": "http", "scheme": "Bearer", "bearerFormat": "JWT", "description": "A token", "x-y": 1},
    "key": {"type": "apiKey", "in": "header", "name": "X-Key"},
    "oauth": {"type": "oauth2", "flows": {"password": {"tokenUrl": "/token", "scopes": {"a": "A"}}}},
    "other": {"type": "oauth2", "flows": {"password": {"tokenUrl": "/token", "scopes": {"b": "B"}}}},
    "third": {"type": "oauth2", "flows": {"password": {"tokenUrl": "/elsewhere", "scopes": {}}}},
}


def ways(*security):
    """Return the ways into an operation with this security."""
    tree = {"openapi": "3.1.0", "paths": {"/a": {"get": {"security": list(security)}}}}
    document = Document({**tree, "components": {"securitySchemes": SCHEMES}})
    return requirements(document, operations(document)[0])


CASES = [
    ("nothing, and still", [], [], True),
    ("nothing, then something", [], [{"key": []}], False),
    ("nothing, then maybe something", [], [{"key": []}, {}], True),
    ("something, then nothing", [{"key": []}], [], True),
    ("the same", [{"key": []}], [{"key": []}], True),
    ("another", [{"key": []}], [{"bearer": []}], False),
    ("one of two stays", [{"key": []}], [{"bearer": []}, {"key": []}], True),
    ("one of two goes", [{"bearer": []}, {"key": []}], [{"key": []}], False),
    ("both together", [{"key": []}], [{"key": [], "bearer": []}], False),
    ("both together, then one", [{"key": [], "bearer": []}], [{"key": []}], True),
    ("a scope more", [{"oauth": ["a"]}], [{"oauth": ["a", "b"]}], False),
    ("a scope less", [{"oauth": ["a", "b"]}], [{"oauth": ["a"]}], True),
    ("another scope", [{"oauth": ["a"]}], [{"oauth": ["b"]}], False),
    ("another name for the same scheme", [{"bearer": []}], [{"token": []}], True),
    ("the scopes that there are do not count", [{"oauth": []}], [{"other": []}], True),
    ("where tokens come from does", [{"oauth": []}], [{"third": []}], False),
]


@pytest.mark.parametrize(("old", "new", "enough"), [each[1:] for each in CASES], ids=[each[0] for each in CASES])
def test_ways_in(old, new, enough):
    """Each way that led in before has to lead in still."""
    after = ways(*new)
    assert enough is all(accepted(way, after) for way in ways(*old))


def test_a_scheme_that_is_not_there_is_its_name():
    """The document is wrong then; a validator says so, this goes on."""
    assert ways({"nobody": []}) == ways({"nobody": []}) != ways({"somebody": []})

"""Tests of arlen_cli.endpoints."""

import ast

import pytest

from arlen_cli.endpoints import METHODS, endpoint
from arlen_core.commands import CommandError


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("route", ["/things", "/things/{id:int}", "/{a}/{b:uuid}/{c:date}.{d:slug}", "/f/{rest:path}"])
def test_what_is_made_is_python(method, route):
    """Handler and test parse, for every method and type."""
    code, test = endpoint("things", method, route)
    tree = ast.parse(code)
    ast.parse(test)
    handler = next(node for node in tree.body if isinstance(node, ast.AsyncFunctionDef))
    assert "things" == handler.name
    assert f'@router.{method.lower()}("{route}"' in code
    assert f'client.request("{method}", "/' in test


def test_parameters_have_the_types_of_the_placeholders():
    """Each placeholder is a typed parameter and a field of the answer."""
    code, test = endpoint("things", "GET", "/{a}/{b:uuid}/{c:date}/{d:float}")
    assert "async def things(a: str, b: UUID, c: date, d: float) -> Things:" in code
    assert "from datetime import date\nfrom uuid import UUID\n\nfrom arlen import Router, Struct\n" in code
    assert '"/example/00000000-0000-0000-0000-000000000001/2026-01-31/1.5"' in test


def test_a_body_is_validated():
    """Methods with a body get a Struct with bounds, and a test that a wrong field is named."""
    code, test = endpoint("things", "PATCH", "/things/{title}")
    assert "class NewThings(Struct):" in code
    assert "text: Annotated[str, Meta(min_length=1, max_length=80)]" in code
    assert "async def test_things_refuses_wrong_fields" in test


def test_creating_is_201():
    """POST answers 201 Created; others 200."""
    assert "status=201" in endpoint("things", "POST", "/things")[0]
    assert "status=201" not in endpoint("things", "PUT", "/things")[0]


@pytest.mark.parametrize(
    ("route", "code"),
    [
        ("things", "template_invalid"),
        ("/{a:itn}", "template_invalid"),
        ("/{a:[a-z]+}", "route_unsupported"),
        ("/{new}", "route_unsupported"),
    ],
)
def test_a_route_that_cannot_be_generated(route, code):
    """A wrong template, or one for which no example is known, is wrong usage with a fix."""
    with pytest.raises(CommandError) as error:
        endpoint("things", "POST", route)
    assert (code, 2) == (error.value.code, error.value.exit)
    assert error.value.fix

"""Security: how clients say who they are, as routes, routers and guards tell it."""

from __future__ import annotations

from typing import Any

import pytest

from arlen_core import App, Request, Router
from arlen_core.errors import StartupError
from arlen_openapi import OpenAPI, declare, document
from arlen_openapi.security import schemes

BEARER = {"type": "http", "scheme": "bearer"}
KEY = {"type": "apiKey", "name": "X-Key", "in": "header"}


async def handler() -> str:
    """Say something."""
    return "x"


@pytest.fixture
def app(bare: App) -> App:
    """An application with two schemes."""
    bare.schemes |= {"key": KEY, "bearer": BEARER}
    return bare


def operation(app: App, path: str = "/x") -> dict[str, Any]:
    """Return the GET of a path."""
    found: dict[str, Any] = document(app)["paths"][path]["get"]
    return found


def test_schemes_are_in_the_document(app: App) -> None:
    """Sorted, whether or not a route needs them."""
    assert {"bearer": BEARER, "key": KEY} == document(app)["components"]["securitySchemes"]


def test_the_plugin_declares_schemes(bare: App) -> None:
    """By name, with what OpenAPI wants to know."""
    bare.use(OpenAPI()).scheme("bearer", type="http", scheme="bearer")
    assert {"bearer": BEARER} == bare.schemes


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (["bearer"], [{"bearer": []}]),
        (["bearer", "key"], [{"bearer": []}, {"key": []}]),
        ([{"bearer": ["read", "write"]}], [{"bearer": ["read", "write"]}]),
        ([{"bearer": [], "key": []}], [{"bearer": [], "key": []}]),
        ([], []),
    ],
)
def test_a_route_says_who_may(app: App, told: Any, expected: Any) -> None:
    """Any of the alternatives is enough; scopes stand behind a name; nothing is for everybody."""
    app.get("/x", security=told)(handler)
    found = operation(app)
    assert expected == found["security"]
    assert bool(expected) == ("401" in found["responses"]) == ("403" in found["responses"])


def test_a_route_that_says_nothing(app: App) -> None:
    """It has no requirement, and no errors of one."""
    app.get("/x")(handler)
    found = operation(app)
    assert ("security" in found, "401" in found["responses"]) == (False, False)


def test_a_router_says_it_for_its_routes(app: App) -> None:
    """But for a route that says otherwise."""
    inner = Router("/in", options={"security": ["bearer"]})
    inner.get("/a")(handler)
    inner.get("/b", security=())(handler)
    app.include(inner)
    assert ([{"bearer": []}], []) == (operation(app, "/in/a")["security"], operation(app, "/in/b")["security"])


def test_a_guard_says_it(app: App) -> None:
    """The innermost guard that says something counts, if the route says nothing."""

    @declare(security=["key"], responses={401: "Send a key."})
    async def outer(request: Request) -> None: ...

    @declare(security=["bearer"])
    async def inner(request: Request) -> None: ...

    app.get("/x", guards=[outer, inner])(handler)
    app.get("/y", guards=[outer])(handler)
    app.get("/z", guards=[outer], security=())(handler)
    assert [[{"bearer": []}], [{"key": []}], []] == [operation(app, path)["security"] for path in ("/x", "/y", "/z")]
    assert "Send a key." == operation(app)["responses"]["401"]["description"]


def test_guards_that_say_what_they_answer(app: App) -> None:
    """Such a guard is not taken to answer anything else."""

    @declare(responses={404: "You may not know."})
    async def hide(request: Request) -> None: ...

    app.get("/x", guards=[hide])(handler)
    found = operation(app)["responses"]
    assert ({"404"}, set()) == ({"404"} & set(found), {"401", "403"} & set(found))


def test_a_middleware_says_what_it_answers(samples: Any) -> None:
    """Every route inside of it has these responses."""
    found = document(samples["crud"]())["paths"]
    assert all("429" in each["responses"] for path in found.values() for each in path.values())


def test_an_unknown_scheme_is_named(app: App) -> None:
    """With the route, and how to declare it."""
    app.get("/x", security=["cookie"])(handler)
    with pytest.raises(StartupError, match=r"/x .*there is no security scheme 'cookie'"):
        document(app)


@pytest.mark.parametrize(
    "wrong",
    [{}, {"type": "magic"}, {"type": "http"}, {"type": "apiKey", "name": "x"}, {"type": "oauth2"}],
)
def test_a_wrong_scheme_is_named(wrong: dict[str, Any]) -> None:
    """What OpenAPI wants to know has to be there."""
    with pytest.raises(StartupError, match="the security scheme 'x' says no") as caught:
        schemes({"x": wrong})
    assert "openapi_scheme" == caught.value.code


def test_schemes_of_mounted_applications(bare: App) -> None:
    """They are in the document too; the outer application's count more."""
    inner = App("inner", env="test", environ={})
    inner.schemes |= {"key": {**KEY, "name": "X-Inner"}, "bearer": BEARER}
    inner.get("/x", security=["bearer"])(handler)
    bare.schemes["key"] = KEY
    bare.mount("/in", inner)
    found = document(bare)
    assert {"bearer": BEARER, "key": KEY} == found["components"]["securitySchemes"]
    assert [{"bearer": []}] == found["paths"]["/in/x"]["get"]["security"]

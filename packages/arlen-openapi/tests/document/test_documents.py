"""Documents: what stands around the operations, what they are called, and what is left out."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import Struct

from arlen_core import App, Response, Router, WebSocket
from arlen_core.errors import StartupError
from arlen_openapi import OpenAPI, Settings, document, encode
from arlen_openapi.documents import omitted


async def handler() -> str:
    """Say something.

    More about it.

    Raises `HTTPError`.
    """
    return "x"


async def nothing() -> None: ...  # noqa: D103  # it has no words


def operations(app: App) -> dict[str, dict[str, Any]]:
    """Return the operations of a document by "METHOD path"."""
    paths = document(app)["paths"]
    return {f"{method.upper()} {path}": each for path, found in paths.items() for method, each in found.items()}


def test_an_empty_application(bare: App) -> None:
    """Its document is valid already."""
    expected = {"openapi": "3.1.1", "info": {"title": "bare", "version": "0.1.0"}, "paths": {}, "components": {}}
    assert expected == document(bare)


def test_the_info_comes_from_the_settings() -> None:
    """The section `[openapi]`, or the settings that are given."""
    app = App("bare", environ={"ARLEN_OPENAPI__TITLE": "Notes", "ARLEN_OPENAPI__VERSION": "2.1"})
    assert {"title": "Notes", "version": "2.1"} == document(app)["info"]
    given = Settings(description="All of it.", servers=("https://api.example.org",))
    made = document(app, given)
    assert {"title": "bare", "version": "0.1.0", "description": "All of it."} == made["info"]
    assert [{"url": "https://api.example.org"}] == made["servers"]


def test_the_words_of_an_operation(bare: App) -> None:
    """The first line of the docstring is the summary; what follows, up to a section, the description."""
    bare.get("/a")(handler)
    bare.get("/b", summary="Own", description="Words", deprecated=True, tags=("x", "y", "x"))(handler)
    bare.get("/c")(nothing)
    found = operations(bare)
    assert ("Say something", "More about it.\n\nRaises `HTTPError`.") == tuple(
        found["GET /a"][key] for key in ("summary", "description")
    )
    assert ("Own", "Words", True, ["x", "y"]) == tuple(
        found["GET /b"][key] for key in ("summary", "description", "deprecated", "tags")
    )
    assert {"operationId", "responses"} == set(found["GET /c"])


def test_the_names_of_operations(bare: App) -> None:
    """A route's name with those of its routers; the first of several keeps it, the others get method and path."""
    users = Router("/users", name="users")
    users.get("", name="list")(handler)
    users.get("/{id}")(_taking)
    bare.include(users)
    bare.get("/a")(handler)
    bare.post("/a")(handler)
    bare.get("/b/c")(handler)
    bare.get("/b-c")(handler)
    assert ["users_list", "users_taking", "handler", "handler_post", "handler_get", "handler_get_b_c"] == [
        _named(bare, key) for key in ("GET /users", "GET /users/{id}", "GET /a", "POST /a", "GET /b/c", "GET /b-c")
    ]


async def _taking(id: str) -> str:
    return id


def _named(app: App, key: str) -> str:
    name: str = operations(app)[key]["operationId"]
    return name


def test_names_stay_when_routes_are_added(bare: App) -> None:
    """A route that comes later takes no name away."""
    bare.get("/z")(handler)
    before = _named(bare, "GET /z")
    bare.get("/a")(handler)
    assert (before, "handler_get") == (_named(bare, "GET /z"), _named(bare, "GET /a"))


def test_many_routes_of_one_handler(bare: App) -> None:
    """There is a name for each of them, however alike their paths are."""
    for path in ("/a", "/b", "/a.b", "/a-b", "/a_b", "/a~b"):
        bare.get(path)(handler)
    names = [each["operationId"] for each in operations(bare).values()]
    assert (6, 6) == (len(names), len(set(names)))


def test_an_operation_id_is_kept(bare: App) -> None:
    """It is what was asked for; the same for two routes is an error that names one of them."""
    bare.get("/a", operation_id="say.it")(handler)
    assert "say_it" == _named(bare, "GET /a")
    bare.get("/b", operation_id="say.it")(handler)
    with pytest.raises(StartupError, match="there is another operation_id"):
        document(bare)


def test_a_route_of_several_methods(bare: App) -> None:
    """It is an operation for each; one that takes every method has the usual five."""
    bare.route("/a", methods=["GET", "POST"], operation_id="both")(handler)
    bare.route("/b", methods=["*"])(handler)
    found = operations(bare)
    assert ["both", "both_post"] == [found[f"{method} /a"]["operationId"] for method in ("GET", "POST")]
    assert {"GET", "PUT", "POST", "DELETE", "PATCH"} == {key.split()[0] for key in found if key.endswith("/b")}


def test_what_is_left_out(bare: App) -> None:
    """Routes that say so, WebSockets, and what answers for the platform."""

    async def talk(ws: WebSocket) -> None: ...

    bare.get("/hidden", openapi=False)(handler)
    bare.websocket("/ws")(talk)
    bare.get("/shown")(handler)
    assert ["GET /shown"] == list(operations(bare))


def test_a_router_can_be_left_out(bare: App) -> None:
    """The option holds for all its routes, but for one that says otherwise."""
    inner = Router("/in", options={"openapi": False})
    inner.get("/a")(handler)
    inner.get("/b", openapi=True)(handler)
    bare.include(inner)
    assert ["GET /in/b"] == list(operations(bare))


def test_paths_that_openapi_takes_for_one(bare: App) -> None:
    """Two templates that differ in names only have one spelling; of one method the more exact route is shown."""

    async def one(id: int) -> str: ...

    async def other(name: str) -> str: ...

    bare.get("/notes/{name}")(other)
    bare.get("/notes/{id:int}")(one)
    bare.delete("/notes/{name}")(other)
    found = operations(bare)
    assert ["DELETE", "GET"] == sorted(key.split()[0] for key in found)
    assert {"one"} == {each["operationId"] for key, each in found.items() if key.startswith("GET")}
    assert 1 == len(document(bare)["paths"])
    assert ["GET /notes/{name}"] == omitted(bare)
    for key, each in found.items():
        (parameter,) = each["parameters"]
        assert "{" + parameter["name"] + "}" in key


def test_a_condition_makes_no_path(bare: App) -> None:
    """Of two routes for one path, the one with a condition goes first when it is matched, and so in the document."""
    bare.get("/a", name="plain")(handler)
    bare.get("/a", name="special", headers={"x-version": "2"})(handler)
    assert ("special", ["GET /a"]) == (_named(bare, "GET /a"), omitted(bare))


def test_a_method_that_openapi_does_not_know(bare: App) -> None:
    """QUERY comes with OpenAPI 3.2; until then it is told apart."""
    bare.query("/search")(handler)
    assert ({}, ["QUERY /search"]) == (operations(bare), omitted(bare))


def test_the_order_is_that_of_paths_and_methods(bare: App) -> None:
    """Whatever the order of declaration."""
    for method in ("patch", "delete", "post", "get", "put"):
        getattr(bare, method)("/b", name=method)(handler)
    bare.get("/a")(handler)
    paths = document(bare)["paths"]
    assert (["/a", "/b"], ["get", "put", "post", "delete", "patch"]) == (list(paths), list(paths["/b"]))


def test_two_calls_give_the_same(bare: App) -> None:
    """Nothing is remembered, and the application is as it was."""
    bare.get("/a/{id:int}")(_numbered)
    assert encode(document(bare)) == encode(document(bare))
    assert "created" == bare.state


async def _numbered(id: int) -> Response: ...  # type: ignore[empty-body]


def test_mounted_applications_are_merged(samples: Any) -> None:
    """Below their prefixes, with names and tags that tell them apart."""
    found = operations(samples["mounts"]())
    assert ("v1_account", ["v1"]) == tuple(found["GET /v1/accounts/{name}"][key] for key in ("operationId", "tags"))
    assert ("v2_ping", ["health"]) == tuple(found["GET /v2/ping"][key] for key in ("operationId", "tags"))
    assert "staff_v1_ping" == found["GET /staff/v1/ping"]["operationId"]
    assert ["ping"] == [each["operationId"] for key, each in found.items() if key == "GET /ping"]


def test_guards_of_a_mount_refuse(samples: Any) -> None:
    """What stands around a mounted application is told of its operations too."""
    found = operations(samples["mounts"]())
    assert (True, False) == tuple("403" in found[f"GET {path}/ping"]["responses"] for path in ("/staff/v1", "/v1"))


def test_types_of_one_name_are_told_apart(samples: Any) -> None:
    """Both are called by module and name."""
    names = document(samples["mounts"]())["components"]["schemas"]
    assert ["bank.first.Account", "bank.second.Account"] == sorted(name for name in names if "Account" in name)


def test_two_types_that_cannot_be_told_apart(bare: App) -> None:
    """Of one name in one module: the error says which."""

    def make() -> Any:
        class Twin(Struct):
            a: int

        async def show() -> Any: ...

        show.__annotations__["return"] = Twin
        return show

    bare.get("/a")(make())
    bare.get("/b")(make())
    with pytest.raises(StartupError, match="two types are called alike"):
        document(bare)


def test_an_application_inside_an_application_inside(bare: App) -> None:
    """Prefixes and names add up, and what is mounted at the root has no prefix."""
    inner, middle = App("inner", env="test", environ={}), App("middle", env="test", environ={})
    inner.get("/x")(handler)
    middle.mount("/in", inner, name="in")
    bare.mount("/mid", middle)
    assert {"GET /mid/in/x": "mid_in_handler"} == {key: each["operationId"] for key, each in operations(bare).items()}


def test_documents_inside_are_not_shown(bare: App) -> None:
    """The document of a mounted application is none of its operations, nor is its page."""
    inner = App("inner", env="test", environ={})
    inner.use(OpenAPI())
    bare.mount("/in", inner)
    assert {} == operations(bare)


def test_applications_of_others_are_passed_by(bare: App) -> None:
    """An ASGI application tells nothing of itself."""

    async def foreign(scope: Any, receive: Any, send: Any) -> None: ...

    bare.mount("/other", foreign)
    assert {} == operations(bare)

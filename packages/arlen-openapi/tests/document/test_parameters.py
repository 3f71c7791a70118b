"""Parameters: what a handler takes as text, and where it says so."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import IntEnum
from typing import Annotated, Any, Literal, TypedDict
from uuid import UUID

import pytest
from msgspec import Meta, Struct, field

from arlen_core import App, Context, Cookie, Header, Query
from arlen_core.placeholders import register
from arlen_openapi import document

NUMBER = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})?$"


class Level(IntEnum):
    LOW = 1
    HIGH = 2


class Filter(Struct, rename="camel"):
    """What is listed."""

    page_size: Annotated[int, Meta(ge=1, description="Rows.")] = 20
    only_open: bool = False
    levels: list[Level] = field(default_factory=list)
    since: date | None = None
    needed: str = ""


class Strict(Struct):
    ticked: bool
    word: str


class Typed(TypedDict, total=False):
    word: str


@dataclass
class Plain:
    word: str
    count: int = 3


register("hexcolour", "[0-9a-f]{6}")


def parameters(app: App, handler: Any, path: str = "/x") -> dict[str, dict[str, Any]]:
    """Return the parameters of a handler by name."""
    app.get(path)(handler)
    (operations,) = document(app)["paths"].values()
    return {each["name"]: each for each in operations["get"].get("parameters", [])}


def schemas(found: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Return the schemas of parameters by name."""
    return {name: each["schema"] for name, each in found.items()}


def test_scalars_come_from_the_query(bare: App) -> None:
    """A parameter of text, a number, a truth, a date or a UUID has the schema of its type."""

    async def handler(a: str, b: int, c: float, d: bool, e: date, f: UUID, g: Decimal, h: datetime) -> None: ...

    found = parameters(bare, handler)
    assert {("query", True)} == {(each["in"], each["required"]) for each in found.values()}
    expected = {
        "a": {"type": "string"},
        "b": {"type": "integer"},
        "c": {"type": "number"},
        "d": {"type": "boolean"},
        "e": {"format": "date", "type": "string"},
        "f": {"format": "uuid", "type": "string"},
        "g": {"format": "decimal", "pattern": NUMBER, "type": "string"},
        "h": {"type": "string"},
    }
    assert expected == schemas(found)


def test_defaults_are_told(bare: App) -> None:
    """A parameter with a default is not required; `None` is no default that a client could send."""

    async def handler(a: int = 3, b: int | None = None, c: Level = Level.HIGH, d: str = "") -> None: ...

    found = parameters(bare, handler)
    assert {False} == {each["required"] for each in found.values()}
    assert {"default": 3, "type": "integer"} == found["a"]["schema"]
    assert {"type": "integer"} == found["b"]["schema"]
    assert 2 == found["c"]["schema"]["default"]
    assert {"default": "", "type": "string"} == found["d"]["schema"]


def test_constraints_are_told(bare: App) -> None:
    """What `Meta` says holds the input, and is in the schema; its description is that of the parameter."""

    async def handler(a: Annotated[int, Meta(ge=1, le=9, description="A digit.", examples=[7])]) -> None: ...

    found = parameters(bare, handler)["a"]
    assert "A digit." == found["description"]
    assert (1, 9, [7]) == tuple(found["schema"][key] for key in ("minimum", "maximum", "examples"))


def test_choices_are_told(bare: App) -> None:
    """A Literal and an Enum list what can be sent, with the type of it."""

    async def handler(a: Literal["x", "y"], b: Level) -> None: ...

    bare.get("/x")(handler)
    made = document(bare)
    a, b = (each["schema"] for each in made["paths"]["/x"]["get"]["parameters"])
    assert {"enum": ["x", "y"], "type": "string"} == a
    assert {"$ref": "#/components/schemas/Level"} == b
    assert ([1, 2], "integer") == tuple(made["components"]["schemas"]["Level"][key] for key in ("enum", "type"))


def test_lists_take_every_value(bare: App) -> None:
    """A list is a parameter that comes again and again; without a value it is empty."""

    async def handler(a: list[int], b: Annotated[set[str], Meta(min_length=1)]) -> None: ...

    found = parameters(bare, handler)
    assert {("form", True)} == {(each["style"], each["explode"]) for each in found.values()}
    assert (False, True) == (found["a"]["required"], found["b"]["required"])
    assert {"type": "integer"} == found["a"]["schema"]["items"]


def test_headers_and_cookies(bare: App) -> None:
    """They have their names on the wire, and no `null` among what they can be."""

    async def handler(
        user_agent: Annotated[str, Header] = "",
        token: Annotated[str | None, Header("X-Token")] = None,
        theme: Annotated[str, Cookie("look")] = "light",
    ) -> None: ...

    found = parameters(bare, handler)
    assert ["user-agent", "x-token", "look"] == list(found)
    assert ["header", "header", "cookie"] == [each["in"] for each in found.values()]
    assert {"type": "string"} == found["x-token"]["schema"]


def test_a_record_of_the_query_is_its_fields(bare: App) -> None:
    """Each field is a parameter, under the name that it has on the wire."""

    async def handler(filters: Annotated[Filter, Query]) -> None: ...

    found = parameters(bare, handler)
    assert ["pageSize", "onlyOpen", "levels", "since", "needed"] == list(found)
    assert {False} == {each["required"] for each in found.values()}
    assert "Rows." == found["pageSize"]["description"]
    assert (20, False, []) == tuple(found[name]["schema"]["default"] for name in ("pageSize", "onlyOpen", "levels"))
    assert {"format": "date", "type": "string"} == found["since"]["schema"]


@pytest.mark.parametrize(("kind", "required"), [(Strict, ["word"]), (Typed, []), (Plain, ["word"])])
def test_what_a_record_needs(bare: App, kind: Any, required: list[str]) -> None:
    """A field without a default is required; but not a truth, which a browser leaves out when it is not ticked."""

    async def handler(filters: Annotated[kind, Query]) -> None: ...

    handler.__annotations__["filters"] = Annotated[kind, Query]
    found = parameters(bare, handler)
    assert required == [name for name, each in found.items() if each["required"]]


def test_typed_placeholders(bare: App) -> None:
    """A placeholder has the type of the template or of the handler, narrowed by what the handler says of it."""

    async def handler(id: Annotated[int, Meta(ge=1)], day: date, key: UUID, level: Level, share: float) -> None: ...

    bare.get("/x/{id:int}/{day:date}/{key}/{level}/{share:float}")(handler)
    made = document(bare)
    (operations,) = made["paths"].values()
    found = {each["name"]: each["schema"] for each in operations["get"]["parameters"]}
    assert {"format": "int64", "minimum": 1, "type": "integer"} == found["id"]
    assert ("date", "uuid", "number") == (found["day"]["format"], found["key"]["format"], found["share"]["type"])
    assert {"$ref": "#/components/schemas/Level"} == found["level"]
    assert "404" in operations["get"]["responses"]


def test_placeholders_of_text(bare: App) -> None:
    """One without a type is text that is not empty, of any form; an expression and a type of one's own are patterns."""

    async def handler(a: str, b: str, c: str, d: str) -> None: ...

    found = schemas(parameters(bare, handler, "/{a}/{b:slug}/{c:hexcolour}/{d:[a-z]{2}}"))
    assert {"type": "string", "minLength": 1} == found["a"]
    patterns = [found[name]["pattern"] for name in ("b", "c", "d")]
    assert ["^(?:[A-Za-z0-9_-]+)$", "^(?:[0-9a-f]{6})$", "^(?:[a-z]{2})$"] == patterns


def test_every_placeholder_is_there(bare: App) -> None:
    """A handler that takes the request instead of the values has the parameters of its path all the same."""

    async def handler(ctx: Context) -> None: ...

    bare.get("/a/{id:int}/{rest:path}")(handler)
    (operations,) = document(bare)["paths"].values()
    assert ["id", "rest"] == [each["name"] for each in operations["get"]["parameters"]]


@pytest.mark.parametrize(
    ("template", "path"),
    [("/", "/"), ("/a/{b}.{c}", "/a/{b}.{c}"), ("/caf\u00e9", "/caf%C3%A9"), ("/{{x}}", "/%7Bx%7D"), ("/a/", "/a/")],
)
def test_paths_are_written_as_clients_send_them(bare: App, template: str, path: str) -> None:
    """Text is percent-encoded, and braces that are no placeholders too."""

    async def handler(ctx: Context) -> None: ...

    bare.get(template)(handler)
    assert [path] == list(document(bare)["paths"])


def test_what_cannot_be_wrong_is_not_refused(bare: App) -> None:
    """Text with a default is always valid: no 422. What must be there, or is held to something, has it."""

    async def never(id: int, q: str = "", agent: Annotated[str | None, Header("user-agent")] = None) -> str: ...

    async def needed(q: str) -> str: ...

    async def short(q: Annotated[str, Meta(max_length=3)] = "") -> str: ...

    async def positive(id: Annotated[int, Meta(ge=1)]) -> str: ...

    bare.get("/{id:int}")(never)
    bare.get("/needed")(needed)
    bare.get("/short")(short)
    bare.get("/positive/{id:int}")(positive)
    paths = document(bare)["paths"]
    assert {"/{id}": False, "/needed": True, "/short": True, "/positive/{id}": True} == {
        path: "422" in found["get"]["responses"] for path, found in paths.items()
    }


def test_a_query_can_be_broken(bare: App) -> None:
    """Who reads the query may find bytes that are no text: 400."""

    async def handler(q: str = "") -> str: ...

    bare.get("/x")(handler)
    assert "400" in document(bare)["paths"]["/x"]["get"]["responses"]

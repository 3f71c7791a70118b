"""Payloads: what a handler reads from the body, and in which forms a client may send it."""

from __future__ import annotations

from typing import Annotated, Any

import pytest
from msgspec import Meta, Struct, field

from arlen_core import App, Context, Form, Input, Request, Upload
from arlen_core.bodies import Body
from arlen_core.testing import run
from arlen_openapi import document


class Point(Struct):
    x: int
    y: int = 0


class Flat(Struct, forbid_unknown_fields=True):
    title: Annotated[str, Meta(min_length=1)]
    open: bool
    tags: list[str] = field(default_factory=list)
    size: int | None = None
    at: Point | None = None


class Deep(Struct):
    at: Point


class Photo(Struct):
    picture: Upload
    more: list[Upload] = field(default_factory=list)
    words: str = ""


JSON, URLENCODED, MULTIPART = "application/json", "application/x-www-form-urlencoded", "multipart/form-data"


def body(app: App, handler: Any, **options: Any) -> dict[str, Any]:
    """Return the request body of a handler."""
    app.post("/x", **options)(handler)
    found: dict[str, Any] = document(app)["paths"]["/x"]["post"].get("requestBody", {})
    return found


def test_a_record_comes_as_json_or_as_a_form(bare: App) -> None:
    """What fields of text can say, a form can send; JSON is first."""

    async def handler(sent: Flat) -> None: ...

    found = body(bare, handler)
    assert ([JSON, URLENCODED, MULTIPART], True) == (list(found["content"]), found["required"])
    assert {"$ref": "#/components/schemas/Flat"} == found["content"][JSON]["schema"]


def test_a_form_is_not_its_json(bare: App) -> None:
    """A form leaves unknown fields out, has no `null`, no records inside, and no box that is not ticked."""

    async def handler(sent: Flat) -> None: ...

    form = body(bare, handler)["content"][URLENCODED]["schema"]
    assert ["title", "open", "tags", "size"] == list(form["properties"])
    assert ["title"] == form["required"]
    assert {"type": "integer"} == form["properties"]["size"]
    assert "additionalProperties" not in form
    assert ({"minLength": 1, "maxLength": 200}) == form["propertyNames"]


@pytest.mark.parametrize("kind", [Deep, list[Deep], dict[str, int], Deep | None])
def test_what_no_form_can_say_comes_as_json_alone(bare: App, kind: Any) -> None:
    """A record that needs another one, a list and a map."""

    async def handler(sent: Any) -> None: ...

    handler.__annotations__["sent"] = kind
    assert [JSON] == list(body(bare, handler)["content"])


def test_files_come_in_multipart_forms(bare: App) -> None:
    """A field that is an upload is a file, a list of them several."""

    async def handler(photo: Photo) -> None: ...

    found = body(bare, handler)["content"]
    assert [MULTIPART] == list(found)
    schema = found[MULTIPART]["schema"]
    assert {"type": "string", "format": "binary"} == schema["properties"]["picture"]
    assert {"type": "string", "format": "binary"} == schema["properties"]["more"]["items"]
    assert ["picture"] == schema["required"]


def test_a_form_without_a_type(bare: App) -> None:
    """A handler that takes any form says no more."""

    async def handler(form: Form) -> None: ...

    found = body(bare, handler)
    assert ([URLENCODED, MULTIPART], True) == (list(found["content"]), found["required"])


def test_input_is_what_it_holds(bare: App) -> None:
    """A body that may be wrong has the schema of what it should be."""

    async def handler(sent: Input[Deep]) -> None: ...

    assert {"$ref": "#/components/schemas/Deep"} == body(bare, handler)["content"][JSON]["schema"]


def test_a_body_with_a_default_is_not_required(bare: App) -> None:
    """An empty body is the default then."""

    async def handler(sent: Deep | None = None) -> None: ...

    assert not body(bare, handler)["required"]


def test_a_handler_that_reads_the_body_itself(bare: App) -> None:
    """The option `body` says what it takes: a type, or one for each media type."""

    async def handler(request: Request) -> None: ...

    found = body(bare, handler, body={"text/csv": str, "application/octet-stream": bytes, MULTIPART: Photo})
    assert {"type": "string"} == found["content"]["text/csv"]["schema"]
    assert {} == found["content"]["application/octet-stream"]
    assert "picture" in found["content"][MULTIPART]["schema"]["properties"]


def test_a_type_is_enough_for_the_option(bare: App) -> None:
    """It is taken as a parameter of that type would be."""

    async def handler(request: Request) -> None: ...

    assert [JSON, URLENCODED, MULTIPART] == list(body(bare, handler, body=Flat)["content"])


def test_without_a_body(bare: App) -> None:
    """A handler that takes none has no request body, and no error of one."""

    async def handler(ctx: Context) -> None: ...

    assert {} == body(bare, handler)
    assert "413" not in document(bare)["paths"]["/x"]["post"]["responses"]


def test_the_raw_body_is_anything(bare: App) -> None:
    """A handler that takes `Body` takes bytes of every media type, none of them too, and may refuse too many."""

    async def handler(body: Body) -> None: ...

    found = body(bare, handler, max_body=1000)
    assert {"*/*": {"schema": {"type": "string", "format": "binary"}}} == found["content"]
    assert ("At most 1,000 bytes.", False) == (found["description"], found["required"])
    assert "413" in document(bare)["paths"]["/x"]["post"]["responses"]


def test_the_option_counts_more_than_the_raw_body(bare: App) -> None:
    """It says what the handler makes of the bytes."""

    async def handler(body: Body) -> None: ...

    assert ["text/csv"] == list(body(bare, handler, body={"text/csv": str})["content"])


def test_limits_are_told(bare: App) -> None:
    """Bytes of the body, and of the fields and files of forms."""

    async def handler(sent: Flat) -> None: ...

    words = body(bare, handler, max_body=2000)["description"]
    assert words.startswith("At most 2,000 bytes. A form has at most 1,000 fields of 262,144 bytes.")
    assert words.endswith("It has at most 32 files of 16,777,216 bytes.")


def test_json_has_no_limits_of_forms(bare: App) -> None:
    """Without a limit of its own there is nothing to tell: the server has one."""

    async def handler(sent: Deep) -> None: ...

    assert "description" not in body(bare, handler)


@pytest.mark.parametrize(
    ("words", "status"),
    [
        ({"json": {"at": {"x": 1}}}, 204),
        ({"body": b"{", "headers": {"content-type": JSON}}, 400),
        ({"json": {"at": {"x": "?" * 2000}}}, 413),
        ({"body": b"x", "headers": {"content-type": "text/plain"}}, 415),
        ({"json": {}}, 422),
    ],
)
def test_every_error_of_a_body_is_described(bare: App, words: dict[str, Any], status: int) -> None:
    """What a wrong body gets is among the responses."""

    async def handler(sent: Deep) -> None: ...

    bare.post("/x", max_body=1000)(handler)
    assert (status, True) == (
        run(bare, "POST", "/x", **words).status,
        str(status) in document(bare)["paths"]["/x"]["post"]["responses"],
    )

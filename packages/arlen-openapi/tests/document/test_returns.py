"""Returns and outcomes: what a handler may send, by its annotation, by declaration, and as an error."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import partial, wraps
from typing import Annotated, Any, Literal, TypedDict

import pytest
from msgspec import Meta, Struct

from arlen_core import App, Context, FileResponse, HTTPError, Request, Response, Stream
from arlen_core.answers import View
from arlen_core.errors import StartupError
from arlen_core.testing import run
from arlen_openapi import Answer, OpenAPI, document


class Note(Struct):
    title: str


class Other(Struct, tag=True):
    name: str


class Third(Struct, tag=True):
    name: str


class Word(StrEnum):
    YES = "yes"


@dataclass
class Plain:
    a: int


class Typed(TypedDict):
    a: int


JSON, TEXT, HTML, BYTES, PROBLEM = (
    "application/json",
    "text/plain",
    "text/html",
    "application/octet-stream",
    "application/problem+json",
)


def responses(app: App, handler: Any, method: str = "get", path: str = "/x", **options: Any) -> dict[str, Any]:
    """Return the responses of a handler, with the shared ones in place."""
    app.route(path, methods=[method], **options)(handler)
    made = document(app)
    found = made["paths"][path][method]["responses"]
    shared = made["components"]["responses"]
    return {status: shared[each["$ref"].split("/")[-1]] if "$ref" in each else each for status, each in found.items()}


def returning(kind: Any) -> Any:
    """Return a handler with that return annotation."""

    async def handler() -> Any: ...

    handler.__annotations__["return"] = kind
    return handler


def media(found: dict[str, Any], status: str = "200") -> list[str]:
    """Return the media types of a status."""
    return list(found[status].get("content", {}))


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (Note, JSON), (Plain, JSON), (Typed, JSON), (list[Note], JSON), (dict[str, int], JSON), (int, JSON),
        (bool, JSON), (float, JSON), (datetime, JSON), (Other | Third, JSON), (Literal[1, 2], JSON), (str, TEXT),
        (Word, TEXT), (Literal["a"], TEXT), (bytes, BYTES), (AsyncIterator[str], TEXT), (Stream, "*/*"),
        (Response, "*/*"), (FileResponse, "*/*"), (Any, "*/*"), (Annotated[Note, Meta(title="n")], JSON),
    ],
)  # fmt: skip
def test_the_media_type_of_a_type(bare: App, kind: Any, expected: str) -> None:
    """It is what `answer` makes of a value of that type; a response that is made by hand can be anything."""
    assert [expected] == media(responses(bare, returning(kind)))


def test_none_has_no_content(bare: App) -> None:
    """204, or the declared status without a body; with a value beside it, both."""
    assert ("204", []) == (next(iter(found := responses(bare, returning(None)))), media(found, "204"))
    assert [] == media(responses(bare, returning(None), path="/b", status=202), "202")
    both = responses(bare, returning(Note | None), path="/c")
    assert ([JSON], []) == (media(both), media(both, "204"))


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (Literal["a", 1], {"200": [TEXT, JSON]}),
        (Literal[1, "a", "b", True], {"200": [TEXT, JSON]}),
        (Literal["a", None], {"200": [TEXT], "204": []}),  # noqa: PYI061
        (Annotated[Literal[1, None], Meta(title="n")], {"200": [JSON], "204": []}),  # noqa: PYI061
    ],
)
def test_each_value_of_a_literal_is_sent_as_what_it_is(bare: App, kind: Any, expected: dict[str, list[str]]) -> None:
    """Text as text, a number as JSON, `None` without a body."""
    found = responses(bare, returning(kind))
    assert expected == {status: sorted(media(found, status), reverse=True) for status in found if status < "300"}


def test_no_content_has_no_content() -> None:
    """A route that declares 204 has no body, whatever its handler returns; the check says what is lost."""
    app = App("empty", env="test")
    app.use(OpenAPI())

    async def show() -> Note:
        return Note(title="Tea")

    assert [] == media(responses(app, show, status=204), "204")
    assert "204 is application/json; it is described with no body" in run(app, "GET", "/x").json()["detail"]


def test_the_declared_status(bare: App) -> None:
    """A successful answer has the status of the route."""
    found = responses(bare, returning(Note), "post", status=201)
    assert "Created" == found["201"]["description"]
    assert "200" not in found


def test_no_annotation_is_no_promise(bare: App) -> None:
    """Such a handler is described as one that can answer anything."""

    async def handler(): ...

    assert ["*/*"] == media(responses(bare, handler))


def test_a_generator_is_a_stream(bare: App) -> None:
    """What an async generator yields is sent while it is made."""

    async def handler() -> AsyncIterator[str]:
        yield "x"

    assert [TEXT] == media(responses(bare, handler))


def test_decorated_handlers(bare: App) -> None:
    """The annotation of what is decorated, or partly filled in, counts."""

    async def inner(word: str) -> Note: ...

    @wraps(inner)
    async def outer(*args: Any, **options: Any) -> Any: ...

    outer.__wrapped__.__defaults__ = ("x",)
    assert [JSON] == media(responses(bare, partial(inner, word="x")))


def test_an_object_can_be_a_handler(bare: App) -> None:
    """The annotation of its `__call__` counts."""

    class Handler:
        async def __call__(self) -> str:
            return "x"

    assert [TEXT] == media(responses(bare, Handler()))


def test_an_annotation_that_is_not_there(bare: App) -> None:
    """It is named, with the fix, as at the start of the application."""

    async def handler() -> Any: ...

    handler.__annotations__["return"] = "Nowhere"
    with pytest.raises(StartupError, match="an annotation"):
        responses(bare, handler)


@pytest.mark.parametrize(
    ("formats", "expected"),
    [((), [HTML, JSON]), (("json",), [JSON]), (("html",), [HTML]), (("json", "html", "csv"), [JSON, HTML])],
)
def test_a_page_is_what_its_route_negotiates(bare: App, formats: tuple[str, ...], expected: list[str]) -> None:
    """A View becomes HTML or JSON, as far as the formats of its route allow; else it answers 406."""
    found = responses(bare, returning(View), formats=formats)
    assert (expected, True) == (media(found), "406" in found)


def test_declared_types_say_what_a_page_is_as_json(bare: App) -> None:
    """The JSON of a View has the declared schema; its HTML stays."""
    content = responses(bare, returning(View), responses={200: Note})["200"]["content"]
    assert ([HTML, JSON], {"$ref": "#/components/schemas/Note"}) == (sorted(content)[::-1], content[JSON]["schema"])


def test_what_is_declared_counts_more_than_a_bare_response(bare: App) -> None:
    """`Response` says nothing: when a success is declared it is what there is."""
    found = responses(bare, returning(Response), responses={303: "Elsewhere."})
    assert ("Elsewhere.", False) == (found["303"]["description"], "200" in found)
    assert {"Location"} == set(found["303"]["headers"])


def test_declared_errors_leave_the_success_alone(bare: App) -> None:
    """An error that is declared says nothing about what else a bare `Response` may be."""
    found = responses(bare, returning(Response), responses={409: "It is taken."})
    assert (["*/*"], "It is taken.") == (media(found), found["409"]["description"])


def test_a_declared_error_is_a_problem(bare: App) -> None:
    """In the three forms that clients may choose, with an example of how it is sent."""
    content = responses(bare, returning(Note), responses={409: "It is taken."})["409"]["content"]
    assert [PROBLEM, HTML, TEXT] == list(content)
    assert {"$ref": "#/components/schemas/Problem"} == content[PROBLEM]["schema"]
    assert (409, "It is taken.") == tuple(content[PROBLEM]["example"][key] for key in ("status", "detail"))


def test_several_answers_of_one_status(bare: App) -> None:
    """A list declares several: here a type of JSON, and a sheet."""
    sheet = Answer("As a sheet.", media="text/csv", headers={"X-Rows": "How many."}, example="1\n")
    found = responses(bare, returning(Response), responses={200: [list[int], sheet]})["200"]
    assert ([JSON, "text/csv"], "As a sheet.") == (list(found["content"]), found["description"])
    assert ("1\n", {"type": "string"}) == (
        found["content"]["text/csv"]["example"],
        found["content"]["text/csv"]["schema"],
    )
    assert {"X-Rows": {"description": "How many.", "schema": {"type": "string"}}} == found["headers"]


def test_two_types_of_one_status(bare: App) -> None:
    """Two types of JSON are one or the other."""
    schema = responses(bare, returning(Response), responses={200: [int, Note]})["200"]["content"][JSON]["schema"]
    assert [{"type": "integer"}, {"$ref": "#/components/schemas/Note"}] == schema["anyOf"]


def test_other_declared_bodies(bare: App) -> None:
    """No body, a media type alone, a schema as JSON writes it, a page, and an error that is no problem document."""
    told = {
        202: None,
        206: Answer(media="image/png"),
        207: {"type": "object"},
        210: View,
        400: Answer(body=Note),
        418: Answer(media="text/tea"),
    }
    found = responses(bare, returning(Response), formats=("html",), responses=told)
    assert [] == media(found, "202")
    assert {} == found["206"]["content"]["image/png"]
    assert {"type": "object"} == found["207"]["content"][JSON]["schema"]
    assert [HTML] == media(found, "210")
    assert ([JSON], ["text/tea"]) == (media(found, "400"), media(found, "418"))


@pytest.mark.parametrize("wrong", [["a"], {"404": "x"}, {99: "x"}, 404])
def test_a_wrong_declaration_is_named(bare: App, wrong: Any) -> None:
    """It is a mapping of statuses; the error says how to write it."""
    with pytest.raises(StartupError, match="is no mapping of statuses") as caught:
        responses(bare, returning(Note), responses=wrong)
    assert "openapi_responses" == caught.value.code


def test_every_operation_can_fail(bare: App) -> None:
    """500 is among its responses, shared by all."""
    bare.get("/a")(returning(Note))
    bare.get("/b")(returning(Note))
    made = document(bare)
    reference = {"$ref": "#/components/responses/InternalServerError"}
    assert [reference] * 2 == [made["paths"][path]["get"]["responses"]["500"] for path in ("/a", "/b")]
    assert ["InternalServerError"] == list(made["components"]["responses"])


def test_a_deadline_can_pass(bare: App) -> None:
    """503 with the seconds after which to try again; so can what leaves work for later."""

    async def handler(ctx: Context) -> Note: ...

    late = responses(bare, returning(Note), path="/late", deadline=1)
    assert ["Retry-After"] == list(late["503"]["headers"])
    assert "503" in responses(bare, handler, path="/ctx")
    assert "503" not in responses(bare, returning(Note), path="/plain")


def test_a_guard_can_refuse(bare: App) -> None:
    """A guard that does not say what it answers may answer 401 and 403."""

    async def guard(request: Request) -> bool:
        return False

    found = responses(bare, returning(Note), guards=[guard])
    assert {"401", "403"} <= set(found)
    assert run(bare, "GET", "/x").status == 403


def test_a_response_of_ones_own_may_have_a_tag(bare: App) -> None:
    """It is then sent as 304 or 412 without a body, to those who asked for that; data has no tag."""
    found = responses(bare, returning(Response), path="/a")
    assert ([], []) == (media(found, "304"), media(found, "412"))
    assert {"304", "412"}.isdisjoint(responses(bare, returning(Note), path="/b"))
    assert {"304", "412"}.isdisjoint(responses(bare, returning(Response), "post", path="/c"))


def test_a_file_has_ranges(bare: App) -> None:
    """206 and 416, and 404 when it is not there."""
    assert {"200", "206", "304", "404", "412", "416"} <= set(responses(bare, returning(FileResponse)))


def test_a_problem_is_what_is_sent(bare: App) -> None:
    """The example of an error has the members that Arlen sends, and no other."""

    @bare.get("/broken")
    async def broken() -> Note:
        raise HTTPError(409, "no")

    found = responses(bare, returning(Note), path="/x", responses={409: "no"})
    example = found["409"]["content"][PROBLEM]["example"]
    sent = run(bare, "GET", "/broken").json()
    assert list(example) == list(sent)
    assert {name: example[name] for name in ("type", "title", "status", "detail", "code", "errors")} == {
        name: sent[name] for name in ("type", "title", "status", "detail", "code", "errors")
    }

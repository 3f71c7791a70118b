"""Answers: what a handler may return, and the response that it becomes."""

import dataclasses
import datetime as dt
import enum
from decimal import Decimal
from typing import Any, TypedDict

import pytest
from msgspec import Struct

from arlen_core.answers import View, answer
from arlen_core.app import App
from arlen_core.errors import HTTPError
from arlen_core.requests import Request
from arlen_core.responses import Response, Stream, text

pytestmark = pytest.mark.anyio


class Note(Struct):
    title: str


@dataclasses.dataclass
class Point:
    x: int


class Row(TypedDict):
    id: int


class Markup(str):
    """Such as a template engine's."""

    __slots__ = ()


class Color(enum.Enum):
    RED = "red"


async def numbers():
    """Yield a stream."""
    yield "1"


@pytest.mark.parametrize(
    ("result", "media", "body"),
    [
        ({"a": 1}, "application/json", b'{"a":1}'),
        ([1, None], "application/json", b"[1,null]"),
        ((1, 2), "application/json", b"[1,2]"),
        ({1}, "application/json", b"[1]"),
        (3, "application/json", b"3"),
        (1.5, "application/json", b"1.5"),
        (True, "application/json", b"true"),
        (Note("a"), "application/json", b'{"title":"a"}'),
        ([Note("a")], "application/json", b'[{"title":"a"}]'),
        (Point(1), "application/json", b'{"x":1}'),
        (Row(id=1), "application/json", b'{"id":1}'),
        (Color.RED, "application/json", b'"red"'),
        (Decimal("1.50"), "application/json", b'"1.50"'),
        (dt.date(2026, 11, 22), "application/json", b'"2026-11-22"'),
        ({}, "application/json", b"{}"),
        ([], "application/json", b"[]"),
        ("é", "text/plain; charset=utf-8", "é".encode()),
        ("", "text/plain; charset=utf-8", b""),
        (Markup("<b>"), "text/plain; charset=utf-8", b"<b>"),
        (b"\xff", "application/octet-stream", b"\xff"),
        (bytearray(b"ab"), "application/octet-stream", b"ab"),
        (memoryview(b"ab"), "application/octet-stream", b"ab"),
    ],
)
async def test_every_kind_of_value(result, media, body):
    """Twice, because a class is remembered after the first time."""
    for status in (None, 201):
        made = await answer(result, status)
        assert (status or 200, media, body) == (made.status, made.headers["content-type"], made.body)


@pytest.mark.parametrize(("status", "expected"), [(None, 204), (200, 200), (201, 201)])
async def test_nothing(status, expected):
    """None is 204 without a type, or the declared status without a body."""
    made = await answer(None, status)
    assert (expected, b"", None) == (made.status, made.body, made.headers.get("content-type"))


async def test_a_response_stays():
    """Its own status wins over the route's."""
    made = text("x", 202)
    assert made is await answer(made, 201)
    assert 202 == made.status


async def test_an_async_iterable_is_a_stream():
    """A generator, or any object that can be iterated so."""

    class Source:
        def __aiter__(self):
            return numbers()

    for source in (numbers(), Source()):
        made = await answer(source, 206)
        assert isinstance(made, Stream)
        assert (206, None, ["1"]) == (made.status, made.body, [each async for each in made.stream])


@pytest.mark.parametrize("result", [object(), Response, lambda: None, iter("ab"), {"a": object()}, ["\ud800"]])
async def test_what_json_cannot_hold(result):
    """An error that says what, not an answer that hides it."""
    with pytest.raises((TypeError, UnicodeEncodeError)):
        await answer(result)


class Plain:
    """A renderer."""

    def render(self, context: Any, template: str, values: dict[str, Any]) -> str:
        return f"<p>{template} {values['note']}</p>"


class Later(Plain):
    """A renderer that has to wait."""

    async def render(self, context: Any, template: str, values: dict[str, Any]) -> str:
        return super().render(context, template, values)


def view(accept: str = "", suffix: str = "", renderer: Any = None, **options) -> View:
    """Return a view of a request."""
    app = App("views", environ={})
    app.renderer = renderer or Plain()
    request = Request(headers=[(b"accept", accept.encode())] if accept else [])
    request.format = suffix
    return app.context(request).render("notes/show", note="tea", **options)


@pytest.mark.parametrize(
    ("accept", "suffix", "expected"),
    [
        ("", "", "text/html"),
        ("text/html", "", "text/html"),
        ("application/json", "", "application/json"),
        ("text/html", "json", "application/json"),
        ("application/json", "html", "text/html"),
        ("application/json;q=0.5, text/html", "", "text/html"),
        ("*/*", "", "text/html"),
    ],
)
@pytest.mark.parametrize("renderer", [Plain, Later])
async def test_a_view_is_html_or_json(accept, suffix, expected, renderer):
    """The suffix decides, then Accept, then the order of the formats; caches are told."""
    made = await answer(view(accept, suffix, renderer()), None)
    assert (200, expected, "accept") == (made.status, made.media, made.headers["vary"])
    assert {"text/html": b"<p>notes/show tea</p>", "application/json": b'{"note":"tea"}'}[expected] == made.body


async def test_data_stands_for_the_values_in_json():
    """What a page needs and what a program gets may differ; an empty answer is an answer."""
    for data in ({"id": 1}, [], {}, 0, ""):
        made = await answer(view("application/json", data=data))
        assert data == __import__("json").loads(made.body)
    assert b"tea" in (await answer(view(data={"id": 1}))).body


async def test_a_view_has_a_status_and_headers():
    """Its own status wins over the route's; its headers are checked."""
    assert 201 == (await answer(view(), 201)).status
    made = await answer(view(status=422, headers={"X-A": "b"}), 201)
    assert (422, "b") == (made.status, made.headers["x-a"])
    with pytest.raises(ValueError, match="control"):
        await answer(view(headers={"x-a": "b\r\nc: d"}))


async def test_nobody_is_served_what_they_refuse():
    """406, naming what there is."""
    with pytest.raises(HTTPError, match="html, json only") as caught:
        await answer(view("image/png"))
    assert 406 == caught.value.status


@pytest.mark.parametrize("formats", [("html", "json", "csv"), ("csv", "json", "html"), ("csv",)])
async def test_a_format_that_a_view_cannot_be(formats):
    """A table in a page's place is for the handler to make; the view never pretends."""
    with pytest.raises(HTTPError) as caught:
        await answer(view(suffix="csv"), None, formats)
    assert 406 == caught.value.status
    assert (await answer(view("text/csv, */*;q=0.1"), None, formats)).media in {"text/html", "application/json"}


async def test_one_format_varies_with_nothing():
    """Then every client gets the same."""
    made = await answer(view(), None, ("html",))
    assert ("text/html", None) == (made.media, made.headers.get("vary"))


async def test_no_renderer_is_said():
    """The error names the template and the fix; JSON needs none."""
    app = App("bare", environ={})
    context = app.context(Request())
    with pytest.raises(RuntimeError, match=r"nothing renders 'notes/show' \(fix: app.use"):
        await answer(context.render("notes/show"))
    context = app.context(Request(headers=[(b"accept", b"application/json")]))
    assert b'{"a":1}' == (await answer(context.render("notes/show", a=1))).body

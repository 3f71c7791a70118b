"""Tests of arlen_core.routes."""

import functools
import sys
from datetime import date
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Literal
from uuid import UUID

import pytest

from arlen_core.errors import StartupError
from arlen_core.placeholders import Kind, matching
from arlen_core.router import Router
from arlen_core.routes import Mount, Route, bind_types, origin, table


class Size(Enum):
    SMALL = "s"


async def handler():
    """Stand for a handler."""


class Guard:
    def __call__(self):
        return True


def route(template, **options):
    """Make a route for GET."""
    return Route(methods=frozenset({"GET"}), template=template, endpoint=handler, source="app.py:7", **options)


def bound(template, **types):
    """Make a route and bind its types."""
    made = route(template)
    bind_types(made, types)
    return made


@pytest.mark.parametrize(
    ("annotation", "text", "value"),
    [
        (int, b"7", 7),
        (float, b"1.5", 1.5),
        (str, b"x", "x"),
        (UUID, b"12345678-1234-5678-1234-567812345678", UUID("12345678-1234-5678-1234-567812345678")),
        (date, b"2024-01-31", date(2024, 1, 31)),
        (Size, b"s", Size.SMALL),
        (Literal["a", "b"], b"b", "b"),
        (Annotated[int, "positive"], b"7", 7),
        (Any, b"x", "x"),
        (list, b"x", "x"),
    ],
)
def test_a_placeholder_takes_the_type_of_the_annotation(annotation, text, value):
    """A placeholder without a type reads what the handler's annotation says, if there is such a type."""
    assert (value,) == bound("/{x}", x=annotation).pattern.segments[0].read(text)


def test_a_bound_type_refuses_other_text():
    """What is no value of the annotation does not match any more."""
    assert bound("/{x}", x=int).pattern.segments[0].read(b"a") is None


def test_only_named_placeholders_are_bound():
    """Parameters of the handler that are no placeholders change nothing."""
    made = route("/{x}/y")
    before = made.pattern
    bind_types(made, {"other": int, "x": str})
    assert before is made.pattern


def test_a_regex_keeps_matching_and_gets_the_type():
    """A regular expression still decides what matches; the annotation makes the value."""
    read = bound(r"/{year:\d{4}}", year=int).pattern.segments[0].read
    assert [(2024,), None] == [read(b"2024"), read(b"024")]


def test_a_regex_bound_to_two_types_is_two_shapes():
    """One regular expression with two types must not share a reader."""
    assert bound(r"/{n:\d+}", n=int).pattern.shape != bound(r"/{n:\d+}", n=str).pattern.shape


@pytest.mark.parametrize("annotation", [int, object, Any, float | int, Annotated[int, "x"]])
def test_a_typed_placeholder_may_be_annotated_alike(annotation):
    """The annotation may be the placeholder's type, or something wider."""
    assert ("{int}",) == bound("/{x:int}", x=annotation).pattern.shape


@pytest.mark.parametrize(
    ("template", "annotation", "has", "takes"),
    [("/{x:int}", UUID, "int", "UUID"), ("/{x:uuid}", int, "UUID", "int"), ("/{x:int}", str, "int", "str")],
)
def test_a_placeholder_of_another_type_than_the_handler_is_refused(template, annotation, has, takes):
    """The error names the route, its place, both types and the fix."""
    with pytest.raises(StartupError) as error:
        bound(template, x=annotation)
    assert f"is {has}, but the handler takes {takes}" in error.value.reason
    assert "GET /{x:" in error.value.reason
    assert "app.py:7" in error.value.reason
    assert f"annotate x with {has}" in error.value.fix


def test_a_registered_type_without_a_python_type_goes_with_any_annotation():
    """A type of placeholder that does not say what it makes is not compared."""
    kind = Kind("free", "[a-z]+", matching("[a-z]+"), str, Any)
    made = route("/{x}")
    made.pattern = made.pattern.specialise({"x": kind})
    bind_types(made, {"x": int})
    assert ("{free}",) == made.pattern.shape


def test_the_rest_of_the_path_stays_text():
    """A placeholder of type path is text whatever the annotation."""
    assert ("{path}",) == bound("/{x:path}", x=str).pattern.shape
    with pytest.raises(StartupError, match="is str, but the handler takes int"):
        bound("/{x:path}", x=int)


@pytest.mark.parametrize("prefix", ["x", "/x/", "/", "/{a}", "/a/{b:int}"])
def test_a_mount_needs_a_plain_prefix(prefix):
    """A prefix begins with a slash, ends without one, and has no placeholders."""
    with pytest.raises(StartupError):
        Mount(prefix=prefix, target=object())


def test_a_mount_at_the_root():
    """The empty prefix takes everything."""
    assert ("{path}",) == Mount(prefix="", target=object()).pattern.shape


@pytest.mark.parametrize(
    ("template", "formats", "splits"),
    [
        ("/{x}", ("json",), True),
        ("/{x:path}", ("json",), True),
        ("/{x}", (), False),
        ("/{x}", ("html",), False),
        ("/{x:int}", ("json",), False),
        ("/x", ("json",), False),
        ("/{x}.{y}", ("json",), False),
    ],
)
def test_declared_formats_are_split_off_plain_values(template, formats, splits):
    """Only a plain value at the end, on a route that declares the format, gives its suffix away."""
    assert splits is route(template, formats=formats).splits("json")


def test_the_origin_of_a_route_says_where_it_is():
    """Errors name method, template and source line."""
    assert "GET /x (app.py:7)" == origin(route("/x"))
    assert "mount /p (app.py:9)" == origin(Mount(prefix="/p", target=None, source="app.py:9"))
    assert "mount / ()" == origin(Mount(prefix="", target=None))


def example():
    """Make routes of every sort."""
    router = Router()
    router.route("/b", methods=["POST", "GET"], name="b", guards=[handler, Guard()], formats=["html", "json"])(handler)
    router.get("/a")(functools.partial(handler))
    router.websocket("/ws")(handler)
    router.mount("/child", Guard())
    return router.flat()


def test_the_table_has_a_row_for_each_method():
    """Rows are sorted by path and method, and hold what the command line prints."""
    rows = table(example(), Path(__file__).parent)
    assert ["/a", "/b", "/b", "/child", "/ws"] == [row["path"] for row in rows]
    assert ["GET", "GET", "POST", "MOUNT", "WEBSOCKET"] == [row["method"] for row in rows]
    assert {"method", "path", "name", "handler", "guards", "formats", "source"} == set(rows[0])
    assert [f"{__name__}:handler", f"{__name__}:Guard"] == rows[1]["guards"]
    assert ["html", "json"] == rows[1]["formats"]
    assert f"{__name__}:Guard" == rows[3]["handler"]


def test_the_table_shows_sources_relative_to_the_application():
    """Sources below the application's folder do not name the machine's folders."""
    row = table(example(), Path(__file__).parent)[1]
    assert f"test_routes.py:{handler.__code__.co_firstlineno}" == row["source"]


def test_the_table_shows_other_sources_relative_to_where_python_found_them(monkeypatch):
    """The place of a package is not told either, so that the table is the same on every machine."""
    monkeypatch.setattr(sys, "path", ["", "/elsewhere", str(Path(__file__).parents[1]), str(Path(__file__).parents[2])])
    row = table(example(), Path("/app"))[1]
    assert f"tests/test_routes.py:{handler.__code__.co_firstlineno}" == row["source"]
    monkeypatch.setattr(sys, "path", [])
    assert f"{__file__}:{handler.__code__.co_firstlineno}" == table(example())[1]["source"]


def test_the_table_is_the_same_in_any_order():
    """The order of declaration does not matter to the table."""
    assert table(example()) == table(list(reversed(example())))

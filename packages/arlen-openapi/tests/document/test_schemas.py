"""Schemas, docstrings and problems: types as JSON Schema, and the words in it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum, IntEnum
from typing import Annotated, Any, Generic, NamedTuple, TypedDict, TypeVar

import pytest
from msgspec import Meta, Struct, convert, field

from arlen_core import HTTPError, Upload
from arlen_core.grammar import parse
from arlen_openapi import Problem, Settings
from arlen_openapi.docstrings import attributes, prose, split
from arlen_openapi.problems import TELLING, component, example, title
from arlen_openapi.schemas import Schemas, present
from arlen_openapi.templates import blank, path

T = TypeVar("T")


class Level(IntEnum):
    """How much."""

    LOW = 1


class Mixed(Enum):
    A = "a"
    B = "b"


class Inner(Struct):
    """Something inside.

    It is small.

    Attributes:
        size: how large it is,
            in metres.
        x, y: where it is.
        unknown: of no field.
    """

    size: int
    x: Annotated[int, Meta(description="Told by itself.")] = 0
    y: int = 0


class Outer(Struct, rename="camel", forbid_unknown_fields=True):
    the_inner: Inner
    levels: list[Level] = field(default_factory=list)
    price: Decimal | None = None


class Box(Struct, Generic[T]):
    item: T


class Cat(Struct, tag="cat"):
    name: str


class Dog(Struct, tag="dog"):
    name: str


class First(Struct, tag_field="kind", tag=1):
    name: str


class Second(Struct, tag_field="kind", tag=2):
    name: str


class Either(Struct):
    one: First | Second


class Tree(Struct):
    children: list[Tree] = field(default_factory=list)


class Named(NamedTuple):
    a: int


class Typed(TypedDict):
    a: int


@dataclass
class Plain:
    a: int


class Strange:
    """A type that JSON cannot say."""


def settled(*kinds: Any) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Return the schemas of types, and the components."""
    schemas = Schemas()
    found = [schemas.of(each) for each in kinds]
    return found, schemas.settle()


def test_components_have_the_names_of_their_types() -> None:
    """Records, enumerations and tuples with names are components, sorted; what they hold too."""
    _, components = settled(Outer, Named, Typed, Plain, Box[int])
    assert ["Box_int_", "Inner", "Level", "Named", "Outer", "Plain", "Typed"] == list(components)


def test_the_words_of_a_record() -> None:
    """Its docstring up to the attributes; each of these at its field, unless that says something by itself."""
    _, components = settled(Inner)
    found = components["Inner"]
    assert "Something inside.\n\nIt is small." == found["description"]
    assert ["how large it is, in metres.", "Told by itself.", "where it is."] == [
        each["description"] for each in found["properties"].values()
    ]


def test_names_on_the_wire() -> None:
    """Fields have the names that clients send, and what is forbidden is."""
    _, components = settled(Outer)
    found = components["Outer"]
    assert (["theInner", "levels", "price"], ["theInner"], False) == (
        list(found["properties"]), found["required"], found["additionalProperties"],
    )  # fmt: skip
    assert "required" not in components["Level"]


def test_generics_of_types_of_one_name_are_told_apart() -> None:
    """`Page[notes.Item]` and `Page[users.Item]` are two components, also inside of one type."""

    class First:
        class Item(Struct):
            a: int

    class Second:
        class Item(Struct):
            b: int

    found, components = settled(Box[First.Item], tuple[Box[First.Item], list[Box[Second.Item]]])
    names = [name for name in components if "Box" in name]
    assert (2, 2) == (len(names), len({components[name]["properties"]["item"]["$ref"] for name in names}))
    assert found[0]["$ref"] == found[1]["prefixItems"][0]["$ref"]
    assert found[0]["$ref"] != found[1]["prefixItems"][1]["items"]["$ref"]
    assert "Box" == Box[First.Item].__qualname__


def test_defaults_are_json() -> None:
    """A tuple is a list, for those who look at the document before it is written; infinity cannot be said."""

    class Late(Struct):
        at: tuple[int, ...] = (1, 2)
        until: float = float("inf")

    found = settled(Late)[1]["Late"]["properties"]
    assert ([1, 2], False) == (found["at"]["default"], "default" in found["until"])


def test_choices_have_a_type() -> None:
    """All texts, or all whole numbers; then readers and generators of code know what to show."""
    _, components = settled(Level, Mixed)
    assert ("integer", "string") == (components["Level"]["type"], components["Mixed"]["type"])


def test_a_record_in_itself() -> None:
    """It refers to itself."""
    _, components = settled(Tree)
    assert {"$ref": "#/components/schemas/Tree"} == components["Tree"]["properties"]["children"]["items"]


def test_one_of_several_records() -> None:
    """A tag tells which."""
    (found,), components = settled(Cat | Dog)
    assert "type" == found["discriminator"]["propertyName"]
    assert {"enum": ["cat"], "type": "string"} == components["Cat"]["properties"]["type"]


def test_tags_that_are_numbers_have_no_discriminator() -> None:
    """Its mapping has texts as keys, so a number is none of them; the schemas tell the records apart all the same."""
    (found, many, _), components = settled(First | Second, list[First | Second | None], Either)
    names = [{"$ref": f"#/components/schemas/{name}"} for name in ("First", "Second")]
    assert {"anyOf": names} == found
    assert "discriminator" not in str((many, components["Either"]))
    assert {"enum": [1], "type": "integer"} == components["First"]["properties"]["kind"]


def test_decimals_are_numbers_in_text() -> None:
    """With the pattern of what is taken: no NaN, and no power of ten that fills the memory."""
    (found,), _ = settled(Decimal)
    assert ("decimal", "string") == (found["format"], found["type"])
    for text, fits in (("1.50", True), ("-.5e3", True), ("NaN", False), ("1e9999", False), ("", False)):
        assert fits == (re.search(found["pattern"], text) is not None), text


@pytest.mark.parametrize("kind", [Strange, list[Strange], Any, object()])
def test_what_json_cannot_say(kind: Any) -> None:
    """It is anything."""
    (found,), _ = settled(kind)
    assert {} == {key: value for key, value in found.items() if key not in {"items", "type"}}


def test_files_are_bytes() -> None:
    """As OpenAPI tools know them."""
    (found,), _ = settled(Upload)
    assert {"type": "string", "format": "binary"} == found


@pytest.mark.parametrize(
    ("kind", "expected"),
    [(int, int), (int | None, int), (Annotated[int | None, "x"], Annotated[int, "x"]), (int | str, int | str)],
)
def test_text_is_never_null(kind: Any, expected: Any) -> None:
    """Nothing in a query or a form says `null`."""
    assert expected == present(kind)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, ("", "")),
        ("", ("", "")),
        ("One line.", ("One line", "")),
        ("First,\nsecond line.\n\nMore.\n\nStill more.", ("First, second line", "More.\n\nStill more.")),
        ("A.\n\nB.\n\nArgs:\n    x: y.", ("A", "B.")),
        ("A.\n\n>>> 1\n1", ("A", "")),
        ("A.\n\n    Indented.\n\n    ```python\n    1\n    ```", ("A", "Indented.")),
        ("A.\n\nReturns the rest.", ("A", "Returns the rest.")),
    ],
)
def test_summary_and_description(text: str | None, expected: tuple[str, str]) -> None:
    """The first paragraph, and what follows up to a section or an example."""
    assert expected == split(text)


def test_prose_has_no_sections() -> None:
    """Neither attributes nor examples."""
    assert "A." == prose("A.\n\nAttributes:\n    x: y.\n\n>>> 1\n1")
    assert {} == attributes("A.")
    assert {} == attributes(None)


def test_a_problem_is_what_arlen_sends() -> None:
    """Every example can be read as a `Problem`, and has no other member."""
    for status in (*TELLING, 409, 418, 599):
        if status >= 400:
            found = example(status, "words")
            assert (status, set(Problem.__struct_fields__)) == (convert(found, Problem).status, set(found))


def test_the_names_of_shared_responses() -> None:
    """They are those of the statuses, as identifiers."""
    assert ["BadRequest", "UnprocessableContent", "Error"] == [component(400), component(422), component(599)]
    assert HTTPError(418).title == title(418)
    assert component(418).isidentifier()


def test_paths_below_a_prefix() -> None:
    """The prefix is encoded as the rest is."""
    assert "/caf%C3%A9/{id}" == path(parse("/{id:int}"), "/caf\u00e9")
    assert ("/a/{}/b{}", "/") == (blank("/a/{id}/b{x}"), blank("/"))


def test_settings_of_an_environment() -> None:
    """What is not set depends on where the application runs."""
    assert [True, True, False] == [Settings().shown(env) for env in ("development", "test", "production")]
    assert [False, True] == [Settings(ui=each).shown("production") for each in (False, True)]
    assert ["log", "raise", "off", "off"] == [
        Settings().strictness(e) for e in ("development", "test", "production", "x")
    ]
    assert "log" == Settings(check="log").strictness("test")

"""Validation: every failing field gets a row, no row is wrong, and msgspec is the judge."""

import dataclasses
import datetime as dt
import decimal
import enum
import json
import uuid
from typing import Annotated, Any, Generic, Literal, NewType, NotRequired, Required, TypedDict, TypeVar

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Meta, Struct

from arlen_core.uploads import Upload
from arlen_core.validation import DEPTH, PARTS, ROWS, custom, explain, fields, strip

T = TypeVar("T")
UserId = NewType("UserId", int)


class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Item(Struct):
    name: Annotated[str, Meta(min_length=1, max_length=5)]
    count: Annotated[int, Meta(ge=0, le=9)] = 0
    color: Color | None = None


class Order(Struct, forbid_unknown_fields=True, rename="camel"):
    customer_name: str
    items: list[Item]
    rates: dict[str, float] = {}
    note: str | None = None
    parent: "Order | None" = None


class Cat(Struct, tag="cat"):
    lives: int


class Dog(Struct, tag="dog", forbid_unknown_fields=True):
    tricks: list[str]


@dataclasses.dataclass
class Point:
    x: int
    y: int = 0
    tags: list[str] = dataclasses.field(default_factory=list)


class Row(TypedDict, total=False):
    id: Required[int]
    text: str


class Half(TypedDict):
    id: int
    text: NotRequired[str]


class Box(Struct, Generic[T]):
    inside: T


class Pair(Struct, array_like=True):
    left: int
    right: str = ""


class Tree(Struct):
    n: int = 0
    kids: "list[Tree]" = []


class Span(Struct):
    start: int
    end: int

    def __post_init__(self) -> None:
        if self.end < self.start:
            raise ValueError("The end lies before the start")


def found(data, kind, **options):
    """Return field and code of each row."""
    return [(row.field, row.code) for row in explain(data, kind, **options)]


KINDS = [
    int, float, str, bool, Color, Item, Order, Cat | Dog, list[Item], dict[str, Item], dict[int, int], Point, Row, Half,
    Box[int], Box[list[Item]], Pair, list[Pair], tuple[int, str], tuple[int, ...], set[int], list[int] | None, UserId,
    Annotated[list[Annotated[int, Meta(ge=0)]], Meta(max_length=3)], Literal["a", "b"], Literal[1, 2], uuid.UUID,
    dt.date, dt.datetime, dt.timedelta, decimal.Decimal, int | str, int | list[int], Any, Tree,
    dict[Literal["a", "b"], int], dict[str, dict[str, list[int]]], Annotated[str, Meta(pattern="^a+$")],
    Annotated[int, Meta(multiple_of=5)], list[Cat | Dog], dict[str, Cat | Dog | None], Span, list[Span], bytes, None,
    Annotated[dt.datetime, Meta(tz=True)], tuple[()], list, dict,
]  # fmt: skip

scalars = st.one_of(
    st.none(), st.booleans(), st.integers(-20, 20), st.floats(-9, 9), st.text("ab1é", max_size=3),
    st.sampled_from(["red", "cat", "dog", "a", "1", "2026-11-22", "10:30:00", "", "aaa", "P1D"]),
)  # fmt: skip
keys = st.sampled_from(
    ["name", "count", "color", "customerName", "items", "rates", "note", "parent", "type", "lives", "tricks", "x", "y",
     "tags", "id", "text", "inside", "n", "kids", "a", "1", "start", "end"]
)  # fmt: skip
anything = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=5), max_leaves=12
)


def exists(data, path: str) -> bool:
    """Say whether a field path leads to something in the data, or to a name that is missing at its end."""
    names = path.replace("[", ".[").removeprefix(".").split(".") if path else []
    for n, name in enumerate(names):
        if name.startswith("["):
            index = int(name[1:-1])
            if not isinstance(data, list) or index >= len(data):
                return False
            data = data[index]
        elif isinstance(data, dict) and name in data:
            data = data[name]
        else:
            return isinstance(data, dict) and n == len(names) - 1
    return True


@given(anything, st.sampled_from(KINDS))
def test_no_rows_means_valid_and_valid_means_no_rows(data, kind):
    """The JSON decoder and `explain` never disagree, and each row's path is there."""
    raw = json.dumps(data).encode()
    plain = msgspec.json.decode(raw)
    rows = explain(plain, kind)
    try:
        msgspec.json.decode(raw, type=kind, dec_hook=custom)
    except msgspec.ValidationError:
        assert rows
    else:
        assert [] == rows
    for row in rows:
        assert exists(plain, row.field), row
        assert row.code
        assert row.message
        assert "`" not in row.message


@given(anything, st.sampled_from(KINDS))
def test_texts_may_stand_for_values_when_asked(data, kind):
    """Without strictness the judge is msgspec's conversion without strictness."""
    try:
        msgspec.convert(data, kind, strict=False, dec_hook=custom, str_keys=True)
    except msgspec.ValidationError:
        assert explain(data, kind, strict=False)
    else:
        assert [] == explain(data, kind, strict=False)


good_items = st.fixed_dictionaries(
    {"name": st.text("abc", min_size=1, max_size=5)}, optional={"count": st.integers(0, 9), "color": st.just("red")}
)
breaks = {
    "name": st.sampled_from([None, 3, "", "abcdef", []]),
    "count": st.sampled_from(["x", -1, 10, None, 1.5]),
    "color": st.sampled_from(["green", 3, []]),
}


@given(st.lists(good_items, min_size=1, max_size=6), st.data())
def test_every_field_that_was_broken_is_reported_and_no_other(items, data):
    """However many fields are wrong, in whatever items, each has exactly its rows."""
    broken = set()
    for n, item in enumerate(items):
        for name in data.draw(st.sets(st.sampled_from(sorted(breaks)))):
            item[name] = data.draw(breaks[name])
            broken.add(f"items[{n}].{name}")
    order = {"customerName": "ada", "items": items}
    if data.draw(st.booleans()):
        del order["customerName"]
        broken.add("customerName")
    if data.draw(st.booleans()):
        order["rates"] = {"a": 1.5, "b": "x"}
        broken.add("rates.b")
    assert broken == {row.field for row in explain(order, Order)}
    assert len(broken) == len(explain(order, Order))


@pytest.mark.parametrize(
    ("data", "kind", "code", "message"),
    [
        ("x", int, "invalid_type", "must be a whole number"),
        (1.5, int, "invalid_type", "must be a whole number"),
        ("x", float, "invalid_type", "must be a number"),
        ("x", bool, "invalid_type", "must be true or false"),
        (1, str, "invalid_type", "must be text"),
        (1, list[int], "invalid_type", "must be a list"),
        (1, Item, "invalid_type", "must be an object"),
        ([], int | str | None, "invalid_type", "must be a whole number or text"),
        (1, None, "invalid_type", "must be null"),
        ("x", uuid.UUID, "invalid_format", "must be a UUID such as 123e4567-e89b-12d3-a456-426614174000"),
        ("x", dt.date, "invalid_format", "must be a date such as 2026-11-22"),
        ("2026-02-30", dt.date, "invalid_format", "must be a date such as 2026-11-22"),
        ("x", dt.datetime, "invalid_format", "must be a date and time such as 2026-11-22T10:30:00Z"),
        ("x", dt.time, "invalid_format", "must be a time such as 10:30:00"),
        ("x", decimal.Decimal, "invalid_format", "must be a decimal number such as 12.50"),
        ("x", bytes, "invalid_format", "must be base64"),
        ([], dt.date, "invalid_type", "must be a date such as 2026-11-22"),
        ("2026-01-01T00:00:00", Annotated[dt.datetime, Meta(tz=True)], "invalid_format", "must have a time zone"),
        ("green", Color, "invalid_enum", "must be one of: red, blue"),
        ("z", Literal["a", "b"], "invalid_enum", "must be one of: a, b"),
        (3, Literal[1, 2], "invalid_enum", "must be one of: 1, 2"),
        (-1, Annotated[int, Meta(ge=0)], "too_small", "must be at least 0"),
        (0.0, Annotated[float, Meta(gt=0)], "too_small", "must be more than 0.0"),
        (10, Annotated[int, Meta(le=9)], "too_large", "must be at most 9"),
        (9.0, Annotated[float, Meta(lt=9)], "too_large", "must be less than 9.0"),
        (7, Annotated[int, Meta(multiple_of=5)], "invalid_multiple", "must be a multiple of 5"),
        ("a", Annotated[str, Meta(min_length=2)], "too_short", "must have at least 2 characters"),
        ("", Annotated[str, Meta(min_length=1)], "missing", "is required"),
        ("abc", Annotated[str, Meta(max_length=1)], "too_long", "must have at most 1 character"),
        ([], Annotated[list[int], Meta(min_length=1)], "too_short", "must have at least 1 item"),
        ([1, 2, 3], Annotated[list[int], Meta(max_length=2)], "too_long", "must have at most 2 items"),
        ({}, Annotated[dict[str, int], Meta(min_length=2)], "too_short", "must have at least 2 items"),
        ([1], tuple[int, int], "too_short", "must have 2 items"),
        ([1, 2, 3], tuple[int, int], "too_long", "must have 2 items"),
        ([], Pair, "too_short", "must have at least 1 item"),
        ("b", Annotated[str, Meta(pattern="^a")], "invalid_pattern", "does not have the right form"),
        ({"start": 2, "end": 1}, Span, "invalid", "The end lies before the start"),
    ],
)
def test_the_words(data, kind, code, message):
    """A stable code for programs, a sentence without the jargon of a decoder for people."""
    assert [("here", code, message)] == [(row.field, row.code, row.message) for row in explain(data, kind, at="here")]


def test_a_number_that_is_too_large_in_text():
    """Text that no number can be says so."""
    assert [("", "too_large")] == found("9" * 5000, int, strict=False)
    assert [("", "too_large")] == found("1e999", float, strict=False)


@pytest.mark.parametrize(
    ("data", "kind", "expected"),
    [
        ({}, Item, [("name", "missing")]),
        ({"name": "a", "count": "x", "color": "z"}, Item, [("count", "invalid_type"), ("color", "invalid_enum")]),
        (
            {"items": [{}, {"name": "a"}, 3], "zip": 1, "x": 2},
            Order,
            [("customerName", "missing"), ("items[0].name", "missing"), ("items[2]", "invalid_type"),
             ("zip", "unknown_field"), ("x", "unknown_field")],
        ),
        (
            {"customerName": "a", "items": [], "parent": {"items": [{"name": 1}]}},
            Order,
            [("parent.customerName", "missing"), ("parent.items[0].name", "invalid_type")],
        ),
        ({"type": "cat", "lives": "x"}, Cat | Dog, [("lives", "invalid_type")]),
        ({"type": "dog", "tricks": [1, "a"]}, Cat | Dog, [("tricks[0]", "invalid_type")]),
        ({"type": "cow"}, Cat | Dog, [("type", "invalid")]),
        ({"lives": 1}, Cat | Dog, [("type", "missing")]),
        ({"type": "dog", "tricks": [], "z": 1}, Dog, [("z", "unknown_field")]),
        ({"type": "cat", "tricks": 3}, Dog, [("type", "invalid_enum"), ("tricks", "invalid_type")]),
        ([1, "x", "y"], int | list[int], [("[1]", "invalid_type"), ("[2]", "invalid_type")]),
        ({"x": "a", "tags": [1]}, Point, [("x", "invalid_type"), ("tags[0]", "invalid_type")]),
        ({"text": 1}, Row, [("id", "missing"), ("text", "invalid_type")]),
        ({"text": 1}, Half, [("id", "missing"), ("text", "invalid_type")]),
        ({"inside": [{}]}, Box[list[Item]], [("inside[0].name", "missing")]),
        (["x"], Pair, [("[0]", "invalid_type")]),
        ({"left": 1}, Pair, [("", "invalid_type")]),
        (["x", 2], tuple[int, str], [("[0]", "invalid_type"), ("[1]", "invalid_type")]),
        ({"1": "x", "y": 2}, dict[int, int], [("1", "invalid_type"), ("y", "invalid_type")]),
        ({"c": 1, "a": "x"}, dict[Literal["a"], int], [("c", "invalid_enum"), ("a", "invalid_type")]),
        ({"a": {"b": [1, "x"]}}, dict[str, dict[str, list[int]]], [("a.b[1]", "invalid_type")]),
        ([{"start": 2, "end": 1}, {"start": 1}], list[Span], [("[0]", "invalid"), ("[1].end", "missing")]),
    ],
)  # fmt: skip
def test_all_rows_in_order(data, kind, expected):
    """Every part that fails, where it is, in the order of the declaration."""
    assert expected == found(data, kind)


def test_integer_keys_are_read_as_json_has_them():
    """A map with numbers for names is not called wrong because JSON's names are text."""
    assert [("m.1", "invalid_type")] == found({"m": {"1": "x"}}, dict[str, dict[int, int]])
    assert [("b", "invalid_type")] == found({"a": {"1": 2}, "b": 3}, dict[str, dict[int, int]])


def test_a_key_that_is_wrong_is_named():
    """The row stands at the key and says what names there may be."""
    row = explain({"x": 1}, dict[int, int])[0]
    assert ("x", "is not a name that can be here: it must be a whole number") == (row.field, row.message)


def test_at_most_so_many_rows():
    """`ROWS` failing fields are all listed; one more is cut."""
    assert ROWS == len(explain(["x"] * ROWS, list[int]))
    assert ROWS == len(explain(["x"] * (ROWS + 1), list[int]))
    assert ROWS - 1 == len(explain(["x"] * (ROWS - 1), list[int]))


def test_a_large_wrong_body_is_not_looked_at_item_by_item():
    """Past `PARTS` parts one row of the decoder is enough, and it names the place."""
    assert [(f"[{PARTS - 2}]", "invalid_type")] == found([1] * (PARTS - 2) + ["x"], list[int])
    assert [(f"[{PARTS * 2}]", "invalid_type")] == found([1] * PARTS * 2 + ["x"], list[int])


def test_a_large_wrong_map_is_not_looked_at_entry_by_entry():
    """The same for names."""
    data = dict.fromkeys(map(str, range(PARTS * 2)), 1) | {"last": "x"}
    assert [("[...]", "invalid_type")] == found(data, dict[str, int])


def test_deep_data_gets_one_row_below_the_last_level_that_is_looked_at():
    """Recursive types are followed `DEPTH` levels; deeper the decoder's own path is given; no depth breaks it."""

    def nested(levels: int) -> dict:
        data = {"n": "x"}
        for _ in range(levels):
            data = {"kids": [data]}
        return data

    for levels in (0, 1, DEPTH // 2 - 1, DEPTH, 100, 150):
        assert [("kids[0]." * levels + "n", "invalid_type")] == found(nested(levels), Tree)


def test_the_search_of_a_hostile_body_is_cheap():
    """Deep and wide at once, wrong at the end: the decoder runs once a level."""
    data: dict = {"n": "x", "kids": [{"n": 1}] * 20_000}
    for _ in range(100):
        data = {"kids": [data]}
    calls = 0

    class Counting:
        def __call__(self, *args, **options):
            nonlocal calls
            calls += 1
            return convert(*args, **options)

    convert = msgspec.convert
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(msgspec, "convert", Counting())
        assert 1 == len(explain(data, Tree))
    assert calls <= DEPTH + 2


def test_an_upload_is_judged_by_its_class():
    """Types of one's own pass when they are that type."""
    upload = Upload.of(b"x")
    assert upload is custom(Upload, upload)
    assert [] == explain({"file": upload}, dict[str, Upload])
    assert [("file", "invalid_type", "must be an uploaded file")] == [
        (row.field, row.code, row.message) for row in explain({"file": "x"}, dict[str, Upload])
    ]


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (Item, ["name!", "count", "color"]),
        (Order, ["customerName!", "items!", "rates", "note", "parent"]),
        (Point, ["x!", "y", "tags"]),
        (Row, ["id!", "text"]),
        (Half, ["id!", "text"]),
        (Box[int], ["inside!"]),
        (int, None), (dict[str, int], None), (Item | None, None), ("x", None),
    ],
)  # fmt: skip
def test_fields_of_every_kind_of_record(kind, expected):
    """Wire names, types without wrappers, and what is required."""
    got = fields(kind)
    assert expected == (got if got is None else [name + "!" * required for name, _, required in got])


def test_the_types_of_fields_have_no_wrappers():
    """Required and NotRequired are words about the key, not about the value."""
    assert [int, str] == [kind for _, kind, _ in fields(Half)] == [kind for _, kind, _ in fields(Row)]
    assert [int] == [kind for _, kind, _ in fields(Box[int])]


@pytest.mark.parametrize(
    ("kind", "bare"),
    [
        (int, int),
        (int | None, int),
        (Annotated[int, 1], int),
        (Annotated[int | None, 1] | None, int),
        (UserId, int),
        (UserId | None, int),
        (int | str, int | str),
        (int | str | None, int | str | None),
        (list[int], list[int]),
        (None, None),
    ],
)
def test_strip(kind, bare):
    """What is left is the type itself."""
    assert bare == strip(kind)

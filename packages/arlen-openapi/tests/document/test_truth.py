"""Truth: the schema of a type takes what the application takes, and refuses what it refuses, for any type and value."""

from __future__ import annotations

from datetime import date
from enum import Enum
from typing import Annotated, Any, Literal
from uuid import UUID

import anyio
import msgspec
import pytest
from msgspec import Meta

from arlen_core import App, Query
from arlen_core.queries import encode
from arlen_core.testing import Client
from arlen_openapi import document

hypothesis = pytest.importorskip("hypothesis", reason="hypothesis is not installed")
jsonschema = pytest.importorskip("jsonschema", reason="jsonschema is not installed")

from hypothesis import HealthCheck, given, settings  # noqa: E402  # it may be missing
from hypothesis import strategies as st  # noqa: E402

FEW = settings(
    max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow], database=None
)
WORDS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=6)


class Colour(Enum):
    """What a thing looks like."""

    RED = "red"
    BLUE = "blue"


LEAVES: list[tuple[Any, st.SearchStrategy[Any]]] = [
    (int, st.integers(-(2**53), 2**53)),
    (Annotated[int, Meta(ge=0, lt=10)], st.integers(0, 9)),
    (Annotated[int, Meta(multiple_of=3)], st.integers(-9, 9).map(lambda n: 3 * n)),
    (float, st.floats(-1e9, 1e9)),
    (bool, st.booleans()),
    (str, WORDS),
    (Annotated[str, Meta(min_length=2, max_length=4)], st.text("abc", min_size=2, max_size=4)),
    (Annotated[str, Meta(pattern="^[a-z]+$")], st.text("abc", min_size=1, max_size=4)),
    (Literal["x", "y"], st.sampled_from(["x", "y"])),
    (Colour, st.sampled_from(["red", "blue"])),
    (date, st.dates().map(date.isoformat)),
    (UUID, st.uuids().map(str)),
    (None, st.none()),
]
"""Types, and the values in JSON that are of them."""

Pair = tuple[Any, st.SearchStrategy[Any]]


def lists(pair: Pair) -> Pair:
    """Return a list of a type."""
    return list[pair[0]], st.lists(pair[1], max_size=3)  # type: ignore[misc]


def maps(pair: Pair) -> Pair:
    """Return a map from text to a type."""
    return dict[str, pair[0]], st.dictionaries(WORDS, pair[1], max_size=2)  # type: ignore[misc]


def maybe(pair: Pair) -> Pair:
    """Return a type, or `None`."""
    return pair[0] | None if pair[0] is not None else None, st.none() | pair[1]


@st.composite
def records(draw: Any, inner: Any) -> Pair:
    """Return a record whose fields have types, some with defaults, open or closed."""
    pairs = draw(st.lists(inner, min_size=1, max_size=3))
    names = [f"f{n}" for n in range(len(pairs))]
    needed = draw(st.integers(0, len(pairs)))
    rows: list[Any] = [
        (name, kind) if n < needed else (name, kind | msgspec.UnsetType if kind else kind, msgspec.UNSET)
        for n, (name, (kind, _)) in enumerate(zip(names, pairs, strict=True))
    ]
    made = msgspec.defstruct(
        f"Record{draw(st.integers(0, 10**9))}", rows, module="truth", forbid_unknown_fields=draw(st.booleans())
    )
    known = {name: values for name, (_, values) in zip(names, pairs, strict=True)}
    required = {name: known[name] for name in names[:needed]}
    return made, st.fixed_dictionaries(required, optional={name: known[name] for name in names[needed:]})


PAIRS = st.recursive(
    st.sampled_from(LEAVES),
    lambda inner: inner.map(lists) | inner.map(maps) | inner.map(maybe) | records(inner),
    max_leaves=5,
)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers(-20, 20) | st.floats(-9, 9) | st.sampled_from(["", "x", "abc", "red", "9"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["f0", "f1", "f2", "g"]), inner, max_size=3)
    ),
    max_leaves=6,
)


def echo(kind: Any) -> tuple[App, Any]:
    """Return an application that sends back a record with a body of a type, and the validator of that record."""
    holder = msgspec.defstruct("Holder", [("value", kind)], module="truth")
    app = App("echo", env="test", environ={"ARLEN_LOG__ACCESS": "false"})

    async def handler(sent: Any) -> Any:
        return sent

    handler.__annotations__ |= {"sent": holder, "return": holder}
    app.post("/x")(handler)
    made = document(app)
    schema = {"$ref": "#/components/schemas/Holder", "components": made["components"]}
    return app, jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker(["date", "uuid"]))


def sent(app: App, *bodies: Any) -> list[tuple[int, Any]]:
    """Return status and body of what comes back for each body."""

    async def main() -> list[tuple[int, Any]]:
        async with Client(app) as client:
            replies = [await client.post("/x", json=each) for each in bodies]
        return [(each.status, each.json()) for each in replies]

    return anyio.run(main)


@given(st.data())
@FEW
def test_what_is_of_the_type_is_taken_and_described(data: Any) -> None:
    """A value of the type passes its schema, the application takes it, and what it sends back passes too."""
    kind, values = data.draw(PAIRS)
    app, validator = echo(kind)
    body = {"value": data.draw(values)}
    ((status, back),) = sent(app, body)
    assert (200, []) == (status, [each.message for each in validator.iter_errors(body)])
    assert [] == [each.message for each in validator.iter_errors(back)]


@given(st.data())
@FEW
def test_what_the_schema_refuses_is_refused(data: Any) -> None:
    """For any JSON, the schema and the application agree on whether it is of the type."""
    kind, _ = data.draw(PAIRS)
    app, validator = echo(kind)
    bodies = [{"value": data.draw(ANYTHING)} for _ in range(4)]
    expected = [validator.is_valid(each) for each in bodies]
    assert expected == [status == 200 for status, _ in sent(app, *bodies)]


@given(st.data())
@FEW
def test_a_query_is_read_as_it_is_described(data: Any) -> None:
    """A record of scalars, sent as the document says, is read; what its schema refuses is refused."""
    pairs = data.draw(st.lists(st.sampled_from(LEAVES[:-1]), min_size=1, max_size=3))
    rows = [(f"f{n}", kind) for n, (kind, _) in enumerate(pairs)]
    record = msgspec.defstruct("Record", rows, module="truth")
    app = App("query", env="test", environ={"ARLEN_LOG__ACCESS": "false"})

    async def handler(sent: Any) -> Any:
        return sent

    handler.__annotations__ |= {"sent": Annotated[record, Query], "return": record}
    app.get("/x")(handler)
    made = document(app)["paths"]["/x"]["get"]["parameters"]
    assert [name for name, _ in rows] == [each["name"] for each in made]
    assert {kind is not bool for _, kind in rows} >= {each["required"] for each in made}
    values = {name: data.draw(strategy) for (name, _), (_, strategy) in zip(rows, pairs, strict=True)}
    told = {name: str(value).lower() if isinstance(value, bool) else value for name, value in values.items()}

    async def ask() -> tuple[int, Any]:
        async with Client(app) as client:
            reply = await client.get(f"/x?{encode(told)}")
        return reply.status, reply.json()

    assert (200, values) == anyio.run(ask)

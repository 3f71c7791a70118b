"""Listing: sorted, filtered, page by page, and safe whatever a client sends."""

import datetime as dt
import decimal
import enum
import uuid
from urllib.parse import parse_qs

import anyio
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny import Tiny

from arlen_core.app import App
from arlen_core.errors import ValidationFailed
from arlen_core.queries import Query
from arlen_core.requests import Request
from arlen_core.responses import json
from arlen_core.testing import Client
from arlen_data.columns import Column, Order, Terms, quote
from arlen_data.cursors import beyond, decode, encode, ordered
from arlen_data.database import Database
from arlen_data.errors import InvalidArgument
from arlen_data.listing import Listing
from arlen_data.pages import Page

pytestmark = pytest.mark.anyio


class State(enum.Enum):
    """What a note is."""

    OPEN = "open"
    CLOSED = "closed"


COLUMNS = {
    "id": Column(int, sort=True, filter=("eq", "in")),
    "title": Column(str, sort=True, filter=("eq", "contains", "starts")),
    "state": Column(State, filter=("eq", "ne", "in")),
    "stars": Column(int, name="star_count", sort=True, filter=("eq", "ne", "lt", "le", "gt", "ge", "null"), null=True),
}
TABLE = "create table notes (id integer primary key, title text not null, state text not null, star_count integer)"
ROWS = [
    (1, "Tea", "open", 3),
    (2, "tea time", "closed", None),
    (3, "50% off", "open", 1),
    (4, "Coffee", "open", 3),
    (5, "a_b", "closed", None),
]


@pytest.fixture
async def notes(db):
    """A database with five notes."""
    await db.execute(TABLE)
    await db.execute_many("insert into notes values ($1, $2, $3, $4)", ROWS)
    return db


def query(text: str) -> Query:
    """Return the parameters of a query string."""
    return Query.parse(text.encode())


async def ids(db, text: str, **options) -> list:
    """Return the ids of the page that a query string asks for."""
    page = await Listing("notes", COLUMNS, **options).fetch(db, query(text))
    return [item["id"] for item in page.items]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", [1, 2, 3, 4, 5]),
        ("sort=-id", [5, 4, 3, 2, 1]),
        ("sort=title", [3, 4, 1, 5, 2]),
        ("sort=stars,-id", [3, 4, 1, 5, 2]),
        ("sort=-stars", [5, 2, 4, 1, 3]),
        ("id=4", [4]),
        ("id[in]=1,5", [1, 5]),
        ("id[in]=1&id[in]=5", [1, 5]),
        ("title[contains]=TEA", [1, 2]),
        ("title[contains]=%25", [3]),
        ("title[contains]=_", [5]),
        ("title[starts]=tea", [1, 2]),
        ("title[eq]=Tea", [1]),
        ("state=open", [1, 3, 4]),
        ("state[ne]=open", [2, 5]),
        ("stars[ne]=3", [2, 3, 5]),
        ("stars[null]=true", [2, 5]),
        ("stars[null]=no", [1, 3, 4]),
        ("stars[gt]=1&stars[le]=3", [1, 4]),
        ("stars[ge]=3&state=open&sort=-id", [4, 1]),
        ("stars[lt]=0", []),
    ],
)
async def test_filters_and_orders(notes, text, found):
    """Each operator, each direction; missing values are the largest; the key decides between equals."""
    assert found == await ids(notes, text)


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("sort=tite", [("sort", "unknown_column", "has no column 'tite'; did you mean 'title'?")]),
        ("sort=password", [("sort", "unknown_column", "has no column 'password'; there are id, stars, title")]),
        ("sort=state", [("sort", "unknown_column", "has no column 'state'; did you mean 'title'?")]),
        ("sort=id,-id", [("sort", "repeated", "names 'id' more than once")]),
        ("titel=x", [("titel", "unknown", "is no parameter here; did you mean 'title'?")]),
        ("title[lt]=x", None),
        ("stars=many", [("stars", "invalid_type", "must be a whole number")]),
        ("stars=99999999999999999999", [("stars", "range", "is too large a number")]),
        ("state=lost", None),
        ("title=%00", [("title", "invalid", "must not have a NUL character")]),
        ("id=1&id=2", [("id", "repeated", "is given more than once")]),
        ("size=0", [("size", "range", "must be from 1 to 100")]),
        ("size=101", [("size", "range", "must be from 1 to 100")]),
        ("after=x&before=y", [("before", "invalid", "cannot stand beside after")]),
        ("after=!!", [("after", "invalid_cursor", "is no cursor")]),
        ("page=2", None),
        ("sort=" + "x" * 2000, None),
        ("id[in]=" + ",".join(map(str, range(101))), [("id[in]", "too_long", "must have at most 100 items")]),
    ],
)
def test_what_cannot_be_is_told(text, rows):
    """As the framework's validation errors: 422, a row for each parameter."""
    with pytest.raises(ValidationFailed) as caught:
        Listing("notes", COLUMNS).from_query(query(text))
    found = [(row.field, row.code, row.message) for row in caught.value.errors]
    assert 422 == caught.value.status
    assert rows is None or rows == found
    assert all(len(message) < 300 for _, _, message in found)


def test_all_errors_at_once():
    """Nobody has to fix one to learn of the next."""
    with pytest.raises(ValidationFailed) as caught:
        Listing("notes", COLUMNS).from_query(query("sort=x&stars=y&z=1&size=0"))
    assert {"sort", "stars", "z", "size"} == {row.field for row in caught.value.errors}


async def test_parameters_of_others(notes):
    """`ignore` names those that are none of its business."""
    assert [1] == await ids(notes, "id=1&theme=dark", ignore=("theme",))


async def test_the_applications_own_condition(notes):
    """Comes first, with its values, and no filter gets around it."""
    listing = Listing("notes", COLUMNS, total=True)
    page = await listing.fetch(notes, query("id[in]=1,2,3&sort=-id"), where="state = $1 or 1 = $2", args=["open", 2])
    assert ([3, 1], 2) == ([item["id"] for item in page.items], page.total)


class Note(msgspec.Struct):
    """A row."""

    id: int
    title: str


async def test_items_have_a_type(notes):
    """A Struct, a dataclass, a tuple; by default a dict of what was selected, without what cursors need."""
    listing = Listing("notes", COLUMNS, size=1, select="id, title")
    assert [Note(3, "50% off")] == (await listing.fetch(notes, query("sort=stars,id"), into=Note)).items
    assert [{"id": 3, "title": "50% off"}] == (await listing.fetch(notes, query("sort=stars"))).items
    assert [(3, "50% off")] == (await listing.fetch(notes, query("sort=stars"), into=tuple)).items


async def walk(db, listing, text: str, *, rel="next", between=None) -> list:
    """Follow the links of one relation to the end and return the ids of all pages."""
    found = []
    for _ in range(1000):
        page = await listing.fetch(db, query(text))
        found.append([item["id"] for item in page.items])
        if rel not in page.links:
            return found
        text = page.links[rel].removeprefix("?")
        if between is not None:
            await between()
    raise AssertionError("it does not end")


async def last(db, listing, text: str) -> str:
    """Return the query of the last page, by walking there."""
    while True:
        page = await listing.fetch(db, query(text))
        if "next" not in page.links:
            return text
        text = page.links["next"].removeprefix("?")


async def test_pages_forwards_and_back(notes):
    """Each row once, each way; the first page has no link back and the last one none on."""
    listing = Listing("notes", COLUMNS, size=2)
    assert [[3, 1], [4, 2], [5]] == await walk(notes, listing, "sort=stars")
    end = await last(notes, listing, "sort=stars")
    assert [[5], [4, 2], [3, 1]] == await walk(notes, listing, end, rel="prev")
    first = await listing.fetch(notes, query("sort=stars"))
    assert {"next"} == set(first.links)


async def test_links_keep_everything_else(notes):
    """Filters, order and size go along; the other direction's cursor does not."""
    listing = Listing("notes", COLUMNS)
    page = await listing.fetch(notes, query("sort=-id&size=1&state=open"))
    there = parse_qs(page.links["next"].removeprefix("?"))
    assert (["-id"], ["1"], ["open"]) == (there["sort"], there["size"], there["state"])
    back = await listing.fetch(notes, query(page.links["next"].removeprefix("?")))
    assert {"first", "prev", "next"} == set(back.links)
    assert "after" not in parse_qs(back.links["prev"].removeprefix("?"))
    assert "?sort=-id&size=1&state=open" == back.links["first"]


async def test_a_cursor_belongs_to_its_order(notes):
    """With another one it is refused, and does not silently show something else."""
    page = await Listing("notes", COLUMNS, size=1).fetch(notes, query("sort=title"))
    cursor = parse_qs(page.links["next"].removeprefix("?"))["after"][0]
    with pytest.raises(ValidationFailed) as caught:
        Listing("notes", COLUMNS).from_query(query(f"sort=-title&after={cursor}"))
    assert [("after", "invalid_cursor", "belongs to another order")] == [
        (row.field, row.code, row.message) for row in caught.value.errors
    ]


async def test_numbers(notes):
    """Pages by number, with links to the first, the one before, the next and the last."""
    listing = Listing("notes", COLUMNS, paging="offset", size=2, total=True)
    page = await listing.fetch(notes, query("page=2"))
    assert ([3, 4], 2, 3, 5) == ([item["id"] for item in page.items], page.page, page.pages, page.total)
    assert {"first": "?", "prev": "?", "next": "?page=3", "last": "?page=3"} == page.links
    assert [[1, 2], [3, 4], [5]] == await walk(notes, listing, "")
    beyond_all = await listing.fetch(notes, query("page=9"))
    assert ([], {"first", "prev", "last"}) == (beyond_all.items, set(beyond_all.links))


async def test_numbers_without_a_total(notes):
    """Nothing is counted that nobody asked for."""
    page = await Listing("notes", COLUMNS, paging="offset", size=2).fetch(notes, query(""))
    assert (None, None, {"next": "?page=2"}) == (page.total, page.pages, page.links)


async def test_numbers_have_a_depth(notes):
    """The database would read all the rows before."""
    listing = Listing("notes", COLUMNS, paging="offset", size=2, deepest=3)
    assert "next" in (await listing.fetch(notes, query("page=1"))).links
    with pytest.raises(ValidationFailed):
        listing.from_query(query("page=3"))
    with pytest.raises(ValidationFailed):
        listing.from_query(query("after=x"))


def test_the_link_header():
    """RFC 8288, with the prefix at which the application is mounted."""
    page = Page([], 2, links={"first": "?", "next": "?page=2&q=a+b"})
    request = Request(target=b"/caf%C3%A9")
    request.root = "/api"
    assert '</api/caf%C3%A9?>; rel="first", </api/caf%C3%A9?page=2&q=a+b>; rel="next"' == page.link(request)
    assert "" == Page([], 2).link(request)


async def test_in_an_application(tmp_path):
    """A handler returns the page; what cannot be is a problem document like any other."""
    app, listing = App("a", environ={}), Listing("notes", COLUMNS, size=2)
    db = app.use(Tiny(str(tmp_path / "app.db")))

    @app.get("/notes")
    async def index(request: Request, mine: Database):
        page = await listing.fetch(mine, request.query)
        return json(page, headers={"link": page.link(request)})

    async with Client(app) as client:
        await db.execute(TABLE)
        await db.execute_many("insert into notes values ($1, $2, $3, $4)", ROWS)
        reply = await client.get("/notes?sort=-id")
        assert ([5, 4], 2) == ([item["id"] for item in reply.json()["items"]], reply.json()["size"])
        url = reply.headers["link"].partition(">")[0].removeprefix("<")
        assert [3, 2] == [item["id"] for item in (await client.get(url)).json()["items"]]
        wrong = await client.get("/notes?sort=password")
        assert (422, "validation_failed", "sort") == (
            wrong.status, wrong.json()["code"], wrong.json()["errors"][0]["field"],
        )  # fmt: skip


@pytest.mark.parametrize(
    "options",
    [
        {"size": 0},
        {"size": 101},
        {"most": 10_001},
        {"paging": "scroll"},
        {"key": "uuid"},
        {"key": "stars"},
        {"key": ()},
        {"default": "nothing"},
    ],
)
def test_a_wrong_listing_is_refused(options):
    """Where it is written, not at the first request."""
    with pytest.raises(InvalidArgument):
        Listing("notes", COLUMNS, **options)


def test_a_filter_cannot_take_a_name_of_paging():
    """`sort` and its like are parameters already; with numbers, `after` is free."""
    columns = {"id": Column(int), "after": Column(int, filter=("eq",))}
    with pytest.raises(InvalidArgument):
        Listing("notes", columns)
    Listing("notes", columns, paging="offset")


@pytest.mark.parametrize("wrong", [{"filter": ("like",)}, {"filter": "eq"}, {"type": list}, {"type": dict[str, int]}])
def test_a_wrong_column_is_refused(wrong):
    """An operator or a type that there is not."""
    with pytest.raises(InvalidArgument):
        Column(**{"type": int, **wrong})


@pytest.mark.parametrize("name", ["", "a\0b", (), ("a", "")])
def test_a_wrong_name_is_refused(name):
    """A name that no table has."""
    with pytest.raises(InvalidArgument):
        quote(name)


VALUES = [
    None,
    0,
    -7,
    True,
    1.5,
    float("inf"),
    "",
    "ü'\"%",
    dt.datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=dt.UTC),
    dt.date(2026, 1, 2),
    dt.time(3, 4, 5),
    dt.timedelta(days=-1, microseconds=1),
    decimal.Decimal("1.10"),
    uuid.UUID(int=7),
]


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_a_cursor_keeps_values(value):
    """Whatever a database gives comes back as it was, also when the engine is strict about types."""
    kind = int if value is None else type(value)
    orders = [Order("x", msgspec.structs.replace(Column(int, null=True), type=kind), "x")]
    found = decode(orders, encode(orders, [value]))
    assert [value] == found
    assert type(value) is type(found[0])


@given(st.binary(max_size=60))
def test_a_made_up_cursor_is_no_cursor(data):
    """Whatever a client sends, it is a position or a `ValueError`."""
    orders = [Order("id", Column(int), "id")]
    with pytest.raises(ValueError, match=r"is no cursor|another order"):
        decode(orders, data.decode("latin-1"))


@pytest.mark.parametrize(
    "value",
    [
        "x",
        1.5,
        True,
        None,
        [1],
        {"datetime": "no"},
        {"os": 1},
        {},
        {"float": "x"},
        2**70,
        {"datetime": "2026-01-01T00:00:00Z"},
    ],
    ids=repr,
)
def test_a_forged_cursor_has_no_strange_values(value):
    """A value of another type than the column's never reaches a strict engine."""
    orders = [Order("id", Column(int), "id")]
    good = encode(orders, [1])
    from base64 import urlsafe_b64decode, urlsafe_b64encode

    data = msgspec.json.decode(urlsafe_b64decode(good + "=" * (-len(good) % 4)))
    text = urlsafe_b64encode(msgspec.json.encode([data[0], value])).decode()
    with pytest.raises(ValueError, match="is no cursor"):
        decode(orders, text)


def test_a_cursor_has_a_bound():
    """An address cannot hold a novel."""
    orders = [Order("title", Column(str), "title")]
    with pytest.raises(InvalidArgument, match="shorter column"):
        encode(orders, ["x" * 3000])
    with pytest.raises(ValueError, match="is no cursor"):
        decode(orders, "x" * 3000)


def test_values_are_never_in_the_text():
    """Filters and positions are parameters."""
    terms = Terms()
    for operator in ("eq", "ne", "lt", "contains", "starts"):
        terms.add('"title"', Column(str), operator, "s3cr3t'")
    terms.raw(beyond([Order("title", Column(str, null=True), '"title"')], ["s3cr3t'"], terms))
    assert "s3cr3t" not in terms.text
    assert 6 == len(terms.values)


def test_orders_in_sql():
    """Where values may be missing, it is said where they go."""
    orders = [Order("a", Column(int), "a"), Order("b", Column(int, null=True), "b", down=True)]
    assert " order by a, b desc nulls first" == ordered(orders)
    assert " order by a desc, b nulls last" == ordered(orders, backwards=True)


KEYS = st.lists(
    st.tuples(st.none() | st.integers(0, 3), st.integers(0, 2), st.sampled_from(["x", "y", "Z"])), max_size=14
)
ORDERS = st.lists(st.sampled_from(["a", "b", "c"]), unique=True, max_size=3)
WALK = {"a": Column(int, sort=True, null=True), "b": Column(int, sort=True), "c": Column(str, sort=True)}


def expected(rows, orders, downs) -> list:
    """Return the ids in their order, as Python sorts."""
    made = list(rows)
    last_down = downs[len(orders) - 1] if orders else False
    made.sort(key=lambda row: row[0], reverse=last_down)
    for name, down in reversed(list(zip(orders, downs, strict=False))):
        place = 1 + "abc".index(name)
        made.sort(
            key=lambda row, place=place: (row[place] is None, row[place] or 0 if place < 3 else row[place]),
            reverse=down,
        )
    return [row[0] for row in made]


@given(KEYS, ORDERS, st.tuples(st.booleans(), st.booleans(), st.booleans()), st.integers(1, 5))
@settings(max_examples=60)
def test_every_row_exactly_once(keys, orders, downs, size):
    """Forwards, and backwards from the end, whatever the order, the ties and the missing values."""
    rows = [(number, *key) for number, key in enumerate(keys)]

    async def run() -> None:
        async with Tiny() as db:
            await db.execute("create table notes (id integer primary key, a integer, b integer, c text)")
            await db.execute_many("insert into notes values ($1, $2, $3, $4)", rows)
            listing = Listing("notes", {"id": Column(int), **WALK}, size=size)
            text = "sort=" + ",".join("-" * down + name for name, down in zip(orders, downs, strict=False))
            wanted = expected(rows, orders, downs)
            forwards = await walk(db, listing, text)
            assert wanted == [each for page in forwards for each in page]
            assert all(len(page) == size for page in forwards[:-1])
            backwards = await walk(db, listing, await last(db, listing, text), rel="prev")
            assert wanted == [each for page in reversed(backwards) for each in page]

    anyio.run(run)


@given(KEYS, st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2)), max_size=8), st.integers(1, 3))
@settings(max_examples=40)
def test_rows_that_come_between_pages_disturb_nobody(keys, more, size):
    """Those that were there all the time are seen exactly once, however many come in between."""
    rows = [(number, *key) for number, key in enumerate(keys)]

    async def run() -> None:
        left = []

        async with Tiny() as db:

            async def insert() -> None:
                if left:
                    await db.execute("insert into notes values ($1, $2, $3, $4)", *left.pop())

            await db.execute("create table notes (id integer primary key, a integer, b integer, c text)")
            await db.execute_many("insert into notes values ($1, $2, $3, $4)", rows)
            listing = Listing("notes", {"id": Column(int), **WALK}, size=size)
            for rel in ("next", "prev"):
                first = 1000 if rel == "next" else 2000
                left += [(first + number, a, b, "new") for number, (a, b) in enumerate(more)]
                start = "sort=a,-b" if rel == "next" else await last(db, listing, "sort=a,-b")
                pages = await walk(db, listing, start, rel=rel, between=insert)
                seen = [each for page in pages for each in page if each < 1000]
                assert sorted(row[0] for row in rows) == sorted(seen)
                left.clear()

    anyio.run(run)


async def test_a_moment_beyond_the_years_is_refused(notes):
    """A moment that is no year of UTC is the client's mistake, not an error of the database."""
    listing = Listing("notes", {"id": Column(int), "due": Column(dt.datetime, filter=("eq",))})
    with pytest.raises(ValidationFailed):
        await listing.fetch(notes, query("due=9999-12-31T23%3A59%3A59-12%3A00"))

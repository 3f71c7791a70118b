"""Payloads: bodies as declared types; whatever is sent gets a value, rows, or a status of its own."""

import dataclasses
import datetime as dt
import json
from decimal import Decimal
from typing import Annotated, TypedDict

import anyio
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Meta, Struct

from arlen_core.bodies import Body, Feed
from arlen_core.errors import HTTPError, PayloadTooLarge
from arlen_core.forms import Form, FormLimits
from arlen_core.params import Input, Invalid
from arlen_core.payloads import LATER, Decoder, broken, flatten, flattener, forgiving, parse
from arlen_core.queries import Query
from arlen_core.requests import Request
from arlen_core.uploads import Upload
from arlen_core.validation import ROWS

pytestmark = pytest.mark.anyio

FORM = "application/x-www-form-urlencoded"


class Note(Struct):
    title: Annotated[str, Meta(min_length=1, max_length=20)]
    stars: Annotated[int, Meta(ge=0, le=5)] = 0
    tags: list[str] = []
    done: bool = False


class Everything(Struct):
    text: str = "-"
    maybe: str | None = None
    number: int | None = None
    ratio: float = 0.5
    price: Decimal = Decimal(0)
    when: dt.datetime | None = None
    agreed: bool = msgspec.field(default=False)
    numbers: list[int] = []
    flags: list[bool] = []
    file: Upload | None = None


class Consent(Struct):
    agreed: bool
    default: bool = True


@dataclasses.dataclass
class Point:
    x: int
    y: int = 0


class Row(TypedDict):
    id: int


class Tree(Struct):
    kids: "list[Tree]" = []


class Cat(Struct, tag="cat"):
    lives: int


class Dog(Struct, tag="dog"):
    tricks: int


def sent(data: bytes, media: str = "application/json", **options) -> Request:
    """Return a request with that body."""
    headers = [(b"content-type", media.encode())] if media else []
    return Request("POST", headers=headers, body=Body(data, **options))


async def rows(kind, request: Request) -> list[tuple[str, str]]:
    """Return field and code of each row of the refusal."""
    with pytest.raises(Invalid) as caught:
        await Decoder(kind)(request)
    return [(row.field, row.code) for row in caught.value.rows]


async def status(kind, request: Request) -> tuple[int, str]:
    """Return status and code of the refusal."""
    with pytest.raises(HTTPError) as caught:
        await Decoder(kind)(request)
    return caught.value.status, caught.value.code


async def outcome(kind, request: Request) -> tuple:
    """Return the value and an empty refusal, or `None` and the refusal."""
    try:
        return await Decoder(kind)(request), Invalid([])
    except (Invalid, HTTPError) as error:
        return None, error


@pytest.mark.parametrize(
    ("kind", "data", "value"),
    [
        (Note, {"title": "a", "tags": ["b"]}, Note("a", 0, ["b"])),
        (Point, {"x": 1}, Point(1)),
        (Row, {"id": 1}, {"id": 1}),
        (list[Note], [{"title": "a"}], [Note("a")]),
        (dict[str, int], {"a": 1}, {"a": 1}),
        (dict, {"a": [None]}, {"a": [None]}),
        (Cat | Dog, {"type": "dog", "tricks": 3}, Dog(3)),
        (Note | None, None, None),
    ],
)
async def test_json_becomes_the_declared_type(kind, data, value):
    """Struct, dataclass, TypedDict, list, map, union."""
    assert value == await Decoder(kind)(sent(json.dumps(data).encode()))


@pytest.mark.parametrize(
    "media", ["application/json", "Application/JSON; charset=utf-8", "application/merge-patch+json"]
)
async def test_json_has_several_names(media):
    """Parameters, case and the `+json` suffix do not matter."""
    assert Note("a") == await Decoder(Note)(sent(b'{"title":"a"}', media))


@pytest.mark.parametrize("media", ["", "text/plain", "application/xml", "json", "application/jsonx", "text/json; x"])
async def test_another_media_type_is_415(media):
    """It names what would be taken."""
    request = sent(b'{"title":"a"}', media)
    with pytest.raises(HTTPError) as caught:
        await Decoder(Note)(request)
    assert (415, "unsupported_media_type") == (caught.value.status, caught.value.code)
    assert "application/json" in caught.value.headers["accept"]
    assert (media.split(";")[0] or "of no declared type") in caught.value.detail


@pytest.mark.parametrize(
    "data",
    [
        b"", b" ", b"{", b"[1,]", b"{'a':1}", b'{"a":1} x', b"nul", b"NaN", b"[Infinity]", b"[1e999]", b"01", b"+1",
        b'"\\ud800"', b'"\\x"', b"\xef\xbb\xbf{}", b"\x00", b"[" * 100_000, b'{"kids":' * 100_000,
        b"9" * 5000, b'{"title":"\n"}', b"// x\n{}",
    ],
)  # fmt: skip
@pytest.mark.parametrize("kind", [Note, Tree, list[Tree], dict, list[int]])
async def test_what_is_no_json_is_400(kind, data):
    """Broken, bombs of brackets, bytes that are no UTF-8, numbers that are none: never a crash."""
    assert (400, "invalid_json") == await status(kind, sent(data))


async def test_bytes_that_are_no_text():
    """A value that is read must be UTF-8 (RFC 8259 §8.1)."""
    for data in (b'{"title":"\xff"}', b'{"title":"\xc0\xaf"}', b'{"title":"\xed\xa0\x80"}'):
        assert (400, "invalid_json") == await status(Note, sent(data))


async def test_depth_is_named():
    """A body that is nested too deep says so."""
    with pytest.raises(HTTPError) as caught:
        await Decoder(Tree)(sent(b'{"kids":[' * 50_000))
    assert "it is nested too deep" == caught.value.errors[0].message


async def test_a_deep_body_that_is_wrong_at_the_bottom():
    """Valid JSON within the Decoder's depth, invalid far below: rows, no crash."""
    data = b'{"kids":[' * 200 + b'{"kids":3}' + b"]}" * 200
    assert [("kids[0]." * 200 + "kids", "invalid_type")] == await rows(Tree, sent(data))


async def test_the_last_of_two_equal_names_counts():
    """RFC 8259 §4 leaves it open; it is the same each time."""
    assert Note("b") == await Decoder(Note)(sent(b'{"title":"a","title":"b"}'))


async def test_unknown_names_are_passed_over_unless_forbidden():
    """The type decides."""

    class Strict(Struct, forbid_unknown_fields=True):
        a: int = 0

    assert Note("a") == await Decoder(Note)(sent(b'{"title":"a","zip":1}'))
    assert [("zip", "unknown_field")] == await rows(Strict, sent(b'{"zip":1}'))


async def test_every_field_is_reported():
    """Not the first alone."""
    data = b'{"title":"","stars":9,"tags":[1,"a",2],"done":"x"}'
    assert [
        ("title", "missing"), ("stars", "too_large"), ("tags[0]", "invalid_type"), ("tags[2]", "invalid_type"),
        ("done", "invalid_type"),
    ] == await rows(Note, sent(data))  # fmt: skip


async def test_a_number_is_no_text_in_json():
    """JSON is strict: types are said in the body."""
    assert [("stars", "invalid_type")] == await rows(Note, sent(b'{"title":"a","stars":"3"}'))


@pytest.mark.parametrize("number", ["sNaN", "NaN", "-Infinity", "1e999999999", "1E+1000"])
async def test_decimals_in_json_are_bounded(number):
    """JSON's own numbers cannot be that; texts can."""
    assert [("price", "too_large")] == await rows(Everything, sent(json.dumps({"price": number}).encode()))
    assert [("price", "invalid_format")] == await rows(
        Everything, sent(f"price={number}".replace("+", "%2B").encode(), FORM)
    )


async def test_rows_of_decimals_are_bounded_too():
    """`ROWS` at most."""
    data = json.dumps(["NaN"] * (ROWS + 5)).encode()
    assert ROWS == len(await rows(list[Decimal], sent(data)))


async def test_the_limit_of_the_body():
    """`limit` bytes are read, one more is 413, for JSON and forms."""
    for data, media in ((b'{"title":"a"}', "application/json"), (b"title=abcdefghi", FORM)):
        assert await Decoder(Note)(sent(data, media, limit=len(data)))
        with pytest.raises(PayloadTooLarge):
            await Decoder(Note)(sent(data, media, limit=len(data) - 1))


async def test_a_body_that_comes_in_pieces():
    """Chunks are joined."""
    feed = Feed()
    for piece in (b'{"ti', b'tle":', b'"a"}'):
        feed.feed(piece)
    feed.close()
    request = Request("POST", headers=[(b"content-type", b"application/json")], body=feed)
    assert Note("a") == await Decoder(Note)(request)


async def test_a_form_becomes_the_declared_type():
    """Texts stand for numbers, truths, dates; a name may come several times."""
    data = (
        b"text=&maybe=&number=&ratio=1.5&price=2.50&when=2026-11-22T10:30&agreed=on"
        b"&numbers=1&numbers=2&flags=on&flags=no&unknown=1"
    )
    assert Everything(
        "",
        "",
        None,
        1.5,
        Decimal("2.50"),
        dt.datetime.fromisoformat("2026-11-22T10:30"),
        True,
        [1, 2],
        [True, False],
        None,
    ) == await Decoder(Everything)(sent(data, FORM))


async def test_a_form_that_is_empty():
    """Defaults for all that has one."""
    assert Everything() == await Decoder(Everything)(sent(b"", FORM))
    assert [("title", "missing")] == await rows(Note, sent(b"", FORM))


async def test_check_boxes():
    """One without a default is false when it is not ticked; one with a default keeps it."""
    assert Consent(agreed=False, default=True) == await Decoder(Consent)(sent(b"", FORM))
    assert Consent(agreed=True, default=False) == await Decoder(Consent)(sent(b"agreed=on&default=off", FORM))


@pytest.mark.parametrize("number", ["nan", "inf", "-Infinity", "1e999"])
async def test_a_form_has_no_special_numbers(number):
    """What JSON cannot say, a form cannot either."""
    assert ["ratio"] == [field for field, _ in await rows(Everything, sent(f"ratio={number}".encode(), FORM))]


async def test_a_multipart_form_brings_files():
    """An Upload in a Struct; text in its place, and an empty input, are told apart."""
    pytest.importorskip("multipart")

    def body(name: str, content: str) -> bytes:
        return f'--b\r\nContent-Disposition: form-data; name="file"{name}\r\n\r\n{content}\r\n--b--\r\n'.encode()

    media = "multipart/form-data; boundary=b"
    made = await Decoder(Everything)(sent(body('; filename="a.txt"', "hello"), media))
    assert (b"hello", "a.txt") == (await made.file.read(), made.file.filename)
    made.file.close()
    assert Everything() == await Decoder(Everything)(sent(body('; filename=""', ""), media))
    assert [("file", "invalid_type")] == await rows(Everything, sent(body("", "text"), media))


async def test_the_limits_of_forms_hold():
    """They are those that were given."""
    read = Decoder(Note, FormLimits(fields=2))
    assert Note("a") == await read(sent(b"title=a&x=1", FORM))
    with pytest.raises(HTTPError) as caught:
        await read(sent(b"title=a&x=1&y=2", FORM))
    assert "too_many_fields" == caught.value.code


async def test_a_form_that_may_be_wrong():
    """`Input` keeps what was sent and the rows; nothing is raised."""
    wrong = await forgiving(Note)(sent(b"title=&stars=9&tags=a", FORM))
    assert isinstance(wrong, Input)
    assert (False, None, {"title": "", "stars": "9", "tags": ["a"]}) == (wrong.ok, wrong.value, wrong.raw)
    assert ["title", "stars"] == [row.field for row in wrong.errors]
    good = await forgiving(Note)(sent(b"title=a", FORM))
    assert (True, Note("a"), {"title": "a"}, Note) == (good.ok, good.value, good.raw, good.kind)


async def test_json_that_may_be_wrong():
    """`Input` takes JSON too; broken JSON is still 400, another media type 415."""
    wrong = await forgiving(Note)(sent(b'{"stars":"x"}'))
    assert ["title", "stars"] == [row.field for row in wrong.errors]
    assert Note("a") == (await forgiving(Note)(sent(b'{"title":"a"}'))).valid()
    for data, media, code in ((b"{", "application/json", 400), (b"x", "text/plain", 415)):
        with pytest.raises(HTTPError) as caught:
            await forgiving(Note)(sent(data, media))
        assert code == caught.value.status


@pytest.mark.parametrize("kind", [Annotated[str | None, Meta(max_length=5)], Cat | Note, int | Point | Cat])
def test_a_type_that_cannot_be_read(kind):
    """Known when the application starts."""
    with pytest.raises(TypeError):
        Decoder(kind)


values = st.text(max_size=6) | st.sampled_from(["", "1", "on", "x", "2026-11-22T10:30", "nan", "é"])


@given(st.lists(st.tuples(st.sampled_from([*Everything.__struct_fields__, "other"]), values), max_size=12))
def test_flatten_is_the_same_for_queries_and_forms(pairs):
    """Nothing comes out that did not go in, and a form and a query agree."""
    query, form = flatten(Everything, Query(pairs)), flatten(Everything, Form(pairs))
    assert query == form
    for name, value in query.items():
        mine = [text for each, text in pairs if each == name]
        assert mine
        if name in {"text", "maybe"}:
            assert mine[0] == value
        elif name == "numbers":
            assert [text for text in mine if text] == value
        else:
            assert "" != mine[0] or name == "flags"
    first = dict(reversed(pairs))
    assert all(name in query for name, value in first.items() if value and name != "other")


@given(st.lists(st.tuples(st.sampled_from(Everything.__struct_fields__), values), max_size=12))
def test_any_form_is_read_or_explained(pairs):
    """A value or rows; never another exception."""

    async def run() -> None:
        data = "&".join(f"{name}={_quoted(value)}" for name, value in pairs)
        made, error = await outcome(Everything, sent(data.encode(), FORM))
        assert isinstance(made, Everything) or error.rows
        assert {row.field.partition("[")[0] for row in error.rows} <= set(Everything.__struct_fields__)

    anyio.run(run)


def _quoted(text: str) -> str:
    return "".join(f"%{byte:02X}" for byte in text.encode())


@given(st.binary(max_size=40), st.sampled_from([Note, list[int], dict, Cat | Dog, Tree]))
def test_any_bytes_are_read_or_refused(data, kind):
    """A value, rows, or 400."""

    async def run() -> None:
        _, error = await outcome(kind, sent(data))
        assert 400 == getattr(error, "status", 400)

    anyio.run(run)


def test_a_flattener_is_made_once_for_all_requests():
    """For a type that is no record it takes nothing."""
    assert {} == flattener(int)(Query([("a", "1")]))
    assert {"x": "1"} == flattener(Point)(Query([("x", "1"), ("x", "2"), ("z", "3")]))


def test_parse_and_broken():
    """Plain values, or one 400 whose row says where."""
    assert {"a": [1]} == parse(b'{"a":[1]}')
    with pytest.raises(HTTPError) as caught:
        parse(b"[1,]")
    assert ("body", "invalid_json") == (caught.value.errors[0].field, caught.value.errors[0].code)
    assert "byte 3" in caught.value.errors[0].message
    assert 400 == broken(ValueError("x")).status


async def test_at_once_is_what_waiting_gives():
    """For plain JSON that has arrived; everything else has to be waited for, and is still there."""
    read = Decoder(Note)
    assert Note("a") == read.at_once(sent(b'{"title":"a"}'))
    with pytest.raises(Invalid):
        read.at_once(sent(b'{"title":1}'))
    with pytest.raises(HTTPError):
        read.at_once(sent(b'{"title":'))
    with pytest.raises(PayloadTooLarge):
        read.at_once(sent(b'{"title":"a"}', limit=3))
    for media in ("application/json; charset=utf-8", "application/problem+json", "text/plain", FORM):
        request = sent(b'{"title":"a"}', media)
        assert read.at_once(request) is LATER
        assert b'{"title":"a"}' == await request.body.read()
    coded = sent(b'{"title":"a"}')
    coded.raw.append((b"content-encoding", b"gzip"))
    arriving = sent(b"")
    arriving.body = Feed(13)
    assert (LATER, LATER) == (read.at_once(coded), read.at_once(arriving))

"""Forms: urlencoded bodies, what a form offers, and its limits."""

from urllib.parse import urlencode

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct

from arlen_core import forms
from arlen_core.app import App
from arlen_core.bodies import Body, Feed
from arlen_core.errors import HTTPError
from arlen_core.forms import Form, FormLimits, limited, read_form
from arlen_core.requests import Request
from arlen_core.testing import Client
from arlen_core.uploads import Upload

pytestmark = pytest.mark.anyio

URLENCODED = "application/x-www-form-urlencoded"


def posted(data: bytes, media: str = URLENCODED, body: Body | None = None) -> Request:
    """Make a request with a form."""
    return Request("POST", headers=[(b"content-type", media.encode())] if media else [], body=body or Body(data))


async def refused(request: Request, **limits) -> tuple[int, str]:
    """Return status and code of the refusal."""
    with pytest.raises(HTTPError) as caught:
        await read_form(request, FormLimits(**limits))
    return caught.value.status, caught.value.code


@given(st.lists(st.tuples(st.text(max_size=9), st.text(max_size=9)), max_size=9))
def test_what_urllib_encodes_is_read(pairs):
    """Fields come back in order, repeated ones too."""
    form = anyio.run(read_form, posted(urlencode(pairs).encode()))
    assert pairs == list(form.items()) == list(form.fields.items())


@given(st.binary(min_size=1, max_size=40), st.integers(1, 7))
def test_the_pieces_do_not_matter(data, size):
    """A body that arrives in pieces is the same body."""

    async def read(body):
        try:
            return list((await read_form(posted(b"", body=body))).items())
        except HTTPError as error:
            return error.code

    async def run():
        feed = Feed()
        for at in range(0, len(data), size):
            feed.feed(data[at : at + size])
        feed.close()
        return await read(feed), await read(Body(data))

    pieces, whole = anyio.run(run)
    assert whole == pieces


async def test_a_form_is_a_collection_of_names():
    """Text and files under their names."""
    photo, other = Upload.of(b"1", "a.png"), Upload.of(b"2", "b.png")
    form = Form([("title", "Tea"), ("photo", photo), ("tag", "a"), ("tag", "b"), ("photo", other)])
    assert ["title", "photo", "tag"] == list(form)
    assert 3 == len(form)
    assert "photo" in form
    assert "x" not in form
    assert ("Tea", photo, None) == (form.get("title"), form.get("photo"), form.get("x"))
    assert (["a", "b"], [photo, other], []) == (form.all("tag"), form.all("photo"), form.all("x"))
    assert ([photo, other], [photo, other], []) == (form.files("photo"), form.files(), form.files("title"))
    assert (photo, None, None) == (form.file("photo"), form.file("title"), form.file("x"))
    assert ["title", "tag"] == list(form.fields)


async def test_the_representation_hides_values():
    """Passwords are typed into forms."""
    assert "Form(['password'])" == repr(Form([("password", "hunter2")]))


async def test_a_second_reading_is_the_same_form():
    """The body is read once."""
    request = posted(b"a=1")
    assert await read_form(request) is await read_form(request)


async def test_nothing_is_read_before_it_is_asked_for():
    """A request whose form nobody wants keeps its body."""
    request = posted(b"a=1")
    assert "form" not in request.state
    assert b"a=1" == await request.body.read()


async def test_the_files_are_closed_with_the_request():
    """Whoever ends the request runs its closers; then the uploads are gone."""
    data = b'--x\r\nContent-Disposition: form-data; name="f"; filename="a"\r\n\r\n1\r\n--x--\r\n'
    request = posted(data, "multipart/form-data; boundary=x")
    request.closers = []
    upload = (await read_form(request)).file("f")
    [closer] = request.closers
    assert b"1" == await upload.read()
    await closer(None)
    await closer(None)
    upload.seek(0)
    with pytest.raises(ValueError, match="closed"):
        await upload.read()


async def test_an_empty_form_is_a_form():
    """A form without fields is empty."""
    assert 0 == len(await read_form(posted(b"")))


@pytest.mark.parametrize("media", ["", "application/json", "text/plain", "multipart/mixed; boundary=x"])
async def test_another_type_is_415(media):
    """What is no form is not guessed at; the answer says what is taken."""
    with pytest.raises(HTTPError) as caught:
        await read_form(posted(b"a=1", media))
    assert (415, "not_a_form") == (caught.value.status, caught.value.code)
    assert "multipart/form-data" in caught.value.headers["Accept"]


@pytest.mark.parametrize("charset", ["utf-8", "UTF-8", '"utf-8"', "utf8", "us-ascii"])
async def test_utf8_by_any_name_is_taken(charset):
    """A charset that is UTF-8, or a part of it, is fine."""
    assert "é" == (await read_form(posted(b"a=%C3%A9", f"{URLENCODED}; charset={charset}"))).get("a")


async def test_another_charset_is_415():
    """It is refused rather than read wrong."""
    assert (415, "unsupported_charset") == await refused(posted(b"a=1", f"{URLENCODED};charset=latin-1"))


async def test_broken_utf8_is_400():
    """As in queries."""
    assert (400, "invalid_encoding") == await refused(posted(b"a=%ff"))


@pytest.mark.parametrize(
    ("data", "limits", "expected"),
    [
        (b"a=1&b=2&c=3", {"fields": 2}, (400, "too_many_fields")),
        (b"a=12345", {"text": 6}, (413, "form_too_large")),
        (b"a=12345", {"field_size": 4}, (413, "field_too_large")),
        ("a=ééé".encode(), {"field_size": 5}, (413, "field_too_large")),
        (b"abcde=1", {"name_length": 4}, (400, "name_too_long")),
    ],
)
async def test_limits(data, limits, expected):
    """Each limit has its status and code."""
    assert expected == await refused(posted(data), **limits)


@pytest.mark.parametrize(
    ("data", "limits"),
    [
        (b"a=1&b=2", {"fields": 2}),
        (b"a=12345", {"text": 7}),
        (b"a=12345", {"field_size": 5}),
        ("a=ééé".encode(), {"field_size": 6}),
        (b"abcd=1", {"name_length": 4}),
    ],
)
async def test_the_limits_themselves_are_allowed(data, limits):
    """Exactly as much as the limit passes."""
    assert len(await read_form(posted(data), FormLimits(**limits)))


@pytest.mark.parametrize(
    ("data", "row"),
    [
        (b"a=1&caf%C3%A9=" + b"%41" * 100, ("café", "field_too_large")),
        (b"=" + b"x" * 300, ("", "field_too_large")),
        (b"%62" * 60 + b"=1&" + b"x" * 300, None),
    ],
)
async def test_what_decodes_too_large_is_not_decoded(monkeypatch, data, row):
    """A field that must break a limit however it decodes is refused before anything is decoded."""
    decoded = []
    real = forms.decode
    monkeypatch.setattr(forms, "decode", lambda raw, **options: decoded.append(raw) or real(raw, **options))
    with pytest.raises(HTTPError) as caught:
        await read_form(posted(data), FormLimits(field_size=10, name_length=10))
    assert ((413, "field_too_large") if row else (400, "name_too_long")) == (caught.value.status, caught.value.code)
    assert [row] * bool(row) == [(each.field, each.code) for each in caught.value.errors]
    assert data not in decoded


async def test_the_field_that_is_too_large_is_named():
    """The error has a row for it, as validation errors have."""
    with pytest.raises(HTTPError) as caught:
        await read_form(posted(b"bio=12345"), FormLimits(field_size=4))
    assert ["bio"] == [row.field for row in caught.value.errors]


async def test_a_large_body_is_not_read_to_its_end():
    """Reading stops at the limit, however much would come."""
    feed = Feed()
    for _ in range(3):
        feed.feed(b"x" * 10)
    with pytest.raises(HTTPError):
        await limited(feed, 15)
    assert b"x" * 10 == await feed.next()


async def test_the_requests_own_limit_holds():
    """A route's `max_body` is 413 before the form's limits are."""
    assert (413, "payload_too_large") == await refused(posted(b"", body=Body(b"a=12345", limit=3)))


class Card(Struct):
    """What the forms of an application are turned into."""

    title: str
    photo: Upload
    extra: list[Upload] = []


def gallery() -> tuple[App, list[Upload]]:
    """Make an application that takes uploads, and the list of those that it took."""
    app, taken = App("gallery", environ={}), []

    @app.post("/cards")
    async def add(card: Card) -> dict[str, object]:
        taken.extend([card.photo, *card.extra])
        if card.title == "broken":
            raise RuntimeError("after the form was read")
        return {"title": card.title, "photo": (await card.photo.read()).decode(), "extra": len(card.extra)}

    @app.post("/stream")
    async def stream(form: Form):
        upload = form.file("photo")
        taken.append(upload)

        async def chunks():
            async for chunk in upload:
                yield chunk

        return chunks()

    return app, taken


async def closed(upload: Upload) -> bool:
    """Say whether an upload is gone."""
    upload.seek(0)
    try:
        await upload.read()
    except ValueError:
        return True
    return False


FILES = {"photo": ("a.png", b"bytes", "image/png")}


async def test_a_struct_takes_uploads():
    """Text and files of one form; the files are gone when the answer is made."""
    app, taken = gallery()
    async with Client(app) as client:
        answer = await client.post("/cards", form={"title": "Tea"}, files=FILES)
    assert {"title": "Tea", "photo": "bytes", "extra": 0} == answer.json()
    assert [True] == [await closed(upload) for upload in taken]


async def test_a_handler_that_fails_leaves_no_file():
    """The error is answered, the files are gone."""
    app, taken = gallery()
    async with Client(app) as client:
        answer = await client.post("/cards", form={"title": "broken"}, files=FILES)
    assert 500 == answer.status
    assert [True] == [await closed(upload) for upload in taken]


async def test_a_missing_file_is_a_failing_field():
    """As any other field."""
    app, taken = gallery()
    async with Client(app) as client:
        answer = await client.post("/cards", form={"title": "Tea", "photo": "no file"})
    assert (422, ["photo"]) == (answer.status, [row["field"] for row in answer.json()["errors"]])
    assert [] == taken


async def test_a_stream_may_read_the_upload():
    """Files live as long as the answer that is made of them."""
    app, taken = gallery()
    async with Client(app) as client:
        answer = await client.post("/stream", files=FILES)
    assert b"bytes" == answer.body
    assert [True] == [await closed(upload) for upload in taken]


async def test_the_limits_of_the_application_hold():
    """The section `[forms]` is for every handler."""
    app = App("small", environ={"ARLEN_FORMS__FILE_SIZE": "3"})

    @app.post("/")
    async def take(form: Form) -> int:
        return len(form)

    async with Client(app) as client:
        answer = await client.post("/", files=FILES)
    assert (413, "file_too_large") == (answer.status, answer.json()["code"])

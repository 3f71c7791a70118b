"""Encodings: compressed request bodies are refused where they would be read as something else."""

import gzip

import pytest
from msgspec import Struct

from arlen_core.app import App
from arlen_core.encodings import plain
from arlen_core.errors import HTTPError
from arlen_core.forms import Form
from arlen_core.params import Input
from arlen_core.requests import Request
from arlen_core.testing import Client

pytestmark = pytest.mark.anyio

CODINGS = ["gzip", "GZIP", "x-gzip", "deflate", "br", "zstd", "gzip, identity", "identity, gzip", "aes128gcm", "?"]
FORM, JSON, PARTS = "application/x-www-form-urlencoded", "application/json", "multipart/form-data; boundary=x"


class Note(Struct):
    title: str


@pytest.fixture
async def client():
    """An application that reads bodies in every way."""
    app = App("encodings", environ={"ARLEN_LOG__ACCESS": "false"})

    @app.post("/record")
    async def record(note: Note) -> Note:
        return note

    @app.post("/input")
    async def again(note: Input[Note]) -> str:
        return note.valid().title

    @app.post("/form")
    async def form(form: Form) -> str:
        return str(form.get("title"))

    @app.post("/raw")
    async def raw(request: Request) -> bytes:
        return gzip.decompress(await request.body.read())

    async with Client(app) as client:
        yield client


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize(
    ("path", "media", "body"),
    [
        ("/record", JSON, b'{"title":"tea"}'),
        ("/record", FORM, b"title=tea"),
        ("/input", JSON, b'{"title":"tea"}'),
        ("/input", FORM, b"title=tea"),
        ("/form", FORM, b"title=tea"),
        ("/form", PARTS, b'--x\r\nContent-Disposition: form-data; name="title"\r\n\r\ntea\r\n--x--\r\n'),
    ],
)
async def test_a_coded_body_is_415(client, path, media, body, coding):
    """A body with a content coding is 415 with Accept-Encoding wherever the framework reads it (RFC 9110 §15.5.16)."""
    answer = await client.post(path, body=body, headers={"content-type": media, "content-encoding": coding})
    assert (415, "unsupported_coding") == (answer.status, answer.json()["code"])
    assert "identity" == answer.headers["accept-encoding"]


@pytest.mark.parametrize("coding", ["identity", "Identity", ""])
@pytest.mark.parametrize(
    ("path", "media", "body"), [("/record", JSON, b'{"title":"tea"}'), ("/form", FORM, b"title=tea")]
)
async def test_identity_is_none(client, path, media, body, coding):
    """`identity` is no coding, though nobody should send it (RFC 9110 §8.4.1)."""
    answer = await client.post(path, body=body, headers={"content-type": media, "content-encoding": coding})
    assert 200 == answer.status


async def test_a_raw_body_is_the_handler_s(client):
    """A handler that reads the body itself gets it as it was sent, and may unpack it."""
    answer = await client.post("/raw", body=gzip.compress(b"tea"), headers={"content-encoding": "gzip"})
    assert (200, b"tea") == (answer.status, answer.body)


async def test_another_media_type_is_named_first(client):
    """A coded body of a media type that nobody takes is 415 all the same."""
    headers = {"content-type": "text/csv", "content-encoding": "gzip"}
    assert 415 == (await client.post("/record", body=b"x", headers=headers)).status


def test_a_second_field_counts_too():
    """Every Content-Encoding field is looked at, not only the first."""
    raw = [(b"content-encoding", b"identity"), (b"content-encoding", b"gzip")]
    with pytest.raises(HTTPError) as caught:
        plain(Request("POST", headers=raw))
    assert 415 == caught.value.status

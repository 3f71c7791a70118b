"""Contents: what a test client writes, the application reads."""

import json

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from arlen_core.bodies import Body
from arlen_core.contents import content, pairs
from arlen_core.forms import read_form
from arlen_core.requests import Request
from arlen_core.uploads import Upload

names = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="%"), min_size=1, max_size=8)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)


def read(data: bytes, media: str) -> list:
    """Read a body as a form."""

    async def run() -> list:
        request = Request("POST", headers=[(b"content-type", media.encode())], body=Body(data))
        form = await read_form(request)
        rows = [
            (name, (value.filename, await value.read(), value.media) if isinstance(value, Upload) else value)
            for name, value in form.items()
        ]
        form.close()
        return rows

    return anyio.run(run)


@pytest.mark.parametrize(
    ("options", "data", "media"),
    [
        ({}, b"", ""),
        ({"body": b"raw"}, b"raw", ""),
        ({"json": {"a": 1}}, b'{"a":1}', "application/json"),
        ({"json": None}, b"null", "application/json"),
        ({"form": {"a": "b c"}}, b"a=b+c", "application/x-www-form-urlencoded"),
        ({"form": {}}, b"", "application/x-www-form-urlencoded"),
    ],
)
def test_bodies(options, data, media):
    """Each way has its type; none has none."""
    assert (data, media) == content(**options)


def test_json_is_what_was_given():
    """Anything that msgspec encodes."""
    assert {"a": ["é", 1.5, None]} == json.loads(content(json={"a": ["é", 1.5, None]})[0])


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"a": [1, "x", None], "b": (), "c": None, "d": False}, [("a", "1"), ("a", "x"), ("d", "false")]),
        ([("a", 1), ("a", 2)], [("a", "1"), ("a", "2")]),
        ({}, []),
    ],
)
def test_pairs(values, expected):
    """Lists are several, None is none, truths are words."""
    assert expected == pairs(values)


@given(st.lists(st.tuples(texts, texts), max_size=6))
def test_forms_round_trip(rows):
    """What is written is read."""
    assert rows == read(*content(form=rows))


@given(
    st.lists(st.tuples(names, texts), max_size=4),
    st.dictionaries(names, st.tuples(names, st.binary(max_size=20)), max_size=3),
)
def test_multipart_round_trips(rows, files):
    """Fields and files, quotes in names included."""
    sent = [(name, (file, data, "application/octet-stream")) for name, (file, data) in files.items()]
    assert [*rows, *sent] == read(*content(form=rows, files=files))


def test_several_files_of_one_field():
    """A list; a media type of one's own."""
    data, media = content(files={"f": [("a.txt", b"1"), ("b.png", b"2", "image/png")]})
    assert [
        ("f", ("a.txt", b"1", "application/octet-stream")),
        ("f", ("b.png", b"2", "image/png")),
    ] == read(data, media)


def test_a_name_cannot_end_its_header():
    """Line ends and quotes are encoded."""
    data, _ = content(form={'a"\r\nX-B: c': "1"}, files={})
    assert b'name="a%22%0D%0AX-B: c"\r\n' in data

"""Multipart: an encoder written apart from the parser, every split, every limit, and no file left behind."""

import asyncio
import subprocess
import sys
import tracemalloc
from unittest.mock import patch

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arlen_core import parts as module
from arlen_core.bodies import Body, Feed
from arlen_core.errors import Disconnected, HTTPError
from arlen_core.forms import Form, FormLimits
from arlen_core.parts import boundary, read_parts
from arlen_core.uploads import Spool, Upload

pytestmark = pytest.mark.anyio

EDGE = "----edge7MA4YWxk"
TYPE = f"multipart/form-data; boundary={EDGE}"

# browsers write `"`, CR and LF as %22, %0D and %0A and nothing else, so those three texts cannot come back
names = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters='"%\\'), min_size=1, max_size=12)
texts = st.text(max_size=40)
files = st.tuples(names, st.binary(max_size=120), st.sampled_from(["text/plain", "image/png"]))
entries = st.lists(st.tuples(names, texts | files), max_size=6)


def encode(rows, edge: str = EDGE) -> bytes:
    """Write a form as a browser does (RFC 7578)."""
    out = bytearray()
    for name, value in rows:
        out += f'--{edge}\r\nContent-Disposition: form-data; name="{name}"'.encode()
        if isinstance(value, tuple):
            filename, data, media = value
            out += f'; filename="{filename}"\r\nContent-Type: {media}\r\n\r\n'.encode() + data
        else:
            out += b"\r\n\r\n" + value.encode()
        out += b"\r\n"
    return bytes(out + f"--{edge}--\r\n".encode())


def part(*headers: str, data: bytes = b"x", end: bool = True) -> bytes:
    """Write one part with headers as they are."""
    head = "".join(f"{header}\r\n" for header in headers)
    return f"--{EDGE}\r\n{head}\r\n".encode() + data + (f"\r\n--{EDGE}--\r\n".encode() if end else b"")


async def read(data: bytes, content_type: str = TYPE, *, size: int = 0, body: Body | None = None, **limits):
    """Parse a body, in blocks of `size` bytes if given."""
    if body is None and size:
        with patch.object(module, "_BLOCK", size):
            return await read_parts(Body(data), content_type, FormLimits(**limits))
    return await read_parts(body or Body(data), content_type, FormLimits(**limits))


async def plain(pairs):
    """Return pairs with files as tuples, and close them."""
    rows = []
    for name, value in pairs:
        if isinstance(value, Upload):
            rows.append((name, (value.filename, await value.read(), value.media)))
            value.close()
        else:
            rows.append((name, value))
    return rows


async def refused(data: bytes, content_type: str = TYPE, **limits) -> tuple[int, str]:
    """Return status and code of the refusal."""
    with pytest.raises(HTTPError) as caught:
        await read(data, content_type, **limits)
    return caught.value.status, caught.value.code


@given(entries, st.integers(0, 300), st.integers(0, 60))
def test_what_a_browser_writes_is_read(rows, size, memory):
    """Fields and files come back the same, whatever the pieces and wherever the bytes are kept."""

    async def run():
        return await plain(await read(encode(rows), size=size, memory=memory))

    assert rows == anyio.run(run)


ROWS = [
    ("title", "Tea\r\n--" + EDGE[:6]),
    ("photo", ("a.png", b"\r\n\r--\r\n" + EDGE.encode() + b"\r", "image/png")),
    ("é", ""),
]


def test_every_split_gives_the_same_parts():
    """The body cut at any one byte, and at every byte, parses the same."""
    data = encode(ROWS)

    async def run():
        for at in range(1, len(data)):
            feed = Feed()
            feed.feed(data[:at])
            feed.feed(data[at:])
            feed.close()
            assert ROWS == await plain(await read(b"", body=feed, memory=5))
        assert ROWS == await plain(await read(data, size=1, memory=5))

    anyio.run(run)


@given(st.binary(max_size=200))
@settings(max_examples=200)
def test_any_bytes_are_parsed_or_refused(noise):
    """Nothing that can be sent is anything but a form or a 400."""

    async def run():
        for data in (noise, b"--" + EDGE.encode() + b"\r\n" + noise, encode(ROWS)[:-40] + noise):
            assert await _status(data) in {200, 400, 413}

    anyio.run(run)


async def _status(data):
    try:
        await plain(await read(data))
    except HTTPError as error:
        return error.status
    return 200


@given(st.data())
def test_a_body_that_ends_early_is_refused(data):
    """Every cut before the last boundary's end is malformed, and files are closed."""
    whole = encode(ROWS)
    cut = data.draw(st.integers(0, len(whole) - 3))

    async def run():
        return await refused(whole[:cut], memory=0)

    assert (400, "malformed_multipart") == anyio.run(run)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("multipart/form-data; boundary=abc", "abc"),
        ('multipart/form-data; boundary="a b:c"', "a b:c"),
        ("multipart/form-data; charset=utf-8; BOUNDARY=abc", "abc"),
        ('multipart/form-data; boundary="a\\bc"', "abc"),
        ("multipart/form-data; boundary=" + "x" * 70, "x" * 70),
    ],
)
def test_the_boundary_is_read(header, expected):
    """Quoted or not, among other parameters."""
    assert expected == boundary(header)


@pytest.mark.parametrize(
    "header",
    [
        "multipart/form-data",
        "multipart/form-data; boundary=",
        'multipart/form-data; boundary=""',
        'multipart/form-data; boundary="ends in blank "',
        "multipart/form-data; boundary=a; boundary=b",
        "multipart/form-data; boundary=" + "x" * 71,
        'multipart/form-data; boundary="a\u00e9"',
        'multipart/form-data; boundary="a[b]"',
    ],
)
async def test_a_bad_boundary_is_refused(header):
    """One boundary of 1 to 70 of the characters of RFC 2046 §5.1.1."""
    assert (400, "invalid_boundary") == await refused(b"", header)


NAMED = 'Content-Disposition: form-data; name="a"'


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "malformed_multipart"),
        (b"hello", "malformed_multipart"),
        (part("Content-Type: text/plain"), "malformed_multipart"),
        (part("Content-Disposition: form-data"), "malformed_multipart"),
        (part('Content-Disposition: form-data; name=""'), "malformed_multipart"),
        (part('Content-Disposition: attachment; name="a"'), "malformed_multipart"),
        (part(NAMED, 'Content-Disposition: form-data; name="b"'), "malformed_multipart"),
        (part(NAMED, "no colon"), "malformed_multipart"),
        (part(NAMED, "Content-Length: 5"), "malformed_multipart"),
        (part(NAMED).replace(b"\r\n", b"\n"), "malformed_multipart"),
        (part(NAMED, end=False), "malformed_multipart"),
        (b"--" + EDGE.encode() + b'\r\nContent-Disposition: form-data; name="\xff"\r\n\r\n', "malformed_multipart"),
        (part(NAMED, *(f"X-{n}: y" for n in range(20))), "part_header_too_large"),
        (part(NAMED, "X-A: " + "y" * 9000), "part_header_too_large"),
        (part(NAMED, "Content-Transfer-Encoding: base64"), "unsupported_transfer_encoding"),
        (part(NAMED, "Content-Type: text/plain; charset=utf-16"), "unsupported_charset"),
        (part(NAMED, data=b"\xff"), "invalid_encoding"),
    ],
)
async def test_malformed_forms_are_400(data, code):
    """Each with a code, and nothing half-read."""
    assert (400, code) == await refused(data)


LIMITS = [
    ({"fields": 1}, [("a", "1"), ("b", "2")], (400, "too_many_fields")),
    ({"files": 1}, [("a", ("x", b"1", "text/plain")), ("b", ("y", b"2", "text/plain"))], (400, "too_many_files")),
    ({"field_size": 4}, [("a", "12345")], (413, "field_too_large")),
    ({"text": 4}, [("a", "123"), ("b", "45")], (413, "form_too_large")),
    ({"file_size": 4}, [("a", ("x", b"12345", "text/plain"))], (413, "file_too_large")),
    ({"total": 99}, [("a", "x" * 50)], (413, "form_too_large")),
    ({"name_length": 2}, [("abc", "1")], (400, "name_too_long")),
    ({"filename_length": 2}, [("a", ("abc", b"1", "text/plain"))], (400, "filename_too_long")),
    ({"header_size": 60}, [("a" * 60, "1")], (400, "part_header_too_large")),
]


@pytest.mark.parametrize(("limits", "rows", "expected"), LIMITS)
async def test_limits(limits, rows, expected):
    """Each limit has its status and code."""
    assert expected == await refused(encode(rows), memory=0, **limits)


@pytest.mark.parametrize(("limits", "rows", "expected"), LIMITS)
async def test_the_limits_themselves_are_allowed(limits, rows, expected):
    """Exactly as much as the limit passes."""
    enough = {
        "fields": 2,
        "files": 2,
        "field_size": 5,
        "text": 5,
        "file_size": 5,
        "name_length": 3,
        "filename_length": 3,
    }
    more = {name: enough.get(name, 200) for name in limits}
    assert rows == await plain(await read(encode(rows), **more))


async def test_the_file_that_is_too_large_is_named():
    """The error has a row for it."""
    with pytest.raises(HTTPError) as caught:
        await read(encode([("photo", ("x", b"12345", "text/plain"))]), file_size=4)
    assert ["photo"] == [row.field for row in caught.value.errors]


async def test_an_empty_file_input_sends_no_file():
    """Browsers send a part without file name and data for it; it counts as an empty field, not as a file."""
    rows = [("photo", ("", b"", "application/octet-stream")), ("title", "x")]
    assert [("title", "x")] == await read(encode(rows), files=0 + 1)
    assert (400, "too_many_fields") == await refused(encode(rows[:1] * 3), fields=2)


async def test_a_file_may_be_empty_or_have_no_name():
    """A chosen file of no bytes is a file; so are bytes without a name."""
    rows = [("a", ("x.txt", b"", "text/plain")), ("b", ("", b"data", "text/plain"))]
    assert rows == await plain(await read(encode(rows)))


async def test_octets_without_a_name_are_a_file():
    """RFC 7578 §4.2 does not ask every file to have a name."""
    [(name, upload)] = await read(part(NAMED, "Content-Type: application/octet-stream", data=b"\xff"))
    assert ("a", "", b"\xff") == (name, upload.filename, await upload.read())


async def test_the_extended_file_name_is_ignored():
    """RFC 7578 §4.2 forbids `filename*` here, and some parsers differ on it."""
    header = 'Content-Disposition: form-data; name="a"; filename="x.txt"; filename*=UTF-8\'\'evil.exe'
    [(_, upload)] = await read(part(header))
    assert "x.txt" == upload.filename


async def test_the_file_name_is_kept_raw_and_made_safe():
    """The raw name is evidence; the safe one is for use."""
    [(_, upload)] = await read(part('Content-Disposition: form-data; name="a"; filename="../../etc/x.sh"'))
    assert ("../../etc/x.sh", "x.sh") == (upload.filename, upload.safe_name)


async def test_a_file_without_type_is_octets():
    """The default of a part with a file name."""
    [(_, upload)] = await read(part('Content-Disposition: form-data; name="a"; filename="x"'))
    assert "application/octet-stream" == upload.media


async def test_text_before_and_after_is_ignored():
    """A preamble and an epilogue are legal (RFC 2046 §5.1.1)."""
    assert [("a", "x")] == await read(b"preamble\r\n" + part(NAMED) + b"epilogue", size=3)


async def test_small_files_stay_in_memory_and_large_ones_go_to_disk(tmp_path):
    """`memory` is the line between; the folder is a setting, and nothing can be seen in it."""
    rows = [("a", ("x", b"1" * 10, "text/plain")), ("b", ("y", b"2" * 11, "text/plain"))]
    pairs = await read(encode(rows), memory=10, directory=str(tmp_path))
    assert [False, True] == [upload.on_disk for _, upload in pairs]
    assert [] == list(tmp_path.iterdir())
    Form(pairs).close()


async def test_a_disk_that_refuses_is_507(tmp_path):
    """The client learns that it is not its fault."""
    rows = [("a", ("x", b"12", "text/plain"))]
    assert (507, "storage_failed") == await refused(encode(rows), memory=1, directory=str(tmp_path / "missing"))


@pytest.fixture
def spools(monkeypatch):
    """Every spool that is made, noting whether it was closed."""
    made = []

    class Noted(Spool):
        __slots__ = ("closed",)

        def __init__(self, *args):
            super().__init__(*args)
            self.closed = False
            made.append(self)

        def close(self):
            super().close()
            self.closed = True

    monkeypatch.setattr("arlen_core.parts.Spool", Noted)
    return made


FILE = ("x", b"1" * 50, "text/plain")


async def test_an_error_closes_every_file(spools):
    """The complete ones, and the one that was being written."""
    await refused(encode([("a", FILE), ("b", FILE)])[:-60], memory=0)
    assert [True, True] == [spool.closed for spool in spools]


@pytest.fixture
def blocks(monkeypatch):
    """Parse what has come at once, however little it is."""
    monkeypatch.setattr(module, "_BLOCK", 1)


@pytest.mark.parametrize("cut", [1, 2, 3, 7, 500])
async def test_where_a_damaged_form_is_cut_changes_nothing(cut):
    """What the parser makes of rubbish before the first boundary, and of bare line ends, does not depend on arrival."""
    part = b'Content-Disposition: form-data; name="a"\r\n\r\nb\r\n'
    for data in (b"--\xd8----x--\r\n", b"\r\n\r\nx----x\r\n" + part + b"--x--", b"--x\nX: y\r\n" + part + b"--x--"):
        feed = Feed()
        for at in range(0, len(data), cut):
            feed.feed(data[at : at + cut])
        feed.close()
        with pytest.raises(HTTPError) as caught:
            await read_parts(feed, "multipart/form-data; boundary=x", FormLimits())
        assert (400, "malformed_multipart") == (caught.value.status, caught.value.code)


async def test_a_form_of_many_blocks():
    """A form is parsed in blocks of one size, and a file over many of them is whole."""
    data = bytes(range(256)) * 1000
    [(name, upload)] = await read(encode([("a", ("f", data, "application/octet-stream"))]))
    assert ("a", data) == (name, await upload.read())
    upload.close()


async def test_a_client_that_goes_away_closes_every_file(spools, blocks):
    """The error is the body's own; the files are gone."""
    feed = Feed()
    feed.feed(encode([("a", FILE), ("b", FILE)])[:-60])
    feed.abort()
    with pytest.raises(Disconnected):
        await read(b"", body=feed, memory=0)
    assert [True, True] == [spool.closed for spool in spools]


@pytest.mark.parametrize("native", [False, True])
async def test_a_cancelled_task_closes_every_file(spools, blocks, native):
    """Cancellation in the middle of a body, by a scope and by the task."""
    feed = Feed()
    feed.feed(encode([("a", FILE), ("b", FILE)])[:-60])
    if native:
        task = asyncio.get_running_loop().create_task(read(b"", body=feed, memory=0))
        await _until(lambda: feed._wake is not None)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    else:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(lambda: read(b"", body=feed, memory=0))
            await _until(lambda: feed._wake is not None)
            tasks.cancel_scope.cancel()
    assert [True, True] == [spool.closed for spool in spools]


async def _until(condition):
    with anyio.fail_after(10):
        while not condition():
            await anyio.lowlevel.checkpoint()


async def test_a_whole_form_keeps_its_files_open(spools):
    """They are the handler's until the response was sent."""
    pairs = await read(encode([("a", FILE)]), memory=0)
    assert [False] == [spool.closed for spool in spools]
    Form(pairs).close()
    assert [True] == [spool.closed for spool in spools]


def test_without_the_parser_the_error_names_the_extra():
    """The message says what to install."""
    program = (
        "import sys; sys.modules['multipart'] = None\n"
        "import anyio\nfrom arlen_core.bodies import Body\nfrom arlen_core.forms import FormLimits\n"
        "from arlen_core.parts import read_parts\n"
        f"anyio.run(read_parts, Body(b''), '{TYPE}', FormLimits())"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert "pip install 'arlen-core[multipart]'" in done.stderr


def test_the_parser_is_imported_only_when_used():
    """Forms without files do not load it."""
    program = "import sys, arlen_core.forms, arlen_core.uploads, arlen_core.parts; print('multipart' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "False" == done.stdout.strip()


async def test_a_large_upload_does_not_fill_the_memory(tmp_path):
    """Twenty megabytes arrive in pieces, are paused when the parser is behind, and never stand in memory together."""
    piece, count, signals = b"x" * 65_536, 320, []
    feed = Feed(high=131_072, pause=lambda: signals.append("pause"), resume=lambda: signals.append("resume"))
    head, tail = encode([("f", FILE)]).split(FILE[1])

    async def client():
        feed.feed(head)
        for _ in range(count):
            while feed._paused:
                await anyio.lowlevel.checkpoint()
            feed.feed(piece)
        feed.feed(tail)
        feed.close()

    tracemalloc.start()
    try:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(client)
            [(_, upload)] = await read(b"", body=feed, file_size=10**8, total=10**8, directory=str(tmp_path))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len(piece) * count == upload.size
    assert 4_000_000 > peak
    assert {"pause", "resume"} == set(signals)
    upload.close()


@given(
    st.lists(st.sampled_from(["fields", "files", "field_size", "text", "file_size", "total"]), min_size=1, max_size=3)
)
def test_tighter_limits_never_let_more_through(names):
    """Whatever limits are tightened, a form that passes then passed before, and the same."""
    rows = [("a", "12345"), ("b", ("x", b"123456", "text/plain")), ("c", "1")]

    async def run(**limits):
        try:
            return await plain(await read(encode(rows), **limits))
        except HTTPError:
            return None

    tight = anyio.run(lambda: run(**dict.fromkeys(names, 1)))
    assert tight in (None, rows)
    assert rows == anyio.run(run)


@pytest.mark.parametrize("native", [False, True])
async def test_nothing_is_left_in_the_folder_of_temporary_files(tmp_path, native):
    """Not after a whole form, not after an error, not after a client that went."""
    data = encode([("a", FILE), ("b", FILE)])
    Form(await read(data, memory=0, directory=str(tmp_path))).close()
    await refused(data[:-60], memory=0, directory=str(tmp_path))
    feed = Feed()
    feed.feed(data[:-60])
    feed.abort(OSError("reset") if native else None)
    with pytest.raises((OSError, Disconnected)):
        await read(b"", body=feed, memory=0, directory=str(tmp_path))
    assert [] == list(tmp_path.iterdir())


async def test_two_forms_at_once_do_not_mix(monkeypatch):
    """Each request has a parser of its own."""
    monkeypatch.setattr(module, "_BLOCK", 700)
    results = {}

    async def one(mark: bytes):
        rows = [("f", (mark.decode(), mark * 5000, "text/plain"))]
        results[mark] = await plain(await read(encode(rows), memory=100))

    async with anyio.create_task_group() as tasks:
        for mark in (b"a", b"b", b"c"):
            tasks.start_soon(one, mark)
    assert {mark: [("f", (mark.decode(), mark * 5000, "text/plain"))] for mark in (b"a", b"b", b"c")} == results


@pytest.mark.parametrize(
    ("header", "name", "filename"),
    [
        ('form-data; name="a"; filename="b"', "a", "b"),
        ("form-data; name=a; filename=b", "a", "b"),
        ('form-data;name="a";filename="b"', "a", "b"),
        ('FORM-DATA; NAME="a"; FILENAME="b"', "a", "b"),
        ('form-data; filename="b"; name="a"', "a", "b"),
        ('form-data; name="a;b"; filename="c;d"', "a;b", "c;d"),
        ('form-data; name="a%22b"; filename="c%22d"', 'a"b', 'c"d'),
        ('form-data; name="a%0D%0Ab"; filename="c"', "a\r\nb", "c"),
        ('form-data; name="é"; filename="日本.png"', "é", "日本.png"),
        ('form-data; name="a"; filename="C:\\\\fakepath\\\\x.png"', "a", "x.png"),
    ],
)
async def test_dispositions_as_clients_write_them(header, name, filename):
    """Quoted or not, in any case and order, with what browsers escape (WHATWG HTML §4.10.21.8)."""
    [(found, upload)] = await read(part(f"Content-Disposition: {header}"))
    assert (name, filename) == (found, upload.filename)

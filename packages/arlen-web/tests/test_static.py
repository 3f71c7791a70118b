"""Static: what is served, under which headers, and what never is."""

import gzip
import os
from pathlib import Path

import pytest

from arlen_core import App, HTTPError, NotFound, Request, StartupError
from arlen_core.testing import Client
from arlen_web import Web
from arlen_web.static import FOREVER, StaticMount

pytestmark = pytest.mark.anyio

OLD = 1_600_000_000
CSS = b"body { color: red }\n" * 100


def written(path: Path, data: bytes = b"x") -> Path:
    """Write a file that was last changed long ago."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    os.utime(path, (OLD, OLD))
    return path


@pytest.fixture
def root(tmp_path):
    """A folder of static files, and things beside it that must not be served."""
    public = tmp_path / "public"
    written(public / "app.css", CSS)
    written(public / "img" / "logo.png")
    written(public / "docs" / "index.html", b"<h1>Docs</h1>")
    written(public / "old" / "index.htm", b"<h1>Old</h1>")
    written(public / "name with é & space.txt", b"text")
    written(public / "backup.sql")
    written(public / "noext")
    written(public / ".env", b"SECRET=1")
    written(public / ".well-known" / "x.txt")
    written(tmp_path / "secret.txt", b"secret")
    (public / "link.txt").symlink_to(tmp_path / "secret.txt")
    (public / "up").symlink_to(tmp_path)
    return public


@pytest.fixture
def mount(root):
    """The folder below /static."""
    made = StaticMount("/static", root)
    made.scan()
    return made


async def get(mount, target, method="GET", query=b"", prefix="", **fields):
    """Ask a mount."""
    headers = [(name.replace("_", "-").encode(), value.encode()) for name, value in fields.items()]
    request = Request(method, target if isinstance(target, bytes) else target.encode(), query, headers)
    request.root = prefix
    return await mount.serve(request)


async def status(mount, target, **options):
    """Return the status of the answer, an error's too."""
    try:
        return (await get(mount, target, **options)).status
    except HTTPError as error:
        return error.status


async def test_a_file_is_served(mount):
    """Bytes, type, length, validators; browsers ask again before they use what they kept."""
    answer = await get(mount, "/static/app.css")
    assert (200, CSS) == (answer.status, answer.body)
    fields = dict(answer.headers.items())
    expected = {
        "content-type": "text/css; charset=utf-8",
        "content-length": str(len(CSS)),
        "cache-control": "no-cache",
        "accept-ranges": "bytes",
        "x-content-type-options": "nosniff",
        "vary": "accept-encoding",
    }
    assert expected == {name: fields[name] for name in expected}
    assert fields["etag"].startswith('"')


async def test_head_is_get_without_the_body(mount):
    """The same headers."""
    head, full = await get(mount, "/static/app.css", "HEAD"), await get(mount, "/static/app.css")
    assert sorted(full.headers.items()) == sorted(head.headers.items())


async def test_conditions_and_ranges_work(mount):
    """As for every file."""
    tag = (await get(mount, "/static/app.css")).headers["etag"]
    assert 304 == await status(mount, "/static/app.css", if_none_match=tag)
    assert 412 == await status(mount, "/static/app.css", if_match='"other"')
    part = await get(mount, "/static/app.css", range="bytes=0-3")
    assert (206, b"body") == (part.status, part.body)
    assert 416 == await status(mount, "/static/app.css", range="bytes=99999-")


async def test_names_are_decoded(mount):
    """A name with blanks and letters is asked for in percent-encoding."""
    answer = await get(mount, "/static/name%20with%20%C3%A9%20%26%20space.txt")
    assert b"text" == answer.body


NOT_FOUND = [
    "/static/missing.css",
    "/static/backup.sql",
    "/static/noext",
    "/static/.env",
    "/static/.well-known/x.txt",
    "/static/link.txt",
    "/static/up/secret.txt",
    "/static/up",
    "/static/up/",
    "/static/img/",
    "/static/app.css/",
    "/static/app.css/x.css",
    "/static/../secret.txt",
    "/static/%2e%2e/secret.txt",
    "/static/..%2fsecret.txt",
    "/static/..%5csecret.txt",
    "/static//app.css",
    "/static/img//logo.png",
    "/static/app.css%00.png",
    "/static/app.css.",
    "/static/app.css%20",
    "/static/app.css::$DATA",
    "/static/" + "a" * 300 + ".css",
    "/static/" + "a/" * 3000 + "x.css",
    "/static/%ff.css",
    "/static/%.css",
    "/staticapp.css",
    "/static/app.0000000000000000.sql",
    "/static/missing.0000000000000000.css",
]


@pytest.mark.parametrize("target", NOT_FOUND)
async def test_everything_else_is_404(mount, target):
    """Missing, hidden, not allowed, linked, or out of the folder in any spelling."""
    assert 404 == await status(mount, target)


async def test_the_allowlist_is_the_mounts(root):
    """Extensions are compared in lower case, with or without a dot."""
    written(root / "A.SQL", b"select 1")
    mount = StaticMount("/static", root, extensions=[".sql"])
    assert [200, 200, 404] == [await status(mount, f"/static/{name}") for name in ("backup.sql", "A.SQL", "app.css")]


@pytest.mark.parametrize(
    ("target", "location"),
    [
        ("/static", "/static/"),
        ("/static/docs", "/static/docs/"),
        ("/static/docs/index.html", "/static/docs/"),
        ("/static/docs/index.htm", "/static/docs/"),
        ("/static/index.html", "/static/"),
        ("/static/img", "/static/img/"),
    ],
)
async def test_folders_have_one_address(mount, target, location):
    """A folder ends in a slash, and its index has no name of its own."""
    answer = await get(mount, target)
    assert (301, location) == (answer.status, answer.headers["location"])


async def test_a_redirect_keeps_query_and_mount_prefix(mount):
    """The client comes back with what it had."""
    answer = await get(mount, "/static/docs", query=b"a=1&b", prefix="/inner")
    assert "/inner/static/docs/?a=1&b" == answer.headers["location"]


async def test_a_redirect_stays_on_this_host(root):
    """At the top, too, no path makes the location another host's."""
    (root / "evil.example").mkdir()
    mount = StaticMount("/", root)
    for target in (
        b"//evil.example",
        b"//evil.example/..",
        b"/\\evil.example",
        b"/%2fevil.example",
        b"/%5cevil.example",
    ):
        assert 404 == await status(mount, target)
    assert "/evil.example/" == (await get(mount, "/evil.example")).headers["location"]


@pytest.mark.parametrize(("target", "body"), [("/static/docs/", b"<h1>Docs</h1>"), ("/static/old/", b"<h1>Old</h1>")])
async def test_an_index_is_served(mount, target, body):
    """index.html, else index.htm."""
    answer = await get(mount, target)
    assert (body, "text/html; charset=utf-8") == (answer.body, answer.headers["content-type"])


async def test_the_prefix_may_be_written_in_any_encoding(root):
    """The router takes an encoded prefix for the same one; so does the mount, and no part of it is read as a name."""
    mount = StaticMount("/a/static", root)
    assert CSS == (await get(mount, "/%61/st%61tic/app.css")).body
    assert "/a/static/" == (await get(mount, "/%61/static")).headers["location"]
    assert [404, 404, 404] == [
        await status(mount, each) for each in ("/a/app.css", "/b/static/app.css", "/static/app.css")
    ]


async def test_without_html_there_is_no_index(root):
    """A mount that serves no pages serves no index."""
    mount = StaticMount("/static", root, extensions=["css"])
    assert 404 == await status(mount, "/static/docs/")


async def test_a_mount_at_the_top(root):
    """The folder's files are the site's."""
    mount = StaticMount("/", root)
    assert [200, 200, 404, 404] == [
        await status(mount, target) for target in ("/app.css", "/docs/", "/", "/static/app.css")
    ]


async def test_a_fingerprint_is_the_address_of_the_content(mount):
    """Browsers keep it for a year; a change of the file is another address."""
    first = mount.url("app.css")
    answer = await get(mount, first)
    assert (200, CSS, FOREVER) == (answer.status, answer.body, answer.headers["cache-control"])
    written(mount.folder.path / "app.css", b"changed")
    second = mount.url("/app.css")
    assert first != second
    assert b"changed" == (await get(mount, second)).body


async def test_an_old_fingerprint_leads_to_the_current_one(mount):
    """Never other content under that address, and nothing that a cache would keep."""
    first = mount.url("app.css")
    written(mount.folder.path / "app.css", b"changed")
    answer = await get(mount, first, query=b"v=1")
    assert (302, "no-store") == (answer.status, answer.headers["cache-control"])
    assert mount.url("app.css") + "?v=1" == answer.headers["location"]


async def test_a_file_that_looks_fingerprinted_is_itself(mount):
    """What a bundler named is served as it is."""
    written(mount.folder.path / "js" / "app.0123456789abcdef.js", b"bundled")
    answer = await get(mount, "/static/js/app.0123456789abcdef.js")
    assert (b"bundled", "no-cache") == (answer.body, answer.headers["cache-control"])


@pytest.mark.parametrize(
    "path", ["missing.css", "backup.sql", "../secret.txt", ".env", "link.txt", "", "docs", "/", "a%00.css"]
)
async def test_only_what_is_served_has_an_address(mount, path):
    """An address that would be a 404 is not made."""
    with pytest.raises(FileNotFoundError):
        mount.url(path)


async def test_an_address_is_encoded(mount):
    """Names may hold blanks and letters, and the address finds them."""
    url = mount.url("name with é & space.txt")
    assert url.isascii()
    assert " " not in url
    assert b"text" == (await get(mount, url)).body


@pytest.fixture
def packed(root):
    """Files with compressed siblings."""
    written(root / "app.css.gz", gzip.compress(CSS))
    written(root / "app.css.br", b"brotli")
    written(root / "backup.sql.gz", b"no")
    written(root / "docs" / "index.html.gz", gzip.compress(b"<h1>Docs</h1>"))
    mount = StaticMount("/static", root)
    mount.scan()
    return mount


@pytest.mark.parametrize(
    ("accept", "coding", "size"),
    [
        ("gzip, br", "br", 6),
        ("gzip", "gzip", None),
        ("gzip;q=1, br;q=0.1", "gzip", None),
        ("zstd", None, len(CSS)),
        ("", None, len(CSS)),
    ],
)
async def test_a_compressed_sibling_is_sent(packed, accept, coding, size):
    """In the coding that the client likes best, with the type of the file itself."""
    answer = await get(packed, "/static/app.css", accept_encoding=accept)
    assert coding == answer.headers.get("content-encoding")
    assert ("text/css; charset=utf-8", "accept-encoding") == (answer.headers["content-type"], answer.headers["vary"])
    if size is not None:
        assert str(size) == answer.headers["content-length"]


async def test_each_coding_has_its_own_tag(packed):
    """A cache cannot take one for the other; each is revalidated by its own."""
    plain, packed_ = await get(packed, "/static/app.css"), await get(packed, "/static/app.css", accept_encoding="gzip")
    assert plain.headers["etag"] != packed_.headers["etag"]
    again = await get(packed, "/static/app.css", accept_encoding="gzip", if_none_match=packed_.headers["etag"])
    assert (304, "accept-encoding") == (again.status, again.headers["vary"])


async def test_siblings_of_fingerprints_and_indexes(packed):
    """Every address of the file has them."""
    answer = await get(packed, packed.url("app.css"), accept_encoding="gzip")
    assert (CSS, FOREVER) == (gzip.decompress(answer.body), answer.headers["cache-control"])
    index = await get(packed, "/static/docs/", accept_encoding="gzip")
    assert b"<h1>Docs</h1>" == gzip.decompress(index.body)


async def test_a_sibling_is_no_address(packed):
    """Its extension is not served, and a file that is not served has none."""
    assert [404, 404] == [await status(packed, f"/static/{name}") for name in ("app.css.gz", "backup.sql")]


async def test_an_old_sibling_is_not_used(root):
    """A file that was changed after it was packed is sent as it is."""
    os.utime(written(root / "app.css.gz", b"old"), (OLD - 10, OLD - 10))
    mount = StaticMount("/static", root)
    mount.scan()
    assert CSS == (await get(mount, "/static/app.css", accept_encoding="gzip")).body


async def test_a_sibling_that_went_is_done_without(packed):
    """What the scan saw may be gone."""
    (packed.folder.path / "app.css.gz").unlink()
    answer = await get(packed, "/static/app.css", accept_encoding="gzip")
    assert (CSS, None) == (answer.body, answer.headers.get("content-encoding"))


async def test_in_development_siblings_are_not_used(root):
    """The file under the editor is what is shown."""
    written(root / "app.css.gz", b"old")
    mount = StaticMount("/static", root, watch=True)
    mount.scan()
    assert CSS == (await get(mount, "/static/app.css", accept_encoding="gzip")).body


async def test_a_picture_does_not_vary(mount):
    """Nothing is negotiated for what is compressed already."""
    assert "vary" not in (await get(mount, "/static/img/logo.png")).headers


async def test_a_large_file_is_streamed_from_the_folder(root):
    """The bytes come through the same rules as the first look: a link put there meanwhile is not followed."""
    written(root / "big.txt", b"x" * 200_000)
    mount = StaticMount("/static", root)
    answer = await get(mount, "/static/big.txt")
    assert 200_000 == sum([len(chunk) async for chunk in answer.stream])
    answer = await get(mount, "/static/big.txt")
    (root / "big.txt").unlink()
    (root / "big.txt").symlink_to(root.parent / "secret.txt")
    with pytest.raises(OSError):  # noqa: PT011  # which one depends on the system
        answer.open()


async def test_through_an_application(root):
    """Routes, methods, middleware and security headers are those of the application."""
    app = App("site", root=root.parent, environ={})
    app.use(Web())
    async with Client(app) as client:
        answer = await client.get("/static/app.css")
        assert (200, CSS) == (answer.status, answer.body)
        assert "x-request-id" in answer.headers
        assert 405 == (await client.post("/static/app.css")).status
        assert 301 == (await client.get("/static")).status
        assert 404 == (await client.get("/static/")).status
        assert b"<h1>Docs</h1>" == (await client.get("/static/docs", follow=True)).body
        assert 404 == (await client.get("/static/backup.sql")).status
        packed = await client.get("/static/app.css", headers={"Accept-Encoding": "gzip"})
        assert CSS == gzip.decompress(packed.body)


@pytest.mark.parametrize("prefix", ["/a b", "/../x", "/{x}", "/.x", "/a%2fb"])
async def test_a_bad_prefix_is_refused(root, prefix):
    """A prefix is a plain path."""
    with pytest.raises(StartupError, match="prefix"):
        StaticMount(prefix, root)


async def test_a_missing_file_of_a_mount_is_a_plain_not_found(mount):
    """The error says nothing about the folder."""
    with pytest.raises(NotFound) as caught:
        await get(mount, "/static/missing.css")
    assert "" == caught.value.detail

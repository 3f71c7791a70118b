"""Calls: a generated client talks to an application that is really served, in Python and in TypeScript."""

import asyncio
import importlib.util
import json
import subprocess
import sys
import threading
from datetime import date
from uuid import UUID

import pytest
import shelf

import arlen_openapi
from arlen_openapi import python, typescript
from arlen_openapi.references import parse

httpx = pytest.importorskip("httpx", reason="httpx is not installed, which generated clients use")
pytest.importorskip("multipart", reason="the parser of multipart forms is not installed")
server = pytest.importorskip("arlen_server.server", reason="arlen-server is not installed, which serves here")
settings = pytest.importorskip("arlen_server.settings")

ID = UUID("c0ffee00-0000-4000-8000-000000000001")
AT = "2026-11-22T12:30:00Z"


@pytest.fixture(scope="module")
def document():
    """Return the document of the application, as a file would hold it."""
    return parse(arlen_openapi.encode(arlen_openapi.document(shelf.app)), "shelf")


@pytest.fixture(scope="module")
def module(document, tmp_path_factory):
    """Return the client, imported as its users do."""
    path = tmp_path_factory.mktemp("client") / "shelf_client.py"
    path.write_text(python.client(document), encoding="utf-8")
    spec = importlib.util.spec_from_file_location("shelf_client", path)
    made = importlib.util.module_from_spec(spec)
    sys.modules["shelf_client"] = made
    spec.loader.exec_module(made)
    yield made
    del sys.modules["shelf_client"]


@pytest.fixture
def address():
    """Serve the application on a free port; return where."""
    ready, done, found = threading.Event(), threading.Event(), []

    async def main():
        running = server.Server(shelf.app, settings.Settings(port=0))
        await running.start()
        found.append(running.addresses[0])
        ready.set()
        await asyncio.to_thread(done.wait)
        await running.stop()

    thread = threading.Thread(target=asyncio.run, args=(main(),))
    thread.start()
    try:
        assert ready.wait(30)
        yield found[0]
    finally:
        done.set()
        thread.join(30)


def test_parameters_arrive(module, address):
    """From every place, whatever characters they hold."""
    with module.Client(address) as client:
        full = client.echo(
            "a b/ü?#%", 7, tag=["x", "y&z"], level="high", since=date(2026, 1, 2), exact=True, x_team="t", theme="d:k"
        )
        bare = client.echo("a", 7)
    assert {
        "name": "a b/ü?#%",
        "number": 7,
        "tag": ["x", "y&z"],
        "level": "high",
        "since": "2026-01-02",
        "exact": True,
        "team": "t",
        "theme": "d:k",
    } == full
    assert {
        "name": "a",
        "number": 7,
        "tag": [],
        "level": "low",
        "since": None,
        "exact": False,
        "team": "none",
        "theme": "light",
    } == bare


def test_bodies_and_answers_have_types(module, address):
    """What goes there and back is the same, of the same types."""
    book = module.Book(title="Emma", pages=474)
    entry = module.Entry(id=ID, at=AT, thing=book, level="low", notes=["n"], more={"a": 0.5})
    with module.Client(address) as client:
        found = client.add(body=entry)
    assert entry == found
    assert (ID, AT, module.Book) == (found.id, found.at, type(found.thing))


def test_alternatives_are_told_apart(module, address):
    """By their tags."""
    with module.Client(address) as client:
        assert module.Book(title="Emma", pages=474) == client.thing("book")
        assert module.Record(title="Kind of Blue", made=date(1959, 8, 17)) == client.thing("record")


def test_a_default_is_left_to_the_server(module, address):
    """It is neither sent nor has it to be given."""
    with module.Client(address) as client:
        assert ("t", 1) == ((found := client.draft(body=module.Draft(title="t"))).title, found.count)


def test_files_arrive(module, address):
    """With their names."""
    file, more = module.Upload("a.txt", b"abc"), module.Upload("b.txt", b"\x00" * 9)
    form = next(kind for name, kind in vars(module).items() if name in {"Picture", "PictureBody"})
    with module.Client(address) as client:
        found = client.picture(body=form(title="t", file=file, more=[more, file]))
    assert {"title": "t", "files": [["a.txt", 3], ["b.txt", 9], ["a.txt", 3]]} == found


def test_answers_of_other_kinds(module, address):
    """Text, bytes, and nothing at all."""
    with module.Client(address) as client:
        assert ("hélas", b"\x00\xff\x01", None) == (client.text(), client.blob(), client.drop(ID))


def test_one_answer_of_several_kinds(module, address):
    """What the handler returns arrives as what it is."""
    with module.Client(address) as client:
        found = [client.either(kind) for kind in ("book", "text", "bytes")]
    assert [module.Book(title="Emma", pages=474), "hélas", b"\x00\xff"] == found


def test_an_error_is_an_exception_with_the_problem(module, address):
    """All that the server said is there."""
    with module.Client(address) as client:
        with pytest.raises(module.ApiError, match="404 there is no such thing") as missing:
            client.missing()
        with pytest.raises(module.ApiError) as wrong:
            client.draft(body=module.Draft(title=3))
    assert (404, "not_found") == (missing.value.status, missing.value.problem.code)
    assert missing.value.headers["x-request-id"] == missing.value.problem.request_id
    assert [("title", "invalid_type")] == [(each.field, each.code) for each in wrong.value.problem.errors]


@pytest.mark.parametrize("name", ["", ".", ".."])
def test_a_path_cannot_be_left(name, module, address):
    """A segment that would mean another path is refused before it is sent."""
    with module.Client(address) as client, pytest.raises(ValueError, match="may not be"):
        client.echo(name, 1)


def test_the_rest_of_a_path_has_slashes(module, address):
    """They stay slashes; everything else is encoded, and no part may lead elsewhere."""
    with module.Client(address) as client:
        assert "a b/ü?.txt" == client.file("a b/ü?.txt")
        for rest in ("", "..", "a/../b", "./a"):
            with pytest.raises(ValueError, match="may not be"):
                client.file(rest)


@pytest.mark.parametrize("value", ["a;b", "a b", "a,b", 'a"b', "a\\b", "é", "a\r\nb"])
def test_a_cookie_cannot_become_two(value, module):
    """Nor a header of its own (RFC 6265, section 4.1.1)."""
    with module.Client("http://localhost") as client, pytest.raises(ValueError, match="cookie 'theme' may not be"):
        client.echo("a", 1, theme=value)


def test_an_answer_that_is_not_what_was_said_is_an_error(module):
    """Rather than a value of another type."""
    answers = [httpx.Response(200, text="[]"), httpx.Response(200, text="{"), httpx.Response(299, text="{}")]
    http = httpx.Client(transport=httpx.MockTransport(lambda request: answers.pop()))
    with http, module.Client("http://localhost", client=http) as client:
        for message in (
            "is no answer that this client knows",
            "not what the document says",
            "not what the document says",
        ):
            with pytest.raises(module.ApiError, match=message):
                client.thing("book")


def test_headers_are_those_of_every_call(module):
    """A parameter comes before them."""
    seen = []
    transport = httpx.MockTransport(lambda request: seen.append(request.headers) or httpx.Response(200, json={}))
    with httpx.Client(transport=transport) as http:
        client = module.Client("http://localhost/", headers={"Authorization": "Bearer t", "X-Team": "all"}, client=http)
        client.echo("a", 1)
        client.echo("a", 1, x_team="own")
        client.close()
        assert not http.is_closed
    assert [("Bearer t", "all"), ("Bearer t", "own")] == [(each["authorization"], each["x-team"]) for each in seen]
    assert "application/json, application/problem+json" == seen[0]["accept"]


@pytest.mark.anyio
async def test_calls_can_be_awaited(module, address):
    """Several at a time."""
    async with module.AsyncClient(address) as client:
        first, second = await asyncio.gather(client.thing("book"), client.text())
        with pytest.raises(module.ApiError):
            await client.missing()
    assert ("Emma", "hélas") == (first.title, second)


SCRIPT = """
import { ApiError, Client } from "./client.ts";

const client = new Client({ baseUrl: process.argv[2] + "/", headers: async () => ({ "x-team": "t" }) });
const told = {};
const entry = {
  type: "book", id: "c0ffee00-0000-4000-8000-000000000001", at: "2026-11-22T12:30:00Z", level: "low",
  thing: { type: "book", title: "Emma" }, notes: ["n"], more: { a: 0.5 },
};
told.full = await client.echo({
  name: "a b/ü?#%", number: 7, tag: ["x", "y&z"], level: "high", since: "2026-01-02", exact: true, theme: "d:k",
});
told.bare = await client.echo({ name: "a", number: 7, tag: [] }, { headers: { "x-team": "u" } });
told.entry = (await client.add({ body: entry })).thing;
told.kinds = [(await client.thing({ kind: "book" })).type, (await client.thing({ kind: "record" })).type];
told.draft = await client.draft({ body: { title: "t", tags: ["a"] } });
const file = new File(["abc"], "a.txt");
told.files = (await client.picture({ body: { title: "t", file, more: [file] } })).files;
told.rest = await client.file({ rest: "a b/ü?.txt" });
told.out = await client.file({ rest: "a/../b" }).catch((error) => error.name);
told.text = await client.text();
told.bytes = [...new Uint8Array(await (await client.blob()).arrayBuffer())];
told.either = [(await client.either({ kind: "book" })).title, await client.either({ kind: "text" })];
told.nothing = (await client.drop({ id: entry.id })) === undefined;
try {
  await client.missing();
} catch (error) {
  told.error = [error instanceof ApiError, error.name, error.status, error.problem.code, error.message];
}
for (const name of ["", ".", ".."]) {
  try {
    await client.echo({ name, number: 1 });
  } catch (error) {
    told.path = [...(told.path ?? []), error.message];
  }
}
for (const theme of ["a;b", "a b", "é", "a\\r\\nb", "a,b"]) {
  const failed = (error) => (told.cookies = [...(told.cookies ?? []), error.name]);
  await client.echo({ name: "a", number: 1, theme }).catch(failed);
}
const stop = new AbortController();
stop.abort();
told.aborted = await client.text({ signal: stop.signal }).catch((error) => error.name);
console.log(JSON.stringify(told));
"""


def test_typescript_calls(document, node, address, tmp_path):
    """Node runs the client as it is, and the server understands every call."""
    (tmp_path / "client.ts").write_text(typescript.client(document), encoding="utf-8")
    (tmp_path / "main.mjs").write_text(SCRIPT, encoding="utf-8")
    done = subprocess.run(
        [node, tmp_path / "main.mjs", address], capture_output=True, text=True, check=False, timeout=60
    )
    assert "" == done.stderr
    told = json.loads(done.stdout)
    assert {
        "name": "a b/ü?#%",
        "number": 7,
        "tag": ["x", "y&z"],
        "level": "high",
        "since": "2026-01-02",
        "exact": True,
        "team": "t",
        "theme": "d:k",
    } == told["full"]
    assert {"name": "a", "tag": [], "team": "u", "theme": "light"}.items() <= told["bare"].items()
    assert {"type": "book", "title": "Emma", "pages": 1} == told["entry"]
    assert ["book", "record"] == told["kinds"]
    assert {"title": "t", "count": 1, "tags": ["a"]} == told["draft"]
    assert [["a.txt", 3], ["a.txt", 3]] == told["files"]
    assert ("hélas", [0, 255, 1], True) == (told["text"], told["bytes"], told["nothing"])
    assert ["Emma", "hélas"] == told["either"]
    assert [True, "ApiError", 404, "not_found", "404 there is no such thing"] == told["error"]
    assert [f'the path parameter name may not be "{each}"' for each in ("", ".", "..")] == told["path"]
    assert ["TypeError"] * 5 == told["cookies"]
    assert ("a b/ü?.txt", "TypeError") == (told["rest"], told["out"])
    assert "AbortError" == told["aborted"]


def test_typescript_has_the_types(document, tsc, tmp_path):
    """A wrong call does not compile, and the right one does."""
    (tmp_path / "client.ts").write_text(typescript.client(document), encoding="utf-8")
    good, bad = tmp_path / "good.ts", tmp_path / "bad.ts"
    head = 'import { Client } from "./client";\nconst client = new Client({ baseUrl: "" });\n'
    good.write_text(
        head + 'export const title: string = (await client.thing({ kind: "book" })).title;\n', encoding="utf-8"
    )
    bad.write_text(head + 'await client.thing({ kind: "film" });\nawait client.echo({ name: 3 });\n', encoding="utf-8")
    assert "" == tsc(good)
    told = tsc(bad)
    assert '"film"' in told
    assert 2 == told.count("bad.ts(")

"""Hostile requests: whatever comes, `handle` answers, and what it answers can be sent."""

import re
from collections.abc import AsyncIterator
from typing import Annotated

import anyio
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Meta, Struct

from arlen_core.app import App
from arlen_core.bodies import Feed
from arlen_core.context import Context
from arlen_core.forms import Form
from arlen_core.params import Cookie, Header, Input
from arlen_core.queries import Query
from arlen_core.requests import Request
from arlen_core.responses import Response, discard, redirect
from arlen_core.testing import Client

pytestmark = pytest.mark.anyio

NAME = re.compile(rb"[!#$%&'*+\-.^_`|~0-9a-z]+").fullmatch
VALUE = re.compile(rb"[\t\x20-\x7e\x80-\xff]*").fullmatch


class Note(Struct):
    title: Annotated[str, Meta(max_length=5)]
    stars: int = 0
    tags: list[str] = []
    kids: "list[Note]" = []


class Filters(Struct):
    page: Annotated[int, Meta(ge=1)] = 1
    tag: list[str] = []


def made() -> App:
    """Return an application with a handler of every kind; none of them fails by itself."""
    app = App("hostile", environ={"ARLEN_LOG__ACCESS": "false", "ARLEN_HTTP__MAX_BODY": "200"})
    app.log = type("Ledger", (), {"error": lambda self, event, **values: app.errors.append((event, values))})()
    app.errors = []

    @app.get("/n/{id:int}")
    async def number(id: int, ratio: float = 0, q: str = "", flags: list[bool] = []) -> dict:  # noqa: B006
        return {"id": id, "ratio": ratio, "q": q, "flags": flags}

    @app.get("/t/{slug}")
    async def slug(slug: str, theme: Annotated[int, Cookie] = 0, size: Annotated[int, Header("x-size")] = 0) -> str:
        return slug

    @app.get("/f")
    async def filters(filters: Annotated[Filters, Query]) -> Filters:
        return filters

    @app.route("/note", methods=["POST", "PUT"])
    async def note(note: Note) -> Note:
        return note

    @app.post("/again")
    async def again(note: Input[Note]) -> dict:
        return {"ok": note.ok, "errors": len(note.errors)}

    @app.post("/form")
    async def form(form: Form) -> list:
        return sorted(form)

    @app.get("/back")
    async def back(to: str) -> Response:
        return redirect("/" + to.lstrip("/") if to.isprintable() else "/")

    @app.get("/stream")
    async def stream(ctx: Context) -> AsyncIterator[str]:
        yield ctx.request.path

    @app.get("/files/{rest:path}")
    async def files(rest: str) -> str:
        return rest

    return app


def sendable(request: Request, response: Response) -> None:
    """Check that a server can write the response."""
    assert 200 <= response.status <= 599
    assert (response.body is None) == (response.stream is not None)
    for name, value in response.raw:
        assert NAME(name), name
        assert VALUE(value), (name, value)
    names = [name for name, _ in response.raw]
    assert {b"x-request-id", b"traceparent", b"x-content-type-options"} <= set(names)
    assert names.count(b"content-type") <= 1
    assert response.status != 500, request


chars = st.one_of(
    st.sampled_from([b"/", b"//", b".", b"..", b"%", b"%2F", b"%00", b"%FF", b"%C3%A9", b"?", b"#", b"\\", b" ",
                     b"\r\n",
                     b"\x00", b"\xff", b";", b"a", b"n", b"7", b".json", b"{id}", b"+", b"%2e%2e"]),
    st.binary(min_size=1, max_size=3),
)  # fmt: skip
starts = st.sampled_from([b"/", b"/n/", b"/n/7", b"/t/", b"/f", b"/note", b"/again", b"/form", b"/back", b"/stream",
                          b"/files/", b"/healthz", b"/readyz", b"", b"*", b"http://x/"])  # fmt: skip
targets = st.builds(lambda start, rest: start + b"".join(rest), starts, st.lists(chars, max_size=5))
queries = st.one_of(
    st.binary(max_size=20),
    st.lists(
        st.tuples(
            st.sampled_from(["q", "ratio", "flags", "page", "tag", "to", "format", "x"]),
            st.sampled_from(["", "1", "-1", "on", "nan", "1e999", "%FF", "%0d%0a", "//evil", "\\evil", "9" * 50, "a b"])
            | st.text(st.characters(max_codepoint=0x7E), max_size=5),
        ).map("=".join),
        max_size=4,
    ).map(lambda rows: "&".join(rows).encode()),
)
fields = st.tuples(
    st.sampled_from([b"accept", b"accept-encoding", b"cookie", b"content-type", b"content-length", b"if-none-match",
                     b"range", b"x-request-id", b"traceparent", b"x-size", b"host", b"origin", b"x"]),
    st.one_of(
        st.sampled_from([b"*/*", b"text/html", b"application/json", b"gzip", b"theme=1; theme=x", b"q=0", b"*;q=9",
                         b"5",
                         b"application/x-www-form-urlencoded", b"multipart/form-data; boundary=b", b'"x"', b"bytes=0-",
                         b"bytes=-1,5-2", b"text/plain;q=nan", b"\xff\xfe", b"", b",,,", b'W/"'] ),
        st.binary(max_size=10).filter(lambda value: VALUE(value) is not None),
    ),
)  # fmt: skip
bodies = st.one_of(
    st.binary(max_size=60),
    st.sampled_from([b"{}", b"[]", b"null", b'{"title":"a"}', b'{"title":1,"kids":[{}]}', b"[" * 150, b'{"kids":[' * 20,
                     b"title=a&stars=x", b"x" * 201, b"--b\r\n", b"--b--\r\n", b'{"title":"\xff"}', b"NaN",
                     b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\nx\r\n--b--\r\n'] ),
)  # fmt: skip
methods = st.sampled_from(["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "QUERY", "get", "X", "CONNECT", "TRACE"])


@settings(max_examples=150)
@given(st.lists(st.tuples(methods, targets, queries, st.lists(fields, max_size=4), bodies), min_size=1, max_size=4))
def test_whatever_comes_is_answered(requests):
    """No exception, no 500, no header that cannot be sent, no request that hurts the next one."""

    async def run() -> None:
        app = made()
        await app.start()
        for method, target, query, raw, data in requests:
            feed = Feed(limit=None)
            feed.feed(data)
            feed.close()
            request = Request(method, target, query, list(raw), feed, client=("1.2.3.4", 5))
            response = await app.handle(request)
            sendable(request, response)
            if response.stream is not None:
                async for chunk in response.stream:
                    assert isinstance(chunk, str | bytes)
            await discard(response.stream)
            app.finish(request, response)
        await app.stop()
        assert [] == app.errors

    anyio.run(run)


@pytest.mark.parametrize("accept", ["application/json", "text/html", "text/plain"])
async def test_errors_echo_nothing_dangerous(accept):
    """A path, a query, a header and a field full of markup and line ends come back escaped, if at all."""
    wild = "<script>alert(1)</script>\r\nset-cookie: a=b"
    async with Client(made(), headers={"accept": accept}) as client:
        for reply in (
            await client.get("/" + "".join(f"%{byte:02X}" for byte in wild.encode())),
            await client.get("/f", query={"page": wild}),
            await client.post("/note", json={"title": wild, wild: wild, "tags": wild}),
            await client.post("/note", body=wild.encode(), headers={"content-type": "text/<script>"}),
            await client.request("TRACE", "/f"),
        ):
            assert 400 <= reply.status < 500
            assert None is reply.headers.get("set-cookie")
            if reply.media != "text/plain":
                assert b"<script>" not in reply.body or reply.media == "application/problem+json"
            assert "nosniff" == reply.headers["x-content-type-options"]


async def test_a_redirect_to_what_a_client_sent_stays_a_url():
    """Whatever is in it, one line, and nothing but visible ASCII."""
    async with Client(made()) as client:
        for to in ("//evil.example", "\\\\evil.example", "a b", "é", '"><script>', "a%0d%0ab", "\tx"):
            reply = await client.get("/back", query={"to": to})
            assert re.fullmatch(r"/[!-~]*", reply.headers["location"])
            assert not reply.headers["location"].startswith(("//", "/\\"))


async def test_bombs_cost_little():
    """Deep JSON, a flood of fields, cookies, Accept members, and parameters: answered, not suffered."""
    many = ",".join(["text/x;q=0.1"] * 5000)
    async with Client(App("bombs", environ={"ARLEN_LOG__ACCESS": "false"})) as client:
        assert 404 == (await client.get("/x", headers={"accept": many})).status
        assert 404 == (await client.get("/x", headers={"cookie": "; ".join(f"a{n}=1" for n in range(5000))})).status
        assert 404 == (await client.get("/" + "/".join("a" * 5000))).status
        assert 404 == (await client.get("/x?" + "&".join("a=1" for _ in range(5000)))).status

    app = App("bombs", environ={"ARLEN_LOG__ACCESS": "false"})

    @app.post("/note")
    async def note(note: Note, q: str = "") -> Note:
        return note

    async with Client(app) as client:
        kind = {"content-type": "application/json"}
        for body in (b"[" * 500_000, b'{"kids":[' * 100_000, b'{"a":' * 150_000):
            assert 400 == (await client.post("/note", body=body, headers=kind)).status
        wide = msgspec.json.encode({"title": "a", "tags": [1] * 200_000})
        reply = await client.post("/note", body=wide, headers=kind)
        assert (422, 100) == (reply.status, len(reply.json()["errors"]))
        deep: dict = {"title": 1, "kids": [{"title": "a"}] * 20_000}
        for _ in range(60):
            deep = {"title": "a", "kids": [deep]}
        assert 422 == (await client.post("/note", body=msgspec.json.encode(deep), headers=kind)).status
        assert 400 == (await client.post("/note?" + "&".join("a=1" for _ in range(1001)), json={})).status
        fields = {f"f{n}": "1" for n in range(1001)}
        assert 400 == (await client.post("/note", form=fields)).status

"""The opt-in envelope around JSON answers."""

import pytest

from arlen_core import App, Router, redirect
from arlen_core.envelope import envelope
from arlen_core.testing import Client

pytestmark = pytest.mark.anyio


def made() -> App:
    """Return an application with one wrapped and one plain router."""
    app = App("wrapped")
    inside = Router("/in", middleware=[envelope])

    @inside.get("/data")
    async def data() -> list[int]:
        return [1, 2]

    @inside.get("/own")
    async def own() -> dict[str, object]:
        return {"data": 7, "meta": {"page": 2}}

    @inside.get("/text")
    async def text() -> str:
        return "plain"

    @inside.get("/away")
    async def away() -> object:
        return redirect("/in/data")

    @inside.get("/typed/{id}")
    async def typed(id: int, page: int) -> int:
        return id + page

    @app.get("/out")
    async def out() -> dict[str, int]:
        return {"n": 1}

    app.include(inside)
    return app


async def test_data_and_request_id() -> None:
    """A JSON answer is put under `data`, with the request id beside it."""
    async with Client(made()) as client:
        reply = await client.get("/in/data")
        assert reply.json() == {"data": [1, 2], "meta": {"request_id": reply.headers["x-request-id"]}}


async def test_enveloped_only_gains_meta() -> None:
    """What is in an envelope already keeps it and gains the request id."""
    async with Client(made()) as client:
        reply = await client.get("/in/own")
        assert reply.json() == {"data": 7, "meta": {"request_id": reply.headers["x-request-id"], "page": 2}}


async def test_problem_is_an_error() -> None:
    """A problem is put under `error` and keeps its status and media type."""
    async with Client(made()) as client:
        reply = await client.get("/in/typed/1?page=x")
        assert reply.status == 422
        assert reply.media == "application/problem+json"
        assert reply.json()["error"]["code"] == "validation_failed"


@pytest.mark.parametrize(("path", "body"), [("/in/text", b"plain"), ("/in/away", b""), ("/out", b'{"n":1}')])
async def test_others_stay(path: str, body: bytes) -> None:
    """Text, empty answers and routes outside of the router are left alone."""
    async with Client(made()) as client:
        assert (await client.get(path)).body == body

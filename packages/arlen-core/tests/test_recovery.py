"""Recovery: what an exception becomes; it never raises, and nothing internal is told in production."""

import json

import pytest

from arlen_core.app import App
from arlen_core.errors import Disconnected, HTTPError, NotFound, StartupError, ValidationFailed
from arlen_core.responses import Response, text
from arlen_core.testing import Client

pytestmark = pytest.mark.anyio


class Stock(Exception):
    """An error of the application."""


class Empty(Stock):
    """A special case of it."""


class Ledger:
    """A log that is kept."""

    def __init__(self) -> None:
        self.lines = []

    def error(self, event: str, **values) -> None:
        self.lines.append((event, values.get("exc_info")))

    exception = error


def made(env: str = "production", error: Exception | None = None) -> App:
    """Return an application with a handler that fails, and a log that is kept."""
    app = App("recovery", env=env, environ={"ARLEN_LOG__ACCESS": "false"})
    app.log = Ledger()
    app.lines = app.log.lines

    @app.get("/fail")
    async def fail() -> None:
        raise error or RuntimeError("secret: hunter2")

    return app


async def test_an_error_that_nobody_foresaw():
    """500 with the request id, logged with its traceback; not a word of it in the answer."""
    app = made()
    async with Client(app) as client:
        for accept in ("application/json", "text/html", "text/plain"):
            reply = await client.get("/fail", headers={"accept": accept})
            assert 500 == reply.status
            for secret in (b"hunter2", b"RuntimeError", b"Traceback", __file__.encode()):
                assert secret not in reply.body
            if accept != "text/plain":
                assert reply.headers["x-request-id"].encode() in reply.body
    assert 3 == len(app.lines)
    assert ("http.request.failed", True) == (app.lines[0][0], isinstance(app.lines[0][1], RuntimeError))


async def test_in_development_the_page_tells():
    """Escaped, with a policy of its own; and JSON for programs."""
    async with Client(made("development", ValueError("<b>tea"))) as client:
        page = await client.get("/fail", headers={"accept": "text/html"})
        assert "&lt;b&gt;tea" in page.text
        assert "<b>tea" not in page.text
        assert "'nonce-" in page.headers["content-security-policy"]
        assert 1 == len(page.headers.all("content-security-policy"))
        assert "ValueError" == (await client.get("/fail")).json()["exception"]


@pytest.mark.parametrize("error", [HTTPError(409, "taken"), NotFound(), ValidationFailed([])])
async def test_an_error_on_purpose_is_not_logged(error):
    """In development neither: it is an answer."""
    for env in ("production", "development"):
        app = made(env, error)
        async with Client(app) as client:
            reply = await client.get("/fail")
        assert (error.status, error.code, []) == (reply.status, reply.json()["code"], app.lines)


async def test_handlers_by_type_and_status():
    """The nearest type first, then the status; the error's status stays unless a response says otherwise."""
    app = made()
    kinds = {"empty": Empty("e"), "stock": Stock("s"), "missing": NotFound("m"), "taken": HTTPError(409, "t")}

    @app.get("/{kind}")
    async def fail(kind: str) -> None:
        raise kinds[kind]

    @app.error(Stock)
    async def stock(ctx, error):
        return {"stock": str(error), "path": ctx.request.path}

    @app.error(Empty)
    async def empty(ctx, error):
        return text("empty", 410)

    @app.error(404)
    async def missing(ctx, error):
        return f"missing {error.detail}"

    async with Client(app) as client:
        assert (410, "empty") == ((reply := await client.get("/empty")).status, reply.text)
        assert (500, {"stock": "s", "path": "/stock"}) == ((reply := await client.get("/stock")).status, reply.json())
        assert (404, "missing m") == ((reply := await client.get("/missing")).status, reply.text)
        assert (404, "missing there is nothing at this address") == (
            (reply := await client.get("/a/b")).status, reply.text,
        )  # fmt: skip
        assert 409 == (await client.get("/taken")).status
    assert [] == app.lines


async def test_a_type_of_the_framework_may_be_handled():
    """HTTPError itself, or one of its kinds; it beats the status."""
    app = made(error=ValidationFailed([]))

    @app.error(HTTPError)
    async def general(ctx, error):
        return f"general {error.status}"

    @app.error(422)
    async def status(ctx, error):
        return "status"

    async with Client(app) as client:
        assert (422, "general 422") == ((reply := await client.get("/fail")).status, reply.text)


@pytest.mark.parametrize("kind", [500, Exception])
async def test_a_page_for_everything_hides_nothing_from_the_log(kind):
    """A 500 page of one's own is a page; the error is still logged."""
    app = made()

    @app.error(kind)
    async def page(ctx, error):
        return "sorry"

    async with Client(app) as client:
        assert (500, "sorry") == ((reply := await client.get("/fail")).status, reply.text)
    assert ["http.request.failed"] == [event for event, _ in app.lines]


async def test_headers_of_the_error_stay():
    """A page of one's own cannot lose Allow or Retry-After; it may set its own."""
    app = made(error=HTTPError(503, headers={"retry-after": "9", "x-a": "error"}))

    @app.error(503)
    async def busy(ctx, error):
        return Response("busy", 503, headers={"x-a": "page"})

    async with Client(app) as client:
        reply = await client.get("/fail")
        assert ("9", "page") == (reply.headers["retry-after"], reply.headers["x-a"])


@pytest.mark.parametrize("again", [KeyError("second"), HTTPError(418, "teapot"), "no answer"])
async def test_an_error_handler_that_fails(again):
    """Both errors are logged; the answer is that of the second."""
    app = made()

    @app.error(RuntimeError)
    async def handler(ctx, error):
        if isinstance(again, Exception):
            raise again
        return object()

    async with Client(app) as client:
        reply = await client.get("/fail")
    assert (418 if isinstance(again, HTTPError) else 500) == reply.status
    assert b"hunter2" not in reply.body
    assert ["http.error_handler.failed"] == [event for event, _ in app.lines]


async def test_an_error_hook_that_fails():
    """The client gets an answer all the same."""
    app = made(error=NotFound())
    seen = []

    @app.hook("error")
    async def hook(request, error):
        seen.append(error)
        raise KeyError

    async with Client(app) as client:
        assert 500 == (await client.get("/fail")).status
    assert (1, ["http.error_handler.failed"]) == (len(seen), [event for event, _ in app.lines])


@pytest.mark.parametrize("env", ["production", "development"])
@pytest.mark.parametrize(
    "headers", [{"x-a": "b\r\nset-cookie: c=d"}, {"x a": "b"}, {"x-a": "\u2028"}, {"location": "/\nx"}]
)
async def test_a_header_that_http_forbids_in_an_error(env, headers):
    """500, logged, and nothing of it on the wire, whatever makes the answer."""
    app = made(env, HTTPError(400, headers=headers))
    async with Client(app) as client:
        reply = await client.get("/fail")
        assert (500, None) == (reply.status, reply.headers.get("set-cookie"))

        @app.error(400)
        async def page(ctx, error):
            return "mine"

        assert 500 == (await client.get("/fail")).status
    assert 2 == len(app.lines)


async def test_text_that_cannot_be_sent():
    """A detail that is no UTF-8 is an error of the program, not of the connection."""
    app = made(error=HTTPError(400, "\ud800"))
    async with Client(app) as client:
        for accept in ("application/json", "text/html", "text/plain"):
            assert 500 == (await client.get("/fail", headers={"accept": accept})).status


async def test_a_client_that_went_away_while_its_body_was_read():
    """Nobody sees the answer, and it is no failure of the application."""
    app = made(error=Disconnected("gone"))
    async with Client(app) as client:
        reply = await client.get("/fail")
    assert (400, "client_disconnected", []) == (reply.status, reply.json()["code"], app.lines)


@pytest.mark.parametrize("kind", [399, 600, 200, "404", None, BaseException, int, KeyboardInterrupt, NotFound()])
def test_what_is_no_error_cannot_be_handled(kind):
    """A mistake said when it is made."""

    async def handler(ctx, error): ...

    with pytest.raises(StartupError, match="is no error"):
        made().error(kind)(handler)


def test_an_error_handler_must_be_a_coroutine_function():
    """Otherwise it would fail when it is needed."""

    def handler(ctx, error): ...

    with pytest.raises(StartupError, match=r"test_recovery.*is no coroutine function"):
        made().error(404)(handler)


async def test_the_last_handler_counts():
    """An application may replace what a plugin brought."""
    app = made(error=NotFound())
    for word in ("plugin", "application"):

        @app.error(404)
        async def handler(ctx, error, word=word):
            return word

    async with Client(app) as client:
        assert "application" == (await client.get("/fail")).text


async def test_a_handler_may_render():
    """By negotiation, as a handler may."""
    app = made(error=NotFound("no tea"))

    @app.error(404)
    async def handler(ctx, error):
        return ctx.render("errors/404", detail=error.detail)

    async with Client(app) as client:
        reply = await client.get("/fail", headers={"accept": "application/json"})
        assert (404, {"detail": "no tea"}) == (reply.status, json.loads(reply.body))

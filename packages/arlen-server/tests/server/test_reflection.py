"""Reflection and traversal: what a client writes comes back as data, and leads to no file that is not meant."""

import itertools
import json

import pytest

from arlen_core import App, Request
from arlen_core.errors import HTTPError
from arlen_core.responses import Response, redirect, text

pytestmark = pytest.mark.anyio

# line ends in every form that something between client and header might make one of
INJECTIONS = [
    b"a%0d%0aX-Evil:%20b",
    b"a%0aX-Evil:%20b",
    b"a%0dX-Evil:%20b",
    b"a%250d%250aX-Evil:%20b",
    b"a%E5%98%8D%E5%98%8AX-Evil:%20b",
    b"a%C2%85X-Evil:%20b",
    b"a%E2%80%A8X-Evil:%20b",
    b"a%00%0d%0a%0d%0a<script>",
    b"a%0b%0cX-Evil:%20b",
    b"a%0d%0a%0d%0aHTTP/1.1%20200%20OK%0d%0a%0d%0a",
]


NAMES = [b"header", b"raw", b"cookie", b"error"]


@pytest.fixture
async def mirror(serving, tmp_path):
    """Serve an application that reflects what it is asked into every place of an answer."""
    app = App("mirror", root=tmp_path, environ={"ARLEN_LOG__ACCESS": "false"})

    @app.get("/redirect")
    async def away(to: str) -> Response:
        return redirect(to)

    @app.get("/header")
    async def header(value: str) -> Response:
        answer = text("ok")
        answer.headers["x-mirror"] = value
        return answer

    @app.get("/raw")
    async def raw(value: str) -> Response:
        answer = text("ok")
        answer.raw.append((b"x-mirror", value.encode()))
        return answer

    @app.get("/cookie")
    async def cookie(value: str) -> Response:
        answer = text("ok")
        answer.set_cookie("mirror", value)
        return answer

    @app.get("/error")
    async def error(value: str) -> Response:
        raise HTTPError(400, value, headers={"x-mirror": value})

    @app.get("/echo/{rest:path}")
    async def echo(rest: str, request: Request) -> dict:
        return {"rest": rest, "host": request.host, "agent": request.headers.get("user-agent")}

    served = await serving(app=app)
    served.server.loop.set_exception_handler(lambda loop, context: None)
    return served


@pytest.mark.parametrize("path", [b"/redirect?to=", b"/redirect?to=/", *(b"/%b?value=" % name for name in NAMES)])
@pytest.mark.parametrize("value", INJECTIONS)
async def test_no_header_is_injected(mirror, path, value):
    """A line end that is reflected makes no header, no second response and no broken one (RFC 9110 §17.5)."""
    peer = await mirror.connect()
    peer.send(b"GET %b%b HTTP/1.1\r\nHost: x\r\n\r\n" % (path, value))
    peer.send(b"GET /echo/last HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    first = await peer.answer()  # which reads strictly
    assert "x-evil" not in first.headers
    assert first.status in {200, 302, 303, 307, 400, 500}
    if first.headers.get("connection") != "close":
        assert b'"rest":"last"' in (await peer.answer()).body
    assert b"" == await peer.rest()


@pytest.mark.parametrize(
    "field", [b"User-Agent: a\x0bX: b", b"User-Agent: a\x1b[31m", b"User-Agent: a\rX: b", b"Cookie: a=b\nX: c"]
)
async def test_no_control_character_reaches_the_application(mirror, field):
    """Control characters in fields are refused before anything can log or reflect them (RFC 9110 §5.5)."""
    assert 400 == (await mirror.ask(b"GET /echo/a HTTP/1.1\r\nHost: x\r\n%b\r\n\r\n" % field)).status


DOTS = [
    b"..", b"%2e%2e", b".%2e", b"%2e.", b"%2E%2E", b"%252e%252e", b"..;", b"%c0%ae%c0%ae", b"%uff0e%uff0e", b"...",
    b"..%00",
]  # fmt: skip
SLASHES = [b"/", b"%2f", b"%5c", b"\\", b"//", b"%252f", b"%c0%af", b"/./"]


@pytest.mark.parametrize("dots", DOTS)
async def test_no_traversal_through_static_files(serving, tmp_path, dots):
    """However dots and slashes are written, no file outside the folder is sent (RFC 9110 §17.3)."""
    arlen_web = pytest.importorskip("arlen_web")
    (tmp_path / "public").mkdir()
    (tmp_path / "public/a.txt").write_text("public")
    (tmp_path / "secret.txt").write_text("secret")
    app = App("files", root=tmp_path, environ={"ARLEN_LOG__ACCESS": "false"})
    app.use(arlen_web.Web())  # which serves the folder `public` below /static
    served = await serving(app=app)
    assert b"public" == (await served.ask(b"GET /static/a.txt HTTP/1.1\r\nHost: x\r\n\r\n")).body
    for slash, other, depth in itertools.product(SLASHES, SLASHES, (1, 2)):
        target = b"/static" + slash + (dots + other) * depth + b"secret.txt"
        answer = await served.ask(b"GET %b HTTP/1.1\r\nHost: x\r\n\r\n" % target)
        assert answer.status in {301, 308, 400, 404}, target
        assert b"secret" not in answer.body or b"secret.txt" in answer.body, target
        assert not answer.headers.get("location", "").startswith(("//", "/\\", "http")), target


@pytest.mark.parametrize("dots", DOTS)
@pytest.mark.parametrize("slash", SLASHES)
async def test_no_traversal_through_routes(mirror, dots, slash):
    """A parameter over several segments holds no dot segment, however one is written (RFC 3986 §5.2.4)."""
    answer = await mirror.ask(b"GET /echo/a%b%b%bb HTTP/1.1\r\nHost: x\r\n\r\n" % (slash, dots, slash))
    assert answer.status in {200, 301, 308, 400, 404}
    if answer.status == 200:
        rest = json.loads(answer.body)["rest"]
        assert not {".", ".."} & set(rest.split("/"))  # a backslash is a character like others
        assert "\0" not in rest

"""The application on Sanic's own server, one process."""
# Written as its users write it, and not installed where this is checked.
# mypy: ignore-errors
# ruff: noqa: ANN001, ANN201, ANN202

import sys

from sanic import Sanic, response
from sanic.exceptions import SanicException

from tools.bench.apps import shared
from tools.bench.apps.plain import TRUTH

__all__ = ["main"]

app = Sanic("bench", configure_logging=False)


@app.get("/plaintext")
async def _plaintext(_):
    return response.text("Hello, World!")


@app.get("/json")
async def _json(_):
    return response.json({"message": "Hello, World!"})


@app.get("/items/<id:int>/<name:str>", unquote=True)
async def _item(request, id, name):
    query = request.args
    try:
        page, size = int(query.get("page", "1")), int(query.get("size", "20"))
        active = TRUTH[query.get("active", "false")]
    except (ValueError, KeyError):
        raise SanicException("wrong parameter", 422) from None
    return response.json({"id": id, "name": name, "page": page, "size": size, "active": active})


@app.post("/validate")
async def _validate(request):
    try:
        order = shared.decode(request.body)
    except ValueError as error:
        raise SanicException(str(error), 422) from None
    return response.json(shared.summary(order))


@app.get("/template")
async def _template(_):
    return response.html(shared.page())


@app.get("/middlewares")
async def _middlewares(request):
    return response.json({"message": "Hello, World!", "user": request.ctx.session.get("user")})


@app.post("/upload", stream=True)
async def _upload(request):
    size = 0
    while chunk := await request.stream.read():
        size += len(chunk)
    return response.json({"size": size})


def _route(name):
    @app.get(f"/{name}/<id:int>/details", name=name)
    async def show(_, id):
        return response.json({"route": name, "id": id})


for number in range(1, shared.ROUTES + 1):
    _route(f"resource{number}")


def _opened(request):
    request.ctx.session = shared.load_session(request.headers.get("cookie"))


def _started(request):
    request.ctx.start = shared.clock()


def _identified(request):
    request.ctx.name = shared.identity(request.headers.get("x-request-id"))


def _tagged(_, answer):
    answer.headers["etag"] = shared.tag(answer.body)


def _kept(request, answer):
    if request.ctx.session:
        answer.headers["set-cookie"] = shared.save_session(request.ctx.session)


def _secured(_, answer):
    answer.headers.update(shared.SECURITY)


def _timed(request, answer):
    answer.headers["server-timing"] = shared.elapsed(request.ctx.start)


def _named(request, answer):
    answer.headers["x-request-id"] = request.ctx.name


if shared.LAYERED:
    for each in (_identified, _started, _opened):
        app.register_middleware(each, "request")
    for each in (_named, _timed, _secured, _kept, _tagged):  # run in reverse
        app.register_middleware(each, "response")


def main(arguments):
    """Serve on the port that the command line gives."""
    app.run("127.0.0.1", int(arguments[0]), single_process=True, access_log=False, motd=False)


if __name__ == "__main__":
    main(sys.argv[1:])

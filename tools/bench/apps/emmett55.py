"""The application on Emmett55, by RSGI on granian; middlewares are its pipes."""
# Written as its users write it, and not installed where this is checked.
# mypy: ignore-errors
# ruff: noqa: ANN001, ANN003, ANN202

import os

from emmett55 import App, Pipe, abort, current, request, response
from emmett55.tools import service

from tools.bench.apps import shared
from tools.bench.apps.plain import TRUTH

__all__ = ["app"]

app = App("bench", root_path=os.environ["BENCH_SCRATCH"])  # it makes folders there


class Named(Pipe):
    async def pipe_request(self, next_pipe, **kwargs):
        name = shared.identity(request.headers.get("x-request-id"))
        output = await next_pipe(**kwargs)
        response.headers["x-request-id"] = name
        return output


class Timed(Pipe):
    async def pipe_request(self, next_pipe, **kwargs):
        start = shared.clock()
        output = await next_pipe(**kwargs)
        response.headers["server-timing"] = shared.elapsed(start)
        return output


class Secured(Pipe):
    async def pipe_request(self, next_pipe, **kwargs):
        output = await next_pipe(**kwargs)
        response.headers.update(shared.SECURITY)
        return output


class Session(Pipe):
    async def pipe_request(self, next_pipe, **kwargs):
        session = current.bench = shared.load_session(request.headers.get("cookie"))
        output = await next_pipe(**kwargs)
        if session:
            response.headers["set-cookie"] = shared.save_session(session)
        return output


class Tagged(Pipe):
    async def pipe_request(self, next_pipe, **kwargs):
        output = await next_pipe(**kwargs)
        response.headers["etag"] = shared.tag(output.encode())
        return output


if shared.LAYERED:
    app.pipeline = [Named(), Timed(), Secured(), Session(), Tagged()]


@app.route("/plaintext", methods="get", output="str")
async def plaintext():
    response.content_type = "text/plain; charset=utf-8"
    return "Hello, World!"


@app.route("/json", methods="get")
@service.json
async def json():
    return {"message": "Hello, World!"}


@app.route("/items/<int:id>/<str:name>", methods="get")
@service.json
async def item(id, name):
    query = request.query_params
    try:
        page, size = int(query.page or "1"), int(query.size or "20")
        active = TRUTH[query.active or "false"]
    except (ValueError, KeyError):
        abort(422)
    return {"id": id, "name": name, "page": page, "size": size, "active": active}


@app.route("/validate", methods="post")
@service.json
async def validate():
    try:
        order = shared.decode(await request.body)
    except ValueError:
        abort(422)
    return shared.summary(order)


@app.route("/template", methods="get", output="str")
async def template():
    response.content_type = "text/html; charset=utf-8"
    return shared.page()


@app.route("/middlewares", methods="get")
@service.json
async def middlewares():
    return {"message": "Hello, World!", "user": current.bench.get("user")}


@app.route("/upload", methods="post")
@service.json
async def upload():
    size = 0
    async for chunk in request.body:
        size += len(chunk)
    return {"size": size}


def _route(name):
    async def show(id):
        return {"route": name, "id": id}

    app.route(f"/{name}/<int:id>/details", name=name, methods="get")(service.json(show))


for number in range(1, shared.ROUTES + 1):
    _route(f"resource{number}")

"""The application on aiohttp's own server, on uvloop."""
# Written as its users write it, and not installed where this is checked.
# mypy: ignore-errors
# ruff: noqa: ANN001, ANN201, ANN202

import sys

import uvloop
from aiohttp import web

from tools.bench.apps import shared
from tools.bench.apps.plain import TRUTH

__all__ = ["main"]


async def _plaintext(_):
    return web.Response(text="Hello, World!")


async def _json(_):
    return web.json_response({"message": "Hello, World!"})


async def _item(request):
    path, query = request.match_info, request.query
    try:
        page, size = int(query.get("page", "1")), int(query.get("size", "20"))
        active = TRUTH[query.get("active", "false")]
    except (ValueError, KeyError):
        raise web.HTTPUnprocessableEntity from None
    return web.json_response(
        {"id": int(path["id"]), "name": path["name"], "page": page, "size": size, "active": active}
    )


async def _validate(request):
    try:
        order = shared.decode(await request.read())
    except ValueError as error:
        raise web.HTTPUnprocessableEntity(text=str(error)) from None
    return web.json_response(shared.summary(order))


async def _template(_):
    return web.Response(text=shared.page(), content_type="text/html")


async def _middlewares(request):
    return web.json_response({"message": "Hello, World!", "user": request["session"].get("user")})


async def _upload(request):
    size = 0
    async for chunk in request.content.iter_any():
        size += len(chunk)
    return web.json_response({"size": size})


def _route(name):
    async def show(request):
        return web.json_response({"route": name, "id": int(request.match_info["id"])})

    return web.get(f"/{name}/{{id:\\d+}}/details", show)


@web.middleware
async def _named(request, handler):
    name = shared.identity(request.headers.get("x-request-id"))
    response = await handler(request)
    response.headers["x-request-id"] = name
    return response


@web.middleware
async def _timed(request, handler):
    start = shared.clock()
    response = await handler(request)
    response.headers["server-timing"] = shared.elapsed(start)
    return response


@web.middleware
async def _secured(request, handler):
    response = await handler(request)
    response.headers.update(shared.SECURITY)
    return response


@web.middleware
async def _session(request, handler):
    session = request["session"] = shared.load_session(request.headers.get("cookie"))
    response = await handler(request)
    if session:
        response.headers["set-cookie"] = shared.save_session(session)
    return response


@web.middleware
async def _tagged(request, handler):
    response = await handler(request)
    response.headers["etag"] = shared.tag(response.body)
    return response


def main(arguments):
    """Serve on the port that the command line gives."""
    app = web.Application(middlewares=[_named, _timed, _secured, _session, _tagged] if shared.LAYERED else [])
    app.add_routes(
        [
            web.get("/plaintext", _plaintext),
            web.get("/json", _json),
            web.get("/items/{id:\\d+}/{name}", _item),
            web.post("/validate", _validate),
            web.get("/template", _template),
            web.get("/middlewares", _middlewares),
            web.post("/upload", _upload),
            *(_route(f"resource{number}") for number in range(1, shared.ROUTES + 1)),
        ]
    )
    web.run_app(
        app, host="127.0.0.1", port=int(arguments[0]), access_log=None, print=None, loop=uvloop.new_event_loop()
    )


if __name__ == "__main__":
    main(sys.argv[1:])

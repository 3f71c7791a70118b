"""The application on Starlette, with pure ASGI middlewares, which its documentation recommends for speed."""
# Written as its users write it, and not installed where this is checked.
# mypy: ignore-errors

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from tools.bench.apps import layers, shared
from tools.bench.apps.plain import TRUTH

__all__ = ["app"]


async def _plaintext(_: Request) -> Response:
    return PlainTextResponse("Hello, World!")


async def _json(_: Request) -> Response:
    return JSONResponse({"message": "Hello, World!"})


async def _item(request: Request) -> Response:
    path, query = request.path_params, request.query_params
    try:
        page, size = int(query.get("page", "1")), int(query.get("size", "20"))
        active = TRUTH[query.get("active", "false")]
    except (ValueError, KeyError):
        return PlainTextResponse("wrong parameter", 422)
    return JSONResponse({"id": path["id"], "name": path["name"], "page": page, "size": size, "active": active})


async def _validate(request: Request) -> Response:
    try:
        order = shared.decode(await request.body())
    except ValueError as error:
        return PlainTextResponse(str(error), 422)
    return JSONResponse(shared.summary(order))


async def _template(_: Request) -> Response:
    return HTMLResponse(shared.page())


async def _middlewares(request: Request) -> Response:
    return JSONResponse({"message": "Hello, World!", "user": request.scope["session"].get("user")})


async def _upload(request: Request) -> Response:
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
    return JSONResponse({"size": size})


def _route(name: str) -> Route:
    async def show(request: Request) -> Response:
        return JSONResponse({"route": name, "id": request.path_params["id"]})

    return Route(f"/{name}/{{id:int}}/details", show)


app = Starlette(
    routes=[
        Route("/plaintext", _plaintext),
        Route("/json", _json),
        Route("/items/{id:int}/{name}", _item),
        Route("/validate", _validate, methods=["POST"]),
        Route("/template", _template),
        Route("/middlewares", _middlewares),
        Route("/upload", _upload, methods=["POST"]),
        *(_route(f"resource{number}") for number in range(1, shared.ROUTES + 1)),
    ],
    middleware=[Middleware(each) for each in layers.ALL] if shared.LAYERED else [],
)

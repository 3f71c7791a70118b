"""The application on Arlen: served by arlen-server, or `app` by any ASGI server.

What is on and off comes from the configuration, that is the environment variables that tools/bench/servers.py sets.
"""

import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

from arlen_core import App, Context, Request, Response
from arlen_core.bodies import Body
from arlen_server import Settings, run
from tools.bench.apps import shared

__all__ = ["Next", "main", "make"]

Next = Callable[[Request], Awaitable[Response]]


async def _plaintext() -> str:
    return "Hello, World!"


async def _json() -> dict[str, str]:
    return {"message": "Hello, World!"}


async def _item(id: int, name: str, page: int = 1, size: int = 20, active: bool = False) -> dict[str, object]:  # noqa: FBT001, FBT002
    return {"id": id, "name": name, "page": page, "size": size, "active": active}


async def _validate(order: shared.Order) -> dict[str, object]:
    return shared.summary(order)


async def _template(ctx: Context) -> object:
    return ctx.render("page", **shared.PAGE)


async def _middlewares(request: Request) -> dict[str, object]:
    return {"message": "Hello, World!", "user": request.state["session"].get("user")}


async def _upload(body: Body) -> dict[str, int]:
    size = 0
    async for chunk in body:
        size += len(chunk)
    return {"size": size}


async def _named(request: Request, next: Next) -> Response:
    name = shared.identity(request.headers.get("x-request-id"))
    response = await next(request)
    response.headers.set("x-request-id", name)
    return response


async def _timed(request: Request, next: Next) -> Response:
    start = shared.clock()
    response = await next(request)
    response.headers.set("server-timing", shared.elapsed(start))
    return response


async def _secured(request: Request, next: Next) -> Response:
    response = await next(request)
    headers = response.headers
    for name, value in shared.SECURITY:
        headers.set(name, value)
    return response


async def _session(request: Request, next: Next) -> Response:
    session = request.state["session"] = shared.load_session(request.headers.get("cookie"))
    response = await next(request)
    if session:
        response.headers.add("set-cookie", shared.save_session(session))
    return response


async def _tagged(request: Request, next: Next) -> Response:
    response = await next(request)
    response.headers.set("etag", shared.tag(response.body or b""))
    return response


def make() -> App:
    """Make the application; the scenario decides about views, middlewares and how many routes there are."""
    app = App("bench", root=Path(__file__).parent)
    if shared.SCENARIO == "template":
        from arlen_web import Web  # it looks at every answer, for messages to the next page

        app.use(Web())
    app.get("/plaintext")(_plaintext)
    app.get("/json")(_json)
    app.get("/items/{id}/{name}")(_item)
    app.post("/validate")(_validate)
    app.get("/template", formats=("html",))(_template)
    app.post("/upload")(_upload)
    if shared.LAYERED:
        app.get("/middlewares")(_middlewares)
        for each in (_named, _timed, _secured, _session, _tagged):
            app.middleware(each)
    for number in range(1, shared.ROUTES + 1):
        _route(app, f"resource{number}")
    return app


def _route(app: App, name: str) -> None:
    async def show(id: int) -> dict[str, object]:
        return {"route": name, "id": id}

    app.get(f"/{name}/{{id}}/details", name=name)(show)


app = make()


def main(arguments: list[str]) -> None:
    """Serve on the port that the command line gives."""
    run(app, Settings(port=int(arguments[0]), drain_delay=0.0, drain_idle=0.0))


if __name__ == "__main__":
    main(sys.argv[1:])

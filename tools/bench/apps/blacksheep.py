"""The application on BlackSheep: bound parameters, its own middlewares."""
# Written as its users write it, and not installed where this is checked.
# mypy: ignore-errors
# ruff: noqa: ANN001, ANN202, FBT001, FBT002

from blacksheep import Application, Content, Request, Response, html, json, text

from tools.bench.apps import shared

__all__ = ["app"]

app = Application()


@app.router.get("/plaintext")
async def _plaintext():
    return text("Hello, World!")


@app.router.get("/json")
async def _json():
    return json({"message": "Hello, World!"})


@app.router.get("/items/{int:id}/{name}")
async def _item(id: int, name: str, page: int = 1, size: int = 20, active: bool = False):
    return json({"id": id, "name": name, "page": page, "size": size, "active": active})


@app.router.post("/validate")
async def _validate(request: Request):
    try:
        order = shared.decode(await request.read())
    except ValueError as error:
        return Response(422, content=Content(b"text/plain", str(error).encode()))
    return json(shared.summary(order))


@app.router.get("/template")
async def _template():
    return html(shared.page())


@app.router.get("/middlewares")
async def _middlewares(request: Request):
    return json({"message": "Hello, World!", "user": request.session_data.get("user")})


@app.router.post("/upload")
async def _upload(request: Request):
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
    return json({"size": size})


def _route(name):
    @app.router.get(f"/{name}/{{int:id}}/details")
    async def show(id: int):
        return json({"route": name, "id": id})


for number in range(1, shared.ROUTES + 1):
    _route(f"resource{number}")


def _field(request, name):
    value = request.headers.get_first(name)
    return value.decode("latin-1") if value else None


async def _named(request, handler):
    name = shared.identity(_field(request, b"x-request-id"))
    response = await handler(request)
    response.headers.add(b"x-request-id", name.encode())
    return response


async def _timed(request, handler):
    start = shared.clock()
    response = await handler(request)
    response.headers.add(b"server-timing", shared.elapsed(start).encode())
    return response


async def _secured(request, handler):
    response = await handler(request)
    for name, value in shared.SECURITY:
        response.headers.add(name.encode(), value.encode())
    return response


async def _session(request, handler):
    session = request.session_data = shared.load_session(_field(request, b"cookie"))
    response = await handler(request)
    if session:
        response.headers.add(b"set-cookie", shared.save_session(session).encode())
    return response


async def _tagged(request, handler):
    response = await handler(request)
    response.headers.add(b"etag", shared.tag(response.content.body if response.content else b"").encode())
    return response


if shared.LAYERED:
    app.middlewares.extend([_named, _timed, _secured, _session, _tagged])

"""The application on Litestar: typed parameters and msgspec models, middlewares as ASGI."""
# Written as its users write it, and not installed where this is checked.
# mypy: ignore-errors
# ruff: noqa: ANN202, FBT001, FBT002

from litestar import Litestar, MediaType, Request, get, post

from tools.bench.apps import layers, shared

__all__ = ["app"]


@get("/plaintext", media_type=MediaType.TEXT)
async def _plaintext() -> str:
    return "Hello, World!"


@get("/json")
async def _json() -> dict[str, str]:
    return {"message": "Hello, World!"}


@get("/items/{id:int}/{name:str}")
async def _item(id: int, name: str, page: int = 1, size: int = 20, active: bool = False) -> dict[str, object]:
    return {"id": id, "name": name, "page": page, "size": size, "active": active}


@post("/validate", status_code=200)
async def _validate(data: shared.Order) -> dict[str, object]:
    return shared.summary(data)


@get("/template", media_type=MediaType.HTML)
async def _template() -> str:
    return shared.page()


@get("/middlewares")
async def _middlewares(request: Request) -> dict[str, object]:
    return {"message": "Hello, World!", "user": request.scope["session"].get("user")}


@post("/upload", status_code=200)
async def _upload(request: Request) -> dict[str, int]:
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
    return {"size": size}


def _route(name: str):
    @get(f"/{name}/{{id:int}}/details", name=name)
    async def show(id: int) -> dict[str, object]:
        return {"route": name, "id": id}

    return show


handlers = [_plaintext, _json, _item, _validate, _template, _middlewares, _upload]
handlers += [_route(f"resource{number}") for number in range(1, shared.ROUTES + 1)]
app = Litestar(handlers, middleware=list(layers.ALL) if shared.LAYERED else [], openapi_config=None)

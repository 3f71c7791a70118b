"""The application on FastAPI: its own typed parameters and pydantic models, `@app.middleware("http")` as documented."""
# Written as its users write it, and not installed where this is checked.
# mypy: ignore-errors
# ruff: noqa: ANN001, ANN202, FBT001, FBT002

from typing import Annotated

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, PlainTextResponse
from pydantic import BaseModel, Field

from tools.bench.apps import shared

__all__ = ["app"]


class Item(BaseModel):
    """A line of an order."""

    sku: Annotated[str, Field(min_length=1, max_length=32)]
    quantity: Annotated[int, Field(ge=1, le=1000)]
    price: Annotated[int, Field(ge=0)]
    tags: list[str] = []


class Order(BaseModel):
    """What `POST /validate` takes."""

    customer: Annotated[str, Field(min_length=1, max_length=80)]
    express: bool
    items: Annotated[list[Item], Field(min_length=1, max_length=100)]


app = FastAPI()


@app.get("/plaintext", response_class=PlainTextResponse)
async def _plaintext() -> str:
    return "Hello, World!"


@app.get("/json")
async def _json() -> dict[str, str]:
    return {"message": "Hello, World!"}


@app.get("/items/{id}/{name}")
async def _item(id: int, name: str, page: int = 1, size: int = 20, active: bool = False) -> dict[str, object]:
    return {"id": id, "name": name, "page": page, "size": size, "active": active}


@app.post("/validate")
async def _validate(order: Order) -> dict[str, object]:
    return shared.summary(order)


@app.get("/template", response_class=HTMLResponse)
async def _template() -> str:
    return shared.page()


@app.get("/middlewares")
async def _middlewares(request: Request) -> dict[str, object]:
    return {"message": "Hello, World!", "user": request.state.session.get("user")}


@app.post("/upload")
async def _upload(request: Request) -> dict[str, int]:
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
    return {"size": size}


def _route(name: str) -> None:
    @app.get(f"/{name}/{{id}}/details")
    async def show(id: int) -> dict[str, object]:
        return {"route": name, "id": id}


for number in range(1, shared.ROUTES + 1):
    _route(f"resource{number}")


async def _tagged(request, call_next):
    response = await call_next(request)
    body = b"".join([chunk async for chunk in response.body_iterator])
    made = PlainTextResponse(body, response.status_code, dict(response.headers))
    made.headers["etag"] = shared.tag(body)
    return made


async def _session(request, call_next):
    request.state.session = shared.load_session(request.headers.get("cookie"))
    response = await call_next(request)
    if request.state.session:
        response.headers["set-cookie"] = shared.save_session(request.state.session)
    return response


async def _secured(request, call_next):
    response = await call_next(request)
    for name, value in shared.SECURITY:
        response.headers[name] = value
    return response


async def _timed(request, call_next):
    start = shared.clock()
    response = await call_next(request)
    response.headers["server-timing"] = shared.elapsed(start)
    return response


async def _named(request, call_next):
    name = shared.identity(request.headers.get("x-request-id"))
    response = await call_next(request)
    response.headers["x-request-id"] = name
    return response


if shared.LAYERED:
    for each in (_tagged, _session, _secured, _timed, _named):  # the last one added is the outermost
        app.middleware("http")(each)

"""What the tests of documents share: three applications such as people write, and a way to ask them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import date
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal
from uuid import UUID

import pytest
from msgspec import Meta, Struct, defstruct, field, structs

from arlen_core import (
    App,
    Context,
    Cookie,
    FileResponse,
    Form,
    Header,
    HTTPError,
    Input,
    NotFound,
    Query,
    Request,
    Response,
    Router,
    Stream,
    Upload,
    html,
    redirect,
)
from arlen_core.answers import View
from arlen_core.negotiation import negotiate
from arlen_openapi import Answer, OpenAPI, declare

QUIET = {"ARLEN_LOG__ACCESS": "false", "ARLEN_LOG__LEVEL": "error"}


class Colour(Enum):
    """What a note looks like."""

    RED = "red"
    BLUE = "blue"


class Draft(Struct, forbid_unknown_fields=True):
    """A note that is not kept yet.

    Attributes:
        title: one line.
        stars: how good it is.
    """

    title: Annotated[str, Meta(min_length=1, max_length=40, examples=["Tea"])]
    stars: Annotated[int, Meta(ge=0, le=5)] = 0
    colour: Colour = Colour.RED
    tags: list[Annotated[str, Meta(max_length=10)]] = field(default_factory=list)
    due: date | None = None


class Note(Draft, kw_only=True):
    """A note."""

    id: int


class Change(Struct, omit_defaults=True):
    """What changes in a note; what is absent stays."""

    title: Annotated[str, Meta(min_length=1, max_length=40)] | None = None
    stars: Annotated[int, Meta(ge=0, le=5)] | None = None


class Filter(Struct):
    """Which notes are listed."""

    colour: list[Colour] = field(default_factory=list)
    starred: bool = False
    page: Annotated[int, Meta(ge=1, le=1000, description="From 1.")] = 1
    sort: Literal["title", "-title"] = "title"


class Photo(Struct):
    """A picture with words."""

    picture: Upload
    caption: Annotated[str, Meta(max_length=100)] = ""


class Order(Struct):
    """What a form orders."""

    product: UUID
    count: Annotated[int, Meta(ge=1)]
    gift: bool
    price: Decimal | None = None


class Guarded:
    """A guard that says what it answers and what it wants."""

    responses: ClassVar = {401: "Say who you are.", 403: "You may read only."}
    security = ({"bearer": ["notes:write"]}, "key")

    async def __call__(self, request: Request) -> None:
        if request.headers.get("authorization") != "Bearer good" and request.headers.get("x-key") != "good":
            raise HTTPError(401, headers={"www-authenticate": "Bearer"})


class Page:
    """A renderer of pages."""

    def render(self, _: Context, template: str, values: dict[str, Any]) -> str:
        return f"<!doctype html><title>{template}</title><p>{len(values)}"


@declare(responses={429: Answer("Too many requests.", headers={"Retry-After": "Seconds."})})
async def slowly(request: Request, next: Callable[[Request], Any]) -> Response:
    """Refuse those who say that they are greedy."""
    if "x-greedy" in request.headers:
        raise HTTPError(429, headers={"retry-after": "1"})
    response: Response = await next(request)
    return response


def crud() -> App:
    """A CRUD API with errors and authentication."""
    app = App("crud", env="test", environ=QUIET)
    openapi = app.use(OpenAPI())
    openapi.scheme("bearer", type="http", scheme="bearer", bearerFormat="JWT")
    openapi.scheme("key", type="apiKey", name="X-Key", **{"in": "header"})
    kept = {1: Note(id=1, title="Tea")}
    notes = Router("/notes", name="notes", tags=["notes"], middleware=[slowly])
    one = Router("/{id:int}", name="one", options={"responses": {404: "There is no such note."}})

    def found(id: int) -> Note:
        if id not in kept:
            raise NotFound("there is no such note", code="note_not_found")
        return kept[id]

    @notes.get("", name="list", security=())
    async def index(filters: Annotated[Filter, Query], agent: Annotated[str, Header("user-agent")] = "") -> list[Note]:
        """List the notes.

        All that fit the filters.
        """
        return [each for each in kept.values() if not filters.colour or each.colour in filters.colour]

    @notes.post("", name="add", status=201, guards=[Guarded()], responses={409: "There is a note of that title."})
    async def add(draft: Draft) -> Note:
        """Keep a note."""
        if any(each.title == draft.title for each in kept.values()):
            raise HTTPError(409, code="title_taken")
        made = Note(id=max(kept) + 1, **structs.asdict(draft))
        kept[made.id] = made
        return made

    @one.get("", name="show")
    async def show(id: int) -> Note:
        """Show a note."""
        return found(id)

    @one.patch("", name="change", guards=[Guarded()], max_body=1000)
    async def change(id: int, sent: Change) -> Note:
        """Change a note."""
        words = {name: value for name, value in structs.asdict(sent).items() if value is not None}
        kept[id] = structs.replace(found(id), **words)
        return kept[id]

    @one.delete("", name="drop", guards=[Guarded()], deprecated=True)
    async def drop(id: int) -> None:
        """Forget a note."""
        found(id)
        if id > 1:
            del kept[id]

    notes.include(one)
    app.include(notes)
    return app


def forms() -> App:
    """Forms, files, streams, pages and negotiation."""
    app = App("forms", env="test", environ=QUIET | {"ARLEN_HTTP__MAX_BODY": "100000"})
    app.renderer = Page()
    app.use(OpenAPI())

    @app.post("/photos", status=201)
    async def upload(photo: Photo) -> dict[str, int]:
        """Take a picture."""
        return {"size": photo.picture.size, "words": len(photo.caption)}

    @app.post("/orders", responses={303: "It is ordered."})
    async def order(sent: Input[Order], ctx: Context) -> View | Response:
        """Order something; a form that is wrong comes back."""
        if not sent.ok:
            return ctx.render("order", status=422)
        return redirect("/")

    @app.post("/anything")
    async def anything(form: Form) -> list[str]:
        """Return the names of a form."""
        return list(form)

    @app.get("/page", formats=("html", "json"), responses={200: dict[str, str]})
    async def page(ctx: Context, theme: Annotated[str, Cookie("theme")] = "light") -> View:
        """Show a page."""
        return ctx.render("page", data={"theme": theme})

    @app.get("/files/{path:path}")
    async def file(path: str) -> FileResponse:
        """Send a file."""
        return FileResponse(Path(__file__).parent / "no-such-folder" / str(len(path)))

    @app.get("/rows", formats=("csv", "json"), responses={200: [list[int], Answer("Rows.", media="text/csv")]})
    async def rows(request: Request) -> Response:
        """List numbers, as a sheet or as JSON."""
        if negotiate(request, ("csv", "json")) == "csv":
            return Response("1\n2\n", media="text/csv; charset=utf-8")
        return Response(b"[1,2]", media="application/json")

    @app.get("/lines")
    async def lines(count: Annotated[int, Meta(ge=0, le=5)] = 2) -> AsyncIterator[str]:
        """Send lines while they are made."""
        for n in range(count):
            yield f"{n}\n"

    @app.put("/raw", body={"application/octet-stream": bytes}, responses={200: int})
    async def raw(request: Request) -> int:
        """Count bytes."""
        return len(await request.body.read())

    @app.get("/old", responses={301: "It moved."})
    async def old() -> Response:
        """Send people on."""
        return redirect("/page", 301)

    @app.get("/text")
    async def text(kind: Literal["a", "b"] = "a") -> str:
        """Say something."""
        return kind

    @app.get("/csv")
    async def csv() -> Stream:
        """Send a sheet."""

        async def some() -> AsyncIterator[str]:
            yield "1\n"

        return Stream(some(), media="text/csv")

    @app.get("/secret", openapi=False)
    async def secret() -> Response:
        return html("<p>hidden")

    return app


First = defstruct("Account", [("name", str)], module="bank.first", namespace={"__doc__": "Somebody."})
Second = defstruct("Account", [("name", str), ("born", date | None, None)], module="bank.second")


def version(number: int, kind: Any) -> App:
    """One version of an API of its own."""
    app = App(f"v{number}", env="test", environ=QUIET)

    async def account(name: Annotated[str, Meta(max_length=20)]) -> Any:
        """Show somebody."""
        return kind(name)

    account.__annotations__["return"] = kind
    app.get("/accounts/{name}")(account)

    @app.get("/ping", tags=["health"])
    async def ping() -> str:
        """Answer."""
        return "pong"

    return app


async def inside(request: Request) -> bool:
    """Let those in who say that they are inside."""
    return request.headers.get("x-inside") == "yes"


def mounts() -> App:
    """Mounted applications: two versions of an API, and one that only some may see."""
    app = App("mounts", env="test", environ=QUIET)
    app.use(OpenAPI())
    app.mount("/v1", version(1, First), name="v1")
    app.mount("/v2", version(2, Second), name="v2")
    staff = Router("/staff", guards=[inside])
    staff.mount("/v1", version(3, First))
    app.include(staff)

    @app.get("/ping")
    async def ping() -> str:
        """Answer."""
        return "pong"

    return app


@pytest.fixture
def anyio_backend() -> str:
    """Asynchronous tests run on asyncio."""
    return "asyncio"


@pytest.fixture(params=["crud", "forms", "mounts"])
def sample(request: pytest.FixtureRequest) -> tuple[str, App]:
    """One of the three applications, with its name."""
    return request.param, {"crud": crud, "forms": forms, "mounts": mounts}[request.param]()


@pytest.fixture
def samples() -> dict[str, Callable[[], App]]:
    """What makes each of the three applications."""
    return {"crud": crud, "forms": forms, "mounts": mounts}


@pytest.fixture
def bare() -> App:
    """An application without routes and plugins."""
    return App("bare", env="test", environ=QUIET)

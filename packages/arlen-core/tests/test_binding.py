"""Binding: where each parameter comes from, in what order, and every mistake at the start."""

import functools
import inspect
import threading
import uuid
from collections.abc import AsyncIterator
from typing import Annotated, Any

import anyio
import msgspec
import pytest
from msgspec import Meta, Struct

from arlen_core.binding import Binder, Bound, Parameter, Plan
from arlen_core.bodies import Body
from arlen_core.errors import HTTPError, StartupError, ValidationFailed
from arlen_core.forms import Form
from arlen_core.params import Cookie, Header, Input
from arlen_core.queries import Query
from arlen_core.requests import Request
from arlen_core.sockets import WebSocket
from arlen_core.uploads import Upload

pytestmark = pytest.mark.anyio


class Note(Struct):
    title: Annotated[str, Meta(min_length=1)]
    stars: int = 0


class Filters(Struct):
    page: Annotated[int, Meta(ge=1)] = 1
    tags: list[str] = []
    open: bool = False


class Store:
    """A service of the application."""


class Unit:
    """A service of the request."""


class Nobody:
    """Nothing provides it."""


class Special:
    """What the framework offers."""


class Shelf:
    """Services by hand; notes in which order they were asked for."""

    def __init__(self) -> None:
        self.store, self.opened = Store(), []

    def getter(self, kind: Any):
        if kind is Store:
            return lambda _: self.store, False
        if kind is Unit:
            return self.open, True
        return None

    async def open(self, request: Request) -> Unit:
        self.opened.append("unit")
        return Unit()


@pytest.fixture
def shelf() -> Shelf:
    """Services."""
    return Shelf()


@pytest.fixture
def binder(shelf) -> Binder:
    """A binder with a special type and two services."""
    return Binder({Special: lambda _: "special", Request: lambda request: request}, shelf)


def asked(query: str = "", data: bytes = b"", media: str = "application/json", cookie: str = "", **headers) -> Request:
    """Return a request."""
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    raw += [(b"cookie", cookie.encode())] if cookie else []
    raw += [(b"content-type", media.encode())] if data else []
    request = Request("POST", query=query.encode(), headers=raw, body=Body(data))
    request.params = {"id": 7, "slug": "tea"}
    return request


async def called(binder: Binder, handler, request: Request, path=("id",), **options):
    """Compile and call."""
    return await binder.plan(handler, path, **options).call(request)


async def rows(binder: Binder, handler, request: Request, path=()) -> list[tuple[str, str]]:
    """Return field and code of each row of the refusal."""
    with pytest.raises(ValidationFailed) as caught:
        await called(binder, handler, request, path)
    return [(row.field, row.code) for row in caught.value.errors]


async def test_everything_at_once(binder, shelf):
    """Path, query, header, cookie, body, service and special type in one signature."""

    async def handler(
        id: int,
        page: int,
        store: Store,
        special: Special,
        note: Note,
        agent: Annotated[str, Header("user-agent")],
        theme: Annotated[str, Cookie("theme")],
        q: str = "none",
    ):
        return id, page, store, special, note, agent, theme, q

    request = asked("page=2", b'{"title":"a"}', cookie="theme=dark", user_agent="curl")
    assert (7, 2, shelf.store, "special", Note("a"), "curl", "dark", "none") == await called(binder, handler, request)


def test_the_plan_says_where_each_comes_from(binder):
    """For documents: source, wire name, type, and whether it must be there."""

    async def handler(
        id: int,
        q: str,
        x_request_size: Annotated[int, Header],
        note: Note,
        store: Store,
        special: Special,
        theme: Annotated[str | None, Cookie],
        filters: Annotated[Filters, Query],
        tags: list[str],
        page: int = 1,
    ): ...

    plan = binder.plan(handler, ["id"])
    assert isinstance(plan, Plan)
    assert [
        ("id", "path", "id", True), ("q", "query", "q", True), ("x_request_size", "header", "x-request-size", True),
        ("note", "body", "", True), ("store", "service", "", True), ("special", "special", "", True),
        ("theme", "cookie", "theme", False), ("filters", "query", "", False), ("tags", "query", "tags", False),
        ("page", "query", "page", False),
    ] == [(each.name, each.source, each.wire, each.required) for each in plan.parameters]  # fmt: skip
    assert 1 == plan.parameters[-1].default
    assert isinstance(Bound(plan.parameters[0], None).parameter, Parameter)


@pytest.mark.parametrize("marker", [Header("x-key"), Cookie("key")])
async def test_markers_name_the_source(binder, marker):
    """The value comes from there and from nowhere else."""

    async def handler(key: Annotated[str, marker]):
        return key

    request = asked("key=query", cookie="key=right" if isinstance(marker, Cookie) else "key=wrong", x_key="right")
    assert "right" == await called(binder, handler, request, ())
    wire = marker.name
    assert [(wire, "missing")] == await rows(binder, handler, asked("key=query"))


@pytest.mark.parametrize(
    "kind",
    [Annotated[str, Header("key")] | None, Annotated[str | None, Header("key")], Annotated[int, Header("key")] | None],
)
async def test_a_marker_that_may_be_absent(binder, kind):
    """Inside or outside of the `None`: it is never the query."""

    async def handler(key: kind = None):
        return key

    assert None is await called(binder, handler, asked("key=1"), ())
    assert "5" == str(await called(binder, handler, asked("key=1", key="5"), ()))


@pytest.mark.parametrize("marker", [Header, Header(), Cookie, Cookie()])
async def test_a_marker_without_a_name_uses_the_parameters(binder, marker):
    """With or without brackets; never the query by mistake."""

    async def handler(my_key: Annotated[int, marker]):
        return my_key

    assert 5 == await called(binder, handler, asked("my_key=1", my_key="5", cookie="my_key=5"), ())
    field = "my-key" if marker in {Header, Header()} else "my_key"
    assert [(field, "missing")] == await rows(binder, handler, asked("my_key=1&my-key=1"))


@pytest.mark.parametrize(
    ("kind", "query", "expected"),
    [
        (int, "v=3", 3), (str, "v=", ""), (str, "v=a&v=b", "a"), (int | None, "", None), (int | None, "v=", None),
        (str | None, "", None), (bool, "v=on", True), (list[int], "v=1&v=2", [1, 2]), (list[int], "", []),
        (set[str], "v=a&v=a", {"a"}), (tuple[int, ...], "", ()), (list[int], "v=", []),
        (uuid.UUID, "v=" + "0" * 32, uuid.UUID(int=0)), (Annotated[int, Meta(le=3)], "v=3", 3),
    ],
)  # fmt: skip
async def test_the_query(binder, kind, query, expected):
    """One value, several, none; an empty text is an absent value, but for text."""

    async def handler(v: kind):
        return v

    assert expected == await called(binder, handler, asked(query), ())


@pytest.mark.parametrize(
    ("kind", "query", "code"),
    [
        (int, "", "missing"), (int, "v=", "missing"), (int, "v=x", "invalid_type"), (str, "", "missing"),
        (Annotated[int, Meta(le=3)], "v=4", "too_large"), (bool, "v=maybe", "invalid_type"),
        (Annotated[list[int], Meta(min_length=1)], "", "missing"), (tuple[int, int], "", "missing"),
        (tuple[int, int], "v=1", "too_short"), (float, "v=nan", "invalid_type"),
    ],
)  # fmt: skip
async def test_a_wrong_query(binder, kind, query, code):
    """A row at the name."""

    async def handler(v: kind): ...

    assert [("v", code)] == await rows(binder, handler, asked(query))


async def test_defaults_are_used_as_they_are(binder):
    """For a value that is absent, of whatever kind."""
    sentinel = object()

    async def handler(a: int = 5, b: list[int] = sentinel, c: Annotated[str, Header] = sentinel, d: str = ""):
        return a, b, c, d

    assert (5, sentinel, sentinel, "") == await called(binder, handler, asked("a="), ())


async def test_a_record_from_the_query(binder):
    """`Annotated[Struct, Query]` takes all fields; every wrong one is reported."""

    async def handler(filters: Annotated[Filters, Query]):
        return filters

    assert Filters(2, ["a", "b"], open=True) == await called(binder, handler, asked("page=2&tags=a&tags=b&open=on"), ())
    assert Filters() == await called(binder, handler, asked(), ())
    assert [("page", "too_small"), ("open", "invalid_type")] == await rows(binder, handler, asked("page=0&open=x"))


async def test_all_sources_are_reported_together(binder, shelf):
    """Path, query, header, cookie and body fail in one answer, and no service is opened for it."""

    async def handler(
        id: uuid.UUID,
        page: int,
        size: Annotated[int, Header("x-size")],
        theme: Annotated[int, Cookie("theme")],
        note: Note,
        unit: Unit,
    ): ...

    request = asked("page=x", b'{"stars":"x"}', cookie="theme=x", x_size="x")
    assert [
        ("id", "invalid_type"), ("page", "invalid_type"), ("x-size", "invalid_type"), ("theme", "invalid_type"),
        ("title", "missing"), ("stars", "invalid_type"),
    ] == await rows(binder, handler, request, ["id"])  # fmt: skip
    assert [] == shelf.opened


async def test_services_of_the_request_are_opened_after_validation(binder, shelf):
    """Only for valid input."""

    async def handler(unit: Unit, page: int):
        return type(unit)

    assert Unit is await called(binder, handler, asked("page=1"), ())
    assert ["unit"] == shelf.opened


async def test_a_broken_query_is_400(binder):
    """Not a row: no part of it can be read."""

    async def handler(page: int): ...

    with pytest.raises(HTTPError) as caught:
        await called(binder, handler, asked("page=%FF"), ())
    assert 400 == caught.value.status


async def test_forms_and_input(binder):
    """`Form` is the raw form; `Input` keeps errors for the handler."""

    async def raw(form: Form):
        return form.get("title")

    async def again(note: Input[Note]):
        return note.ok, note.error("title"), note.raw

    media = "application/x-www-form-urlencoded"
    assert "a" == await called(binder, raw, asked(data=b"title=a", media=media), ())
    assert (False, "is required", {"title": ""}) == await called(binder, again, asked(data=b"title=", media=media), ())


class Handlers:
    def __init__(self) -> None:
        self.word = "object"

    async def __call__(self, id: int):
        return self.word, id

    async def method(self, id: int):
        return self.word, id

    def plain(self, id: int):
        return threading.current_thread() is threading.main_thread(), id


def decorated(function):
    """Decorate without `async`, as many do."""

    @functools.wraps(function)
    def inner(**options):
        return function(**options)

    return inner


@pytest.mark.parametrize("handler", [Handlers(), Handlers().method, decorated(Handlers().method)])
async def test_objects_and_methods_are_handlers(binder, handler):
    """Whatever can be called with names, also behind a plain decorator."""
    assert ("object", 7) == await called(binder, handler, asked())


async def test_a_plain_function_runs_in_a_thread(binder):
    """It may block; the event loop goes on."""
    assert (False, 7) == await called(binder, Handlers().plain, asked())


async def test_threads_are_bounded(shelf):
    """No more plain handlers run at once than the limiter lets."""
    limiter = anyio.CapacityLimiter(2)
    running, most, gate = 0, 0, threading.Event()
    lock = threading.Lock()

    def handler():
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        gate.wait(10)
        with lock:
            running -= 1

    plan = Binder({}, shelf, lambda: limiter).plan(handler)
    async with anyio.create_task_group() as group:
        for _ in range(5):
            group.start_soon(plan.call, Request())
        while running < 2 or limiter.statistics().tasks_waiting < 3:
            await anyio.lowlevel.checkpoint()
        gate.set()
    assert (0, 2) == (running, most)


async def test_a_partial_keeps_its_secrets(binder):
    """What it fills in no query can change."""

    async def handler(id: int, admin: bool = False):
        return id, admin

    assert (7, False) == await called(binder, functools.partial(handler, admin=False), asked("admin=on"))


async def test_an_async_generator_is_handed_over_unstarted(binder):
    """Its arguments are bound; nothing of it has run."""

    async def handler(id: int) -> AsyncIterator[str]:
        yield str(id)

    made = await called(binder, handler, asked())
    assert inspect.isasyncgen(made)
    assert ["7"] == [each async for each in made]


async def test_a_handler_without_parameters(binder):
    """The shortest way."""

    async def handler():
        return 1

    assert 1 == await called(binder, handler, Request(), ())


def test_a_socket_is_left_to_the_pipeline(binder):
    """Its name is in the plan, and nothing fetches it."""

    async def handler(ws: WebSocket, id: int): ...

    plan = binder.plan(handler, ["id"], body=False)
    assert ("ws", "socket") == (plan.socket, plan.parameters[0].source)


async def test_a_guard_may_leave_names_of_the_path(binder):
    """What it takes by the name of a path parameter is that one, never the query."""

    async def guard(id: int):
        return id

    plan = binder.plan(guard, ["id", "slug"], body=False, whole=False)
    assert 7 == await plan.call(asked("id=9"))
    with pytest.raises(StartupError, match="slug"):
        binder.plan(guard, ["id", "slug"], body=False)


async def nothing_annotated(x):
    """Be refused."""


async def args(*x):
    """Be refused."""


async def unknown(x: Nobody):
    """Be refused."""


async def two_bodies(x: Note, y: list[Note]):
    """Be refused."""


async def form_and_body(x: Note, y: Form):
    """Be refused."""


async def bare_list(x: bytes):
    """Be refused."""


async def header_record(x: Annotated[Note, Header]):
    """Be refused."""


async def cookie_list(x: Annotated[dict, Cookie]):
    """Be refused."""


async def query_scalar(x: Annotated[int, Query]):
    """Be refused."""


async def mixed(x: Annotated[str | None, Meta(max_length=5)] = None):
    """Be refused."""


async def untagged(x: Note | Filters):
    """Be refused."""


async def upload(x: Upload):
    """Be refused."""


async def undefined(x: "Undefined"):  # noqa: F821
    """Be refused."""


def generator(x: int):
    """Be refused."""
    yield x


async def odd_struct(x: "Odd"):
    """Be refused."""


class Odd(Struct):
    inner: Annotated[str | None, Meta(max_length=5)] = None


@pytest.mark.parametrize(
    ("handler", "words"),
    [
        (nothing_annotated, "has no annotation"),
        (args, "name each parameter"),
        (unknown, "nothing provides"),
        (two_bodies, "second body beside 'x'"),
        (form_and_body, "second body beside 'x'"),
        (bare_list, "nothing provides"),
        (header_record, "cannot come from a header"),
        (cookie_list, "cannot come from a cookie"),
        (query_scalar, "is no record"),
        (mixed, "cannot be read"),
        (untagged, "cannot be read"),
        (upload, "nothing provides"),
        (undefined, "'Undefined'"),
        (generator, "plain generator"),
        (odd_struct, "cannot be read"),
        ("no function", "no function"),
    ],
)
def test_every_mistake_is_found_at_the_start(binder, handler, words):
    """It names the handler, the parameter and the fix."""
    with pytest.raises(StartupError) as caught:
        binder.plan(handler)
    assert words in str(caught.value)
    assert ("bad_signature", True) == (caught.value.code, bool(caught.value.fix))
    if callable(handler):
        assert handler.__name__ in caught.value.reason
        assert f"{__file__}:" in caught.value.reason


def test_a_body_needs_a_method_that_has_one(binder):
    """GET with a Struct is a mistake; the fix says what would do."""

    async def handler(x: Note): ...

    with pytest.raises(StartupError, match=r"the method has none.*use POST"):
        binder.plan(handler, body=False)


@pytest.mark.parametrize("kind", [Note, list[int], dict, Special, WebSocket, Form])
def test_no_segment_can_be_that(binder, kind):
    """A name of the path with a type that no text can be."""

    async def handler(id: kind): ...

    with pytest.raises(StartupError, match="parameter 'id' comes from the path"):
        binder.plan(handler, ["id"])


def test_a_name_of_the_path_must_be_taken(binder):
    """Unless the handler has the request, where it can be looked up."""

    async def handler(): ...

    async def general(request: Request): ...

    with pytest.raises(StartupError, match=r"the path has \{id\}, the handler does not.*add a parameter named 'id'"):
        binder.plan(handler, ["id"])
    assert binder.plan(general, ["id"])


async def test_a_custom_type_of_a_placeholder_passes(binder):
    """A placeholder of one's own gives its own class."""

    async def handler(id: Nobody):
        return id

    request, value = asked(), Nobody()
    request.params["id"] = value
    assert value is await called(binder, handler, request)


async def test_a_value_that_is_no_segment_is_422(binder):
    """The matcher lets text through that the type does not take."""

    async def handler(slug: Annotated[str, Meta(max_length=2)]): ...

    assert [("slug", "too_long")] == await rows(binder, handler, asked(), ["slug"])


async def test_a_name_without_a_type_is_text(binder):
    """As the matcher gives it."""

    async def handler(slug):
        return slug

    assert "tea" == await called(binder, handler, asked(), ["slug"])


async def test_an_unexpected_error_passes_through(binder):
    """Binding hides nothing."""

    async def handler(x: Special): ...

    def explode(_):
        raise RuntimeError("boom")

    plan = Binder({Special: explode}, Shelf()).plan(handler)
    with pytest.raises(RuntimeError, match="boom"):
        await plan.call(Request())


def test_a_subclass_of_what_is_offered_gets_it(binder):
    """Such as an application's own Request."""

    class Mine(Special): ...

    async def handler(x: Mine): ...

    assert "special" == binder.plan(handler).parameters[0].source


async def test_a_body_with_a_default(binder):
    """No body at all gives the default; anything else must be valid, and of a type that is read."""

    async def handler(note: Note | None = None):
        return note

    assert None is await called(binder, handler, asked(), ())
    assert Note("a") == await called(binder, handler, asked(data=b'{"title":"a"}'), ())
    assert [("title", "missing")] == await rows(binder, handler, asked(data=b"{}"))
    for request, code in ((asked(data=b"x", media=""), 415), (asked(data=b" "), 400)):
        with pytest.raises(HTTPError) as caught:
            await called(binder, handler, request, ())
        assert code == caught.value.status
    assert not binder.plan(handler).parameters[0].required


async def test_a_guard_may_want_the_text(binder):
    """Of what the path has converted already."""

    async def guard(id: str):
        return id

    assert "7" == await called(binder, guard, asked())


async def test_json_of_unions(binder):
    """Tagged Structs in one parameter."""

    class Made(Struct, tag="made"):
        id: int

    class Gone(Struct, tag="gone"):
        id: int

    async def handler(event: Made | Gone):
        return event

    assert Gone(3) == await called(binder, handler, asked(data=msgspec.json.encode(Gone(3))), ())

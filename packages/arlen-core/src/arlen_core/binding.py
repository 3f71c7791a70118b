"""Binding: from a handler's signature to one compiled plan that fetches its arguments."""

from __future__ import annotations

import inspect
from functools import partial
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Annotated, Any, Protocol, Union, get_args, get_origin

from anyio import to_thread
from msgspec import ValidationError

from arlen_core.arguments import SOURCES, converted, model, reader, segment
from arlen_core.convert import converter, multiple, scalar
from arlen_core.errors import FieldError, StartupError, ValidationFailed
from arlen_core.forms import Form, FormLimits, read_form
from arlen_core.native import Frozen
from arlen_core.params import Cookie, Header, Input, Invalid
from arlen_core.payloads import LATER, Decoder, forgiving
from arlen_core.queries import Query
from arlen_core.signatures import MISSING, place, read, refuse, target
from arlen_core.sockets import WebSocket
from arlen_core.validation import fields, strip

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Mapping

    from anyio import CapacityLimiter

    from arlen_core.requests import Request

    Get = Callable[[Request], Any]
    Getters = list[tuple[str, Any]]
    Gather = Callable[[Request], Awaitable[dict[str, Any]]]
    Handler = Callable[..., Any]

__all__ = ["Binder", "Bound", "Parameter", "Plan", "Provides"]

_containers = {list, dict, tuple, set, frozenset}


class Provides(Protocol):
    """What binding needs of the services."""

    def getter(self, kind: Any) -> tuple[Get, bool] | None:
        """Return how to get a service of that type and whether to await it, or `None` when there is none."""


class Parameter(Frozen, frozen=True):
    """One bound parameter.

    Attributes:
        name: in the handler.
        source: "path", "query", "header", "cookie", "body", "service", "socket", or the name of a special type.
        wire: its name in the request.
        kind: its type.
        required: whether the request has to bring it.
        default: when it does not.
    """

    name: str
    source: str
    wire: str
    kind: Any
    required: bool
    default: Any = None


class Bound(Frozen, frozen=True):
    """A parameter with the way to fetch it, and whether that has to be awaited; `take` reads one of the query."""

    parameter: Parameter
    get: Get | None
    waits: bool = False
    take: Callable[[Any], Any] | None = None


class Plan(Frozen, frozen=True):
    """A compiled signature.

    Attributes:
        parameters: what was bound, in order; documents are made of it.
        gather: fetches the arguments; raises `ValidationFailed` with every failing field of every source.
        call: gathers, then runs the handler: awaited, in a thread, or as a stream. No coroutine of its own stands
            between it and a handler whose arguments need not be waited for.
        socket: the name of the `WebSocket` parameter, or "".
        bare: the handler, when it is a coroutine function that takes nothing.
    """

    parameters: tuple[Parameter, ...]
    gather: Gather
    call: Callable[[Request], Awaitable[Any]]
    socket: str = ""
    bare: Callable[[], Awaitable[Any]] | None = None


class Binder:
    """Compiles the handlers of one application.

    Args:
        special: how to get what the framework itself offers, by type.
        services: how to get the rest.
        threads: returns the limiter of the threads that run plain functions.
        limits: of forms.
    """

    def __init__(
        self,
        special: Mapping[type, Get],
        services: Provides,
        threads: Callable[[], CapacityLimiter | None] = lambda: None,
        limits: FormLimits | None = None,
    ) -> None:
        self._special = dict(special)
        self._services = services
        self._threads = threads
        self._limits = limits or FormLimits()

    def plan(self, handler: Handler, path: Collection[str] = (), *, body: bool = True, whole: bool = True) -> Plan:
        """Compile a handler.

        Args:
            handler: a coroutine function, an async generator function (a stream) or a plain function (run in a thread).
            path: the names in the route's template.
            body: whether the method has a body.
            whole: whether every name of the path has to be taken; a guard may leave some.

        Raises `StartupError` naming the handler, the parameter and the fix.
        """
        made = [self._bind(handler, parameter, kind, path, body=body) for parameter, kind in read(handler)]
        _check(handler, [each.parameter for each in made], path if whole else ())
        socket = next((each.parameter.name for each in made if each.parameter.source == "socket"), "")
        gather = _gather(made)
        call = _caller(handler, made, gather, self._threads)
        bare = handler if not made and inspect.iscoroutinefunction(target(handler)) else None
        return Plan(tuple(each.parameter for each in made), gather, call, socket, bare)

    def _bind(
        self, handler: Handler, parameter: inspect.Parameter, kind: Any, path: Collection[str], *, body: bool
    ) -> Bound:
        name, marker = parameter.name, _marker(kind)
        if isinstance(marker, Header):
            return _text(handler, parameter, kind, "header", marker.name.lower() or name.replace("_", "-"))
        if isinstance(marker, Cookie):
            return _text(handler, parameter, kind, "cookie", marker.name or name)
        if marker is Query:
            return _model(handler, name, kind)
        if name in path:
            return self._segment(handler, name, kind)
        if offered := self._offered(name, kind):
            return offered
        if scalar(kind) or multiple(kind) is not None:
            return _text(handler, parameter, kind, "query", name)
        if kind is MISSING:
            raise refuse(handler, name, "has no annotation", f"write its type, such as `{name}: str`")
        return self._body(handler, parameter, kind, body=body)

    def _segment(self, handler: Handler, name: str, kind: Any) -> Bound:
        if _compound(kind) or strip(kind) in {WebSocket, Form, *self._special}:
            raise refuse(handler, name, f"comes from the path, and no text is a {kind}", "rename one of the two")
        get = _readable(handler, name, kind, segment, name, kind)
        return Bound(Parameter(name, "path", name, kind, required=True), get)

    def _offered(self, name: str, kind: Any) -> Bound | None:
        bare = strip(kind)
        if bare is WebSocket:
            return Bound(Parameter(name, "socket", "", kind, required=True), None)
        if bare is Form:
            return Bound(Parameter(name, "body", "", kind, required=True), self._form, waits=True)
        for offered, get in self._special.items():
            if bare is offered or (isinstance(bare, type) and issubclass(bare, offered)):
                return Bound(Parameter(name, offered.__name__.lower(), "", kind, required=True), get)
        found = self._services.getter(bare)
        if found is not None:
            return Bound(Parameter(name, "service", "", kind, required=True), *found)
        return None

    def _body(self, handler: Handler, parameter: inspect.Parameter, kind: Any, *, body: bool) -> Bound:
        name, bare, default = parameter.name, strip(kind), parameter.default
        again = get_origin(bare) is Input
        inner = get_args(bare)[0] if again else kind
        if not _compound(inner):
            fix = "provide it as a service (`app.provide`), or use a Struct, a scalar, Request or Context"
            raise refuse(handler, name, f"has a type that nothing provides: {kind}", fix)
        if not body:
            fix = "use POST, `Annotated[..., Query]`, or provide it as a service (`app.provide`)"
            raise refuse(handler, name, "is a body, but the method has none", fix)
        fetch = _readable(handler, name, kind, forgiving if again else Decoder, inner, self._limits)
        required = default is MISSING
        if not required:
            fetch = _unless_empty(fetch, default)
        return Bound(Parameter(name, "body", "", inner, required=required, default=default), fetch, waits=True)

    async def _form(self, request: Request) -> Form:
        return await read_form(request, self._limits)


def _marker(kind: Any) -> Any:
    if get_origin(kind) in {Union, UnionType}:  # Annotated[str, Header] | None
        return next((found for found in map(_marker, get_args(kind)) if found is not None), None)
    for each in get_args(kind)[1:] if get_origin(kind) is Annotated else ():
        if each is Header or each is Cookie:
            return each()
        if isinstance(each, Header | Cookie) or each is Query:
            return each
    return None


def _unless_empty(fetch: Any, default: Any) -> Any:
    async def get(request: Request) -> Any:
        if not request.media and not await request.body.read():
            return default
        return await fetch(request)

    return get


def _compound(kind: Any) -> bool:
    """Return true for what a body can be: records, lists and maps, and unions of them."""
    bare = strip(kind)
    if get_origin(bare) in {Union, UnionType}:
        return all(_compound(each) for each in get_args(bare) if each is not NoneType)
    return bare in _containers or get_origin(bare) in _containers or fields(bare) is not None


def _readable(handler: Handler, name: str, kind: Any, make: Callable[..., Any], *args: Any) -> Any:
    try:
        return make(*args)
    except TypeError as error:
        raise refuse(handler, name, f"has a type that cannot be read, {kind}: {error}", "use another type") from None


def _model(handler: Handler, name: str, kind: Any) -> Bound:
    if fields(strip(kind)) is None:
        fix = "use a Struct, or leave `Query` out of the annotation"
        raise refuse(handler, name, f"takes the whole query, but is no record: {kind}", fix)
    get = _readable(handler, name, kind, model, kind)
    return Bound(Parameter(name, "query", "", kind, required=False), get)


def _text(handler: Handler, parameter: inspect.Parameter, kind: Any, source: str, wire: str) -> Bound:
    many = multiple(kind) is not None
    if not many and not scalar(kind):
        raise refuse(handler, parameter.name, f"cannot come from a {source}: {kind}", "use text, a number, a date, ...")
    default = parameter.default
    if default is MISSING and _optional(kind):
        default = None
    elif default is MISSING and many and source == "query":
        default = _none_of(kind)
    fetch, blank = SOURCES[source](wire, many=many), not many and strip(kind) is not str
    take = _readable(handler, parameter.name, kind, partial(reader, blank=blank), kind, wire, default)
    made = Parameter(parameter.name, source, wire, kind, required=default is MISSING, default=default)
    return Bound(made, converted(fetch, take), take=take if source == "query" and not many else None)


def _none_of(kind: Any) -> Any:
    """Return the empty list, set or tuple, or `MISSING` when it must not be empty."""
    try:
        return (converter(kind) or list)([])
    except (ValidationError, TypeError):
        return MISSING


def _optional(kind: Any) -> bool:
    plain = get_args(kind)[0] if get_origin(kind) is Annotated else kind
    return type(None) in get_args(plain)


def _check(handler: Handler, parameters: list[Parameter], path: Collection[str]) -> None:
    bodies = [each.name for each in parameters if each.source == "body"]
    if len(bodies) > 1:
        raise refuse(handler, bodies[1], f"is a second body beside {bodies[0]!r}", "merge both in one Struct")
    missing = set(path) - {each.wire for each in parameters if each.source == "path"}
    if missing and not any(each.source in {"request", "context"} for each in parameters):
        reason = f"{place(handler)}: the path has {{{min(missing)}}}, the handler does not"
        fix = f"add a parameter named {min(missing)!r}, or drop it from the path"
        raise StartupError(reason, fix=fix, code="bad_signature")


def _gather(made: list[Bound]) -> Gather:
    plain, bodies, scoped = _sorted(made)

    async def gather(request: Request) -> dict[str, Any]:
        values: dict[str, Any] = {}
        rows = _take(plain, request, values)
        for name, get in bodies:
            try:
                values[name] = await get(request)
            except Invalid as error:
                rows = [*rows, *error.rows]
        if rows:
            raise ValidationFailed(rows)
        for name, get in scoped:  # opened only for valid input
            values[name] = await get(request)
        return values

    return gather


def _sorted(made: list[Bound]) -> tuple[Getters, Getters, Getters]:
    """Return what is at hand, what is read from the body, and what is opened last."""
    fetched = [(each.parameter, each.get, each.waits) for each in made if each.get is not None]
    plain = [(parameter.name, get) for parameter, get, waits in fetched if not waits]
    bodies = [(parameter.name, get) for parameter, get, waits in fetched if waits and parameter.source == "body"]
    scoped = [(parameter.name, get) for parameter, get, waits in fetched if waits and parameter.source != "body"]
    return plain, bodies, scoped


def _take(plain: Getters, request: Request, values: dict[str, Any]) -> list[FieldError]:
    """Put what is at hand into `values`, and return what is wrong with it."""
    rows: list[FieldError] = []
    for name, get in plain:
        try:
            values[name] = get(request)
        except Invalid as error:
            rows += error.rows
    return rows


def _caller(handler: Handler, made: list[Bound], gather: Gather, threads: Callable[[], CapacityLimiter | None]) -> Any:
    function = target(handler)
    if inspect.isgeneratorfunction(function):
        raise StartupError(f"{place(handler)} is a plain generator", fix="write `async def`", code="bad_signature")
    if inspect.isasyncgenfunction(function):

        async def stream(request: Request) -> Any:
            return handler(**await gather(request))

        return stream
    if not inspect.iscoroutinefunction(function):

        async def thread(request: Request) -> Any:
            made = await to_thread.run_sync(partial(handler, **await gather(request)), limiter=threads())
            return await made if inspect.isawaitable(made) else made  # a plain decorator around a coroutine function

        return thread
    return _direct(handler, made, gather)


def _direct(handler: Handler, made: list[Bound], gather: Gather) -> Any:
    plain, bodies, scoped = _sorted(made)
    if bodies or scoped:

        async def call(request: Request) -> Any:
            return await handler(**await gather(request))

        return _soon(handler, plain, bodies[0], call) if len(bodies) == 1 and not scoped else call
    if not plain:
        return lambda _: handler()

    asked = [(each.parameter.name, each.parameter.wire, each.take) for each in made if each.take is not None]
    others = [(name, get) for name, get in plain if name not in {each for each, _, _ in asked}]

    def at_hand(request: Request) -> Any:
        values: dict[str, Any] = {}
        try:
            for name, get in others:
                values[name] = get(request)
            if asked:
                first = request.query.first
                for name, wire, take in asked:
                    values[name] = take(first.get(wire))
        except Invalid:  # say all that is wrong, not only the first
            raise ValidationFailed(_take(plain, request, {})) from None
        return handler(**values)

    return at_hand


def _soon(handler: Handler, plain: Getters, body: tuple[str, Any], call: Any) -> Any:
    """Return a call that does not wait for a body of JSON which has arrived already, as small ones have."""
    name, decoder = body
    if not isinstance(decoder, Decoder):
        return call

    def soon(request: Request) -> Any:
        values: dict[str, Any] = {}
        try:
            for each, get in plain:
                values[each] = get(request)
        except Invalid:
            return call(request)  # it says all that is wrong, with the body too
        try:
            values[name] = value = decoder.at_once(request)
        except Invalid as error:
            raise ValidationFailed(error.rows) from None
        return handler(**values) if value is not LATER else call(request)

    return soon

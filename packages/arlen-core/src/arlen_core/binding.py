"""Binding: from a handler's signature to one compiled plan that fetches its arguments."""

from __future__ import annotations

import inspect
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Protocol, get_args, get_origin, get_type_hints

import msgspec
from anyio import to_thread

from arlen_core.convert import converter, failed, multiple, scalar
from arlen_core.errors import FieldError, StartupError, ValidationFailed
from arlen_core.forms import Form, FormLimits, read_form
from arlen_core.params import Cookie, Header, Input, Invalid
from arlen_core.payloads import decoder, flatten, forgiving
from arlen_core.queries import Query
from arlen_core.sockets import WebSocket
from arlen_core.validation import custom, explain, fields, strip

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Mapping

    from anyio import CapacityLimiter

    from arlen_core.requests import Request

    Get = Callable[[Request], Any]

__all__ = ["Binder", "Parameter", "Plan", "place"]

_containers = {list, dict, tuple, set}
_MISSING: Any = inspect.Parameter.empty


class Services(Protocol):
    """What binding needs of the services."""

    def getter(self, kind: Any) -> tuple[Get, bool] | None:
        """Return how to get a service of that type and whether to await it, or `None` when there is none."""


class Parameter(msgspec.Struct, frozen=True):
    """One bound parameter: where it comes from (`source`), its name there (`wire`), its type and default."""

    name: str
    source: str
    wire: str
    kind: Any
    required: bool
    default: Any = None


class Plan(msgspec.Struct, frozen=True):
    """A compiled signature.

    Attributes:
        parameters: what was bound, in order; documents are made of it.
        gather: fetches the arguments; raises `ValidationFailed` with every failing field of every source.
        call: gathers, then runs the handler: awaited, in a thread, or as a stream.
        socket: the name of the `WebSocket` parameter, or "".
    """

    parameters: tuple[Parameter, ...]
    gather: Callable[[Request], Awaitable[dict[str, Any]]]
    call: Callable[[Request], Awaitable[Any]]
    socket: str = ""


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
        services: Services,
        threads: Callable[[], CapacityLimiter | None] = lambda: None,
        limits: FormLimits | None = None,
    ) -> None:
        self._limits = limits
        self._special = dict(special)
        self._services = services
        self._threads = threads

    def plan(self, handler: Callable[..., Any], path: Collection[str] = (), *, body: bool = True) -> Plan:
        """Compile a handler.

        Args:
            handler: a coroutine function, an async generator function (a stream) or a plain function (run in a thread).
            path: the names in the route's template.
            body: whether the method has a body.

        Raises `StartupError` naming the handler, the parameter and the fix.
        """
        made: list[tuple[Parameter, Get | None, bool]] = []
        for parameter, kind in _signature(handler):
            made.append(self._bind(handler, parameter, kind, path, body=body))
        bodies = [each.name for each, _, _ in made if each.source == "body"]
        if len(bodies) > 1:
            raise _refuse(handler, bodies[1], f"is a second body beside {bodies[0]!r}", "merge both in one Struct")
        missing = set(path) - {each.wire for each, _, _ in made if each.source == "path"}
        takes = any(each.source in {"request", "context"} for each, _, _ in made)
        if missing and not takes:
            fix = f"add a parameter named {min(missing)!r}, or drop it from the path"
            raise StartupError(f"{place(handler)}: the path has {{{min(missing)}}}, the handler does not", fix=fix)
        socket = next((each.name for each, _, _ in made if each.source == "socket"), "")
        return _assemble(handler, made, socket, self._threads)

    def _bind(
        self, handler: Callable[..., Any], parameter: inspect.Parameter, kind: Any, path: Collection[str], *, body: bool
    ) -> tuple[Parameter, Get | None, bool]:
        name, default = parameter.name, parameter.default
        marker = _marker(kind)
        if isinstance(marker, Header):
            wire = marker.name.lower() or name.replace("_", "-")
            return _text(handler, parameter, kind, "header", wire)
        if isinstance(marker, Cookie):
            return _text(handler, parameter, kind, "cookie", marker.name or name)
        if marker is Query:
            return Parameter(name, "query", "", kind, required=False), _model(kind), False
        if name in path:
            return Parameter(name, "path", name, kind, required=True), _path(name, kind), False
        if found := self._offered(name, kind):
            return found
        if scalar(kind) or multiple(kind) is not None:
            return _text(handler, parameter, kind, "query", name)
        if strip(kind) is _MISSING:
            raise _refuse(handler, name, "has no annotation", f"write its type, such as `{name}: str`")
        return self._body(handler, parameter, kind, body=body)

    def _offered(self, name: str, kind: Any) -> tuple[Parameter, Get | None, bool] | None:
        bare = strip(kind)
        if bare is WebSocket:
            return Parameter(name, "socket", "", kind, required=True), None, False
        if bare is Form:
            return Parameter(name, "body", "", kind, required=True), self._form, True
        for offered, get in self._special.items():
            if bare is offered or (isinstance(bare, type) and issubclass(bare, offered)):
                return Parameter(name, offered.__name__.lower(), "", kind, required=True), get, False
        found = self._services.getter(bare)
        if found is not None:
            return Parameter(name, "service", "", kind, required=True), *found
        return None

    async def _form(self, request: Request) -> Form:
        return await (read_form(request) if self._limits is None else read_form(request, self._limits))

    def _body(
        self, handler: Callable[..., Any], parameter: inspect.Parameter, kind: Any, *, body: bool
    ) -> tuple[Parameter, Get | None, bool]:
        name, bare = parameter.name, strip(kind)
        again = get_origin(bare) is Input
        inner = get_args(bare)[0] if again else kind
        if fields(strip(inner)) is None and strip(inner) is not dict and get_origin(strip(inner)) not in _containers:
            fix = "provide it as a service (`app.provide`), or use a Struct, a scalar, Request or Context"
            raise _refuse(handler, name, f"has a type that nothing provides: {kind}", fix)
        if not body:
            raise _refuse(handler, name, "is a body, but the method has none", "use POST, or `Annotated[..., Query]`")
        read = (forgiving if again else decoder)(inner, self._limits)
        return Parameter(name, "body", "", inner, required=True), read, True


def place(handler: Any) -> str:
    """Return "module.function (file:line)" for messages."""
    target = inspect.unwrap(handler.func if isinstance(handler, partial) else handler)
    label = f"{getattr(target, '__module__', '?')}.{getattr(target, '__qualname__', type(target).__qualname__)}"
    code = getattr(target, "__code__", None)
    return f"{label} ({code.co_filename}:{code.co_firstlineno})" if code else label


def _signature(handler: Callable[..., Any]) -> list[tuple[inspect.Parameter, Any]]:
    target = handler if inspect.isroutine(handler) or isinstance(handler, partial) else handler.__call__  # type: ignore[operator]
    try:
        hints = get_type_hints(target.func if isinstance(target, partial) else target, include_extras=True)
    except NameError as error:
        fix = "import it at run time (not under TYPE_CHECKING), at module level"
        raise StartupError(
            f"{place(handler)}: an annotation names {error.name!r}, which is not there", fix=fix
        ) from None
    pairs = []
    for parameter in inspect.signature(handler).parameters.values():
        if parameter.kind in {parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD, parameter.POSITIONAL_ONLY}:
            raise _refuse(handler, parameter.name, "is positional-only, `*` or `**`", "name each parameter")
        pairs.append((parameter, hints.get(parameter.name, parameter.empty)))
    return pairs


def _marker(kind: Any) -> Any:
    if get_origin(kind) is Annotated:
        return next((each for each in get_args(kind)[1:] if isinstance(each, Header | Cookie) or each is Query), None)
    return None


def _refuse(handler: Any, name: str, reason: str, fix: str) -> StartupError:
    return StartupError(f"{place(handler)}: parameter {name!r} {reason}", fix=fix, code="bad_signature")


def _path(name: str, kind: Any) -> Get:
    convert = None if strip(kind) is _MISSING else converter(kind)
    if convert is None:
        return lambda request: request.params[name]

    def get(request: Request) -> Any:
        try:
            return convert(request.params[name])
        except msgspec.ValidationError:
            raise Invalid(failed(request.params[name], kind, name)) from None

    return get


def _text(
    handler: Any, parameter: inspect.Parameter, kind: Any, source: str, wire: str
) -> tuple[Parameter, Get | None, bool]:
    inner = multiple(kind)
    if inner is None and not scalar(kind):
        raise _refuse(
            handler, parameter.name, f"cannot come from a {source}: {kind}", "use text, a number, a date, ..."
        )
    optional = isinstance(None, _plain(kind))
    default = None if parameter.default is _MISSING and optional else parameter.default
    if default is _MISSING and inner is not None and source == "query":
        default = ()
    get = _sources[source](wire, many=inner is not None)
    made = Parameter(parameter.name, source, wire, kind, required=default is _MISSING, default=default)
    return made, _converted(get, kind, wire, default, empty=inner is None and strip(kind) is not str), False


def _plain(kind: Any) -> Any:
    args = get_args(get_args(kind)[0] if get_origin(kind) is Annotated else kind)
    return type(None) if type(None) in args else ()


def _converted(get: Get, kind: Any, wire: str, default: Any, *, empty: bool) -> Get:
    convert = converter(kind)
    if default == () and default is not _MISSING:
        default = convert([]) if convert else []

    def fetch(request: Request) -> Any:
        value = get(request)
        if value is None or (empty and not value):
            if default is _MISSING:
                raise Invalid([FieldError(wire, "missing", "is required")])
            return default
        if convert is None:
            return value
        try:
            return convert(value)
        except msgspec.ValidationError:
            raise Invalid(failed(value, kind, wire)) from None

    return fetch


def _query(wire: str, *, many: bool) -> Get:
    return (lambda request: request.query.all(wire) or None) if many else (lambda request: request.query.get(wire))


def _header(wire: str, *, many: bool) -> Get:
    return (lambda request: request.headers.all(wire) or None) if many else (lambda request: request.headers.get(wire))


def _cookie(wire: str, *, many: bool) -> Get:
    return lambda request: request.cookies.get(wire)


_sources: dict[str, Callable[..., Get]] = {"query": _query, "header": _header, "cookie": _cookie}


def _model(kind: Any) -> Get:
    def get(request: Request) -> Any:
        values = flatten(kind, request.query)
        try:
            return msgspec.convert(values, kind, strict=False, dec_hook=custom)
        except msgspec.ValidationError:
            raise Invalid(explain(values, kind, strict=False)) from None

    return get


def _assemble(
    handler: Callable[..., Any],
    made: list[tuple[Parameter, Get | None, bool]],
    socket: str,
    threads: Callable[[], CapacityLimiter | None],
) -> Plan:
    parameters = tuple(each for each, _, _ in made)
    plain = [(each.name, get) for each, get, waits in made if get and not waits]
    bodies = [(each.name, get) for each, get, waits in made if get and waits and each.source == "body"]
    scoped = [(each.name, get) for each, get, waits in made if get and waits and each.source != "body"]
    gather = _gather(plain, bodies, scoped)
    return Plan(parameters, gather, _caller(handler, gather, plain, threads, simple=not bodies and not scoped), socket)


def _gather(plain: list[tuple[str, Get]], bodies: list[tuple[str, Get]], scoped: list[tuple[str, Get]]) -> Any:
    async def gather(request: Request) -> dict[str, Any]:
        values: dict[str, Any] = {}
        rows: list[FieldError] | None = None
        for name, get in plain:
            try:
                values[name] = get(request)
            except Invalid as error:
                rows = [*(rows or ()), *error.rows]
        for name, get in bodies:
            try:
                values[name] = await get(request)
            except Invalid as error:
                rows = [*(rows or ()), *error.rows]
        if rows:
            raise ValidationFailed(rows)
        for name, get in scoped:  # opened only for valid input
            values[name] = await get(request)
        return values

    return gather


def _caller(
    handler: Callable[..., Any], gather: Any, plain: list[tuple[str, Get]], threads: Any, *, simple: bool
) -> Any:
    target = handler if inspect.isroutine(handler) or isinstance(handler, partial) else handler.__call__  # type: ignore[operator]
    if inspect.isasyncgenfunction(target):

        async def stream(request: Request) -> Any:
            return handler(**await gather(request))

        return stream
    if not inspect.iscoroutinefunction(target):

        async def thread(request: Request) -> Any:
            return await to_thread.run_sync(partial(handler, **await gather(request)), limiter=threads())

        return thread
    if simple and not plain:

        async def bare(request: Request) -> Any:
            return await handler()

        return bare

    async def call(request: Request) -> Any:
        return await handler(**await gather(request))

    return call

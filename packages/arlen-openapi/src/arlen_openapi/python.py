"""Python: a client of an API as one module, on msgspec and httpx, for calls that wait and calls that are awaited."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING

from msgspec import Struct

from arlen_openapi.annotations import Annotations, Model
from arlen_openapi.clients import Answer, Call, calls, sentences
from arlen_openapi.names import KEYWORDS, Names, literal, prose, snake

if TYPE_CHECKING:
    from collections.abc import Iterator

    from arlen_openapi.operations import Parameter
    from arlen_openapi.references import Document

__all__ = ["client"]

_HEAD = """from __future__ import annotations

import re
from datetime import date, datetime, time, timedelta
from typing import Any, Literal, NamedTuple, Self, TypeAlias
from urllib.parse import quote, urlencode
from uuid import UUID

import httpx
import msgspec
from msgspec import UNSET, Struct, UnsetType
"""
_RESERVED = frozenset({
    "ApiError", "AsyncClient", "Client", "FieldProblem", "NamedTuple", "ProblemDetails", "Self", "TypeAlias", "Upload",
    "Exception", "ValueError", "None", "True", "False",
})  # fmt: skip
_BUILT_IN = frozenset({
    "Any", "Literal", "UUID", "UnsetType", "bool", "bytes", "date", "datetime", "dict", "float", "int", "list", "str",
    "time", "timedelta", "tuple",
})  # fmt: skip
_WITHIN = frozenset({"UNSET", "body", "close", "result", "self"})


def client(document: Document) -> str:
    """Return the source of a client: a module with the types of the document, `Client` and `AsyncClient`.

    The same document gives the same text. No name, description or value of it becomes anything but that.

    >>> from arlen_openapi.references import Document
    >>> text = client(Document({"openapi": "3.1.0", "info": {"title": "Notes", "version": "1.0"}}))
    >>> "class AsyncClient(_AsyncClient):" in text
    True
    """
    types = Annotations(document, _RESERVED)
    methods = _methods(document, types)
    return "\n".join([*_head(document), *_models(types), "", "", _runtime(), *_classes(methods)]).rstrip() + "\n"


class _Argument(Struct, frozen=True):
    name: str
    type: str
    required: bool
    parameter: Parameter | None


class _Method(Struct, frozen=True):
    name: str
    call: Call
    arguments: tuple[_Argument, ...]
    returns: str
    answers: tuple[tuple[str, str, str], ...]


def _runtime() -> str:
    return (files("arlen_openapi") / "runtime" / "client.py.txt").read_text(encoding="utf-8")


def _head(document: Document) -> Iterator[str]:
    info = document.section(document.tree, "info")
    told = " ".join(prose(f"{info.get('title', '')} {info.get('version', '')}")).strip()
    yield f'"""A client of {_escaped(told)}, made by arlen-openapi: change the document, not this file."""\n'
    yield "# ruff: noqa"
    yield _HEAD


def _models(types: Annotations) -> Iterator[str]:
    for model in types.models:
        yield from _model(model)
    for name, found in types.aliases.items():
        yield f"\n{name}: TypeAlias = {found.text}"


def _model(model: Model) -> Iterator[str]:
    tag = f", tag_field={literal(model.tag[0])}, tag={literal(model.tag[1])}" if model.tag else ""
    yield f"\nclass {model.name}(Struct, kw_only=True, omit_defaults=True{tag}):"
    yield from _docstring(prose(model.about) or [f"{model.name}."], "    ")
    for field in model.fields:
        default = f" = {field.default}" if field.default else ""
        if field.wire != field.name:
            given = f"default={field.default}, " if field.default else ""
            default = f" = msgspec.field({given}name={literal(field.wire)})"
        yield f"    {field.name}: {field.type}{default}"
    yield ""


def _docstring(lines: list[str], indent: str) -> Iterator[str]:
    shown = [_escaped(line) for line in lines]
    while shown and not shown[0]:
        shown.pop(0)
    yield f'{indent}"""' + f"\n{indent}".join(shown or [""]).replace(f"\n{indent}\n", "\n\n") + '"""'


def _escaped(line: str) -> str:
    return line.replace("\\", "\\\\").replace('"', '\\"')


def _methods(document: Document, types: Annotations) -> list[_Method]:
    names = Names(_WITHIN, KEYWORDS | _BUILT_IN)  # a method `list` hides the type from the annotations below it
    return [_method(names.take(snake(call.name, "call")), call, types) for call in calls(document)]


def _method(name: str, call: Call, types: Annotations) -> _Method:
    context = "".join(each.capitalize() for each in name.split("_"))
    answers = tuple((each.status, each.kind, _answer(each, types, context)) for each in call.answers)
    found = dict.fromkeys(each[2] for each in answers)
    returns = "Any" if "Any" in found else " | ".join(found) or "None"
    return _Method(name, call, tuple(_arguments(call, types, context)), returns, answers)


def _answer(answer: Answer, types: Annotations, context: str) -> str:
    if answer.kind == "json":
        return types.hint(answer.schema, f"{context}Answer").text
    return _READ[answer.kind]


_READ = {"text": "str", "bytes": "bytes", "none": "None"}
_SENT = {"text": "str", "bytes": "bytes"}


def _arguments(call: Call, types: Annotations, context: str) -> Iterator[_Argument]:
    names = Names(_WITHIN | _BUILT_IN, KEYWORDS)
    for each in call.operation.parameters:
        found = types.hint(each.schema, f"{context}{each.place.capitalize()}")
        yield _Argument(names.take(snake(each.name, "argument")), found.text, each.required, each)
    if call.body is not None:
        written = _SENT.get(call.body.kind) or types.hint(call.body.schema, f"{context}Body").text
        yield _Argument("body", written, call.body.required, None)


def _classes(methods: list[_Method]) -> Iterator[str]:
    for name, base, is_async in (("Client", "_Client", False), ("AsyncClient", "_AsyncClient", True)):
        yield f"\n\nclass {name}({base}):"
        yield f"    __doc__ = {base}.__doc__"
        for method in methods:
            yield from _function(method, is_async=is_async)


def _function(method: _Method, *, is_async: bool) -> Iterator[str]:
    word, wait = ("async def", "await ") if is_async else ("def", "")
    yield f"\n    {word} {method.name}(self{_signature(method)}) -> {method.returns}:"
    yield from _docstring(prose("\n".join(sentences(method.call))) or [method.name], "        ")
    yield f"        result: {method.returns} = {wait}self._send("
    yield from (f"            {line}" for line in _plan(method))
    yield "        )"
    yield "        return result"


def _signature(method: _Method) -> str:
    path = [each for each in method.arguments if each.parameter is not None and each.parameter.place == "path"]
    rest = sorted((each for each in method.arguments if each not in path), key=lambda each: not each.required)
    words = [_parameter(each) for each in path] + (["*", *map(_parameter, rest)] if rest else [])
    return "".join(f", {word}" for word in words)


def _parameter(argument: _Argument) -> str:
    if argument.required:
        return f"{argument.name}: {argument.type}"
    unset = "" if argument.type == "Any" else " | UnsetType"
    return f"{argument.name}: {argument.type}{unset} = UNSET"


def _plan(method: _Method) -> Iterator[str]:
    operation, body = method.call.operation, method.call.body
    yield "_Plan("
    yield f"    {literal(operation.method.upper())}, {literal(operation.path)}, {literal(method.call.accept)},"
    yield "    ["
    for each in method.arguments:
        if each.parameter is not None:
            yield f"        ({_facts(each.parameter)}, {each.name}),"
    yield "    ],"
    yield f"    {{{', '.join(_ways(method))}}},"
    if body is not None:
        yield f"    _Body({literal(body.kind)}, {literal(body.media)}, body),"
    yield ")"


def _ways(method: _Method) -> Iterator[str]:
    found: dict[str, list[str]] = {}
    for status, kind, text in method.answers:
        found.setdefault(status, []).append(f"{literal(kind)}: {text}")
    for status, ways in found.items():
        yield f"{literal(status)}: {{{', '.join(ways)}}}"


def _facts(parameter: Parameter) -> str:
    how = (parameter.style, parameter.explode, bool(parameter.media))
    return ", ".join(map(literal, (parameter.place, parameter.name, *how)))

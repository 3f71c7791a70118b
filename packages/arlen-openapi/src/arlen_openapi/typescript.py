"""TypeScript: a client of an API as one file, on fetch, without dependencies."""

from __future__ import annotations

import re
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from arlen_openapi.clients import Call, binary, calls, sentences
from arlen_openapi.names import Names, camel, pascal, prose, quoted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from arlen_openapi.references import Document

__all__ = ["client"]

_PREFIX = "#/components/schemas/"
_PLAIN = {"null": "null", "boolean": "boolean", "integer": "number", "number": "number", "string": "string"}
_RESERVED = frozenset({
    "AbortSignal", "ApiError", "Array", "ArrayBuffer", "Blob", "BodyInit", "Client", "ClientOptions", "Date", "Error",
    "FormData", "Headers", "JSON", "Kind", "Map", "Object", "Place", "Plan", "ProblemDetails", "Promise", "Record",
    "RequestInit", "RequestOptions", "Response", "SEPARATORS", "String", "TypeError", "URLSearchParams",
})  # fmt: skip
_INHERITED = frozenset({
    "__defineGetter__", "__defineSetter__", "__lookupGetter__", "__lookupSetter__", "__proto__", "constructor",
    "hasOwnProperty", "isPrototypeOf", "propertyIsEnumerable", "toLocaleString", "toString", "valueOf",
})  # fmt: skip
_READ = {"text": "string", "bytes": "Blob", "none": "void"}
_SENT = {"text": "string", "bytes": "Blob | ArrayBuffer"}


def client(document: Document) -> str:
    """Return the source of a client: a file with the types of the document and the class `Client`.

    The same document gives the same text. No name, description or value of it becomes anything but that. To run
    it, only the types have to be taken out, which Node 24 does by itself.

    >>> from arlen_openapi.references import Document
    >>> text = client(Document({"openapi": "3.1.0", "info": {"title": "Notes", "version": "1.0"}}))
    >>> "export class Client {" in text
    True
    """
    types = _Types(document)
    runtime = (files("arlen_openapi") / "runtime" / "client.ts.txt").read_text(encoding="utf-8")
    info = document.section(document.tree, "info")
    told = " ".join(prose(f"{info.get('title', '')} {info.get('version', '')}")).strip()
    head = [f"// A client of {told}, made by arlen-openapi: change the document, not this file.", ""]
    return "\n".join([*head, *types.declarations(), runtime.rstrip(), "", *_class(document, types)]) + "\n"


class _Types:
    def __init__(self, document: Document) -> None:
        self._document, names = document, Names(_RESERVED)
        self._names = {name: names.take(pascal(name)) for name in sorted(document.components("schemas"))}

    def declarations(self) -> Iterator[str]:
        for name, own in self._names.items():
            schema = self._document.components("schemas")[name]
            yield from _comment(schema.get("description") if isinstance(schema, dict) else None, "")
            yield f"export type {own} = {self.text(schema, '')};"
            yield ""

    def text(self, schema: Any, indent: str) -> str:
        """Return the type of a schema, on lines below an indentation."""
        if not isinstance(schema, dict):
            return "never" if schema is False else "unknown"
        parts = [each for each in self._parts(schema, indent) if each != "unknown"]
        return " & ".join(f"({each})" if " | " in each and len(parts) > 1 else each for each in parts) or "unknown"

    def _parts(self, schema: dict[str, Any], indent: str) -> Iterator[str]:
        if isinstance(schema.get("$ref"), str):
            yield self._reference(schema["$ref"], indent)
        for each in schema.get("allOf", []):
            yield self.text(each, indent)
        for keyword in ("anyOf", "oneOf"):
            if keyword in schema:
                yield _union(self.text(each, indent) for each in schema[keyword])
        if "const" in schema or "enum" in schema:
            values = [schema["const"]] if "const" in schema else schema["enum"]
            yield _union(map(_value, values)) if values else "never"
        else:
            yield self._typed(schema, indent)

    def _typed(self, schema: dict[str, Any], indent: str) -> str:
        kinds = schema.get("type", "object" if "properties" in schema else [])
        if binary(schema):
            return "Blob"
        return _union(self._kind(each, schema, indent) for each in ([kinds] if isinstance(kinds, str) else kinds))

    def _kind(self, kind: str, schema: dict[str, Any], indent: str) -> str:
        if kind == "array":
            return self._array(schema, indent)
        return self._object(schema, indent) if kind == "object" else _PLAIN.get(kind, "unknown")

    def _array(self, schema: dict[str, Any], indent: str) -> str:
        rest = schema.get("items", {})
        if "prefixItems" not in schema:
            return f"Array<{self.text(rest, indent)}>"
        sure = schema.get("minItems", 0)
        texts = [self.text(each, indent) for each in schema["prefixItems"]]
        parts = [text if at < sure else f"({text})?" for at, text in enumerate(texts)]
        if rest is not False:
            parts.append(f"...Array<{self.text(rest, indent)}>")
        return f"[{', '.join(parts)}]"

    def _object(self, schema: dict[str, Any], indent: str) -> str:
        rest, properties = schema.get("additionalProperties", True), schema.get("properties", {})
        if not properties:
            return f"Record<string, {self.text(rest, indent)}>"
        lines: list[str] = []
        for name, each in properties.items():
            mark = "" if name in schema.get("required", []) else "?"
            lines += _comment(each.get("description") if isinstance(each, dict) else None, f"{indent}  ")
            lines.append(f"{indent}  {_key(name)}{mark}: {self.text(each, f'{indent}  ')};")
        if isinstance(rest, dict) and rest:
            lines.append(f"{indent}  [key: string]: unknown;")
        return "\n".join(["{", *lines, f"{indent}}}"])

    def _reference(self, reference: str, indent: str) -> str:
        name = reference.removeprefix(_PREFIX)
        if reference.startswith(_PREFIX) and name in self._names:
            return self._names[name]
        self._document.target(reference)
        return "unknown"


def _class(document: Document, types: _Types) -> Iterator[str]:
    yield "/** One function for each operation; each throws `ApiError` when the server answers with an error. */"
    yield "export class Client {"
    yield "  readonly #options: ClientOptions;"
    yield "\n  constructor(options: ClientOptions) {\n    this.#options = options;\n  }"
    names = Names(_INHERITED)
    for call in calls(document):
        yield from _function(names.take(camel(call.name, "call")), call, types)
    yield "}"


def _function(name: str, call: Call, types: _Types) -> Iterator[str]:
    keys = _keys(call)
    found = [types.text(each.schema, "  ") if each.kind == "json" else _READ[each.kind] for each in call.answers]
    returns = _union(found or ["void"])
    yield ""
    yield from _comment("\n".join(sentences(call)), "  ")
    yield f"  async {name}({_signature(call, keys, types)}): Promise<{returns}> {{"
    yield "    const plan: Plan = {"
    yield f"      method: {quoted(call.operation.method.upper())},"
    yield f"      path: {quoted(call.operation.path)},"
    yield f"      accept: {quoted(call.accept)},"
    yield "      parameters: ["
    yield from (f"        {row}," for row in _rows(call, keys))
    yield "      ],"
    if call.body is not None:
        yield f"      body: [{quoted(call.body.kind)}, {quoted(call.body.media)}, {quoted(keys[-1])}],"
    yield f"      answers: {{ {', '.join(_ways(call))} }},"
    yield "    };"
    given = "input" if keys else "{}"
    yield f"    return (await send(this.#options, plan, {given}, options)) as {returns};"
    yield "  }"


def _keys(call: Call) -> list[str]:
    """Return the keys of the input: the names of the parameters as they are, then the body's."""
    names = Names(_INHERITED)
    found = [names.take(each.name) for each in call.operation.parameters]
    return [*found, names.take("body")] if call.body is not None else found


def _signature(call: Call, keys: list[str], types: _Types) -> str:
    known = zip(keys, call.operation.parameters, strict=False)
    fields = [(key, types.text(each.schema, "  "), each.required) for key, each in known]
    if call.body is not None:
        written = _SENT.get(call.body.kind)
        fields.append((keys[-1], written or types.text(call.body.schema, "  "), call.body.required))
    if not fields:
        return "options: RequestOptions = {}"
    rows = "; ".join(f"{_key(name)}{'' if required else '?'}: {text}" for name, text, required in fields)
    default = "" if any(required for *_, required in fields) else " = {}"
    return f"input: {{ {rows} }}{default}, options: RequestOptions = {{}}"


def _ways(call: Call) -> Iterator[str]:
    found: dict[str, list[str]] = {}
    for each in call.answers:
        found.setdefault(each.status, []).append(quoted(each.kind))
    for status, kinds in found.items():
        yield f"{quoted(status)}: [{', '.join(kinds)}]"


def _rows(call: Call, keys: list[str]) -> Iterator[str]:
    for key, each in zip(keys, call.operation.parameters, strict=False):
        facts = (each.place, each.name, key, each.style, each.explode, bool(each.media))
        yield f"[{', '.join(map(quoted, facts))}]"


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z_$][\w$]*", name, re.ASCII) else quoted(name)


def _value(value: Any) -> str:
    return quoted(value) if value is None or isinstance(value, bool | int | float | str) else "unknown"


def _union(texts: Iterable[str]) -> str:
    found = list(dict.fromkeys(texts))
    return "unknown" if "unknown" in found or not found else " | ".join(found)


def _comment(text: Any, indent: str) -> Iterator[str]:
    lines = prose(text)
    if lines:
        body = [f"{indent} * {line}".rstrip() for line in lines] if len(lines) > 1 else []
        yield "\n".join([f"{indent}/**", *body, f"{indent} */"]) if body else f"{indent}/** {lines[0]} */"

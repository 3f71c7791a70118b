"""TypeScript: the client is a file that compiles, runs and sends what the document says, and is the same each time."""

import copy
import json
import re
import subprocess

import pytest

from arlen_openapi import typescript
from arlen_openapi.references import Document

NAMES = ["notes", "shop", "media"]


def declared(schema, name="T", **components):
    """Return the type of a component."""
    tree = {"openapi": "3.1.0", "components": {"schemas": {name: schema, **components}}}
    text = typescript.client(Document(tree))
    return re.search(r"^export type T = (.*?);\n\n", text, re.MULTILINE | re.DOTALL)[1]


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({}, "unknown"),
        (True, "unknown"),
        (False, "never"),
        ({"type": "string"}, "string"),
        ({"type": "integer"}, "number"),
        ({"type": ["string", "null"]}, "string | null"),
        ({"anyOf": [{"type": "null"}, {"type": "boolean"}]}, "null | boolean"),
        ({"oneOf": [{"type": "string"}, {}]}, "unknown"),
        ({"enum": ["a", 1, None, True]}, '"a" | 1 | null | true'),
        ({"enum": []}, "never"),
        ({"const": "a"}, '"a"'),
        ({"enum": [["a"]]}, "unknown"),
        ({"type": "array"}, "Array<unknown>"),
        ({"type": "array", "items": {"type": ["string", "null"]}}, "Array<string | null>"),
        ({"type": "array", "prefixItems": [{"type": "string"}], "minItems": 1}, "[string, ...Array<unknown>]"),
        (
            {"type": "array", "prefixItems": [{"type": "string"}, {"const": 1}], "minItems": 1, "items": False},
            "[string, (1)?]",
        ),
        ({"type": "object"}, "Record<string, unknown>"),
        ({"type": "object", "additionalProperties": {"type": "integer"}}, "Record<string, number>"),
        ({"properties": {"a": {"type": "string"}}, "required": ["a"]}, "{\n  a: string;\n}"),
        ({"type": "object", "properties": {"a": {}}, "additionalProperties": False}, "{\n  a?: unknown;\n}"),
        (
            {
                "type": "object",
                "properties": {"due date": {"type": "string"}},
                "additionalProperties": {"type": "null"},
            },
            '{\n  "due date"?: string;\n  [key: string]: unknown;\n}',
        ),
        ({"allOf": [{"type": "string"}, {"enum": ["a", "b"]}]}, 'string & ("a" | "b")'),
        ({"allOf": [{"type": "string"}, {}]}, "string"),
        ({"type": "string", "format": "binary"}, "Blob"),
        ({"type": "string", "format": "date"}, "string"),
        ({"$ref": "#/components/schemas/U"}, "U"),
        ({"$ref": "#/components/schemas/U/properties/a"}, "unknown"),
        ({"type": "film"}, "unknown"),
    ],
)
def test_a_schema_has_a_type(schema, expected):
    """As narrow as TypeScript can say it."""
    assert expected == declared(schema, U={"type": "object", "properties": {"a": {"type": "string"}}})


def test_names_of_types_differ_from_those_of_the_client():
    """And from those of the language."""
    tree = {
        "openapi": "3.1.0",
        "components": {"schemas": {name: {"type": "null"} for name in ("Client", "Promise", "a-b", "a b", "名")}},
    }
    text = typescript.client(Document(tree))
    assert {"Client2", "Promise2", "AB", "AB2", "Value"} == set(
        re.findall(r"^export type (\w+) = null", text, re.MULTILINE)
    )


def test_descriptions_are_comments():
    """On one line, or on several."""
    schema = {
        "type": "object",
        "description": "One\nTwo */ three",
        "properties": {"a": {"description": "An a.", "type": "null"}},
    }
    text = typescript.client(Document({"openapi": "3.1.0", "components": {"schemas": {"T": schema}}}))
    assert "/**\n * One\n * Two * / three\n */\nexport type T = {\n  /** An a. */\n  a?: null;\n};" in text


@pytest.mark.parametrize("name", NAMES)
def test_the_same_document_gives_the_same_text(name, specimen):
    """Whatever the order of its paths and components."""
    tree = specimen(name)
    turned = copy.deepcopy(tree)
    turned["paths"] = dict(reversed(tree["paths"].items()))
    turned["components"]["schemas"] = dict(reversed(tree["components"]["schemas"].items()))
    assert typescript.client(Document(tree)) == typescript.client(Document(turned))


def test_an_operation_is_a_function(specimen):
    """With what it takes and what it gives."""
    text = typescript.client(Document(specimen("notes")))
    assert "async showNote(input: { id: number }, options: RequestOptions = {}): Promise<Note> {" in text
    assert "async createNote(input: { body: NewNote }, options: RequestOptions = {}): Promise<Note> {" in text
    assert "async deleteNote(input: { id: number }, options: RequestOptions = {}): Promise<void> {" in text
    assert "  /** All notes */\n  async listNotes(input: { limit?: number; tag?: Array<string>; " in text
    assert '; "X-Team"?: string } = {}, options: RequestOptions = {}): Promise<Array<Note>> {' in text


def test_several_answers_are_a_choice(specimen):
    """Nothing at all is one of them."""
    assert "): Promise<Receipt | void> {" in typescript.client(Document(specimen("shop")))


def test_all_compile(specimen, tsc, tmp_path):
    """With every check that the compiler has."""
    paths = []
    for name in NAMES:
        paths.append(tmp_path / f"{name}.ts")
        paths[-1].write_text(typescript.client(Document(specimen(name))), encoding="utf-8")
    assert "" == tsc(*paths)


@pytest.fixture
def spoken(node, tmp_path):
    """Run lines with a client whose requests are noted and answered; return what they note."""

    def run(tree, *lines):
        (tmp_path / "client.ts").write_text(typescript.client(Document(tree)), encoding="utf-8")
        (tmp_path / "main.mjs").write_text(SCRIPT.replace("LINES", "\n".join(lines)), encoding="utf-8")
        done = subprocess.run([node, tmp_path / "main.mjs"], capture_output=True, text=True, check=False, timeout=60)
        assert "" == done.stderr
        return json.loads(done.stdout)

    return run


SCRIPT = """
import * as made from "./client.ts";

const seen = [];
let answer = () => new Response("{}", { headers: { "content-type": "application/json" } });
const fetch = async (url, init) => {
  const { body, headers } = new Request("http://localhost/", { ...init, method: "POST" });
  const text = body === null ? null : await new Response(body).text();
  seen.push({ url, method: init.method, text, headers: Object.fromEntries(headers) });
  return answer();
};
const client = new made.Client({ baseUrl: "http://api.example/v1/", headers: { "x-all": "1" }, fetch });
const failed = async (call) => { try { await call(); return null; } catch (error) { return error; } };
const told = {};
LINES
console.log(JSON.stringify({ seen, told }));
"""
STYLES = [
    ("form", True, ["a", "b"], "q=a&q=b"),
    ("form", False, ["a", "b"], "q=a%2Cb"),
    ("spaceDelimited", False, ["a", "b"], "q=a+b"),
    ("pipeDelimited", False, ["a", "b"], "q=a%7Cb"),
    ("form", True, {"x": 1, "y": True}, "x=1&y=true"),
    ("form", False, {"x": 1, "y": None}, "q=x%2C1"),
    ("deepObject", True, {"x": 1}, "q%5Bx%5D=1"),
    ("form", True, 1.5, "q=1.5"),
]


def test_styles(spoken):
    """As OpenAPI 3.1 has them, section 4.8.12.2; and what is not given is not sent."""
    paths = {}
    for at, (style, explode, _, _) in enumerate(STYLES):
        parameters = [{"name": "q", "in": "query", "style": style, "explode": explode, "schema": {}}]
        parameters.append({"name": "constructor", "in": "query", "schema": {}})
        paths[f"/{at}"] = {"get": {"operationId": f"call{at}x", "parameters": parameters, "responses": {"200": {}}}}
    lines = [f"await client.call{at}X({{ q: {json.dumps(value)} }});" for at, (_, _, value, _) in enumerate(STYLES)]
    found = spoken({"openapi": "3.1.0", "paths": paths}, *lines)["seen"]
    assert [f"http://api.example/v1/{at}?{query}" for at, (*_, query) in enumerate(STYLES)] == [
        each["url"] for each in found
    ]


def test_bodies(specimen, spoken):
    """JSON, a form, files; each with its media type."""
    first = spoken(
        specimen("media"),
        'answer = () => new Response("done", { headers: { "content-type": "text/plain" } });',
        'told.text = await client.class({ body: { file: new File(["abc"], "a.txt"), "the title": "t" } });',
        "await client.class();",
        "answer = () => new Response(null, { status: 204 });",
        'told.nothing = (await client.sendForm({ body: { name: "a b&c", ages: [1, 2] } })) === undefined;',
    )
    files, nothing, form = first["seen"]
    assert 'name="file"; filename="a.txt"' in files["text"]
    assert 'name="the title"\r\n\r\nt\r\n' in files["text"]
    assert None is nothing["text"]
    assert ("name=a+b%26c&ages=1&ages=2", "application/x-www-form-urlencoded") == (
        form["text"],
        form["headers"]["content-type"],
    )
    assert {"text": "done", "nothing": True} == first["told"]


def test_headers(specimen, spoken):
    """Those of the client, of the call, and of the operation."""
    found = spoken(
        specimen("notes"),
        'await client.listNotes({ "X-Team": "a" }, { headers: { "x-one": "2" } });',
        "answer = () => new Response('{}', { status: 201 });",
        'await client.createNote({ body: { title: "t" } });',
    )["seen"]
    assert {"x-all": "1", "x-one": "2", "x-team": "a"}.items() <= found[0]["headers"].items()
    assert "application/json, application/problem+json" == found[0]["headers"]["accept"]
    assert ("POST", '{"title":"t"}', "application/json") == (
        found[1]["method"],
        found[1]["text"],
        found[1]["headers"]["content-type"],
    )


def test_errors(specimen, spoken):
    """Always the same class, with the problem when there is one."""
    problem = '{"title": "Gone", "status": 404, "code": "gone", "errors": []}'
    told = spoken(
        specimen("notes"),
        "const note = async () => { const e = await failed(() => client.showNote({ id: 1 }));"
        " return [e instanceof made.ApiError, e.status, e.message, e.problem?.code ?? null, e.body]; };",
        "const media = { 'content-type': 'application/problem+json' };",
        f"answer = () => new Response({json.dumps(problem)}, {{ status: 404, headers: media }});",
        "told.problem = await note();",
        "answer = () => new Response('<h1>', { status: 502, statusText: 'Bad Gateway' });",
        "told.page = await note();",
        "answer = () => new Response('{', { status: 500, statusText: 'Oh', headers: media });",
        "told.broken = await note();",
        "answer = () => new Response('{}', { status: 203 });",
        "told.unknown = await note();",
        "answer = () => new Response('tea', { status: 200 });",
        "told.text = await note();",
        "told.missing = (await failed(() => client.showNote({}))).message;",
    )["told"]
    assert [True, 404, "404 Gone", "gone", problem] == told["problem"]
    assert [True, 502, "502 Bad Gateway", None, "<h1>"] == told["page"]
    assert [True, 500, "500 Oh", None, "{"] == told["broken"]
    assert [True, 203, "203 is no answer that this client knows", None, "{}"] == told["unknown"]
    assert [True, 200, "the answer is not what the document says: it is no JSON", None, "tea"] == told["text"]
    assert "the path parameter id is missing" == told["missing"]


def test_an_answer_is_read_as_what_it_is(specimen, spoken):
    """Its Content-Type says so, where the document offers several."""
    tree = specimen("notes")
    content = tree["paths"]["/notes/{id}"]["get"]["responses"]["200"]["content"]
    content |= {"text/csv": {}, "image/png": {}}
    assert "): Promise<Note | string | Blob> {" in typescript.client(Document(tree))
    told = spoken(
        tree,
        "const given = async (media, body) => {",
        "  answer = () => new Response(body, { headers: media === '' ? {} : { 'content-type': media } });",
        "  const found = await client.showNote({ id: 1 });",
        "  return found instanceof Blob ? [...new Uint8Array(await found.arrayBuffer())] : found; };",
        "told.json = await given('application/json; charset=utf-8', '[1]');",
        "told.kind = await given('Application/Vnd.Note+JSON', '[2]');",
        "told.text = await given('text/csv; charset=utf-8', '1,é');",
        "told.bytes = await given('image/png', new Uint8Array([137, 0]));",
        "told.other = await given('application/zip', new Uint8Array([80]));",
    )["told"]
    assert {"json": [1], "kind": [2], "text": "1,é", "bytes": [137, 0], "other": [80]} == told


def test_an_answer_of_no_kind_that_was_said_is_an_error(specimen, spoken):
    """Rather than text that was to be something else."""
    tree = specimen("notes")
    tree["paths"]["/notes/{id}"]["get"]["responses"]["200"]["content"]["text/csv"] = {}
    told = spoken(
        tree,
        "answer = () => new Response('x', { headers: { 'content-type': 'image/png' } });",
        "const error = await failed(() => client.showNote({ id: 1 }));",
        "told.error = [error instanceof made.ApiError, error.message, error.body];",
    )["told"]
    assert [True, "200 the answer is of a media type that the document does not have", "x"] == told["error"]


def test_headers_may_come_from_a_function(specimen, spoken):
    """Asked for at each call, so that a token can be renewed."""
    found = spoken(
        specimen("notes"),
        "let count = 0;",
        "const headers = async () => ({ authorization: `t${++count}` });",
        "const own = new made.Client({ baseUrl: 'http://a', fetch, headers });",
        "await own.listNotes(); await own.listNotes();",
    )["seen"]
    assert ["t1", "t2"] == [each["headers"]["authorization"] for each in found]


HOSTILE = [
    "*/ globalThis.hacked = 1; /*",
    '"; globalThis.hacked = 1; "',
    "'; globalThis.hacked = 1; '",
    "`${globalThis.hacked = 1}`",
    "x\nglobalThis.hacked = 1;",
    "x\rglobalThis.hacked = 1;",
    "x\u2028globalThis.hacked = 1;",
    "//",
    "\\",
    "\\u0022; globalThis.hacked = 1",
    "</script><script>",
    "__proto__",
    "constructor",
    "{}",
    "",
    "Client",
]


def hostile(text, at):
    """Return a document that has a text everywhere it may have one; `at` keeps several of them apart."""
    node = {"operationId": text, "summary": text, "description": text, "parameters": []}
    for place in ("query", "header", "cookie"):
        node["parameters"].append({"name": text, "in": place, "schema": {"enum": [text]}})
    thing = {"type": "object", "description": text, "properties": {text: {"const": text, "description": text}}}
    node["requestBody"] = {"content": {f"{text}+json": {"schema": thing}}}
    node["responses"] = {
        "200": {"content": {f"{text}+json": {"schema": {"$ref": "#/components/schemas/A"}}}},
        f"2{text}": {},
    }
    tree = {"openapi": "3.1.0", "info": {"title": text, "version": text}}
    tree["paths"] = {f"/{at}{re.sub('[{}]', '', text)}": {"post": node}}
    return {
        **tree,
        "components": {"schemas": {text: thing, "A": {**thing, "required": [text]}, "B": {"enum": [text, 1]}}},
    }


def test_no_text_becomes_code(node, tmp_path):
    """Every file can be imported and its function called, and none of them did what its text says."""
    for at, text in enumerate(HOSTILE):
        (tmp_path / f"client{at}.ts").write_text(typescript.client(Document(hostile(text, at))), encoding="utf-8")
    script = "const headers = { 'content-type': 'application/json' };\nconst told = [];\n"
    script += "const fetch = async () => new Response('{}', { headers });\n"
    for at in range(len(HOSTILE)):
        script += f"const made{at} = await import('./client{at}.ts');\n"
        script += f"const names{at} = Object.getOwnPropertyNames(made{at}.Client.prototype);\n"
        script += f"const client{at} = new made{at}.Client({{ baseUrl: 'http://a', fetch }});\n"
        script += f"await client{at}[names{at}[1]]();\n"
        script += f"told.push([names{at}.length, globalThis.hacked ?? null]);\n"
    (tmp_path / "main.mjs").write_text(script + "console.log(JSON.stringify(told));", encoding="utf-8")
    done = subprocess.run([node, tmp_path / "main.mjs"], capture_output=True, text=True, check=False, timeout=60)
    assert "" == done.stderr
    assert [[2, None]] * len(HOSTILE) == json.loads(done.stdout)


def test_hostile_documents_compile(tsc, tmp_path):
    """Each is a file with types."""
    for at, text in enumerate(HOSTILE):
        (tmp_path / f"client{at}.ts").write_text(typescript.client(Document(hostile(text, at))), encoding="utf-8")
    assert "" == tsc(*sorted(tmp_path.glob("*.ts")))


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_in_literals_and_comments_alone(text):
    """With those taken out nothing of it is left."""
    code = typescript.client(Document(hostile(text, 0)))
    plain = typescript.client(Document(hostile("plain", 0)))
    assert words(plain) | {"ArrayBuffer"} >= words(code)


def words(code):
    """Return the words of a file outside of strings and comments; names that were made are left out."""
    bare = re.sub(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|`[^`]*`|/\^.*?/\.test', " ", code, flags=re.DOTALL)
    return {
        each for each in re.findall(r"[A-Za-z_]\w*", bare) if each != "Client2" and not each.lower().startswith(MADE)
    }


MADE = (
    "plain",
    "globalthis",
    "value",
    "x",
    "u0022",
    "script",
    "proto",
    "constructor",
    "client",
    "call",
    "field",
    "__proto__",
    "post0",
)

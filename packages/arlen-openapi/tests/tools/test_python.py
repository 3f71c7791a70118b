"""Python: the client is a module that imports, reads and writes, and is the same each time."""

import ast
import copy
import importlib.util
import inspect
import sys

import pytest
import shelf
from hypothesis import given, settings
from hypothesis import strategies as st

import arlen_openapi
from arlen_openapi import python
from arlen_openapi.references import Document

httpx = pytest.importorskip("httpx", reason="httpx is not installed, which generated clients use")
msgspec = pytest.importorskip("msgspec")
NAMES = ["notes", "shop", "media"]


@pytest.fixture
def module(tmp_path, specimen):
    """Return the client of a document, imported."""
    made = []

    def make(name, change=lambda tree: None):
        tree = specimen(name)
        change(tree)
        path = tmp_path / f"generated_{name}.py"
        path.write_text(python.client(Document(tree)), encoding="utf-8")
        spec = importlib.util.spec_from_file_location(path.stem, path)
        found = importlib.util.module_from_spec(spec)
        sys.modules[path.stem] = found
        made.append(path.stem)
        spec.loader.exec_module(found)
        return found

    yield make
    for name in made:
        sys.modules.pop(name, None)


@pytest.fixture
def spoken():
    """Return a client of a module, and the requests that it sends; the answers are given."""
    opened = []

    def make(module, *answers):
        seen, left = [], list(answers) or [httpx.Response(200, json={})]
        transport = httpx.MockTransport(
            lambda request: seen.append(request) or (left.pop(0) if len(left) > 1 else left[0])
        )
        opened.append(httpx.Client(transport=transport))
        return module.Client("http://api.example/v1/", client=opened[-1]), seen

    yield make
    for each in opened:
        each.close()


def called_like_types():
    """Return a document whose operations, parameters and properties are called like the types of Python."""
    words = ["bool", "bytes", "date", "dict", "int", "list", "str", "time", "tuple", "uuid"]
    kinds = [{"type": "boolean"}, {"type": "string", "format": "date"}, {"type": "string", "format": "time"}]
    kinds += [{"type": "array", "items": {"type": "string"}}, {"type": "integer"}, {"type": "string"}, {}]
    many = {word: kinds[at % len(kinds)] for at, word in enumerate(words)}
    thing = {"type": "object", "properties": many, "required": words[:4]}
    answer = {"type": "array", "items": {"$ref": "#/components/schemas/Thing"}}
    node = {"responses": {"200": {"content": {"application/json": {"schema": answer}}}}}
    node["parameters"] = [{"name": name, "in": "query", "schema": kind} for name, kind in many.items()]
    paths = {f"/{word}": {"get": {**node, "operationId": word}} for word in words}
    return {"openapi": "3.1.0", "paths": paths, "components": {"schemas": {"Thing": thing}}}


def test_all_are_strictly_typed(specimen, mypy, tmp_path):
    """mypy has nothing to say about any of them."""
    paths = []
    for name in NAMES:
        paths.append(tmp_path / f"{name}_client.py")
        paths[-1].write_text(python.client(Document(specimen(name))), encoding="utf-8")
    paths.append(tmp_path / "shelf_client.py")
    served = Document(arlen_openapi.document(shelf.app))
    paths[-1].write_text(python.client(served), encoding="utf-8")
    paths.append(tmp_path / "built_client.py")
    paths[-1].write_text(python.client(Document(called_like_types())), encoding="utf-8")
    assert "Success: no issues found in 5 source files\n" == mypy(tmp_path, *paths)


@pytest.mark.parametrize("name", NAMES)
def test_the_same_document_gives_the_same_text(name, specimen):
    """Whatever the order of its paths and components."""
    tree = specimen(name)
    turned = copy.deepcopy(tree)
    turned["paths"] = dict(reversed(tree["paths"].items()))
    turned["components"]["schemas"] = dict(reversed(tree["components"]["schemas"].items()))
    assert python.client(Document(tree)) == python.client(Document(turned))


@pytest.mark.parametrize("name", NAMES)
def test_msgspec_reads_every_model(name, module):
    """Each is a type that it can decode."""
    found = module(name)
    models = [each for each in vars(found).values() if isinstance(each, type) and issubclass(each, msgspec.Struct)]
    for model in models:
        msgspec.json.Decoder(model)
    assert len(models) > 4


def test_every_operation_is_there_twice(module):
    """To wait for, and to await, with the same parameters and its own words."""
    found = module("notes")
    for name in ("create_note", "delete_note", "list_notes", "show_note"):
        one, other = getattr(found.Client, name), getattr(found.AsyncClient, name)
        assert one.__annotations__ == other.__annotations__
        assert one.__doc__ == other.__doc__
    assert "All notes" == found.Client.list_notes.__doc__


def test_a_module_says_what_it_is(module):
    """With the release of the document, and that it is not to be changed."""
    assert (
        "A client of Notes 1.0.0, made by arlen-openapi: change the document, not this file." == module("notes").__doc__
    )


def test_a_description_stays_one(module):
    """Quotes, backslashes and ends of comments are only characters."""
    found = module("media")
    assert 'Media "* / and \\ 0.4.0' in found.__doc__
    assert 'Sends a file.\n\n""" * / <script>' == inspect.getdoc(found.Client.class_)


def test_parameters_are_written_as_the_document_says(module, spoken):
    """Objects with brackets, lists with commas, cookies."""
    found = module("shop")
    client, seen = spoken(found)
    client.price("ABC-1", currency="EUR", filter={"colour": "red", "size": 3}, fields=["a", "b,c"], session="s")
    request = seen[0]
    assert "http://api.example/v1/items/ABC-1/price" == str(request.url).partition("?")[0]
    assert [("currency", "EUR"), ("fields", "a,b,c"), ("filter[colour]", "red"), ("filter[size]", "3")] == sorted(
        request.url.params.multi_items()
    )
    assert "session=s" == request.headers["cookie"]


def test_a_required_parameter_has_to_be_given(module, spoken):
    """And one of the path comes first."""
    client, _ = spoken(module("shop"))
    with pytest.raises(TypeError, match="currency"):
        client.price("ABC-1")


@pytest.mark.parametrize(
    ("style", "explode", "value", "query"),
    [
        ("form", True, ["a", "b"], "q=a&q=b"),
        ("form", False, ["a", "b"], "q=a%2Cb"),
        ("spaceDelimited", False, ["a", "b"], "q=a%20b"),
        ("pipeDelimited", False, ["a", "b"], "q=a%7Cb"),
        ("form", True, {"x": 1, "y": True}, "x=1&y=true"),
        ("form", False, {"x": 1, "y": None}, "q=x%2C1"),
        ("deepObject", True, {"x": 1}, "q%5Bx%5D=1"),
        ("form", True, 1.5, "q=1.5"),
        ("form", True, [], ""),
    ],
)
def test_styles(style, explode, value, query, module, spoken):
    """As OpenAPI 3.1 has them, section 4.8.12.2."""

    def change(tree):
        node = {"name": "q", "in": "query", "style": style, "explode": explode, "schema": {}}
        tree["paths"] = {"/a": {"get": {"operationId": "a", "parameters": [node], "responses": {"200": {}}}}}

    client, seen = spoken(module("notes", change))
    client.a(q=value)
    assert query.encode() == seen[0].url.query


def test_a_parameter_may_be_json(module, spoken):
    """Also one that is called like the body."""
    found = module("media")
    client, seen = spoken(found, httpx.Response(200, content=b"\x01"))
    odd = found.OddName(class_="a", int2=3)
    assert b"\x01" == client.download("n", body2=odd, name2="m", constructor="c")
    assert [("body", '{"class":"a","int":3}'), ("constructor", "c"), ("name", "m")] == sorted(
        seen[0].url.params.multi_items()
    )


def test_a_form_is_encoded(module, spoken):
    """With a name for each value of a list."""
    found = module("media")
    client, seen = spoken(found, httpx.Response(204))
    assert client.send_form(body=found.SendFormBody(name="a b&c", ages=[1, 2])) is None
    assert b"name=a+b%26c&ages=1&ages=2" == seen[0].content
    assert "application/x-www-form-urlencoded" == seen[0].headers["content-type"]


def test_files_have_names_and_media_types(module, spoken):
    """Other fields are text."""
    found = module("media")
    client, seen = spoken(found, httpx.Response(200, text="done"))
    body = found.ClassBody(file=found.Upload("a.png", b"\x00", "image/png"), the_title="t")
    assert "done" == client.class_(body=body)
    assert seen[0].headers["content-type"].startswith("multipart/form-data; boundary=")
    assert b'name="file"; filename="a.png"\r\nContent-Type: image/png\r\n\r\n\x00' in seen[0].content
    assert b'name="the title"\r\n\r\nt' in seen[0].content


def test_a_body_may_be_left_out(module, spoken):
    """Then nothing is sent."""
    client, seen = spoken(module("media"), httpx.Response(200, text=""))
    client.class_()
    assert b"" == seen[0].content
    assert "content-type" not in seen[0].headers


def test_several_answers_have_several_types(module, spoken):
    """Each status its own."""
    found = module("shop")
    receipt = {"id": "c0ffee00-0000-4000-8000-000000000001", "payment": {"kind": "card", "amount": 1, "number": "1"}}
    client, _ = spoken(found, httpx.Response(200, json=receipt), httpx.Response(202))
    first, second = (client.pay(body=found.Card(amount=1, number="1")) for _ in range(2))
    assert (found.Card(amount=1, number="1"), None) == (first.payment, second)


def several(tree):
    """Give the answer of one operation three media types."""
    content = tree["paths"]["/notes/{id}"]["get"]["responses"]["200"]["content"]
    content |= {"text/csv": {"schema": {"type": "string"}}, "image/png": {}}


@pytest.mark.parametrize(
    ("media", "body", "expected"),
    [
        ("text/csv; charset=utf-8", "1,é".encode(), "1,é"),
        ("Text/HTML", b"<p>", "<p>"),
        ("image/png", b"\x89\x00", b"\x89\x00"),
        ("application/zip", b"PK", b"PK"),
        ("", b"PK", b"PK"),
    ],
)
def test_an_answer_is_read_as_what_it_is(media, body, expected, module, spoken):
    """Its Content-Type says so, where the document offers several: text, or bytes for what is neither text nor JSON."""
    headers = {"content-type": media} if media else {}
    client, seen = spoken(module("notes", several), httpx.Response(200, content=body, headers=headers))
    assert expected == client.show_note(1)
    assert "application/json, text/csv;q=0.5, image/png;q=0.5, application/problem+json" == seen[0].headers["accept"]


def test_json_among_several_answers_has_its_type(module, spoken):
    """Also under a media type of its own kind; the annotation has all of them."""
    found = module("notes", several)
    body = msgspec.json.encode({"id": 1, "title": "Tea", "state": "open", "made": "2026-11-22T12:30:00Z"})
    for media in ("application/json; charset=utf-8", "application/vnd.note+json"):
        client, _ = spoken(found, httpx.Response(200, content=body, headers={"content-type": media}))
        assert isinstance(client.show_note(1), found.Note)
    assert "Note | str | bytes" == found.Client.show_note.__annotations__["return"]


def test_an_answer_of_no_kind_that_was_said_is_an_error(module, spoken):
    """Rather than text that was to be something else."""

    def change(tree):
        several(tree)
        del tree["paths"]["/notes/{id}"]["get"]["responses"]["200"]["content"]["image/png"]

    found = module("notes", change)
    client, _ = spoken(found, httpx.Response(200, content=b"x", headers={"content-type": "image/png"}))
    with pytest.raises(found.ApiError, match="the answer is of a media type that the document does not have"):
        client.show_note(1)


def test_a_tag_goes_over_the_wire(module, spoken):
    """Although it is no field."""
    found = module("shop")
    client, seen = spoken(found, httpx.Response(202))
    client.pay(body=found.Transfer(amount=2, iban="DE1"))
    assert {"kind": "transfer", "amount": 2, "iban": "DE1"} == msgspec.json.decode(seen[0].content)


@pytest.mark.parametrize(
    ("answer", "problem", "told"),
    [
        (
            httpx.Response(404, json={"detail": "no note"}, headers={"content-type": "application/problem+json"}),
            True,
            "404 no note",
        ),
        (httpx.Response(404, json={"title": "Gone"}), True, "404 Gone"),
        (httpx.Response(500, json=["?"]), False, "500 Internal Server Error"),
        (httpx.Response(502, text="<h1>no</h1>"), False, "502 Bad Gateway"),
        (
            httpx.Response(500, content=b"\xff", headers={"content-type": "application/json"}),
            False,
            "500 Internal Server Error",
        ),
        (httpx.Response(302, headers={"location": "/"}), False, "302 Found"),
    ],
)
def test_an_error_is_always_the_same_exception(answer, problem, told, module, spoken):
    """Also when a proxy wrote it."""
    found = module("notes")
    client, _ = spoken(found, answer)
    with pytest.raises(found.ApiError) as caught:
        client.show_note(1)
    assert (told, answer.status_code, problem) == (
        str(caught.value),
        caught.value.status,
        caught.value.problem is not None,
    )
    assert answer.content == caught.value.body


HOSTILE = [
    '"""\nimport os\nos.abort()\n"""',
    "'''\nimport os\n'''",
    "x'); import os; ('",
    'x"); import os; ("',
    "x\\",
    "\\u0022\\x22",
    "{__import__('os')}",
    "a\rimport os",
    "a\x0cimport os",
    "a\u2028import os",
    "\ud800",
    "*/ import os /*",
    "# type: ignore",
    "__class__",
    "Client",
    "msgspec",
    "",
    "\x00",
]


def hostile(tree, text):
    """Put a text everywhere a document may have one."""
    node = {"operationId": text, "summary": text, "description": text, "parameters": [], "responses": {}}
    for place in ("query", "header", "cookie"):
        node["parameters"].append(
            {"name": text, "in": place, "description": text, "schema": {"enum": [text], "default": text}}
        )
    thing = {"type": "object", "description": text, "properties": {text: {"const": text, "description": text}}}
    other = {**thing, "required": [text], "title": text}
    node["requestBody"] = {"content": {text: {"schema": thing}, f"{text}+json": {"schema": other}}}
    node["responses"] = {
        "200": {"content": {f"{text}+json": {"schema": {"$ref": "#/components/schemas/A"}}}},
        f"2{text}": {},
    }
    tree["info"] = {"title": text, "version": text}
    tree["paths"] = {f"/{text}": {"get": node}, f"/a/{{{text}}}": {"get": {**node, "operationId": "b"}}}
    tree["components"]["schemas"] = {text: other, "A": thing, "B": {"enum": [text, 1]}}


def allowed(text):
    """Return the names that a module uses, with those that its document gives left out."""
    found = ast.parse(text)
    names = {node.id for node in ast.walk(found) if isinstance(node, ast.Name)}
    attributes = {node.attr for node in ast.walk(found) if isinstance(node, ast.Attribute)}
    imports = [ast.unparse(node) for node in ast.walk(found) if isinstance(node, ast.Import | ast.ImportFrom)]
    return imports, {type(node) for node in found.body}, {"os", "__import__", "abort"} & (names | attributes)


@pytest.mark.parametrize("text", HOSTILE)
def test_no_text_becomes_code(text, specimen):
    """Names, descriptions and values are names, descriptions and values: nothing more is imported, called or run."""
    tree = specimen("notes")
    plain = allowed(python.client(Document(tree)))
    hostile(tree, text)
    imports, statements, bad = allowed(python.client(Document(tree)))
    assert (plain[0], set()) == (imports, bad)
    assert statements <= plain[1] | {ast.AnnAssign}


@settings(max_examples=30)
@given(st.text(st.characters() | st.sampled_from("\"'\\\\\n\r{}()#;"), max_size=20))
def test_no_text_at_all_becomes_code(text):
    """The same for whatever a program comes up with."""
    tree = {"openapi": "3.1.0", "components": {"schemas": {}}}
    plain = allowed(python.client(Document(tree)))
    hostile(tree, text)
    imports, _, bad = allowed(python.client(Document(tree)))
    assert (plain[0], set()) == (imports, bad)


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_document_gives_a_module_that_works(text, module):
    """It imports, and its models are models."""
    found = module("notes", lambda tree: hostile(tree, text))
    assert {"A", "Client", "AsyncClient"} <= vars(found).keys()
    msgspec.json.Decoder(found.A)

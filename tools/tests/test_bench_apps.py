"""The applications of tools/bench: ours answer as the checker wants, and those of the peers are complete."""

import ast
import importlib
import json
from pathlib import Path
from types import SimpleNamespace

import pytest

pytest.importorskip("httptools")
pytest.importorskip("uvloop")

from tools.bench.apps import asgi, layers, plain, rsgi, shared
from tools.bench.lanes import Kit, opened
from tools.bench.records import Options, Results
from tools.bench.scenarios import COOKIE, PARAMS, SCENARIOS, WRONG, Ask
from tools.bench.servers import SERVERS

pytestmark = pytest.mark.anyio
APPS = Path(shared.__file__).parent
PEERS = sorted({each.peer for each in SERVERS.values()} & {path.stem for path in APPS.glob("*.py")})


@pytest.mark.parametrize("scenario", list(SCENARIOS))
def test_raw_and_arlen_answer_every_scenario_right(scenario, tmp_path):
    """Started as they are for a measurement, in both profiles."""
    results = Results()
    kit = Kit(lambda _: None, tmp_path, None, None, Options(), results, lambda _: None)
    servers = [SERVERS[name] for name in ("raw", "arlen", "arlen-defaults")]
    with opened([SCENARIOS[scenario]], servers, kit) as lanes:
        assert {} == results.wrong
        assert ["raw", "arlen", "arlen-defaults"] == [lane.server.name for lane in lanes]


@pytest.fixture(scope="module")
def answers(tmp_path_factory):
    """The header fields of an answer of each profile, and what the access log holds afterwards."""
    import http.client

    folder = tmp_path_factory.mktemp("arlen")
    kit = Kit(lambda _: None, folder, None, None, Options(), Results(), lambda _: None)
    found = {}
    with opened([SCENARIOS["json"]], [SERVERS["raw"], SERVERS["arlen"], SERVERS["arlen-defaults"]], kit) as lanes:
        for lane in lanes:
            connection = http.client.HTTPConnection("127.0.0.1", lane.port, timeout=10)
            connection.request("GET", "/json")
            response = connection.getresponse()
            response.read()
            connection.close()
            found[lane.server.name] = {name.lower() for name, _ in response.getheaders()}
    found["log"] = [path.name for path in folder.glob("*access.log") if path.stat().st_size]
    return found


def test_the_minimal_profile_sends_what_raw_sends(answers):
    """Date, type, length, and nothing more: whoever compares them compares the same bytes."""
    assert {"date", "content-type", "content-length"} == answers["raw"]
    assert answers["raw"] == answers["arlen"]


def test_the_defaults_send_id_trace_and_security_headers(answers):
    """Nothing is turned off."""
    assert {"x-request-id", "traceparent", "content-security-policy", "x-frame-options"} <= answers["arlen-defaults"]


def test_only_the_defaults_write_an_access_log(answers):
    """To a file."""
    assert ["arlen-access.log"] == answers["log"]


class Conversation:
    """What an ASGI application gets and sends."""

    def __init__(self, *chunks):
        self.chunks = list(chunks)
        self.sent = []

    async def receive(self):
        chunk = self.chunks.pop(0)
        return {"type": "http.request", "body": chunk, "more_body": bool(self.chunks)}

    async def send(self, message):
        self.sent.append(message)

    @property
    def status(self):
        return self.sent[0]["status"]

    @property
    def fields(self):
        return {name.decode(): value.decode() for name, value in self.sent[0]["headers"]}

    @property
    def body(self):
        return b"".join(message.get("body", b"") for message in self.sent[1:])


def scope(ask):
    """The scope of a request."""
    path, _, query = ask.path.partition("?")
    fields = [(name.encode(), value.encode()) for name, value in ask.headers]
    return {"type": "http", "method": ask.method, "path": path, "query_string": query.encode(), "headers": fields}


async def asked(app, ask, *chunks):
    """What an ASGI application answers."""
    conversation = Conversation(*(chunks or [ask.body]))
    await app(scope(ask), conversation.receive, conversation.send)
    return conversation


async def problems(ask_app, scenario):
    """What a scenario's checks find when an application is asked by a function."""
    found = []
    for check in SCENARIOS[scenario].checks:
        ask = check.ask.at(1)
        decoded = Ask(ask.path.replace("%20", " "), ask.method, ask.body, ask.headers)
        if problem := check.judge(await ask_app(decoded)):
            found.append(f"{ask.path}: {problem}")
    return found


SIMPLE = ["plaintext", "json", "params", "validate", "template", "upload"]


@pytest.mark.parametrize("scenario", SIMPLE)
async def test_the_bare_asgi_callable_answers_right(scenario):
    """It is what Arlen under uvicorn is compared with."""

    async def ask(request):
        found = await asked(asgi.bare, request)
        return found.status, found.fields, found.body

    assert [] == await problems(ask, scenario)


async def test_the_bare_asgi_callable_reads_bodies_in_pieces():
    """As servers give them."""
    found = await asked(asgi.bare, Ask("/upload", "POST"), b"abc", b"", b"de")
    assert {"size": 5} == json.loads(found.body)


async def test_the_bare_asgi_callable_leaves_other_protocols_alone():
    """A lifespan is not answered; uvicorn goes on without."""
    conversation = Conversation()
    await asgi.bare({"type": "lifespan"}, conversation.receive, conversation.send)
    assert [] == conversation.sent


async def test_the_asgi_middlewares_answer_right():
    """All five around the bare callable, as Starlette and Litestar get them."""
    app = layers.wrap(asgi.bare)

    async def ask(request):
        found = await asked(app, request)
        return found.status, found.fields, found.body

    assert [] == await problems(ask, "middlewares")


async def test_the_asgi_middlewares_pass_on_what_is_no_request():
    """A lifespan goes through all five."""
    seen = []

    async def inner(scope, receive, send):
        seen.append(scope["type"])

    await layers.wrap(inner)({"type": "lifespan"}, None, None)
    assert ["lifespan"] == seen


async def test_the_etag_is_of_the_whole_body():
    """Also when it comes in pieces."""

    async def inner(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"ab", "more_body": True})
        await send({"type": "http.response.body", "body": b"c"})

    found = await asked(layers.Tagged(inner), Ask("/"))
    assert (shared.tag(b"abc"), b"abc") == (found.fields["etag"], found.body)


class Exchange:
    """An RSGI protocol: the body in pieces, and what was answered."""

    def __init__(self, chunks):
        self.chunks = chunks
        self.answer = None

    def __aiter__(self):
        return self._pieces()

    async def _pieces(self):
        for chunk in self.chunks:
            yield chunk

    def response_bytes(self, status, fields, body):
        self.answer = (status, dict(fields), body)

    def response_str(self, status, fields, body):
        self.answer = (status, dict(fields), body.encode())


async def rsgi_asked(request, app=rsgi.app):
    """What the RSGI application answers."""
    path, _, query = request.path.partition("?")
    given = SimpleNamespace(
        proto="http", path=path, query_string=query, method=request.method, headers=dict(request.headers)
    )
    exchange = Exchange([request.body[:10], request.body[10:]])
    await app(given, exchange)
    return exchange.answer


@pytest.mark.parametrize("scenario", SIMPLE)
async def test_the_bare_rsgi_callable_answers_right(scenario):
    """On granian."""
    assert [] == await problems(rsgi_asked, scenario)


async def test_the_rsgi_middlewares_answer_right(monkeypatch):
    """Nested functions around the bare callable."""
    chain = rsgi._named(rsgi._timed(rsgi._secured(rsgi._session(rsgi._tagged(rsgi._innermost)))))
    monkeypatch.setattr(rsgi, "CHAIN", chain)
    assert [] == await problems(rsgi_asked, "middlewares")


async def test_the_bare_rsgi_callable_leaves_other_protocols_alone():
    """A WebSocket is not answered."""
    exchange = Exchange([])
    await rsgi.app(SimpleNamespace(proto="ws"), exchange)
    assert exchange.answer is None


@pytest.mark.parametrize(
    ("scenario", "routes", "layered"),
    [
        ("", 0, False),
        ("json", 0, False),
        ("routes-10", 10, False),
        ("routes-1000", 1000, False),
        ("middlewares", 0, True),
    ],
)
def test_an_application_is_what_its_scenario_needs(monkeypatch, scenario, routes, layered):
    """As many routes as are measured, and middlewares only where they are."""
    monkeypatch.setenv("BENCH_SCENARIO", scenario)
    spec = importlib.util.spec_from_file_location("shared_again", shared.__file__)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert (routes, layered) == (module.ROUTES, module.LAYERED)


@pytest.mark.parametrize("peer", PEERS)
def test_the_application_of_a_peer_is_complete(peer):
    """It cannot be imported here, but it can be read: every path, all five middlewares, and where it begins."""
    text = (APPS / f"{peer}.py").read_text(encoding="utf-8")
    tree = ast.parse(text)
    for path in ("/plaintext", "/json", "/items/", "/validate", "/template", "/middlewares", "/upload", "details"):
        assert path in text
    assert "shared.ROUTES" in text
    assert "shared.LAYERED" in text or "_middlewares" in text
    entry = "app" if any(f"apps.{peer}:app" in part for part in SERVERS[peer].command) else "main"
    (exported,) = [ast.literal_eval(node.value) for node in tree.body if _names_all(node)]
    assert [entry] == exported


def _names_all(node):
    return isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "__all__"


@pytest.mark.parametrize("peer", PEERS)
def test_the_application_of_a_peer_imports_nothing_of_ours_but_what_is_shared(peer):
    """Its environment has no Arlen."""
    tree = ast.parse((APPS / f"{peer}.py").read_text(encoding="utf-8"))
    imported = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    ours = {name for name in imported if name and name.startswith(("arlen", "tools"))}
    assert ours <= {"tools.bench.apps", "tools.bench.apps.plain"}


@pytest.mark.parametrize("module", ["shared", "plain", "layers", "asgi", "rsgi"])
def test_what_is_shared_imports_nothing_that_peers_lack(module):
    """msgspec, Jinja2 and the standard library."""
    import sys

    tree = ast.parse((APPS / f"{module}.py").read_text(encoding="utf-8"))
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    names |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    foreign = {name.partition(".")[0] for name in names} - sys.stdlib_module_names
    assert foreign <= {"msgspec", "jinja2", "tools"}


@pytest.mark.parametrize(
    ("values", "key"),
    [({"quantity": 0}, "quantity"), ({"quantity": 1001}, "quantity"), ({"sku": ""}, "sku"), ({"price": -1}, "price")],
)
def test_the_model_has_bounds(values, key):
    """What is validated is worth validating."""
    item = {"sku": "a", "quantity": 1, "price": 1} | values
    order = {"customer": "Ada", "express": True, "items": [item]}
    with pytest.raises(ValueError, match=key):
        shared.decode(json.dumps(order).encode())


def test_the_page_has_twelve_rows_and_is_escaped():
    """Text that would be markup is not."""
    page = shared.page()
    assert 12 == page.count("<tr")
    assert "Tool &lt;12&gt;" in page
    assert "cuts &amp; drills" in page
    assert page == shared.template().render(shared.PAGE)


def test_the_load_sends_what_the_applications_know():
    """The cookie is valid, the parameters are numbers."""
    assert "ada" == shared.load_session(COOKIE)["user"]
    assert "/items/5/tool-5?page=5&size=20&active=true" == PARAMS.at(5).path
    assert 422 in WRONG


@pytest.mark.parametrize("number", [0, 999])
def test_there_are_no_routes_that_are_not_measured(number):
    """Without a scenario of routes there are none."""
    assert (f"resource{number}", 4) not in plain.DYNAMIC

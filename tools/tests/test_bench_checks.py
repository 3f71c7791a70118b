"""The checker of tools/bench: right servers pass, and every kind of wrong one is refused, with the reason."""

import json
import socketserver
import threading
from contextlib import contextmanager
from types import SimpleNamespace

import pytest

from tools.bench import checks, scenarios
from tools.bench.scenarios import COOKIE, LAYERS, MEGABYTE, PARAMS, SCENARIOS, Ask, Check, Scenario

JSON = "application/json"
HELLO = (200, {"content-type": JSON}, b'{"message": "Hello, World!"}')


class Handler(socketserver.StreamRequestHandler):
    """Reads requests and answers what the server's function says: status, header fields, body."""

    timeout = 5

    def handle(self):
        while self.one():
            pass

    def one(self):
        line = self.rfile.readline().decode()
        if not line.strip():
            return False
        fields = {}
        while (field := self.rfile.readline().decode().strip()) != "":
            name, _, value = field.partition(":")
            fields[name.strip().lower()] = value.strip()
        body = self.rfile.read(int(fields.get("content-length", "0")))
        method, path, _ = line.split()
        request = SimpleNamespace(method=method, path=path, fields=fields, body=body)
        status, headers, answer = self.server.answer(request)
        headers = {"content-length": str(len(answer))} | headers
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        self.wfile.write(f"HTTP/1.1 {status} X\r\n{head}\r\n".encode() + answer)
        wants = fields.get("connection") == "close" and not self.server.stubborn
        return not wants and headers.get("connection") != "close"


class Listener(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = False

    def __init__(self, answer, *, stubborn=False):
        super().__init__(("127.0.0.1", 0), Handler)
        self.answer, self.stubborn = answer, stubborn


@contextmanager
def listening(answer, **options):
    """The port of a server that answers so."""
    with Listener(answer, **options) as listener:
        thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield listener.server_address[1]
        finally:
            listener.shutdown()
            thread.join()


def found(scenario, answer, **options):
    """What the checker says about a server."""
    with listening(answer, **options) as port:
        return checks.problems(SCENARIOS[scenario], port, timeout=2.0)


def test_a_right_server_has_no_problems():
    """Nothing is found where nothing is wrong."""
    assert [] == found("json", lambda _: HELLO)


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        ((500, {"content-type": JSON}, b"{}"), "GET /json: status 500 instead of 200"),
        ((201, *HELLO[1:]), "GET /json: status 201 instead of 200"),
        ((200, {"content-type": "text/plain"}, HELLO[2]), "GET /json: content type 'text/plain' instead of"),
        ((200, {}, HELLO[2]), "GET /json: content type '' instead of"),
        ((200, {"content-type": JSON}, b'{"message": "Hello"}'), "GET /json: body {'message': 'Hello'} instead of"),
        ((200, {"content-type": JSON}, b"Hello, World!"), "GET /json: the body is no JSON"),
        ((200, {"content-type": JSON}, b""), "GET /json: the body is no JSON"),
        ((200, {"content-type": JSON}, b"\xff\xfe"), "GET /json: the body is no JSON"),
    ],
)
def test_a_wrong_answer_is_a_problem(answer, problem):
    """With the request, and what was wanted."""
    assert problem in found("json", lambda _: answer)[0]


def test_a_content_type_may_have_parameters_and_capitals():
    """JSON with a charset is JSON, however the spaces in it."""
    answer = (200, {"content-type": "Application/JSON; charset=utf-8"}, b'{ "message" : "Hello, World!" }')
    assert [] == found("json", lambda _: answer)


def test_a_server_that_does_not_keep_connections_is_wrong():
    """It would be timed connecting."""
    closing = (200, {"content-type": JSON, "connection": "close"}, HELLO[2])
    assert ["GET /json: the connection was not kept"] == found("json", lambda _: closing)


def test_a_server_that_keeps_a_connection_that_should_close_is_wrong():
    """The client asked for it."""
    with listening(lambda _: HELLO, stubborn=True) as port:
        (problem,) = checks.problems(SCENARIOS["json"], port, timeout=0.3)
    assert "GET /json: the connection was kept although the request said Connection: close" == problem


def test_a_server_that_is_not_there_is_wrong():
    """The reason is the error."""
    with listening(lambda _: HELLO) as port:
        pass
    assert "no answer: ConnectionRefusedError" in checks.problems(SCENARIOS["json"], port)[0]


def test_a_server_that_says_too_little_is_wrong():
    """A body shorter than its length is no answer."""
    answer = (200, {"content-type": JSON, "content-length": "400", "connection": "close"}, HELLO[2])
    assert "no answer: IncompleteRead" in found("json", lambda _: answer)[0]


def test_a_server_that_is_wrong_only_later_is_wrong():
    """On a kept connection too, each answer is checked."""
    counts = {"asked": 0}

    def answer(_):
        counts["asked"] += 1
        return HELLO if counts["asked"] < 4 else (200, {"content-type": JSON}, b"[]")

    assert "on a connection that is kept: body []" in found("json", answer)[0]


def test_all_wrong_answers_are_told():
    """One problem for each request."""
    problems = found("params", lambda _: (200, {"content-type": JSON}, b"{}"))
    assert 5 == len(problems)


def parameters(request):
    """A right server for `params`, and what tests make wrong in it."""
    path, _, query = request.path.partition("?")
    _, place, number, name = path.split("/")
    given = dict(pair.split("=") for pair in query.split("&") if pair)
    try:
        values = {"id": int(number), "name": name.replace("%20", " "), "page": int(given.get("page", 1))}
        values |= {"size": int(given.get("size", 20)), "active": given.get("active") == "true"}
    except ValueError:
        return 422, {"content-type": "text/plain"}, b"wrong"
    assert place == "items"
    return 200, {"content-type": JSON}, json.dumps(values).encode()


def changed(**changes):
    """The same with some values changed in every answer."""

    def answer(request):
        status, headers, body = parameters(request)
        return (
            (status, headers, json.dumps(json.loads(body) | changes).encode())
            if status == 200
            else (status, headers, body)
        )

    return answer


def test_parameters_are_checked_with_several_values():
    """And a right server passes."""
    assert [] == found("params", parameters)


@pytest.mark.parametrize(
    "changes",
    [
        {"id": 7},
        {"id": "7"},
        {"name": "tool-7"},
        {"page": 7},
        {"size": 20},
        {"active": True},
        {"active": "true"},
        {"x": 1},
    ],
)
def test_a_server_that_answers_always_the_same_parameter_is_wrong(changes):
    """Whatever is constant, or of another type, or too much, some request shows it."""
    assert found("params", changed(**changes))


def test_a_server_that_takes_wrong_parameters_is_wrong():
    """A page called one is a client's error."""

    def answer(request):
        status, headers, body = parameters(request)
        return (status, headers, body) if status == 200 else (200, {"content-type": JSON}, b"{}")

    assert ["GET /items/seven/hammer?page=1", "GET /items/7/hammer?page=one"] == [
        problem.partition(":")[0] for problem in found("params", answer)
    ]


def orders(request):
    """A right server for `validate`."""
    try:
        order = json.loads(request.body)
        items = order["items"]
        assert isinstance(order["customer"], str)
        assert items
        assert all(item["quantity"] >= 1 for item in items)
    except (ValueError, AssertionError):
        return 422, {"content-type": "text/plain"}, b"wrong"
    total = sum(item["quantity"] * item["price"] for item in items)
    answer = {"customer": order["customer"], "items": len(items), "total": total}
    return 200, {"content-type": JSON}, json.dumps(answer).encode()


def test_bodies_are_checked_right_and_wrong():
    """A right server passes."""
    assert [] == found("validate", orders)


def test_a_server_that_validates_nothing_is_wrong():
    """It would be faster than those that do."""

    def answer(request):
        try:
            order = json.loads(request.body)
        except ValueError:
            return 400, {}, b""
        total = sum(item["quantity"] * item["price"] for item in order["items"])
        body = {"customer": order["customer"], "items": len(order["items"]), "total": total}
        return 200, {"content-type": JSON}, json.dumps(body).encode()

    problems = found("validate", answer)
    assert 3 == len(problems)
    assert all("status 200 instead of 400 to 499" in problem for problem in problems)


def test_a_server_that_answers_wrong_bodies_with_a_500_is_wrong():
    """An error of the client is not the server's."""

    def answer(request):
        status, headers, body = orders(request)
        return 500 if status == 422 else status, headers, body

    assert 4 == len([each for each in found("validate", answer) if "status 500" in each])


def test_an_upload_is_checked_by_its_size():
    """A server that does not read it cannot know."""
    right = found("upload", lambda request: (200, {"content-type": JSON}, b'{"size": %d}' % len(request.body)))
    constant = found("upload", lambda _: (200, {"content-type": JSON}, b'{"size": %d}' % MEGABYTE))
    assert [] == right
    assert "body {'size': 1048576} instead of {'size': 12345}" in constant[0]


def test_plain_text_and_a_path_that_is_not_there():
    """A server that answers everything with Hello is wrong."""
    hello = (200, {"content-type": "text/plain"}, b"Hello, World!")
    missing = (404, {"content-type": "text/plain"}, b"")
    assert [] == found("plaintext", lambda request: hello if request.path == "/plaintext" else missing)
    assert ["GET /nothing-here: status 200 instead of 404 to 404"] == found("plaintext", lambda _: hello)


@pytest.mark.parametrize("count", [10, 1000])
def test_routes_are_checked_at_both_ends_and_past_the_end(count):
    """One that answers any number of resources has no routes."""

    def answer(request):
        _, name, number, _ = request.path.split("/")
        return 200, {"content-type": JSON}, json.dumps({"route": name, "id": int(number)}).encode()

    (problem,) = found(f"routes-{count}", answer)
    assert f"GET /resource{count + 1}/7/details: status 200 instead of 404" in problem


PAGE_HEADERS = {"content-type": "text/html; charset=utf-8"}


@pytest.fixture(scope="module")
def page():
    """The page as it should be."""
    from tools.bench.apps import shared

    return shared.page()


def test_the_page_is_right_whatever_its_white_space(page):
    """Template engines may be told to trim it."""
    assert [] == found("template", lambda _: (200, PAGE_HEADERS, page.encode()))
    assert [] == found("template", lambda _: (200, PAGE_HEADERS, page.replace("\n", "\n\n  ").encode()))


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("Tools &amp; more", "Tools & more", "lacks '<h1>Tools &amp; more</h1>'"),
        ("&lt;7&gt;", "<7>", "lacks '<td>7</td>"),
        ("sold out", "0 left", "lacks 'sold out'"),
        ("<p>12 rows</p>", "", "lacks '<p>12 rows</p>'"),
        ("</html>", "</html><!-- more -->", "characters without runs of spaces"),
    ],
)
def test_a_page_that_is_not_the_page_is_wrong(page, old, new, problem):
    """Not escaped, a row less, something more."""
    assert problem in found("template", lambda _: (200, PAGE_HEADERS, page.replace(old, new).encode()))[0]


LAYERED = {
    "content-type": JSON,
    "x-request-id": "0" * 32,
    "etag": f'"{"a" * 32}"',
    "server-timing": "app;dur=0.021",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
}


def layered(request, **changes):
    """A right server for `middlewares`."""
    known = request.fields.get("cookie") == COOKIE
    cookie = {"set-cookie": f"{COOKIE}; Path=/; HttpOnly; SameSite=Lax"} if known else {}
    body = json.dumps({"message": "Hello, World!", "user": "ada" if known else None})
    headers = {name: value for name, value in (LAYERED | cookie | changes).items() if value}
    return 200, headers, body.encode()


def test_the_headers_of_all_five_middlewares_are_checked():
    """A right server passes."""
    assert [] == found("middlewares", layered)


@pytest.mark.parametrize("name", [name for name in LAYERED if name != "content-type"])
@pytest.mark.parametrize("value", ["", "wrong"])
def test_a_header_that_is_missing_or_wrong_is_a_problem(name, value):
    """One middleware less would be faster."""
    problem = found("middlewares", lambda request: layered(request, **{name: value}))[0]
    assert f"header {name} is {value or None!r}" in problem


def test_a_session_that_is_not_renewed_is_a_problem():
    """Or one that is renewed for a forged cookie."""

    def never(request):
        status, headers, body = layered(request)
        return status, {name: value for name, value in headers.items() if name != "set-cookie"}, body

    assert "header set-cookie is None" in found("middlewares", never)[0]
    always = found(
        "middlewares", lambda request: layered(request, **{"set-cookie": f"{COOKIE}; Path=/; HttpOnly; SameSite=Lax"})
    )
    assert "a session was set for a forged cookie" in always[0]


def test_a_server_that_believes_forged_cookies_is_wrong():
    """It does not check the signature."""
    ada = json.dumps({"message": "Hello, World!", "user": "ada"}).encode()

    def answer(request):
        status, headers, body = layered(request)
        return status, headers, ada if "cookie" in request.fields else body

    assert "'user': 'ada'" in found("middlewares", answer)[0]


def test_the_cookie_is_the_one_that_the_applications_sign():
    """It is written out, because the checker imports no application."""
    from tools.bench.apps import shared

    assert shared.cookie() == COOKIE
    assert len(" ".join(shared.page().split())) == scenarios.PAGE_SIZE


def test_a_request_with_its_number():
    """Everywhere in the path, and nothing else changes."""
    assert Ask("/items/7/tool-7?page=7&size=20&active=true") == PARAMS.at(7)
    assert LAYERS == LAYERS.at(7)
    assert "/items/{n}" in PARAMS.path


@pytest.mark.parametrize("name", list(SCENARIOS))
def test_a_scenario_is_called_as_it_is_listed_and_checks_what_it_asks(name):
    """What is timed is among what is checked."""
    scenario = SCENARIOS[name]
    assert name == scenario.name
    asked = {(each.ask.method, each.ask.path.partition("?")[0]) for each in scenario.checks}
    first = scenario.ask.at(7)
    assert (first.method, first.path.partition("?")[0]) in asked
    assert scenario.connections in {1, 8, 64}


def test_scenarios_that_are_compared_are_measured_together():
    """The last of 10 and of 1,000 routes."""
    assert ["routes-10", "routes-1000"] == [each.name for each in SCENARIOS.values() if each.group == "routes"]


def test_checks_that_are_refused_are_not_asked_on_a_kept_connection():
    """A server may close after a refusal."""
    wrong = Check(Ask("/wrong"), lambda reply: "" if reply[0] == 400 else "not refused")
    right = Check(Ask("/json"), lambda reply: "" if reply[0] == 200 else "refused")
    scenario = Scenario("both", "both", Ask("/json"), (wrong, right))

    def answer(request):
        return HELLO if request.path == "/json" else (400, {"connection": "close"}, b"")

    with listening(answer) as port:
        assert [] == checks.problems(scenario, port)

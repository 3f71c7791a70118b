"""`raw`, the limit: it behaves as a server must, so that what others are compared with is honest."""

import asyncio
import json
import os
import re
import signal
from types import SimpleNamespace

import pytest

pytest.importorskip("httptools")
pytest.importorskip("uvloop")

from tools.bench.apps import plain, raw, shared
from tools.bench.processes import free_port

DATE = re.compile(rb"\r\ndate: \w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT\r\n")


class Transport:
    """What the protocol writes, write by write."""

    def __init__(self):
        self.writes = []
        self.closed = False

    def write(self, data):
        assert not self.closed, "written after the close"
        self.writes.append(data)

    def close(self):
        self.closed = True

    @property
    def sent(self):
        return b"".join(self.writes)


class Loop:
    """Notes what should be called later."""

    def __init__(self):
        self.later = []

    def call_later(self, delay, function, *arguments):
        self.later.append((delay, function, arguments))


@pytest.fixture(autouse=True)
def _date():
    """The clock has ticked, as it has when `raw` serves."""
    raw.clock.tick(Loop())


def connected(kind=raw.Protocol):
    """A connection and its transport."""
    protocol, transport = kind(), Transport()
    protocol.connection_made(transport)
    return protocol, transport


def sent(data, kind=raw.Protocol):
    """What is answered to these bytes, and whether the connection was closed."""
    protocol, transport = connected(kind)
    protocol.data_received(data)
    return transport.sent, transport.closed


def get(path, *fields, version="1.1"):
    """A request."""
    return "\r\n".join([f"GET {path} HTTP/{version}", "host: a", *fields, "", ""]).encode()


def post(path, body, *fields):
    """A request with a body."""
    lines = [f"POST {path} HTTP/1.1", "host: a", f"content-length: {len(body)}", *fields, "", ""]
    return "\r\n".join(lines).encode() + body


def split(data):
    """The answers in what was sent, as status, header fields and body."""
    found = []
    while data:
        head, _, data = data.partition(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        fields = dict(line.split(": ", 1) for line in lines[1:])
        size = int(fields["content-length"])
        found.append((int(lines[0].split()[1]), fields, data[:size]))
        data = data[size:]
    return found


def only(data, kind=raw.Protocol):
    """The one answer to a request."""
    (answer,) = split(sent(data, kind)[0])
    return answer


def test_an_answer_has_a_date_a_type_and_a_length():
    """What the others send too, and RFC 9110 §6.6.1 wants."""
    data, closed = sent(get("/plaintext"))
    assert data.startswith(b"HTTP/1.1 200 OK\r\n")
    assert DATE.search(data)
    assert data.endswith(b"content-type: text/plain; charset=utf-8\r\ncontent-length: 13\r\n\r\nHello, World!")
    assert not closed


def test_the_date_is_made_once_a_second():
    """Each tick asks for the next."""
    loop = Loop()
    raw.Clock().tick(loop)
    ((delay, function, arguments),) = loop.later
    assert 1.0 == delay
    function(*arguments)
    assert 2 == len(loop.later)


def test_a_request_may_come_byte_by_byte():
    """Split input is one request, answered once, when it is whole."""
    protocol, transport = connected()
    request = get("/items/7/hammer?page=2&size=5&active=true")
    for at in range(len(request)):
        assert [] == transport.writes
        protocol.data_received(request[at : at + 1])
    ((status, _, body),) = split(transport.sent)
    assert 200 == status
    assert {"id": 7, "name": "hammer", "page": 2, "size": 5, "active": True} == json.loads(body)


def test_pipelined_requests_are_answered_in_order_in_one_write():
    """As fast as it can be done."""
    protocol, transport = connected()
    protocol.data_received(get("/json") + get("/plaintext") + get("/items/1/a"))
    assert 1 == len(transport.writes)
    bodies = [body for _, _, body in split(transport.sent)]
    assert [b'{"message":"Hello, World!"}', b"Hello, World!"] == bodies[:2]
    assert 1 == json.loads(bodies[2])["id"]


def test_a_pipelined_request_may_be_cut_in_two():
    """The first is answered at once, the second when the rest has come."""
    protocol, transport = connected()
    second = get("/json")
    protocol.data_received(get("/plaintext") + second[:20])
    assert 1 == len(split(transport.sent))
    protocol.data_received(second[20:])
    assert 2 == len(split(transport.sent))


def test_a_connection_is_kept():
    """Request after request."""
    protocol, transport = connected()
    for _ in range(3):
        protocol.data_received(get("/json"))
    assert 3 == len(split(transport.sent))
    assert not transport.closed


@pytest.mark.parametrize(
    "request_",
    [get("/json", "connection: close"), get("/json", "Connection: Close"), get("/json", version="1.0")],
)
def test_a_connection_is_closed_when_the_client_wants_it(request_):
    """By its header or its version, and the answer says so."""
    data, closed = sent(request_)
    ((status, fields, body),) = split(data)
    assert (200, "close", b'{"message":"Hello, World!"}') == (status, fields["connection"], body)
    assert closed


def test_nothing_behind_a_close_is_answered():
    """Whoever says close says no more."""
    data, closed = sent(get("/json", "connection: close") + get("/plaintext"))
    assert 1 == len(split(data))
    assert closed


def test_what_came_before_a_close_is_answered():
    """Pipelined, the last one closes."""
    data, closed = sent(get("/plaintext") + get("/json", "connection: close"))
    assert [None, "close"] == [fields.get("connection") for _, fields, _ in split(data)]
    assert closed


@pytest.mark.parametrize("path", ["/", "/nothing", "/json/", "/items", "/items/7", "/items/7/a/b", "/plaintext/x", "*"])
def test_another_path_is_a_404(path):
    """Also one that only begins like a known one."""
    assert 404 == only(get(path))[0]


@pytest.mark.parametrize("path", ["/json", "/plaintext", "/template", "/items/7/a"])
def test_another_method_is_a_405(path):
    """GET is the only one there."""
    assert 405 == only(post(path, b"x"), raw.Bodies)[0]


@pytest.mark.parametrize(
    "data", [b"nonsense\r\n\r\n", b"GET /json HTTX/1.1\r\n\r\n", b"GET /json HTTP/1.1\r\nbad header\r\n\r\n"]
)
def test_what_is_no_http_is_a_400_and_closes(data):
    """Nothing is guessed."""
    answer, closed = sent(data)
    assert 400 == split(answer)[0][0]
    assert closed


def test_a_refusal_closes():
    """And says so."""
    data, closed = sent(get("/nothing"))
    assert "close" == split(data)[0][1]["connection"]
    assert closed


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/items/7/hammer", {"id": 7, "name": "hammer", "page": 1, "size": 20, "active": False}),
        ("/items/7/a%20b?size=9", {"id": 7, "name": "a b", "page": 1, "size": 9, "active": False}),
        ("/items/-7/x?active=1&page=3", {"id": -7, "name": "x", "page": 3, "size": 20, "active": True}),
    ],
)
def test_parameters_are_converted(path, expected):
    """From path and query, with defaults, percent-encoding undone."""
    assert expected == json.loads(only(get(path))[2])


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/items/seven/a", 404),
        ("/items/7/a?page=one", 422),
        ("/items/7/a?size=", 422),
        ("/items/7/a?active=perhaps", 422),
    ],
)
def test_parameters_that_are_wrong_are_refused(path, status):
    """A path that does not fit is not found, a query that does not fit is unprocessable."""
    assert status == only(get(path))[0]


def test_the_page_is_that_of_the_template():
    """As HTML."""
    status, fields, body = only(get("/template"))
    assert (200, "text/html; charset=utf-8") == (status, fields["content-type"])
    assert shared.page() == body.decode()


ORDER = {"customer": "Ada", "express": False, "items": [{"sku": "a", "quantity": 2, "price": 50}]}


def test_a_body_is_validated_and_summed():
    """The answer is computed from it."""
    status, _, body = only(post("/validate", json.dumps(ORDER).encode()), raw.Bodies)
    assert 200 == status
    assert {"customer": "Ada", "items": 1, "total": 100} == json.loads(body)


def test_a_body_may_come_in_pieces():
    """And one connection's next body does not begin with the last one's."""
    protocol, transport = connected(raw.Bodies)
    request = post("/validate", json.dumps(ORDER).encode())
    for _ in range(2):
        for at in range(0, len(request), 7):
            protocol.data_received(request[at : at + 7])
    assert [200, 200] == [status for status, _, _ in split(transport.sent)]


@pytest.mark.parametrize(
    "change",
    [{"customer": ""}, {"customer": 7}, {"express": "yes"}, {"items": []}, {"items": [{"sku": "a", "quantity": 0}]}],
)
def test_a_body_that_is_wrong_is_a_422(change):
    """Types, bounds, missing fields."""
    assert 422 == only(post("/validate", json.dumps(ORDER | change).encode()), raw.Bodies)[0]


def test_an_upload_is_counted():
    """Each anew."""
    protocol, transport = connected(raw.Bodies)
    for size in (100_000, 3, 0):
        protocol.data_received(post("/upload", b"x" * size))
    assert [{"size": 100_000}, {"size": 3}, {"size": 0}] == [json.loads(body) for _, _, body in split(transport.sent)]


def test_an_upload_may_be_chunked():
    """httptools undoes it."""
    request = b"POST /upload HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
    assert {"size": 5} == json.loads(only(request, raw.Bodies)[2])


def test_the_middlewares_do_their_work():
    """All five leave what they should."""
    status, fields, body = only(get("/middlewares", f"Cookie: {shared.cookie()}"), raw.Fields)
    assert (200, {"message": "Hello, World!", "user": "ada"}) == (status, json.loads(body))
    assert re.fullmatch("[0-9a-f]{32}", fields["x-request-id"])
    assert re.fullmatch(r"app;dur=\d+\.\d{3}", fields["server-timing"])
    assert dict(shared.SECURITY).items() <= fields.items()
    assert shared.tag(body) == fields["etag"]
    assert fields["set-cookie"].startswith(shared.cookie())


def test_a_request_keeps_an_id_that_looks_like_one():
    """And a field of one request is not a field of the next."""
    protocol, transport = connected(raw.Fields)
    protocol.data_received(get("/middlewares", "x-request-id: abcdef0123456789", f"cookie: {shared.cookie()}"))
    protocol.data_received(get("/middlewares"))
    (_, first, _), (_, second, body) = split(transport.sent)
    assert "abcdef0123456789" == first["x-request-id"]
    assert second["x-request-id"] != first["x-request-id"]
    assert json.loads(body)["user"] is None
    assert "set-cookie" not in second


def test_the_middlewares_pass_on_a_refusal():
    """A 404 is a 404 for them too."""
    assert 404 == only(get("/nothing"), raw.Fields)[0]


@pytest.mark.parametrize(
    ("scenario", "kind"),
    [
        ("plaintext", raw.Protocol),
        ("json", raw.Protocol),
        ("params", raw.Protocol),
        ("routes-1000", raw.Protocol),
        ("validate", raw.Bodies),
        ("upload", raw.Bodies),
        ("middlewares", raw.Fields),
    ],
)
def test_header_fields_and_bodies_are_listened_to_only_where_they_matter(scenario, kind):
    """The limit does no work that the scenario does not need."""
    assert kind is raw.protocol(scenario)
    assert (kind is raw.Fields) is hasattr(kind, "on_header")
    assert (kind is raw.Bodies) is hasattr(kind, "on_body")


def test_a_route_is_found_by_its_first_segment(monkeypatch):
    """One look-up however many there are, and the id is a number."""
    routes = {(f"resource{n}", 4): (plain.GET, plain._route) for n in range(1, 1001)}
    monkeypatch.setattr(plain, "DYNAMIC", routes)
    assert {"route": "resource1000", "id": 7} == json.loads(only(get("/resource1000/7/details"))[2])
    assert 404 == only(get("/resource1001/7/details"))[0]
    assert 404 == only(get("/resource1/seven/details"))[0]


@pytest.mark.parametrize("method", ["GET", b"GET"])
def test_the_plain_handlers_take_methods_as_text_and_as_bytes(method):
    """httptools has bytes, ASGI and RSGI have text."""
    handler, parts = plain.find("/items/7/a", method)
    assert ["", "items", "7", "a"] == parts
    assert b"7" in handler(plain.Call(), "", parts)[1]


def test_a_refusal_carries_its_status():
    """For whoever answers it."""
    with pytest.raises(plain.Refused) as caught:
        plain.find("/json", "DELETE")
    assert 405 == caught.value.status


@pytest.mark.parametrize("given", [None, "", "short", "x" * 65, "with space in it", "semi;colon;here"])
def test_an_id_that_does_not_look_like_one_is_replaced(given):
    """Eight to 64 letters and digits are kept, nothing else."""
    made = shared.identity(given)
    assert re.fullmatch("[0-9a-f]{32}", made)
    assert "a1b2c3d4" == shared.identity("a1b2c3d4")


@pytest.mark.parametrize(
    "header",
    [None, "", "session=", "session=abc", "session=abc.def", "other=1", shared.cookie()[:-1] + "g"],
)
def test_a_session_that_is_missing_or_forged_is_empty(header):
    """Nobody becomes somebody by a cookie of his own."""
    assert {} == shared.load_session(header)


def test_a_session_comes_back_as_it_was():
    """Among other cookies too."""
    cookie = shared.save_session({"user": "bob"}).partition(";")[0]
    assert {"user": "bob"} == shared.load_session(f"theme=dark; {cookie}; x=y")


def test_an_order_is_summed_by_whatever_has_its_attributes():
    """A Struct of msgspec, a model of pydantic."""
    items = [SimpleNamespace(quantity=2, price=10), SimpleNamespace(quantity=1, price=5)]
    order = SimpleNamespace(customer="Bob", items=items)
    assert {"customer": "Bob", "items": 2, "total": 25} == shared.summary(order)


@pytest.mark.anyio
async def test_raw_serves_until_a_signal_stops_it():
    """On the loopback interface, and its port is free afterwards."""
    port = free_port()
    serving = asyncio.create_task(raw.serve(port, raw.Protocol))
    for _ in range(1000):
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            break
        except OSError:
            await asyncio.sleep(0)
    writer.write(get("/plaintext", "connection: close"))
    assert (await reader.read()).endswith(b"Hello, World!")
    writer.close()
    await writer.wait_closed()
    os.kill(os.getpid(), signal.SIGTERM)
    await asyncio.wait_for(serving, 10)
    with pytest.raises(OSError, match="Connect call failed"):
        await asyncio.open_connection("127.0.0.1", port)


def test_raw_takes_its_port_from_the_command_line(monkeypatch):
    """And what it listens to from its scenario."""
    seen = []
    monkeypatch.setattr(raw, "serve", lambda *arguments: seen.append(arguments))
    monkeypatch.setattr(raw.uvloop, "run", lambda _: None)
    monkeypatch.setattr(shared, "SCENARIO", "middlewares")
    raw.main(["8000"])
    assert [(8000, raw.Fields)] == seen

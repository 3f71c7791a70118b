"""Sending: attempts, answers, secrets and certificates."""

from __future__ import annotations

import gzip
import logging
import socket
import ssl
import threading
from contextlib import suppress
from pathlib import Path

import pytest

from arlen_core.spans import Span
from arlen_core.vault import Secret
from arlen_otel import sending
from arlen_otel.encoding import encode, resource
from arlen_otel.options import Options
from arlen_otel.sending import Refused, Sender

DATA = encode([Span(name="a", trace_id="1" * 32, span_id="2" * 16, start=1)], 0, resource({}, "arlen", "0.1"))


class Rushed(threading.Event):
    """An event whose waits take no time, and are written down."""

    def __init__(self):
        super().__init__()
        self.waits = []

    def wait(self, timeout=None):
        """Write down how long it would have been."""
        self.waits.append(timeout)
        return self.is_set()


@pytest.fixture
def sender(collector):
    """Return a function that makes senders to the collector; they are closed at the end."""
    made = []

    def make(**values):
        sender = Sender(Options(**{"url": f"{collector.url}/v1/traces"} | values))
        sender.stopping = Rushed()
        made.append(sender)
        return sender

    yield make
    for each in made:
        each.close()


def test_a_request(sender, collector):
    """Path, media type, coding, agent and fields are as OTLP wants them."""
    assert 0 == sender(headers=(("api-key", Secret("k3y")), ("content-type", Secret("x")))).send(DATA)
    (headers, message), names = collector.requests[0], {}
    names = {name.lower(): value for name, value in headers.items()}
    assert ("application/x-protobuf", "gzip", "k3y") == (
        names["content-type"],
        names["content-encoding"],
        names["api-key"],
    )
    assert names["user-agent"].startswith("arlen-otel/")
    assert "a" == message.resource_spans[0].scope_spans[0].spans[0].name
    assert ["/v1/traces"] == collector.paths


def test_without_coding(sender, collector):
    """Where nobody wants it compressed."""
    sender(gzip=False).send(DATA)
    assert {"content-encoding"}.isdisjoint(name.lower() for name in collector.requests[0][0])


def test_a_connection_is_used_again(sender, collector):
    """One batch after the other goes over one connection."""
    made = sender()
    for _ in range(3):
        made.send(DATA)
    assert (3, 1) == (len(collector.requests), len(set(collector.peers)))


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_what_may_pass_is_tried_again(sender, collector, status):
    """With pauses that grow, and the collector has each span once."""
    collector.answers.extend([status, status])
    made = sender()
    assert 0 == made.send(DATA)
    assert (1, 2) == (len(collector.requests), len(made.stopping.waits))
    first, second = made.stopping.waits
    assert 0.8 <= first <= 1.2
    assert 1.6 <= second <= 2.4


@pytest.mark.parametrize("status", [400, 401, 404, 413, 500])
def test_what_will_not_pass_is_not_tried_again(sender, collector, status):
    """The collector says that it is our fault, or OTLP says not to."""
    collector.answers.append(status)
    made = sender()
    with pytest.raises(Refused, match=f"^status {status}$"):
        made.send(DATA)
    assert ([], []) == (made.stopping.waits, collector.requests)


def test_it_gives_up(sender, collector):
    """When the next pause would end too late."""
    collector.answers.extend([503] * 10)
    made = sender(timeout=0.5)
    with pytest.raises(Refused, match=r"^status 503$"):
        made.send(DATA)
    assert [] == made.stopping.waits


def test_the_collector_says_when(sender, collector):
    """A pause that it asks for is kept, or the batch given up when that is too long."""
    collector.answers.append(503)
    collector.fields = {"retry-after": "4"}
    made = sender()
    made.send(DATA)
    assert [4.0] == made.stopping.waits
    collector.answers.append(503)
    collector.fields = {"retry-after": "3600"}
    with pytest.raises(Refused):
        made.send(DATA)


@pytest.mark.parametrize("words", ["soon", "Fri, 31 Dec 99999999999 23:59:59 GMT", "9" * 5000])
def test_a_wrong_pause_is_none(words, sender, collector):
    """What is no number and no date is not heard, nor what no clock can tell."""
    collector.answers.append(503)
    collector.fields = {"retry-after": words}
    made = sender()
    made.send(DATA)
    assert 1 == len(made.stopping.waits)


def test_when_the_application_stops_there_is_one_attempt(sender, collector):
    """Nobody waits for a collector that is away."""
    collector.answers.extend([503] * 3)
    made = sender()
    made.stopping.set()
    with pytest.raises(Refused):
        made.send(DATA)
    assert 1 == collector.refused


def test_nobody_listens(sender, collector):
    """It is tried again, and then the reason is told in one word."""
    collector.stop()
    made = sender(timeout=5)
    with pytest.raises(Refused, match=r"^NewConnectionError$"):
        made.send(DATA)
    assert made.stopping.waits


def test_an_answer_that_does_not_come(sender, collector):
    """The time for a batch is bounded, whatever the collector does."""
    collector.hold.clear()
    with pytest.raises(Refused, match=r"^ReadTimeoutError$"):
        sender(timeout=0.05).send(DATA)


class Dripping(threading.Thread):
    """A collector that sends its answer byte by byte, until the other side has gone, or for a minute."""

    def __init__(self, answer):
        super().__init__(daemon=True)
        self._answer, self.listener, self.sent = answer, socket.create_server(("127.0.0.1", 0)), b""

    @property
    def url(self):
        """Where it listens."""
        return f"http://127.0.0.1:{self.listener.getsockname()[1]}/v1/traces"

    def run(self):
        """Answer one request."""
        with self.listener, self.listener.accept()[0] as peer, suppress(OSError):
            read = b""
            while not read.endswith(DATA):
                read += peer.recv(65536)
            for byte in self._answer:
                peer.sendall(bytes((byte,)))
                self.sent += bytes((byte,))
                threading.Event().wait(0.02)


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nx: " + b"y" * 1000 + b"\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n" * 40 + b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n" + b"y" * 1000,
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n" + b"1\r\ny\r\n" * 160 + b"0\r\n\r\n",
        b"HTTP/1.1 503 No\r\ncontent-length: 1000\r\n\r\n" + b"y" * 1000,
    ],
    ids=["head", "interim", "body", "chunks", "refusal"],
)
def test_an_answer_that_drips(sender, answer):
    """The time is that of the whole answer, not of each byte."""
    slow = Dripping(answer)
    slow.start()
    with pytest.raises(Refused, match=r"^ReadTimeoutError$"):
        sender(url=slow.url, timeout=0.2, gzip=False).send(DATA)
    slow.join(20)
    assert not slow.is_alive()
    assert slow.sent != answer


@pytest.mark.parametrize("size", [65536, 65537, 500_000])
def test_of_a_long_answer_a_part_is_read(sender, collector, size):
    """What comes after that is not waited for, and the next batch arrives all the same."""
    collector.body = b"x" * size
    made = sender()
    assert [0, 0] == [made.send(DATA), made.send(DATA)]
    assert 2 == len(collector.requests)


def test_redirects_are_not_followed(sender, collector):
    """The fields may be a secret between us and this collector."""
    collector.answers.append(301)
    with pytest.raises(Refused, match=r"^status 301$"):
        sender(headers=(("api-key", Secret("k3y")),)).send(DATA)
    assert ["/v1/traces"] == collector.paths


@pytest.mark.parametrize(
    ("answer", "rejected"),
    [
        (b"", 0),
        (b"\x0a\x02\x08\x03", 3),
        (b"\x0a\x03\x08\x83\x01", 131),
        (b"\x0a\x04\x12\x02no", 0),
        (b"\x0a\x90\x01\x08\x05\x12\x8b\x01" + b"x" * 139, 5),
        (b"{}", 0),
        (b"\xff" * 50, 0),
        (b"\x0a\xff\xff\xff", 0),
    ],
)
def test_rejected_spans(sender, collector, answer, rejected):
    """The collector may take a part; whatever it answers beside that is no failure."""
    collector.body = answer
    assert rejected == sender().send(DATA)


def test_official_answers_are_understood():
    """What the protocol's own messages write is read."""
    proto = pytest.importorskip("opentelemetry.proto.collector.trace.v1.trace_service_pb2")
    for count in (0, 1, 127, 128, 70_000):
        for words in ("", "no", "x" * 300):
            made = proto.ExportTraceServiceResponse(
                partial_success=proto.ExportTracePartialSuccess(rejected_spans=count, error_message=words)
            )
            assert count == sending._rejected(made.SerializeToString())


def test_secrets_are_in_no_error(sender, caplog):
    """Neither a header that cannot be sent, nor what the library says of it."""
    caplog.set_level(logging.DEBUG)
    made = sender(headers=(("api-key", Secret("s3cr3t\nx")),))
    with pytest.raises(Refused) as caught:
        made.send(DATA)
    assert "s3cr3t" not in f"{caught.value!r} {caught.value.__cause__!r} {caught.value.__context__!r} {caplog.text}"
    assert "s3cr3t" not in repr(Options(headers=(("api-key", Secret("s3cr3t")),)))


def test_the_url_is_in_no_log(collector, caplog):
    """Paths and queries of some collectors hold keys, and urllib3 logs them; what others do with it is still logged."""
    caplog.set_level(logging.DEBUG)
    made = Sender(Options(url=f"{collector.url}/s3cr3t/v1/traces?key=s3cr3t"))
    made.send(DATA)
    assert [] == [each for each in caplog.messages if "s3cr3t" in each]
    made._pool.request("POST", f"{collector.url}/other", body=gzip.compress(DATA), headers={"content-encoding": "gzip"})
    assert any("/other" in each for each in caplog.messages)
    made.close()


def test_a_proxy_is_used(monkeypatch, collector):
    """Where the environment names one for the collector's scheme, unless it names the collector as an exception."""
    monkeypatch.setattr(sending, "getproxies", lambda: {"http": collector.url})
    options = Options(url="http://collector.example:4318/v1/traces", gzip=False)
    monkeypatch.setattr(sending, "proxy_bypass", lambda host: host == "elsewhere")
    made = Sender(options)
    assert 0 == made.send(DATA)
    made.close()
    assert ["http://collector.example:4318/v1/traces"] == collector.paths


CERTIFICATES = Path(__file__).parents[2] / "arlen-server" / "tests" / "server" / "certificates"


@pytest.fixture
def certified(collector):
    """The collector speaks TLS, wants a client's certificate, and is known to one authority only; its URL."""
    if not CERTIFICATES.exists():
        pytest.skip("needs the certificates of the tests of arlen-server")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(CERTIFICATES / "authority.pem"))
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_cert_chain(CERTIFICATES / "server.pem", CERTIFICATES / "server.key")
    collector.wrap(context)
    return f"https://localhost:{collector.port}/v1/traces"


def test_both_sides_can_prove_who_they_are(certified, collector):
    """With the authority of the collector's certificate, and a certificate of our own."""
    made = Sender(
        Options(
            url=certified,
            certificate=CERTIFICATES / "authority.pem",
            client_certificate=CERTIFICATES / "client.pem",
            client_key=CERTIFICATES / "client.key",
        )
    )
    assert (0, 1) == (made.send(DATA), len(collector.requests))
    made.close()


def test_a_collector_without_a_good_certificate_gets_nothing(certified, collector):
    """The other side has to prove who it is."""
    made = Sender(Options(url=certified, timeout=0.2))
    made.stopping.set()
    with pytest.raises(Refused, match=r"^SSLError$"):
        made.send(DATA)
    assert [] == collector.requests
    made.close()


def test_certificates_are_handed_on(tmp_path):
    """The files that were named are those that TLS uses."""
    files = [tmp_path / name for name in ("ca.pem", "own.pem", "own.key")]
    options = Options(
        url="https://collector.example/v1/traces",
        certificate=files[0],
        client_certificate=files[1],
        client_key=files[2],
    )
    known = Sender(options)._pool.connection_pool_kw
    assert [*map(str, files)] == [known[name] for name in ("ca_certs", "cert_file", "key_file")]


def test_bodies_are_small():
    """Many spans of one kind take a fraction of their size."""
    spans = [
        Span(name="GET /", trace_id=f"{n:032x}", span_id=f"{n:016x}", start=n, attributes={"a": n}) for n in range(500)
    ]
    data = encode(spans, 0, resource({}, "arlen", "0.1"))
    assert len(gzip.compress(data, 1)) < len(data) / 3

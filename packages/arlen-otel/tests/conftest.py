"""What the tests of arlen-otel share: a collector that decodes what it gets, and applications that tell it."""

from __future__ import annotations

import gzip
import socket
import threading
from collections import deque
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from arlen_core.app import App
from arlen_core.spans import Tracer
from arlen_otel.plugin import Otel
from arlen_otel.settings import Settings

PATIENCE = 20


@pytest.fixture
def anyio_backend():
    """Everything here runs on asyncio."""
    return "asyncio"


class Collector:
    """A collector on a free port of this machine.

    Attributes:
        requests: what came: header fields and decoded messages.
        answers: statuses to answer with, then 200; or a function that is called with the handler.
        hold: answers wait until it is set.
        data: the message that is being answered.
    """

    def __init__(self):
        self.requests, self.answers, self.hold = [], deque(), threading.Event()
        self.hold.set()
        self._came = threading.Condition()
        self._server = None
        self.port = 0
        self.body, self.fields, self.refused, self.data = b"", {}, 0, b""
        self.paths, self.peers = [], []
        self._connections = set()

    @property
    def url(self):
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def spans(self):
        """All spans that came, in order."""
        return [
            span
            for _, message in self.requests
            for part in message.resource_spans
            for scope in part.scope_spans
            for span in scope.spans
        ]

    def start(self):
        """Listen; at the same port as before."""
        collector = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                collector.answer(self)

            def log_message(self, *_):
                """Print nothing."""

        class Server(ThreadingHTTPServer):
            allow_reuse_address = True
            daemon_threads = True

            def handle_error(self, *_):
                """Print nothing: clients that go away are a part of the tests."""

        self._server = Server(("127.0.0.1", self.port), Handler)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def wrap(self, context):
        """Speak TLS from now on."""
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)

    def stop(self):
        """Refuse connections, and cut those that there are."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None
        for each in self._connections:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        self._connections.clear()

    def answer(self, handler):
        """Take a request."""
        proto = pytest.importorskip("opentelemetry.proto.collector.trace.v1.trace_service_pb2")
        data = handler.rfile.read(int(handler.headers["content-length"]))
        self.paths.append(handler.path)
        self.peers.append(handler.client_address)
        self._connections.add(handler.connection)
        self.hold.wait(PATIENCE)
        plain = self.data = gzip.decompress(data) if handler.headers["content-encoding"] == "gzip" else data
        status = self.answers.popleft() if self.answers else 200
        message = proto.ExportTraceServiceRequest.FromString(plain) if status == 200 else None
        with self._came:
            if message is not None:
                self.requests.append((dict(handler.headers), message))
            else:
                self.refused += 1
            self._came.notify_all()
        handler.send_response(status)
        if status == 301:
            handler.send_header("location", f"{self.url}/elsewhere")
        for name, value in self.fields.items() if status != 200 else ():
            handler.send_header(name, value)
        handler.send_header("content-length", str(len(self.body)))
        handler.end_headers()
        with suppress(OSError):  # who waited has gone
            handler.wfile.write(self.body)

    def until(self, wanted):
        """Wait until `wanted()` is true."""
        with self._came:
            assert self._came.wait_for(wanted, PATIENCE), "the collector did not get what it should"


@pytest.fixture
def collector():
    """A collector that listens."""
    pytest.importorskip("opentelemetry.proto", reason="needs opentelemetry-proto")
    made = Collector()
    made.start()
    yield made
    made.hold.set()
    made.stop()


@pytest.fixture
def traced(collector, tmp_path):
    """Return a function that makes an application which tells the collector."""

    def make(name="shop", **settings):
        app = App(name, root=tmp_path, env="test", environ={})
        known = {"endpoint": collector.url, "interval": 0.01, "api": False} | settings
        app.use(Otel(Settings(**known), environ={}))
        return app

    return make


@pytest.fixture
def told():
    """What a tracer has told."""
    return []


@pytest.fixture
def tracer(told):
    """A tracer that somebody listens to."""
    made = Tracer()
    made.listen(told.extend)
    return made

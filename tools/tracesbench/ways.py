"""What traces cost: processor time a request with and without them, in turns, and beside OpenTelemetry's own spans.

`python -m tools.measure traces` prints microseconds a request of all threads of the process, exporting included, to a
collector in another process that only reads. Each round runs every way once; what is shown is the median of the
differences to the way without traces in the same round, with the quartiles.
"""

import argparse
import asyncio
import contextlib
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from importlib.metadata import version
from typing import Any

from arlen_core import App
from arlen_core.plugins import Plugin
from arlen_core.requests import Request
from tools.bench.machine import describe
from tools.bench.processes import ROOT

__all__ = ["FILE", "WAYS", "main", "measured"]

FILE = ROOT / "docs" / "benchmarks" / "traces.md"
"""Where `--save` keeps what is printed."""

Way = Callable[[App, str], Awaitable[Callable[[], Awaitable[object]]]]

COLLECTOR = """
import asyncio, re

async def answer(reader, writer):
    try:
        while True:
            head = await reader.readuntil(b"\\r\\n\\r\\n")
            await reader.readexactly(int(re.search(rb"content-length: *(\\d+)", head, re.I)[1]))
            writer.write(b"HTTP/1.1 200 OK\\r\\nContent-Length: 0\\r\\n\\r\\n")
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()

async def main():
    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()

asyncio.run(main())
"""


def main(arguments: list[str] | None = None) -> int:
    """Measure, and print a table or JSON."""
    parser = argparse.ArgumentParser(prog="measure traces", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--requests", type=int, default=2000, help="in each round, of each way")
    parser.add_argument("--save", action="store_true", help="keep it as docs/benchmarks/traces.md")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    options = parser.parse_args(arguments)
    found = asyncio.run(measured(options.rounds, options.requests))
    print(json.dumps(found, indent=2) if options.json else _table(found))
    if options.save:
        FILE.write_text(_page(found, options.rounds, options.requests), encoding="utf-8")
    return 0


async def measured(rounds: int, requests: int) -> dict[str, dict[str, float]]:
    """Return the microseconds a request of each way: `none` whole, the others as what they add."""
    with _collector() as url:
        async with contextlib.AsyncExitStack() as stack:
            apps = [(name, *await stack.enter_async_context(_started(way, url))) for name, way in WAYS.items()]
            spent: dict[str, list[float]] = {name: [] for name in WAYS}
            for turn in range(rounds + 1):
                for name, app, flush in apps[turn % len(apps) :] + apps[: turn % len(apps)]:
                    cost = await _cost(app, flush, requests)
                    if turn:  # the first one warms up
                        spent[name].append(cost)
    none = spent["none"]
    differences = {name: [own - base for own, base in zip(each, none, strict=True)] for name, each in spent.items()}
    return {name: _summary(none if name == "none" else each) for name, each in differences.items()}


async def _cost(app: App, flush: Callable[[], Awaitable[object]], requests: int) -> float:
    handle, finish = app.handle, app.finish
    begun = time.process_time_ns()
    for number in range(requests):
        request = Request("GET", b"/orders/7", headers=[(b"host", b"localhost"), (b"accept", b"*/*")])
        request.client = ("127.0.0.1", number)
        response = await handle(request)
        finish(request, response, sent=1)
    await flush()
    return (time.process_time_ns() - begun) / requests / 1000


async def _none(_app: App, _url: str) -> Callable[[], Awaitable[object]]:
    return _nothing


async def _off(app: App, _url: str) -> Callable[[], Awaitable[object]]:
    from arlen_otel import Otel, Settings

    app.use(Otel(Settings(enabled=False), environ={}))
    return _nothing


def _own(*, api: bool) -> Way:
    async def way(app: App, url: str) -> Callable[[], Awaitable[object]]:
        from arlen_otel import Otel, Settings

        otel = app.use(Otel(Settings(endpoint=url, queue=100_000, interval=0.05, api=api), environ={}))

        return lambda: _exported(otel.exporter)

    return way


async def _exported(exporter: Any) -> None:
    while exporter.exported < exporter.taken:
        if exporter.dropped:
            raise RuntimeError(f"spans were dropped: {exporter.dropped}")
        await asyncio.sleep(0.01)


async def _sdk(app: App, url: str) -> Callable[[], Awaitable[object]]:
    from opentelemetry import trace
    from opentelemetry.exporter.otlp.proto.http import Compression
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    provider = TracerProvider(shutdown_on_exit=False)
    exporter = OTLPSpanExporter(f"{url}/v1/traces", compression=Compression.Gzip)
    provider.add_span_processor(BatchSpanProcessor(exporter, max_queue_size=100_000, schedule_delay_millis=50))
    tracer = provider.get_tracer("arlen")

    def begin(request: Request) -> None:
        request.state["span"] = tracer.start_span("GET /orders/{id}", kind=trace.SpanKind.SERVER)

    def end(request: Request, response: Any, sent: int, _: BaseException | None) -> None:
        span = request.state.pop("span")
        span.set_attributes(
            {
                "http.request.method": request.method,
                "url.path": request.path,
                "url.scheme": request.scheme,
                "network.protocol.version": request.version,
                "http.response.status_code": response.status,
                "http.response.body.size": sent,
                "arlen.request_id": request.id,
                "http.route": request.template,
                "client.address": "127.0.0.1",
                "arlen.route.ms": 0.01,
                "arlen.action.ms": 0.02,
                "arlen.write.ms": 0.03,
            }
        )
        span.end()

    app.observe(begin, end)
    app.use(_Ends(provider.shutdown))
    return lambda: asyncio.to_thread(provider.force_flush)


class _Ends(Plugin):
    name = "ends"
    version = "0.1.0"
    arlen_api = ">=1,<2"

    def __init__(self, end: Callable[[], object]) -> None:
        self._end = end

    async def stop(self, app: App) -> None:
        await asyncio.to_thread(self._end)


WAYS: dict[str, Way] = {"none": _none, "off": _off, "own": _own(api=False), "api": _own(api=True), "sdk": _sdk}
"""Without traces; with the plugin switched off; with it; with OpenTelemetry's interface too; spans of its SDK alone."""


@contextlib.asynccontextmanager
async def _started(way: Way, url: str) -> AsyncIterator[tuple[App, Callable[[], Awaitable[object]]]]:
    with tempfile.TemporaryDirectory() as folder:
        app = App("cost", root=folder, env="production", environ={"ARLEN_LOG__TARGET": "/dev/null"})

        @app.get("/orders/{id}")
        async def show(id: int) -> str:
            return str(id)

        flush = await way(app, url)
        await app.start()
        try:
            yield app, flush
        finally:
            await app.stop()


@contextlib.contextmanager
def _collector() -> Any:
    process = subprocess.Popen([sys.executable, "-c", COLLECTOR], stdout=subprocess.PIPE, text=True)
    try:
        yield f"http://127.0.0.1:{process.stdout.readline().strip() if process.stdout else ''}"
    finally:
        process.kill()
        process.communicate()


async def _nothing() -> None:
    """There is nothing to wait for."""


def _summary(values: list[float]) -> dict[str, float]:
    low, middle, high = statistics.quantiles(values, n=4)
    return {"median": round(middle, 2), "low": round(low, 2), "high": round(high, 2)}


def _page(found: dict[str, dict[str, float]], rounds: int, requests: int) -> str:
    about = describe(ROOT, (), None)
    sdk = version("opentelemetry-sdk")
    where = f"{about['cpu']}, {about['cores']} cores, {about['python']}; opentelemetry-sdk {sdk}"
    how = f"Interleaved, {rounds} rounds of {requests:,} requests; processor time of all threads, exporting too."
    return f"# Traces\n\n{about['date']}, commit {about['commit']}; {where}.\n{how}\n\n```text\n{_table(found)}\n```\n"


def _table(found: dict[str, dict[str, float]]) -> str:
    lines = [
        f"{name:5} {each['median']:8.2f}  ({each['low']:.2f} to {each['high']:.2f})" for name, each in found.items()
    ]
    return "microseconds a request; all but the first: what is added\n" + "\n".join(lines)

"""The application that is put under load. It tells what its server is doing, so that what is left behind is seen."""

import asyncio
import gc
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from arlen_core import App, FileResponse, Request, Response, Stream
from arlen_server import Server

app = App(__name__)
files = Path(os.environ.get("LOAD_FILES", "."))
large = bytes(8 << 20)
sent: dict[str, int] = {"sendfile": 0, "streams": 0}
servers: list[Server] = []
system_sendfile = os.sendfile


def sendfile(target: int, source: int, offset: int, count: int) -> int:
    """Count what the system sends by itself."""
    done = system_sendfile(target, source, offset, count)
    sent["sendfile"] += done
    return done


os.sendfile = sendfile  # type: ignore[assignment]


@app.get("/")
async def home() -> str:
    """Answer at once."""
    return "hello"


@app.get("/pid")
async def pid(seconds: float = 0.0) -> str:
    """Tell who answers, after a while."""
    await asyncio.sleep(seconds)
    return str(os.getpid())


@app.get("/work")
async def work(rounds: int) -> str:
    """Keep the processor busy."""
    return str(sum(range(rounds)))


@app.get("/large")
async def whole() -> Response:
    """Answer with 8 MiB from memory."""
    return Response(large)


@app.get("/stream")
async def stream() -> Stream:
    """Answer with no end."""
    return Stream(endless(), media="application/octet-stream")


@app.get("/held")
async def held(number: int, seconds: float) -> str:
    """Leave a file that shows that this runs, and answer after a while."""
    (files / f"held-{number}").touch()
    await asyncio.sleep(seconds)
    return "held"


@app.get("/begun")
async def begun(seconds: float) -> Stream:
    """Answer the first half at once and the second after a while."""
    return Stream(halves(seconds), media="text/plain")


@app.post("/upload")
async def upload(request: Request, seconds: float) -> str:
    """Tell how much came, after a while."""
    size = len(await request.body.read())
    await asyncio.sleep(seconds)
    return str(size)


@app.get("/file/{name}")
async def file(name: str) -> FileResponse:
    """Send a file."""
    return FileResponse(files / Path(name).name)


@app.hook("did_start")
def note(_: App) -> None:
    """Find the server before the heap is settled: then it is out of the collector's sight."""
    servers.extend(each for each in gc.get_objects() if isinstance(each, Server))


@app.get("/state")
async def state() -> dict[str, Any]:
    """Tell what the server of this process is doing: this request is one of those in flight."""
    stats = servers[0].stats
    return sent | {
        "connections": stats.connections,
        "in_flight": stats.in_flight,
        "refused": stats.refused,
        "tasks": len(asyncio.all_tasks()),
    }


async def endless() -> AsyncIterator[bytes]:
    """Bytes without end; whoever begins one has to end it."""
    sent["streams"] += 1
    try:
        while True:
            yield large[:16384]
    finally:
        sent["streams"] -= 1


async def halves(seconds: float) -> AsyncIterator[bytes]:
    """Two words."""
    yield b"begun"
    await asyncio.sleep(seconds)
    yield b"done"

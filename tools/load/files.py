"""Files: that they go out by `sendfile`, and how fast."""

from __future__ import annotations

import json
import os
import socket
import sys
import time
from functools import partial
from pathlib import Path

from tools.load.crowds import request
from tools.load.report import Line
from tools.load.runners import propane
from tools.load.servers import beside
from tools.load.speed import ratios

__all__ = ["check", "download"]

MIB = 1 << 20
SIZES = {1: (20, 300), 100: (1, 5)}  # in MiB: downloads of a round, quick and full


def check(folder: Path, *, quick: bool) -> list[Line]:
    """Download files of 1 MiB and 100 MiB from this server and from a bare loop around `sendfile`, in turns."""
    rounds = 1 if quick else 7
    times = {size: few if quick else many for size, (few, many) in SIZES.items()}
    for size in times:
        with (folder / f"{size}.bin").open("wb") as file:
            for _ in range(size):
                file.write(os.urandom(MIB))
    loop = partial(_loop, folder)
    lines = []
    with propane(folder, "--workers", "1", LOAD_FILES=str(folder)) as server, beside(folder, loop) as limit:
        server.wait("worker_ready")
        for size, count in times.items():
            rates: dict[str, list[float]] = {"ours": [], "loop": []}
            for _ in range(rounds):
                rates["ours"].append(download(server.place, f"{size}.bin", count))
                rates["loop"].append(download(limit.place, f"{size}.bin", count))
            lines.append(_rate(size, rates))
        asked = sum(size * count * rounds for size, count in times.items()) * MIB
        lines.append(_proof(asked, json.loads(server.get("/state")[1])["sendfile"]))
    return lines


def download(place: tuple[str, int], name: str, count: int) -> float:
    """Download a file so many times on one connection; return bytes a second.

    Raises:
        EOFError: the connection ended before the end of a file.
    """
    buffer, total, begun = bytearray(MIB), 0, time.monotonic()
    with socket.create_connection(place, 30) as client:
        for _ in range(count):
            client.sendall(request(f"/file/{name}"))
            total += _received(client, buffer)
    return total / (time.monotonic() - begun)


def _loop(folder: Path, port: int) -> list[str]:
    return [sys.executable, "-m", "tools.load.sendloop", str(folder), str(port)]


def _received(client: socket.socket, buffer: bytearray) -> int:
    head = b""
    while b"\r\n\r\n" not in head:
        got = client.recv_into(buffer)
        if not got:
            raise EOFError("the connection ended before the answer")
        head += buffer[:got]
    fields, _, body = head.partition(b"\r\n\r\n")
    size = int(fields.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
    left = size - len(body)
    while left > 0:
        got = client.recv_into(buffer, min(left, MIB))
        if not got:
            raise EOFError("the connection ended before the end of the file")
        left -= got
    return size


def _rate(size: int, rates: dict[str, list[float]]) -> Line:
    ours, least = (sorted(found)[len(found) // 2] / MIB for found in rates.values())
    words = f"{ours:,.0f} MiB/s, the loop {least:,.0f} MiB/s: {ratios(rates['ours'], rates['loop'])} times"
    what = f"files of {size} MiB on one connection, beside a bare loop around sendfile"
    return Line("sendfile", what, "", words, figures={"size": size, "rates": rates})


def _proof(asked: int, sent: int) -> Line:
    words = f"{sent / asked:.1%} of {asked // MIB:,} MiB by os.sendfile"
    what = "files that the system sends by itself, counted inside the server's process"
    good = sent == asked
    return Line("sendfile", what, "all bytes", words, good, promise=True, figures={"asked": asked, "sent": sent})

"""The board over real sockets, in processes of its own: started, raced, uploaded to, streamed from, and killed."""

import asyncio
import csv
import io
import json as codec
import os
import signal
import sqlite3
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from http.client import HTTPException
from pathlib import Path
from threading import Condition, Event
from time import monotonic
from typing import Any

from arlen_data.errors import DatabaseError
from arlen_data.targets import database
from drafts import draft
from sites import PATIENCE, Site, served


def start(site: Site, workers: int) -> None:
    """Wait until all workers serve."""
    site.until("worker_ready", workers)


def rows(url: str, sql: str) -> list[tuple[Any, ...]]:
    """Ask the database itself."""

    async def ask() -> list[tuple[Any, ...]]:
        async with database(url) as db:
            return await db.all(sql, into=tuple)

    return asyncio.run(ask())


def check(url: str) -> None:
    """Check what a killed process left."""
    if url.startswith("sqlite"):
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as db:
            assert [("ok",)] == db.execute("pragma integrity_check").fetchall()
            assert [] == db.execute("pragma foreign_key_check").fetchall()


def test_development_starts_with_the_sample(fresh: str, tmp_path: Path) -> None:
    """One command: it says its address, has filled its database, and serves pages with a style."""
    with served(tmp_path, fresh, "boomhauer") as site:
        site.until("ready")
        assert site.address.startswith("http://127.0.0.1:")
        answer, body = site.call("GET", "/", accept="text/html")
        assert (200, "default-src 'self'") == (answer.status, answer.headers["content-security-policy"])
        assert b"Unresolved by severity" in body
        assert 5000 == codec.loads(site.call("GET", "/incidents")[1])["total"]
        sheet = body.partition(b'<link rel="stylesheet" href="')[2].partition(b'"')[0].decode()
        assert 200 == site.call("GET", sheet)[0].status
        assert 0 == site.stop()
    check(fresh)
    assert [(5000,)] == rows(fresh, "select count(*) from incidents")


def test_processes_race_for_one_incident(fresh: str, tmp_path: Path) -> None:
    """Of many who change the same version in two processes one wins; everybody's note is kept."""
    with served(tmp_path, fresh, "propane", "--workers", "2") as site, ThreadPoolExecutor(12) as pool:
        start(site, 2)
        assert 201 == site.call("POST", "/incidents", draft())[0].status
        edits = [
            pool.submit(site.call, "PATCH", "/incidents/1", {"title": f"Title {n}", "version": 1}) for n in range(12)
        ]
        noted = [pool.submit(site.call, "POST", "/incidents/1/notes", {"text": f"Note {n}"}) for n in range(12)]
        assert {200: 1, 409: 11} == Counter(each.result()[0].status for each in edits)
        assert {201: 12} == Counter(each.result()[0].status for each in noted)
        found = codec.loads(site.call("GET", "/incidents/1")[1])
        assert {f"Note {n}" for n in range(12)} == {each["text"] for each in found["notes"] if each["kind"] == "note"}
        assert 0 == site.stop()


def test_large_files_go_in_and_come_out(fresh: str, tmp_path: Path) -> None:
    """Megabytes up in chunks, megabytes down as a stream; who leaves in the middle disturbs nobody."""
    rows = "title,service,description\r\n" + "".join(f"Case {n},billing,{'x' * 900}\r\n" for n in range(4000))

    def chunks() -> list[bytes]:
        data = rows.encode()
        return [data[at : at + 50_000] for at in range(0, len(data), 50_000)]

    with served(tmp_path, fresh, "propane", "--workers", "1") as site:
        start(site, 1)
        with closing(site.connect()) as connection:
            headers = {"content-type": "text/csv", "accept": "application/json"}
            connection.request("POST", "/import", iter(chunks()), headers, encode_chunked=True)
            answer = connection.getresponse()
            made = codec.loads(answer.read())
        assert (200, 4000, []) == (answer.status, len(made["added"]), made["bad"])
        with closing(site.connect()) as connection:
            connection.request("GET", "/incidents.csv", headers={"accept-encoding": "identity"})
            answer = connection.getresponse()
            assert "chunked" == answer.headers["transfer-encoding"]
            assert answer.read(1000).startswith(b"id,title,")
        body = site.call("GET", "/incidents.csv")[1].decode()
        assert 4000 == len(list(csv.DictReader(io.StringIO(body))))
        assert 413 == site.call("POST", "/import", b"x" * (9 << 20), **{"content-type": "text/csv"})[0].status
        assert 200 == site.call("GET", "/healthz")[0].status
        assert 0 == site.stop()


class Writers:
    """Clients that open incidents and write notes until they are told to stop; what was acknowledged is remembered."""

    def __init__(self, site: Site, name: str) -> None:
        self._site, self._name = site, name
        self._stop, self._changed = Event(), Condition()
        self.titles: dict[int, str] = {}
        self.notes: set[str] = set()

    def run(self, number: int) -> None:
        """Write, one request after the other; a broken connection is begun again."""
        count = 0
        while not self._stop.is_set():
            count += 1
            title = f"{self._name} {number} {count}"
            try:
                answer, body = self._site.call("POST", "/incidents", draft(title=title))
                if answer.status == 201:
                    self._acknowledged(codec.loads(body)["id"], title)
            except (OSError, HTTPException):
                continue

    def _acknowledged(self, id: int, title: str) -> None:
        with self._changed:
            self.titles[id] = title
        answer, _ = self._site.call("POST", f"/incidents/{id}/notes", {"text": f"note to {title}"})
        with self._changed:
            if answer.status == 201:
                self.notes.add(f"note to {title}")
            self._changed.notify_all()

    def wait(self, count: int) -> None:
        """Wait until that many notes were acknowledged."""
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.notes) >= count, PATIENCE)

    def stop(self) -> None:
        """Let them end."""
        self._stop.set()


def test_a_kill_loses_nothing_that_was_acknowledged(fresh: str, tmp_path: Path) -> None:
    """A worker is killed in the middle of writes and replaced; then everything is killed, and started again."""
    titles: dict[int, str] = {}
    notes: set[str] = set()
    for name in ("first", "second"):
        with served(tmp_path, fresh, "propane", "--workers", "2") as site, ThreadPoolExecutor(4) as pool:
            start(site, 2)
            writers = Writers(site, name)
            running = [pool.submit(writers.run, number) for number in range(4)]
            try:
                writers.wait(20)
                os.kill(site.until("worker_ready", 2)[0]["worker_pid"], signal.SIGKILL)
                start(site, 3)
                writers.wait(len(writers.notes) + 20)
            finally:
                site.kill()
                writers.stop()
            for each in running:
                each.result()
        titles |= writers.titles
        notes |= writers.notes
        check(fresh)
        kept = dict(rows(fresh, "select id, title from incidents"))
        assert titles.items() <= kept.items()
        assert notes <= {text for (text,) in rows(fresh, "select text from notes")}
        assert [(len(kept),)] == rows(fresh, "select count(*) from search")
    with served(tmp_path, fresh, "propane", "--workers", "1") as site:
        start(site, 1)
        last, title = max(titles.items())
        assert title == codec.loads(site.call("GET", f"/incidents/{last}")[1])["title"]
        assert 0 == site.stop()


def test_a_kill_during_the_first_start_is_no_harm(fresh: str, tmp_path: Path) -> None:
    """Each migration comes whole or not at all, and so does the sample: the next start goes on where this one ended."""
    begun = "select count(*) from arlen_schema_migrations"
    with served(tmp_path, fresh, "boomhauer") as site:
        site.until("started")
        deadline = monotonic() + PATIENCE
        while not _there(fresh, begun):
            assert monotonic() < deadline
            Event().wait(0.01)
        site.kill()
    check(fresh)
    with served(tmp_path, fresh, "boomhauer") as site:
        site.until("ready")
        assert 5000 == codec.loads(site.call("GET", "/incidents")[1])["total"]


def _there(url: str, sql: str) -> bool:
    with suppress(DatabaseError):
        return bool(rows(url, sql))
    return False

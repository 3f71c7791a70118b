"""A small application for the tests of clients: every kind of parameter, body and answer, and the errors."""

from __future__ import annotations

from datetime import date, datetime
from enum import Enum
from typing import Annotated, Any, Literal
from uuid import UUID

from msgspec import Struct

from arlen_core import App, Cookie, Header, NotFound, Upload

app = App("shelf", environ={"ARLEN_ENV": "test"})


class Level(Enum):
    """How loud it is."""

    LOW = "low"
    HIGH = "high"


class Book(Struct, tag="book"):
    """A thing to read."""

    title: str
    pages: int = 1


class Record(Struct, tag="record"):
    """A thing to hear."""

    title: str
    made: date


class Entry(Struct):
    """A thing on the shelf."""

    id: UUID
    at: datetime
    thing: Book | Record
    level: Level
    notes: list[str]
    more: dict[str, float]
    owner: str | None = None


class Draft(Struct):
    """What a form says."""

    title: str
    count: int = 1
    tags: list[str] = []


class Picture(Struct):
    """What a form with a file says."""

    title: str
    file: Upload
    more: list[Upload] = []


@app.get("/echo/{name}/{number}")
async def echo(
    name: str,
    number: int,
    tag: list[str],
    level: Level = Level.LOW,
    since: date | None = None,
    exact: bool = False,
    team: Annotated[str, Header("x-team")] = "none",
    theme: Annotated[str, Cookie("theme")] = "light",
) -> dict[str, Any]:
    """Say what was sent."""
    return {"name": name, "number": number, "tag": tag, "level": level, "since": since, "exact": exact,
            "team": team, "theme": theme}  # fmt: skip


@app.post("/entries", status=201)
async def add(entry: Entry) -> Entry:
    """Take a thing and give it back."""
    return entry


@app.get("/things/{kind}")
async def thing(kind: Literal["book", "record"]) -> Book | Record:
    """One of two."""
    return Book("Emma", 474) if kind == "book" else Record("Kind of Blue", date(1959, 8, 17))


@app.post("/drafts")
async def draft(form: Draft) -> Draft:
    """Take JSON or a form."""
    return form


@app.post("/pictures")
async def picture(form: Picture) -> dict[str, Any]:
    """Take files."""
    files = [form.file, *form.more]
    return {"title": form.title, "files": [[each.filename, len(await each.read())] for each in files]}


@app.get("/files/{rest:path}")
async def file(rest: str) -> str:
    """Say which file was meant."""
    return rest


@app.get("/text")
async def text() -> str:
    """Plain text."""
    return "hélas"


@app.get("/either/{kind}")
async def either(kind: Literal["book", "text", "bytes"]) -> Book | str | bytes:
    """Data, text or bytes."""
    return {"book": Book("Emma", 474), "text": "hélas", "bytes": b"\x00\xff"}[kind]


@app.get("/bytes")
async def blob() -> bytes:
    """Bytes as they are."""
    return b"\x00\xff\x01"


@app.delete("/entries/{id}")
async def drop(id: UUID) -> None:
    """Nothing to say."""


@app.get("/missing")
async def missing() -> None:
    """Never there."""
    raise NotFound("there is no such thing")

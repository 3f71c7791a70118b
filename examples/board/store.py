"""Store: the board's database for asynchronous callers: one thread that writes, some that read, bounded queues.

`arlen-sqlite` will do this, with transactions, migrations and more. Until then this is a thin use of `sqlite3`.
"""

import sqlite3
from collections.abc import AsyncIterator, Callable
from datetime import datetime
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from anyio import CancelScope, to_thread
from arlen import StartupError, Struct

import figures
import intake
import records
from lanes import Lane
from models import Fields, Filters, Incident, Note, Page
from records import Stored
from sheets import Sheet
from words import Mode

__all__ = ["Settings", "Store"]

HERE = Path(__file__).parent
CHUNK = 200


class Settings(Struct, frozen=True, forbid_unknown_fields=True):
    """The section `[board]`.

    Attributes:
        database: the file, below the application's folder unless it is absolute.
        sample: a CSV file that fills a new board; "" leaves it empty.
        readers: threads that read.
        waiting: calls that may wait for each kind of thread; one more is answered 503.
        patience: seconds that a write waits for another process.
        search: "auto" uses FTS5 when the SQLite build has it, "like" does without.
    """

    database: str = "var/board.db"
    sample: str = "data/incidents.csv"
    readers: int = 3
    waiting: int = 200
    patience: float = 5.0
    search: Literal["auto", "like"] = "auto"


class Store:
    """The incidents. Use it as `async with Store(...) as store`; the application provides it as a service.

    Args:
        settings: see `Settings`.
        now: the clock.

    `lanes.Busy` is raised when too many calls wait; what a call raises itself, `records` says.
    """

    def __init__(self, settings: Settings, now: Callable[[], datetime]) -> None:
        self._settings, self._now = settings, now
        self._path = HERE / settings.database

    async def __aenter__(self) -> Self:
        self.search, connections = await to_thread.run_sync(self._open)
        self._writer = Lane("board-write", connections[:1], self._settings.waiting)
        self._readers = Lane("board-read", connections[1:], self._settings.waiting)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with CancelScope(shield=True):
            await to_thread.run_sync(self._readers.close)
            await to_thread.run_sync(self._writer.close)

    async def find(self, filters: Filters) -> Page:
        """Return a page of the list."""
        return await self._readers.run(lambda db: records.find(db, filters, self.search))

    async def get(self, id: int) -> Stored:
        """Return an incident with its timeline."""
        return await self._readers.run(lambda db: records.stored(db, id))

    async def choices(self) -> dict[str, list[str]]:
        """Return the services, owners and tags that occur."""
        return await self._readers.run(records.choices)

    async def overview(self) -> figures.Overview:
        """Return what the dashboard shows."""
        return await self._readers.run(lambda db: figures.overview(db, self.search, self._now()))

    async def create(self, fields: Fields) -> Incident:
        """Add an incident."""
        return await self._writer.run(lambda db: records.create(db, fields, self._now()))

    async def edit(self, id: int, version: int, fields: Fields, *, author: str, text: str = "") -> Incident:
        """Change an incident that is still at `version`."""
        change = partial(records.edit, author=author, text=text, now=self._now())
        return await self._writer.run(lambda db: change(db, id, version, fields))

    async def note(self, id: int, *, author: str, text: str) -> Note:
        """Add a note to an incident."""
        return await self._writer.run(lambda db: records.note(db, id, author=author, text=text, now=self._now()))

    async def take(self, sheet: Sheet) -> intake.Intake:
        """Add the good rows of a file."""
        return await self._writer.run(lambda db: intake.take(db, sheet))

    async def export(self, filters: Filters) -> AsyncIterator[list[Stored]]:
        """Yield every incident that fits, some at a time; nothing is held between two of them."""
        after = 0
        while found := await self._readers.run(
            lambda db, after=after: records.export(db, filters, self.search, after, CHUNK)  # type: ignore[misc]
        ):
            yield found
            after = found[-1].incident.id

    def _open(self) -> tuple[Mode, list[sqlite3.Connection]]:
        made: list[sqlite3.Connection] = []
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            made.append(records.connect(self._path, wait=self._settings.patience))
            mode = self._prepare(made[0])
            made += [self._reader() for _ in range(self._settings.readers)]
        except Exception as error:
            for each in made:
                each.close()
            if not isinstance(error, (sqlite3.Error, OSError, records.Foreign, intake.Broken)):
                raise
            raise self._unusable(error) from error
        return mode, made

    def _reader(self) -> sqlite3.Connection:
        return records.connect(self._path, wait=self._settings.patience, read_only=True)

    def _prepare(self, db: sqlite3.Connection) -> Mode:
        with records.writing(db):  # tables and sample together: a kill in between leaves nothing half done
            mode, fresh = records.migrate(db, (HERE / "schema.sql").read_text("utf-8"), self._settings.search)
            if fresh and self._settings.sample:
                intake.sample(db, HERE / self._settings.sample, self._now())
        return mode

    def _unusable(self, error: Exception) -> StartupError:
        if isinstance(error, intake.Broken):
            return StartupError(f"the sample {self._settings.sample} is wrong: {error}", fix="correct board.sample")
        fix = "point board.database at another file, or move this one away"
        return StartupError(f"cannot use the database {self._path}: {error}", fix=fix)

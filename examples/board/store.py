"""Store: what the board does with its database, each in one transaction; any engine that Arlen has an adapter for."""

from collections.abc import AsyncIterator, Callable
from datetime import datetime
from pathlib import Path
from typing import Literal, Self

from arlen import StartupError, Struct
from arlen_data import Database, Transaction

import figures
import intake
import lists
import records
import search
from models import Fields, Filters, Incident, Note, Page
from records import Conflict, Stored
from sheets import Sheet

__all__ = ["Settings", "Store"]

HERE = Path(__file__).parent
CHUNK = 200


class Settings(Struct, frozen=True, forbid_unknown_fields=True):
    """The section `[board]`.

    Attributes:
        sample: a CSV file that fills an empty board; "" leaves it empty.
        migrate: "apply" brings the tables up to date at the start, "check" refuses to start until `arlen migrate` has.
        search: "auto" uses the full-text index of the engine when it has one, "like" does without.
    """

    sample: str = "data/incidents.csv"
    migrate: Literal["apply", "check"] = "apply"
    search: Literal["auto", "like"] = "auto"


class Store:
    """The incidents; the application provides it as a service.

    Args:
        db: the database, opened, with its tables.
        index: how it searches.
        now: the clock.

    What a call raises, `records` says.
    """

    def __init__(self, db: Database, index: search.Index, now: Callable[[], datetime]) -> None:
        self.db, self.index = db, index
        self._clock = now

    @classmethod
    async def begin(cls, db: Database, settings: Settings, now: Callable[[], datetime]) -> Self:
        """Return a store when the search is prepared and an empty board filled; raises `StartupError`."""
        made = cls(db, await search.prepare(db, settings.search), now)
        await made._mend()
        if settings.sample:
            try:
                await intake.fill(db, HERE / settings.sample, made.index, made.now())
            except (intake.Broken, OSError) as error:
                message = f"the sample {settings.sample} is wrong: {error}"
                raise StartupError(message, fix="correct board.sample") from error
        return made

    def now(self) -> datetime:
        """Return the time, in whole seconds."""
        return self._clock().replace(microsecond=0)

    async def find(self, filters: Filters) -> Page:
        """Return a page of the list."""
        return await lists.find(self.db, filters, self.index)

    async def get(self, id: int) -> Stored:
        """Return an incident with its timeline."""
        async with self.db.transaction(read_only=True) as tx:
            return await records.stored(tx, id)

    async def choices(self) -> dict[str, list[str]]:
        """Return the services, owners and tags that occur."""
        return await records.choices(self.db)

    async def overview(self) -> figures.Overview:
        """Return what the dashboard shows."""
        return await figures.overview(self.db, self.index, self.now())

    async def unresolved(self) -> int:
        """Return how many incidents are not resolved."""
        return await figures.unresolved(self.db)

    async def create(self, fields: Fields) -> Incident:
        """Add an incident."""
        async with self.db.transaction() as tx:
            return await self._keep(tx, await records.add(tx, fields, self.now()))

    async def edit(self, id: int, version: int, fields: Fields, *, author: str, text: str = "") -> Incident:
        """Change an incident that is still at `version`, and note what changed.

        Args:
            id: its number.
            version: what the author saw.
            fields: what it shall be.
            author: who changes it.
            text: a note of their own to go with it, or "".

        Raises `Missing`, and `Conflict` when somebody else changed it first.
        """
        now = self.now()
        async with self.db.transaction() as tx:
            told = await self._change(tx, id, version, fields, text)
            if told:
                await records.append(tx, id, "\n".join(told), author=author, now=now, kind="change")
            if text:
                await records.append(tx, id, text, author=author, now=now)
            return await self._keep(tx, id)

    async def note(self, id: int, *, author: str, text: str) -> Note:
        """Add a note to an incident. Its version stays: nobody's edit is in the way."""
        async with self.db.transaction() as tx:
            made = await records.append(tx, id, text, author=author, now=self.now())
            await self._keep(tx, id)
            return made

    async def take(self, sheet: Sheet) -> intake.Intake:
        """Add the good rows of a file."""
        async with self.db.transaction() as tx:
            return await intake.take(tx, sheet, self.index)

    async def export(self, filters: Filters) -> AsyncIterator[list[Stored]]:
        """Yield every incident that fits, some at a time, as they arrive."""
        found: list[Stored] = []
        async with self.db.stream(lists.export(filters, self.index)) as rows:
            async for row in rows:
                lists.gather(row, found)
                if len(found) > CHUNK:  # the last one may not be complete yet
                    yield found[:CHUNK]
                    del found[:CHUNK]
        if found:
            yield found

    async def _mend(self) -> None:
        """Keep the words of incidents that came without: by an older version of the board, or by other means."""
        if not await self.db.value("select count(*) from incidents where id not in (select incident from search)"):
            return
        async with self.db.transaction() as tx:
            async for some in self.export(Filters()):
                said = [(each.incident.id, records.said(each.incident.id, each.incident, each.notes)) for each in some]
                await self.index.keep(tx, said)

    async def _change(self, tx: Transaction, id: int, version: int, fields: Fields, text: str) -> list[str]:
        """Change the fields and return what that changed. Where several write at a time one may be overtaken."""
        while True:
            old = await records.get(tx, id)
            told = records.differences(old, fields)
            if old.version != version and (told or text):  # the same change twice is no conflict
                raise Conflict(old, await records.since(tx, old, version))
            if not told or await records.change(tx, old, fields, self.now()):
                return told

    async def _keep(self, tx: Transaction, id: int) -> Incident:
        """Keep the words by which an incident is found, and return it as it is now."""
        found = await records.stored(tx, id)
        await self.index.keep(tx, [(id, records.said(id, found.incident, found.notes))])
        return found.incident

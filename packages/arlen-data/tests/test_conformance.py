"""The suite for databases, on the smallest adapter that passes it, and on one that can do little more than ask."""

import re
import sqlite3
from datetime import UTC, datetime
from uuid import UUID

import pytest
import tiny
from msgspec import structs

from arlen_conformance import Saboteurs
from arlen_data.capabilities import Capabilities
from arlen_data.conformance import DatabaseContract
from arlen_data.errors import DecodeError
from arlen_data.events import Events
from arlen_data.rows import shape

NUL = structs.replace(tiny.CAPABILITIES, nul_text=True)
KINDS = re.compile(r"\b(boolean|uuid|timestamptz)\b")


def told(name, read):
    """Have SQLite read a column of a type, in every connection of this process: hence the name."""

    def decode(raw):
        try:
            return read(raw.decode())
        except ValueError:
            return DecodeError(f"this is no {name}", datatype=name)

    sqlite3.register_converter(f"tiny_{name}", decode)


told("boolean", lambda text: bool(int(text)))
told("uuid", UUID)
told("timestamptz", datetime.fromisoformat)


def text(value):
    """Return the text of what was stored as bytes."""
    return value.decode() if isinstance(value, bytes) else value


class Typed(tiny.Tiny):
    """Tiny with truth, UUIDs and moments, as the contract wants them of everybody."""

    async def open(self):
        self.raw = sqlite3.connect(self.path, isolation_level=None, timeout=0, detect_types=sqlite3.PARSE_DECLTYPES)
        self.raw.execute("pragma foreign_keys = on")

    def perform(self, sql, params):
        if sql.startswith("create table"):
            sql = KINDS.sub(r"tiny_\1", sql)
        result = super().perform(sql, [self.plain(value) for value in params])
        for row in result.rows:
            for name, value in zip(result.columns, row, strict=True):
                if isinstance(value, DecodeError):
                    value.column = name
                    raise value
        return result

    def plain(self, value):
        if isinstance(value, UUID):
            return str(value)
        return value.astimezone(UTC).isoformat() if isinstance(value, datetime) and value.tzinfo else value


class Bare(Typed):
    """An adapter of a database that can do nothing but run statements."""

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.capabilities = Capabilities(adapter="bare", dialect="sqlite")
        self.events = Events("bare", self.name)


class Nul(Typed):
    """An adapter of a database that keeps a NUL in a text."""

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.capabilities = NUL

    def plain(self, value):
        return value.encode() if isinstance(value, str) and "\0" in value else super().plain(value)

    def perform(self, sql, params):
        found = super().perform(sql, params)
        if "ty05" in sql:
            found.rows = [shape(found.columns)([text(value) for value in row]) for row in found.rows]
        return found


class TestNul(DatabaseContract):
    version = 1
    capabilities = NUL.names()

    @pytest.fixture
    async def adapter(self, tmp_path):
        async with Nul(str(tmp_path / "test.db")) as db:
            yield db


class TestNulSaboteurs(Saboteurs, contract=DatabaseContract):
    capabilities = NUL.names()
    alone = True

    @pytest.fixture
    async def adapter(self, tmp_path):
        async with Nul(str(tmp_path / "test.db")) as db:
            yield db


class TestTyped(DatabaseContract):
    version = 1
    capabilities = tiny.CAPABILITIES.names()

    @pytest.fixture
    async def adapter(self, tmp_path):
        async with Typed(str(tmp_path / "test.db")) as db:
            yield db


class TestBare(DatabaseContract):
    version = 1

    @pytest.fixture
    async def adapter(self, tmp_path):
        async with Bare(str(tmp_path / "test.db")) as db:
            yield db


class TestBareSaboteurs(Saboteurs, contract=DatabaseContract):
    @pytest.fixture
    async def adapter(self, tmp_path):
        async with Bare(str(tmp_path / "test.db")) as db:
            yield db


class TestSaboteurs(Saboteurs, contract=DatabaseContract):
    capabilities = tiny.CAPABILITIES.names()

    @pytest.fixture
    async def adapter(self, tmp_path):
        async with Typed(str(tmp_path / "test.db")) as db:
            yield db

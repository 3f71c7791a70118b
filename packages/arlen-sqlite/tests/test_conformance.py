"""What every adapter of the data layer promises, proven for SQLite in each of its ways to work."""

from typing import ClassVar

import pytest

from arlen_data.conformance import DatabaseContract, MigrationContract
from arlen_sqlite import SQLite

CLAIMS = SQLite(":memory:").capabilities.names()


class File:
    """A file of its own, with the settings of the class."""

    settings: ClassVar = {}

    @pytest.fixture
    async def adapter(self, tmp_path):
        async with SQLite(tmp_path / "test.db", **self.settings) as db:
            yield db


class Memory:
    """A database in memory."""

    @pytest.fixture
    async def adapter(self):
        async with SQLite(":memory:") as db:
            yield db


class TestFile(File, DatabaseContract):
    version = 1
    capabilities = CLAIMS


class TestMemory(Memory, DatabaseContract):
    version = 1
    capabilities = CLAIMS


class TestGroupCommit(File, DatabaseContract):
    version = 1
    capabilities = CLAIMS
    settings: ClassVar = {"group_commit": True}


class TestInlineReads(File, DatabaseContract):
    version = 1
    capabilities = CLAIMS
    settings: ClassVar = {"inline_reads": True}


class TestMigrations(File, MigrationContract):
    version = 1
    capabilities = CLAIMS


class TestMigrationsOfMemory(Memory, MigrationContract):
    version = 1
    capabilities = CLAIMS

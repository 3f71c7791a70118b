"""What the board's tests share: databases on both engines, applications, clients, and drafts to begin with.

A test that asks for a database runs twice, on SQLite and on PostgreSQL. What is slow to make is made once a process: a
server and a database with the tables, emptied for each test; a database with the sample, copied for each test.
"""

import asyncio
import shutil
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex
from typing import Any

import pytest

HERE = Path(__file__).parent
FOLDERS = [str(HERE.parent), str(HERE)]
sys.path[:0] = FOLDERS

from arlen import App, Client  # noqa: E402 - the application is a folder, found by the path above
from arlen_core.clock import VirtualClock  # noqa: E402
from arlen_data import Database  # noqa: E402
from arlen_data.targets import database  # noqa: E402
from drafts import NOW  # noqa: E402

import schema  # noqa: E402
from app import board  # noqa: E402
from store import Settings, Store  # noqa: E402

ENGINES = ("sqlite", "postgresql")


def pytest_configure(config: pytest.Config) -> None:
    """Tell what the mark means."""
    config.addinivalue_line("markers", "engines(*names): run on these engines only")


def pytest_collection_finish() -> None:
    """Forget `app`, `models` and the others by name: other tests of this process have modules called so."""
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None) or ""
        if file.startswith(FOLDERS[0]) and not file.startswith(str(HERE)):
            del sys.modules[name]
    sys.path[:] = [each for each in sys.path if each not in FOLDERS]


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Asynchronous tests run on asyncio."""
    return "asyncio"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run what needs a database on each engine, or on those that the module or a mark `engines` names."""
    if "engine" in metafunc.fixturenames:
        mark = metafunc.definition.get_closest_marker("engines")
        metafunc.parametrize("engine", mark.args if mark else ENGINES, indirect=True, scope="session")


@pytest.fixture(scope="session")
def engine(request: pytest.FixtureRequest) -> str:
    """The engine of the test."""
    return str(request.param)


@pytest.fixture(scope="session")
def server(engine: str, request: pytest.FixtureRequest) -> Any:
    """PostgreSQL; `None` on SQLite."""
    return request.getfixturevalue("postgres_server") if engine == "postgresql" else None


@pytest.fixture
def fresh(server: Any, tmp_path: Path) -> Iterator[str]:
    """The URL of a database that nobody has seen: not even the tables are there."""
    if server is None:
        yield f"sqlite:///{tmp_path}/fresh.db"
        return
    with server.database() as url:
        yield url


@pytest.fixture(scope="session")
def tables(server: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a database with tables and nothing in them."""
    yield from _made(server, tmp_path_factory.mktemp("tables"), "")


@pytest.fixture(scope="session")
def sampled(server: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a database with the sample."""
    yield from _made(server, tmp_path_factory.mktemp("sample"), "data/incidents.csv")


@pytest.fixture
def home(server: Any, tables: str, tmp_path: Path) -> str:
    """The URL of the test's own database, which is empty."""
    return _cleared(tables) if server else _copied(tables, tmp_path)


@pytest.fixture
def filled(server: Any, sampled: str, tmp_path: Path) -> Iterator[str]:
    """The URL of the test's own database with the sample."""
    if not server:
        yield _copied(sampled, tmp_path)
        return
    name = f"board_{token_hex(6)}"
    server.run(f"create database {name} template {sampled.partition('?')[0].rpartition('/')[2]}")
    try:
        yield server.url(name)
    finally:
        server.run(f"drop database {name} with (force)")


@pytest.fixture
def clock() -> VirtualClock:
    """Sunday noon, until the test moves it."""
    return VirtualClock(NOW)


@pytest.fixture
def make(home: str, clock: VirtualClock) -> Callable[..., App]:
    """Make an application with an empty database, or with that of a URL; words are more variables."""

    def build(env: str = "test", url: str = "", **words: str) -> App:
        quiet = {"ARLEN_LOG__ACCESS": "false", "ARLEN_LOG__LEVEL": "critical"}
        own = {"ARLEN_DATABASE__URL": url or home, "ARLEN_BOARD__SAMPLE": ""}
        return board(env=env, environ=quiet | own | words, clock=clock)

    return build


@pytest.fixture
def app(make: Callable[..., App]) -> App:
    """An application with an empty database."""
    return make()


@pytest.fixture
async def page(app: App) -> AsyncIterator[Client]:
    """A browser's client."""
    async with Client(app, headers={"accept": "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"}) as client:
        yield client


@pytest.fixture
def api(page: Client) -> Client:
    """A program's client of the same application."""
    return Client(page.app, headers={"accept": "application/json"})


@pytest.fixture
async def full(make: Callable[..., App], filled: str) -> AsyncIterator[Client]:
    """A browser's client of a board with the sample."""
    async with Client(make(url=filled), headers={"accept": "text/html"}) as client:
        yield client


@pytest.fixture
async def db(home: str) -> AsyncIterator[Database]:
    """An empty database, opened."""
    async with database(home) as made:
        yield made


@pytest.fixture
async def store(db: Database) -> Store:
    """The store of an empty board; it is Sunday noon."""
    return await Store.begin(db, Settings(sample=""), lambda: NOW)


@pytest.fixture
async def filled_store(filled: str) -> AsyncIterator[Store]:
    """The store of a board with the sample."""
    async with database(filled) as made:
        yield await Store.begin(made, Settings(sample=""), lambda: NOW)


def _made(server: Any, folder: Path, sample: str) -> Iterator[str]:
    async def fill(url: str) -> None:
        async with database(url) as made:
            await schema.prepare(made)
            await Store.begin(made, Settings(sample=sample), lambda: NOW)

    with server.database() if server else _file(folder) as url:
        asyncio.run(fill(url))
        yield url


@contextmanager
def _file(folder: Path) -> Iterator[str]:
    yield f"sqlite:///{folder}/board.db"


def _copied(url: str, folder: Path) -> str:
    shutil.copy(url.removeprefix("sqlite:///"), folder / "board.db")
    return f"sqlite:///{folder}/board.db"


def _cleared(url: str) -> str:
    import psycopg

    with psycopg.connect(url, autocommit=True) as made:
        made.execute("set lock_timeout = '20s'")
        made.execute("truncate incidents, tags, notes, search restart identity")
    return url

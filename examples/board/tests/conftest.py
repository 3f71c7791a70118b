"""What the board's tests share: applications with a database of their own, clients, and drafts to begin with."""

import shutil
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import closing
from pathlib import Path
from sqlite3 import Connection

import pytest

HERE = Path(__file__).parent
FOLDERS = [str(HERE.parent), str(HERE)]
sys.path[:0] = FOLDERS

from arlen import App, Client  # noqa: E402 - the application is a folder, found by the path above
from arlen_core.clock import VirtualClock  # noqa: E402
from drafts import BOARD, NOW  # noqa: E402

from app import board  # noqa: E402
from intake import sample  # noqa: E402
from records import connect, migrate, writing  # noqa: E402


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


@pytest.fixture
def clock() -> VirtualClock:
    """Sunday noon, until the test moves it."""
    return VirtualClock(NOW)


@pytest.fixture
def make(tmp_path: Path, clock: VirtualClock) -> Callable[..., App]:
    """Make an application with an empty database in the test's folder; words are more variables."""

    def build(env: str = "test", **words: str) -> App:
        quiet = {"ARLEN_LOG__ACCESS": "false", "ARLEN_LOG__LEVEL": "critical"}
        own = {"ARLEN_BOARD__DATABASE": str(tmp_path / "board.db"), "ARLEN_BOARD__SAMPLE": ""}
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


@pytest.fixture(scope="session")
def sampled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with the sample, made once."""
    file = tmp_path_factory.mktemp("sample") / "board.db"
    with closing(connect(file, wait=1)) as made, writing(made):
        migrate(made, (BOARD / "schema.sql").read_text("utf-8"))
        sample(made, BOARD / "data" / "incidents.csv", NOW)
    return file


@pytest.fixture
async def full(make: Callable[..., App], sampled: Path, tmp_path: Path) -> AsyncIterator[Client]:
    """A browser's client of a board with the sample."""
    shutil.copy(sampled, tmp_path / "board.db")
    async with Client(make(), headers={"accept": "text/html"}) as client:
        yield client


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Connection]:
    """A connection to an empty board that searches by FTS5."""
    with closing(connect(tmp_path / "records.db", wait=1)) as made:
        migrate(made, (BOARD / "schema.sql").read_text("utf-8"))
        yield made

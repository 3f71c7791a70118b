"""What the board's tests share: applications with a database of their own, clients, and drafts to begin with."""

import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from sqlite3 import Connection
from typing import Any

import pytest

HERE = Path(__file__).parent
BOARD = HERE.parent
NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
FOLDERS = [str(BOARD), str(HERE)]
sys.path[:0] = FOLDERS

from arlen import App  # noqa: E402
from arlen_core.clock import VirtualClock  # noqa: E402
from arlen_core.testing import Client  # noqa: E402

from app import board  # noqa: E402  # the application is a folder, found by the path above
from models import Draft, Fields, Severity, Status, checked  # noqa: E402
from records import connect, migrate  # noqa: E402


def pytest_collection_finish() -> None:
    """Forget `app`, `models` and the others by name: other tests of this process have modules called so."""
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None) or ""
        if file.startswith(str(BOARD)) and not file.startswith(str(HERE)):
            del sys.modules[name]
    sys.path[:] = [each for each in sys.path if each not in FOLDERS]


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


@pytest.fixture
async def full(make: Callable[..., App]) -> AsyncIterator[Client]:
    """A browser's client of a board with the sample."""
    async with Client(make(ARLEN_BOARD__SAMPLE="data/incidents.csv"), headers={"accept": "text/html"}) as client:
        yield client


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Connection]:
    """A connection to an empty board that searches by FTS5."""
    with closing(connect(tmp_path / "records.db", wait=1)) as made:
        migrate(made, (BOARD / "schema.sql").read_text("utf-8"))
        yield made


def fields(**changes: Any) -> Fields:
    """Return the fields of an incident, some of them changed."""
    given: dict[str, Any] = {"title": "Payments time out", "service": "billing", "severity": Severity.HIGH}
    made, errors = checked(Draft(**(given | {"status": Status.OPEN} | changes)), NOW)
    assert [] == errors
    assert made is not None
    return made


def draft(**changes: Any) -> dict[str, Any]:
    """Return what a client sends to open an incident, some of it changed."""
    return {"title": "Payments time out", "service": "billing", "severity": "high", "author": "Ada"} | changes

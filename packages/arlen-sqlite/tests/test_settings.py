"""Settings: bounds, URLs, changes."""

import pytest

from arlen_data.errors import InvalidArgument
from arlen_sqlite import Settings, SQLite
from arlen_sqlite.settings import parse

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("readers", 0),
        ("readers", 65),
        ("readers", "2"),
        ("streams", 0),
        ("waiting", 0),
        ("lock_timeout", -1),
        ("grace", 86_401),
        ("statement_cache", -1),
        ("synchronous", "sometimes"),
        ("path", ""),
        ("name", ""),
        ("nothing", 1),
    ],
)
def test_out_of_bounds(name, value):
    """A setting that there is not, or that is out of bounds, is refused by its name."""
    with pytest.raises(InvalidArgument) as caught:
        Settings.of({name: value})
    assert name in str(caught.value)


@pytest.mark.parametrize(
    "pragmas",
    [{"journal_mode": "delete"}, {"query_only": 0}, {"cache size": 1}, {"cache_size": "1; drop table notes"}],
)
def test_pragmas_that_are_not_free(pragmas):
    """A pragma that a setting stands for, or that is no word with a value, is refused."""
    with pytest.raises(InvalidArgument):
        SQLite(":memory:", pragmas=pragmas)


async def test_pragmas_reach_every_connection(path):
    """Pragmas are set on the connections that read and on the one that writes."""
    async with SQLite(path, pragmas={"cache_size": -1234}) as db:
        assert -1234 == await db.value("pragma cache_size")
        async with db.transaction() as tx:
            assert -1234 == await tx.value("pragma cache_size")


async def test_setup_gets_every_connection(path):
    """`setup` is called with each connection: functions are there for reads and for writes."""

    def setup(connection):
        connection.create_function("twice", 1, lambda value: 2 * value, deterministic=True)

    async with SQLite(path, setup=setup) as db:
        assert 14 == await db.value("select twice(7)")
        async with db.transaction() as tx:
            assert 16 == await tx.value("select twice($1)", 8)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("sqlite:///app.db", "app.db"),
        ("sqlite:///var/app.db", "var/app.db"),
        ("sqlite:////var/app.db", "/var/app.db"),
        ("sqlite://:memory:", ":memory:"),
        ("sqlite:///:memory:", ":memory:"),
        ("sqlite://", ":memory:"),
        ("sqlite:app.db", "app.db"),
        ("sqlite:/var/app.db", "/var/app.db"),
        ("sqlite::memory:", ":memory:"),
        ("sqlite:///a%20b.db", "a b.db"),
        ("SQLITE:///app.db", "app.db"),
    ],
)
def test_urls(url, expected):
    """A URL names a relative path, an absolute one, or a database in memory."""
    assert {"path": expected} == parse(url)


@pytest.mark.parametrize("url", ["postgresql:///app", "app.db", "sqlite", "sqlite://host/app.db", "sqlite:///a?path=b"])
def test_urls_that_are_none(url):
    """Another scheme, a host and a second path are refused."""
    with pytest.raises(InvalidArgument):
        parse(url)


def test_url_with_settings():
    """What follows the question mark are settings, which are numbers and truths in text."""
    made = SQLite.from_url("sqlite:///app.db?readers=4&group_commit=true&lock_timeout=0.5", name="other")
    expected = Settings(path="app.db", name="other", readers=4, group_commit=True, lock_timeout=0.5)
    assert expected == made.settings


def test_url_with_wrong_settings():
    """A wrong setting of a URL is refused as any other."""
    with pytest.raises(InvalidArgument):
        SQLite.from_url("sqlite:///app.db?readers=many")


def test_again_changes_some():
    """`again` keeps all settings but those that it is told."""
    made = SQLite("app.db", readers=3, pragmas={"cache_size": 1}).again(readers=5, synchronous="full")
    assert Settings(path="app.db", readers=5, synchronous="full", pragmas={"cache_size": 1}) == made.settings


def test_again_refuses_what_there_is_not():
    """`again` refuses a setting that there is not."""
    with pytest.raises(InvalidArgument):
        SQLite("app.db").again(size=3)


def test_path_like(path):
    """A path may be an object."""
    assert str(path) == SQLite(path).settings.path


@pytest.mark.parametrize("path", ["other\0.db", "half\ud800.db"])
def test_paths_that_there_are_not(path):
    """A path that SQLite would cut off, or that cannot be written, is refused at once."""
    with pytest.raises(InvalidArgument):
        SQLite(path)

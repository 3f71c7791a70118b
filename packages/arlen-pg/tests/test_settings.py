"""Settings: bounds, and no secret in anything that is shown."""

import pytest

from arlen_data.errors import ConnectionFailed, InvalidArgument
from arlen_pg import Postgres
from arlen_pg.settings import Settings

SECRET = "postgresql://ada:s3cret@db.example/app"


def told(**known):
    """Return what a server reports of a session."""
    defaults = {"DateStyle": "ISO, MDY", "IntervalStyle": "postgres", "TimeZone": "Etc/UTC"}
    return lambda name: (defaults | known).get(name, "")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("size", 0),
        ("size", 1001),
        ("size", 2.5),
        ("size", True),
        ("min_size", -1),
        ("timeout", 0),
        ("max_waiting", -1),
        ("max_lifetime", 0.5),
        ("idle", 0),
        ("connect_timeout", 0),
        ("grace", -1),
        ("statement_cache", -1),
        ("statement_cache", "128"),
        ("statement_timeout", -1),
        ("lock_timeout", 100_000),
        ("transport", "asyncpg"),
        ("application_name", "x" * 64),
        ("timezone", "UTC\0"),
    ],
)
def test_a_setting_out_of_its_bounds_is_refused(name, value):
    """A setting out of its bounds is refused by name."""
    with pytest.raises(InvalidArgument, match=name):
        Postgres("", **{name: value})


def test_more_are_kept_than_may_be():
    """The connections that are kept are at most those that there may be."""
    with pytest.raises(InvalidArgument, match="min_size is 3, more than size"):
        Postgres("", size=2, min_size=3)


def test_an_unknown_setting_names_those_that_there_are():
    """A setting that there is not is refused, and the fix names the others."""
    with pytest.raises(InvalidArgument, match=r"no setting 'pool_size'.*statement_cache"):
        Postgres("", pool_size=3)


def test_a_broken_url_is_refused_without_quoting_it():
    """A URL that cannot be read may hold a password, so the message does not quote it."""
    with pytest.raises(InvalidArgument) as caught:
        Postgres("postgresql://ada:s3cret@db/app?nonsense=1")
    assert "s3cret" not in str(caught.value) + repr(caught.value)
    assert caught.value.__cause__ is None
    assert "invalid_argument" == caught.value.code


def test_the_password_is_nowhere():
    """The password is in no repr."""
    db = Postgres(SECRET, size=4)
    assert "Postgres('user=ada dbname=app host=db.example', size=4)" == repr(db)
    assert "s3cret" not in repr(db.settings) + str(db.settings) + db.settings.target()
    assert "password=s3cret" in db.settings.conninfo()


def test_the_same_again_with_changes():
    """`again` keeps every setting but those that it changes, and refuses unknown ones."""
    db = Postgres(SECRET, size=4, name="reports", statement_cache=0)
    other = db.again(size=2)
    assert ("reports", 2, 0, SECRET) == (
        other.name,
        other.settings.size,
        other.settings.statement_cache,
        other.settings.url,
    )
    with pytest.raises(InvalidArgument):
        db.again(nonsense=1)


def test_text_is_always_utf8():
    """The encoding is not a choice: types depend on it."""
    assert "client_encoding=UTF8" in Settings(url="postgresql://db/app?client_encoding=latin1").conninfo()


def test_what_the_url_says_goes_before():
    """A connection is called as the URL says, when it says anything."""
    assert "application_name=url" in Settings(url="application_name=url", application_name="ours").conninfo()


def test_a_session_begins_with_what_is_missing_alone():
    """Nothing is set that the server has reported already."""
    assert "" == Settings().prologue(told())
    assert "set timezone to 'UTC'" == Settings().prologue(told(TimeZone="Asia/Kolkata"))
    assert "" == Settings(timezone="").prologue(told(TimeZone="Asia/Kolkata"))
    found = Settings(statement_timeout=1.5, lock_timeout=0.0001).prologue(told(DateStyle="SQL, DMY", IntervalStyle=""))
    assert [
        "set datestyle to iso",
        "set intervalstyle to postgres",
        "set statement_timeout to 1500",
        "set lock_timeout to 1",
    ] == found.split("; ")


def test_a_time_zone_is_quoted():
    """The name of a time zone cannot leave its quotes."""
    assert "set timezone to 'a''; drop table t --'" == Settings(timezone="a'; drop table t --").prologue(told())


@pytest.mark.anyio
async def test_a_server_that_is_not_there_is_told_without_the_password(tmp_path, transport):
    """The error of a connection that cannot be made says where to, and not the password."""
    db = Postgres(f"host={tmp_path} user=ada password=s3cret dbname=app", transport=transport, connect_timeout=2)
    with pytest.raises(ConnectionFailed) as caught:
        await db.open()
    error = caught.value
    assert str(tmp_path) in str(error)
    assert "s3cret" not in f"{error} {error!r} {error.__cause__} {error.__cause__!r}"
    assert error.is_connectivity
    await db.close()


@pytest.mark.parametrize(
    ("url", "wanted"),
    [
        ("postgresql://ada:secret@db:5433/app", {"db.namespace": "app", "server.address": "db", "server.port": 5433}),
        ("postgresql://one:1,two:2/app", {"db.namespace": "app", "server.address": "one", "server.port": 1}),
        ("host=/run/postgres dbname=app", {"db.namespace": "app", "server.address": "/run/postgres"}),
        ("", {}),
    ],
)
def test_where_it_is_for_traces(url, wanted):
    """The database and the first host, as far as the URL says; neither user nor password."""
    assert wanted == Postgres(url).origin()

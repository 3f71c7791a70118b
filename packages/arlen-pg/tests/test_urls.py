"""URLs: settings in their query."""

import pytest

from arlen_data.errors import InvalidArgument
from arlen_pg import Postgres
from arlen_pg.settings import parse


def test_settings_may_stand_in_the_url():
    """So that one line of configuration says everything; what the program says comes first."""
    made = Postgres.from_url("postgresql://ada@db/app?size=20&timeout=1.5&sslmode=require&timezone=", size=4)
    assert (4, 1.5, "") == (made.settings.size, made.settings.timeout, made.settings.timezone)
    assert "sslmode=require" in made.settings.target()


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://db/app",
        "postgresql://%2Frun@/app?host=%2Ftmp%2Fa+b",
        "postgresql:///app?host=%2Ftmp%2Fa%20b&port=7",
        "host=db dbname=app",
        "",
    ],
)
def test_a_url_without_settings_stays_the_same(url):
    """Folders of sockets and the other form of libpq come through."""
    plain, settings = parse(url)
    assert (url, {}) == (plain, settings)
    assert (
        Postgres(url).settings.target() == Postgres.from_url(f"{url}&size=2" if "?" in url else url).settings.target()
    )


def test_a_setting_that_is_no_number_is_refused():
    """Its name is told, and nothing else of the URL."""
    with pytest.raises(InvalidArgument, match="no number: size") as raised:
        Postgres.from_url("postgresql://ada:secret@db/app?size=many")
    assert "secret" not in str(raised.value)


def test_a_setting_out_of_bounds_is_refused():
    """As in the program."""
    with pytest.raises(InvalidArgument, match="size is 1 to 1000"):
        Postgres.from_url("postgresql://db/app?size=0")

"""Targets: databases by their URLs."""

from importlib.metadata import EntryPoint

import pytest
from tiny import Tiny

from arlen_core.app import App
from arlen_core.enabling import found, points
from arlen_core.errors import ConfigError
from arlen_core.testing import Client
from arlen_core.vault import Secret
from arlen_data.database import Database
from arlen_data.errors import InvalidArgument
from arlen_data.targets import Databases, database, schemes

pytestmark = pytest.mark.anyio


class Urled(Tiny):
    """A Tiny that can be named by a URL."""

    @classmethod
    def from_url(cls, url, **options):
        return cls(url.partition(":")[2], **options)


def find():
    """Return what knows `tiny:`."""
    return {"tiny": lambda: Urled}


@pytest.mark.parametrize("wrap", [str, Secret])
def test_the_scheme_chooses(wrap):
    """The adapter reads the rest; options go to its constructor."""
    made = database(wrap("tiny::memory:"), find=find, name="reports")
    assert (Urled, ":memory:", "reports") == (type(made), made.path, made.name)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("tinny://u:s3cr3t@host", "did you mean tiny:"),
        ("postgres://u:s3cr3t@host", "install arlen-pg"),
        ("sqlite:s3cr3t", "install arlen-sqlite"),
        ("s3cr3t.db", "no scheme"),
        ("zebra:s3cr3t", "use one of tiny"),
    ],
)
def test_an_unknown_scheme_is_explained(url, words):
    """The error says what to do, and shows nothing of the URL but its scheme."""
    with pytest.raises(ConfigError) as caught:
        database(url, find=find)
    assert words in str(caught.value)
    assert "s3cr3t" not in str(caught.value)


def test_a_url_that_the_adapter_refuses_is_a_wrong_configuration():
    """The reason is the adapter's; a fix is there also when the adapter knows none."""

    class Picky(Tiny):
        @classmethod
        def from_url(cls, url, **options):
            raise InvalidArgument("size is no number")

    with pytest.raises(ConfigError, match="size is no number") as caught:
        database("picky://u:s3cr3t@host", find=lambda: {"picky": lambda: Picky})
    assert "ARLEN_DATABASE__URL" in caught.value.fix
    assert "s3cr3t" not in str(caught.value)


def test_adapters_are_found_by_their_entry_points(monkeypatch):
    """An installed package makes its schemes known, and is imported when one is used."""
    point = EntryPoint("tiny", "tiny:Tiny", "arlen.databases")
    monkeypatch.setattr("importlib.metadata.entry_points", lambda group: [point] if group == point.group else [])
    found = schemes()
    assert ["tiny"] == list(found)
    assert Tiny is found["tiny"]()


async def test_the_section_opens_them(tmp_path):
    """The default one is `Database`, the targets are there by name; all are open while the application runs."""
    words = {"ARLEN_DATABASE__URL": "tiny::memory:", "ARLEN_DATABASE__TARGETS": f'{{"reports": "tiny:{tmp_path}/r"}}'}
    app = App("a", environ=words)
    databases = app.use(Databases(find=find))

    @app.get("/")
    async def home(db: Database) -> dict:
        return {"default": db is databases["default"], "two": await databases["reports"].value("select 2")}

    async with Client(app) as client:
        assert {"default": True, "two": 2} == (await client.get("/")).json()
        assert {"database", "database.reports"} <= set((await client.get("/readyz.json")).json()["checks"])
    with pytest.raises(KeyError, match="default, reports"):
        databases["other"]


async def test_urls_are_never_shown():
    """Neither by the configuration nor by the settings."""
    app = App("a", environ={"ARLEN_DATABASE__URL": "tiny:s3cr3t", "ARLEN_DATABASE__TARGETS__R": "tiny:s3cr3t"})
    app.use(Databases(find=find))
    assert "s3cr3t" not in repr(app.config.dump())


@pytest.mark.parametrize(
    ("words", "reason"),
    [({}, "has no database.url"), ({"URL": "tiny:x", "TARGETS__DEFAULT": "tiny:y"}, "has a 'default'")],
)
def test_a_wrong_section_is_refused(words, reason):
    """No URL, or two defaults."""
    app = App("a", environ={f"ARLEN_DATABASE__{name}": value for name, value in words.items()})
    with pytest.raises(ConfigError, match=reason):
        app.use(Databases(find=find))


def test_the_configuration_may_enable_it():
    """It is a plugin that an installed package offers by its name."""
    if "databases" not in points():
        pytest.skip("arlen-data is not installed with its entry points")
    assert isinstance(found("databases"), Databases)

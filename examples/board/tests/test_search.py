"""Search: every engine, with its full-text index and without, finds the same."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from arlen_data import Database
from arlen_data.targets import database
from drafts import NOW, fields
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import schema
from models import Filters
from search import LARGEST, LONGEST, WORDS, Index, body, prepare, words
from store import Settings, Store

pytestmark = pytest.mark.anyio

ALPHABET = "ab Éß1-_'\"*%\\&|:!()"
TEXTS = ["Mails arrive late", "mail-relay slow", "INC-17 Disk full", "Trains to Zürich"]


def test_words_have_no_case_and_no_accents() -> None:
    """So nobody needs to type them."""
    assert ["emile", "s", "strasse", "inc", "17"] == words("Émile's STRASSE, INC-17")
    assert ["strasse"] == words("Straße")


def test_a_body_has_bounds() -> None:
    """Each word once and no longer than it need be, all together no more than PostgreSQL takes."""
    assert " a b" == body(["b a", "A"])
    assert LONGEST + 1 == len(body(["x" * 500]))
    assert LARGEST == len(body(f"w{n}" for n in range(50_000)))


async def search(db: Database, index: Index, texts: list[str], query: str) -> list[int]:
    """Return the places of the texts that a query finds."""
    async with db.transaction() as tx:
        await tx.execute("delete from search")
        await tx.execute("delete from incidents")
        if index.mode == "fts5":
            await tx.execute("delete from search_words")
        rows = [(place, f"Number {place}", "billing", 1, 0, NOW, NOW) for place in range(len(texts))]
        await tx.copy_in("incidents", ["id", "title", "service", "severity", "status", "opened", "updated"], rows)
        await index.keep(tx, [(place, body([text])) for place, text in enumerate(texts)])
    page = await Store(db, index, lambda: NOW).find(Filters(q=query.strip() or "-", sort="opened", size=100))
    return [each.id for each in page.items]


@pytest.mark.parametrize("wanted", ["auto", "like"])
async def test_every_word_begins_a_word(store: Store, wanted: str) -> None:
    """All words of the query count, as beginnings; none of their characters means anything else."""
    index = await prepare(store.db, wanted)  # type: ignore[arg-type]
    for query, expected in (
        ("mail", [0, 1]), ("MAIL", [0, 1]), ("relay mail", [1]), ("ail", []), ("inc 17", [2]), ("17", [2]),
        ("zürich", [3]), ("zurich", [3]), ("nothing", []), ('"mail" OR *', []), ("%", []), ("m_il", []), ("--", []),
        ("mail:* | x", []), ("x" * 200, []),
    ):  # fmt: skip
        assert expected == await search(store.db, index, TEXTS, query), query


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(st.lists(st.text(alphabet=ALPHABET, max_size=12), max_size=4), st.text(alphabet=ALPHABET, max_size=8))
async def test_both_ways_agree(store: Store, texts: list[str], query: str) -> None:
    """Without a full-text index the search is slower, not different; so all engines agree, for LIKE is one of them."""
    expected = [place for place, text in enumerate(texts) if _finds(text, query)]
    for index in (store.index, Index("like")):
        assert expected == await search(store.db, index, texts, query), index


def _finds(text: str, query: str) -> bool:
    asked = words(query)
    return bool(asked) and all(any(word.startswith(each) for word in words(text)) for each in asked)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(st.text(max_size=40))
async def test_no_query_is_an_error(store: Store, query: str) -> None:
    """Whatever people type is taken as words."""
    for index in (store.index, Index("like")):
        assert 0 == (await Store(store.db, index, lambda: NOW).find(Filters(q=query.strip() or "-"))).total


async def test_a_query_has_a_bound(store: Store) -> None:
    """Further words do not count."""
    text = " ".join(f"w{n}" for n in range(WORDS))
    assert [0] == await search(store.db, store.index, [text], f"{text} more words")


async def test_the_engine_decides_or_the_configuration(db: Database, engine: str) -> None:
    """Each full-text index has its name."""
    full = {"sqlite": "fts5", "postgresql": "tsvector"}[engine]
    assert [full, "like"] == [(await prepare(db, wanted)).mode for wanted in ("auto", "like")]  # type: ignore[arg-type]


@pytest.mark.parametrize("ways", [["auto", "like", "auto"], ["like", "auto", "like"]])
async def test_a_board_may_change_the_way(home: str, ways: list[str]) -> None:
    """The words are put in again when a database meets a program that searches otherwise."""
    for count, way in enumerate(ways, 1):
        async with database(home) as db:
            store = await Store.begin(db, Settings(sample="", search=way), lambda: NOW)  # type: ignore[arg-type]
            await store.create(fields(title=f"Payments time out {count}"))
            assert count == (await store.find(Filters(q="payments tim"))).total


@pytest.mark.engines("sqlite")
async def test_a_build_without_fts5_searches_by_like(
    engine: str, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is asked what it has, and the index of another build is left alone."""

    async def value(sql: str, *args: object) -> object:
        return 0 if "pragma_module_list" in sql else await original(sql, *args)

    original = db.value
    monkeypatch.setattr(db, "value", value)
    assert "like" == (await prepare(db)).mode


@pytest.mark.engines("sqlite")
async def test_an_index_that_cannot_be_opened_is_left_alone(engine: str, tmp_path: Path) -> None:
    """As when a file with FTS5 comes to a build that lacks it."""
    url = f"sqlite:///{tmp_path}/other.db"
    async with database(url) as db:
        await schema.prepare(db)
        await (await Store.begin(db, Settings(sample=""), lambda: NOW)).create(fields())
    with closing(sqlite3.connect(tmp_path / "other.db")) as raw:
        raw.execute("pragma writable_schema = on")
        raw.execute("update sqlite_master set sql = replace(sql, 'fts5(', 'unknown7(') where name = 'search_words'")
        raw.commit()
    async with database(url) as db:
        store = await Store.begin(db, Settings(sample="", search="like"), lambda: NOW)
        await store.create(fields(title="Payments fail"))
        assert 2 == (await store.find(Filters(q="payments"))).total

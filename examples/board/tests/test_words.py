"""Words: search by FTS5 and without it finds the same."""

import sqlite3
from contextlib import closing
from pathlib import Path
from sqlite3 import Connection

import pytest
from drafts import BOARD, fields
from hypothesis import given
from hypothesis import strategies as st

from models import Filters
from records import connect, create, find, migrate
from words import WORDS, Mode, condition, index, mode, prepare, words

from drafts import NOW  # isort: skip

SCHEMA = (BOARD / "schema.sql").read_text("utf-8")
ALPHABET = "ab Éß1-_'\"*%\\"


def test_words_have_no_case_and_no_accents() -> None:
    """So nobody needs to type them."""
    assert ["emile", "s", "strasse", "inc", "17"] == words("Émile's STRASSE, INC-17")
    assert ["strasse"] == words("Straße")


def search(how: Mode, texts: list[str], query: str) -> list[int]:
    """Return the places of the texts that a query finds."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as db:
        db.execute("create table incidents (id integer primary key)")
        assert prepare(db, how)
        for place, text in enumerate(texts):
            db.execute("insert into incidents values (?)", (place,))
            index(db, place, text)
        found = condition(query, how)
        if found is None:
            return []
        where, values = found
        return [row[0] for row in db.execute(f"select id from incidents where {where} order by id", values)]


@pytest.mark.parametrize("how", ["fts5", "like"])
@pytest.mark.parametrize(
    ("query", "expected"),
    [("mail", [0, 1]), ("MAIL", [0, 1]), ("relay mail", [1]), ("ail", []), ("inc-17", [2]), ("17", [2]),
     ("zürich", [3]), ("zurich", [3]), ("nothing", []), ('"mail" OR *', []), ("%", []), ("m_il", []), ("--", [])],
)  # fmt: skip
def test_every_word_begins_a_word(how: Mode, query: str, expected: list[int]) -> None:
    """All words of the query count, as beginnings; none of their characters means anything else."""
    texts = ["Mails arrive late", "mail-relay slow", "INC-17 Disk full", "Trains to Zürich"]
    assert expected == search(how, texts, query)


@given(st.lists(st.text(alphabet=ALPHABET, max_size=12), max_size=4), st.text(alphabet=ALPHABET, max_size=8))
def test_both_ways_agree(texts: list[str], query: str) -> None:
    """A build without FTS5 is slower, not different."""
    assert search("fts5", texts, query) == search("like", texts, query)


@given(st.text(max_size=40))
def test_no_query_is_an_error(query: str) -> None:
    """Whatever people type is taken as words."""
    for how in ("fts5", "like"):
        assert isinstance(search(how, ["some text"], query), list)  # type: ignore[arg-type]


def test_a_query_has_a_bound() -> None:
    """Further words do not count."""
    found = condition(" ".join(f"w{n}" for n in range(WORDS + 5)), "like")
    assert found is not None
    assert WORDS == len(found[1])


def test_like_can_be_asked_for(db: Connection) -> None:
    """By configuration, whatever the build has."""
    assert "like" == mode(db, "like")


def test_a_build_without_fts5_searches_by_like() -> None:
    """The probe fails, and nothing else does."""

    class Poor(sqlite3.Connection):
        def execute(self, sql: str, *values: object) -> sqlite3.Cursor:
            if "using fts5" in sql:
                raise sqlite3.OperationalError("no such module: fts5")
            return super().execute(sql, *values)

    with closing(sqlite3.connect(":memory:", factory=Poor)) as db:
        assert "like" == mode(db)


@pytest.mark.parametrize("ways", [["auto", "like", "auto"], ["like", "auto", "like"]])
def test_a_board_may_change_the_way(tmp_path: Path, ways: list[str]) -> None:
    """The words are put in again when a file meets a build that searches otherwise."""
    for count, way in enumerate(ways, 1):
        with closing(connect(tmp_path / "board.db", wait=1)) as db:
            how, fresh = migrate(db, SCHEMA, way)
            assert (count == 1, "like" if way == "like" else "fts5") == (fresh, how)
            create(db, fields(title=f"Payments time out {count}"), NOW)
            assert count == find(db, Filters(q="payments tim"), how).total


def test_a_table_that_cannot_be_opened_is_replaced(tmp_path: Path) -> None:
    """As when a file with FTS5 comes to a build that lacks it: the words are in the incidents."""
    with closing(connect(tmp_path / "board.db", wait=1)) as db:
        migrate(db, SCHEMA)
        create(db, fields(), NOW)
        db.execute("pragma writable_schema = on")
        db.execute("update sqlite_master set sql = replace(sql, 'using fts5', 'using unknown7') where name = 'search'")
        db.execute("pragma writable_schema = reset")
    with closing(connect(tmp_path / "board.db", wait=1)) as db:
        how, _ = migrate(db, SCHEMA, "like")
        assert 1 == find(db, Filters(q="payments"), how).total
        assert "ok" == db.execute("pragma integrity_check").fetchone()[0]

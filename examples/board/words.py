"""Words: full-text search by SQLite's FTS5, and by LIKE where a build lacks it, with the same results."""

import re
from sqlite3 import Connection, OperationalError
from typing import Literal
from unicodedata import combining, normalize

__all__ = ["Mode", "condition", "index", "mode", "prepare", "words"]

Mode = Literal["fts5", "like"]

_WORD = re.compile(r"[^\W_]+")
WORDS = 12
"""How many words of a query count."""


def words(text: str) -> list[str]:
    """Return the words of a text as they are compared: without case and accents.

    >>> words("Émile's INC-17")
    ['emile', 's', 'inc', '17']
    """
    if not text.isascii():
        text = "".join(c for c in normalize("NFKD", text.casefold()) if not combining(c))
    return _WORD.findall(text.lower())


def mode(db: Connection, wanted: str = "auto") -> Mode:
    """Return how this build of SQLite can search; `wanted` may be "like" to do without FTS5."""
    if wanted == "like":
        return "like"
    try:
        db.execute("create virtual table temp.probe using fts5(body)")
        db.execute("drop table temp.probe")
    except OperationalError:
        return "like"
    return "fts5"


def prepare(db: Connection, how: Mode) -> bool:
    """Make the table `search` for that way of searching; returns whether it is new and has to be filled."""
    found = db.execute("select sql from sqlite_master where name = 'search'").fetchone()
    virtual = found is not None and "virtual" in found[0].lower()
    if found is not None and virtual == (how == "fts5"):
        return False
    if virtual and how == "like":
        _forget(db)
    elif found is not None:
        db.execute("drop table search")
    if how == "fts5":
        db.execute("create virtual table search using fts5(body, tokenize = 'unicode61 remove_diacritics 0')")
    else:
        db.execute("create table search (rowid integer primary key, body text not null)")
    return True


def index(db: Connection, id: int, text: str) -> None:
    """Put the words of one incident into the table, in the place of the old ones."""
    db.execute("delete from search where rowid = ?", (id,))
    db.execute("insert into search (rowid, body) values (?, ?)", (id, " " + " ".join(words(text))))


def condition(query: str, how: Mode) -> tuple[str, list[str]] | None:
    """Return a condition on incidents with its values: every word begins a word of theirs; `None` for no words."""
    found = words(query)[:WORDS]
    if not found:
        return None
    if how == "fts5":
        return "id in (select rowid from search where search match ?)", [" ".join(f'"{each}"*' for each in found)]
    like = " and ".join(["body like ?"] * len(found))
    where = f"id in (select rowid from search where {like})"  # noqa: S608 - question marks only
    return where, [f"% {each}%" for each in found]


def _forget(db: Connection) -> None:
    """Drop a virtual table that this build may be unable to open: its parts first, then its entry in the schema."""
    try:
        db.execute("drop table search")
    except OperationalError:
        names = db.execute("select name from sqlite_master where name like 'search@_%' escape '@'")
        parts = [row[0] for row in names]
        db.execute("pragma writable_schema = on")
        db.execute("delete from sqlite_master where name = 'search'")
        db.execute("pragma writable_schema = reset")
        for name in parts:
            db.execute(f'drop table "{name}"')

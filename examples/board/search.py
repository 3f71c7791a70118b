"""Search: FTS5 on SQLite, a tsvector on PostgreSQL, LIKE where neither is to be used, with the same results."""

import re
from collections.abc import Iterable, Sequence
from typing import Literal
from unicodedata import combining, normalize

from arlen import Struct
from arlen_data import Database, Transaction
from arlen_sqlbuilder import Expr, select, sql

from tables import Listed, Search

__all__ = ["Index", "body", "prepare", "words"]

Mode = Literal["fts5", "tsvector", "like"]

_WORD = re.compile(r"[^\W_]+")
WORDS = 12
"""How many words of a query count."""
LONGEST = 64
"""How many characters of a word count."""
LARGEST = 200_000
"""How many characters of all words of an incident are kept: PostgreSQL takes a megabyte."""
_MAKE = (
    "drop table if exists search_words",
    "drop table if exists search_stale",
    "create virtual table search_words using fts5(body, tokenize = 'unicode61 remove_diacritics 0')",
    "insert into search_words (rowid, body) select incident, body from search",
)


def words(text: str) -> list[str]:
    """Return the words of a text as they are compared: without case and accents.

    >>> words("Émile's INC-17")
    ['emile', 's', 'inc', '17']
    """
    if not text.isascii():
        text = "".join(c for c in normalize("NFKD", text.casefold()) if not combining(c))
    return [each[:LONGEST] for each in _WORD.findall(text.lower())]


def body(texts: Iterable[str]) -> str:
    """Return what is kept of the texts of an incident: each word once, with a blank before it.

    >>> body(["Disk full", "disk hot"])
    ' disk full hot'
    """
    return "".join(f" {each}" for each in sorted(set(words("\n".join(texts)))))[:LARGEST]


class Index(Struct, frozen=True):
    """How this database searches.

    Attributes:
        mode: by FTS5, by a tsvector, or by LIKE.
    """

    mode: Mode

    def condition(self, query: str) -> Expr[bool]:
        """Return the condition that every word of a query begins a word of the incident; without words none fits."""
        found = words(query)[:WORDS]
        if not found:
            return sql("1 = 0")
        if self.mode == "like":
            return Listed.id.in_(select(Search.incident).where(*[Search.body.contains(f" {each}") for each in found]))
        if self.mode == "fts5":
            terms = " ".join(f'"{each}"*' for each in found)
            return Listed.id.in_(sql("select rowid from search_words where search_words match {q}", q=terms))
        terms = " & ".join(f"'{each}':*" for each in found)
        return Listed.id.in_(sql("select incident from search where words @@ cast({q} as tsquery)", q=terms))

    async def keep(self, tx: Transaction, bodies: Sequence[tuple[int, str]], *, fresh: bool = False) -> None:
        """Keep the words of incidents, in the place of the old ones unless they are `fresh`."""
        tables = {"search": "incident"} | ({"search_words": "rowid"} if self.mode == "fts5" else {})
        for table, key in tables.items():
            if not fresh:
                statement = f"delete from {table} where {key} = $1"  # noqa: S608 - our own names
                await tx.execute_many(statement, [(number,) for number, _ in bodies])
            await tx.copy_in(table, [key, "body"], bodies)


async def prepare(db: Database, wanted: Literal["auto", "like"] = "auto") -> Index:
    """Return how to search; `wanted` may be "like" to do without an index of words.

    On SQLite the index is made here, when the build has FTS5, and made anew when another build, or another choice, has
    written without it.
    """
    if db.capabilities.dialect == "postgresql":
        return Index("tsvector" if wanted == "auto" else "like")
    fts5 = wanted == "auto" and await db.value("select count(*) from pragma_module_list where name = 'fts5'") > 0
    named = "select name from sqlite_master where name in ('search_words', 'search_stale') order by name"
    found = await db.all(named, into=str)
    if not fts5 and found == ["search_words"]:
        await db.execute("create table if not exists search_stale (since text default current_timestamp)")
    if fts5 and found != ["search_words"]:
        async with db.transaction() as tx:
            for statement in _MAKE:
                await tx.execute(statement)
    return Index("fts5" if fts5 else "like")

"""Summaries: a statement in a few words that are the same for all of its values, and its text without literals."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING

from arlen_data.lexer import LexError, tokens

if TYPE_CHECKING:
    from arlen_data.lexer import Token

__all__ = ["masked", "operation", "summary"]

_LONGEST = 255  # characters of a summary, as OpenTelemetry's limit
_READ = 2000  # tokens of a statement that are looked at
_TEXT = 8192  # characters of a text that are kept
_VERBS = frozenset({"select", "insert", "update", "delete", "merge"})
_MORE = """alter analyze attach begin call cluster comment commit copy create deallocate detach discard do drop explain
grant listen lock notify pragma refresh reindex release replace reset revoke rollback savepoint set show truncate
unlisten vacuum values"""
_FIRST = _VERBS | frozenset(_MORE.split())
_LEADS = frozenset({"from", "join", "into", "update", "copy", "call", "table", "index", "view", "truncate", "sequence"})
_BETWEEN = frozenset({"only", "if", "not", "exists", "concurrently", "lateral", "table", "or"})
_LOCKS = frozenset({"for", "do", "on", "key"})  # "for update", "do update", "on delete cascade"
_TAKES_FROM = frozenset({"extract", "substring", "trim", "overlay", "position"})
_OTHER = "other"


@lru_cache(maxsize=1024)
def summary(sql: str, dialect: str = "postgresql") -> str:
    """Return what a statement does to which tables, in the words of OpenTelemetry's `db.query.summary`.

    Args:
        sql: the text; of a `copy_in`, "copy" and the table.
        dialect: "postgresql" or "sqlite".

    >>> summary("select o.id from orders o join users u on u.id = o.user_id where u.email = $1")
    'select orders users'
    >>> summary("insert into log (line) select text from notes")
    'insert log select notes'
    """
    found = _Reader()
    try:
        for token in islice(_pieces(sql, dialect), _READ):
            found.read(token)
    except LexError:  # the engine says what is wrong with it
        pass
    made = ""
    for part in found.parts:
        if len(made) + len(part) >= _LONGEST:
            break
        made = f"{made} {part}" if made else part
    return made or _OTHER


def operation(short: str) -> str:
    """Return the first word of a summary, for a metric: one of a few, or "other".

    >>> operation("select orders users"), operation("sleect orders")
    ('select', 'other')
    """
    first = short.partition(" ")[0]
    return first if first in _FIRST else _OTHER


@lru_cache(maxsize=256)
def masked(sql: str, dialect: str = "postgresql") -> str:
    """Return a text with a `?` for each literal and without comments, at most 8,192 characters of it.

    >>> masked("select * from users where email = 'ada@example.org' and id = $1 limit 10 -- her")
    'select * from users where email = ? and id = $1 limit ?'

    A text that has no end, in a string or a comment, is "".
    """
    made: list[str] = []
    end = length = 0
    try:
        for token in _pieces(sql, dialect):
            literal = token.kind in {"string", "number"}
            gap = " " if made and token.start > end else ""
            made.append(gap + ("?" if literal else token.text))
            end, length = token.end, length + len(made[-1])
            if length > _TEXT:
                break
    except LexError:
        return ""
    return "".join(made)[:_TEXT]


def _pieces(sql: str, dialect: str) -> Iterator[Token]:
    known = dialect if dialect in {"postgresql", "sqlite"} else "postgresql"
    return (token for token in tokens(sql, known) if token.kind != "comment")


class _Reader:
    """Collects verbs and targets.

    Attributes:
        parts: what there is so far.
    """

    def __init__(self) -> None:
        self.parts: list[str] = []
        self._before = ""
        self._wants = self._named = self._dotted = False
        self._open: list[bool] = []  # parentheses, and whether a `from` in them names no table

    def read(self, token: Token) -> None:
        """Look at the next token."""
        key = token.key
        if token.kind == "symbol":
            self._symbol(key)
        elif token.kind in {"word", "name"}:
            self._word(key, quoted=token.kind == "name")
        else:
            self._wants = self._named = False
        self._before = key

    def _symbol(self, key: str) -> None:
        if key == "(":
            self._open.append(self._before in _TAKES_FROM)
        elif key == ")" and self._open:
            self._open.pop()
        self._dotted = key == "." and self._named
        self._wants = self._named = False

    def _word(self, key: str, *, quoted: bool) -> None:
        if self._dotted:
            self.parts[-1] += f".{key}"
            self._dotted, self._named = False, True
            return
        self._named = False
        if quoted or (self._wants and key not in _BETWEEN and key not in _VERBS):
            self._target(key)
            return
        if not self._wants or key in _VERBS:
            self._plain(key)

    def _target(self, key: str) -> None:
        if self._wants:
            self.parts.append(key)
            self._wants, self._named = False, True

    def _plain(self, key: str) -> None:
        if self._before in _LOCKS and key in _VERBS:
            self._wants = False
            return
        if key in (_VERBS if self.parts else _FIRST) or (
            key in {"table", "index", "view", "sequence"} and len(self.parts) == 1 and self.parts[0] not in _VERBS
        ):
            self.parts.append(key)
        self._wants = key in _LEADS and not (key == "from" and self._aside())

    def _aside(self) -> bool:
        return self._before == "distinct" or (bool(self._open) and self._open[-1])

r"""Lexer: SQL text into statements, with every string, comment and body left as it is.

It knows what ends a statement and what only looks so: strings, `E'..\'..'`, quoted names, dollar quotes, nested
comments, `begin atomic` bodies of PostgreSQL, and the triggers of SQLite.
"""

from __future__ import annotations

import re
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from msgspec import Struct

from arlen_core.errors import ArlenError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["LexError", "Statement", "Token", "split", "tokens"]

Dialect = Literal["postgresql", "sqlite"]
Kind = Literal["comment", "word", "name", "string", "number", "parameter", "symbol"]

_WORD = r"[A-Za-z_\u0080-\U0010ffff][A-Za-z0-9_$\u0080-\U0010ffff]*"
_ESCAPED = r"'(?:[^'\\]++|\\.|'')*+'"
_GAP = r"(?:[ \t\f\v]|--[^\r\n]*+)*+[\r\n](?:[ \t\r\n\f\v]|--[^\r\n]*+[\r\n])*+"
_SHARED = [
    ("space", r"[ \t\r\n\f\v]+"),
    ("comment", r"--[^\r\n]*"),
    ("block", r"/\*"),
]
_REST = [
    ("word", _WORD),
    ("number", r"\.?[0-9][A-Za-z0-9_.]*"),
    ("symbol", r"."),
]
_POSTGRESQL = [
    ("string", rf"[eE]{_ESCAPED}(?:{_GAP}{_ESCAPED})*+|(?:[uU]&|[bBxXnN])?'(?:[^']++|'')*+'"),
    ("name", r'(?:[uU]&)?"(?:[^"]++|"")*+"'),
    ("dollar", r"\$(?:[A-Za-z_\u0080-\U0010ffff][A-Za-z0-9_\u0080-\U0010ffff]*)?\$"),
    ("parameter", r"\$[0-9]+"),
]
_SQLITE = [
    ("string", r"[xX]?'(?:[^']++|'')*+'"),
    ("name", r'"(?:[^"]++|"")*+"|`(?:[^`]++|``)*+`|\[[^\]]*\]'),
    ("parameter", rf"\?[0-9]*|[:@$#]{_WORD}|\$[0-9]+"),
]


def _compiled(own: list[tuple[str, str]]) -> re.Pattern[str]:
    parts = [f"(?P<{name}>{pattern})" for name, pattern in [*_SHARED, *own, *_REST]]
    return re.compile("|".join(parts), re.DOTALL)


_PATTERNS = {"postgresql": _compiled(_POSTGRESQL), "sqlite": _compiled(_SQLITE)}
_NESTED = re.compile(r"/\*|\*/")


class LexError(ArlenError):
    """A string, a quoted name or a comment has no end.

    Args:
        reason: what has no end.
        line: where it begins, from 1.
    """

    def __init__(self, reason: str, line: int) -> None:
        super().__init__(f"line {line}: {reason}")
        self.reason, self.line = reason, line


class Token(Struct, frozen=True):
    """A piece of SQL that is not blank.

    Attributes:
        kind: "comment", "word", "name" (quoted), "string", "number", "parameter" or "symbol" (one character).
        text: as it is written.
        start: where it begins, in characters from 0.
        line: where it begins, from 1.
    """

    kind: Kind
    text: str
    start: int
    line: int

    @property
    def end(self) -> int:
        """Return where it ends, in characters from 0."""
        return self.start + len(self.text)

    @property
    def key(self) -> str:
        """Return a word in lower case, a name without its quotes, `''` for a string, and anything else as it is."""
        if self.kind == "word":
            return self.text.lower()
        if self.kind == "name":
            return self.text.partition('"')[2][:-1] if '"' in self.text else self.text[1:-1]
        return "''" if self.kind == "string" else self.text


class Statement(Struct, frozen=True, dict=True):
    """One statement.

    Attributes:
        text: as it is written, from its first token to its last one, without the semicolon.
        line: where it begins, from 1.
        tokens: its tokens, without comments.
        comments: those before it, inside of it, and after it on its last line.
    """

    text: str
    line: int
    tokens: tuple[Token, ...]
    comments: tuple[Token, ...] = ()

    @cached_property
    def keys(self) -> tuple[str, ...]:
        """Return the `key` of every token."""
        return tuple(token.key for token in self.tokens)

    def starts(self, *words: str) -> bool:
        """Tell whether it begins with these words, written in lower case.

        >>> split("Create  /* a */ TABLE t (id int)", "sqlite")[0].starts("create", "table")
        True
        """
        return self.keys[: len(words)] == words


def tokens(text: str, dialect: str) -> Iterator[Token]:
    """Yield the tokens of a text, comments included.

    Args:
        text: SQL; a byte order mark is no part of it.
        dialect: "postgresql" or "sqlite": they differ in strings, comments and quotes.

    >>> [token.text for token in tokens("select 'a;b' -- c", "sqlite")]
    ['select', "'a;b'", '-- c']

    Raises:
        LexError: something has no end.
    """
    pattern, at, line = _PATTERNS[dialect], 0, 1
    while at < len(text):
        found = pattern.match(text, at)
        assert found is not None  # noqa: S101  # a symbol is any character
        kind, end = str(found.lastgroup), found.end()
        if kind == "block":
            kind, end = "comment", _commented(text, at, line, nested=dialect == "postgresql")
        elif kind == "dollar":
            kind, end = "string", _quoted(text, found, line)
        elif (kind == "symbol" and found[0] in "'\"`") or _open(text, found, dialect):
            raise LexError(f"the quote {text[end - 1 if kind == 'symbol' else end]} is never closed", line)
        if kind != "space":
            yield Token(kind, text[at:end], at, line)  # type: ignore[arg-type]  # the groups are the kinds
        line += text.count("\n", at, end)
        at = end


def split(text: str, dialect: str, *, line: int = 1) -> list[Statement]:
    r"""Cut a text into its statements; empty ones are left out.

    Args:
        text: SQL.
        dialect: "postgresql" or "sqlite".
        line: the number of the first line, for a text that is part of a file.

    >>> [each.text for each in split("select ';'; ; insert into t values (E'\\';'); -- end", "postgresql")]
    ["select ';'", "insert into t values (E'\\';')"]

    Raises:
        LexError: something has no end.
    """
    splitter = _Splitter(text, dialect, line - 1)
    for token in tokens(text, dialect):
        splitter.feed(token)
    return splitter.finish()


class _Splitter:
    def __init__(self, text: str, dialect: str, shift: int) -> None:
        self.text, self.shift = text, shift
        self.ends = _trigger if dialect == "sqlite" else _body
        self.made: list[Statement] = []
        self.tokens: list[Token] = []
        self.comments: list[Token] = []
        self.closed = 0

    def feed(self, token: Token) -> None:
        if token.kind == "comment":
            self._comment(token)
        elif token.text != ";" or not self.ends(self.tokens):
            self.tokens.append(token)
        else:
            self._end()
            self.closed = token.end

    def finish(self) -> list[Statement]:
        self._end()
        return self.made

    def _comment(self, token: Token) -> None:
        if self.tokens or not self.made:
            self.comments.append(token)
            return
        last = self.made[-1]
        if "\n" in self.text[self.closed : token.start]:
            self.comments.append(token)
        else:
            self.made[-1] = Statement(last.text, last.line, last.tokens, (*last.comments, token))

    def _end(self) -> None:
        if not self.tokens:
            return
        first, last = self.tokens[0], self.tokens[-1]
        text = self.text[first.start : last.end]
        self.made.append(Statement(text, first.line + self.shift, tuple(self.tokens), tuple(self.comments)))
        self.tokens, self.comments = [], []


def _body(before: Sequence[Token]) -> bool:
    """Tell whether a semicolon after these tokens ends a statement of PostgreSQL."""
    depth = blocks = 0
    routine = _routine(before)
    for at, token in enumerate(before):
        if token.text in {"(", ")"}:
            depth = max(depth + (1 if token.text == "(" else -1), 0)
        elif routine and token.kind == "word" and (not at or before[at - 1].text != "."):
            blocks = _nested(token.key, before, at, blocks)
    return depth == 0 and blocks == 0


def _routine(before: Sequence[Token]) -> bool:
    words = [token.key for token in before[:4]]
    if words[1:3] == ["or", "replace"]:
        del words[1:3]
    return words[:1] == ["create"] and words[1:2] in (["function"], ["procedure"])


def _nested(word: str, before: Sequence[Token], at: int, blocks: int) -> int:
    if blocks == 0:
        return int(word == "begin" and at + 1 < len(before) and before[at + 1].key == "atomic")
    return blocks + (word in {"begin", "case"}) - (word == "end")


def _trigger(before: Sequence[Token]) -> bool:
    """Tell whether a semicolon after these tokens ends a statement of SQLite; its own rule, sqlite3_complete()."""
    words = [token.key for token in before[:4]]
    if words[:1] == ["explain"]:
        del words[0]
    if words[1:2] in (["temp"], ["temporary"]):
        del words[1]
    if words[:2] != ["create", "trigger"]:
        return True
    return [token.key for token in before[-2:]] == [";", "end"]


def _commented(text: str, start: int, line: int, *, nested: bool) -> int:
    at, depth = start + 2, 1
    while depth:
        found = _NESTED.search(text, at)
        if found is None:
            raise LexError("the comment /* is never closed", line)
        at = found.end()
        if found[0] == "*/":
            depth -= 1
        elif nested:
            depth += 1
        else:
            at = found.start() + 1  # the star of /*/ may close it
    return at


def _open(text: str, found: re.Match[str], dialect: str) -> bool:
    """Tell whether a word is the E of a string that has no end, for the shorter string after it is none."""
    return dialect == "postgresql" and found[0] in {"e", "E"} and text[found.end() : found.end() + 1] == "'"


def _quoted(text: str, opened: re.Match[str], line: int) -> int:
    end = text.find(opened[0], opened.end())
    if end < 0:
        raise LexError(f"the quote {opened[0]} is never closed", line)
    return end + len(opened[0])

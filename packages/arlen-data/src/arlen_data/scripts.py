"""Scripts: one migration file, read and checked: its statements, what its header asks for, and the way back."""

from __future__ import annotations

import re
from difflib import get_close_matches
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Literal

from msgspec import Struct
from msgspec.structs import replace

from arlen_data.faults import MigrationError
from arlen_data.lexer import LexError, Statement, Token, split, tokens

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

__all__ = ["Allowed", "Header", "Part", "Phase", "Script", "allowed", "duration", "parse"]

Phase = Literal["", "pre", "post"]

_DIRECTIVE = re.compile(r"--\s*arlen:\s*(?P<word>\S*)\s*(?P<rest>.*?)\s*")
_CONTROL = {
    ("abort",),
    ("begin",),
    ("commit",),
    ("end",),
    ("release",),
    ("rollback",),
    ("savepoint",),
    ("start", "transaction"),
    ("save", "tran"),
    ("save", "transaction"),
    ("prepare", "transaction"),
}
_UNITS = {"ms": 0.001, "s": 1.0, "min": 60.0, "h": 3600.0}


class Header(Struct, frozen=True):
    """What the lines `-- arlen: ...` before the first statement ask for.

    Attributes:
        transaction: False for `no-transaction`: every statement commits on its own.
        lock_timeout: seconds from `lock-timeout 5s`; 0.0 for `off`, which waits for ever; `None` is the runner's.
        statement_timeout: seconds from `statement-timeout 1h`; 0.0, the default, is none.
        foreign_keys: False for `foreign-keys off`: SQLite does not enforce them while it runs, and checks them all
            before it commits.
    """

    transaction: bool = True
    lock_timeout: float | None = None
    statement_timeout: float = 0.0
    foreign_keys: bool = True


class Allowed(Struct, frozen=True):
    """A finding that somebody has looked at: `-- arlen: allow CODE: REASON`."""

    code: str
    reason: str
    line: int


class Part(Struct, frozen=True):
    """The statements of one direction, up or down, and their header."""

    statements: tuple[Statement, ...]
    header: Header = Header()


class Script(Struct, frozen=True):
    """A migration.

    Attributes:
        version: its name in the state table, such as "0002_emails.pre" or "jobs::0001_init".
        file: as it is shown to people.
        phase: "pre" and "" run before the new code does, "post" after it.
        checksum: SHA-256 of what runs forwards, in hexadecimal digits.
        up: what it does.
        down: what takes that back; `None` when nobody has written it.
    """

    version: str
    file: str
    phase: Phase
    checksum: str
    up: Part
    down: Part | None = None

    def fault(self, reason: str, *, code: str, fix: str = "", line: int = 0, statement: int = 0) -> MigrationError:
        """Return an error that names this file."""
        return MigrationError(
            reason, code=code, fix=fix, version=self.version, file=self.file, line=line, statement=statement
        )


def parse(
    text: str, dialect: str, *, version: str, file: str, phase: Phase = "", down: tuple[str, str] | None = None
) -> Script:
    r"""Read a migration.

    Args:
        text: of the file.
        dialect: "postgresql" or "sqlite".
        version: see `Script`.
        file: see `Script`.
        phase: see `Script`.
        down: the file beside it that takes it back, and its text.

    >>> script = parse("create table t (id int);\n-- arlen: down\ndrop table t;", "sqlite", version="1", file="1.sql")
    >>> script.up.statements[0].text, script.down.statements[0].line
    ('create table t (id int)', 3)

    Raises:
        MigrationError: there is no SQL in it, it has transaction control, or a header is wrong.
    """
    text, read = _plain(text), _Reader(dialect, file, version)
    with read:
        place = _separator(text, dialect)
        up, rest = (text, None) if place is None else (text[: place.start], text[place.end :])
        if rest is not None and down is not None:
            message = "it has a down section, and there is a down file beside it"
            raise read.fault(message, fix="keep one of them", line=place.line if place else 0)
        made = Script(version, file, phase, _checksum(up), read.part(up))
        if rest is not None:
            made = replace(made, down=read.part(rest, place.line - 1 if place else 0))
    if down is not None:
        read.file = down[0]
        with read:
            made = replace(made, down=read.part(_plain(down[1])))
    return made


def duration(text: str) -> float:
    """Return seconds from a text such as "500ms", "5s", "2min", "1h", or "off", which is 0.0.

    >>> duration("500ms"), duration("2min"), duration("off")
    (0.5, 120.0, 0.0)

    Raises:
        ValueError: it is no such text.
    """
    if text == "off":
        return 0.0
    found = re.fullmatch(r"(\d{1,9}(?:\.\d{1,3})?)\s*(ms|s|min|h)", text)
    if found is None:
        raise ValueError(f"{text!r} is no duration")
    return float(found[1]) * _UNITS[found[2]]


class _Reader:
    """Reads the parts of one file; as a context manager it names the file in errors of the lexer."""

    def __init__(self, dialect: str, file: str, version: str) -> None:
        self.dialect, self.file, self.version = dialect, file, version

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, LexError):
            fault = self.fault(error.reason, fix="close it", line=error.line)
            raise fault from error

    def fault(
        self, reason: str, *, code: str = "migration_invalid", fix: str = "", line: int = 0, statement: int = 0
    ) -> MigrationError:
        return MigrationError(
            reason, code=code, fix=fix, version=self.version, file=self.file, line=line, statement=statement
        )

    def part(self, text: str, shift: int = 0) -> Part:
        statements = self._split(text, shift)
        if not statements:
            fix = "write a statement, or remove it"
            raise self.fault("there is no SQL in it", code="migration_empty", fix=fix, line=shift and shift + 1)
        for number, each in enumerate(statements, 1):
            self._admit(each, number)
        return Part(tuple(statements), self._header(text, shift, statements[0].line))

    def _split(self, text: str, shift: int) -> list[Statement]:
        try:
            return split(text, self.dialect, line=shift + 1)
        except LexError as error:
            raise LexError(error.reason, error.line + shift) from None

    def _admit(self, statement: Statement, number: int) -> None:
        keys, line = statement.keys, statement.line
        if keys[:1] in _CONTROL or keys[:2] in _CONTROL:
            word = " ".join(keys[:2] if keys[:2] in _CONTROL else keys[:1])
            fix = "remove it: each file is one transaction; `-- arlen: no-transaction` makes it none"
            message = f"{word} is not for migrations"
            raise self.fault(message, code="migration_control", fix=fix, line=line, statement=number)
        if keys[0] == "\\":
            fix = "remove it, and dump with --inserts"
            raise self.fault("this is a command of psql, no SQL", fix=fix, line=line, statement=number)
        if keys[0] == "copy" and "stdin" in keys:
            fix = "write inserts"
            raise self.fault("copy from stdin has its data outside of SQL", fix=fix, line=line, statement=number)

    def _header(self, text: str, shift: int, first: int) -> Header:
        found: dict[str, Any] = {}
        for token in tokens(text, self.dialect):
            for word, rest in _directives(token):
                line = token.line + shift
                made = self._setting(word, rest, line)
                if not made:
                    continue
                if line >= first:
                    fix = "move it before the first statement"
                    raise self.fault(f"`{word}` is about the whole file", code="migration_header", fix=fix, line=line)
                if made.keys() & found:
                    raise self.fault(f"`{word}` stands twice", code="migration_header", fix="remove one", line=line)
                found |= made
        return Header(**found)

    def _setting(self, word: str, rest: str, line: int) -> dict[str, Any]:
        if word == "allow":
            self._allow(rest, line)
            return {}
        read = _SETTINGS.get(word)
        if read is None:
            near = get_close_matches(word, [*_SETTINGS, "allow", "down"], 1)
            fix = f"did you mean `{near[0]}`?" if near else f"there are: {', '.join([*_SETTINGS, 'allow', 'down'])}"
            raise self.fault(f"there is no header `{word}`", code="migration_header", fix=fix, line=line)
        try:
            return read(rest)
        except ValueError as error:
            fix = _EXAMPLES[word]
            raise self.fault(f"`{word} {rest}`: {error}", code="migration_header", fix=fix, line=line) from None

    def _allow(self, rest: str, line: int) -> None:
        code, _, reason = rest.partition(":")
        if not code.strip() or not reason.strip():
            fix = "write it as `-- arlen: allow CODE: why it does no harm here`"
            message = "`allow` needs a code and a reason"
            raise self.fault(message, code="migration_header", fix=fix, line=line)


def allowed(statement: Statement) -> Iterator[Allowed]:
    """Yield the findings that comments at a statement allow."""
    for token in statement.comments:
        for word, rest in _directives(token):
            if word == "allow":
                code, _, reason = rest.partition(":")
                yield Allowed(code.strip(), reason.strip(), token.line)


def _directives(token: Token) -> Iterator[tuple[str, str]]:
    found = _DIRECTIVE.fullmatch(token.text) if token.kind == "comment" else None
    if found is not None:
        yield found["word"], found["rest"]


def _separator(text: str, dialect: str) -> Token | None:
    for token in tokens(text, dialect):
        for word, _ in _directives(token):
            if word == "down":
                return token
    return None


def _checksum(text: str) -> str:
    return sha256(text.strip().encode()).hexdigest()


def _plain(text: str) -> str:
    return text.removeprefix("\ufeff").replace("\r\n", "\n")


def _none(rest: str) -> None:
    if rest:
        raise ValueError("nothing stands after it")


def _no_transaction(rest: str) -> dict[str, Any]:
    _none(rest)
    return {"transaction": False}


def _foreign_keys(rest: str) -> dict[str, Any]:
    if rest != "off":
        raise ValueError("it can be off alone")
    return {"foreign_keys": False}


_SETTINGS = {
    "no-transaction": _no_transaction,
    "lock-timeout": lambda rest: {"lock_timeout": duration(rest)},
    "statement-timeout": lambda rest: {"statement_timeout": duration(rest)},
    "foreign-keys": _foreign_keys,
}
_EXAMPLES = {
    "no-transaction": "write `-- arlen: no-transaction`",
    "lock-timeout": "write `-- arlen: lock-timeout 5s`, or `off`",
    "statement-timeout": "write `-- arlen: statement-timeout 1h`, or `off`",
    "foreign-keys": "write `-- arlen: foreign-keys off`",
}

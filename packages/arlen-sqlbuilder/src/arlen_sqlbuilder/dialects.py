"""Dialects: how PostgreSQL and SQLite quote, number their parameters, and what they do not have."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Self

from arlen_sqlbuilder.errors import UnsupportedFeature, refuse

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["MARK", "PG", "SQLITE", "Dialect", "check_name", "dialect_of"]

MARK = "\0"  # stands for a parameter until the text is complete; no identifier and no fragment may hold it
CACHED_NAMES = 4096


class Dialect(str):
    """A dialect is its name, `"postgresql"` or `"sqlite"`, and knows its limits.

    Args:
        name: the name.
        lacks: the features that it does not have.
        parameters: how many parameters a statement may have.
        name_bytes: how long an identifier may be, in bytes of UTF-8; 0 for no limit.
        numbered: whether parameters are `$1`, `$2` and so on, or `?`.
        qualified: whether columns always carry their table's name.

    >>> PG == "postgresql", SQLITE.quote('a"b')
    (True, '"a""b"')
    """

    __slots__ = ("lacks", "name_bytes", "numbered", "parameters", "qualified", "quote")
    lacks: frozenset[str]
    name_bytes: int
    numbered: bool
    parameters: int
    qualified: bool
    quote: Callable[[str], str]

    def __new__(
        cls, name: str, lacks: str, *, parameters: int, name_bytes: int, numbered: bool, qualified: bool
    ) -> Self:
        """Make a dialect."""
        self = super().__new__(cls, name)
        self.lacks, self.parameters, self.name_bytes = frozenset(lacks.split(", ")), parameters, name_bytes
        self.numbered, self.qualified = numbered, qualified
        self.quote = lru_cache(CACHED_NAMES)(self._quote)
        return self

    def __reduce__(self) -> tuple[object, ...]:
        return dialect_of, (str(self),)

    def require(self, feature: str) -> None:
        """Refuse a feature that the dialect lacks, with unsupported_feature."""
        if feature and feature in self.lacks:
            raise UnsupportedFeature(self, feature)

    def number(self, text: str) -> str:
        """Put the dialect's placeholders where the marks are."""
        if not self.numbered:
            return text.replace(MARK, "?")
        head, *rest = text.split(MARK)
        return head + "".join([f"${place}{part}" for place, part in enumerate(rest, 1)])

    def _quote(self, name: str) -> str:
        size = len(check_name(name).encode())
        if self.name_bytes and size > self.name_bytes:
            reason = f"a name may have {self.name_bytes} bytes in {self}, this one has {size}: shorten it"
            refuse(reason, "invalid_identifier", identifier=name, dialect=self)
        return '"' + name.replace('"', '""') + '"'


def check_name(name: object) -> str:
    """Return an identifier; refuse one that no dialect can quote, with invalid_identifier."""
    if isinstance(name, str) and name and MARK not in name and (name.isascii() or _encodable(name)):
        return str.__str__(name)  # of an enumeration or another subclass the plain text
    reason = "an identifier is a text that is not empty, has no NUL and can be encoded as UTF-8: give another name"
    return refuse(reason, "invalid_identifier", identifier=str(name))


def _encodable(name: str) -> bool:
    try:
        return bool(name.encode())
    except UnicodeEncodeError:
        return False


def dialect_of(name: str) -> Dialect:
    """Return a dialect by its name; a dialect is returned as it is."""
    if isinstance(name, Dialect):
        return name
    return DIALECTS.get(name) or refuse(f"there is no dialect {name!r}: use one of {', '.join(DIALECTS)}")


PG = Dialect("postgresql", "", parameters=65_535, name_bytes=63, numbered=True, qualified=False)
# SQLite takes an unknown "name" for a string; a column that names its table cannot be mistaken so.
LACKING = "aggregate order by, any and all, conflict constraint, data-modifying cte, delete using, distinct on, ilike"
LACKING += ", lateral, row lock"
SQLITE = Dialect("sqlite", LACKING, parameters=32_766, name_bytes=0, numbered=False, qualified=True)
DIALECTS: dict[str, Dialect] = {"postgresql": PG, "sqlite": SQLITE}

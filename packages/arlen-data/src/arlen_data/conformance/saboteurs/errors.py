"""Databases whose errors and events say too little, too much, or the wrong thing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from arlen_data.conformance.wrapped import Wrapped, caught_by
from arlen_data.database import Database
from arlen_data.errors import (
    CheckViolation,
    ConnectionLost,
    DatabaseError,
    DataError,
    ExclusionViolation,
    IntegrityError,
    NotNullViolation,
    ProgrammingError,
    SQLSyntaxError,
    UniqueViolation,
)
from arlen_data.events import Events, QueryEvent
from arlen_data.lanes import Lane
from arlen_data.results import Result

__all__ = [
    "Causeless",
    "Columnless",
    "Constraintless",
    "Fragile",
    "Lying",
    "Quoting",
    "Talkative",
    "Telling",
    "Unclassed",
    "Unexcluded",
    "Wordy",
]


@caught_by("test_er01_classes_and_states")
class Unclassed(Wrapped):
    """A mistake in the syntax is any mistake."""

    def failed(self, sql: str, error: DatabaseError) -> DatabaseError:
        """Give the class above."""
        return ProgrammingError("wrong", sqlstate=error.sqlstate) if isinstance(error, SQLSyntaxError) else error


@caught_by("test_er01_exclusion")
class Unexcluded(Wrapped):
    """A violated exclusion is any violation."""

    def failed(self, sql: str, error: DatabaseError) -> DatabaseError:
        """Give the class above."""
        return IntegrityError("wrong", sqlstate="23P01") if isinstance(error, ExclusionViolation) else error


@caught_by("test_er02_a_null_names_its_column")
class Columnless(Wrapped):
    """A null does not say in which column it is."""

    def failed(self, sql: str, error: DatabaseError) -> DatabaseError:
        """Lose the column."""
        return NotNullViolation("wrong", sqlstate="23502") if isinstance(error, NotNullViolation) else error


@caught_by("test_er02_violations_name_constraints")
class Constraintless(Wrapped):
    """A violation does not say of what."""

    def failed(self, sql: str, error: DatabaseError) -> DatabaseError:
        """Lose the constraint."""
        return CheckViolation("wrong", sqlstate="23514") if isinstance(error, CheckViolation) else error


@caught_by("test_er03_no_value_leaks")
class Telling(Wrapped):
    """A violation quotes the values."""

    about = "er03"

    async def ask(self, lane: Lane, sql: str, params: Sequence[Any]) -> Result:
        """Quote them."""
        try:
            return await lane.run(sql, params)
        except UniqueViolation as error:
            raise UniqueViolation(f"{error}: {params}", sqlstate="23505") from error


@caught_by("test_er03_a_value_of_a_wrong_shape_does_not_leak")
class Quoting(Wrapped):
    """A value that cannot be read is quoted."""

    about = r"^select cast\(\$1 as integer\)$"

    async def ask(self, lane: Lane, sql: str, params: Sequence[Any]) -> Result:
        """Quote it."""
        raise DataError(f"no integer: {params}")


@caught_by("test_er04_the_cause_and_the_place")
class Causeless(Wrapped):
    """What the driver said is lost."""

    about = "er04_nothing"

    async def ask(self, lane: Lane, sql: str, params: Sequence[Any]) -> Result:
        """Lose it."""
        try:
            return await lane.run(sql, params)
        except DatabaseError as error:
            raise type(error)("wrong") from None


@caught_by("test_er05_flags_come_from_classes")
class Wordy(Wrapped):
    """The words of a message decide what it is."""

    about = "er05"

    def failed(self, sql: str, error: DatabaseError) -> DatabaseError:
        """Believe them."""
        return ConnectionLost("connection lost")


class _Told(Wrapped):
    """Has listeners of its own."""

    kind: type[Events]

    def __init__(self, adapter: Database) -> None:
        super().__init__(adapter)
        self.events = self.kind(adapter.capabilities.adapter, adapter.name)


class _LyingEvents(Events):
    """Says so."""

    def failed(self, sql: str, facts: dict[str, Any], begun: float, error: BaseException) -> None:
        self.done(sql, facts, begun, 0, 0)


@caught_by("test_er06_events_in_order")
class Lying(_Told):
    """A query that failed looks like one that did not."""

    kind = _LyingEvents


class _TalkativeEvents(Events):
    """Asks for it."""

    def add(self, listener: Any, **options: Any) -> Any:
        return super().add(listener, **options | {"sql": True})


@caught_by("test_er06_events_tell_nothing_private")
class Talkative(_Told):
    """Everybody hears the text of queries."""

    kind = _TalkativeEvents


class _FragileEvents(Events):
    """Remembers it, and raises it in the end."""

    broken: Exception | None = None

    def add(self, listener: Any, **options: Any) -> Any:
        def careless(event: QueryEvent) -> None:
            try:
                listener(event)
            except Exception as error:
                self.broken = error
                raise

        return super().add(careless, **options)

    async def watch(self, *args: Any) -> Any:
        found = await super().watch(*args)
        if self.broken is not None:
            raise self.broken
        return found


@caught_by("test_er06_a_listener_harms_no_query")
class Fragile(_Told):
    """What a listener raises breaks the query."""

    kind = _FragileEvents

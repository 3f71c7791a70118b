"""Databases whose pool loses something, or gives what it should not."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Self

from msgspec.structs import replace

from arlen_data.conformance.aids import BOUND
from arlen_data.conformance.wrapped import Wrapped, WrappedSession, caught_by
from arlen_data.database import Database
from arlen_data.errors import ConnectionLost, DatabaseError, PoolClosed, PoolTimeout, StaleStatement
from arlen_data.lanes import Lane, Options, Session
from arlen_data.results import Result
from arlen_data.stats import Stats

__all__ = [
    "Abrupt",
    "Closed",
    "Dead",
    "Doubled",
    "Forked",
    "Leaking",
    "Marked",
    "Prepared",
    "Silent",
    "Stack",
    "Stale",
    "StaleForEver",
    "Unaware",
    "Unbounded",
    "Unlimited",
    "Unnamed",
    "Wordless",
]


class _Changed(Wrapped):
    """Changes the settings of a sibling."""

    def changed(self, changes: dict[str, Any]) -> dict[str, Any]:
        return changes

    def again(self, **changes: Any) -> Self:
        return type(self)(self.adapter.again(**self.changed(changes)))


@caught_by("test_cx03_cancels_lose_no_connection")
class Leaking(Wrapped):
    """Who is cancelled takes the connection along."""

    about = "cx03"

    async def session(self, options: Options) -> Session:
        """Give one that is lost."""
        return _Lost(self, await self.adapter.session(options))


class _Lost(WrappedSession):
    async def rollback(self) -> None:
        if not self.concerned:
            await super().rollback()


@caught_by("test_po01_waiting_is_bounded_and_told")
class Wordless(Wrapped):
    """Who waited in vain learns nothing."""

    about = "po01"

    def failed(self, sql: str, error: DatabaseError) -> DatabaseError:
        """Say nothing."""
        return PoolTimeout("no") if isinstance(error, PoolTimeout) else error


@caught_by("test_po01_first_come_first_served")
class Stack(_Changed):
    """Who came last is served first."""

    def __init__(self, adapter: Database) -> None:
        super().__init__(adapter)
        self.stack: list[asyncio.Event] = []
        self.busy = self.last_first = False

    def again(self, **changes: Any) -> Self:
        """Give one that does so for a pool of one."""
        made = super().again(**changes)
        made.last_first = changes == {"size": 1, "timeout": BOUND}
        return made

    async def session(self, options: Options) -> Session:
        """Wait above the others."""
        if self.last_first and self.busy:
            self.stack.append(asyncio.Event())
            await self.stack[-1].wait()
        self.busy = True
        return await super().session(options)

    def ended(self, session: WrappedSession) -> None:
        """Let the one above go."""
        if self.stack:
            self.stack.pop().set()
        else:
            self.busy = False


@caught_by("test_po02_too_many_are_refused_at_once")
class Unlimited(_Changed):
    """Anybody may wait."""

    def changed(self, changes: dict[str, Any]) -> dict[str, Any]:
        """Forget the bound."""
        return {name: value for name, value in changes.items() if name != "max_waiting" or value > 1}


@caught_by("test_po03_dead_connections_are_not_handed_out")
class Dead(Wrapped):
    """The first one after a loss gets a dead connection."""

    about = "po03"
    found = False

    async def ask(self, lane: Lane, sql: str, params: Sequence[Any]) -> Result:
        """Give it."""
        if not self.found:
            self.found = True
            raise ConnectionLost("it was dead already")
        return await lane.run(sql, params)


class _Classless(Wrapped):
    """Does not say that it is the connection."""

    def failed(self, sql: str, error: DatabaseError) -> DatabaseError:
        return DatabaseError(str(error)) if isinstance(error, ConnectionLost) else error


@caught_by("test_po04_a_connection_lost_in_a_query")
class Unnamed(_Classless):
    """A connection that is lost in a query is any error."""

    about = "po04"


@caught_by("test_po05_an_absent_server")
class Silent(_Classless):
    """A server that is not there is any error."""

    about = "po05"


@caught_by("test_po06_the_end_waits_and_then_cuts")
class Closed(Wrapped):
    """A closed pool is any error."""

    about = "po06"

    def failed(self, sql: str, error: DatabaseError) -> DatabaseError:
        """Lose the class."""
        return DatabaseError(str(error)) if isinstance(error, PoolClosed) else error


@caught_by("test_po06_the_end_lets_work_finish")
class Abrupt(_Changed):
    """To close cuts off at once."""

    def changed(self, changes: dict[str, Any]) -> dict[str, Any]:
        """Give no time."""
        return changes | ({"grace": 0} if changes.get("grace") == BOUND else {})


@caught_by("test_po07_nothing_is_left_for_the_next")
class Marked(Wrapped):
    """A setting stays for the next."""

    about = "work_mem"
    asked = 0

    def incoming(self, value: Any) -> Any:
        """Tell what was set."""
        self.asked += 1
        return value if self.asked == 1 else "1234kB"


@caught_by("test_po08_a_fork_shares_no_connection")
class Forked(Wrapped):
    """A forked process has the connection of its parent."""

    about = r"pg_backend_pid\(\) as po08"
    first: Result | None = None

    async def ask(self, lane: Lane, sql: str, params: Sequence[Any]) -> Result:
        """Give the same."""
        self.first = self.first or await lane.run(sql, params)
        return self.first


@caught_by("test_ps01_a_changed_table")
class Stale(Wrapped):
    """After a change of the table its queries fail for ever."""

    about = "ps01"
    columns: tuple[str, ...] = ()

    def got(self, sql: str, found: Result) -> Result:
        """Fail when it has changed."""
        self.columns = self.columns or found.columns
        if found.columns != self.columns:
            raise StaleStatement("the table has changed", sqlstate="0A000")
        return found


@caught_by("test_ps01_a_changed_table_in_a_transaction")
class StaleForEver(Stale):
    """After a change of the table its queries fail for ever in a transaction."""

    about = "ps01_inside"


@caught_by("test_ps02_prepared_statements_are_bounded")
class Unbounded(_Changed):
    """Everything stays prepared."""

    def changed(self, changes: dict[str, Any]) -> dict[str, Any]:
        """Forget the bound."""
        return changes | ({"statement_cache": 500} if changes.get("statement_cache") == 5 else {})


@caught_by("test_ps02_sizes_of_values_prepare_nothing_new")
class Doubled(Wrapped):
    """Each size of a number has a statement of its own."""

    about = "ps02_sizes"

    def sent(self, sql: str, params: Sequence[Any]) -> tuple[str, Sequence[Any]]:
        """Make it another one."""
        return (f"{sql} /* {params[0]} */" if params else sql), params


@caught_by("test_ps03_nothing_is_prepared")
class Prepared(_Changed):
    """Statements are prepared all the same."""

    def changed(self, changes: dict[str, Any]) -> dict[str, Any]:
        """Forget that they may not be."""
        return {name: value for name, value in changes.items() if (name, value) != ("statement_cache", 0)}


@caught_by("test_po09_stats_tell_the_truth")
class Unaware(Wrapped):
    """Nobody ever waits, as far as it tells."""

    def stats(self) -> tuple[Stats, ...]:
        """Leave out who waits."""
        return tuple(replace(each, pending=0) for each in super().stats())

"""Databases whose transactions do not do what they say."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from types import TracebackType
from typing import Any, ClassVar, Self

from arlen_data.conformance.wrapped import Wrapped, WrappedSession, caught_by, result
from arlen_data.errors import ConnectionLost, DatabaseError, IntegrityError, TransactionAborted, Unsupported
from arlen_data.lanes import Isolation, Lane, Options, Session
from arlen_data.results import Result
from arlen_data.transactions import Transaction

__all__ = [
    "Commanded",
    "DeafLevels",
    "FirstOfTwo",
    "Forgiving",
    "Hasty",
    "KeptSavepoints",
    "KeptTables",
    "LeakedTransaction",
    "LooseNames",
    "LostCommit",
    "NoTransactions",
    "NotSerializable",
    "PartialStatements",
    "Persistent",
    "Pretended",
    "ReadWrite",
    "Replaced",
    "Rushed",
    "SilentCommit",
    "Substituted",
    "Swallowed",
    "UnkeptSavepoints",
]


class _Session(Wrapped):
    """A saboteur of sessions that ran a statement which it is about."""

    kind: ClassVar[type[WrappedSession]]

    async def session(self, options: Options) -> Session:
        return self.kind(self, await self.adapter.session(options))


class _Blocks(Wrapped):
    """A saboteur of what a transaction does beside its statements."""

    block: ClassVar[type[Transaction]]

    def transaction(
        self, *, isolation: Isolation | None = None, read_only: bool = False, deadline: float | None = None
    ) -> Transaction:
        super().transaction(isolation=isolation, read_only=read_only)  # which refuses what is wrong
        return self.block(self, Options(isolation, read_only), deadline=deadline)


class _CommitsNothing(WrappedSession):
    async def commit(self) -> None:
        await (self.session.rollback() if self.concerned else self.session.commit())


class _CommitsAlways(WrappedSession):
    async def rollback(self) -> None:
        await (self.session.commit() if self.concerned else self.session.rollback())


class _KeepsAll(WrappedSession):
    async def back(self, name: str) -> None:
        await (self.session.release(name) if self.concerned else self.session.back(name))


class _ReleasesTwice(WrappedSession):
    async def release(self, name: str) -> None:
        with suppress(DatabaseError):
            await self.session.release(name)


class _CommitsSilently(WrappedSession):
    async def commit(self) -> None:
        with suppress(TransactionAborted):
            await self.session.commit()


@caught_by("test_tx01_commit_is_seen_and_rollback_is_not")
class LostCommit(_Session):
    """A commit rolls back."""

    about = "tx01"
    kind = _CommitsNothing


@caught_by("test_tx01_rollback_takes_back_a_table")
class KeptTables(_Session):
    """To make a table commits."""

    about = "tx01_made"
    kind = _CommitsAlways


class _SwallowedBlock(Transaction):
    """Swallows `TimeoutError`."""

    async def __aexit__(  # type: ignore[override]
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        await super().__aexit__(kind, error, trace)
        return isinstance(error, TimeoutError)


@caught_by("test_tx02_the_error_that_left_is_the_one_that_arrives")
class Swallowed(_Blocks):
    """A block swallows an exception."""

    block = _SwallowedBlock


class _ReplacedBlock(Transaction):
    """Replaces `TimeoutError`."""

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await super().__aexit__(kind, error, trace)
        if isinstance(error, TimeoutError):
            raise TimeoutError(*error.args) from error


@caught_by("test_tx02_the_error_that_left_is_the_one_that_arrives")
class Replaced(_Blocks):
    """A block raises its own exception in place of another one."""

    block = _ReplacedBlock


class _SubstitutedBlock(Transaction):
    """Replaces `LookupError`."""

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await super().__aexit__(kind, error, trace)
        if isinstance(error, LookupError) and not isinstance(error, DatabaseError):
            raise ConnectionLost("the rollback failed") from error


@caught_by("test_tx02_a_rollback_that_fails_is_no_substitute")
class Substituted(_Blocks):
    """A rollback that fails hides what was wrong."""

    block = _SubstitutedBlock


class _Nothing(Transaction):
    """Begins and ends nothing."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return


@caught_by("test_tx01_transactions_are_refused")
class Pretended(Wrapped):
    """A block that begins nothing."""

    def transaction(self, **options: Any) -> Transaction:
        """Begin nothing."""
        return _Nothing(self, Options())


@caught_by("test_tx03_a_transaction_inside_of_another")
class KeptSavepoints(_Session):
    """What failed inside stays."""

    about = "tx03"
    kind = _KeepsAll


@caught_by("test_tx04_three_levels")
class UnkeptSavepoints(_Session):
    """What failed on the third level stays."""

    about = "tx04"
    kind = _KeepsAll


@caught_by("test_tx04_savepoints_of_a_session")
class LooseNames(_Session):
    """A savepoint may be released twice."""

    kind = _ReleasesTwice


@caught_by("test_tx05_an_aborted_transaction_does_not_commit")
class SilentCommit(_Session):
    """The commit of an aborted transaction looks like a success."""

    kind = _CommitsSilently


@caught_by("test_tx05_an_error_takes_back_its_statement_alone")
class PartialStatements(Wrapped):
    """A statement that fails leaves some of its effects."""

    about = r"tx05 \(id\) values \(2\), \(3\), \(1\)"

    async def ask(self, lane: Lane, sql: str, params: Sequence[Any]) -> Result:
        """Insert a row before it."""
        try:
            return await lane.run(sql, params)
        except IntegrityError:
            await lane.run("insert into tx05 (id) values (2)", ())
            raise


@caught_by("test_tx06_transaction_control_is_no_statement")
class Commanded(Wrapped):
    """To begin by a statement looks like a success."""

    about = "savepoint mine"

    def concerns(self, sql: str) -> bool:
        """Look at this one alone."""
        return sql.strip().lower() == self.about

    async def ask(self, lane: Lane, sql: str, params: Sequence[Any]) -> Result:
        """Do nothing."""
        return result()


@caught_by("test_tx06_a_transaction_ends_with_its_block_alone")
class Forgiving(Commanded):
    """To commit by a statement looks like a success."""

    about = "commit"


@caught_by("test_tx06_one_statement_at_a_time")
class FirstOfTwo(Wrapped):
    """Of two statements the first is run."""

    about = "tx06_two"

    def sent(self, sql: str, params: Sequence[Any]) -> tuple[str, Sequence[Any]]:
        """Cut it."""
        return sql.partition(";")[0], params


@caught_by("test_tx07_isolation_is_set_and_reset")
class DeafLevels(Wrapped):
    """Repeatable read is not."""

    async def session(self, options: Options) -> Session:
        """Begin with the default."""
        asked = None if options.isolation == "repeatable read" else options.isolation
        return WrappedSession(self, await self.adapter.session(Options(asked, options.read_only)))


@caught_by("test_tx07_serializable_is_what_there_is")
class NotSerializable(Wrapped):
    """Serializable is refused."""

    async def session(self, options: Options) -> Session:
        """Refuse."""
        if options.isolation == "serializable":
            raise Unsupported("there is no such level")
        return WrappedSession(self, await self.adapter.session(options))


@caught_by("test_tx08_read_only")
class ReadWrite(Wrapped):
    """A transaction that is to read only writes."""

    async def session(self, options: Options) -> Session:
        """Do not listen."""
        return WrappedSession(self, await self.adapter.session(Options(options.isolation)))


@caught_by("test_tx08_read_only_is_refused")
class NoTransactions(Wrapped):
    """A transaction that is to read only is any."""

    def transaction(
        self, *, isolation: Isolation | None = None, read_only: bool = False, deadline: float | None = None
    ) -> Transaction:
        """Do not listen."""
        return super().transaction(isolation=isolation, deadline=deadline)


class _HastyBlock(Transaction):
    """Does not wait."""

    def after_commit(self, function: Any, *args: Any, **options: Any) -> None:
        if args == ("first",):
            function(*args)
            return
        super().after_commit(function, *args, **options)


@caught_by("test_tx12_after_the_commit")
class Hasty(_Blocks):
    """What is to happen after the commit happens before it."""

    block = _HastyBlock


class _PersistentBlock(Transaction):
    """Tells the outermost one at once."""

    def after_commit(self, function: Any, *args: Any, **options: Any) -> None:
        root: Transaction = self._root()
        if root is self:
            super().after_commit(function, *args, **options)
        else:
            root.after_commit(function, *args, **options)


@caught_by("test_tx12_after_the_outermost_commit")
class Persistent(_Blocks):
    """What an inner transaction wants to happen survives its rollback."""

    block = _PersistentBlock


@caught_by("test_cx02_a_cancelled_transaction_is_rolled_back")
class LeakedTransaction(_Session):
    """Who is cancelled commits."""

    about = "cx02"
    kind = _CommitsAlways


class _RushedBlock(WrappedSession):
    """Loses a row."""

    async def run_many(self, sql: str, rows: Any) -> int:
        return await self.session.run_many(sql, list(rows)[:-1] if "tx10_whole" in sql else rows)


@caught_by("test_tx10_a_transaction_sees_itself_whole")
class Rushed(_Session):
    """The last of many rows is lost."""

    kind = _RushedBlock

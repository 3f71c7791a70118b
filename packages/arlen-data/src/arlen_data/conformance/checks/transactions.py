"""Transactions: commits and rollbacks, savepoints, what ends a transaction, and what happens after it."""

from __future__ import annotations

from arlen_conformance import promise
from arlen_data.conformance.aids import count, raises, sibling
from arlen_data.conformance.dialects import dialect
from arlen_data.database import Database
from arlen_data.errors import (
    DatabaseError,
    IntegrityError,
    InvalidArgument,
    ReadOnlyTransaction,
    TransactionAborted,
    TransactionError,
    UniqueViolation,
    Unsupported,
)
from arlen_data.lanes import Isolation, Options

__all__ = ["Sentinel", "Transactions"]

_LEVELS: tuple[Isolation, ...] = ("read committed", "repeatable read", "serializable")
_CONTROL = (
    "begin",
    " BEGIN",
    "/* a comment */ commit",
    "-- a comment\nrollback",
    "end;",
    "savepoint mine",
    "release savepoint mine",
    "rollback to savepoint mine",
)


class Sentinel(Exception):
    """Leaves a block, to be looked for behind it."""


class Transactions:
    """TX01 to TX08, TX12."""

    @promise(needs=["transactions"])
    async def test_tx01_commit_is_seen_and_rollback_is_not(self, adapter: Database) -> None:
        """What was committed is there, and what was rolled back is not."""
        await adapter.execute("create table tx01 (id int, name text)")
        async with adapter.transaction() as tx:
            await tx.execute("insert into tx01 (id, name) values ($1, $2)", 1, "committed")
        assert 1 == await count(adapter, "tx01")
        sentinel = Sentinel("rolled back on purpose")
        with raises(Sentinel) as caught:
            async with adapter.transaction() as tx:
                await tx.execute("insert into tx01 (id, name) values ($1, $2)", 2, "rolled back")
                assert 2 == await count(tx, "tx01")
                raise sentinel
        assert sentinel is caught.error
        assert 1 == await count(adapter, "tx01")
        await adapter.execute("drop table tx01")

    @promise(needs=["transactions", "transactional_ddl"])
    async def test_tx01_rollback_takes_back_a_table(self, adapter: Database) -> None:
        """With `transactional_ddl`, a rollback takes back a table that was made."""
        with raises(Sentinel):
            async with adapter.transaction() as tx:
                await tx.execute("create table tx01_made (id int)")
                raise Sentinel
        await adapter.execute("create table tx01_made (id int)")

    @promise(unless=["transactions"])
    async def test_tx01_transactions_are_refused(self, adapter: Database) -> None:
        """Without `transactions`, to begin one is `Unsupported`."""
        with raises(Unsupported):
            async with adapter.transaction():
                pass

    @promise(needs=["transactions"])
    async def test_tx02_the_error_that_left_is_the_one_that_arrives(self, adapter: Database) -> None:
        """The exception that leaves the block arrives as the identical object, whatever its class."""
        await adapter.execute("create table tx02 (id int primary key)")
        for error in (Sentinel("mine"), TimeoutError("also mine"), SystemExit(3)):
            with raises(BaseException) as caught:
                async with adapter.transaction() as tx:
                    await tx.execute("insert into tx02 (id) values (1)")
                    raise error
            assert error is caught.error
        held: DatabaseError | None = None
        with raises(UniqueViolation) as violated:
            async with adapter.transaction() as tx:
                await tx.execute("insert into tx02 (id) values (1)")
                try:
                    await tx.execute("insert into tx02 (id) values (1)")
                except DatabaseError as error:
                    held = error
                    raise
        assert held is violated.error
        assert 0 == await count(adapter, "tx02")

    @promise(needs=["savepoints"])
    async def test_tx03_a_transaction_inside_of_another(self, adapter: Database) -> None:
        """What fails inside leaves the outer one usable; what succeeds inside goes when the outer one fails."""
        await adapter.execute("create table tx03 (id int primary key)")
        async with adapter.transaction() as tx:
            await tx.execute("insert into tx03 (id) values (1)")
            with raises(UniqueViolation):
                async with tx.transaction() as inner:
                    await inner.execute("insert into tx03 (id) values (2)")
                    await inner.execute("insert into tx03 (id) values (1)")
            await tx.execute("insert into tx03 (id) values (3)")
        assert [(1,), (3,)] == await adapter.all("select id from tx03 order by id")
        with raises(Sentinel):
            async with adapter.transaction() as tx:
                async with tx.transaction() as inner:
                    await inner.execute("insert into tx03 (id) values (4)")
                raise Sentinel
        assert 2 == await count(adapter, "tx03")

    @promise(needs=["savepoints"])
    async def test_tx04_three_levels(self, adapter: Database) -> None:
        """Levels fail and succeed independently, also several one after another on the same level."""
        await adapter.execute("create table tx04 (id int)")
        async with adapter.transaction() as tx:
            for number in range(3):
                with raises(Sentinel):
                    async with tx.transaction() as second:
                        await second.execute("insert into tx04 (id) values ($1)", 100 + number)
                        async with second.transaction() as third:
                            await third.execute("insert into tx04 (id) values ($1)", 200 + number)
                        raise Sentinel
                async with tx.transaction() as second:
                    await second.execute("insert into tx04 (id) values ($1)", number)
                    with raises(Sentinel):
                        async with second.transaction() as third:
                            await third.execute("insert into tx04 (id) values ($1)", 300 + number)
                            raise Sentinel
        assert [(0,), (1,), (2,)] == await adapter.all("select id from tx04 order by id")

    @promise(needs=["savepoints"])
    async def test_tx04_savepoints_of_a_session(self, adapter: Database) -> None:
        """The name of a savepoint may be used again, and one that was released is gone."""
        await adapter.execute("create table tx04_names (id int)")
        session = await adapter.session(Options())
        try:
            await session.save("mine")
            await session.run("insert into tx04_names (id) values (1)", ())
            await session.save("mine")
            await session.run("insert into tx04_names (id) values (2)", ())
            await session.back("mine")
            await session.release("mine")
            with raises(DatabaseError):
                await session.release("mine")
        finally:
            await session.rollback()
        assert 0 == await count(adapter, "tx04_names")

    @promise(needs=["aborts"])
    async def test_tx05_an_aborted_transaction_does_not_commit(self, adapter: Database) -> None:
        """After an error nothing more can be done, and the commit is a `TransactionAborted`, 25P02: never silent."""
        await adapter.execute("create table tx05 (id int primary key)")
        with raises(TransactionAborted) as caught:
            async with adapter.transaction() as tx:
                await tx.execute("insert into tx05 (id) values (1)")
                with raises(UniqueViolation):
                    await tx.execute("insert into tx05 (id) values (1)")
                with raises(TransactionAborted):
                    await tx.value("select 1")
        assert "25P02" == caught.error.sqlstate
        assert 0 == await count(adapter, "tx05")

    @promise(needs=["transactions"], unless=["aborts"])
    async def test_tx05_an_error_takes_back_its_statement_alone(self, adapter: Database) -> None:
        """Without `aborts`, a statement that fails is taken back whole, and the transaction goes on and commits."""
        await adapter.execute("create table tx05 (id int primary key)")
        async with adapter.transaction() as tx:
            await tx.execute("insert into tx05 (id) values (1)")
            with raises(IntegrityError):
                await tx.execute("insert into tx05 (id) values (2), (3), (1)")
            await tx.execute("insert into tx05 (id) values (4)")
        assert [(1,), (4,)] == await adapter.all("select id from tx05 order by id")

    @promise
    async def test_tx06_transaction_control_is_no_statement(self, adapter: Database) -> None:
        """To begin, commit, roll back or save by a statement is a `TransactionError`, however it is written."""
        for sql in (*_CONTROL, *dialect(adapter).control):
            with raises(TransactionError):
                await adapter.execute(sql)
        await adapter.execute("create table tx06 (id int)")
        async with sibling(adapter) as other:  # nothing was left open: another connection sees the table at once
            assert 0 == await count(other, "tx06")

    @promise(needs=["transactions"])
    async def test_tx06_a_transaction_ends_with_its_block_alone(self, adapter: Database) -> None:
        """A commit or a rollback by a statement does not end the transaction of a block."""
        await adapter.execute("create table tx06_block (id int)")
        for sql in ("commit", "rollback; begin", "/* c */ ROLLBACK"):
            with raises(Sentinel):
                async with adapter.transaction() as tx:
                    await tx.execute("insert into tx06_block (id) values (1)")
                    with raises(DatabaseError):
                        await tx.execute(sql)
                    raise Sentinel
            assert 0 == await count(adapter, "tx06_block")

    @promise
    async def test_tx06_one_statement_at_a_time(self, adapter: Database) -> None:
        """A text with two statements is an error, and neither has an effect."""
        await adapter.execute("create table tx06_two (id int)")
        with raises(DatabaseError):
            await adapter.execute("insert into tx06_two (id) values (1); insert into tx06_two (id) values (2)")
        assert 0 == await count(adapter, "tx06_two")
        assert 1 == await adapter.execute("insert into tx06_two (id) values (3);")

    @promise(needs=["transactions", "isolation"])
    async def test_tx07_isolation_is_set_and_reset(self, adapter: Database) -> None:
        """A transaction has the isolation that was asked for, or a stronger one, and the next has the default again."""
        tell = dialect(adapter).isolation
        usual = await adapter.value(tell)
        for place, level in enumerate(_LEVELS):
            async with adapter.transaction(isolation=level) as tx:
                assert await tx.value(tell) in _LEVELS[place:]
            async with adapter.transaction() as tx:
                assert usual == await tx.value(tell)

    @promise(needs=["transactions"], unless=["isolation"])
    async def test_tx07_serializable_is_what_there_is(self, adapter: Database) -> None:
        """Without `isolation`, serializable is there, and a weaker level is that too or `Unsupported`."""
        async with adapter.transaction(isolation="serializable") as tx:
            assert 7 == await tx.value("select 7")
        for level in _LEVELS[:2]:
            try:
                async with adapter.transaction(isolation=level) as tx:
                    assert 7 == await tx.value("select 7")
            except Unsupported:
                continue
        with raises(InvalidArgument):
            adapter.transaction(isolation="none; drop table users")  # type: ignore[arg-type]

    @promise(needs=["transactions", "read_only"])
    async def test_tx08_read_only(self, adapter: Database) -> None:
        """A transaction that only reads reads, refuses a write with 25006, and the next one writes again."""
        await adapter.execute("create table tx08 (id int)")
        with raises(ReadOnlyTransaction) as caught:
            async with adapter.transaction(read_only=True) as tx:
                assert 0 == await count(tx, "tx08")
                await tx.execute("insert into tx08 (id) values (1)")
        assert "25006" == caught.error.sqlstate
        async with adapter.transaction() as tx:
            await tx.execute("insert into tx08 (id) values (2)")
        assert [(2,)] == await adapter.all("select id from tx08")

    @promise(needs=["transactions"], unless=["read_only"])
    async def test_tx08_read_only_is_refused(self, adapter: Database) -> None:
        """Without `read_only`, a transaction that is to read only is `Unsupported`."""
        with raises(Unsupported):
            async with adapter.transaction(read_only=True):
                pass

    @promise(needs=["transactions"])
    async def test_tx12_after_the_commit(self, adapter: Database) -> None:
        """What is to happen after a commit happens after it, in order, and never after a rollback."""
        await adapter.execute("create table tx12 (id int)")
        seen: list[object] = []

        async def look() -> None:
            seen.append(await count(adapter, "tx12"))

        async with adapter.transaction() as tx:
            tx.after_commit(seen.append, "first")
            tx.after_commit(look)
            await tx.execute("insert into tx12 (id) values (1)")
            assert [] == seen
        assert ["first", 1] == seen
        with raises(Sentinel):
            async with adapter.transaction() as tx:
                tx.after_commit(seen.append, "never")
                raise Sentinel
        assert ["first", 1] == seen

    @promise(needs=["savepoints"])
    async def test_tx12_after_the_outermost_commit(self, adapter: Database) -> None:
        """What an inner transaction wants waits for the outermost commit, and goes with a rollback of its own."""
        seen: list[str] = []
        async with adapter.transaction() as tx:
            async with tx.transaction() as inner:
                inner.after_commit(seen.append, "inner")
            with raises(Sentinel):
                async with tx.transaction() as inner:
                    inner.after_commit(seen.append, "never")
                    raise Sentinel
            assert [] == seen
            tx.after_commit(seen.append, "outer")
        assert ["inner", "outer"] == seen

"""Writers: the one thread that writes, alone or with several units in one commit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from arlen_data.errors import DatabaseError, InvalidArgument, SerializationFailure, TransactionAborted
from arlen_data.results import Result
from arlen_sqlite.connections import patiently
from arlen_sqlite.jobs import Job
from arlen_sqlite.plans import Plan
from arlen_sqlite.threads import Worker
from arlen_sqlite.work import perform, script

__all__ = ["Writer", "unit", "write"]

_MOST = 64
_UNIT = "arlen_unit"
_TEMPORARY = "select type, name from temp.sqlite_master where type in ('table', 'view', 'trigger')"


class Writer(Worker):
    """The thread that writes.

    A unit is what is committed or not as a whole: a statement, a batch, a transaction. With `grouping`, units that wait
    for each other are savepoints of one transaction; each caller is told when that is committed.

    Attributes:
        grouping: whether several units are committed together.
        temporary: whether the unit made something temporary, which ends with it.
    """

    grouping = False
    temporary = False

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._pending: list[Job] = []
        self._alone = 0
        self._waits = False

    @property
    def grouped(self) -> bool:
        """Whether this unit is one of several."""
        return self.grouping and not self._alone

    def serve(self, job: Job) -> None:
        """Do a job and tell the loop; in a group, when all of it is committed."""
        self._waits = False
        if not self.grouping:
            super().serve(job)
            return
        self.do(job)
        if self._pending and not self.connection.in_transaction:
            self._broken(None)
        if self._waits and job.error is None:
            self._pending.append(job)
        else:
            self.mailbox.put(job)
        if self.held is None:
            self._alone = max(self._alone - 1, 0)
            if self.queue.empty() or len(self._pending) >= _MOST:
                self.settle()

    def begin(self) -> None:
        """Begin a unit; waits for other processes."""
        if not self.connection.in_transaction:
            self.patient(script, self, "begin immediate")
        if self.grouped:
            script(self, f"savepoint {_UNIT}")

    def commit(self) -> None:
        """Commit a unit; when that cannot be, it is rolled back."""
        if not self.connection.in_transaction:
            raise TransactionAborted("an error had rolled the transaction back", sqlstate="25P02")
        try:
            self._forget()
            script(self, f"release {_UNIT}" if self.grouped else "commit")
        except DatabaseError:
            self.rollback()
            raise
        self._waits = self.grouped

    def rollback(self) -> None:
        """Roll a unit back."""
        self.temporary = False
        if not self.connection.in_transaction:
            return
        if self.grouped:
            script(self, f"rollback to {_UNIT}", f"release {_UNIT}")
        else:
            self._undo()

    def settle(self) -> None:
        """Commit the group, and tell all who wait for it."""
        if self.opened is None or not self.opened.in_transaction:
            return
        try:
            script(self, "commit")
        except DatabaseError as error:
            try:
                self._undo()
            finally:
                self._broken(error)
        pending, self._pending = self._pending, []
        for job in pending:
            self.mailbox.put(job)

    def waiting(self, result: Result) -> Result:
        """Return a result that is to be told when the group is committed."""
        self._waits = True
        return result

    def patient(self, work: Callable[..., Any], *args: Any) -> Any:
        """Do something that another process may be in the way of."""
        return patiently(lambda: work(*args), self.patience, lambda: self.unwanted)

    def _broken(self, error: DatabaseError | None) -> None:
        """Nothing of the group is committed: statements run again, each alone; transactions have to begin again."""
        pending, self._pending = self._pending, []
        self._alone = 2 * len(pending)
        for job in pending:
            if job.work in {write, unit}:
                self.do(job)
            elif len(pending) == 1 and error is not None:
                job.error = error
            else:
                message = "a commit of several transactions failed, this one among them"
                job.error = SerializationFailure(message, sqlstate="40001", fix="run it again, see transact()")
            self.mailbox.put(job)

    def _undo(self) -> None:
        if self.connection.in_transaction:  # SQLite may have done it
            script(self, "rollback")

    def _forget(self) -> None:
        """Drop what is temporary: the connection has other users."""
        if self.temporary:
            self.temporary = False
            for kind, name in self.connection.execute(_TEMPORARY).fetchall():
                quoted = name.replace('"', '""')
                self.connection.execute(f'drop {kind} if exists temp."{quoted}"')


def write(writer: Writer, plan: Plan, params: Sequence[Any]) -> Result:
    """Run a statement that is a unit."""
    if plan.temporary:
        fix = "create it in the transaction that uses it"
        raise InvalidArgument("what is temporary lasts as long as its transaction", fix=fix)
    if plan.alone:
        writer.settle()
    elif writer.grouped and not writer.connection.in_transaction:
        writer.patient(script, writer, "begin immediate")
    if writer.connection.in_transaction:
        return writer.waiting(perform(writer, plan, params))
    made: Result = writer.patient(perform, writer, plan, params)
    return made


def unit(writer: Writer, work: Callable[..., Any], *args: Any) -> Any:
    """Do several things that are a unit."""
    writer.begin()
    try:
        made = work(writer, *args)
    except BaseException:
        writer.rollback()
        raise
    writer.commit()
    return made

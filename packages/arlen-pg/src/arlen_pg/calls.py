"""Calls: what a task waits for, woken in the turn of the event loop in which the answer arrives."""

from __future__ import annotations

from asyncio import CancelledError, InvalidStateError
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from collections.abc import Callable, Generator
    from contextvars import Context

__all__ = ["Call"]


class Call:
    """One thing that one task awaits: a connection, or the answer to a statement.

    It is what asyncio calls a future-like object. A future's task runs in the loop's next turn, after one more system
    call; `wake` runs it at once. So `wake` is only for callbacks of the loop; inside of a task, use `soon`.

    Args:
        loop: the loop of the task.
        sql: the statement; "" asks for a connection.
        values: its parameters, as they are sent.
        types: the type of each, by its number in PostgreSQL.
        formats: 0 for text, 1 for binary, for each.

    Attributes:
        begin: the statement that begins the transaction, sent together with this one; empty when it has begun.
        batch: the parts of a batch, in place of `sql`.
        plain: the text goes by the simple protocol.
        traits: what `texts.traits` says of the text.
        wire: the connection that has it, from when it is sent.
        statement: the prepared statement that it used.
        parts: what was sent in a pipeline.
        results: what has arrived of a pipeline.
        answer: the connection, or libpq's result, or a list of those for a batch.
        error: what is raised in place of the answer.
        left: the task went away; nobody waits.
        deadline: when a caller that waits for a connection gives up, by the loop's time.
    """

    __slots__ = (
        "_asyncio_future_blocking",
        "_callback",
        "_context",
        "answer",
        "batch",
        "begin",
        "cancelled",
        "deadline",
        "ended",
        "error",
        "formats",
        "left",
        "loop",
        "parts",
        "plain",
        "reason",
        "results",
        "sql",
        "statement",
        "traits",
        "types",
        "values",
        "wire",
    )

    begin: bytes
    answer: Any
    error: BaseException | None
    statement: Any
    wire: Any
    traits: Any
    reason: Any
    parts: list[Any] | None
    batch: list[Any] | None
    results: list[Any]
    deadline: float
    ended: bool
    cancelled: bool
    left: bool
    plain: bool
    _callback: Callable[..., object] | None
    _context: Context | None

    def __init__(
        self, loop: AbstractEventLoop, sql: str = "", values: Any = (), types: Any = (), formats: Any = ()
    ) -> None:
        self.loop, self.sql, self.values, self.types, self.formats = loop, sql, values, types, formats
        self.answer = self.error = self.statement = self.wire = self.traits = self.reason = None
        self.parts = self.batch = None
        self.begin = b""
        self.ended = self.cancelled = self.left = self.plain = self._asyncio_future_blocking = False
        self._callback = self._context = None

    def wake(self) -> None:
        """Say that `answer` or `error` is there, and run the task now."""
        self.ended = True
        callback, self._callback = self._callback, None
        if callback is not None:
            self._context.run(callback, self)  # type: ignore[union-attr]  # asyncio gives both

    def soon(self) -> None:
        """Say that `answer` or `error` is there; the task runs in the loop's next turn."""
        self.ended = True
        callback, self._callback = self._callback, None
        if callback is not None:
            self.loop.call_soon(callback, self, context=self._context)

    def __await__(self) -> Generator[Any, None, Any]:
        if not self.ended:
            self._asyncio_future_blocking = True
            yield self
        return self.result()

    def result(self) -> Any:
        """Return the answer or raise the error; asyncio asks when the task goes on."""
        if self.cancelled:
            raise CancelledError if self.reason is None else CancelledError(self.reason)
        if self.error is not None:
            raise self.error
        if not self.ended:
            raise InvalidStateError("there is no answer yet")
        return self.answer

    def done(self) -> bool:
        """Tell whether there is an answer, an error or a cancel."""
        return self.ended

    def get_loop(self) -> AbstractEventLoop:
        """Return the loop: asyncio refuses to wait for it in another one."""
        return self.loop

    def add_done_callback(self, callback: Callable[..., object], *, context: Context | None = None) -> None:
        """Remember the task that waits; there is only one. It goes on soon when the answer was there first."""
        if self.ended:  # who drives a coroutine by hand may hand it to a task later
            self.loop.call_soon(callback, self, context=context)
        else:
            self._callback, self._context = callback, context

    def remove_done_callback(self, callback: Callable[..., object]) -> int:
        """Forget the task."""
        found = self._callback is not None
        self._callback = None
        return int(found)

    def cancel(self, msg: Any = None) -> bool:
        """Have the task go on with `CancelledError`; asyncio calls it when the task is cancelled."""
        if self.ended:
            return False
        self.cancelled, self.reason = True, msg  # by which a cancel scope knows its own
        self.soon()
        return True

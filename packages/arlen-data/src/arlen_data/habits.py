"""Habits: what lint says about migrations on every engine."""

from __future__ import annotations

from collections.abc import Iterator

from arlen_data.looks import Found, Look, Rule, bare, name_at, skip

__all__ = ["HABITS"]

_BOUNDS = {"=", "in", "between", "<", ">", "limit", "like"}
_NO_COLUMN = {"constraint", "not", "default", "identity", "expression"}


def _rename(look: Look) -> Iterator[Found]:
    for action in look.actions:
        if action[:1] != ("rename",) or action[1:2] == ("constraint",) or look.is_new:
            continue
        what = "table" if action[1:2] == ("to",) else "column"
        reason = f"code that runs now knows the {what} of {look.table} by its old name, and fails from this moment on"
        fix = f"add the new {what}, fill both, move the code over, drop the old one in a .post.sql file"
        yield "rename_breaks_code", reason, fix


def _drop(look: Look) -> Iterator[Found]:
    if look.script.phase == "post" or look.is_new:
        return
    fix = "first deploy code that does without it, and drop it in a .post.sql file"
    if look.starts("drop", "table") and not _rebuilt(look):
        yield "drop_breaks_code", f"code that runs now may still use the table {look.table}", fix
    for action in look.actions:
        at = skip(action, 1, "column", "if", "exists")
        if action[:1] == ("drop",) and at < len(action) and action[1] not in _NO_COLUMN:
            yield "drop_breaks_code", f"code that runs now may still use {look.table}.{action[at]}", fix


def _backfill(look: Look) -> Iterator[Found]:
    if not (look.starts("update") or look.starts("delete", "from")) or look.is_new:
        return
    where = look.keys[look.keys.index("where") :] if "where" in look.keys else ()
    if not _BOUNDS & set(where):
        reason = f"it touches every row of {look.table} in one statement, and others wait for all of them"
        fix = "do it in batches from a job, or in several statements by ranges of the key, in a file of its own"
        yield "backfill_unbounded", reason, fix


def _partial(look: Look) -> Iterator[Found]:
    if not look.header.transaction and look.place == 1:
        reason = "the file has no transaction and several statements: a failure leaves some of them done"
        yield "partial_failure", reason, "write one statement a file"


def _rebuilt(look: Look) -> bool:
    """Tell whether another table takes the name of the one that is dropped."""
    for other in look.all[look.place :]:
        for action in other.actions:
            if action[:2] == ("rename", "to") and bare(name_at(action, 2)[0]) == look.table:
                return True
    return False


HABITS: list[Rule] = [_rename, _drop, _backfill, _partial]
"""The rules for every engine."""

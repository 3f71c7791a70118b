"""Limits: what lint says about migrations on SQLite, which can alter little."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from arlen_data.looks import Found, Keys, Look, Rule, bare, name_at, skip

__all__ = ["LIMITS"]

_REBUILD = "make a new table, copy the rows, drop the old one, rename the new one, below `-- arlen: foreign-keys off`"
_SILENT = {"foreign_keys", "journal_mode", "synchronous", "locking_mode", "page_size", "auto_vacuum"}


def _alter(look: Look) -> Iterator[Found]:
    if len(look.actions) > 1:
        yield "alter_unsupported", "SQLite alters one thing in a statement", "write a statement for each"
    for action in look.actions[:1]:
        word, second = action[:1], action[1:2]
        if word == ("alter",) or second in {("constraint",), ("check",), ("foreign",), ("unique",), ("primary",)}:
            what = " ".join(action[:2])
            reason = f"`alter table ... {what}` is no SQL of SQLite, or of its newest versions alone"
            yield "alter_unsupported", reason, _REBUILD
        elif word == ("add",):
            yield from _add(look, action)


def _add(look: Look, action: Keys) -> Iterator[Found]:
    rest = action[skip(action, 1, "column", "if", "not", "exists") + 1 :]
    wrong = _refused(rest)
    if wrong:
        reason = f"SQLite refuses to add {wrong} to a table with rows"
        yield "column_refused", f"{reason}: {look.table}", _REBUILD


def _refused(rest: Keys) -> str:
    default = rest[rest.index("default") + 1 :] if "default" in rest else ()
    pairs = set(pairwise(rest))
    if ("primary", "key") in pairs or "unique" in rest:
        return "a column that is unique or the primary key"
    if ("not", "null") in pairs and default[:1] in {(), ("null",)}:
        return "a column that is `not null` and has no default"
    if default[:1] and (default[0] == "(" or default[0].startswith("current_")):
        return "a column whose default is no constant"
    if "references" in rest and default[:1] not in {(), ("null",)}:
        return "a column that refers to another table and has a default"
    if "stored" in rest and "as" in rest:
        return "a generated column that is stored"
    return ""


def _drop(look: Look) -> Iterator[Found]:
    if not look.starts("drop", "table") or not look.header.foreign_keys or look.is_new:
        return
    names = {bare(name_at(each, 2)[0]) for other in look.all for each in other.actions if each[:2] == ("rename", "to")}
    if look.table in names:
        reason = (
            f"dropping {look.table} deletes its rows first, and `on delete cascade` deletes those that refer to them"
        )
        yield "rebuild_loses_rows", reason, "write `-- arlen: foreign-keys off` at the top"


def _pragma(look: Look) -> Iterator[Found]:
    if look.starts("pragma") and look.header.transaction:
        name = bare(name_at(look.keys, 1)[0])
        if name in _SILENT:
            fix = (
                "write `-- arlen: foreign-keys off` at the top" if name == "foreign_keys" else "set it when you connect"
            )
            yield "pragma_ignored", f"`pragma {name}` does nothing, or fails, in a transaction", fix


def _alone(look: Look) -> Iterator[Found]:
    if look.starts("vacuum") and look.header.transaction:
        reason, fix = "vacuum cannot run in a transaction", "write `-- arlen: no-transaction` at the top"
        yield "needs_no_transaction", reason, fix


LIMITS: list[Rule] = [_alter, _drop, _pragma, _alone]
"""The rules for SQLite."""

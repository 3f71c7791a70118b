"""Locks: what lint says about migrations on PostgreSQL, where a statement can stop everybody else.

The facts are those of PostgreSQL 14 to 18: chapters "Explicit Locking" and "ALTER TABLE", "CREATE INDEX" of its manual.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from arlen_data.looks import Found, Keys, Look, Rule, skip

__all__ = ["LOCKS"]

_ALONE = "write `-- arlen: no-transaction` at the top, and nothing else in the file"
_REWRITE = "add a new column, fill it in batches, move the code over, drop the old one in a .post.sql file"
_STABLE = {
    "now",
    "transaction_timestamp",
    "statement_timestamp",
    "current_setting",
    "current_user",
    "to_char",
    "to_date",
    "to_timestamp",
    "to_number",
    "lower",
    "upper",
    "coalesce",
    "nullif",
    "concat",
    "date_trunc",
    "date_part",
    "make_date",
    "make_interval",
    "make_timestamptz",
    "timezone",
    "jsonb_build_object",
    "jsonb_build_array",
    "json_build_object",
    "json_build_array",
    "to_json",
    "to_jsonb",
    "md5",
    "repeat",
    "length",
    "cast",
    "array",
    "row",
    "numeric",
    "decimal",
    "varchar",
    "char",
    "bit",
    "int4range",
    "int8range",
    "numrange",
    "tsrange",
    "tstzrange",
    "daterange",
}
_END = {"not", "null", "unique", "primary", "references", "check", "collate", "constraint", "generated"}
_SERIALS = {"serial", "bigserial", "smallserial", "serial4", "serial8", "serial2"}
_STRONG = {("alter", "table"), ("drop", "table"), ("drop", "index"), ("vacuum", "full"), ("create", "trigger")}


def _index(look: Look) -> Iterator[Found]:
    if look.keys[:1] != ("create",) or "index" not in look.keys[1:3]:
        return
    if "concurrently" not in look.keys:
        if not look.is_new:
            reason = f"nobody can write to {look.table} until the index is built"
            yield "index_blocks_writes", reason, f"create index concurrently; {_ALONE}"
    elif look.keys[look.keys.index("concurrently") + 1 :][:3] == ("if", "not", "exists"):
        reason = "a build that failed leaves an invalid index, which `if not exists` takes for a good one"
        yield "invalid_index_stays", reason, "drop index concurrently if exists, in a file before this one"


def _drop_index(look: Look) -> Iterator[Found]:
    if look.starts("drop", "index") and "concurrently" not in look.keys:
        reason = "it waits for every query on the table, and every new one waits for it"
        yield "index_drop_locks", reason, f"drop index concurrently; {_ALONE}"


def _alone(look: Look) -> Iterator[Found]:
    keys = look.keys
    what = " ".join(keys[:2]) if keys[:2] in _OUTSIDE else keys[0] if keys[0] == "vacuum" else ""
    detached = any(each[:2] == ("detach", "partition") for each in look.actions)
    if "concurrently" in keys and (keys[0] in {"create", "drop", "reindex"} or detached):
        what = "concurrently"
    if what and look.header.transaction:
        yield "needs_no_transaction", f"`{what}` cannot run in a transaction", _ALONE
    if what == "concurrently" and look.header.lock_timeout:
        reason = "a lock timeout counts while it waits for old transactions too, and leaves an invalid index"
        yield "invalid_index_stays", reason, "remove `lock-timeout`: it blocks nobody while it waits"


def _constraint(look: Look) -> Iterator[Found]:
    for action in [] if look.is_new else look.actions:
        if action[:1] != ("add",):
            continue
        kind = action[3:] if action[1:2] == ("constraint",) else action[1:]
        late = action[-2:] == ("not", "valid")
        if kind[:2] == ("foreign", "key") and not late:
            reason = f"nobody can write to {look.table}, or to the table that it refers to, while all rows are checked"
            yield "validates_under_lock", reason, _VALIDATE
        elif kind[:1] == ("check",) and not late:
            reason = f"nobody can read or write {look.table} while all rows are checked"
            yield "validates_under_lock", reason, _VALIDATE
        elif kind[:2] == ("not", "null") and not late:
            yield "not_null_scan", f"nobody can read or write {look.table} while all rows are checked", _VALIDATE
        elif kind[:1] in {("unique",), ("primary",)} and "using" not in kind:
            reason = f"nobody can read or write {look.table} until its index is built"
            fix = "create unique index concurrently in a file before, then add constraint ... using index"
            yield "constraint_builds_index", reason, fix
        elif kind[:1] == ("exclude",):
            reason = f"nobody can read or write {look.table} until its index is built; there is no other way"
            yield "constraint_builds_index", reason, "run it at a quiet time, then allow it here with the reason"


def _validate(look: Look) -> Iterator[Found]:
    for action in look.actions:
        name = action[2:3]
        added = (each for other in look.before for each in other.actions if other.table == look.table)
        fresh = any(each[:2] == ("add", "constraint") and each[2:3] == name for each in added)
        if action[:2] == ("validate", "constraint") and fresh and look.header.transaction and not look.is_new:
            reason = "the lock of `add constraint` is held until the commit, so all rows are checked under it"
            yield "validates_under_lock", reason, "validate it in a file of its own"


def _not_null(look: Look) -> Iterator[Found]:
    checked = any(each[:1] == ("validate",) for other in look.before for each in other.actions)
    for action in [] if look.is_new or checked else look.actions:
        if action[:1] == ("alter",) and action[-3:] == ("set", "not", "null"):
            column = action[skip(action, 1, "column")]
            reason = f"nobody can read or write {look.table} while all rows are checked"
            fix = f"add constraint ... check ({column} is not null) not valid, validate it in the next file, then this"
            yield "not_null_scan", reason, f"{fix}; a valid check saves the scan"


def _rewrite(look: Look) -> Iterator[Found]:
    locked = f"nobody can read or write {look.table} while all of it is written anew"
    for action in [] if look.is_new else look.actions:
        at = skip(action, 1, "column")
        rest = action[at + 1 :]
        if action[:1] == ("alter",) and (rest[:1] == ("type",) or rest[:3] == ("set", "data", "type")):
            reason = f"{locked}, unless the old type is a shorter one of the same kind, as varchar(10) is for text"
            yield "table_rewrite", reason, _REWRITE
        elif action[:1] == ("alter",) and rest[:2] == ("set", "expression"):
            yield "table_rewrite", locked, _REWRITE
        elif action[:2] in {("set", "logged"), ("set", "unlogged"), ("set", "tablespace"), ("set", "access")}:
            yield "table_rewrite", locked, "run it at a quiet time, then allow it here with the reason"
    if look.starts("vacuum", "full") or look.starts("cluster") or look.starts("vacuum", "(", "full"):
        yield "table_rewrite", "nobody can read or write the table while all of it is written anew", "use pg_repack"


def _add_column(look: Look) -> Iterator[Found]:
    for action in [] if look.is_new else look.actions:
        at = skip(action, 1, "column", "if", "not", "exists")
        rest = action[at + 1 :]
        if (
            action[:1] != ("add",)
            or at >= len(action)
            or action[1] in {"constraint", "check", "foreign", "unique", "primary", "exclude"}
        ):
            continue
        if action[1:3] == ("not", "null"):
            continue
        yield from _column(look.table, action[at], rest)


def _column(table: str, name: str, rest: Keys) -> Iterator[Found]:
    fix = "add the column without it, set the default in a second statement, fill the rows in batches"
    pairs = set(pairwise(rest))
    locked = f"nobody can read or write {table} while all of it is written anew"
    if rest[:1] and rest[0] in _SERIALS:
        yield "table_rewrite", f"{locked}: {rest[0]} gives every row a number", fix
    elif ("as", "identity") in pairs:
        yield "table_rewrite", f"{locked}: identity gives every row a number", fix
    elif "generated" in rest and "stored" in rest:
        yield "table_rewrite", f"{locked}: the column is computed and stored", fix
    elif call := _volatile(rest):
        reason = f"{locked}, because {call}() may give each row another value"
        yield "table_rewrite", reason, f"{fix}; allow it when the function is stable or immutable"
    if "check" in rest or ("references" in rest and "default" in rest):
        yield "validates_under_lock", f"nobody can read or write {table} while all rows are checked", _VALIDATE
    if "unique" in rest or ("primary", "key") in pairs:
        reason = f"nobody can read or write {table} until its index is built"
        yield "constraint_builds_index", reason, "add the column, then create unique index concurrently"
    if ("not", "null") in pairs and not {"default", "generated"} & set(rest) and rest[0] not in _SERIALS:
        reason = f"{name} has no value in the rows that {table} has: it fails unless the table is empty"
        yield "column_refused", reason, "give it a default, or add it without `not null` and fill it first"


def _volatile(rest: Keys) -> str:
    """Return the function of a default that may be volatile; "" when there is none."""
    if "default" not in rest:
        return ""
    made = rest[rest.index("default") + 1 :]
    for at, key in enumerate(made):
        if key in _END and at:
            return ""
        called = made[at + 1 : at + 2] == ("(",) and key.isidentifier() and made[at - 1 : at] != (":",)
        if called and key not in _STABLE:
            return key
    return ""


def _mixed(look: Look) -> Iterator[Found]:
    if look.keys[0] in {"update", "delete", "insert"} and look.header.transaction:
        altered = [other.table for other in look.before if other.actions and not other.is_new]
        if altered:
            reason = f"{altered[0]} stays locked for everybody while the rows are written: both are one transaction"
            yield "backfill_under_lock", reason, "move the rows to a file of their own"


def _patience(look: Look) -> Iterator[Found]:
    strong = look.keys[:2] in _STRONG and "concurrently" not in look.keys and not look.is_new
    timeout = look.header.lock_timeout
    if strong and (timeout == 0.0 or (timeout is None and not look.header.transaction)):
        reason = "it waits for its lock without an end, and every query on the table waits behind it"
        yield "lock_timeout_missing", reason, "write `-- arlen: lock-timeout 5s` at the top; it is tried again"


def _detach(look: Look) -> Iterator[Found]:
    for action in look.actions:
        if action[:2] == ("detach", "partition") and not {"concurrently", "finalize"} & set(action):
            reason = f"it waits for every query on {look.table}, and every new one waits for it"
            yield "partition_locks", reason, f"detach partition ... concurrently; {_ALONE}"


def _refresh(look: Look) -> Iterator[Found]:
    if look.starts("refresh", "materialized", "view") and "concurrently" not in look.keys and "no" not in look.keys:
        reason = "nobody can read the view until it is filled"
        yield "refresh_locks", reason, "refresh materialized view concurrently, which needs a unique index"
    if look.starts("reindex") and "concurrently" not in look.keys:
        reason = "nobody can write to the table, or use the index, until it is built"
        yield "index_blocks_writes", reason, f"reindex ... concurrently; {_ALONE}"


def _setting(look: Look) -> Iterator[Found]:
    plain = look.starts("set") and look.keys[1:2] not in {("local",), ("constraints",), ("transaction",)}
    if plain and look.header.transaction:
        reason = "the setting outlives this file, and holds for those after it"
        yield "session_setting", reason, "write `set local ...`"


def _cascade(look: Look) -> Iterator[Found]:
    words = look.actions or [look.keys]
    if any(each[:1] == ("drop",) and each[-1:] == ("cascade",) for each in words):
        reason = "it drops whatever depends on that, views and constraints of others too, without naming them"
        yield "cascade_drops", reason, "drop what depends on it by name"


_VALIDATE = "add it with `not valid`, then `alter table ... validate constraint ...` in a file of its own"
_OUTSIDE = {
    ("create", "database"),
    ("drop", "database"),
    ("create", "tablespace"),
    ("drop", "tablespace"),
    ("alter", "system"),
}

LOCKS: list[Rule] = [
    _index,
    _drop_index,
    _alone,
    _constraint,
    _validate,
    _not_null,
    _rewrite,
    _add_column,
    _mixed,
    _patience,
    _detach,
    _refresh,
    _setting,
    _cascade,
]
"""The rules for PostgreSQL."""

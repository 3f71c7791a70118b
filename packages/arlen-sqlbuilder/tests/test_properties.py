"""Whatever is composed is valid on the real engines, with its placeholders in order and no value in its text."""

import re
from contextlib import suppress
from itertools import count
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from arlen_sqlbuilder import (
    PG,
    SQLITE,
    Expr,
    Table,
    UnsupportedFeature,
    all_,
    and_,
    any_,
    case,
    cast,
    column,
    cte_recursive,
    delete,
    excluded,
    exists,
    fn,
    insert,
    or_,
    row,
    select,
    sql,
    update,
    window,
)

SKIP = re.compile(r"'[^']*'|\"(?:[^\"]|\"\")*\"|\$\$.*?\$\$", re.DOTALL)
TRAPS = ["'$1'", "'? and :name'", "'{{}}'", "$$ $2 ? $$", "'%s %(x)s'"]


class Users(Table, name="users"):
    id = column(int)
    email = column(str)
    role = column(str)
    tenant_id = column(int)
    score = column(int)
    active = column(bool)


class Posts(Table, name="posts"):
    id = column(int)
    author_id = column(int)
    title = column(str)
    status = column(str)
    views = column(int)


class KV(Table, name="kv"):
    ns = column(str)
    k = column(str)
    v = column(str)
    hits = column(int)


NUMBERS = {Users: ["id", "tenant_id", "score"], Posts: ["id", "author_id", "views"]}
TEXTS = {Users: ["email", "role"], Posts: ["title", "status"]}


class Maker:
    """Composes statements that mean something, so that an engine which refuses one has found a mistake."""

    def __init__(self, draw: Any, dialect: str) -> None:
        self.draw = draw
        self.dialect = dialect
        self.values: list[Any] = []
        self.names = count()

    def pick(self, *options: Any) -> Any:
        return self.draw(st.sampled_from(options))

    def yes(self) -> bool:
        return self.draw(st.booleans())

    def name(self, stem: str) -> str:
        return f"{stem}{next(self.names)}"

    def value(self, kind: type) -> Any:
        """A value that is found again: sometimes bare, sometimes behind a comment that says what it is."""
        number = 7_100_000 + len(self.values)
        value = number if kind is int else f"val{number}"
        self.values.append(value)
        tagged = sql(f"/*v{number}*/{{x}}", x=value)
        if kind is int:
            return self.pick(value, tagged)
        return self.pick(value, tagged, f"{value}'; drop table users; --")

    def table(self) -> Any:
        table = self.pick(Users, Posts)
        alias = table.as_(self.name("t"))
        return alias, [alias.c[n] for n in NUMBERS[table]], [alias.c[n] for n in TEXTS[table]]

    def number(self, numbers: list[Any], texts: list[Any], depth: int) -> Any:
        if depth <= 0 or self.yes():
            return self.draw(st.sampled_from(numbers))
        inner = self.number(numbers, texts, depth - 1)
        kind = self.pick("sum", "product", "negative", "case", "length", "coalesce", "scalar", "cast", "trap")
        if kind == "sum":
            return self.pick(inner + self.value(int), inner - self.number(numbers, texts, depth - 1))
        if kind == "product":
            return self.pick(self.value(int) * inner, inner % 7, inner / 3, inner - (inner - 1))
        if kind == "case":
            return case((self.test(numbers, texts, depth - 1), inner), else_=numbers[0])
        if kind == "length":
            return fn.length(self.text(numbers, texts, depth - 1))
        if kind == "coalesce":
            return fn.coalesce(inner, self.value(int))
        if kind == "scalar":
            return self.one(numbers, texts, depth - 1).scalar()
        if kind == "cast":
            return cast(self.value(int), "integer")
        if kind == "trap" and self.dialect == PG:
            return fn.length(sql(self.draw(st.sampled_from(TRAPS))))
        return -inner

    def text(self, numbers: list[Any], texts: list[Any], depth: int) -> Any:
        if depth <= 0 or self.yes():
            return self.draw(st.sampled_from(texts))
        inner = self.text(numbers, texts, depth - 1)
        return self.pick(
            fn.lower(inner),
            inner.concat(self.value(str)),
            sql("lower({x})", x=inner),
            case((self.test(numbers, texts, depth - 1), inner), else_=texts[0]),
        )

    def test(self, numbers: list[Any], texts: list[Any], depth: int) -> Expr[bool]:
        number, text = self.number(numbers, texts, depth - 1), self.text(numbers, texts, depth - 1)
        kind = self.pick("compare", "text", "null", "in", "between", "row", "exists", "raw", "not", "and", "or", "any")
        if depth <= 0 and kind in {"exists", "not", "and", "or", "any"}:
            kind = "compare"
        if kind == "compare":
            return number.op(self.pick("=", "<>", "<", "<=", ">", ">="), self.value(int))
        if kind == "text":
            test = self.pick("like", "not_like", "contains", "startswith", "endswith", "is_distinct_from")
            return getattr(text, test)("50%")
        if kind == "null":
            return self.pick(number == None, text != None, number.is_not_distinct_from(None))  # noqa: E711
        if kind == "in":
            members = [self.value(int) for _ in range(self.draw(st.integers(0, 3)))]
            return self.pick(number.in_(members), number.not_in(members), number.in_(self.one(numbers, texts, 0)))
        if kind == "between":
            return number.between(self.value(int), self.value(int))
        if kind == "row":
            left = row(numbers[0], number)
            return self.pick(left > row(self.value(int), self.value(int)), left.in_([(1, 2), (3, self.value(int))]))
        if kind == "exists":
            return exists(self.one(numbers, texts, depth - 1))
        if kind == "raw":
            return sql("{n} = {v} or '$1 ? :x' = {t}", n=number, v=self.value(int), t=text)
        return self.joined(kind, numbers, texts, depth - 1)

    def joined(self, kind: str, numbers: list[Any], texts: list[Any], depth: int) -> Expr[bool]:
        if kind == "any" and self.dialect == PG:
            quantified = self.pick(any_, all_)(self.one(numbers, texts, depth))
            return numbers[0] >= quantified
        parts = [self.test(numbers, texts, depth) for _ in range(self.draw(st.integers(0, 3)))]
        if kind == "not" and parts:
            return ~parts[0]
        return and_(*parts) if kind == "and" else or_(*parts)

    def one(self, numbers: list[Any], texts: list[Any], depth: int) -> Any:
        """A correlated statement with one column and one row."""
        alias, more, words = self.table()
        query = select(self.number(more, words, depth)).from_(alias).where(more[0] == numbers[0])
        return query.where(self.test(more + numbers, words + texts, depth - 1)).order_by(more[0]).limit(1)

    def rows(self, depth: int) -> Any:
        """A statement with two columns, n and t, from any mixture of sources."""
        alias, numbers, texts = self.table()
        joins = []
        for _ in range(self.draw(st.integers(0, 2)) if depth > 0 else 0):
            other, more, words = self.source(depth - 1)
            on = self.pick(more[0] == numbers[0], (more[0] == numbers[0]) & (more[-1] > self.value(int)))
            joins.append((self.pick("join", "left_join", "right_join"), other, on))
            numbers, texts = numbers + more, texts + words
        number = self.windowed(numbers, texts) if self.yes() else self.number(numbers, texts, depth)
        statement = select(number.as_("n"), self.text(numbers, texts, depth).as_("t")).from_(alias)
        for how, other, on in joins:
            statement = getattr(statement, how)(other, on)
        if self.dialect == PG and depth > 0 and self.yes():
            side = self.one(numbers, texts, depth - 1).lateral(self.name("l"))
            statement = statement.left_join(side, on=True)
        statement = statement.where(*[self.test(numbers, texts, depth) for _ in range(self.draw(st.integers(0, 2)))])
        return self.finished(statement, numbers, texts, depth)

    def windowed(self, numbers: list[Any], texts: list[Any]) -> Any:
        frame = self.pick((-3, 0), (None, 2), (None, None), (1, None))
        over = window(partition_by=texts[0], order_by=[numbers[0].desc(), texts[0]], rows=frame)
        total = self.pick(fn.sum(numbers[0]), fn.count().filter(numbers[0] > self.value(int)), fn.min(numbers[0]))
        return total.over(over) + self.value(int)

    def finished(self, statement: Any, n: list[Any], t: list[Any], depth: int) -> Any:
        kind = self.pick("plain", "order", "page", "distinct", "group", "lock")
        if kind == "order":
            return statement.order_by(self.number(n, t, depth).desc(nulls="last"), [t[0].asc(nulls="first"), n[0]])
        if kind == "page":
            return statement.order_by(n[0]).offset(4) if self.yes() else statement.limit(3).offset(5)
        if kind == "distinct":
            return statement.distinct()
        if kind == "group":
            return self.grouped(statement, n, t)
        if kind == "lock" and self.dialect == PG and not self.windows(statement):
            return statement.for_update(of=[statement.__parts__["sources"][0][1]], skip_locked=self.yes())
        return statement

    def grouped(self, statement: Any, n: list[Any], t: list[Any]) -> Any:
        items = (fn.max(n[0]).as_("n"), t[0].as_("t"))
        grouped = type(statement)({**statement.__parts__, "items": items}).group_by(t[0])
        return grouped.having(fn.count().filter(n[0] > self.value(int)) >= self.value(int))

    def windows(self, statement: Any) -> bool:
        joins = [kind for kind, _, _ in statement.__parts__["sources"]]
        return " OVER " in statement.compile(PG).sql or any("RIGHT" in kind or "FULL" in kind for kind in joins)

    def source(self, depth: int) -> Any:
        if depth <= 0 or self.yes():
            return self.table()
        kind = self.pick("derived", "cte", "recursive")
        if kind == "recursive":
            start = (
                select(sql("1"), sql("'x'"))
                if self.dialect == SQLITE
                else select(cast(1, "integer"), cast("x", "text"))
            )
            found = cte_recursive(
                self.name("r"),
                ["n", "t"],
                start,
                lambda r: select(r.c.n + 1, r.c.t).from_(r).where(r.c.n < self.value(int)),
            )
        else:
            body = self.query(depth)
            name = self.name("d")
            found = (
                body.subquery(name) if kind == "derived" else body.cte(name, materialized=self.pick(None, True, False))
            )
        return found, [found.c.n], [found.c.t]

    def query(self, depth: int) -> Any:
        """Rows, or a set operation of rows."""
        statement = self.rows(depth)
        for _ in range(self.draw(st.integers(0, 2)) if depth > 0 else 0):
            if "lock" in statement.__parts__:
                return statement
            other = self.query(depth - 1)
            if "lock" in other.__parts__:
                continue
            statement = getattr(statement, self.pick("union", "union_all", "intersect", "except_"))(other)
            if self.yes():
                statement = statement.order_by(sql("1"), sql("1").as_("n").desc()).limit(9)
        return statement

    def write(self) -> Any:
        kind = self.pick("insert", "rows", "upsert", "update", "update_from", "delete", "using", "cte")
        if kind == "insert":
            rows = [
                {"ns": self.value(str), "k": self.value(str), "hits": self.value(int)} for _ in range(self.pick(1, 3))
            ]
            return insert(KV).values(*rows).returning(KV.hits + 1)
        if kind == "rows":
            query = insert(KV).columns("hits", "ns").select(self.query(1))
            return query.on_conflict().do_nothing() if self.yes() else query
        if kind == "upsert":
            start = insert(KV).values(ns=self.value(str), k="k", v=None, hits=self.value(int))
            if self.yes():
                start = insert(KV).columns(KV.hits, KV.ns).select(self.query(1))
            hits = KV.hits + excluded.hits + self.value(int)
            guard = self.pick(None, KV.hits < self.value(int), excluded.hits > 0)
            return start.on_conflict(KV.ns, "k").do_update(hits=hits, v=excluded.v, where=guard).returning(KV.ns)
        return self.change(kind)

    def change(self, kind: str) -> Any:
        alias, numbers, texts = self.table()
        target = Users.as_("own") if self.yes() else Users
        mine, words = [target.score, target.id], [target.role]
        change = update(target).set(score=self.number(mine, words, 1), role=self.value(str))
        if kind == "update_from":
            return change.from_(alias).where(numbers[0] == target.id, self.test(numbers + mine, texts, 1))
        if kind == "using" and self.dialect == PG:
            return delete(target).using(alias).where(numbers[0] == target.id, self.test(numbers, texts, 1))
        if kind == "cte" and self.dialect == PG:
            gone = (
                delete(target)
                .where(target.id > 0, self.test(mine, words, 2))
                .returning(target.id.as_("n"))
                .cte(self.name("gone"))
            )
            return select(gone.c.n, fn.count()).from_(gone).group_by(gone.c.n)
        if kind == "delete":
            return delete(target).where(target.id > 0, self.test(mine, words, 2)).returning(target.id)
        return change.where(target.id > 0, self.test(mine, words, 2)).returning(sql("*"))


@st.composite
def statements(draw: Any, dialect: str) -> Any:
    """A statement, and the values in it."""
    maker = Maker(draw, dialect)
    statement = maker.write() if draw(st.integers(0, 3)) == 0 else maker.query(draw(st.integers(0, 2)))
    return statement, maker.values


def checked(statement: Any, values: list[Any], dialect: str) -> Any:
    """Compile, and look at what can be seen without an engine."""
    compiled = statement.compile(dialect)
    bare = SKIP.sub("''", compiled.sql)
    marks = re.findall(r"\$\d+|\?", bare)
    wanted = [f"${n}" for n in range(1, len(compiled.params) + 1)] if dialect == PG else ["?"] * len(compiled.params)
    assert wanted == marks
    places = iter(range(len(marks)))
    for match in re.finditer(r"(?:/\*v(\d+)\*/)?(?:\$\d+|\?)", bare):
        place = next(places)
        if match[1]:
            assert match[1] in str(compiled.params[place])
    assert "drop table" not in compiled.sql
    untagged = re.sub(r"/\*v\d+\*/", "", compiled.sql)
    assert [] == [value for value in values if str(value) in untagged]
    return compiled


@given(statements(SQLITE))
@settings(max_examples=200)
def test_sqlite_accepts_every_statement(lite_check, made):
    """SQLite prepares whatever is built, with exactly its parameters."""
    compiled = checked(*made, SQLITE)
    lite_check(compiled.sql, compiled.params)


@given(statements(PG))
@settings(max_examples=200)
def test_postgresql_accepts_every_statement(pg_check, made):
    """PostgreSQL prepares whatever is built, and counts as many parameters."""
    compiled = checked(*made, PG)
    pg_check(compiled.sql, compiled.params)


@given(statements(PG))
def test_compiling_is_repeatable(made):
    """The same statement gives the same text and parameters each time, and stays as it is."""
    statement, _ = made
    first = statement.compile(PG)
    with suppress(UnsupportedFeature):
        statement.compile(SQLITE)
    again = statement.compile(PG)
    assert (first.sql, first.params) == (again.sql, again.params)

"""What statements do on the real engines: the same rows from SQLite and from PostgreSQL."""

from datetime import datetime

import pytest

from arlen_sqlbuilder import (
    PG,
    SQLITE,
    SQLBuilderError,
    Table,
    case,
    cast,
    column,
    cte_recursive,
    delete,
    excluded,
    exists,
    fn,
    insert,
    param,
    row,
    select,
    sql,
    update,
    window,
)


class Users(Table, name="users"):
    id = column(int)
    email = column(str)
    name = column(str)
    role = column(str)
    tenant_id = column(int)
    score = column(int)
    active = column(bool)
    created_at = column(datetime)
    data = column(dict)


class Posts(Table, name="posts"):
    id = column(int)
    author_id = column(int)
    title = column(str)
    views = column(int)


class KV(Table, name="kv"):
    ns = column(str)
    k = column(str)
    v = column(str)
    hits = column(int)


class Jobs(Table, name="jobs"):
    id = column(int)
    queue = column(str)
    state = column(str)
    attempts = column(int)


PEOPLE = [
    {"id": 1, "email": "ann@x", "role": "admin", "tenant_id": 1, "score": 90},
    {"id": 2, "email": "bob@x", "role": "user", "tenant_id": 1, "score": 50},
    {"id": 3, "email": "Cat%x", "role": "user", "tenant_id": 2, "score": None},
    {"id": 4, "email": "d_n@x", "role": "user", "tenant_id": 2, "score": 10},
]
TEXTS = [
    {"id": 1, "author_id": 1, "title": "one", "views": 5},
    {"id": 2, "author_id": 1, "title": "two", "views": 9},
    {"id": 3, "author_id": 2, "title": "three", "views": 9},
]


@pytest.fixture(params=[SQLITE, PG], ids=str)
def run(request, lite, pg_or_none):
    """Execute a statement on each engine, in a transaction that is rolled back, and return the rows."""
    execute = lite.execute
    if request.param is PG:
        if pg_or_none is None:
            pytest.skip("no PostgreSQL server is installed")
        from psycopg import RawCursor

        execute = RawCursor(pg_or_none).execute

    def fetch(statement, **named):
        compiled = statement.compile(request.param)
        cursor = execute(compiled.sql, compiled.bind(**named))
        return cursor.fetchall() if cursor.description else []

    fetch.dialect = request.param
    execute("begin")
    fetch(insert(Users).values(*PEOPLE))
    fetch(insert(Posts).values(*TEXTS))
    yield fetch
    execute("rollback")


def ids(run, *conditions, table=Users):
    """Return the ids of the rows that meet conditions."""
    return [number for (number,) in run(select(table.id).from_(table).where(*conditions).order_by(table.id))]


@pytest.mark.parametrize(
    ("condition", "found"),
    [
        (Users.score > 10, [1, 2]),
        (Users.score >= 10, [1, 2, 4]),
        (Users.score < 50, [4]),
        (Users.score <= 50, [2, 4]),
        (Users.score == 50, [2]),
        (Users.score != 50, [1, 4]),
        (Users.score == None, [3]),  # noqa: E711
        (Users.score != None, [1, 2, 4]),  # noqa: E711
        (Users.score.is_distinct_from(50), [1, 3, 4]),
        (Users.score.is_not_distinct_from(None), [3]),
        (Users.score.between(10, 50), [2, 4]),
        (Users.id.in_([1, 4]), [1, 4]),
        (Users.id.not_in([1, 4]), [2, 3]),
        (Users.id.in_([]), []),
        (Users.id.not_in([]), [1, 2, 3, 4]),
        (Users.email.contains("%"), [3]),
        (Users.email.contains("_"), [4]),
        (Users.email.startswith("d_"), [4]),
        (Users.email.endswith("%x"), [3]),
        (Users.email.like("%@x"), [1, 2, 4]),
        (Users.email.not_like("%@x"), [3]),
        ((Users.role == "user") & ((Users.tenant_id == 1) | (Users.score == 10)), [2, 4]),
        (~((Users.role == "user") | (Users.tenant_id == 2)), [1]),
        (row(Users.tenant_id, Users.id) > row(1, 2), [3, 4]),
        (row(Users.tenant_id, Users.id) == (1, 2), [2]),
        (row(Users.tenant_id, Users.id).in_([(1, 1), row(2, 4), (9, 9)]), [1, 4]),
        (row(Users.tenant_id, Users.id).not_in([(1, 1), (2, 4)]), [2, 3]),
        (Users.id.in_(select(Posts.author_id)), [1, 2]),
        (row(Users.id, Users.tenant_id).in_(select(Posts.author_id, Posts.id).from_(Posts)), [1]),
        (exists(select(1).from_(Posts).where(Posts.author_id == Users.id, Posts.views > 5)), [1, 2]),
        (~exists(select(1).from_(Posts).where(Posts.author_id == Users.id)), [3, 4]),
        (Users.score == select(fn.max(Users.score)).scalar(), [1]),
        (Users.score == select(fn.max(Users.score)), [1]),
        (Users.score * 2 - 80 == 20, [2]),
        (100 - Users.score == 10, [1]),
        (-Users.score + 100 == 50, [2]),
        (Users.email.concat("!") == "bob@x!", [2]),
        (Users.match({"tenant_id": 2, "score": None}), [3]),
        (fn.lower(Users.email) == "cat%x", [3]),
        (case((Users.score > 60, "a"), (Users.score > 20, "b"), else_="c") == "b", [2]),
        (sql("{s} > {low} or {i} = {three}", s=Users.score, low=60, i=Users.id, three=3), [1, 3]),
    ],
)
def test_conditions(run, condition, found):
    """Each condition finds the same rows on both engines."""
    assert found == ids(run, condition)


def test_joins(run):
    """Joins of every kind, with aggregates over them."""
    u, p = Users.as_("u"), Posts.as_("p")
    total = fn.sum(p.views)
    query = select(u.id, fn.count(p.id), total.as_("total")).from_(u).left_join(p, p.author_id == u.id).group_by(u.id)
    assert [(1, 2, 14), (2, 1, 9), (3, 0, None), (4, 0, None)] == run(query.order_by(u.id))
    assert [(1, 2, 14), (2, 1, 9)] == run(query.having(total > 5).order_by(total.desc()))
    assert 6 == len(run(select(u.id).from_(u).cross_join(p).where(u.id < 3)))
    assert [(3, 2)] == run(select(p.id, u.id).from_(u).right_join(p, (p.author_id == u.id)).where(p.id == 3))
    assert 5 == len(run(select(u.id, p.id).from_(u).full_join(p, p.author_id == u.id)))


def test_using(run):
    """USING joins by columns of the same name."""
    u, p = Users.as_("u"), Posts.as_("p")
    assert [(1,), (2,), (3,)] == run(select(u.id).from_(u).join(p, using=["id"]).order_by(u.id))
    assert [("one",)] == run(select(p.title).from_(u).join(p, using=[Users.id]).where(p.title == "one"))


def test_aggregates(run):
    """DISTINCT and FILTER in aggregates."""
    query = select(
        fn.count(), fn.count(Users.role).distinct(), fn.count().filter(Users.score > 20, Users.role == "user")
    )
    assert [(4, 2, 1)] == run(query)


def test_windows(run):
    """Windows by clauses and by name, with frames."""
    by = window(partition_by=Users.tenant_id, order_by=Users.id)
    rank = fn.row_number().over(by)
    assert [(1, 1), (2, 2), (3, 1), (4, 2)] == run(select(Users.id, rank.as_("r")).order_by(Users.id))
    sliding = fn.sum(Users.id).over(order_by=Users.id, rows=(-1, 1))
    assert [(3,), (6,), (9,), (7,)] == run(select(sliding).from_(Users).order_by(Users.id))
    named = select(Users.id, fn.count().filter(Users.id > 1).over("w")).window("w", order_by=[Users.id.desc()])
    assert [(4, 1), (3, 2), (2, 3), (1, 3)] == run(named.order_by(Users.id.desc()))
    whole = fn.max(Users.id).over(order_by=Users.id, groups=(None, None))
    assert [(4,)] == run(select(whole).from_(Users).distinct())
    ahead = fn.count().over(order_by=Users.id, range_=(0, 1))
    assert [(2,), (2,), (2,), (1,)] == run(select(ahead).from_(Users).order_by(Users.id))


def test_order_and_page(run):
    """NULLS, directions, labels and pages."""
    assert [3, 1, 2, 4] == [i for (i,) in run(select(Users.id).order_by(Users.score.desc(nulls="first")))]
    assert [4, 2, 1, 3] == [i for (i,) in run(select(Users.id).order_by(Users.score.asc(nulls="last")))]
    assert [(2,), (3,)] == run(select(Users.id).order_by(Users.id).limit(2).offset(1))
    assert [(3,), (4,)] == run(select(Users.id).order_by(Users.id).offset(2))
    double = (Users.id * 2).as_("double")
    assert [(8,), (6,)] == run(select(double).order_by(double.desc()).limit(2))
    assert [("user", 3), ("admin", 1)] == run(
        select(Users.role.as_("r"), fn.count().as_("n")).group_by(Users.role.as_("r")).order_by(sql("2").desc())
    )
    assert [("admin",), ("user",)] == run(select(Users.role).distinct().order_by(Users.role))


def test_callers_sort(run):
    """A caller's sort may have several names, downwards with a minus."""
    terms = Users.sort("tenant_id,-id", allow={"tenant_id", "id"})
    assert [(2,), (1,), (4,), (3,)] == run(select(Users.id).order_by(terms))


def test_keyset_pages(run):
    """Keyset pages meet every row once."""
    seen, last = [], (0, 0)
    query = (
        select(Users.tenant_id, Users.id)
        .where(row(Users.tenant_id, Users.id) > row(param("tenant"), param("id")))
        .order_by(Users.tenant_id, Users.id)
        .limit(3)
    )
    while rows := run(query, tenant=last[0], id=last[1]):
        seen += rows
        last = rows[-1]
    assert [(1, 1), (1, 2), (2, 3), (2, 4)] == seen


def test_set_operations(run):
    """Set operations, and those of those."""
    a = select(Users.id).where(Users.id < 3)
    b = select(Users.id).where(Users.id > 1)
    assert [1, 2, 3, 4] == [i for (i,) in run(a.union(b).order_by(Users.id))]
    assert [1, 2, 2, 3, 4] == [i for (i,) in run(a.union_all(b).order_by(Users.id))]
    assert [(2,)] == run(a.intersect(b))
    assert [(1,)] == run(a.except_(b))
    assert [(3,), (4,)] == run(b.except_(a.union(select(Users.id).where(Users.id == 9))).order_by(Users.id))
    assert [(2,), (1,)] == run(a.union(b).order_by(Users.id.desc()).limit(2).offset(2))
    assert [(3,), (2,)] == run(
        select(sql("3").as_("x")).union(a.order_by(Users.id.desc()).limit(1)).order_by(sql("1 desc"))
    )
    top = a.union_all(b).subquery("top")
    assert [(5,)] == run(select(fn.count()).from_(top))


def test_ctes(run):
    """CTEs, used twice, through each other, and recursive."""
    rich = select(Users.id, Users.tenant_id).where(Users.score > 20).cte("rich")
    poor = select(rich.c.id).from_(rich).where(rich.c.id > 1).cte("poor", materialized=True)
    other = rich.as_("other")
    query = select(rich.c.id, other.c.id, poor.c.id).from_(rich, other, poor).where(other.c.tenant_id == 1)
    assert [(1, 1, 2), (1, 2, 2), (2, 1, 2), (2, 2, 2)] == run(query.order_by(rich.c.id, other.c.id))
    start = select(cast(1, "integer"))
    numbers = cte_recursive("n", ["i"], start, lambda n: select(n.c.i + 1).from_(n).where(n.c.i < 5))
    assert [(15,)] == run(select(fn.sum(numbers.c.i)).from_(numbers))
    cycle = cte_recursive("c", ["i"], start, lambda c: select((c.c.i + 1) % 3).from_(c), distinct=True)
    assert [(0,), (1,), (2,)] == run(select(cycle.i).from_(cycle).order_by(cycle.i))


def test_cte_in_a_write(run):
    """A CTE in a condition of a write stands before the write."""
    low = select(Users.id).where(Users.score < 20).cte("low")
    gone = delete(Users).where(Users.id.in_(select(low.c.id).from_(low))).returning(Users.id)
    assert [(4,)] == run(gone)
    change = update(Users).set(score=0).where(Users.id.in_(select(low.c.id).from_(low)))
    assert [] == run(change.returning(Users.id))


def test_inserts(run):
    """Rows by mapping, by sequence, by keyword and from a statement."""
    rows = insert(Posts).columns(Posts.id, "title").values((10, "a"), [11, "b"]).values(id=12, title=fn.lower("C"))
    assert [(10, "a"), (11, "b"), (12, "c")] == run(rows.returning(Posts.id, Posts.title))
    copied = insert(KV).columns("ns", "k", "hits").select(select(Users.role, Users.email, Users.score).from_(Users))
    assert [("ann@x",), ("bob@x",)] == sorted(run(copied.returning(KV.k)))[1:3]
    j = Jobs.as_("j")
    assert [(7, "q")] == run(insert(j).values(id=7, queue="q").returning(j.id, j.queue))
    star = insert(Jobs).values(id=1, queue="q").returning(sql("*"))
    assert 1 == run(star)[0][0]


def test_upserts(run):
    """DO NOTHING, DO UPDATE with excluded and a condition, and with rows from a statement."""
    hit = insert(KV).values(ns="a", k="b", hits=1)
    more = hit.on_conflict(KV.ns, KV.k).do_update(hits=KV.hits + excluded.hits, where=KV.hits < 3).returning(KV.hits)
    assert [[(1,)], [(2,)], [(3,)], []] == [run(more) for _ in range(4)]
    assert [] == run(hit.on_conflict().do_nothing().returning(KV.hits))
    assert [] == run(hit.on_conflict("ns", "k").do_nothing().returning(KV.hits))
    rows = select(sql("'a'"), sql("'b'"), Users.id).from_(Users).where(Users.id == 4)
    again = (
        insert(KV).columns("ns", "k", "hits").select(rows).on_conflict(KV.ns, KV.k).do_update({"hits": excluded.hits})
    )
    assert [(4,)] == run(again.returning(KV.hits))
    both = insert(KV).columns("ns", "k", "hits").select(rows.union_all(rows)).on_conflict().do_nothing()
    assert [] == run(both.returning(KV.hits))


def test_updates(run):
    """UPDATE with expressions, an alias and other tables."""
    assert [(91,)] == run(update(Users).set(score=Users.score + 1).where(Users.id == 1).returning(Users.score))
    u = Users.as_("u")
    assert [(2, "x")] == run(update(u).set({"name": "x"}, role=u.role).where(u.id == 2).returning(u.id, u.name))
    change = update(Users).set(name=Posts.title).from_(Posts)
    assert [] == run(change.where(Posts.author_id == Users.id, Posts.views == 9))
    assert ["three", "two"] == sorted(name for (name,) in run(select(Users.name).where(Users.id < 3)))
    gone = Users.as_("gone")
    assert [(4, 4)] == run(delete(gone).where(gone.id == 4).returning(gone.id, gone.id + 0))
    assert 3 == len(run(update(Users).set(name=None).all_rows().returning(Users.id)))


def test_deletes(run):
    """DELETE with a condition, and of everything."""
    assert [(3,)] == run(delete(Users).where(Users.score == None).returning(Users.id))  # noqa: E711
    assert 3 == len(run(delete(Users).all_rows().returning(Users.id)))


@pytest.mark.parametrize("key", ["a", "a.b", "$.a", "a b", "'", "$", "*", "[0]", "0", "ü", "", "a'b", "\\"])
def test_json_keys(run, key):
    """A JSON key is a value: it is neither a path nor text of the statement."""
    import json

    document = {"a": {"b": "wrong"}, "x": [10, {"y": "deep"}], "$": {"a": "wrong"}}
    document[key] = "right"
    text = json.dumps(document, ensure_ascii=False)
    run(update(Users).set(data=text if run.dialect is SQLITE else cast(text, "jsonb")).where(Users.id == 1))
    assert [("right",)] == run(select(Users.data.json_text(key)).where(Users.id == 1))
    deep = Users.data.json("x", 1).json_text("y")
    assert [("deep", "deep")] == run(select(deep, Users.data.json_text("x", -1, "y")).where(deep == "deep"))


def test_json_quotes(run):
    """A key with a double quote works on PostgreSQL, and is refused on SQLite, which cannot look it up."""
    query = select(Users.data.json_text('a"b')).where(Users.id == 1)
    if run.dialect is SQLITE:
        with pytest.raises(SQLBuilderError, match="quote"):
            run(query)
    else:
        run(update(Users).set(data=cast('{"a\\"b": 5}', "jsonb")).where(Users.id == 1))
        assert [("5",)] == run(query)


@pytest.mark.parametrize("path", [(), (None,), (True,), (1.5,), (param("x"),), (["a"],)])
def test_json_paths(path):
    """A JSON path is keys and positions."""
    with pytest.raises(SQLBuilderError) as caught:
        Users.data.json(*path)
    assert "invalid_argument" == caught.value.code


@pytest.mark.parametrize(
    "name", ['a"b', "a.b", "select", "Mixed Case", "a'b", "a`b", "a]b", "ü", "$1", "?", ":x", "%s"]
)
def test_hostile_names(run, name):
    """Tables, columns, aliases and labels of any name work on both engines."""
    table = Table(name)
    quoted = name.replace('"', '""')
    run(sql("create temporary table {t} ({c:i} integer primary key, {d:i} text)", t=table, c=name, d=name + "2"))
    run(insert(table).columns(name, name + "2").values((1, name), (2, "x")))
    t = table.as_(name + "3")
    query = select(t.c[name].as_(name), t.c[name + "2"]).from_(t).where(t.c[name + "2"] == name)
    assert [(1, name)] == run(query)
    rows = query.cte(name + "4")
    assert [(1,)] == run(select(rows.c[name]).from_(rows))
    upsert = insert(table).columns(name).values((1,)).on_conflict(name).do_update({name: excluded[name] + 5})
    assert [(6,)] == run(upsert.returning(table.c[name]))
    assert quoted in select(t.c[name]).from_(t).compile(run.dialect).sql
    run(sql("drop table {t}", t=table))


def test_unknown_columns_are_errors(lite):
    """SQLite takes an unknown double-quoted name for a string; a column that carries its table's name is an error."""
    import sqlite3

    query = select(Table("users").c.nope).compile(SQLITE)
    with pytest.raises(sqlite3.OperationalError, match="no such column"):
        lite.execute(query.sql)


def test_any_array(pg):
    """ANY over an array is one parameter."""
    from psycopg import RawCursor

    from arlen_sqlbuilder import all_, any_

    found = select(sql("x").as_("x")).from_(sql("generate_series(1, 5) as x")).where(sql("x") == any_([2, 4, 9]))
    compiled = found.compile(PG)
    assert ([2, 4, 9],) == compiled.params
    assert [(2,), (4,)] == RawCursor(pg).execute(compiled.sql, compiled.params).fetchall()
    assert "ALL ($1)" in select(Users.id).where(Users.id > all_([1])).compile(PG).sql


def test_locks(pg_check):
    """Locks of every kind."""
    query = select(Users.id).from_(Users).join(Posts, on=True)
    for locked, text in (
        (query.for_update(), "FOR UPDATE"),
        (query.for_share(nowait=True), "FOR SHARE NOWAIT"),
        (query.for_update(of=[Users], skip_locked=True), 'FOR UPDATE OF "users" SKIP LOCKED'),
        (query.for_share(of=[Posts, Users]), 'FOR SHARE OF "posts", "users"'),
    ):
        compiled = locked.compile(PG)
        assert compiled.sql.endswith(f"ON TRUE {text}")
        pg_check(compiled.sql, compiled.params)


def test_postgresql_only(pg_check):
    """DISTINCT ON, ordered aggregates, DELETE USING, data-modifying CTEs, named constraints."""
    gone = delete(Posts).where(Posts.views < 1).returning(Posts.author_id).cte("gone")
    moved = insert(KV).values(ns="a", k="b").returning(KV.k).cte("moved")
    for statement in (
        select(Users.id).distinct(Users.tenant_id).order_by(Users.tenant_id),
        select(fn.array_agg(Users.id).order_by(Users.score.desc(), Users.id)),
        select(fn.array_agg(Users.id).distinct().order_by(Users.id).filter(Users.id > 1)),
        delete(Users).using(Posts).where(Posts.author_id == Users.id).returning(Users.id, Posts.id),
        select(Users.email).from_(Users).join(gone, gone.c.author_id == Users.id),
        select(fn.count()).from_(gone).with_(moved),
        insert(Users).values(id=1).on_conflict(constraint="users_pkey").do_update(role="x"),
    ):
        compiled = statement.compile(PG)
        pg_check(compiled.sql, compiled.params)

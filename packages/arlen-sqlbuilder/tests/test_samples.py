"""The fifteen samples that the API was designed by: each gives its text and parameters on both dialects."""

from datetime import UTC, datetime

import pytest

from arlen_sqlbuilder import (
    PG,
    SQLITE,
    SQLBuilderError,
    Table,
    UnsafeStatement,
    UnsupportedFeature,
    case,
    column,
    cte_recursive,
    delete,
    excluded,
    exists,
    fn,
    insert,
    not_,
    or_,
    param,
    row,
    select,
    sql,
    update,
)


class Users(Table, name="users", schema=None):
    id = column(int)
    email = column(str)
    name = column(str | None)
    role = column(str)
    tenant_id = column(int)
    score = column(int)
    active = column(bool)
    created_at = column(datetime)


class Posts(Table, name="posts"):
    id = column(int)
    author_id = column(int)
    title = column(str)
    status = column(str)
    views = column(int)


class Orders(Table, name="orders"):
    id = column(int)
    total = column(int)
    status = column(str)


class Employees(Table, name="employees"):
    id = column(int)
    manager_id = column(int)


class KV(Table, name="kv"):
    ns = column(str)
    k = column(str)
    v = column(str)
    hits = column(int)


class Jobs(Table, name="jobs"):
    id = column(int)
    queue = column(str)
    state = column(str)
    run_at = column(datetime)
    attempts = column(int)


@pytest.fixture
def both(pg_check, lite_check):
    """Compile on both dialects, have both engines accept it, and return PostgreSQL's text and the parameters."""

    def check(statement, *, only=None):
        compiled = statement.compile(PG)
        pg_check(compiled.sql, compiled.params)
        if only is None:
            lite = statement.compile(SQLITE)
            lite_check(lite.sql, tuple(1 for _ in lite.params))
            assert compiled.params == lite.params
        return compiled.sql, list(compiled.params)

    return check


def test_select(both):
    """Sample 2: predicates, order and page, everything bound; SQLite has no ILIKE."""
    query = (
        select(Users.id, Users.email)
        .where(Users.tenant_id == 7, Users.email.ilike("%acme%"))
        .order_by(Users.email)
        .limit(20)
        .offset(40)
    )
    text = (
        'SELECT "id", "email" FROM "users" WHERE "tenant_id" = $1 AND "email" ILIKE $2 '
        'ORDER BY "email" LIMIT $3 OFFSET $4'
    )
    assert (text, [7, "%acme%", 20, 40]) == both(query, only=PG)
    with pytest.raises(UnsupportedFeature, match="sqlite does not support ilike"):
        query.compile(SQLITE)


def test_fragment(both):
    """Sample 3: a fragment is a condition like any other, in parentheses."""
    same = sql("lower({c}) = lower({v})", c=Users.email, v="A@x")
    text = 'SELECT "id" FROM "users" WHERE "active" AND (lower("email") = lower($1))'
    assert (text, ["A@x"]) == both(select(Users.id).where(Users.active, same))


def test_dynamic_filters(both):
    """Sample 4: filters are a list; contains escapes what LIKE would read."""
    conditions = [Users.role == "admin"]
    conditions.append(Users.email.contains("50%_\\"))
    text = """SELECT "id" FROM "users" WHERE "role" = $1 AND "email" LIKE $2 ESCAPE '\\'"""
    assert (text, ["admin", "%50\\%\\_\\\\%"]) == both(select(Users.id).where(*conditions))
    assert ('SELECT "id" FROM "users"', []) == both(select(Users.id).where())


def test_match_and_sort(both):
    """Sample 5: a mapping filters by equality with sorted keys, and a caller sorts by what is allowed."""
    wanted = Users.sort("name", allow=["name", "created_at"])
    query = select(Users.id).where(Users.match({"tenant_id": 1, "active": True})).order_by(wanted)
    text = 'SELECT "id" FROM "users" WHERE "active" = $1 AND "tenant_id" = $2 ORDER BY "name"'
    assert (text, [True, 1]) == both(query)


@pytest.mark.parametrize("name", ["password", "email", "name desc", "name;", "", "-", "name,"])
def test_sort_refuses(name):
    """Sample 5: a name that is unknown or not allowed is refused before there is any SQL."""
    with pytest.raises(SQLBuilderError) as caught:
        Users.sort(name, allow=["name", "created_at"])
    assert "invalid_identifier" == caught.value.code


def test_joins(both):
    """Sample 6: aliases, a left join, an aggregate that is used three times."""
    u, p = Users.as_("u"), Posts.as_("p")
    n = fn.count(p.id)
    query = (
        select(u.email, n.as_("n"))
        .from_(u)
        .left_join(p, (p.author_id == u.id) & (p.status == "published"))
        .group_by(u.email)
        .having(n >= 2)
        .order_by(n.desc())
    )
    text = (
        'SELECT "u"."email", count("p"."id") AS "n" FROM "users" AS "u" LEFT JOIN "posts" AS "p" '
        'ON "p"."author_id" = "u"."id" AND "p"."status" = $1 GROUP BY "u"."email" '
        'HAVING count("p"."id") >= $2 ORDER BY count("p"."id") DESC'
    )
    assert (text, ["published", 2]) == both(query)


def test_cte(both):
    """Sample 7: a CTE is a value that is used like a table."""
    paid = select(Orders.id, Orders.total).where(Orders.status == "paid").cte("paid")
    text = (
        'WITH "paid" AS (SELECT "id", "total" FROM "orders" WHERE "status" = $1) '
        'SELECT "id" FROM "paid" WHERE "total" > $2'
    )
    assert (text, ["paid", 60]) == both(select(paid.c.id).from_(paid).where(paid.c.total > 60))


def test_recursive_cte(both):
    """Sample 7: a recursive CTE is a function of itself."""
    e = Employees.as_("e")
    base = select(Employees.id, sql("0")).where(Employees.manager_id == None)  # noqa: E711
    tree = cte_recursive(
        "tree",
        ["id", "depth"],
        base,
        lambda t: select(e.id, t.depth + 1).from_(e).join(t, e.manager_id == t.id),
    )
    text = (
        'WITH RECURSIVE "tree" ("id", "depth") AS ((SELECT "id", 0 FROM "employees" WHERE "manager_id" IS NULL) '
        'UNION ALL (SELECT "e"."id", "tree"."depth" + $1 FROM "employees" AS "e" '
        'JOIN "tree" ON "e"."manager_id" = "tree"."id")) SELECT "id", "depth" FROM "tree"'
    )
    assert (text, [1]) == both(select(tree.c.id, tree.c.depth).from_(tree))


def test_lateral(both):
    """Sample 8: the top row of each group by LATERAL, which SQLite refuses."""
    u, p = Users.as_("u"), Posts.as_("p")
    top = select(p.title).from_(p).where(p.author_id == u.id).order_by(p.views.desc()).limit(1).lateral("top")
    query = select(u.id, top.c.title).from_(u).left_join(top, on=True)
    text = (
        'SELECT "u"."id", "top"."title" FROM "users" AS "u" LEFT JOIN LATERAL (SELECT "p"."title" FROM "posts" AS "p" '
        'WHERE "p"."author_id" = "u"."id" ORDER BY "p"."views" DESC LIMIT $1) AS "top" ON TRUE'
    )
    assert (text, [1]) == both(query, only=PG)
    with pytest.raises(UnsupportedFeature, match="lateral"):
        query.compile(SQLITE)


def test_keyset(both):
    """Sample 9: a keyset page compares rows."""
    after = datetime(2026, 11, 1, tzinfo=UTC)
    query = (
        select(Users.id)
        .where(row(Users.created_at, Users.id) > row(after, 5))
        .order_by(Users.created_at, Users.id)
        .limit(20)
    )
    text = 'SELECT "id" FROM "users" WHERE ("created_at", "id") > ($1, $2) ORDER BY "created_at", "id" LIMIT $3'
    assert (text, [after, 5, 20]) == both(query)


def test_insert(both):
    """Sample 10: rows of mappings, columns sorted."""
    rows = {"email": "a@x", "tenant_id": 1}, {"tenant_id": 1, "email": "b@x"}
    text = 'INSERT INTO "users" ("email", "tenant_id") VALUES ($1, $2), ($3, $4) RETURNING "id"'
    assert (text, ["a@x", 1, "b@x", 1]) == both(insert(Users).values(*rows).returning(Users.id))


def test_upsert(both):
    """Sample 11: an upsert with the row that could not be inserted."""
    query = insert(KV).values(ns="cfg", k="theme", v="dark", hits=1).on_conflict(KV.ns, KV.k)
    query = query.do_update(v=excluded.v, hits=KV.hits + excluded.hits)
    text = (
        'INSERT INTO "kv" ("hits", "k", "ns", "v") VALUES ($1, $2, $3, $4) ON CONFLICT ("ns", "k") '
        'DO UPDATE SET "hits" = "kv"."hits" + "excluded"."hits", "v" = "excluded"."v"'
    )
    assert (text, [1, "theme", "cfg", "dark"]) == both(query)


def test_claim(both):
    """Sample 12: a job is claimed in one statement."""
    pick = (
        select(Jobs.id)
        .where(Jobs.queue == "mail", Jobs.state == "queued")
        .order_by(Jobs.run_at)
        .limit(1)
        .for_update(skip_locked=True)
    )
    query = update(Jobs).set(state="running", attempts=Jobs.attempts + 1).where(Jobs.id == pick.scalar())
    text = (
        'UPDATE "jobs" SET "attempts" = "attempts" + $1, "state" = $2 WHERE "id" = (SELECT "jobs"."id" FROM "jobs" '
        'WHERE "jobs"."queue" = $3 AND "jobs"."state" = $4 ORDER BY "jobs"."run_at" LIMIT $5 FOR UPDATE SKIP LOCKED) '
        'RETURNING "id"'
    )
    assert (text, [1, "running", "mail", "queued", 1]) == both(query.returning(Jobs.id), only=PG)


def test_unconditional_delete(both):
    """Sample 12: a write without a condition must be asked for."""
    with pytest.raises(UnsafeStatement) as caught:
        delete(Users).compile(PG)
    assert "unsafe_statement" == caught.value.code
    assert ('DELETE FROM "users"', []) == both(delete(Users).all_rows())


def test_compile_once():
    """Sample 13: a compiled statement takes its values by name."""
    by_id = select(Users.id, Users.email).where(Users.id == param("id")).compile(PG)
    assert 'SELECT "id", "email" FROM "users" WHERE "id" = $1' == by_id.sql
    assert ((5,), (6,)) == (by_id.bind(id=5), by_id.bind(id=6))


def test_two_dialects(both):
    """Sample 14: a set operation has parentheses in PostgreSQL and none in SQLite."""
    query = select(Users.id).where(Users.role == "admin").union_all(select(Users.id).where(Users.score < 40))
    query = query.order_by(Users.id.desc()).limit(3)
    text = (
        '(SELECT "id" FROM "users" WHERE "role" = $1) UNION ALL (SELECT "id" FROM "users" WHERE "score" < $2) '
        'ORDER BY "id" DESC LIMIT $3'
    )
    assert (text, ["admin", 40, 3]) == both(query)
    lite = (
        'SELECT "users"."id" FROM "users" WHERE "users"."role" = ? UNION ALL '
        'SELECT "users"."id" FROM "users" WHERE "users"."score" < ? ORDER BY "id" DESC LIMIT ?'
    )
    assert lite == query.compile(SQLITE).sql


def test_reuse(both):
    """Sample 15: a statement is extended and stays as it was; an outer column is qualified."""
    base = select(Users.id).where(Users.tenant_id == 1)
    lonely = base.where(~exists(select(1).from_(Posts).where(Posts.author_id == Users.id)))
    text = (
        'SELECT "id" FROM "users" WHERE "tenant_id" = $1 AND NOT EXISTS '
        '(SELECT $2 FROM "posts" WHERE "posts"."author_id" = "users"."id")'
    )
    assert (text, [1, 1]) == both(lonely)
    assert ('SELECT "id" FROM "users" WHERE "tenant_id" = $1', [1]) == both(base)


def test_print(capsys):
    """Sample 15: print shows the text and the parameters after it, never merged."""
    print(select(Users.id).where(Users.email == "o'x\n", Users.id == param("id")))  # noqa: T201
    shown = 'SELECT "id" FROM "users" WHERE "email" = $1 AND "id" = $2\n-- $1 = "o\'x\\n", $2 = param(\'id\')\n'
    assert shown == capsys.readouterr().out


def test_remaining_names(both):
    """The names of the samples' import that no sample uses: case, or_ and not_."""
    level = case((Users.score > 90, "gold"), (Users.score > 50, "silver"), else_="none")
    query = select(Users.id, level.as_("level")).where(or_(Users.active, not_(Users.score < 3)))
    text = (
        'SELECT "id", CASE WHEN "score" > $1 THEN $2 WHEN "score" > $3 THEN $4 ELSE $5 END AS "level" FROM "users" '
        'WHERE "active" OR NOT ("score" < $6)'
    )
    assert (text, [90, "gold", 50, "silver", "none", 3]) == both(query)

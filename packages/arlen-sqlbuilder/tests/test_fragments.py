"""Fragments: slots, names, nesting, template strings, and text that looks like a placeholder."""

from types import SimpleNamespace

import pytest

from arlen_sqlbuilder import (
    PG,
    SQLITE,
    SQLBuilderError,
    Table,
    column,
    exists,
    fn,
    insert,
    param,
    select,
    sql,
    update,
)


class Users(Table, name="users"):
    id = column(int)
    email = column(str)
    role = column(str)
    score = column(int)


class Posts(Table, name="posts"):
    id = column(int)
    author_id = column(int)


def template(*parts):
    """Stand in for a template string: texts and (value, format) pairs in turn."""
    holes = [hole if isinstance(hole, tuple) else (hole, "") for hole in parts[1::2]]
    interpolations = tuple(
        SimpleNamespace(value=value, expression="x", conversion=None, format_spec=form) for value, form in holes
    )
    return SimpleNamespace(strings=tuple(parts[::2]), interpolations=interpolations)


def both(fragment):
    """Return the text of both dialects, and the parameters."""
    one, two = fragment.compile(PG), fragment.compile(SQLITE)
    assert one.params == two.params
    return one.sql, two.sql, list(one.params)


def test_whole_statement():
    """A fragment is a statement of its own."""
    query = sql("select count(*) from users where tenant_id = {tenant} and role = {role}", tenant=7, role="x")
    assert (
        "select count(*) from users where tenant_id = $1 and role = $2",
        "select count(*) from users where tenant_id = ? and role = ?",
        [7, "x"],
    ) == both(query)


def test_repeated_slot():
    """A slot that stands twice is two parameters."""
    assert ("$1 + $2 + $3", "? + ? + ?", [1, 2, 1]) == both(sql("{a} + {b} + {a}", a=1, b=2))


def test_names():
    """A slot with :i is an identifier: a text, a column or a table."""
    u = Users.as_("u")
    query = sql("insert into {t:i} ({c:i}) values ({x}) -- {n:i} {a:i}", t=Users, c=Users.email, x=1, n='a"b', a=u)
    assert 'insert into "users" ("email") values ($1) -- "a""b" "u"' == query.compile(PG).sql


def test_columns_and_tables():
    """Columns and tables in slots become text; two tables in a fragment are told apart."""
    text = "select {a} from {t} join {v} on {b} = {a}"
    posts = Table("posts", schema="app")
    query = sql(text, a=Users.id, b=posts.c.author_id, t=Users, v=posts)
    assert (
        'select "users"."id" from "users" join "app"."posts" on "posts"."author_id" = "users"."id"'
    ) == query.compile(PG).sql
    assert 'select "id" from "users"' == sql("select {a} from {t}", a=Users.id, t=Users).compile(PG).sql


def test_aliases_in_slots():
    """An alias in a slot is its name alone."""
    u = Users.as_("u")
    query = sql("select {u}.* from {t} as {u} where {c} = 1", u=u, t=Users, c=u.id)
    assert 'select "u".* from "users" as "u" where "id" = 1' == query.compile(PG).sql
    assert 'where "u"."id" = 1' in query.compile(SQLITE).sql


def test_nesting():
    """Fragments, expressions and statements nest, and their parameters keep the order of the text."""
    inner = sql("score > {low}", low=1)
    query = select(Users.id).where(Users.role == 2, Users.score < 3)
    whole = sql("{a} and {b:q} and id in ({q:q}) and {e}", a=inner, b=inner, q=query, e=Users.id + 4 == 5)
    found = whole.compile(PG)
    assert (
        "score > $1 and score > $2 and id in "
        '(SELECT "id" FROM "users" WHERE "role" = $3 AND "score" < $4) and ("id" + $5 = $6)'
    ) == found.sql.replace('"users".', "")
    assert (1, 1, 2, 3, 4, 5) == found.params


def test_hidden_tables():
    """A fragment may use tables that the builder does not see; its columns then say whose they are."""
    hidden = sql("exists (select 1 from posts where {p} = {u})", p=Posts.author_id, u=Users.id)
    query = select(Users.id).where(hidden)
    assert (
        'SELECT "id" FROM "users" WHERE (exists (select 1 from posts where "posts"."author_id" = "users"."id"))'
    ) == query.compile(PG).sql


def test_everywhere():
    """A fragment stands in SELECT, FROM, JOIN, GROUP BY, ORDER BY, SET, VALUES and RETURNING."""
    f = sql("x({v})", v=1)
    query = select(f, f.as_("y")).from_(f).join(f.subquery("z"), on=f).group_by(f).having(f).order_by(f.desc())
    assert (
        'SELECT x($1), x($2) AS "y" FROM x($3) JOIN x($4) AS "z" ON (x($5)) GROUP BY x($6) HAVING (x($7)) '
        "ORDER BY x($8) DESC"
    ) == query.compile(PG).sql
    assert 'INSERT INTO "users" ("id") VALUES (x($1)) RETURNING x($2)' == (
        insert(Users).values(id=f).returning(f).compile(PG).sql
    )
    assert 'UPDATE "users" SET "id" = x($1) WHERE (x($2))' == update(Users).set(id=f).where(f).compile(PG).sql


def test_sources(lite, pg):
    """A fragment in FROM has a name and any columns, or no name and whatever columns."""
    numbers = sql("(select 1 as n union select {x})", x=2).subquery("numbers")
    for connection, dialect in ((lite, SQLITE), (pg, PG)):
        query = select(numbers.c.n).from_(numbers).order_by(numbers.c.n).compile(dialect)
        if dialect is SQLITE:
            assert [(1,), (2,)] == connection.execute(query.sql, query.params).fetchall()
        else:
            assert query.sql.startswith('SELECT "n" FROM (select 1 as n union select $1) AS "numbers"')
    loose = select(Users.id, Posts.id).from_(sql("users, posts")).compile(PG)
    assert 'SELECT "id", "id" FROM users, posts' == loose.sql


def test_cte_of_a_fragment():
    """A fragment is a CTE too."""
    recent = sql("select id from users where score > {low}", low=3).cte("recent")
    assert 'WITH "recent" AS (select id from users where score > $1) SELECT "id" FROM "recent"' == (
        select(recent.c.id).from_(recent).compile(PG).sql
    )


def test_operators():
    """A fragment is an operand like any expression."""
    f = sql("a or {x}", x=1)
    assert '((a or $1) = $2 AND NOT (a or $3) AND "users"."id" = (a or $4))' == (
        sql("{t}", t=(f == 2) & ~f & (Users.id == f)).compile(PG).sql.replace('"id"', '"users"."id"')
    )
    assert "EXISTS (select 1)" == sql("{e}", e=exists(sql("select 1"))).compile(PG).sql


def test_join():
    """A fragment joins others, as a text does."""
    conditions = [sql("a = {x}", x=1), Users.id == 2, 3]
    found = sql(" and ").join(conditions).compile(PG)
    assert ('a = $1 and ("id" = $2) and $3', (1, 2, 3)) == (found.sql, found.params)
    assert ("", ()) == (sql(", ").join([]).compile(PG).sql, sql(", ").join([]).compile(PG).params)
    assert "a{}b" == sql("{{}}").join([sql("a"), sql("b")]).compile(PG).sql


def test_open_parameters():
    """An open parameter in a slot is bound later."""
    query = sql("select {a}, {b}", a=param("a"), b=5).compile(SQLITE)
    assert (1, 5) == query.bind(a=1)


@pytest.mark.parametrize(
    ("text", "slots"),
    [
        ("{x}", {}),
        ("x", {"x": 1}),
        ("{x} {y}", {"x": 1}),
        ("{", {}),
        ("}", {"x": 1}),
        ("{}", {"x": 1}),
        ("{0}", {}),
        ("{x.y}", {"x": 1}),
        ("{x[0]}", {"x": [1]}),
        ("{x!r}", {"x": 1}),
        ("{x:l}", {"x": 1}),
        ("{x:s}", {"x": 1}),
        ("{x:>10}", {"x": 1}),
        ("{x:{y}}", {"x": 1, "y": 2}),
        ("{x:q}", {"x": 1}),
        ("{x:q}", {"x": "select 1"}),
        ("select '\0'", {}),
        ("{x}\0", {"x": 1}),
    ],
)
def test_broken_slots(text, slots):
    """Slots that cannot be read, or do not fit their values, are invalid_argument."""
    with pytest.raises(SQLBuilderError) as caught:
        sql(text, **slots)
    assert "invalid_argument" == caught.value.code


@pytest.mark.parametrize("text", [None, 5, b"select 1", ["select 1"], Users.id, select(Users.id)])
def test_what_is_no_text(text):
    """A fragment is made of a text or a template string."""
    with pytest.raises(SQLBuilderError) as caught:
        sql(text)
    assert "invalid_argument" == caught.value.code


def test_template_strings():
    """A template string is known by its strings and interpolations; values are bound, nodes spliced."""
    made = template("lower(", Users.email, ") = lower(", "A@x", ") or ", ("role", "i"), " = ", {"a": 1}, "")
    found = select(Users.id).where(Users.score > 1, sql(made)).compile(PG)
    assert (
        'SELECT "id" FROM "users" WHERE "score" > $1 AND (lower("email") = lower($2) or "role" = $3)',
        (1, "A@x", {"a": 1}),
    ) == (found.sql, found.params)


def test_template_text_is_untouched():
    """Braces, placeholders and names in a template's text stay as they are."""
    made = template("select '{x} $1 ? :n' || ", 5, " -- {{}}")
    assert ("select '{x} $1 ? :n' || $1 -- {{}}", "select '{x} $1 ? :n' || ? -- {{}}", [5]) == both(sql(made))


def test_nested_templates():
    """Templates nest, with :q or without."""
    inner = template("a = ", 1, "")
    found = sql(template("", inner, " and ", (inner, "q"), " and ", (sql("c"), "q"), "")).compile(PG)
    assert ("a = $1 and a = $2 and c", (1, 1)) == (found.sql, found.params)


@pytest.mark.parametrize("form", ["l", "s", "t", "b", ">10", "I"])
def test_template_forms(form):
    """A form other than i and q is refused: :l would put a value into the text."""
    with pytest.raises(SQLBuilderError, match=":i or :q"):
        sql(template("", (1, form), ""))


def test_template_conversions():
    """A conversion is refused, and so are keywords beside a template."""
    made = template("", 1, "")
    made.interpolations[0].conversion = "r"
    with pytest.raises(SQLBuilderError, match="conversion"):
        sql(made)
    with pytest.raises(SQLBuilderError):
        sql(template("", 1, ""), x=2)
    with pytest.raises(SQLBuilderError, match="NUL"):
        sql(template("a\0", 1, ""))


TRAPS = {
    "a dollar sign in a string": ("'$1'", "$1"),
    "a question mark in a string": ("'?'", "?"),
    "a colon name in a string": ("':name'", ":name"),
    "a percent sign in a string": ("'%s %(x)s %%'", "%s %(x)s %%"),
    "a quote in a string": ("'it''s $1'", "it's $1"),
    "braces in a string": ("'{{$1}}'", "{$1}"),
}


@pytest.mark.parametrize("trap", TRAPS)
def test_traps(trap, lite, pg):
    """What looks like a placeholder in a literal is neither counted nor renumbered, on both engines."""
    from psycopg import RawCursor

    text, shown = TRAPS[trap]
    whole = sql("select {a}, " + text + ", {b}, " + text, a="first", b="second")
    found = whole.compile(SQLITE)
    assert ("first", shown, "second", shown) == lite.execute(found.sql, found.params).fetchone()
    found = whole.compile(PG)
    assert ("first", shown, "second", shown) == RawCursor(pg).execute(found.sql, found.params).fetchone()


def test_dollar_quotes(pg):
    """A dollar-quoted body keeps its dollars."""
    from psycopg import RawCursor

    found = sql("select $$a $1 ? :x$$, $f$ $2 $$ $f$, {x}::text", x="v").compile(PG)
    assert ("a $1 ? :x", " $2 $$ ", "v") == RawCursor(pg).execute(found.sql, found.params).fetchone()


def test_comments(lite):
    """A comment may hold anything."""
    found = sql("select /* ? $1 :x */ {x} -- ?\n", x=5).compile(SQLITE)
    assert (5,) == lite.execute(found.sql, found.params).fetchone()


def test_json_operators(pg):
    """PostgreSQL's operators with question marks need no escape."""
    from psycopg import RawCursor

    found = select(sql("{d}::jsonb ? {k}", d='{"a": 1}', k="a")).compile(PG)
    assert (True,) == RawCursor(pg).execute(found.sql, found.params).fetchone()


def test_values_never_become_text():
    """A value that looks like SQL stays a parameter, in a fragment too."""
    evil = "'); drop table users; --"
    found = sql("select {a}, {b}", a=evil, b=fn.lower(evil)).compile(PG)
    assert ("select $1, lower($2)", (evil, evil)) == (found.sql, found.params)

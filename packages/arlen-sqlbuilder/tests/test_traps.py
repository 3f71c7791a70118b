"""Traps: statements that look right and would mean something else, each of them met once."""

import pickle
import sqlite3
from enum import Enum

import pytest

from arlen_sqlbuilder import (
    PG,
    SQLITE,
    SQLBuilderError,
    Table,
    UnsafeStatement,
    case,
    cast,
    column,
    cte_recursive,
    delete,
    exists,
    fn,
    insert,
    select,
    sql,
    update,
)


class Users(Table, name="users"):
    id = column(int)
    email = column(str)
    score = column(int)
    created_at = column(str)


class Posts(Table, name="posts"):
    id = column(int)
    author = column(int)


class Names(str, Enum):  # noqa: UP042 - that one has another __str__
    USERS = "users"
    ID = "id"
    INTEGER = "integer"


def refused(action):
    """Return the code of the error that an action raises."""
    with pytest.raises(SQLBuilderError) as caught:
        action()
    return caught.value.code


def test_slot_holds_together():
    """An expression in a slot is one term, whatever stands around the slot."""
    assert '("a" + "b") * 2' == sql("{x} * 2", x=Table("t").c.a + Table("t").c.b).compile(PG).sql
    found = sql(" and ").join([(Users.id == 1) | (Users.id == 2), Users.score > 3]).compile(PG)
    assert '("id" = $1 OR "id" = $2) and ("score" > $3)' == found.sql


def test_slot_of_text_stays():
    """A statement, a fragment and a single term in a slot get no parentheses that nobody wrote."""
    query = sql("{q} union {f}", q=select(Users.id), f=sql("select 1")).compile(PG)
    assert 'SELECT "id" FROM "users" union select 1' == query.sql.replace('"users"."id"', '"id"')
    assert 'lower("email")' == sql("lower({x})", x=Users.email).compile(PG).sql


@pytest.mark.parametrize("test", [cast(Users.score, "boolean"), case((Users.id == 1, True)), fn.bool_or(Users.id == 1)])
def test_case_of_any_condition(test):
    """A branch of CASE tests any expression, also one that is made of several texts."""
    text = select(case((test, 1), else_=0)).compile(PG).sql
    inside = select(test).compile(PG).sql.removeprefix("SELECT ").removesuffix(' FROM "users"')
    assert text.startswith(f"SELECT CASE WHEN {inside} THEN ")


def test_several_raw_sources():
    """Fragments in FROM have no names, and so cannot be mistaken for each other."""
    query = select(sql("*")).from_(sql("a"), sql("b")).join(sql("c"), on=True)
    assert "SELECT * FROM a, b JOIN c ON TRUE" == query.compile(PG).sql


def test_outer_column_in_raw_query():
    """A column in a hand-written query says whose it is, so that no table of that query can take it."""
    written = exists(sql("select 1 from posts where author = {id}", id=Users.id))
    assert (
        'WHERE EXISTS (select 1 from posts where author = "users"."id")'
        in select(Users.email).where(written).compile(PG).sql
    )
    nested = sql("exists (Select 1 from posts where {x})", x=sql("{a} = author", a=Users.id))
    assert '"users"."id" = author' in select(Users.email).where(nested).compile(PG).sql
    assert (
        '(lower("email") = $1)' in select(Users.id).where(sql("lower({e}) = {x}", e=Users.email, x=1)).compile(PG).sql
    )


def test_outer_column_in_raw_query_finds_its_rows(lite):
    """What the hand-written query finds is what its outer column means."""
    lite.execute("insert into users (id, email) values (901, 'a'), (902, 'b')")
    lite.execute("insert into posts (id, author_id) values (902, 901)")
    author = sql("select 1 from posts where author_id = {id} and {id} > 900", id=Users.id)
    found = select(Users.id).where(exists(author)).compile(SQLITE)
    try:
        assert [(901,)] == lite.execute(found.sql, found.params).fetchall()
    finally:
        lite.execute("delete from posts where id = 902")
        lite.execute("delete from users where id > 900")


@pytest.mark.parametrize("dialect", [PG, SQLITE])
def test_with_must_not_take_a_table(dialect):
    """A statement in WITH that has the name of a table of the same statement is refused: it would be read instead."""
    c = select(Posts.author.as_("id")).cte("users").as_("x")
    query = select(c.c.id, Users.email).from_(c).join(Users, Users.id == c.c.id)
    assert "compile_failed" == refused(lambda: query.compile(dialect))
    inside = select(Users.id).where(Users.score > 1).cte("users")
    assert "compile_failed" == refused(lambda: select(inside.c.id).from_(inside).compile(dialect))


def test_with_beside_a_schema():
    """A table with a schema cannot be mistaken for a statement in WITH."""
    users = Table("users", schema="app")
    c = select(users.c.id).cte("users")
    assert 'WITH "users" AS (SELECT "id" FROM "app"."users") SELECT "id" FROM "users"' == (
        select(c.c.id).from_(c).compile(PG).sql
    )


def test_group_by_label_goes_by_place():
    """A label in GROUP BY is the expression, and never a column of the table that is called the same."""
    day = fn.date_trunc("day", Users.created_at).as_("created_at")
    query = select(fn.count(), day).group_by(day, Users.score).order_by(day)
    assert (
        'SELECT count(*), date_trunc($1, "created_at") AS "created_at" FROM "users" '
        'GROUP BY 2, "score" ORDER BY "created_at"'
    ) == query.compile(PG).sql


def test_group_by_label_groups_rows(lite):
    """The database groups by the expression."""
    lite.executemany("insert into users (id, email) values (?, ?)", [(901, "A"), (902, "a"), (903, "b")])
    email = fn.lower(Users.email).as_("email")
    found = select(email, fn.count()).where(Users.id > 900).group_by(email).order_by(email).compile(SQLITE)
    try:
        assert [("a", 2), ("b", 1)] == lite.execute(found.sql, found.params).fetchall()
    finally:
        lite.execute("delete from users where id > 900")


def test_group_by_label_after_star():
    """Behind hand-written columns, which may be several, a label goes by its name."""
    label = fn.lower(Users.email).as_("mail")
    assert 'GROUP BY "mail"' in select(sql("*"), label).from_(Users).group_by(label).compile(PG).sql


def test_order_by_column_beside_its_label(lite, pg):
    """ORDER BY a column is about the column, also where a label is called the same."""
    label = (-Users.score).as_("score")
    query = select(label).where(Users.id > 900).order_by(Users.score.desc()).distinct()
    assert query.compile(PG).sql.endswith(' ORDER BY "users"."score" DESC')
    assert select(label).order_by(label, Users.id).compile(PG).sql.endswith(' ORDER BY "score", "id"')
    query = select(label).where(Users.id > 900).order_by(Users.score.desc())
    for connection, dialect in ((lite, SQLITE), (pg, PG)):
        found = query.compile(dialect)
        connection.execute("insert into users (id, score) values (901, 1), (902, 2)")
        try:
            text = found.sql.replace("$1", "900")
            assert [(-2,), (-1,)] == connection.execute(text, found.params if "?" in text else None).fetchall()
        finally:
            connection.execute("delete from users where id > 900")


def test_names_of_enumerations():
    """A name that is a text of another class is taken as a text, never through its `__str__`."""
    table = Table(Names.USERS)
    query = select(cast(table.c[Names.ID], Names.INTEGER), table.c[Names.ID])
    assert 'SELECT CAST("id" AS integer), "id" FROM "users"' == query.compile(PG).sql
    both = select(table.c[Names.ID]).union(select(Posts.id)).order_by(table.c[Names.ID])
    assert both.compile(PG).sql.endswith(' ORDER BY "id"')


def test_text_that_lies():
    """A subclass of str cannot smuggle another text in."""

    class Liar(str):
        __slots__ = ()

        def __str__(self):
            return "x; drop table users"

        __format__ = replace = lambda self, *_: str(self)

    assert 'SELECT CAST("id" AS integer) FROM "t"' == select(cast(Table("t").c.id, Liar("integer"))).compile(PG).sql
    assert 'SELECT "id" FROM "t" AS "u"' == select(Table(Liar("t")).as_(Liar("u")).c[Liar("id")]).compile(PG).sql


def test_pickle():
    """A statement, what it is made of and what it was compiled to can be sent to another process."""
    tree = cte_recursive("t", ["i"], select(sql("1")), lambda t: select(t.c.i + 1).from_(t).where(t.c.i < 5))
    for query in (select(Users.id).where(Users.id.in_([1, 2])), select(tree.c.i).from_(tree), delete(Users)):
        again = pickle.loads(pickle.dumps(query))
        assert str(query) == str(again)
    compiled = pickle.loads(pickle.dumps(select(Users.id).where(Users.id == 5).compile(SQLITE)))
    assert ((5,), SQLITE, 32_766) == (compiled.params, compiled.dialect, compiled.dialect.parameters)


def test_too_deep():
    """A statement that is nested deeper than Python goes is refused with a code."""
    deep, many = Users.id, select(Users.id)
    for _ in range(10_000):
        deep = deep + 1
    for _ in range(1_000):
        many = many.union(select(Users.id))
    assert "compile_failed" == refused(lambda: select(deep).compile(PG))
    assert "compile_failed" == refused(lambda: many.compile(SQLITE))


def test_ten_thousand_conditions():
    """Conditions that are joined one by one do not nest."""
    either = both = Users.id == 0
    for number in range(1, 10_000):
        either, both = either | (Users.id == number), both & (Users.id == number)
    assert 9_999 == select(Users.id).where(either).compile(PG).sql.count(" OR ")
    assert 9_999 == select(Users.id).where(both).compile(PG).sql.count(" AND ")


def test_texts_where_lists_belong():
    """A text is no list of names: its letters are none."""
    assert "invalid_argument" == refused(lambda: Table("t").sort("na", allow="name"))
    assert "invalid_argument" == refused(lambda: select(Users.id).join(Posts, using="id"))
    assert "invalid_argument" == refused(lambda: select(Users.id).join(Posts, using=Users.id))


def test_filter_comes_last():
    """What would put a second clause into FILTER is refused before the database sees it."""
    count = fn.count().filter(Users.id > 1)
    assert "invalid_argument" == refused(lambda: count.filter(Users.id > 2))
    assert "invalid_argument" == refused(lambda: count.order_by(Users.id))


def test_constraint_is_a_name():
    """The name of a constraint is checked when it is given."""
    assert "invalid_identifier" == refused(lambda: insert(Users).values(id=1).on_conflict(constraint=["x"]))


@pytest.mark.parametrize("condition", [~Users.id.in_([]), ~~Users.id.not_in([])])
def test_negated_empty_list_is_no_condition(condition):
    """A condition that an empty list makes true for every row does not protect, however it is negated."""
    with pytest.raises(UnsafeStatement):
        delete(Users).where(condition).compile(PG)
    assert 'DELETE FROM "users" WHERE ' in delete(Users).where(~condition).compile(PG).sql


def test_forgotten_alias():
    """SQLite forgets the alias in RETURNING; an inner table that has it, or has the table's name, is not confused."""
    u = Users.as_("u")
    write = update(u).set(score=1).where(u.id == 1)
    inner = write.returning(select(fn.max(u.id)).from_(Users.as_("u")).scalar(), u.id).compile(SQLITE).sql
    assert inner.endswith(' RETURNING (SELECT max("u"."id") FROM "users" AS "u"), "users"."id"')
    captured = select(fn.count()).from_(Users).where(Users.score == u.score).scalar()
    assert "compile_failed" == refused(lambda: write.returning(captured).compile(SQLITE))


def test_returned_rows(lite):
    """SQLite accepts what the alias becomes."""
    assert sqlite3.sqlite_version_info >= (3, 35)
    u = Users.as_("u")
    found = update(u).set(score=1).where(u.id == -1).returning(u.id).compile(SQLITE)
    assert [] == lite.execute(found.sql, found.params).fetchall()

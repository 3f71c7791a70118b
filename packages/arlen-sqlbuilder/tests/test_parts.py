"""The parts by themselves: tables, columns, sources, functions, windows, and what they refuse."""

import pytest

from arlen_sqlbuilder import (
    PG,
    SQLITE,
    Column,
    Cte,
    Expr,
    Fragment,
    Query,
    Select,
    SQLBuilderError,
    Statement,
    Table,
    all_,
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
    not_,
    param,
    row,
    select,
    sql,
    update,
    window,
)


class Named(Table):
    id = column(int)
    changed = column(str, name="changed_at")


class Notes(Named, name="notes", schema="app"):
    text = column(str)


class Tags(Named, name="tags"):
    name = column(str)
    id = column(str)


def code(action):
    """Return the code of the error that an action raises."""
    with pytest.raises(SQLBuilderError) as caught:
        action()
    return caught.value.code


def text(statement, dialect=PG):
    """Return the text of a statement."""
    return statement.compile(dialect).sql


def test_declared_columns():
    """A column knows its name in the database and its type."""
    assert ("changed_at", str) == (Notes.changed.name, Notes.changed.type)
    assert isinstance(Notes.changed, Column)
    assert 'SELECT "id", "changed_at", "text" FROM "app"."notes"' == text(select(Notes.id, Notes.changed, Notes.text))


def test_inherited_columns():
    """A class without a name is a base; each table has columns of its own, and may replace them."""
    assert (int, str) == (Notes.id.type, Tags.id.type)
    assert 'SELECT "name", "changed_at" FROM "tags"' == text(select(Tags.name, Tags.changed))


def test_keys_are_attributes():
    """Mappings name columns by their attributes, and the text has the database's names."""
    assert 'INSERT INTO "app"."notes" ("changed_at", "id") VALUES ($1, $2)' == text(
        insert(Notes).values(id=1, changed="x")
    )
    assert '"changed_at" = $1' in text(update(Notes).set({Notes.changed: "x"}).all_rows())
    assert '"changed_at" = $1' in text(select(Notes.id).where(Notes.match({"changed": "x"})))
    assert 'ORDER BY "changed_at" DESC' in text(select(Notes.id).order_by(Notes.sort("-changed", allow={"changed"})))
    assert "invalid_identifier" == code(lambda: insert(Notes).values(changed_at="x"))


def test_aliases():
    """An alias has the columns of the table, and its own match and sort."""
    n = Notes.as_("n")
    query = select(n.id).from_(n).where(n.match({"text": "x"})).order_by(n.sort("text", allow=["text"]))
    assert 'SELECT "id" FROM "app"."notes" AS "n" WHERE "text" = $1 ORDER BY "text"' == text(query)
    assert 'FROM "app"."notes" AS "m"' in text(select(n.as_("m").id))
    assert isinstance(n, Notes)


def test_tables_by_name():
    """A table by name has any column, as attribute of c, of itself, and by name."""
    t = Table("t", schema="s")
    assert 'SELECT "a", "b", "c d" FROM "s"."t"' == text(select(t.c.a, t.b, t.c["c d"]))
    assert 'FROM "s"."t" AS "x"' in text(select(t.as_("x").c.a))


@pytest.mark.parametrize("name", ["as_", "c", "match", "sort"])
def test_reserved_attributes(name):
    """An attribute that every table has cannot be a column; the error says how to call it."""
    with pytest.raises(SQLBuilderError, match=f"call it {name}_") as caught:
        type("Bad", (Table,), {name: column(int)}, name="bad")
    assert ("invalid_identifier", name) == (caught.value.code, caught.value.identifier)


def test_declared_tables_are_not_called():
    """A declared table is used as its class."""
    assert "invalid_argument" == code(lambda: Notes("x"))


@pytest.mark.parametrize("item", [None, 5, "users", ["users"], Notes.id, select(Notes.id), Named.id == 1, Select])
def test_what_is_no_source(item):
    """FROM takes tables, CTEs, named subqueries and fragments."""
    assert "invalid_argument" == code(lambda: select(Notes.id).from_(item))
    assert "invalid_argument" == code(lambda: select(Notes.id).join(item, on=True))
    assert "invalid_argument" == code(lambda: insert(item))


def test_only_tables_are_changed():
    """A CTE or subquery cannot be the target of a write."""
    for target in (select(Notes.id).cte("c"), select(Notes.id).subquery("s"), sql("notes")):
        for write in (insert, update, delete):
            assert "invalid_argument" == code(lambda: write(target))  # noqa: B023


def test_missing_tables():
    """A column whose table is not in FROM is compile_failed, in every clause."""
    base = select(Notes.id).from_(Notes)
    for statement in (
        select(Notes.id, Tags.id),
        select(Tags.id).from_(Notes),
        base.where(Tags.id == 1),
        base.order_by(Tags.id),
        base.group_by(Tags.id),
        base.join(Tags.as_("t"), Tags.id == Notes.id),
        base.where(Notes.as_("n").id == 1),
        base.join(select(Tags.id).from_(Tags).where(Tags.name == Notes.text).subquery("t"), on=True),
        update(Notes).set(text=Tags.name).all_rows(),
        delete(Notes).where(Tags.id == 1),
        insert(Notes).values(text=Notes.text),
        insert(Notes).values(id=1).returning(Tags.id),
        insert(Notes).values(id=1).returning(excluded.id),
    ):
        assert "compile_failed" == code(lambda: statement.compile(PG))  # noqa: B023


def test_lateral_sees_what_stands_before():
    """A lateral source sees the sources before it and not those after."""
    side = select(Tags.id).from_(Tags).where(Tags.name == Notes.text).lateral("side")
    assert "LATERAL" in text(select(side.c.id).from_(Notes).join(side, on=True))
    assert "compile_failed" == code(lambda: text(select(side.c.id).from_(side).join(Notes, on=True)))


def test_same_name_twice():
    """Two sources of one name, or two CTEs of one name, cannot be told apart."""
    assert "compile_failed" == code(lambda: text(select(Notes.id).from_(Notes).join(Notes, on=True)))
    one, two = select(Notes.id).cte("x"), select(Tags.id).cte("x")
    assert "compile_failed" == code(lambda: text(select(one.c.id).from_(one).where(exists(select(two.c.id)))))


def test_sources_by_inference():
    """Without from_, the source of the columns is read, or that of the conditions when there are no columns."""
    assert 'SELECT count(*) FROM "tags" WHERE "id" = $1' == text(select(fn.count()).where(Tags.id == 1))
    assert "SELECT $1" == text(select(1))
    assert 'SELECT lower("name") || $1 FROM "tags"' == text(select(fn.lower(Tags.name).concat("x")))
    inner = select(Tags.id).cte("c")
    assert 'SELECT "id" FROM "c"' in text(select(inner.c.id))


def test_cte_hints():
    """A CTE may be materialized or not."""
    for hint, word in ((True, "AS MATERIALIZED ("), (False, "AS NOT MATERIALIZED ("), (None, "AS (")):
        kept = select(Tags.id).cte("c", materialized=hint)
        assert f'WITH "c" {word}' in text(select(kept.c.id).from_(kept))


def test_cte_columns():
    """A CTE has the columns and labels of its statement; when one is unknown, any name may be right."""
    known = select(Tags.id, Tags.name.as_("label")).cte("k")
    assert '"label"' in text(select(known.c.label).from_(known))
    assert "invalid_identifier" == code(lambda: known.c.name)
    free = select(Tags.id, fn.now()).cte("f")
    assert '"now"' in text(select(free.c.now).from_(free))
    union = select(Tags.id).union(select(Notes.id)).subquery("u")
    assert '"id"' in text(select(union.id).from_(union))
    assert "invalid_identifier" == code(lambda: union.c.name)


def test_cte_once():
    """A CTE that is used in several places stands in WITH once, before those that use it."""
    first = select(Tags.id).where(Tags.id == 1).cte("first")
    second = select(first.c.id).from_(first).cte("second")
    query = select(second.c.id).from_(second).where(second.c.id.in_(select(first.c.id).from_(first)))
    found = query.union(select(first.c.id).from_(first)).compile(PG)
    assert 1 == found.sql.count("WITH")
    assert found.sql.index('"first" AS (') < found.sql.index('"second" AS (')
    assert (1,) == found.params


def test_recursive_names():
    """The names of a recursive CTE are checked, and UNION is asked for."""
    assert "invalid_identifier" == code(lambda: cte_recursive("x", [""], select(1), lambda x: select(x.a)))
    found = cte_recursive("x", ["a"], select(sql("1")), lambda x: select(x.c.a).from_(x), distinct=True)
    assert ") UNION (" in text(select(found.c.a).from_(found))
    assert isinstance(found, Cte)


def test_functions():
    """A function goes by its name, with any arguments."""
    assert "SELECT now()" == text(select(fn.now()))
    assert 'SELECT coalesce("name", $1, NULL) FROM "tags"' == text(select(fn.coalesce(Tags.name, "x", sql("NULL"))))
    assert "invalid_identifier" == code(lambda: getattr(fn, "pg_sleep(1); --"))
    assert "invalid_identifier" == code(lambda: getattr(fn, ""))
    with pytest.raises(AttributeError):
        fn.__nothing__  # noqa: B018


def test_aggregates_combine():
    """DISTINCT, ORDER BY, FILTER and OVER combine in the order of SQL."""
    call = fn.string_agg(Tags.name, ",").distinct().order_by(Tags.name.desc()).filter(Tags.id > 1)
    assert (
        'string_agg(DISTINCT "name", $1 ORDER BY "name" DESC) FILTER (WHERE "id" > $2) OVER (PARTITION BY "id")'
    ) in text(select(call.over(partition_by=Tags.id)))


@pytest.mark.parametrize(
    ("frame", "words"),
    [
        ((None, None), "UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING"),
        ((None, 0), "UNBOUNDED PRECEDING AND CURRENT ROW"),
        ((0, None), "CURRENT ROW AND UNBOUNDED FOLLOWING"),
        ((-3, 4), "$1 PRECEDING AND $2 FOLLOWING"),
        ((-3, -1), "$1 PRECEDING AND $2 PRECEDING"),
    ],
)
def test_frames(frame, words):
    """A frame goes from one distance to another, which are parameters."""
    for unit in ("rows", "groups", "range_"):
        over = fn.sum(Tags.id).over(order_by=Tags.id, **{unit: frame})
        found = select(over).compile(PG)
        assert f"{unit.strip('_').upper()} BETWEEN {words})" in found.sql
        assert tuple(abs(edge) for edge in frame if edge) == found.params


@pytest.mark.parametrize(
    "make",
    [
        lambda: window(rows=(0, 0), groups=(0, 0)),
        lambda: window(rows=(0,)),
        lambda: window(rows=[0, 1]),
        lambda: window(rows=(0.5, 1)),
        lambda: window(rows=(True, 1)),
        lambda: window(rows=(param("x"), 1)),
        lambda: window(order_by="id"),
        lambda: fn.sum(Tags.id).over("w", order_by=Tags.id),
        case,
        lambda: case((True, 1)),
        lambda: cast(Tags.id, "integer); drop table x; --"),
        lambda: cast(Tags.id, ""),
        lambda: cast(Tags.id, None),
        lambda: exists(Tags.id),
        lambda: exists(None),
        lambda: not_(True),
        select,
        lambda: insert(Tags).values(id=1).returning(),
        lambda: insert(Tags).columns("id").select("select 1"),
        lambda: select(Tags.id).join(Notes),
        lambda: select(Tags.id).join(Notes, on=True, using=["id"]),
        lambda: select(Tags.id).join(Notes, on="x"),
        lambda: select(Tags.id).union(5),
        lambda: select(Tags.id).union(Tags.id),
        lambda: select(Tags.id).union(delete(Tags)),
        row,
        lambda: row(Tags.id, Tags.name) > row(1),
        lambda: row(Tags.id, Tags.name) > 1,
        lambda: row(Tags.id, Tags.name).in_([(1,)]),
        lambda: select(Tags.id).order_by(None),
    ],
)
def test_wrong_arguments(make):
    """What cannot stand somewhere is invalid_argument, where it is written and not when it is compiled."""
    assert "invalid_argument" == code(make)


@pytest.mark.parametrize(
    "name", ["integer", "varchar(20)", "numeric(10, 2)", "timestamp with time zone", "int[]", "text[3][]"]
)
def test_types_of_cast(name):
    """A type is words, a length and brackets."""
    assert f"CAST($1 AS {name})" in text(select(cast(1, name)))


def test_unfinished_statements():
    """A statement without what it needs is compile_failed."""
    for statement in (insert(Tags), insert(Tags).columns("id"), update(Tags), update(Tags).all_rows()):
        assert "compile_failed" == code(lambda: statement.compile(SQLITE))  # noqa: B023


def test_any_and_all():
    """ANY and ALL take a statement, a fragment or one parameter."""
    base = select(Tags.id)
    assert '"id" = ANY ($1)' in text(base.where(Tags.id == any_([1, 2])))
    assert '"id" > ALL (SELECT "notes"."id" FROM "app"."notes")' in text(base.where(Tags.id > all_(select(Notes.id))))
    assert '"id" = ANY (array[$1])' in text(base.where(Tags.id == any_(sql("array[{x}]", x=1))))


def test_classes():
    """The exported classes are those of what the functions return."""
    assert isinstance(select(1), Select)
    assert isinstance(select(1).union(select(2)), Query)
    assert isinstance(sql("x"), Fragment)
    assert isinstance(sql("x"), Expr)
    assert all(isinstance(item, Statement) for item in (select(1), sql("x"), insert(Tags), delete(Tags), update(Tags)))


def test_special_attributes_are_not_columns():
    """A name with two underscores before it is Python's, so that copying and showing a source work."""
    for item in (Table("t"), Table("t").c, select(Tags.id).cte("c"), excluded):
        with pytest.raises(AttributeError):
            item.__nothing__  # noqa: B018

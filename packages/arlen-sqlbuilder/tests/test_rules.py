"""The rules of the builder, R1 to R21, each by its number."""

import copy

import pytest

from arlen_sqlbuilder import (
    PG,
    SQLITE,
    SQLBuilderError,
    Table,
    UnsafeStatement,
    UnsupportedFeature,
    all_,
    and_,
    any_,
    column,
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
    window,
)


class Users(Table, name="users"):
    id = column(int)
    email = column(str)
    role = column(str)
    tenant_id = column(int)
    score = column(int)
    active = column(bool)
    data = column(dict)


class Posts(Table, name="posts"):
    id = column(int)
    author_id = column(int)
    title = column(str)


def where(condition, dialect=PG):
    """Return the text of a condition, and its parameters."""
    compiled = select(Users.id).where(condition).compile(dialect)
    return compiled.sql.partition(" WHERE ")[2], list(compiled.params)


def code(action):
    """Return the code of the error that an action raises."""
    with pytest.raises(SQLBuilderError) as caught:
        action()
    return caught.value.code


@pytest.mark.parametrize(
    ("name", "quoted"),
    [
        ("users", '"users"'),
        ('a"b', '"a""b"'),
        ('"', '""""'),
        ("a.b", '"a.b"'),
        ("Mixed Case", '"Mixed Case"'),
        ("select", '"select"'),
        ("'; drop table users; --", '"\'; drop table users; --"'),
        ("übung", '"übung"'),
        ("a\nb", '"a\nb"'),
        ("$1", '"$1"'),
        ("x" * 63, f'"{"x" * 63}"'),
    ],
)
def test_r1_identifiers_are_quoted(name, quoted):
    """R1: an identifier is quoted as a whole, its quotes doubled, never split at dots."""
    t = Table(name, schema=name)
    assert f"SELECT {quoted} FROM {quoted}.{quoted}" == select(t.c[name]).compile(PG).sql
    assert f"SELECT {quoted}.{quoted} AS {quoted} FROM {quoted}.{quoted}" == (
        select(t.c[name].as_(name)).compile(SQLITE).sql
    )


@pytest.mark.parametrize("name", ["", "\0", "a\0b", "\ud800", None, 5, b"x", ["x"]])
@pytest.mark.parametrize(
    "use",
    [
        Table,
        lambda name: Table("t", schema=name) if name is not None else Table(name),
        lambda name: Table("t").as_(name),
        Table("t").c.__getitem__,
        Users.id.as_,
        lambda name: select(Users.id).cte(name),
        lambda name: select(Users.id).subquery(name),
        lambda name: select(Users.id).lateral(name),
        param,
        lambda name: sql("{x:i}", x=name),
        lambda name: Users.c[name] if not isinstance(name, list) else Table(name),
        lambda name: insert(Users).columns(name) if not isinstance(name, list) else Table(name),
    ],
)
def test_r1_what_is_no_identifier(use, name):
    """R1: empty, NUL, not encodable, not a text: invalid_identifier, wherever a name is given."""
    assert "invalid_identifier" == code(lambda: use(name))


@pytest.mark.parametrize("name", ["x" * 64, "ü" * 32])
def test_r1_long_identifiers(name):
    """R1: PostgreSQL would cut a name of 64 bytes, so it is refused; SQLite has no limit."""
    query = select(Table("t").c[name])
    assert name in query.compile(SQLITE).sql
    with pytest.raises(SQLBuilderError, match="63 bytes") as caught:
        query.compile(PG)
    assert ("invalid_identifier", name, "postgresql") == (
        caught.value.code,
        caught.value.identifier,
        caught.value.dialect,
    )


@pytest.mark.parametrize("value", ["x", 7, 1.5, True, b"x", "'; drop table users; --", '"', "$1", "?", ":x", "\0"])
def test_r2_values_are_bound(value):
    """R2: a value is a parameter, whatever is in it."""
    assert ('"email" = $1', [value]) == where(Users.email == value)
    assert ('"users"."email" = ?', [value]) == where(Users.email == value, SQLITE)


def test_r2_page_is_bound():
    """R2: LIMIT and OFFSET are parameters."""
    compiled = select(Users.id).limit(0).offset(3).compile(PG)
    assert ('SELECT "id" FROM "users" LIMIT $1 OFFSET $2', (0, 3)) == (compiled.sql, compiled.params)


@pytest.mark.parametrize("count", [-1, 1.5, "5", True, None, Users.id, [3]])
def test_r2_page_is_a_whole_number(count):
    """R2: LIMIT and OFFSET take whole numbers from 0, and open parameters."""
    assert "invalid_argument" == code(lambda: select(Users.id).limit(count))
    assert "invalid_argument" == code(lambda: select(Users.id).offset(count))
    assert "LIMIT $1" in select(Users.id).limit(param("n")).compile(PG).sql


def test_r3_parameters_in_text_order():
    """R3: parameters are in the order of the text, whatever the order of the calls."""
    cte = select(Users.id).where(Users.score > 1).cte("c")
    query = (
        select(fn.coalesce(Users.score, 2).as_("s"))
        .limit(6)
        .order_by(Users.score + 5)
        .where(Users.role == 3)
        .where(Users.id.in_(select(cte.c.id).from_(cte).where(cte.c.id > 4)))
        .from_(Users)
    )
    compiled = query.compile(PG)
    assert (1, 2, 3, 4, 5, 6) == compiled.params
    assert ["$1", "$2", "$3", "$4", "$5", "$6"] == [
        word for word in compiled.sql.replace(")", " ").replace(",", " ").split() if word.startswith("$")
    ]


def test_r4_null():
    """R4: == None and != None are IS NULL and IS NOT NULL."""
    assert ('"email" IS NULL', []) == where(Users.email == None)  # noqa: E711
    assert ('"email" IS NOT NULL', []) == where(Users.email != None)  # noqa: E711


@pytest.mark.parametrize("operator", ["<", "<=", ">", ">=", "+", "-", "*", "/", "%", "||", "like", "not like", "ilike"])
def test_r4_none_elsewhere(operator):
    """R4: None with another operator is invalid_argument."""
    assert "invalid_argument" == code(lambda: Users.score.op(operator, None))


def test_r4_none_in_ranges():
    """R4: bounds and rows hold no None."""
    assert "invalid_argument" == code(lambda: Users.score.between(None, 3))
    assert "invalid_argument" == code(lambda: Users.score.between(3, None))
    assert "invalid_argument" == code(lambda: row(Users.score, None))
    assert "invalid_argument" == code(lambda: row(Users.id, Users.score) == (1, None))


def test_r5_empty_lists():
    """R5: in an empty list is never, not in it is always."""
    assert ("1 = 0", []) == where(Users.id.in_([]))
    assert ("1 = 1", []) == where(Users.id.not_in([]))
    assert ("1 = 0", []) == where(row(Users.id, Users.score).in_([]))


def test_r5_lists():
    """R5: each value of a list is a parameter; None in it is invalid_argument."""
    assert ('"id" IN ($1, $2)', [1, 2]) == where(Users.id.in_([1, 2]))
    assert ('"id" NOT IN ($1)', [3]) == where(Users.id.not_in({3}))
    assert ('"id" IN ($1, $2)', [0, 1]) == where(Users.id.in_(n for n in range(2)))
    assert "invalid_argument" == code(lambda: Users.id.in_([1, None]))


@pytest.mark.parametrize("values", ["text", b"bytes", {"a": 1}, 5, None, Users.id])
def test_r5_what_is_no_list(values):
    """R5: a text, a mapping, a number or a column is no list of values."""
    assert "invalid_argument" == code(lambda: Users.id.in_(values))


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda a, b, c: (a & b) | c, '"a" AND "b" OR "c"'),
        (lambda a, b, c: a & (b | c), '"a" AND ("b" OR "c")'),
        (lambda a, b, c: ~(a | b) & c, 'NOT ("a" OR "b") AND "c"'),
        (lambda a, b, c: ~a & ~(b == c), 'NOT "a" AND NOT ("b" = "c")'),
        (lambda a, b, c: not_(and_(a, b, c)), 'NOT ("a" AND "b" AND "c")'),
        (lambda a, b, c: or_(a, or_(b, c)), '"a" OR "b" OR "c"'),
        (lambda a, b, c: (a == b) == c, '("a" = "b") = "c"'),
        (lambda a, b, c: (a == None) == (b < c), '("a" IS NULL) = ("b" < "c")'),  # noqa: E711
        (lambda a, b, c: a + b * c == 1, '"a" + "b" * "c" = $1'),
        (lambda a, b, c: (a + b) * c == 1, '("a" + "b") * "c" = $1'),
        (lambda a, b, c: a - (b - c) == 1, '"a" - ("b" - "c") = $1'),
        (lambda a, b, c: a - b - c == 1, '"a" - "b" - "c" = $1'),
        (lambda a, b, c: -(a + b) == -c, '-("a" + "b") = -"c"'),
        (lambda a, b, c: 1 - a == 2 / b, '$1 - "a" = $2 / "b"'),
        (lambda a, b, c: a.concat(b).concat(c) == "x", '("a" || "b") || "c" = $1'),
        (lambda a, b, c: a.between(b, c) & (a | b), '"a" BETWEEN "b" AND "c" AND ("a" OR "b")'),
        (lambda a, b, c: sql("x or y") & a, '(x or y) AND "a"'),
        (lambda a, b, c: ~sql("x or y"), "NOT (x or y)"),
        (lambda a, b, c: sql("x or y"), "(x or y)"),
        (lambda a, b, c: a == sql("now()"), '"a" = (now())'),
        (lambda a, b, c: or_(), "1 = 0"),
        (lambda a, b, c: or_(a, and_()), '"a" OR 1 = 1'),
    ],
)
def test_r7_precedence(make, text):
    """R7: parentheses stand where precedence asks for them, and around what is raw."""
    t = Table("t").c
    query = select(t.a).where(make(t.a, t.b, t.c))
    assert f'SELECT "a" FROM "t" WHERE {text}' == query.compile(PG).sql


@pytest.mark.parametrize(
    "statement",
    [
        delete(Users),
        update(Users).set(role="x"),
        delete(Users).where(),
        delete(Users).where(and_()),
        delete(Users).where(Users.match({})),
        delete(Users).where(Users.id.not_in([])),
        update(Users).set(role="x").where(Users.id.not_in([]), and_()),
        delete(Users).using(Posts),
        delete(Users).returning(Users.id),
    ],
)
def test_r8_unconditional_writes(statement):
    """R8: a write whose condition holds for every row compiles only after all_rows()."""
    for dialect in (PG, SQLITE):
        if dialect is SQLITE and "sources" in statement.__parts__:
            continue
        with pytest.raises(UnsafeStatement) as caught:
            statement.compile(dialect)
        assert "unsafe_statement" == caught.value.code
    assert "users" in statement.all_rows().compile(PG).sql


def test_r9_sorted_keys():
    """R9: the columns of a mapping are sorted; those of a list keep their order."""
    assert '("email", "id")' in insert(Users).values(id=1, email="x").compile(PG).sql
    assert '("id", "email")' in insert(Users).columns("id", Users.email).values((1, "x")).compile(PG).sql
    assert 'SET "email" = $1, "id" = $2' in update(Users).set(id=1).set({"email": "x"}).all_rows().compile(PG).sql


@pytest.mark.parametrize(
    "make",
    [
        lambda: insert(Users).values(),
        lambda: insert(Users).values({}),
        lambda: insert(Users).values({"id": 1}, {}),
        lambda: insert(Users).values({"id": 1}, {"id": 1, "email": "x"}),
        lambda: insert(Users).values({"id": 1}, {"email": "x"}),
        lambda: insert(Users).values({"id": 1, Users.id: 2}),
        lambda: insert(Users).values({"id": 1}).values({"email": "x"}),
        lambda: insert(Users).values((1, 2)),
        lambda: insert(Users).values(5),
        lambda: insert(Users).columns("id").values((1, 2)),
        lambda: insert(Users).columns("id").values("x"),
        lambda: insert(Users).columns("id", "email").values({"id": 1}),
        lambda: insert(Users).columns(),
        lambda: update(Users).set(),
        lambda: update(Users).set({}),
        lambda: insert(Users).values(id=1).on_conflict("id").do_update(),
        lambda: insert(Users).values(id=1).on_conflict().do_update(id=2),
    ],
)
def test_r9_ragged_rows(make):
    """R9: rows that are empty or differ are invalid_argument."""
    assert "invalid_argument" == code(make)


@pytest.mark.parametrize(
    "make",
    [
        lambda: insert(Users).values(nope=1),
        lambda: insert(Users).columns("nope"),
        lambda: update(Users).set({"nope": 1}),
        lambda: Users.match({"nope": 1}),
        lambda: insert(Users).values(id=1).on_conflict("nope"),
        lambda: insert(Users).values(id=1).on_conflict("id").do_update(nope=1),
        lambda: Users.c.nope,
        lambda: Users.as_("u").nope,
        lambda: select(Users.id).cte("c").c.nope,
    ],
)
def test_r9_unknown_names(make):
    """R9: a name that a declared table does not have is invalid_identifier, before there is any SQL."""
    assert "invalid_identifier" == code(make)


@pytest.mark.parametrize(("method", "pattern"), [("contains", "%{}%"), ("startswith", "{}%"), ("endswith", "%{}")])
def test_r10_escaped_patterns(method, pattern, lite):
    """R10: contains, startswith and endswith take their text literally."""
    for text in ("50%", "a_b", "\\", "\\%", "plain", ""):
        escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        condition = getattr(Users.email, method)(text)
        assert ("\"email\" LIKE $1 ESCAPE '\\'", [pattern.format(escaped)]) == where(condition)
        query = select(getattr(sql("{x}", x=f"{text}"), method)(text).as_("found")).compile(SQLITE)
        assert (1,) == lite.execute(query.sql, query.params).fetchone()
    for value in (5, None, Users.email, param("x")):
        assert "invalid_argument" == code(lambda: getattr(Users.email, method)(value))  # noqa: B023


UNSUPPORTED = {
    "ilike": Users.email.ilike("x"),
    "any and all": (Users.id == any_([1])) & (Users.id > all_([2])),
    "row lock": Users.id.in_(select(Users.id).for_share()),
    "distinct on": Users.id.in_(select(Users.id).distinct(Users.role)),
    "aggregate order by": fn.array_agg(Users.id).order_by(Users.id) == 1,
    "lateral": exists(select(1).from_(Users, select(Posts.id).lateral("l"))),
    "data-modifying cte": exists(select(1).from_(delete(Users).all_rows().returning(Users.id).cte("gone"))),
}


def from_cte(test):
    """Bury a condition in a CTE of a CTE."""
    inner = select(Users.id).from_(Users).where(test).cte("inner")
    outer = select(inner.c.id).from_(inner).cte("outer")
    return select(outer.c.id).from_(outer)


def from_write(test):
    """Bury a condition in a write."""
    rows = select(Users.id).from_(Users).where(test)
    return insert(Posts).columns("id").select(rows.union(select(sql("1")))).on_conflict().do_nothing()


@pytest.mark.parametrize("feature", UNSUPPORTED)
@pytest.mark.parametrize(
    "bury",
    [
        lambda x: select(Users.id).from_(Users).where(x),
        lambda x: update(Users).set(score=Users.score + 1).where(~(x | (Users.id == 1))),
        lambda x: select(Users.id).from_(Users).where(exists(select(Posts.id).where(sql("{x}", x=x)))),
        lambda x: select(fn.f(sql("{a}", a=fn.count().filter(x).over(order_by=[x])))).from_(Users),
        lambda x: select(Posts.id).from_(Posts).join(select(Users.id).from_(Users).where(x).subquery("s"), on=True),
        from_cte,
        from_write,
    ],
)
def test_r11_unsupported_at_any_depth(feature, bury):
    """R11: SQLite refuses what it lacks by the feature's name, however deep it is; PostgreSQL compiles it."""
    statement = bury(UNSUPPORTED[feature])
    assert statement.compile(PG).sql
    with pytest.raises(UnsupportedFeature) as caught:
        statement.compile(SQLITE)
    found = caught.value
    assert ("unsupported_feature", "sqlite", feature) == (found.code, found.dialect, found.feature)


def test_r11_statements():
    """R11: whole clauses of a write are refused too."""
    using = delete(Users).using(Posts).where(Posts.author_id == Users.id)
    conflict = insert(Users).values(id=1).on_conflict(constraint="users_pkey").do_nothing()
    for statement, feature in ((using, "delete using"), (conflict, "conflict constraint")):
        assert statement.compile(PG).sql
        with pytest.raises(UnsupportedFeature) as caught:
            statement.compile(SQLITE)
        assert feature == caught.value.feature


def test_r12_ilike_is_not_emulated():
    """R12: ILIKE and NOT ILIKE are PostgreSQL's."""
    assert ('"email" ILIKE $1', ["x"]) == where(Users.email.ilike("x"))
    assert ('"email" NOT ILIKE $1', ["x"]) == where(Users.email.not_ilike("x"))
    assert "unsupported_feature" == code(lambda: where(Users.email.not_ilike("x"), SQLITE))


def test_r13_distinct_from():
    """R13: IS DISTINCT FROM is IS NOT in SQLite, its opposite IS; None is a value here."""
    assert ('"email" IS DISTINCT FROM $1', ["x"]) == where(Users.email.is_distinct_from("x"))
    assert ('"users"."email" IS NOT ?', ["x"]) == where(Users.email.is_distinct_from("x"), SQLITE)
    assert ('"email" IS NOT DISTINCT FROM $1', [None]) == where(Users.email.is_not_distinct_from(None))
    assert ('"users"."email" IS ?', [None]) == where(Users.email.is_not_distinct_from(None), SQLITE)


def test_r14_set_operations():
    """R14: ORDER BY and LIMIT belong to the whole; a member of its own order is wrapped on SQLite."""
    first = select(Users.id).order_by(Users.id).limit(1)
    query = first.union(select(Posts.id)).order_by(Users.id).limit(2).offset(3)
    assert (
        '(SELECT "id" FROM "users" ORDER BY "id" LIMIT $1) UNION (SELECT "id" FROM "posts") '
        'ORDER BY "id" LIMIT $2 OFFSET $3'
    ) == query.compile(PG).sql
    assert (
        'SELECT * FROM (SELECT "users"."id" FROM "users" ORDER BY "users"."id" LIMIT ?) UNION '
        'SELECT "posts"."id" FROM "posts" ORDER BY "id" LIMIT ? OFFSET ?'
    ) == query.compile(SQLITE).sql


def test_r14_nested_set_operations(lite):
    """R14: a set operation on the right of another keeps its meaning on SQLite, where all rank the same."""
    one, two = select(sql("1")), select(sql("2"))
    right = one.except_(one.union(two)).compile(SQLITE)
    assert [] == lite.execute(right.sql).fetchall()
    left = one.except_(one).union(two).compile(SQLITE)
    assert [(2,)] == lite.execute(left.sql).fetchall()


def test_r14_sorting_by_names():
    """R14: a set operation is sorted by names; an expression over tables is compile_failed."""
    query = select(Users.id.as_("n")).union(select(Posts.id))
    assert query.order_by(Users.id.as_("n").desc()).compile(PG).sql.endswith('ORDER BY "n" DESC')
    assert query.order_by(sql("1")).compile(PG).sql.endswith("ORDER BY 1")
    assert "compile_failed" == code(lambda: query.order_by(Users.id + 1).compile(PG))


def test_r15_text_is_untouched():
    """R15: the text of a fragment is not looked at; doubled braces are braces."""
    text = "select '$1', $$ $2 :x ? $$, ':name', '{{}}', %s -- $9\n/* {{x}} ? */"
    compiled = sql(text + " = {v}", v=5).compile(PG)
    assert (text.replace("{{", "{").replace("}}", "}") + " = $1", (5,)) == (compiled.sql, compiled.params)


@pytest.mark.parametrize("value", [{"$ne": 1}, {"or": [1]}, [1, 2], ["=", 3], (1, 2), {1}])
def test_r16_values_are_never_operators(value):
    """R16: a mapping or list as a value is one parameter."""
    assert ('"data" = $1', [value]) == where(Users.data == value)
    assert ('"data" = $1', [value]) == where(Users.match({"data": value}))
    assert (value,) == insert(Users).values(data=value).compile(PG).params
    assert (value,) == update(Users).set(data=value).all_rows().compile(PG).params


def test_r17_operators_are_a_closed_set():
    """R17: an operator that comes as a text is one of a list, or unsupported_operator."""
    assert ('"score" >= $1', [3]) == where(Users.score.op(">=", 3))
    assert ('"email" NOT LIKE $1', ["x"]) == where(Users.email.op("NOT LIKE", "x"))
    assert ('"email" IS NULL', []) == where(Users.email.op("=", None))
    for operator in ("", "=;", "= 1 or 1 =", "in", "is", "__init__", "as_", None, 5):
        assert "unsupported_operator" == code(lambda: Users.id.op(operator, 1))  # noqa: B023


def test_r17_directions_and_locks_are_closed():
    """R17: nulls, locks, frames and conditions take what they list, and nothing else."""
    assert "invalid_argument" == code(lambda: Users.id.asc(nulls="middle"))
    assert "invalid_argument" == code(lambda: Users.id.desc(nulls="first; drop"))
    assert "invalid_argument" == code(lambda: select(Users.id).for_update(skip_locked=True, nowait=True))
    assert "invalid_argument" == code(lambda: window(rows=("1; drop", 0)))
    assert "invalid_argument" == code(lambda: select(Users.id).order_by("id desc"))
    assert "invalid_argument" == code(lambda: select(Users.id).group_by("id"))
    assert "invalid_argument" == code(lambda: select(Users.id).where("id = 1"))


@pytest.mark.parametrize("condition", [True, False, None, "x", 1, Users, Users.id.asc(), select(Users.id)])
def test_r17_what_is_no_condition(condition):
    """R17: a condition is an expression; True and False come from `is` and `in`, and are refused."""
    assert "invalid_argument" == code(lambda: select(Users.id).where(condition))
    assert "invalid_argument" == code(lambda: or_(condition))


STATEMENTS = [
    (
        select(Users.id),
        lambda q: [q.where(Users.id == 1), q.limit(1), q.order_by(Users.id), q.distinct(), q.for_update()],
    ),
    (
        select(Users.id),
        lambda q: [q.join(Posts, on=True), q.group_by(Users.id), q.having(Users.id == 1), q.window("w")],
    ),
    (
        select(Users.id),
        lambda q: [q.union(q), q.cte("c"), q.subquery("s"), q.scalar(), q.with_(q.cte("c")), q.offset(1)],
    ),
    (insert(Users).values(id=1), lambda q: [q.values(id=2), q.returning(Users.id), q.on_conflict().do_nothing()]),
    (update(Users).set(id=1).all_rows(), lambda q: [q.set(id=2), q.where(Users.id == 1), q.from_(Posts)]),
    (delete(Users).all_rows(), lambda q: [q.where(Users.id == 1), q.using(Posts), q.returning(Users.id)]),
]


@pytest.mark.parametrize(("statement", "use"), STATEMENTS)
def test_r18_statements_do_not_change(statement, use):
    """R18: a method returns another statement, and the first one stays as it was."""
    before = statement.compile(PG).sql
    for made in use(statement):
        assert made is not statement
    fresh = type(statement)(dict(statement.__parts__))
    assert before == fresh.compile(PG).sql


@pytest.mark.parametrize(
    "node",
    [
        Users.id,
        Users.id == 1,
        select(Users.id),
        sql("x"),
        param("x"),
        fn.now(),
        select(Users.id).cte("c"),
        Users.id.asc(),
    ],
)
def test_r18_nodes_do_not_change(node):
    """R18: an attribute of a node can be neither set nor deleted, and a copy is the node itself."""
    with pytest.raises(AttributeError, match="does not change"):
        node.anything = 1
    with pytest.raises(AttributeError, match="does not change"):
        node.__parts__ = ()
    with pytest.raises(AttributeError, match="does not change"):
        del node.__parts__
    assert node is copy.copy(node)
    assert node is copy.deepcopy(node)


def test_r18_tables_do_not_change():
    """R18: an alias and a table by name cannot be changed either."""
    for table in (Users.as_("u"), Table("t")):
        with pytest.raises(AttributeError, match="does not change"):
            table.id = 5


@pytest.mark.parametrize(("dialect", "most"), [(PG, 65_535), (SQLITE, 32_766)])
def test_r19_too_many_parameters(dialect, most):
    """R19: the most parameters that a dialect takes compile, one more is too_many_parameters."""
    assert most == len(select(Users.id).where(Users.id.in_(range(most))).compile(dialect).params)
    with pytest.raises(SQLBuilderError, match=f"{most + 1} parameters") as caught:
        select(Users.id).where(Users.id.in_(range(most + 1))).compile(dialect)
    assert ("too_many_parameters", dialect) == (caught.value.code, caught.value.dialect)


@pytest.mark.parametrize(
    "use",
    [
        lambda: bool(Users.id == 1),
        lambda: Users.id == 1 and Users.id == 2,
        lambda: not Users.active,
        lambda: 1 < Users.id < 5,
        lambda: Users.id in (Users.email, Users.role),
        lambda: bool(sql("x")),
        lambda: bool(row(Users.id) == row(1)),
    ],
)
def test_r20_no_truth_value(use):
    """R20: an expression in a Boolean context is a TypeError."""
    with pytest.raises(TypeError, match=r"& \| ~"):
        use()


def test_r21_one_table_is_not_qualified():
    """R21: with a single table in sight columns have no prefix in PostgreSQL; in SQLite they always have."""
    query = select(Users.id).where(Users.role == "x")
    assert 'SELECT "id" FROM "users" WHERE "role" = $1' == query.compile(PG).sql
    assert 'SELECT "users"."id" FROM "users" WHERE "users"."role" = ?' == query.compile(SQLITE).sql


def test_r21_outer_tables_count():
    """R21: inside a correlated statement columns say whose they are, so none is captured."""
    inner = select(Posts.id).where(Posts.author_id == Users.id)
    query = select(Users.id).where(exists(inner)).order_by(Users.id)
    assert (
        'SELECT "id" FROM "users" WHERE EXISTS (SELECT "posts"."id" FROM "posts" '
        'WHERE "posts"."author_id" = "users"."id") ORDER BY "id"'
    ) == query.compile(PG).sql


def test_r21_captured_names(lite):
    """R21: an outer column of the same name as an inner one means the outer one."""
    lite.execute("begin")
    lite.execute("insert into users (id, tenant_id) values (1, 1), (2, 2), (3, 9)")
    lite.execute("insert into posts (id, author_id) values (11, 1), (12, 2), (3, 7)")
    inner = select(Posts.id).from_(Posts).where(Posts.author_id == Users.id)
    query = select(Users.id).from_(Users).where(exists(inner)).order_by(Users.id).compile(SQLITE)
    assert [(1,), (2,)] == lite.execute(query.sql, query.params).fetchall()
    lite.execute("rollback")


def test_r21_targets_are_bare():
    """R21: INSERT columns, SET targets and conflict targets never have a prefix."""
    upsert = insert(Users).values(id=1, role="x").on_conflict(fn.lower(Users.role), where=Users.active)
    for dialect in (PG, SQLITE):
        text = upsert.do_update(role=excluded.role, where=Users.id > 0).compile(dialect).sql
        assert 'INSERT INTO "users" ("id", "role")' in text
        assert 'ON CONFLICT (lower("role")) WHERE "active" DO UPDATE SET "role" = "excluded"."role"' in text
        assert 'WHERE "users"."id" > ' in text
        change = update(Users).set(role=Posts.title).from_(Posts).where(Posts.id == Users.id).compile(dialect).sql
        assert 'UPDATE "users" SET "role" = "posts"."title" FROM "posts"' in change


def test_r5_empty_lists_leave_no_parameter():
    """R5: what is compared with an empty list is not written, and neither are its parameters."""
    assert ("1 = 0", []) == where((Users.score + 5).in_([]))
    assert ("1 = 1", []) == where(fn.coalesce(Users.score, 5).not_in(()))


def test_r5_fragments():
    """R5: a fragment is a list of values or a statement of its own."""
    assert ('"id" IN (select $1)', [5]) == where(Users.id.in_(sql("select {x}", x=5)))
    assert ('"id" NOT IN (1, 2)', []) == where(Users.id.not_in(sql("1, 2")))

"""Compiled statements: parameters, binding, dialects, and how they are shown."""

import threading

import pytest

from arlen_sqlbuilder import PG, SQLITE, Compiled, Dialect, SQLBuilderError, Table, delete, param, select, sql, update

USERS = Table("users").c


def code(action):
    """Return the code of the error that an action raises."""
    with pytest.raises(SQLBuilderError) as caught:
        action()
    return caught.value.code


def test_parts():
    """A compiled statement has its text, its parameters as a tuple, and its dialect by name."""
    found = select(USERS.id).where(USERS.id == 5).compile("sqlite")
    assert isinstance(found, Compiled)
    assert ('SELECT "users"."id" FROM "users" WHERE "users"."id" = ?', (5,)) == (found.sql, found.params)
    assert "sqlite" == found.dialect
    assert isinstance(found.dialect, Dialect)


@pytest.mark.parametrize("name", ["postgresql", PG])
def test_dialect_names(name):
    """A dialect goes by itself or by its name."""
    assert PG is select(USERS.id).compile(name).dialect


@pytest.mark.parametrize("name", ["mysql", "", "PostgreSQL", None, 5])
def test_unknown_dialects(name):
    """Another dialect is invalid_argument."""
    assert "invalid_argument" == code(lambda: select(USERS.id).compile(name))


def test_bind():
    """bind returns all parameters in the order of the text, open ones by name."""
    query = select(USERS.id).where(
        USERS.a == param("a"),
        USERS.b == 2,
        USERS.c == param("c"),
        USERS.d == param("a"),
        USERS.e == None,  # noqa: E711
    )
    for dialect in (PG, SQLITE):
        found = query.compile(dialect)
        assert {"a", "c"} == found.names
        assert (1, 2, 3, 1) == found.bind(a=1, c=3)
        assert ({}, 2, None, {}) == found.bind(c=None, a={})


def test_bind_without_open_parameters():
    """A statement without open parameters binds to what it has."""
    assert (5,) == select(USERS.id).where(USERS.id == 5).compile(PG).bind()
    assert () == select(USERS.id).compile(PG).bind()


def test_bind_any_name():
    """A parameter may have any name, also that of bind's own argument."""
    found = select(USERS.id).where(USERS.a == param("self"), USERS.b == param("two words")).compile(PG)
    assert (1, 2) == found.bind(**{"self": 1, "two words": 2})


@pytest.mark.parametrize("named", [{}, {"a": 1}, {"a": 1, "b": 2, "c": 3}, {"a": 1, "c": 2}])
def test_bind_wrong_names(named):
    """A value that is missing or unknown is invalid_argument, and the message does not show values."""
    found = select(USERS.id).where(USERS.a == param("a"), USERS.b == param("b")).compile(PG)
    assert "invalid_argument" == code(lambda: found.bind(**named))
    assert "invalid_argument" == code(lambda: select(USERS.id).compile(PG).bind(x=1))


def test_open_parameters_have_no_value():
    """params of a statement with open ones is compile_failed."""
    found = select(USERS.id).where(USERS.a == param("a")).limit(param("n")).compile(PG)
    assert "compile_failed" == code(lambda: found.params)
    assert ("a", 5) == found.bind(a="a", n=5)


def test_compile_again():
    """A compiled statement compiles to itself, and refuses the other dialect."""
    found = select(USERS.id).compile(PG)
    assert found is found.compile("postgresql")
    assert found is found.compile(PG)
    assert "compile_failed" == code(lambda: found.compile("sqlite"))
    assert "invalid_argument" == code(lambda: found.compile("mysql"))


def test_compiled_once():
    """A statement that is compiled again for the same dialect gives the same object."""
    query = select(USERS.id)
    assert query.compile(PG) is query.compile("postgresql")
    assert query.compile(SQLITE) is not query.compile(PG)


def test_print():
    """str shows the text, and the parameters after it as a comment."""
    query = select(USERS.id).where(USERS.a == "x", USERS.b == param("b"))
    assert 'SELECT "id" FROM "users" WHERE "a" = $1 AND "b" = $2\n-- $1 = \'x\', $2 = param(\'b\')' == str(query)
    assert str(query) == str(query.compile(PG))
    assert str(query.compile(SQLITE)).endswith("\n-- ?1 = 'x', ?2 = param('b')")
    assert 'SELECT "id" FROM "users"' == str(select(USERS.id))


def test_print_never_fails():
    """str of a statement that does not compile says why."""
    assert str(delete(Table("users"))).startswith("<Delete: DELETE without a condition")
    assert str(update(Table("users"))).startswith("<Update: the UPDATE changes nothing")


def test_repr_hides_values():
    """repr has the text alone, since it ends up in logs."""
    query = select(USERS.id).where(USERS.secret == "hunter2")
    for shown in (repr(query), repr(query.compile(PG)), repr(sql("{x}", x="hunter2")), repr(USERS.secret)):
        assert "hunter2" not in shown
    assert '<Select SELECT "id" FROM "users" WHERE "secret" = $1>' == repr(query)
    assert "<Column users.secret>" == repr(USERS.secret)


def test_errors_hide_values():
    """An error's message names what is wrong and never quotes a value."""
    for action in (
        lambda: USERS.a.in_("hunter2"),
        lambda: USERS.a.contains(b"hunter2"),
        lambda: select(USERS.id).where("hunter2"),
        lambda: select(USERS.id).limit("hunter2"),
        lambda: select(USERS.id).where(USERS.a == param("a")).compile(PG).bind(a="hunter2", b="hunter2"),
    ):
        with pytest.raises(SQLBuilderError) as caught:
            action()
        assert "hunter2" not in str(caught.value)


def test_threads_share():
    """Threads that compile and bind the same statement get the same."""
    query = select(USERS.id).where(USERS.a == param("a"), USERS.b == 2)
    found = []

    def work():
        for number in range(200):
            dialect = (PG, SQLITE)[number % 2]
            compiled = query.compile(dialect)
            found.append((compiled.sql, compiled.dialect, compiled.bind(a=number) == (number, 2)))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 2 == len(set(found))


def test_error_attributes():
    """An error is a ValueError with a code, and says which name, dialect or feature it is about."""
    with pytest.raises(ValueError, match="not in FROM") as caught:
        select(USERS.id).from_(Table("posts")).compile(PG)
    error = caught.value
    assert ("compile_failed", "users", None, None) == (error.code, error.identifier, error.dialect, error.feature)

"""IN with the rows of a fragment."""

import pytest

from arlen_sqlbuilder import SQLITE, Table, UnsafeStatement, delete, select, sql

USERS = Table("users").c


def test_a_fragment_is_a_list_of_rows():
    """A statement written by hand stands in IN as a built one does."""
    found = select(USERS.id).where(USERS.id.in_(sql("select id from admins where team = {team}", team=7)))
    expected = 'SELECT "users"."id" FROM "users" WHERE "users"."id" IN (select id from admins where team = ?)'
    assert expected == found.compile(SQLITE).sql
    assert (7,) == found.compile(SQLITE).params


def test_a_fragment_in_not_in_is_a_condition():
    """It may leave rows out, so that a delete with it is no accident; an empty list is one."""
    kept = sql("select id from admins")
    expected = 'DELETE FROM "users" WHERE "users"."id" NOT IN (select id from admins)'
    assert expected == delete(Table("users")).where(USERS.id.not_in(kept)).compile(SQLITE).sql
    with pytest.raises(UnsafeStatement):
        delete(Table("users")).where(USERS.id.not_in([])).compile(SQLITE)

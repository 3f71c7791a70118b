"""Summaries: few words for many statements, and texts without a value."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arlen_data.summaries import masked, operation, summary


@pytest.mark.parametrize(
    ("sql", "wanted"),
    [
        ("select 1", "select"),
        ("select id from orders where id = $1", "select orders"),
        ('select count(*) from "Users" u', "select Users"),
        ("select * from shop.orders o left join shop.users u on o.user_id = u.id", "select shop.orders shop.users"),
        ("select extract(day from created) from orders where a is distinct from b", "select orders"),
        ("select * from jobs for update skip locked", "select jobs"),
        ("select * from (select id from users) u", "select select users"),
        ("with old as (select * from orders) delete from orders using old", "select orders delete orders"),
        ("insert into notes (text) values ($1)", "insert notes"),
        ("insert into notes (id) values ($1) on conflict (id) do update set text = $2", "insert notes"),
        ("insert into log (line) select text from notes", "insert log select notes"),
        ("update notes set text = $1", "update notes"),
        ("delete from only notes", "delete notes"),
        ("create table if not exists notes (id int references users on delete cascade)", "create table notes"),
        ("create unique index concurrently by_name on users (name)", "create index by_name"),
        ("alter table notes add column at text", "alter table notes"),
        ("-- who\n/* what */ SELECT * FROM Notes", "select notes"),
        ("copy notes", "copy notes"),
        ("replace into notes values (1)", "replace notes"),
        ("pragma user_version", "pragma"),
        ("sleect * from notes", "notes"),
        ("select 'from users", "select"),
        ("", "other"),
    ],
)
def test_a_statement_in_a_few_words(sql, wanted):
    """Verbs and tables in their order, whatever stands around them."""
    assert wanted == summary(sql)


def test_a_long_one_is_cut_between_words():
    """At most 255 characters, and no half of a name."""
    made = summary("select * from " + " join ".join(f"table_number_{number}" for number in range(100)))
    assert len(made) <= 255
    assert made.endswith(f"table_number_{len(made.split()) - 2}")


def test_the_operation_is_one_of_a_few():
    """What is no word of SQL is "other": a metric has few series."""
    assert ["select", "copy", "other", "other"] == [
        operation(each) for each in ("select users", "copy users", "users", "other")
    ]


@pytest.mark.parametrize(
    ("sql", "wanted"),
    [
        ("select $1 where a = 'x''y' and b=12.5", "select $1 where a = ? and b=?"),
        ("select 1 -- ada@example.org", "select ?"),
        ("select /* 17 */ E'a\\'b', $$body$$", "select ?, ?"),
        ("select 'never closed", ""),
    ],
)
def test_a_text_has_no_literal(sql, wanted):
    """Strings, numbers and comments are gone; parameters stay."""
    assert wanted == masked(sql)


@given(st.text(alphabet=st.characters(exclude_characters="'\0")))
def test_no_value_is_left(value):
    """Whatever a literal holds, the masked text does not depend on it."""
    assert "select * from users where name = ? limit ?" == masked(f"select * from users where name = '{value}' limit 7")


@given(st.text())
def test_any_text_has_a_summary(text):
    """Nothing is raised, whatever the text is: the engine says what is wrong with it."""
    assert 1 <= len(summary(text, "sqlite")) <= 255
    assert len(masked(text, "sqlite")) <= 8192

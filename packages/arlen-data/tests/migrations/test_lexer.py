"""Lexer: statements are cut where the engine would cut them, and nothing else is touched."""

import sqlite3
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arlen_data.lexer import LexError, split, tokens


def texts(sql, dialect="postgresql"):
    """Return the texts of the statements."""
    return [each.text for each in split(sql, dialect)]


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("select 1; select 2", ["select 1", "select 2"]),
        (" ;; \n;", []),
        ("", []),
        ("-- only; a comment", []),
        ("/* only; a comment */", []),
        ("select ';';select 2", ["select ';'", "select 2"]),
        ("select 'it''s;'; x", ["select 'it''s;'", "x"]),
        ("select 'a\\'; x", ["select 'a\\'", "x"]),
        ('select ";" from "a;""b"; x', ['select ";" from "a;""b"', "x"]),
        ("select 1 -- no; end\n+ 1; x", ["select 1 -- no; end\n+ 1", "x"]),
        ("a;\n-- between;\nb -- after;", ["a", "b"]),
        ("select /* ; */ 1; x", ["select /* ; */ 1", "x"]),
    ],
)
@pytest.mark.parametrize("dialect", ["postgresql", "sqlite"])
def test_a_semicolon_in_a_string_a_name_or_a_comment_ends_nothing(dialect, sql, expected):
    """Both engines agree about strings, quoted names and comments."""
    assert expected == texts(sql, dialect)


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        (r"select E'a\';b'; x", [r"select E'a\';b'", "x"]),
        (r"select e'\\'; x", [r"select e'\\'", "x"]),
        (r"select E'a''\';b'; x", [r"select E'a''\';b'", "x"]),
        ("select E'a'\n  '\\';b'; x", ["select E'a'\n  '\\';b'", "x"]),
        ("select E'a' -- gap;\n  '\\';b'; x", ["select E'a' -- gap;\n  '\\';b'", "x"]),
        (r"select U&'d\0061t;a'; x", [r"select U&'d\0061t;a'", "x"]),
        (r'select U&"d\0061;"; x', [r'select U&"d\0061;"', "x"]),
        ("select B'1;', X';', N';'; x", ["select B'1;', X';', N';'", "x"]),
        ("do $$ begin; end $$; x", ["do $$ begin; end $$", "x"]),
        ("select $a$ $b$ ; $b$ $a$; x", ["select $a$ $b$ ; $b$ $a$", "x"]),
        ("select $a$ ' ; $A$ $a$; x", ["select $a$ ' ; $A$ $a$", "x"]),
        ("select a$b$c; select $b$;$b$", ["select a$b$c", "select $b$;$b$"]),
        ("select $1; select $2", ["select $1", "select $2"]),
        ("/* a /* b; */ c; */ select 1; x", ["select 1", "x"]),
        ("/*/ ; */ select 1; x", ["select 1", "x"]),
        ("/* /*/ ; */ */ x; y", ["x", "y"]),
        ("create rule r as on insert to t do (a; b); x", ["create rule r as on insert to t do (a; b)", "x"]),
        ("select 1) ; x", ["select 1)", "x"]),
    ],
)
def test_what_postgresql_alone_has(sql, expected):
    """Escapes, dollar quotes, nested comments and rules are one piece on PostgreSQL."""
    assert expected == texts(sql)


ATOMIC = """create {or_}function f(a int) returns int language sql
begin atomic
  select case when a > 0 then 1 else 2 end;
  insert into t values (1);
end"""


@pytest.mark.parametrize("or_", ["", "or replace "])
def test_the_body_of_begin_atomic_is_one_statement(or_):
    """Semicolons between `begin atomic` and its `end` end nothing, those of a `case` in it counted."""
    body = ATOMIC.format(or_=or_)
    assert [body, "select 1"] == texts(f"{body};\nselect 1;")


def test_a_procedure_has_a_body_too():
    """`create procedure` is read as `create function` is."""
    body = "CREATE PROCEDURE p() BEGIN ATOMIC INSERT INTO t VALUES (1); DELETE FROM t; END"
    assert [body, "x"] == texts(f"{body}; x")


@pytest.mark.parametrize(
    "sql",
    [
        'create table t ("begin" int); create view v as select t.begin from t; x',
        "create function f() returns int as 'begin; end' language plpgsql; y; x",
        "select begin, atomic from t; case; x",
        "create function f() returns int return t.begin atomic; y; x",
    ],
)
def test_other_words_begin_no_body(sql):
    """Only `begin atomic` in a routine does, and no column of that name."""
    assert sql.count(";") - sql.count("begin;") + 1 == len(texts(sql))


def test_an_unfinished_body_takes_the_rest():
    """Without its `end` the statement goes on, and the server says what is wrong."""
    assert 1 == len(texts("create function f() returns int begin atomic select 1; select 2;"))


TRIGGER = """create {temp}trigger if not exists g after insert on t when new.a > 0 begin
  insert into log values (';', case when new.a > 1 then 'x' else 'y' end);
  delete from log where a = 1;
end"""


@pytest.mark.parametrize("temp", ["", "temp ", "TEMPORARY "])
def test_a_trigger_of_sqlite_is_one_statement(temp):
    """It ends at `; end;`, as sqlite3_complete() says."""
    body = TRIGGER.format(temp=temp)
    assert [body, "select 1"] == texts(f"{body};\nselect 1;", "sqlite")
    assert [f"explain {body}", "x"] == texts(f"explain {body}; x", "sqlite")


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("select [a;b], `c;``d`; x", ["select [a;b], `c;``d`", "x"]),
        ("select x';'; x", ["select x';'", "x"]),
        ("select :a, @b, ?1, $c; x", ["select :a, @b, ?1, $c", "x"]),
        ("/* a /* b; */ c; x", ["c", "x"]),
        ("select E'a\\'; x", ["select E'a\\'", "x"]),
    ],
)
def test_what_sqlite_alone_has(sql, expected):
    """Brackets and backticks quote; comments do not nest, and there are no escapes."""
    assert expected == texts(sql, "sqlite")


@pytest.mark.parametrize(
    ("sql", "dialect", "line", "reason"),
    [
        ("a;\nselect 'x", "sqlite", 2, "quote '"),
        ('a;\n\nselect "x', "postgresql", 3, 'quote "'),
        ("select E'\\'", "postgresql", 1, "quote '"),
        ("/* a /* b */", "postgresql", 1, "comment"),
        ("/* a", "sqlite", 1, "comment"),
        ("a;\n$b$ x $$", "postgresql", 2, r"quote $b$"),
        ("`a", "sqlite", 1, "quote `"),
    ],
)
def test_what_is_never_closed_is_refused_with_its_line(sql, dialect, line, reason):
    """The error names the line where the quote or the comment begins."""
    with pytest.raises(LexError) as caught:
        split(sql, dialect)
    assert line == caught.value.line
    assert reason in caught.value.reason


def test_statements_know_their_lines():
    """The line is that of the first token, whatever comes before it."""
    sql = "-- one\na;\n\n/* two\n lines */ b 'x\ny';\n c"
    assert [2, 5, 7] == [each.line for each in split(sql, "postgresql")]
    assert [12, 15, 17] == [each.line for each in split(sql, "postgresql", line=11)]


def test_comments_belong_to_the_statement_after_them_or_on_their_line():
    """So that a remark may stand before a statement, in it, and at its end."""
    first, second = split("-- a\nx -- b\n; -- c\n-- d\ny", "sqlite")
    assert ["-- a", "-- b", "-- c"] == [each.text for each in first.comments]
    assert ["-- d"] == [each.text for each in second.comments]


def test_keys_are_words_in_lower_case_and_names_without_quotes():
    """They are what rules compare."""
    (statement,) = split('Create TABLE "My""T" (a varchar(10), b [x])', "sqlite")
    assert ("create", "table", 'My""T', "(", "a", "varchar", "(", "10", ")") == statement.keys[:9]
    assert statement.starts("create", "table")
    assert not statement.starts("create", "index")
    assert "''" == split("select 'x'", "sqlite")[0].keys[1]


PLAIN = st.sampled_from(["select", "insert", "t", "a1", "_b", "x.y", "1", "2.5", "(a, b)", "+", "-", "<>", "é", "*"])
TEXT = st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=12)
STRING = TEXT.map(lambda text: "'" + text.replace("'", "''") + "'")
NAME = TEXT.map(lambda text: '"' + text.replace('"', '""') + '"')
LINE = TEXT.map(lambda text: "--" + "".join(each for each in text if each not in "\r\n") + "\n")
SAFE = st.text("ab;'\"$-\n ", max_size=12)
BLOCK = SAFE.map(lambda text: f"/*{text}*/")
ESCAPED = TEXT.map(lambda text: "E'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'")
TAG = st.sampled_from(["$$", "$a$", "$_B1$"])
DOLLAR = st.tuples(TAG, TEXT).map(lambda both: both[0] + both[1].replace("$", "") + both[0])
NESTED = st.recursive(
    BLOCK, lambda inner: st.tuples(SAFE, inner).map(lambda both: f"/*{both[0]}{both[1]}*/"), max_leaves=3
)
PIECES = {
    "postgresql": st.one_of(PLAIN, STRING, NAME, LINE, NESTED, ESCAPED, DOLLAR),
    "sqlite": st.one_of(PLAIN, STRING, NAME, LINE, BLOCK, TEXT.map(lambda text: f"[{text.replace(']', '')}]")),
}


def statements(dialect):
    """Return what draws statements of an engine."""
    pieces = st.lists(PIECES[dialect], max_size=6).map(" ".join)
    return st.lists(pieces.map(lambda rest: f"w {rest} z"), max_size=5)


@pytest.mark.parametrize("dialect", ["postgresql", "sqlite"])
@given(data=st.data())
def test_joined_statements_split_back(dialect, data):
    """Whatever is in them, statements with semicolons between them come back as they were."""
    expected = data.draw(statements(dialect))
    joined = data.draw(st.sampled_from([";", ";\n", " ; ", ";;", ";--x;\n", ";/*;*/"])).join(expected)
    assert expected == texts(joined, dialect)


@pytest.mark.parametrize("dialect", ["postgresql", "sqlite"])
@given(data=st.data())
def test_tokens_are_the_text(dialect, data):
    """Tokens follow each other with nothing but blanks between them, and know where they are."""
    sql = ";".join(data.draw(statements(dialect)))
    at, rest = 0, []
    for token in tokens(sql, dialect):
        assert token.text == sql[token.start : token.end]
        assert token.line == sql.count("\n", 0, token.start) + 1
        rest.append(sql[at : token.start])
        at = token.end
    assert "" == "".join(rest).strip(" \t\r\n\f\v")


@given(st.text())
def test_any_text_is_split_or_refused(sql):
    """There is no other error, and no loop without an end."""
    for dialect in ("postgresql", "sqlite"):
        with suppress(LexError):
            split(sql, dialect)


WORDS = st.sampled_from(
    [
        "create",
        "temp",
        "trigger",
        "begin",
        "end",
        "explain",
        "case",
        ";",
        "'a;'",
        "[;]",
        "/*;*/",
        "--;\n",
        "x",
        "\n",
        '";"',
    ]
)


@given(st.lists(WORDS, max_size=20).map(" ".join))
def test_it_agrees_with_sqlite(sql):
    """A text is complete for sqlite3_complete() exactly when nothing is left after our last semicolon."""
    text = f"{sql} "
    ends = sqlite3.complete_statement(text)
    ours = len(texts(f"{text};", "sqlite")) == len(texts(f"{text}; y", "sqlite")) - 1 and _closed(text)
    assert ends == ours


def _closed(text):
    """Tell whether the last token ends a statement, by what a word after it would become."""
    found = [token for token in tokens(text, "sqlite") if token.kind != "comment"]
    if not found or found[-1].text != ";":
        return False
    return "zzz" == split(f"{text} zzz", "sqlite")[-1].text

"""Scripts: a file is read with its header and its way back, or refused by name and line."""

import pytest

from arlen_data.faults import MigrationError
from arlen_data.scripts import Allowed, Header, allowed, duration, parse


def script(text, dialect="postgresql", **more):
    """Return what was read."""
    return parse(text, dialect, version="0001_a", file="db/0001_a.sql", **more)


def refusal(text, dialect="postgresql", **more):
    """Return why a text is refused."""
    with pytest.raises(MigrationError) as caught:
        script(text, dialect, **more)
    return caught.value


def test_a_file_has_statements_in_their_order():
    """Each has its text and its line."""
    found = script("create table a (id int);\n\ninsert into a values (1);").up.statements
    assert [("create table a (id int)", 1), ("insert into a values (1)", 3)] == [
        (each.text, each.line) for each in found
    ]


@pytest.mark.parametrize("text", ["", "\n \n", "-- nothing; here\n", "/* nothing */;;", "\ufeff"])
def test_a_file_without_sql_is_refused(text):
    """It was left empty by mistake."""
    error = refusal(text)
    assert ("migration_empty", "db/0001_a.sql", "0001_a") == (error.code, error.file, error.version)


@pytest.mark.parametrize(
    "word",
    [
        "begin",
        "BEGIN TRANSACTION",
        "commit",
        "end",
        "rollback to x",
        "savepoint x",
        "release x",
        "abort",
        "start transaction",
        "prepare transaction 'x'",
        "save tran x",
        "/* c */ Commit and chain",
    ],
)
def test_transaction_control_is_refused_with_statement_and_line(word):
    """The runner begins and ends transactions."""
    error = refusal(f"select 1;\n{word};\nselect 2")
    assert ("migration_control", 2, 2) == (error.code, error.line, error.statement)
    assert str(error).startswith("db/0001_a.sql:2: statement 2: ")


@pytest.mark.parametrize(
    "text",
    [
        "do $$ begin commit; end $$",
        "select 'commit'; -- commit\nselect 1 /* ; rollback; */",
        "create function f() returns int begin atomic select 1; end",
        "prepare x as select 1",
        'alter table t rename column "begin" to "end"',
    ],
)
def test_bodies_and_strings_may_have_transaction_control(text):
    """Only top-level statements are looked at."""
    assert script(text).up.statements


@pytest.mark.parametrize(("text", "word"), [("\\connect x\nselect 1", "psql"), ("copy t from stdin;\n1\n\\.", "copy")])
def test_what_only_psql_knows_is_refused(text, word):
    """Its commands, and data behind `copy`, are no SQL."""
    assert word in str(refusal(text))


def test_the_header_says_how_a_file_runs():
    """All of it stands before the first statement, among other comments."""
    text = "-- a file\n-- arlen: no-transaction\n--arlen:lock-timeout 500ms\n-- arlen: statement-timeout 1h\nvacuum"
    assert Header(transaction=False, lock_timeout=0.5, statement_timeout=3600.0) == script(text).up.header
    assert Header() == script("select 1").up.header
    assert Header(foreign_keys=False) == script("-- arlen: foreign-keys off\nselect 1", "sqlite").up.header


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("-- arlen: no-transactoin\nselect 1", 1, "did you mean `no-transaction`?"),
        ("-- arlen: xyz\nselect 1", 1, "there are: "),
        ("select 1;\n-- arlen: no-transaction\n", 2, "move it before the first statement"),
        ("-- arlen: lock-timeout 1s\n-- arlen: lock-timeout 2s\nselect 1", 2, "stands twice"),
        ("-- arlen: lock-timeout soon\nselect 1", 1, "'soon' is no duration"),
        ("-- arlen: no-transaction please\nselect 1", 1, "nothing stands after it"),
        ("-- arlen: foreign-keys on\nselect 1", 1, "it can be off alone"),
        ("-- arlen: allow table_rewrite\nselect 1", 1, "`allow` needs a code and a reason"),
    ],
)
def test_a_wrong_header_is_refused_with_its_line(text, line, said):
    """A header that nobody understands would be one that does nothing."""
    error = refusal(text)
    assert ("migration_header", line) == (error.code, error.line)
    assert said in str(error)


def test_a_header_in_a_string_is_a_string():
    """Comments alone are read."""
    assert Header() == script("select '\n-- arlen: no-transaction\n'").up.header


def test_what_stands_after_the_separator_takes_it_back():
    """It has a header and lines of its own."""
    made = script("create table a (id int);\n-- arlen: down\n-- arlen: no-transaction\n\ndrop table a;")
    assert (1, 1) == (len(made.up.statements), len(made.down.statements))
    assert (True, False) == (made.up.header.transaction, made.down.header.transaction)
    assert 5 == made.down.statements[0].line


def test_a_down_file_takes_it_back():
    """It stands beside the file that it takes back."""
    made = script("create table a (id int)", down=("db/0001_a.down.sql", "drop table a"))
    assert "drop table a" == made.down.statements[0].text
    assert "db/0001_a.down.sql" == refusal("select 1", down=("db/0001_a.down.sql", "")).file
    assert "down file beside it" in str(refusal("select 1;\n-- arlen: down\nselect 2", down=("x", "select 3")))


@pytest.mark.parametrize(
    ("text", "line"), [("select 1;\n-- arlen: down\n", 2), ("select 1;\n-- arlen: down\n\ncommit", 4)]
)
def test_errors_in_the_way_back_have_the_lines_of_the_file(text, line):
    """Whether it is empty or has transaction control."""
    assert line == refusal(text).line


@pytest.mark.parametrize("text", ["select 1;\nselect 'x", "select 1;\n-- arlen: down\n/* x"])
def test_a_quote_that_is_never_closed_is_refused(text):
    """With the file and the line where it begins."""
    error = refusal(text)
    assert ("migration_invalid", "db/0001_a.sql") == (error.code, error.file)
    assert text.count("\n") + 1 == error.line


def test_the_checksum_is_that_of_what_runs_forwards():
    """Line ends, blank ends, a mark and the way back are no part of it."""
    first = script("select 1;\nselect 2").checksum
    assert first == script("\ufeffselect 1;\r\nselect 2\r\n").checksum
    assert first == script("select 1;\nselect 2\n-- arlen: down\nselect 3").checksum
    assert first != script("select 1;\nselect 3").checksum


@pytest.mark.parametrize(
    ("text", "seconds"), [("250ms", 0.25), ("5s", 5.0), ("1.5 s", 1.5), ("2min", 120.0), ("1h", 3600.0), ("off", 0.0)]
)
def test_durations_have_a_unit(text, seconds):
    """`off` is no bound."""
    assert seconds == duration(text)


@pytest.mark.parametrize("text", ["", "5", "-1s", "1d", "s", "1e3s", "0x1s"])
def test_other_durations_are_refused(text):
    """A number alone has no unit."""
    with pytest.raises(ValueError, match="is no duration"):
        duration(text)


def test_allowed_findings_are_read_at_their_statement():
    """Before it, in it, or behind it on its last line."""
    text = "-- arlen: allow a: one: two\nx; -- arlen: allow b: three\ny"
    first, second = script(text).up.statements
    assert [Allowed("a", "one: two", 1), Allowed("b", "three", 2)] == list(allowed(first))
    assert [] == list(allowed(second))

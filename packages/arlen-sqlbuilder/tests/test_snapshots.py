"""The nine frozen scenarios: text and parameters are what the files in snapshots/ say, and PostgreSQL accepts them."""

import json
from pathlib import Path

import pytest

from arlen_sqlbuilder import PG, SQLITE, Table, UnsupportedFeature, all_, any_, exists, fn, insert, row, select, sql
from arlen_sqlbuilder import excluded as new

FOLDER = Path(__file__).parent / "snapshots"
DDL = """
create table papers (id int, title text, state text, priority int, changed text, made text, place int, number text);
create table live (number int, state text);
create table stored (number int, state text);
create table banned (number int, flag int);
create table cases (id int, state text);
create table news (id int, case_id int, reader_id int, changed text, made text);
create table marks (reader_id int, team_id int, mark int);
create table readers (id int, mark int);
create table limits (value int, kind text);
create table floors (mark int, valid int);
create table tasks (id int primary key, state text, tries int, changed text);
"""
PAPERS, TASKS = Table("papers"), Table("tasks")


def exists_any_all():
    """EXISTS, ANY and ALL over statements."""
    reader, entry, limits, floors = Table("readers").as_("u"), Table("news").as_("e"), Table("limits"), Table("floors")
    seen = select(entry.c.reader_id).from_(entry).where(entry.c.reader_id == reader.c.id)
    risk = select(limits.c.value).where(limits.c.kind == "risk")
    floor = select(floors.c.mark).where(floors.c.valid == 1)
    query = select(reader.c.id).from_(reader).where(exists(seen), reader.c.mark >= any_(risk))
    return query.where(reader.c.mark >= all_(floor)).order_by(reader.c.id)


def expression_ordering():
    """ORDER BY with directions, NULLS and an expression with a parameter."""
    paper = PAPERS.as_("d")
    latest = fn.coalesce(paper.c.changed, paper.c.made, "1970-01-01T00:00:00Z")
    return select(paper.c.id).from_(paper).order_by(paper.c.priority.desc(nulls="last"), latest.asc(nulls="first"))


def lateral_join():
    """LEFT JOIN LATERAL of the latest row."""
    case_, entry = Table("cases").as_("d"), Table("news").as_("e")
    latest = select(entry.c.id).from_(entry).where(entry.c.case_id == case_.c.id)
    latest = latest.order_by(fn.coalesce(entry.c.changed, entry.c.made).desc(nulls="last")).limit(1).lateral("le")
    query = select(case_.c.id, latest.c.id.as_("news_id")).from_(case_).left_join(latest, on=True)
    return query.where(case_.c.state == "TX").order_by(case_.c.id)


def locking_skip_locked():
    """FOR UPDATE OF a table, SKIP LOCKED."""
    task = TASKS.as_("q")
    query = select(task.c.id).from_(task).where(task.c.state == "queued").order_by(task.c.id).limit(1)
    return query.for_update(of=[task], skip_locked=True)


def postgres_upsert_expression():
    """DO UPDATE with expressions, the row that could not be inserted, and a WHERE."""
    own = TASKS.c
    start = insert(TASKS).values(tries=0, id=9, state="queued", changed="2026-01-01T00:00:00Z").on_conflict("id")
    changed = sql(
        "greatest({old}, {new}, {least}::text)", old=own.changed, new=new.changed, least="2026-01-02T00:00:00Z"
    )
    query = start.do_update(tries=own.tries + 1, state=new.state, changed=changed, where=own.state != "done")
    return query.returning(own.id)


def set_operation():
    """UNION ALL, then EXCEPT, with parameters in each member."""
    live, stored, banned = Table("live").c, Table("stored").c, Table("banned").c
    first = select(live.number).where(live.state == "TX")
    return first.union_all(select(stored.number).where(stored.state == "TX")).except_(
        select(banned.number).where(banned.flag == 1)
    )


def template_select():
    """Fragments with slots for columns and values in SELECT, WHERE and ORDER BY."""
    paper = PAPERS.as_("d")
    title = sql("coalesce({title}, {default})", title=paper.c.title, default="untitled").as_("shown")
    where = sql("{state} = {code}", state=paper.c.state, code="TX")
    order = sql("coalesce({changed}, {made})", changed=paper.c.changed, made=paper.c.made).asc(nulls="last")
    return select(paper.c.id, title).from_(paper).where(where).order_by(order)


def tuple_cursor():
    """A page after a row, with an expression in the row."""
    paper = PAPERS.as_("doc")
    place = fn.coalesce(paper.c.place, 0)
    query = select(paper.c.number).from_(paper).where(row(place, paper.c.number) > row(8, "doc-002"))
    return query.order_by(place.asc(nulls="last"), paper.c.number)


def window_named():
    """A named window, and a function over it."""
    mark = Table("marks").as_("s")
    query = select(mark.c.reader_id, fn.row_number().over("w").as_("place")).from_(mark)
    return query.window("w", partition_by=mark.c.team_id, order_by=mark.c.mark.desc()).order_by(mark.c.reader_id)


SCENARIOS = {
    make.__name__: make
    for make in (
        exists_any_all,
        expression_ordering,
        lateral_join,
        locking_skip_locked,
        postgres_upsert_expression,
        set_operation,
        template_select,
        tuple_cursor,
        window_named,
    )
}
PORTABLE = {"expression_ordering", "set_operation", "template_select", "tuple_cursor", "window_named"}


@pytest.fixture(scope="module")
def pg_papers(pg):
    """PostgreSQL with the tables of the scenarios."""
    pg.execute(f"create schema papers; set search_path to papers; {DDL}")
    yield pg
    pg.execute("set search_path to public; drop schema papers cascade")


@pytest.fixture(scope="module")
def lite_papers():
    """SQLite with the tables of the scenarios."""
    import sqlite3

    connection = sqlite3.connect(":memory:")
    connection.executescript(DDL)
    yield connection
    connection.close()


@pytest.mark.parametrize("name", SCENARIOS)
def test_snapshot(name):
    """The text and the parameters are frozen."""
    compiled = SCENARIOS[name]().compile(PG)
    assert json.loads((FOLDER / f"{name}.json").read_text()) == {"sql": compiled.sql, "params": list(compiled.params)}


@pytest.mark.parametrize("name", SCENARIOS)
def test_postgresql_accepts(name, pg_papers, pg_check):
    """PostgreSQL prepares each of them."""
    compiled = SCENARIOS[name]().compile(PG)
    pg_check(compiled.sql, compiled.params)


@pytest.mark.parametrize("name", SCENARIOS)
def test_second_dialect(name, lite_papers):
    """SQLite prepares those that it can say, and refuses the rest by the feature's name."""
    if name in PORTABLE:
        compiled = SCENARIOS[name]().compile(SQLITE)
        lite_papers.execute(f"explain {compiled.sql}", compiled.params)
    elif name != "postgres_upsert_expression":  # its cast is PostgreSQL's text, which nobody reads
        with pytest.raises(UnsupportedFeature) as caught:
            SCENARIOS[name]().compile(SQLITE)
        assert caught.value.feature in {"lateral", "row lock", "any and all"}


def test_nothing_is_left_over():
    """There is a file for each scenario, and no other."""
    assert sorted(SCENARIOS) == sorted(path.stem for path in FOLDER.iterdir())

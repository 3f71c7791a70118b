"""Models: what people may send, and what becomes of it."""

from datetime import UTC, datetime, timedelta

import pytest
from drafts import NOW, draft
from hypothesis import given
from hypothesis import strategies as st
from msgspec import ValidationError, convert

from models import TAGS, Draft, Filters, Page, checked, moment, person, prose, split, tidy


def refused(**changes: object) -> list[tuple[str, str]]:
    """Return field and code of each row that the rules give for a draft."""
    made, rows = checked(Draft(**draft(**changes)), NOW)  # type: ignore[arg-type]
    assert (made is None) == bool(rows)
    return [(row.field, row.code) for row in rows]


def test_a_draft_becomes_tidy_fields() -> None:
    """Blanks go, a service and tags are in lower case, an incident without a time began now."""
    made, rows = checked(
        Draft(title="  Payments   time out ", service=" Billing ", owner=" Ada ", tags=["Net, db", "db"]), NOW
    )
    assert [] == rows
    assert made is not None
    assert ("Payments time out", "billing", "Ada") == (made.title, made.service, made.owner)
    assert (("db", "net"), NOW) == (made.tags, made.opened)


@pytest.mark.parametrize("title", ["", "  ", "ab", " a\x00b"[:3]])
def test_a_title_has_three_visible_characters(title: str) -> None:
    """Blanks and control characters do not count."""
    assert [("title", "too_short")] == refused(title=title)


@pytest.mark.parametrize(
    ("service", "code"),
    [("", "missing"), ("a", "invalid_pattern"), ("mail relay", "invalid_pattern"), ("é-mail", "invalid_pattern"),
     ("-dash", "invalid_pattern"), ("x" * 41, "invalid_pattern")],
)  # fmt: skip
def test_a_service_is_a_short_name(service: str, code: str) -> None:
    """Letters, digits and dashes, 2 to 40 of them."""
    assert [("service", code)] == refused(service=service)


@pytest.mark.parametrize("name", ["Ada: boss", "x" * 61])
def test_a_person_has_a_name_without_a_colon(name: str) -> None:
    """A colon would end the name in an exported note."""
    assert [("owner", "invalid_pattern"), ("author", "invalid_pattern")] == refused(owner=name, author=name)
    assert [] == person("owner", "")


@pytest.mark.parametrize(
    ("tags", "code"),
    [(["a_b"], "invalid_pattern"), (["x" * 25], "invalid_pattern"), ([f"tag{n}" for n in range(TAGS + 1)], "too_long")],
)
def test_tags_are_few_and_simple(tags: list[str], code: str) -> None:
    """At most eight, each of letters, digits and dashes."""
    assert [("tags", code)] == refused(tags=tags)


@pytest.mark.parametrize(
    ("text", "code"),
    [("yesterday", "invalid_format"), ("2026-13-01", "invalid_format"), ("1999-12-31T23:59", "out_of_range"),
     ("2026-11-22T12:06", "out_of_range"), ("9999-12-31T23:59:59-23:59", "invalid_format")],
)  # fmt: skip
def test_an_incident_began_in_the_past(text: str, code: str) -> None:
    """What is no time is refused, and so are times before 2000 and later than five minutes from now."""
    assert [("opened", code)] == refused(opened=text)


def test_every_broken_rule_is_reported() -> None:
    """Nobody corrects one field only to learn of the next."""
    wrong = draft(title=" ", service="", owner="a:b", tags=["_"], opened="?")
    assert ["opened", "owner", "service", "tags", "title"] == sorted(field for field, _ in refused(**wrong))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-22T10:30", datetime(2026, 11, 22, 10, 30, tzinfo=UTC)),
        ("2026-11-22 10:30:15.9Z", datetime(2026, 11, 22, 10, 30, 15, tzinfo=UTC)),
        ("2026-11-22T10:30+02:00", datetime(2026, 11, 22, 8, 30, tzinfo=UTC)),
        ("2026-11-22", datetime(2026, 11, 22, tzinfo=UTC)),
    ],
)
def test_times_are_utc_to_the_second(text: str, expected: datetime) -> None:
    """A time without a zone is UTC; others are converted."""
    assert expected == moment(text)


@given(st.text())
def test_tidy_text_is_one_printable_line(text: str) -> None:
    """Tidying again changes nothing."""
    assert tidy(text).isprintable()
    assert tidy(text) == tidy(tidy(text))


@given(st.text())
def test_prose_keeps_every_printable_word(text: str) -> None:
    """Lines stay lines, words stay words; only control characters and blanks at the ends of lines go."""
    made = prose(text)
    assert made == prose(made)
    assert "\r" not in made
    assert [c for c in text if c.isprintable() and c != " "] == [c for c in made if c not in " \n\t"]


@given(st.lists(st.text(alphabet="ab,; \t", max_size=8), max_size=5))
def test_tags_are_sorted_and_unique(tags: list[str]) -> None:
    """However they are separated."""
    made = split(tags)
    assert made == tuple(sorted(set(made)))
    assert {c for tag in made for c in tag} <= {"a", "b"}


@pytest.mark.parametrize(
    "query",
    [{"page": "0"}, {"page": "100001"}, {"size": "4"}, {"size": "101"}, {"status": ["gone"]}, {"sort": "colour"},
     {"q": "x" * 201}],
)  # fmt: skip
def test_filters_have_bounds(query: dict[str, object]) -> None:
    """A page of a million rows cannot be asked for."""
    with pytest.raises(ValidationError):
        convert(query, Filters, strict=False)


def test_a_filter_is_active_when_it_narrows() -> None:
    """Order and page do not hide anything."""
    assert not Filters(sort="title", page=3, size=50).active
    assert not Filters(q="  ").active
    assert Filters(tag="db").active


@pytest.mark.parametrize(("total", "pages"), [(0, 1), (1, 1), (25, 1), (26, 2), (5000, 200)])
def test_pages_are_counted(total: int, pages: int) -> None:
    """An empty list still has a page."""
    assert pages == Page([], total, 1, 25).pages


def test_clocks_may_differ_a_little() -> None:
    """A time five minutes ahead is another machine's now."""
    ahead = (NOW + timedelta(minutes=5)).isoformat()
    assert [] == refused(opened=ahead)

"""Fields: labels, ids and ARIA agree; what was sent is shown again; nothing escapes."""

import dataclasses
from datetime import UTC, date, datetime, time
from enum import Enum
from html.parser import HTMLParser
from typing import Annotated

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup
from msgspec import Meta, Struct

from arlen_core import App, Context, FieldError, Input, Request, Upload
from arlen_web import Fields, form
from arlen_web.scope import entered


class Level(Enum):
    """How bad it is."""

    LOW = "low"
    HIGH = "high"


class Note(Struct):
    """What the forms of these tests are about."""

    title: Annotated[str, Meta(min_length=1, max_length=80, title="Heading", description="Short")]
    stars: Annotated[int, Meta(ge=0, le=5)] = 0
    level: Level = Level.LOW
    tags: list[Level] = []
    pinned: bool = False
    due: date | None = None
    body: str = ""


class Seen(HTMLParser):
    """The elements of a piece of HTML, with their attributes and the text inside."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.rows = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.rows.append([tag, dict(attrs), ""])

    def handle_data(self, data):
        if self.rows:
            self.rows[-1][2] += data

    def one(self, tag):
        return next(row for row in self.rows if row[0] == tag)


def attrs(markup, tag="input"):
    """Return the attributes of the first element of that name."""
    return Seen(markup).one(tag)[1]


WRONG = Input(
    Note,
    None,
    {"title": "", "stars": "9", "level": "high", "tags": ["low"], "pinned": True, "due": "soon"},
    [
        FieldError("title", "too_short", "must not be empty"),
        FieldError("stars", "too_large", "must be at most 5"),
        FieldError("tags[0]", "invalid", "is odd"),
        FieldError("", "conflict", "somebody was faster"),
    ],
)


def test_a_label_belongs_to_its_control():
    """`for` is the id; the text is the title, or the name in words."""
    fields = form(Note)
    assert {"for": "note-title"} == attrs(fields.label("title"), "label")
    assert "note-title" == attrs(fields.input("title"))["id"]
    assert "Heading" == Seen(fields.label("title")).one("label")[2]
    assert "Stars" == Seen(fields.label("stars")).one("label")[2]
    assert "How many?" == Seen(fields.label("stars", "How many?")).one("label")[2]
    assert "First name" == Seen(form().label("first_name")).one("label")[2]


def test_an_input_knows_its_limits():
    """Type and limits are those of the Struct; the template may add and override."""
    expected = {"type": "number", "id": "note-stars", "name": "stars", "value": "3", "min": "0", "max": "5"}
    assert expected == attrs(form(Note("x", stars=3)).input("stars"))
    assert "4" == attrs(form(Note).input("stars", max=4))["max"]
    assert "big" == attrs(form(Note).input("stars", class_="big"))["class"]
    assert {"type": "search", "id": "note-title", "name": "title"} | {"minlength": "1", "maxlength": "80"} == {
        name: value for name, value in attrs(form(Note).input("title", type="search")).items() if name != "required"
    }


def test_another_type_drops_limits_that_it_does_not_have():
    """A hidden field has none at all; a required one stays required in any type that can be filled."""
    assert {"type": "hidden", "id": "note-title", "name": "title"} == attrs(form(Note).input("title", type="hidden"))
    assert {"type": "color", "id": "note-title", "name": "title", "required": None} == attrs(
        form(Note).input("title", type="color")
    )


@pytest.mark.parametrize(
    ("value", "kind", "expected"),
    [
        ("a", "text", "a"),
        (0, "number", "0"),
        (False, "text", "false"),
        (None, "text", None),
        ("", "text", None),
        (date(2026, 11, 22), "date", "2026-11-22"),
        (time(9, 5), "time", "09:05:00"),
        (datetime(2026, 11, 22, 9, 5, 7, 9, tzinfo=UTC), "datetime-local", "2026-11-22T09:05:07"),
        (datetime(2026, 11, 22, 9, 5, tzinfo=UTC), "text", "2026-11-22T09:05:00+00:00"),
        (Level.HIGH, "text", "high"),
        (["x", "y"], "text", "x"),
        ([], "text", None),
        ("secret", "password", None),
        (Upload.of(b"x", "x.png"), "file", None),
    ],
)
def test_values_are_written_as_browsers_want_them(value, kind, expected):
    """Dates in ISO form, enums by value; passwords and files never come back."""
    assert expected == attrs(form({"x": value}).input("x", type=kind)).get("value")


def test_what_was_sent_is_shown_again():
    """A form that failed is filled with what was typed, not with what is stored."""
    fields = form(WRONG)
    assert "9" == attrs(fields.input("stars"))["value"]
    assert "soon" == attrs(fields.input("due"))["value"]
    assert "checked" in attrs(fields.checkbox("pinned"))
    assert ["high"] == [row[1]["value"] for row in Seen(fields.select("level")).rows if "selected" in row[1]]


def test_a_good_input_shows_its_value():
    """An Input that came as JSON has no raw fields: its value is shown."""
    assert "Tea" == attrs(form(Input(Note, Note("Tea"))).input("title"))["value"]


def test_errors_are_tied_to_the_control():
    """`aria-invalid` and `aria-describedby` point to the list of messages; a fine field has neither."""
    fields = form(WRONG)
    control = attrs(fields.input("stars"))
    assert ("true", "note-stars-errors") == (control["aria-invalid"], control["aria-describedby"])
    shown = Seen(fields.errors("stars"))
    assert "note-stars-errors" == shown.one("ul")[1]["id"]
    assert "must be at most 5" == shown.one("li")[2]
    assert "aria-invalid" not in attrs(fields.input("due"))
    assert "" == fields.errors("due")


def test_errors_inside_a_list_are_the_fields():
    """`tags[0]` is about `tags`; `tag` is another field."""
    assert "is odd" == Seen(form(WRONG).errors("tags")).one("li")[2]
    assert "" == form(errors=[FieldError("tags", "x", "y")]).errors("tag")


def test_a_field_has_everything():
    """Label, control, hint and errors, in the order in which they are read; the control refers to both."""
    shown = Seen(form(WRONG).field("title", hint="Be short"))
    assert ["div", "label", "input", "p", "ul", "li"] == [row[0] for row in shown.rows]
    assert "note-title-hint note-title-errors" == shown.one("input")[1]["aria-describedby"]
    assert ("note-title-hint", "Be short") == (shown.one("p")[1]["id"], shown.one("p")[2])


def test_the_hint_is_the_description():
    """What the Struct says of the field is shown, unless the template says something else."""
    assert "Short" == Seen(form(Note).field("title")).one("p")[2]
    assert ["div", "label", "input"] == [row[0] for row in Seen(form(Note).field("stars")).rows]


@pytest.mark.parametrize(
    ("name", "options", "expected"),
    [
        ("pinned", {}, ["div", "input", "label"]),
        ("level", {}, ["div", "label", "select", "option", "option"]),
        ("body", {"rows": 4}, ["div", "label", "textarea"]),
        ("body", {}, ["div", "label", "input"]),
    ],
)
def test_a_field_takes_the_control_of_its_type(name, options, expected):
    """A check box stands before its label; choices are a select; `rows` asks for several lines."""
    assert expected == [row[0] for row in Seen(form(Note).field(name, **options)).rows]


def test_a_textarea_keeps_its_text():
    """The first line break, which a browser drops, is not one of the text; nothing ends the element early."""
    text = "\n</textarea><script>"
    shown = form({"x": text}).textarea("x", rows=3)
    assert '<textarea id="x" name="x" rows="3">\n\n&lt;/textarea&gt;&lt;script&gt;</textarea>' == shown


def test_a_select_shows_what_is_chosen():
    """Of the type's options, or of others: values, pairs, a mapping, an Enum."""
    fields = form(Note("x", level=Level.HIGH))
    assert [("low", False), ("high", True)] == chosen(fields.select("level"))
    assert [("", False), ("low", False), ("high", True)] == chosen(fields.select("level", blank="Choose"))
    for options in (["a", "high"], [("a", "A"), ("high", "H")], {"a": "A", "high": "H"}):
        assert [("a", False), ("high", True)] == chosen(fields.select("level", options))
    assert [("low", False), ("high", True)] == chosen(fields.select("level", Level))


def chosen(markup):
    """Return the options and whether they are chosen."""
    return [(row[1]["value"], "selected" in row[1]) for row in Seen(markup).rows if row[0] == "option"]


def test_a_list_is_a_select_of_several():
    """Every value that is in the list is chosen."""
    shown = form(Note("x", tags=[Level.LOW, Level.HIGH])).select("tags")
    assert "multiple" in attrs(shown, "select")
    assert [("low", True), ("high", True)] == chosen(shown)


def test_an_empty_option_is_never_chosen_by_nothing():
    """A field without a value has no chosen option."""
    assert [("", False), ("a", False)] == chosen(form().select("x", ["a"], blank="-"))


def test_check_boxes_of_a_list():
    """Each has its value and its own id."""
    fields = form(Note("x", tags=[Level.HIGH]))
    low, high = (attrs(fields.checkbox("tags", value)) for value in ("low", "high"))
    assert (("note-tags-low", False), ("note-tags-high", True)) == tuple((x["id"], "checked" in x) for x in (low, high))


def test_a_check_box_is_ticked_by_true():
    """`True` as stored and `true` as sent."""
    assert "checked" in attrs(form({"x": True}).checkbox("x"))
    assert "checked" in attrs(form({"x": "true"}).checkbox("x"))
    assert "checked" not in attrs(form({"x": False}).checkbox("x"))
    assert "checked" not in attrs(form().checkbox("x"))


def test_a_box_that_is_ticked_by_default_can_be_unticked():
    """Nothing sent would mean true, so the form says false itself, after the box."""

    class Choice(Struct):
        notify: bool = True
        quiet: bool = False

    shown = Seen(form(Choice).checkbox("notify")).rows
    assert [("checkbox", "true"), ("hidden", "false")] == [(row[1]["type"], row[1]["value"]) for row in shown]
    assert 1 == len(Seen(form(Choice).checkbox("quiet")).rows)


def test_the_summary_links_to_the_fields():
    """All errors at the top, announced, with links to the controls; errors of no field without one."""
    shown = Seen(form(WRONG).summary())
    assert "alert" == shown.one("div")[1]["role"]
    links = [(row[1]["href"], row[2]) for row in shown.rows if row[0] == "a"]
    assert ("#note-title", "Heading: must not be empty") == links[0]
    assert "#note-tags" == links[2][0]
    assert "somebody was faster" == shown.rows[-1][2]


def test_without_errors_there_is_no_summary():
    """Nothing is written, and `ok` says so."""
    assert "" == form(Note).summary()
    assert form(Note).ok
    assert not form(WRONG).ok


def test_an_error_of_an_unknown_field_is_named():
    """What has no control on the page is said in words."""
    assert "ghost: boo" in form(Note, errors=[FieldError("ghost", "x", "boo")]).summary()


def test_a_wrong_name_is_found():
    """A field that the Struct does not have is the template's mistake."""
    for call in (form(Note).input, form(Note).label, form(Note).value, form(Note).field):
        with pytest.raises(LookupError, match="no field 'titel': did you mean 'title'"):
            call("titel")


def test_without_a_struct_any_name_goes():
    """A search form needs no type."""
    assert {"type": "text", "id": "q", "name": "q", "value": "tea"} == attrs(form({"q": "tea"}).input("q"))


def test_values_and_errors_can_be_added():
    """What the handler knows better goes over the source."""
    fields = form(Note("old"), values={"title": "new"}, errors=[FieldError("title", "taken", "is taken")], id="edit")
    shown = attrs(fields.input("title"))
    assert ("edit-title", "new", "true") == (shown["id"], shown["value"], shown["aria-invalid"])


def test_a_dataclass_is_a_source_too():
    """So is an empty type, with its defaults."""

    @dataclasses.dataclass
    class Item:
        name: str = "tea"

    assert "tea" == attrs(form(Item()).input("name"))["value"]
    assert "tea" == attrs(form(Item).input("name"))["value"]


class Photo(Struct):
    """A form with a file."""

    photo: Upload


def test_the_form_element():
    """Method and encoding are right; the action is optional."""
    assert {"action": "/x", "method": "post"} == attrs(form(Note).open("/x"), "form")
    assert {"method": "post", "enctype": "multipart/form-data"} == attrs(form(Photo).open(), "form")
    assert {"method": "get", "class": "s"} == attrs(form().open(method="get", class_="s"), "form")
    assert "</form>" == form().close()
    assert not form(Note).open().endswith("</form>")


def test_files_are_required_and_several():
    """A file input has the limits of files."""

    class Album(Struct):
        photos: list[Upload] = []

    assert "required" in attrs(form(Photo).input("photo"))
    assert "multiple" in attrs(form(Album).input("photos"))


def test_nothing_protects_a_form_until_somebody_does():
    """The hook yields nothing without a helper `csrf_field`, and what it makes with one, in posting forms only."""
    app = App("x", environ={})
    assert "" == form().hidden()
    with entered(Context(app, Request())):
        assert "" == form().hidden()
        app.helper(
            "csrf_field",
            lambda ctx: Markup('<input type="hidden" name="t" value="{}">').format(ctx.request.path),
            context=True,
        )
        assert {"type": "hidden", "name": "t", "value": "/"} == attrs(form().hidden())
        assert {"type": "hidden", "name": "t", "value": "/"} == attrs(form().open())
        assert [] == [row for row in Seen(form().open(method="GET")).rows if row[0] == "input"]


@given(st.text(max_size=30), st.text(max_size=30))
def test_no_value_escapes(value, message):
    """Whatever was typed or is said about it, the page has the elements that were meant."""
    fields = Fields(values={"x": value}, errors=[FieldError("x", "bad", message)], id="f")
    shown = Seen(fields.summary() + fields.label("x") + fields.input("x") + fields.errors("x"))
    assert ["div", "p", "ul", "li", "label", "input", "ul", "li"] == [row[0] for row in shown.rows]
    assert (value or None) == shown.one("input")[1].get("value")


def test_none_is_the_same_as_missing():
    """The representation is plain: no `None` on a page."""
    assert "None" not in form({"x": None}).input("x") + form({"x": None}).textarea("x")

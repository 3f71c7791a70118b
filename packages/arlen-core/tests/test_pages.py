"""Pages: an HTML answer searched and submitted as a person with a browser would."""

import pytest

from arlen_core.pages import Page

FORM = """
<form method="post" action="/save?x=1">
<input name="title" value="Tea"><input name="empty"><input type="hidden" name="version" value="3">
<input type="checkbox" name="done" value="yes"><input type="checkbox" name="open" checked>
<input type="radio" name="size" value="s"><input type="radio" name="size" value="m" checked>
<select name="status"><option>new<option value="o" selected>Open</select>
<select name="first"><option value="" disabled>Choose<option value="a">A</select>
<select name="tags" multiple><option selected>x<option>y<option selected>z</select>
<textarea name="text"> two
 lines </textarea>
<input name="off" value="1" disabled><input type="SUBMIT" name="go" value="Save"><input value="nameless">
<button name="delete" value="1">Delete</button><input type="file" name="photo">
</form>"""


def form(text: str = FORM, url: str = "/notes/7?page=2"):
    """Return the form of a page."""
    return Page(text, url).form()


def test_selectors():
    """`all`, `one` and `texts` on the page, `all` below an element."""
    page = Page("<ul class=a><li> one\n two <li>three</ul><p>x")
    assert ["one two", "three"] == page.texts("li")
    assert ["li", "li"] == [each.tag for each in page.one("ul.a").all("li")]
    assert [] == page.all("table")


@pytest.mark.parametrize(("selector", "count"), [("li", 2), ("table", 0)])
def test_one_is_one(selector, count):
    """None or several are a failed test, and it says how many."""
    with pytest.raises(AssertionError, match=f"{selector!r} finds {count} elements"):
        Page("<li>a<li>b").one(selector)


def test_attributes():
    """By name, with a default, present without a value."""
    element = Page('<a href="/x" hidden>y</a>').one("a")
    assert ("/x", "", "y", "", "no") == (
        element["href"], element["hidden"], element.text, element.get("title"), element.get("title", "no"),
    )  # fmt: skip
    assert "hidden" in element
    assert "title" not in element
    with pytest.raises(KeyError):
        element["title"]
    assert '<a href="/x" hidden="">y</a>' == element.html
    assert "<a href" in repr(element)


def test_what_a_browser_would_send():
    """Values, ticks, choices and texts; nothing disabled, no buttons, no files, nothing without a name."""
    assert [
        ("title", "Tea"), ("empty", ""), ("version", "3"), ("open", "on"), ("size", "m"), ("status", "o"),
        ("first", "a"), ("tags", "x"), ("tags", "z"), ("text", " two\n lines "),
    ] == form().fields  # fmt: skip


@pytest.mark.parametrize(
    ("html", "method", "action"),
    [
        ("<form>", "GET", "/notes/7?page=2"),
        ('<form method="POST" action="save">', "POST", "/notes/save"),
        ('<form method="put" action="?q=1">', "GET", "/notes/7?q=1"),
        ('<form action="//other.example/x">', "GET", "//other.example/x"),
    ],
)
def test_method_and_address(html, method, action):
    """Only POST is not GET; the address is resolved against the page's."""
    made = form(html)
    assert (method, action, False) == (made.method, made.action, made.multipart)


def test_filling():
    """Text, numbers, lists, None; ticks by truth; a button by its name."""
    filled = form().filled(
        {"title": "Milk", "version": 4, "tags": ["y"], "empty": None, "done": True, "open": False, "delete": "1"}
    )
    assert [
        ("size", "m"), ("status", "o"), ("first", "a"), ("text", " two\n lines "), ("title", "Milk"), ("version", "4"),
        ("tags", "y"), ("done", "yes"), ("delete", "1"),
    ] == filled.fields  # fmt: skip
    assert {} == filled.files


def test_what_a_person_could_not_fill():
    """A field that is not there is a failed test that says what is."""
    with pytest.raises(AssertionError, match=r"no field 'titel'; it has \['delete', 'done'"):
        form().filled({"titel": "x"})


def test_files_need_a_form_for_files():
    """One that sends them as multipart."""
    with pytest.raises(AssertionError, match="multipart/form-data"):
        form().filled({"photo": ("a.png", b"x")})
    made = form(FORM.replace("<form", '<form enctype="multipart/form-data"'))
    assert made.multipart
    filled = made.filled({"photo": [("a.png", b"x"), ("b.png", b"y", "image/png")]})
    assert {"photo": [("a.png", b"x"), ("b.png", b"y", "image/png")]} == filled.files
    assert "photo" not in dict(filled.fields)


def test_a_form_among_several():
    """By a selector."""
    page = Page('<form id="a"></form><form id="b" method="post"></form>')
    assert "POST" == page.form("#b").method
    with pytest.raises(AssertionError):
        page.form()

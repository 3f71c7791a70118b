"""Headers: a case-insensitive multi-map, and nothing gets in that HTTP forbids."""

import re
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arlen_core.headers import Headers

TOKEN = string.ascii_letters + string.digits + "!#$%&'*+-.^_`|~"
names = st.text(TOKEN, min_size=1, max_size=12)
values = st.text([*map(chr, range(0x20, 0x7F)), "\t", *map(chr, range(0x80, 0x100))], max_size=20)
pairs = st.lists(st.tuples(names, values), max_size=8)


@given(pairs)
def test_a_multi_map_in_order(rows):
    """Everything added is there, in order, names in lower case, values untouched."""
    headers = Headers.of(rows)
    assert [(name.lower(), value) for name, value in rows] == list(headers.items())
    assert len(rows) == len(headers)
    for name, _ in rows:
        mine = [value for each, value in rows if each.lower() == name.lower()]
        assert (mine, mine[0]) == (headers.all(name.upper()), headers[name])


@given(pairs, names, values)
def test_set_leaves_one(rows, name, value):
    """`set` replaces all fields of that name and touches no other."""
    headers = Headers.of(rows)
    headers[name] = value
    others = [(each.lower(), text) for each, text in rows if each.lower() != name.lower()]
    assert [*others, (name.lower(), value)] == list(headers.items())


@given(pairs, names)
def test_remove_leaves_none(rows, name):
    """`remove` drops all fields of that name and touches no other."""
    headers = Headers.of(rows)
    headers.remove(name)
    assert name not in headers
    assert [(each.lower(), text) for each, text in rows if each.lower() != name.lower()] == list(headers.items())


@given(pairs, names, values)
def test_default_never_replaces(rows, name, value):
    """`default` adds only what is missing."""
    headers = Headers.of(rows)
    before = headers.get(name)
    headers.default(name, value)
    assert (value if before is None else before) == headers[name]


@given(st.text(max_size=12))
def test_a_name_is_a_token_or_refused(name):
    """No text but a token becomes a name."""
    headers = Headers()
    if re.fullmatch(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+", name):
        headers.add(name, "x")
        assert "x" == headers[name]
    else:
        with pytest.raises(ValueError, match="not a header name"):
            headers.add(name, "x")
        assert 0 == len(headers)


@given(st.text(max_size=12))
def test_a_value_is_visible_text_or_refused(value):
    """No control character, and nothing outside Latin-1, becomes a value; the message says which."""
    headers = Headers()
    if all(c == "\t" or " " <= c <= "~" or "\x80" <= c <= "\xff" for c in value):
        headers.set("x-a", value)
        assert value == headers["x-a"]
    else:
        with pytest.raises(ValueError, match="the value of 'x-a' holds"):
            headers.set("x-a", value)
        assert 0 == len(headers)


ATTACKS = [
    "a\r\nset-cookie: b=c",
    "a\nb: c",
    "a\rb: c",
    "a\0b",
    "a\x0bb",
    "a\x7fb",
    "a\u010ab",
    "a\u2028b",
    "\r\n\r\n<p>",
]


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_field_cannot_be_smuggled(attack):
    """Every way to write refuses a line end in whatever disguise, in values and in names."""
    headers = Headers.of({"x-a": "1"})
    for write in (headers.add, headers.set, headers.__setitem__, headers.default):
        with pytest.raises(ValueError, match="the value of"):
            write("x-new", attack)
        with pytest.raises(ValueError, match="not a header name"):
            write(attack, "value")
    with pytest.raises(ValueError, match="the value of"):
        Headers.of([("x-b", attack)])
    assert [("x-a", "1")] == list(headers.items())


@pytest.mark.parametrize("name", ["", " ", "x a", "x:a", "x(a", "\u212aey", "x-é", "x-€", "x\tb", '"x"'])
def test_a_strange_name_is_refused_and_never_found(name):
    """Names are ASCII tokens: no other letter folds into one, and looking for one finds nothing."""
    headers = Headers.of({"key": "1"})
    with pytest.raises(ValueError, match="not a header name"):
        headers.add(name, "x")
    assert (None, [], False) == (headers.get(name), headers.all(name), name in headers)
    headers.remove(name)
    with pytest.raises(KeyError):
        headers[name]


def test_raw_is_kept_not_copied():
    """A server's list is the list of the map."""
    raw = [(b"a", b"1")]
    headers = Headers(raw)
    headers.add("b", "2")
    assert raw is headers.raw
    assert [(b"a", b"1"), (b"b", b"2")] == raw


def test_vary_is_a_set_of_names():
    """A name stands in Vary once, in whatever case it was given; a star says it all."""
    headers = Headers()
    headers.vary("Accept")
    headers.vary("accept")
    headers.vary("Cookie")
    assert "accept, cookie" == headers["vary"]
    star = Headers.of({"vary": "*"})
    star.vary("accept")
    assert "*" == star["vary"]


def test_vary_joins_several_fields():
    """Fields that were added one by one become one list."""
    headers = Headers.of([("vary", "Accept"), ("vary", " Cookie ,, Origin")])
    headers.vary("range")
    assert ["accept, cookie, origin, range"] == headers.all("vary")


def test_a_member_is_text():
    """`in` and `[]` are for names; other things are not in it."""
    headers = Headers.of({"a": "1"})
    assert ("A" in headers, b"a" in headers, None in headers) == (True, False, False)
    assert ["a"] == list(headers)


def test_equality_is_of_fields_in_order():
    """Two maps are equal when their fields are; a map is not hashable, because it changes."""
    assert Headers.of({"a": "1"}) == Headers.of({"A": "1"})
    assert Headers.of({"a": "1"}) != Headers.of({"a": "2"})
    assert Headers() != []
    with pytest.raises(TypeError):
        hash(Headers())


def test_repr_tells_no_secrets():
    """Values may be cookies and tokens: only names are shown."""
    shown = repr(Headers.of({"authorization": "Bearer hunter2"}))
    assert ("authorization" in shown, "hunter2" in shown) == (True, False)

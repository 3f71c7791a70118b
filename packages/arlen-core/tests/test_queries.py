"""Queries: parsing as the WHATWG URL standard says, bounds, typed access."""

from urllib.parse import parse_qsl, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arlen_core.errors import HTTPError, ValidationFailed
from arlen_core.queries import Query, decode, encode

words = st.text(max_size=12)
pairs = st.lists(st.tuples(words, words), max_size=12)


@given(pairs)
def test_what_urllib_encodes_is_decoded(rows):
    """Pairs that another encoder wrote come back the same."""
    assert rows == decode(urlencode(rows).encode(), max_fields=50)


@given(pairs)
def test_what_is_encoded_urllib_decodes(rows):
    """Pairs that we wrote come back the same from another decoder."""
    assert rows == parse_qsl(encode(rows), keep_blank_values=True, strict_parsing=bool(rows), encoding="utf-8")


@given(st.binary(max_size=60))
def test_any_bytes_are_parsed_right_or_refused(raw):
    """Whatever comes, the result is that of a parser by hand, or a 400 because it is no UTF-8."""
    try:
        expected = [(name.decode(), value.decode()) for name, value in _loose(raw)]
    except UnicodeDecodeError:
        with pytest.raises(HTTPError, match="not valid UTF-8"):
            decode(raw)
    else:
        assert expected == decode(raw)


def _loose(raw: bytes) -> list[tuple[bytes, bytes]]:
    """Split and unquote by hand, byte for byte."""
    rows = []
    for part in raw.split(b"&"):
        if part:
            name, _, value = part.partition(b"=")
            rows.append((_bytes(name), _bytes(value)))
    return rows


def _bytes(raw: bytes) -> bytes:
    out, at = bytearray(), 0
    while at < len(raw):
        two = raw[at + 1 : at + 3]
        if raw[at] == 0x25 and len(two) == 2 and all(c in b"0123456789abcdefABCDEF" for c in two):
            out.append(int(two, 16))
            at += 3
        else:
            out.append(0x20 if raw[at] == 0x2B else raw[at])
            at += 1
    return bytes(out)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"", []),
        (b"&&", []),
        (b"a", [("a", "")]),
        (b"=", [("", "")]),
        (b"a=b=c", [("a", "b=c")]),
        (b"a;b=1", [("a;b", "1")]),
        (b"a+b=c%2Bd", [("a b", "c+d")]),
        (b"%41=%zz%4", [("A", "%zz%4")]),
        (b"a=1&a=2", [("a", "1"), ("a", "2")]),
        ("ключ=значение".encode(), [("ключ", "значение")]),
        (b"a=%00", [("a", "\x00")]),
    ],
)
def test_the_corners_of_the_format(raw, expected):
    """Empty parts go, the first `=` splits, only `&` separates, a lone `%` stays."""
    assert expected == decode(raw)


@pytest.mark.parametrize("raw", [b"a=%ff", b"%C3=1", b"a=\xff", b"ok=1&a=%ed%a0%80"])
def test_what_is_no_utf8_is_refused(raw):
    """Bytes that are no UTF-8 are a 400, not a replacement character."""
    with pytest.raises(HTTPError) as caught:
        Query.parse(raw)
    assert (400, "invalid_encoding") == (caught.value.status, caught.value.code)


@pytest.mark.parametrize("raw", [b"a&a&a&a", b"a=1&b=2&c=3&d=4", b"&" * 10, b"&a&a&a&a&"])
def test_too_many_fields_are_refused(raw):
    """More parameters, or separators, than the limit are a 400."""
    with pytest.raises(HTTPError) as caught:
        Query.parse(raw, max_fields=3)
    assert (400, "too_many_fields") == (caught.value.status, caught.value.code)


def test_the_limit_itself_is_allowed():
    """As many parameters as the limit pass, with or without a separator at the end."""
    assert 3 == len(Query.parse(b"a&b&c", max_fields=3))
    assert 3 == len(Query.parse(b"a&b&c&", max_fields=3))


def test_get_returns_the_first_value_and_all_every_one():
    """The first value stands for a name; all of them can be had."""
    query = Query.parse(b"a=1&b=2&a=3")
    assert "1" == query.get("a") == query["a"]
    assert ["1", "3"] == query.all("a")
    assert [] == query.all("c")
    assert query.get("c") is None
    assert "x" == query.get("c", "x")


def test_it_is_a_collection_of_names():
    """Iteration, length and membership are over distinct names; items has every pair."""
    query = Query.parse(b"a=1&b=2&a=3")
    assert ["a", "b"] == list(query)
    assert 2 == len(query)
    assert "a" in query
    assert "c" not in query
    assert [("a", "1"), ("b", "2"), ("a", "3")] == list(query.items())


def test_a_missing_name_is_a_key_error():
    """Indexing says which name is missing."""
    with pytest.raises(KeyError, match="c"):
        Query()["c"]


def test_changing_what_all_returned_changes_nothing():
    """A query never changes."""
    query = Query.parse(b"a=1")
    query.all("a").append("2")
    assert ["1"] == query.all("a")


def test_equal_queries_are_equal_and_hash_alike():
    """Queries compare by their pairs, in order."""
    assert Query.parse(b"a=1&b=2") == Query([("a", "1"), ("b", "2")])
    assert Query.parse(b"b=2&a=1") != Query([("a", "1"), ("b", "2")])
    assert hash(Query.parse(b"a=1")) == hash(Query([("a", "1")]))
    assert Query() != "a=1"


def test_the_representation_hides_values():
    """Tokens travel in queries, so a log shows the names only."""
    assert "Query(['page', 'token'])" == repr(Query.parse(b"token=s3cret&page=1"))


@pytest.mark.parametrize(("raw", "expected"), [(b"n=7", 7), (b"n=-7", -7), (b"n=007", 7), (b"n=", None), (b"", None)])
def test_integer_reads_whole_numbers(raw, expected):
    """Digits with an optional minus are a number; nothing is the default."""
    assert expected == Query.parse(raw).integer("n")


@pytest.mark.parametrize("text", ["x", "1.5", "1e3", "--1", "-", "+1", "１", "1_0", "9" * 19, " 1"])  # noqa: RUF001
def test_integer_refuses_what_is_no_number(text):
    """Anything else is a 422 that names the parameter; so is a number too long to be meant."""
    with pytest.raises(ValidationFailed) as caught:
        Query([("n", text)]).integer("n")
    assert ("n", "integer") == (caught.value.errors[0].field, caught.value.errors[0].code)


@pytest.mark.parametrize(
    ("low", "high", "message"),
    [(8, None, "must be at least 8"), (None, 6, "must be at most 6"), (8, 9, "must be from 8 to 9")],
)
def test_integer_keeps_its_bounds(low, high, message):
    """A number outside the bounds is a 422 that says them."""
    with pytest.raises(ValidationFailed) as caught:
        Query([("n", "7")]).integer("n", low=low, high=high)
    assert message == caught.value.errors[0].message


def test_integer_takes_its_bounds_and_default():
    """The bounds belong to the range; a default is not checked."""
    assert 7 == Query([("n", "7")]).integer("n", low=7, high=7)
    assert 1 == Query().integer("n", 1, low=5)


@pytest.mark.parametrize("text", ["1", "true", "ON", "yes"])
def test_flag_is_true(text):
    """The words for yes, in any case."""
    assert Query([("f", text)]).flag("f")


@pytest.mark.parametrize("text", ["0", "False", "off", "no", ""])
def test_flag_is_false(text):
    """The words for no, and an empty value."""
    assert not Query([("f", text)]).flag("f", default=True)


def test_flag_defaults_and_refuses():
    """An absent flag is the default; another word is a 422."""
    assert Query().flag("f", default=True)
    assert not Query().flag("f")
    with pytest.raises(ValidationFailed):
        Query([("f", "maybe")]).flag("f")


def test_replace_makes_links():
    """Names given get one value in their old place, new ones go to the end, None drops one."""
    query = Query.parse(b"q=tea&page=1&page=2&sort=name")
    assert "q=tea&page=3&sort=name&dir=up" == str(query.replace(page=3, dir="up"))
    assert "page=1&page=2&sort=name" == str(query.replace(q=None))
    assert "q=tea&page=1&page=2&sort=name" == str(query)


def test_encode_takes_a_mapping_or_pairs():
    """Both are written in order; a space is a plus."""
    assert "a=1&b=x+y" == encode({"a": 1, "b": "x y"}) == encode([("a", 1), ("b", "x y")])

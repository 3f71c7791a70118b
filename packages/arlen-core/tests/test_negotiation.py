"""Negotiation: Accept against an independent reading of RFC 9110, formats, codings."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arlen_core.errors import HTTPError
from arlen_core.negotiation import LIMIT, Preference, accepts, choose, encoding, negotiate, preferences
from arlen_core.requests import Request

TYPES = ("text/html", "text/plain", "application/json", "image/png")
ranges = st.sampled_from([*TYPES, "text/*", "application/*", "image/*", "*/*"])
weights = st.sampled_from(["", ";q=0", ";q=0.0", ";q=0.3", "; q=0.5", " ;q=0.999", ";q=1", ";q=1.000", ";Q=0.8"])
headers = st.lists(st.tuples(ranges, weights), max_size=6)
offers = st.lists(st.sampled_from(TYPES), min_size=1, max_size=4, unique=True)


def asking(accept: str = "", form: str = "") -> Request:
    """Make a request with an Accept header and a suffix."""
    request = Request(headers=[(b"accept", accept.encode())] if accept else [])
    request.format = form
    return request


@given(headers, offers)
def test_accept_agrees_with_brute_force(members, offered):
    """The best is the one with the highest weight, then the most exactly named, then the first offered."""
    header = ",".join(media + weight for media, weight in members)
    assert _brute(members, offered) == accepts(header, offered)


def _brute(members, offered):
    if not members:
        return offered[0]
    ranked = []
    for place, offer in enumerate(offered):
        for exact in (offer, offer.split("/")[0] + "/*", "*/*"):
            named = [float(w.lower().partition("q=")[2] or 1) for m, w in members if m == exact]
            if named:
                ranked.append((-named[0], 3 - [offer, offer.split("/")[0] + "/*", "*/*"].index(exact), place, offer))
                break
    wanted = [(weight, -exact, place, offer) for weight, exact, place, offer in ranked if weight < 0]
    return min(wanted)[3] if wanted else None


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, "text/html"),
        ("", "text/html"),
        ("nonsense", "text/html"),
        ("*/*", "text/html"),
        ("*", "text/html"),
        ("application/json", "application/json"),
        ("APPLICATION/JSON", "application/json"),
        ("application/json;q=0.9, text/html;q=0.1", "application/json"),
        ("application/*, text/html;q=0.9", "application/json"),
        ("*/*;q=0.1, text/html;q=0", "application/json"),
        ("application/json, text/plain, */*", "application/json"),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "text/html"),
        ("image/png", None),
        ("text/html;q=0, application/json;q=0", None),
        ("*/*;q=0", None),
        ("text/html;level=1", None),
        ("text/html;charset=utf-8", "text/html"),
        ('text/html;charset="UTF-8";q=0.5, application/json;q=0.4', "text/html"),
        ("application/json;q=2, text/html;q=0.1", "text/html"),
        ('image/png;x="a,b", application/json', "application/json"),
        ("application/json;q=0.5;ext=1", "application/json"),
        ("application/json;;q=0.5", "application/json"),
        (",,application/json,,", "application/json"),
    ],
)
def test_headers_of_the_field(header, expected):
    """What browsers and libraries send is understood; what is broken is left out."""
    assert expected == accepts(header, ["text/html", "application/json"])


def test_parameters_make_a_range_more_exact():
    """A range with a parameter goes before one without (RFC 9110 §12.5.1)."""
    header = "text/*;q=0.3, text/plain;q=0.7, text/plain;format=flowed, */*;q=0.5"
    offered = ["text/plain", "text/plain;format=flowed", "text/html", "image/jpeg"]
    assert "text/plain;format=flowed" == accepts(header, offered)
    assert "text/plain" == accepts(header, ["text/html", "text/plain", "image/jpeg"])
    assert "image/jpeg" == accepts(header, ["text/html", "image/jpeg"])


def test_nothing_on_offer_is_nothing():
    """Without offers there is no best one."""
    assert accepts("*/*", []) is None
    assert accepts(None, []) is None


def test_a_header_that_is_too_long_counts_as_absent():
    """The work for one header is bounded."""
    assert "text/html" == accepts("image/png," * LIMIT, ["text/html"])
    assert [] == preferences("gzip," * LIMIT)
    assert encoding("gzip," * LIMIT) is None


@given(st.text(max_size=60))
def test_no_header_breaks_it(header):
    """Any text is read, and the answer is one of the offers or none."""
    assert accepts(header, TYPES) in {*TYPES, None}
    assert encoding(header) in {"zstd", "br", "gzip", None}


@pytest.mark.parametrize(
    "header", ['"' * 4000, 'a/b;c="' + "\\" * 4000, ";" * 4000, "a/b" + ";x=y" * 900, "a/b" + " ;" * 1900]
)
def test_hostile_headers_cost_no_more_than_their_length(header):
    """Nothing that can be sent makes the parser go back and forth."""
    assert accepts(header, TYPES) in {*TYPES, None}


def test_preferences_are_read_whole():
    """Value, weight and parameters of each member; a parameter's value in quotes is the same without them."""
    assert [
        Preference("text/html", 0.5, frozenset({("level", "1")})),
        Preference("en-gb", 1.0),
        Preference("*", 0.0),
    ] == preferences('Text/HTML; Level="1";q=.5, text/html;level="1" ;q=0.5, en-GB, *;q=0')


def test_the_suffix_decides_over_accept():
    """A format in the path is what the client asked for."""
    assert "json" == choose(asking("text/html", "json"), ["html", "json"])
    assert choose(asking("text/html", "csv"), ["html", "json"]) is None


def test_accept_decides_without_a_suffix():
    """The header is read against the media types of the formats."""
    assert "json" == choose(asking("application/json"), ["html", "json"])
    assert "application/hal+json" == choose(asking("application/hal+json"), ["html", "application/hal+json"])


def test_without_a_wish_the_first_is_offered():
    """Neither suffix nor header: the application's first format."""
    assert "json" == choose(asking(), ["json", "html"])


def test_several_headers_are_one_list():
    """Fields of the same name count as one, joined by commas."""
    request = Request(headers=[(b"accept", b"image/png"), (b"accept", b"application/json")])
    assert "json" == choose(request, ["html", "json"])


def test_nothing_suitable_is_406():
    """The answer names what there is."""
    assert "html" == negotiate(asking("text/html"), ["html", "json"])
    with pytest.raises(HTTPError, match="available as html, json only") as caught:
        negotiate(asking("image/png"), ["html", "json"])
    assert (406, "not_acceptable") == (caught.value.status, caught.value.code)


def test_an_unknown_format_is_the_programmers_mistake():
    """A format that has no type cannot be offered."""
    with pytest.raises(ValueError, match="no known format"):
        choose(asking("text/html"), ["jsn"])


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, None),
        ("", None),
        ("identity", None),
        ("gzip", "gzip"),
        ("x-gzip", "gzip"),
        ("GZIP", "gzip"),
        ("gzip, deflate, br, zstd", "zstd"),
        ("gzip, deflate, br", "br"),
        ("gzip;q=1, br;q=0.9", "gzip"),
        ("*", "zstd"),
        ("*, zstd;q=0", "br"),
        ("*;q=0", None),
        ("gzip;q=0", None),
        ("gzip;q=0.5, identity", None),
        ("gzip;q=0.5, identity;q=0.1", "gzip"),
        ("identity;q=0, gzip;q=0.1", "gzip"),
        ("deflate", None),
        ("gzip;q=bad", None),
    ],
)
def test_codings(header, expected):
    """The heaviest coding wins, then the first offered; identity may be preferred to any."""
    assert expected == encoding(header)

"""Tests of arlen_core.conditions."""

import pytest

from arlen_core.conditions import HeaderIs, HostIs
from arlen_core.requests import Request


def request(**headers):
    """Make a request with these headers."""
    return Request(headers=[(name.encode(), value.encode()) for name, value in headers.items()])


@pytest.mark.parametrize(
    ("pattern", "host", "holds"),
    [
        ("example.org", "example.org", True),
        ("example.org", "EXAMPLE.org:8080", True),
        ("Example.ORG", "example.org", True),
        ("example.org", "example.org.", True),
        ("example.org", "example.org.evil.net", False),
        ("example.org", "www.example.org", False),
        ("example.org", "", False),
        ("*.example.org", "api.example.org", True),
        ("*.example.org", "api.example.org:443", True),
        ("*.example.org", "example.org", False),
        ("*.example.org", ".example.org", False),
        ("*.example.org", "a.b.example.org", False),
        ("*.example.org", "evilexample.org", False),
        ("[::1]", "[::1]:8080", True),
        ("[::1]", "[::1]", True),
    ],
)
def test_a_host_is_compared_without_port_and_case(pattern, host, holds):
    """The host is the pattern, where `*.` stands for exactly one label."""
    assert holds is HostIs(pattern)(request(host=host))


def test_no_host_is_no_match():
    """A request without Host is for no host in particular."""
    assert not HostIs("example.org")(Request())


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        (HeaderIs("X-Version"), True),
        (HeaderIs("x-other"), False),
        (HeaderIs("x-version", "2"), True),
        (HeaderIs("x-version", "20"), False),
        (HeaderIs("x-version", regex="[0-9]"), True),
        (HeaderIs("x-version", regex="[0-9]{2}"), False),
        (HeaderIs("x-other", regex=".*"), False),
    ],
)
def test_a_header_is_there_or_has_a_value(condition, holds):
    """A header condition looks for presence, an equal value, or a value that a regex matches as a whole."""
    assert holds is condition(Request(headers=[(b"x-version", b"2")]))


def test_any_of_several_fields_will_do():
    """Of fields with the same name one must fit."""
    several = Request(headers=[(b"x-tag", b"a"), (b"x-tag", b"b")])
    assert HeaderIs("x-tag", "b")(several)


def test_equal_conditions_are_equal():
    """Conflicts are found by comparing conditions, so equal ones must be equal."""
    assert {HostIs("a"), HeaderIs("x", "1")} == {HostIs("a"), HostIs("a"), HeaderIs("x", "1"), HeaderIs("x", "1")}

"""Targets: the four forms of a request target, and what a Host may be; the corpus has the attacks."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arlen_server.refusals import Refusal
from arlen_server.targets import check_host, reduce


@pytest.mark.parametrize(
    "host",
    [
        b"a",
        b"a.example",
        b"A-b_c.~d",
        b"192.0.2.1",
        b"xn--bcher-kva",
        b"a:80",
        b"a:",
        b"[::1]",
        b"[2001:db8::1]:65535",
        b"[::ffff:192.0.2.1]",
    ],
)
def test_valid_hosts(host):
    """Names and addresses with an optional port are valid (RFC 3986 §3.2)."""
    check_host(host)


@pytest.mark.parametrize(
    "host",
    [
        b"",
        b":80",
        b"a:65536",
        b"a:b",
        b"a:1:2",
        b"a b",
        b"a/b",
        b"a?b",
        b"a#b",
        b"u@a",
        b"[::1",
        b"::1",
        b"[zz]",
        b"[]",
        b"[:]",
        b"[::::]",
        b"[1::2::3]",
        b"[1:2:3:4:5:6:7]",
        b"[1:2:3:4:5:6:7:8:9]",
        b"[12345::]",
        b"[127.0.0.1]",
        b"[::1.2.3]",
        b"[fe80::1%eth0]",
        b"[fe80::1%25eth0]",
        b"[v1.a]",
        b"a,b",
        b"a%41",
        b"a\xe9",
        b"a'b",
        b'a"b',
        b"a<b",
        b"a;b",
        b"a\\b",
        b"[::1]x",
        b"a:123456",
    ],
)
def test_invalid_hosts(host):
    """Everything else is refused with 400."""
    with pytest.raises(Refusal) as caught:
        check_host(host)
    assert (400, "host_invalid") == (caught.value.status, caught.value.code)


@pytest.mark.parametrize(
    ("method", "target", "host", "reduced"),
    [
        (b"GET", b"/a?b", b"x", b"/a?b"),
        (b"GET", b"http://x/a?b", b"x", b"/a?b"),
        (b"GET", b"http://x", b"x", b"/"),
        (b"GET", b"http://x?b", b"x", b"/?b"),
        (b"GET", b"HTTPS://X:443/a", b"x", b"/a"),
        (b"GET", b"http://x:/a", b"x:80", b"/a"),
        (b"GET", b"http://[::1]:8/a", b"[::1]:8", b"/a"),
        (b"GET", b"http://x/a", None, b"/a"),
        (b"OPTIONS", b"*", b"x", b"*"),
        (b"OPTIONS", b"http://x", b"x", b"*"),
        (b"OPTIONS", b"http://x/", b"x", b"/"),
    ],
)
def test_reduce(method, target, host, reduced):
    """Every form is reduced to a path with its query, or to an asterisk (RFC 9112 §3.2)."""
    assert reduced == reduce(method, target, host)


@pytest.mark.parametrize(
    ("method", "target", "host", "status", "code"),
    [
        (b"CONNECT", b"x:80", b"x", 400, "target_invalid"),
        (b"GET", b"*", b"x", 400, "target_invalid"),
        (b"GET", b"", b"x", 400, "target_invalid"),
        (b"GET", b"a", b"x", 400, "target_invalid"),
        (b"GET", b"/a#b", b"x", 400, "target_invalid"),
        (b"GET", b"ftp://x/", b"x", 400, "target_invalid"),
        (b"GET", b"http:///a", b"x", 400, "target_invalid"),
        (b"GET", b"http://u@x/a", b"x", 400, "target_invalid"),
        (b"GET", b"http://x:65536/a", b"x", 400, "target_invalid"),
        (b"GET", b"http://[::::]/a", b"[::::]", 400, "target_invalid"),
        (b"GET", b"http://y/a", b"x", 400, "host_mismatch"),
        (b"GET", b"http://x:81/a", b"x", 400, "host_mismatch"),
        (b"GET", b"https://x:80/a", b"x", 400, "host_mismatch"),
    ],
)
def test_refused(method, target, host, status, code):
    """What is no target, or names another host than Host does, is refused."""
    with pytest.raises(Refusal) as caught:
        reduce(method, target, host)
    assert (status, code) == (caught.value.status, caught.value.code)


@given(st.binary(max_size=40), st.sampled_from([b"GET", b"OPTIONS", b"CONNECT"]))
def test_any_target(target, method):
    """Whatever the target is, it becomes a path or an asterisk, or is refused; nothing else."""
    try:
        reduced = reduce(method, target, b"x")
    except Refusal:
        return
    assert reduced == b"*" or reduced.startswith(b"/")
    assert b"#" not in reduced

"""Proxies: the client is the right-most hop that is not trusted; what strangers write never wins."""

from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arlen_core.errors import ConfigError
from arlen_server.proxies import Origin, Proxies

NETS = ["10.0.0.0/8", "2001:db8::/32", "192.0.2.1", "unix"]


def x(*values: str, proto: str = "", host: str = "") -> list[tuple[bytes, bytes]]:
    """Return X-Forwarded-* fields."""
    fields = [(b"x-forwarded-for", value.encode()) for value in values]
    fields += [(b"x-forwarded-proto", proto.encode())] * bool(proto)
    return fields + [(b"x-forwarded-host", host.encode())] * bool(host)


@pytest.mark.parametrize(
    ("values", "client"),
    [
        ([], ("10.0.0.1", 0)),
        (["203.0.113.7"], ("203.0.113.7", 0)),
        (["6.6.6.6, 203.0.113.7"], ("203.0.113.7", 0)),
        (["6.6.6.6", "203.0.113.7"], ("203.0.113.7", 0)),
        (["203.0.113.7, 10.9.9.9"], ("203.0.113.7", 0)),
        (["6.6.6.6, 203.0.113.7, 10.9.9.9, 10.8.8.8"], ("203.0.113.7", 0)),
        (["10.1.1.1, 10.2.2.2"], ("10.1.1.1", 0)),
        (["203.0.113.7:4711"], ("203.0.113.7", 4711)),
        (["[2001:db9::1]:4711"], ("2001:db9::1", 4711)),
        (["2001:db9::1"], ("2001:db9::1", 0)),
        (["203.0.113.7, 2001:db8::5"], ("203.0.113.7", 0)),
        (["203.0.113.7, 192.0.2.1"], ("203.0.113.7", 0)),
        (["unknown"], ("10.0.0.1", 0)),
        (["203.0.113.7, unknown, 10.9.9.9"], ("10.9.9.9", 0)),
        (["203.0.113.7, <script>"], ("10.0.0.1", 0)),
        (["203.0.113.7, 10.0.0.999"], ("10.0.0.1", 0)),
        ([""], ("10.0.0.1", 0)),
        ([", ,"], ("10.0.0.1", 0)),
    ],
)
def test_x_forwarded_for(values, client):
    """Hops are read from the right; the first that is no trusted proxy is the client; rubbish hides what is before."""
    assert client == Proxies(NETS).origin("10.0.0.1", x(*values)).client


@pytest.mark.parametrize(
    ("values", "proto", "scheme"),
    [
        ("203.0.113.7", "https", "https"),
        ("203.0.113.7", "HTTPS", "https"),
        ("203.0.113.7", "gopher", ""),
        ("203.0.113.7", "https, http", "http"),
        ("203.0.113.7, 10.9.9.9", "https, http", "https"),
        ("6.6.6.6, 203.0.113.7, 10.9.9.9", "gopher, https, http", "https"),
        ("6.6.6.6, 203.0.113.7", "https, http", "http"),
        ("203.0.113.7, 10.9.9.9", "https", "https"),
    ],
)
def test_x_forwarded_proto(values, proto, scheme):
    """The scheme is what the proxy next to the client saw, when there is one for each hop; else what the last says."""
    assert scheme == Proxies(NETS).origin("10.0.0.1", x(values, proto=proto)).scheme


@pytest.mark.parametrize(
    ("host", "believed"), [("a.example", "a.example"), ("a:8080", "a:8080"), ("evil, a", "a"), ("a/b", ""), ("a'b", "")]
)
def test_x_forwarded_host(host, believed):
    """A forwarded host must be a host; of several, the right-most counts."""
    assert believed == Proxies(NETS).origin("10.0.0.1", x("203.0.113.7", host=host)).host


@pytest.mark.parametrize(
    ("value", "origin"),
    [
        ("for=203.0.113.7;proto=https;host=a.example", Origin(("203.0.113.7", 0), "https", "a.example")),
        ('For="203.0.113.7:4711"; PROTO=http', Origin(("203.0.113.7", 4711), "http")),
        ('for="[2001:db9::1]:4711"', Origin(("2001:db9::1", 4711))),
        ("for=6.6.6.6, for=203.0.113.7", Origin(("203.0.113.7", 0))),
        ("for=203.0.113.7;proto=https, for=10.9.9.9;proto=http", Origin(("203.0.113.7", 0), "https")),
        ("for=203.0.113.7, for=10.9.9.9;proto=http", Origin(("203.0.113.7", 0), "http")),
        ("for=_hidden, for=10.9.9.9", Origin(("10.9.9.9", 0))),
        ("for=unknown", Origin(("10.0.0.1", 0))),
        ('for="203.0.113.7\\"', Origin(("10.0.0.1", 0))),
        ("for=6.6.6.6, rubbish!, for=203.0.113.7", Origin(("203.0.113.7", 0))),
        ("for=203.0.113.7, rubbish!", Origin(("10.0.0.1", 0))),
        ("for=203.0.113.7, rubbish!, for=10.9.9.9", Origin(("10.9.9.9", 0))),
        ('by=10.0.0.1;for="203.0.113.7";x="a,b;c"', Origin(("203.0.113.7", 0))),
        ("", Origin(("10.0.0.1", 0))),
    ],
)
def test_forwarded(value, origin):
    """`Forwarded` is read the same way (RFC 7239): from the right, and rubbish hides what is left of it."""
    assert origin == Proxies(NETS, "forwarded").origin("10.0.0.1", [(b"forwarded", value.encode())])


def test_only_one_family_is_read():
    """The header that the proxies do not set is the client's own, and ignored."""
    both = [(b"forwarded", b"for=6.6.6.6"), *x("203.0.113.7")]
    assert ("203.0.113.7", 0) == Proxies(NETS).origin("10.0.0.1", both).client
    assert ("6.6.6.6", 0) == Proxies(NETS, "forwarded").origin("10.0.0.1", both).client


@pytest.mark.parametrize(
    ("address", "trusted"),
    [
        ("10.1.2.3", True),
        ("11.1.2.3", False),
        ("192.0.2.1", True),
        ("192.0.2.2", False),
        ("2001:db8::1", True),
        ("2001:db9::1", False),
        ("::ffff:10.1.2.3", True),
        ("fe80::1%eth0", False),
        ("", True),
        ("rubbish", False),
    ],
)
def test_trusts(address, trusted):
    """Networks of both families, single addresses, IPv4 inside IPv6, and Unix sockets."""
    assert trusted == Proxies(NETS).trusts(address)
    assert not Proxies([]).trusts(address)


@pytest.mark.parametrize("network", ["10.0.0.0/33", "10.0.0.1/8", "localhost", ""])
def test_wrong_network(network):
    """A network that is none stops the start."""
    with pytest.raises(ConfigError, match=r"trusted_proxies: .*write networks such as"):
        Proxies([network])


strangers = st.ip_addresses(v=4).filter(lambda address: address not in ip_network("10.0.0.0/8"))


@given(
    lies=st.lists(
        st.text(st.characters(min_codepoint=32, max_codepoint=126, exclude_characters=","), max_size=20), max_size=5
    ),
    client=strangers,
    proxies=st.lists(st.integers(1, 254), max_size=3),
)
def test_lies_never_win(lies, client, proxies):
    """Whatever a client writes into the header, it is found by the address that the first trusted proxy saw."""
    hops = [*lies, str(client), *(f"10.0.0.{number}" for number in proxies)]
    assert (str(client), 0) == Proxies(["10.0.0.0/8"]).origin("10.0.0.1", x(", ".join(hops))).client


@given(text=st.text(st.characters(max_codepoint=255, exclude_characters="\r\n"), max_size=60))
def test_any_text(text):
    """No header makes the parsers fail."""
    for headers in ("forwarded", "x-forwarded"):
        fields = [(b"forwarded", text.encode("latin-1")), (b"x-forwarded-for", text.encode("latin-1"))]
        assert isinstance(Proxies(NETS, headers).origin("10.0.0.1", fields), Origin)

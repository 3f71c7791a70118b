"""Guards: who may read the metrics, and that a token is never shown."""

import pytest

from arlen_core.errors import ConfigError, HTTPError
from arlen_core.requests import Request
from arlen_core.vault import Secret
from arlen_metrics.guards import Guard

TOKEN = "0123456789abcdef0123456789abcdef"


def asked(client="192.0.2.7", authorization=None):
    """Return a request."""
    raw = [] if authorization is None else [(b"authorization", authorization.encode())]
    return Request("GET", b"/metrics", headers=raw, client=None if client is None else (client, 50000))


def refused(guard, request):
    """Return the status of the refusal, 0 for none."""
    try:
        guard.check(request)
    except HTTPError as error:
        return error.status
    return 0


def test_everybody_may_by_default():
    """As with every exporter of the field."""
    assert 0 == refused(Guard(), asked(client=None))


@pytest.mark.parametrize(
    ("authorization", "expected"),
    [
        (f"Bearer {TOKEN}", 0),
        (f"bearer  {TOKEN}", 0),
        (None, 401),
        ("", 401),
        ("Bearer", 401),
        (TOKEN, 401),
        (f"Basic {TOKEN}", 401),
        (f"Bearer {TOKEN}x", 401),
        (f"Bearer {TOKEN[:-1]}", 401),
        ("Bearer é", 401),
    ],
)
def test_a_token_is_asked_for(authorization, expected):
    """Only the whole token after the word Bearer opens."""
    assert expected == refused(Guard(Secret(TOKEN)), asked(authorization=authorization))


def test_a_refusal_names_the_scheme():
    """A 401 says what to send (RFC 9110 §11.6.1)."""
    with pytest.raises(HTTPError) as caught:
        Guard(Secret(TOKEN)).check(asked())
    assert 'Bearer realm="metrics"' == caught.value.headers["www-authenticate"]


@pytest.mark.parametrize(
    ("client", "expected"),
    [
        ("10.1.2.3", 0),
        ("::ffff:10.1.2.3", 0),
        ("2001:db8::1", 0),
        ("192.0.2.7", 403),
        ("::1", 403),
        ("fe80::1%eth0", 403),
        ("", 403),
        ("unix", 403),
        (None, 403),
    ],
)
def test_addresses_are_a_list(client, expected):
    """Who is on none of the networks is refused, and who has no address, too."""
    assert expected == refused(Guard(None, ["10.0.0.0/8", "2001:db8::/32"]), asked(client))


def test_both_must_fit():
    """A list and a token: the right token from elsewhere does not open, and says nothing about the token."""
    guard = Guard(Secret(TOKEN), ["10.0.0.0/8"])
    assert 403 == refused(guard, asked(authorization=f"Bearer {TOKEN}"))
    assert 401 == refused(guard, asked("10.0.0.1"))
    assert 0 == refused(guard, asked("10.0.0.1", f"Bearer {TOKEN}"))


def test_a_short_token_is_a_wrong_configuration():
    """A token that can be guessed stops the start, and is not shown."""
    with pytest.raises(ConfigError, match="token is shorter than 16") as caught:
        Guard(Secret("hunter2"))
    assert "hunter2" not in str(caught.value)


def test_a_wrong_network_is_a_wrong_configuration():
    """The start says what is no network, and how to write one."""
    with pytest.raises(ConfigError, match=r"10\.0\.0\.1/8.*write networks"):
        Guard(None, ["10.0.0.1/8"])


def test_a_token_is_never_shown():
    """Neither a guard nor its parts tell it."""
    guard = Guard(Secret(TOKEN))
    assert TOKEN not in repr(guard) + repr(vars(guard))

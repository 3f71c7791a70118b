"""Signing: only what we signed is read, for its purpose, in its time."""

from hypothesis import given
from hypothesis import strategies as st

from arlen_web.signing import Signer

SECRET = "0123456789abcdef0123456789abcdef"
NOW = 1_700_000_000
signer = Signer(SECRET, "test")


@given(st.binary(max_size=200), st.integers(0, 2**40))
def test_what_was_signed_is_read(data, now):
    """Any bytes come back, at once and up to the age that is allowed."""
    token = signer.sign(data, now)
    assert data == signer.read(token, now)
    assert data == signer.read(token, now + 3600)
    assert signer.read(token, now + 3601) is None


@given(st.binary(max_size=50), st.data())
def test_a_changed_token_is_refused(data, draw):
    """Each character counts."""
    token = signer.sign(data, NOW)
    at = draw.draw(st.integers(0, len(token) - 2))  # the last one holds bits that do not count
    other = draw.draw(st.sampled_from("ABCxyz019-_").filter(lambda c: c != token[at]))
    assert signer.read(token[:at] + other + token[at + 1 :], NOW) is None


@given(st.text(max_size=80))
def test_no_text_is_a_token(text):
    """Whatever a client sends, the answer is none, and never an error."""
    assert signer.read(text, NOW) is None


def test_a_cut_token_is_refused():
    """No beginning of a token is one."""
    token = signer.sign(b"hello", NOW)
    assert [None] * len(token) == [signer.read(token[:at], NOW) for at in range(len(token))]


def test_another_secret_or_purpose_is_refused():
    """A signature is for one thing."""
    token = signer.sign(b"hello", NOW)
    assert Signer("x" + SECRET, "test").read(token, NOW) is None
    assert Signer(SECRET, "other").read(token, NOW) is None


def test_the_future_is_refused():
    """A minute of difference between clocks is fine, more is not."""
    token = signer.sign(b"hello", NOW)
    assert b"hello" == signer.read(token, NOW - 60)
    assert signer.read(token, NOW - 61) is None


def test_a_token_is_good_in_a_cookie():
    """Only characters that cookies and URLs take as they are."""
    assert signer.sign(bytes(range(256)), NOW).replace("-", "a").replace("_", "a").isalnum()

"""Vault: a secret is used, never shown."""

import copy
import json
import pickle
import traceback

import msgspec
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from arlen_core.vault import MASK, Secret, masked

TEXT = "correct horse battery staple"


@pytest.mark.parametrize(
    "show",
    [
        str,
        repr,
        ascii,
        "{}".format,
        "{!r}".format,
        "{:>20}".format,
        lambda secret: f"{secret}",
        lambda secret: "%s %r" % (secret, secret),  # noqa: UP031
        lambda secret: str([secret, {"key": secret}]),
        lambda secret: str({secret}),
        lambda secret: msgspec.json.encode({"a": [secret]}, enc_hook=masked).decode(),
        lambda secret: str(msgspec.to_builtins({"a": secret}, enc_hook=masked)),
        lambda secret: json.dumps(secret, default=str),
    ],
)
def test_every_way_to_print_it_shows_a_mask(show):
    """Text, repr, formatting, containers, JSON."""
    shown = show(Secret(TEXT))
    assert TEXT not in shown
    assert MASK in shown


def test_a_traceback_does_not_show_it():
    """Not as the argument of an exception either."""
    try:
        raise LookupError(Secret(TEXT))
    except LookupError:
        assert TEXT not in traceback.format_exc()


@pytest.mark.parametrize("encode", [msgspec.json.encode, json.dumps, pickle.dumps])
def test_encoders_that_know_nothing_of_it_refuse_it(encode):
    """An error, not a leak."""
    with pytest.raises(TypeError):
        encode(Secret(TEXT))


def test_it_can_be_revealed():
    """By one method that is easy to find in a review."""
    assert TEXT == Secret(TEXT).reveal()


@given(st.text(), st.text())
def test_it_compares_by_its_text(one, two):
    """Equal when the texts are equal; equal secrets have equal hashes."""
    assume("\ud800" not in one + two)
    assert (one == two) is (Secret(one) == Secret(two))
    assert hash(Secret(one)) == hash(Secret(one))
    assert Secret(one).matches(one)


def test_it_never_equals_its_text():
    """A comparison with text by `==` would not be in constant time."""
    assert Secret(TEXT) != TEXT
    assert Secret(TEXT).matches(TEXT) is True
    assert Secret(TEXT).matches(TEXT + "x") is False


def test_an_empty_one_is_false():
    """So that `if settings.secret` works."""
    assert (False, True) == (bool(Secret("")), bool(Secret("x")))


def test_copies_are_the_same():
    """Settings can be copied."""
    secret = Secret(TEXT)
    assert secret is copy.copy(secret)
    assert secret is copy.deepcopy([secret])[0]


def test_only_text_is_a_secret():
    """Bytes and numbers are refused by name of their type, not by value."""
    with pytest.raises(TypeError, match="a secret is text, not bytes"):
        Secret(b"abc")


def test_other_things_are_encoded_as_text():
    """The hook for msgspec never fails on an unknown type."""
    assert "1j" == masked(1j)

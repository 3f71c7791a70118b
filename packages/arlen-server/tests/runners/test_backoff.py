"""Backoff: waits that double, stop growing, and differ."""

from __future__ import annotations

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from arlen_server.backoff import Backoff


def test_waits_double_up_to_the_limit():
    """Each failure doubles the wait until the limit."""
    backoff = Backoff(0.25, 3.0, jitter=0.0)
    assert [0.25, 0.5, 1.0, 2.0, 3.0, 3.0] == [backoff.failed() for _ in range(6)]


def test_a_success_starts_anew():
    """After a reset the next failure waits as the first."""
    backoff = Backoff(1.0, 8.0, jitter=0.0)
    backoff.failed()
    backoff.failed()
    backoff.reset()
    assert (1.0, 1) == (backoff.failed(), backoff.failures)


@given(st.integers(1, 5000), st.floats(0, 0.5), st.integers())
def test_wait_is_within_its_bounds(failures, jitter, seed):
    """Whatever the jitter, a wait is at most the limit and at least the part that jitter leaves of it."""
    backoff = Backoff(0.25, 30.0, jitter=jitter, random=Random(seed))
    backoff.failures = failures - 1
    whole = min(30.0, 0.25 * 2.0 ** min(failures - 1, 100))
    assert whole * (1 - jitter) - 1e-9 <= backoff.failed() <= whole


def test_two_managers_do_not_wait_alike():
    """Jitter makes the waits of two backoffs differ."""
    one, two = (Backoff(1.0, 60.0, jitter=0.5, random=Random(seed)) for seed in (1, 2))
    assert [one.failed() for _ in range(5)] != [two.failed() for _ in range(5)]

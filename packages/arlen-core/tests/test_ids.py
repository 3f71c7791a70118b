"""Ids: request ids that nobody can forge, and the trace context of the W3C."""

import os
import re
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arlen_core import ids
from arlen_core.ids import Trace, new_id, new_span, parse_state, parse_trace, request_id, trace_parent

TRACE = "0af7651916cd43dd8448eb211c80319c"
SPAN = "b7ad6b7169203331"
HEADER = f"00-{TRACE}-{SPAN}-01"
hexes = st.text("0123456789abcdef", min_size=32, max_size=32)


def test_ids_are_32_hex_digits_and_never_the_same():
    """Ten thousand ids, past several refills of the pool: right in form, all different."""
    made = [new_id() for _ in range(10_000)]
    assert len(made) == len(set(made))
    assert all(re.fullmatch("[0-9a-f]{32}", each) for each in made)


def test_spans_are_16_hex_digits():
    """Half of a trace id."""
    assert re.fullmatch("[0-9a-f]{16}", new_span())


def test_what_is_drawn_is_never_zero(monkeypatch):
    """Even if chance gave zeros: neither a span nor a trace may be."""
    given = iter([bytes(5120), b"\x11" * 5120])
    monkeypatch.setattr(os, "urandom", lambda _: next(given))
    monkeypatch.setattr(ids, "_pool", [])
    assert ("1" * 16, "1" * 32) == (new_span(), new_id())
    assert f"00-{'1' * 32}-{'1' * 16}-01" == trace_parent()


FORK = """
import os
from arlen_core.ids import new_id

new_id()
child = os.fork()
if child:
    os.waitpid(child, 0)  # one after the other, or their lines mix
print(*(new_id() for _ in range(100)), flush=True)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_worker_makes_ids_of_its_own():
    """Two processes that share the memory of one do not give the same ids."""
    made = subprocess.run([sys.executable, "-c", FORK], check=True, timeout=60, capture_output=True).stdout.split()
    assert (200, 200) == (len(made), len(set(made)))


@pytest.mark.parametrize("given_id", ["abcdefgh", "0" * 64, "550e8400-e29b-41d4-a716-446655440000", "Root.1_a-b"])
def test_a_trusted_proxy_may_name_the_request(given_id):
    """Ids of 8 to 64 letters, digits, dots, dashes and underscores are kept."""
    assert given_id == request_id(given_id, trusted=True)


@pytest.mark.parametrize(
    "given_id",
    ["abcdefg", "0" * 65, "", "-abcdefgh", ".abcdefgh", "abcd efgh", "abcdefgh\n", "abc<defgh>", "äbcdefghi"],
)
def test_what_is_no_id_is_replaced(given_id):
    """Too short, too long, odd characters, a trailing line break: a new id, even from a trusted proxy."""
    assert given_id != request_id(given_id, trusted=True)


def test_nobody_else_may_name_the_request():
    """Without trust the inbound id counts for nothing; without an inbound id trust makes a new one."""
    assert request_id("abcdefgh") != "abcdefgh"
    assert len(request_id(None, trusted=True)) == 32


def test_a_trace_header_is_parsed():
    """Version 00: its trace id, the caller's span and the flags."""
    assert Trace(TRACE, SPAN, 1) == parse_trace(HEADER)
    assert parse_trace(HEADER).sampled is True
    assert parse_trace(f"00-{TRACE}-{SPAN}-00").sampled is False


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "00",
        f"00-{TRACE}-{SPAN}",
        f"00-{TRACE}-{SPAN}-1",
        f"00-{TRACE}-{SPAN}-01-",
        f"00-{TRACE}-{SPAN}-01-extra",
        f"00-{TRACE}-{SPAN}-01,00-{TRACE}-{SPAN}-01",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{TRACE}-{SPAN.upper()}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"ff-{TRACE}-{SPAN}-01",
        f"0-{TRACE}-{SPAN}-01",
        f" {HEADER}",
        f"{HEADER} ",
        f"{HEADER}\n",
        f"00-{TRACE[:-1]}g-{SPAN}-01",
        f"00_{TRACE}_{SPAN}_01",
        f"cc-{TRACE}-{SPAN}-01extra",
        f"00-{TRACE}-{SPAN}-0x",
        f"00-{chr(0x660) * 32}-{SPAN}-01",
    ],
)
def test_a_wrong_trace_header_is_ignored(header):
    """Wrong lengths, capitals, zeros, version ff, two headers in one: as if there were none (§3.2.2)."""
    assert parse_trace(header) is None


@pytest.mark.parametrize("rest", ["", "-", "-what-the-future-brings", "-xyz,abc"])
def test_a_future_version_is_read_by_its_first_fields(rest):
    """Version cc: what follows a dash after the flags is not ours to judge (§4.3)."""
    assert Trace(TRACE, SPAN, 1) == parse_trace(f"cc-{TRACE}-{SPAN}-01{rest}")


def test_reserved_flags_are_not_passed_on():
    """Only sampled and random survive; the reserved bits are set to zero (§3.2.2.5)."""
    assert parse_trace(f"00-{TRACE}-{SPAN}-ff").flags == 3
    assert f"00-{TRACE}-{SPAN}-03" == str(Trace(TRACE, SPAN, 0xFF))


def test_a_trace_goes_on():
    """The trace id and the flags stay; the span is new."""
    made = parse_trace(trace_parent(f"00-{TRACE}-{SPAN}-00"))
    assert (TRACE, 0) == (made.trace_id, made.flags)
    assert made.span_id != SPAN


def test_a_trace_begins():
    """Without a valid header everything is new, and sampled."""
    first, second = parse_trace(trace_parent()), parse_trace(trace_parent("nonsense"))
    assert (1, 1) == (first.flags, second.flags)
    assert first.trace_id != second.trace_id


@pytest.mark.parametrize(
    ("trace_id", "kept"), [(TRACE, True), ("0" * 32, False), ("x" * 32, False), (TRACE[:-1], False)]
)
def test_a_trace_may_begin_with_an_id_from_elsewhere(trace_id, kept):
    """A usable id is kept, anything else replaced; a valid header weighs more."""
    assert kept is (parse_trace(trace_parent(None, trace_id=trace_id)).trace_id == trace_id)
    assert TRACE == parse_trace(trace_parent(HEADER, trace_id="1" * 32)).trace_id


@given(st.text(max_size=80))
def test_any_header_gives_a_valid_trace(header):
    """Whatever comes in, what goes out is valid."""
    assert parse_trace(trace_parent(header)) is not None


@given(hexes, hexes, st.integers(0, 255))
def test_what_is_written_is_read(trace, span, flags):
    """A trace that is written and read again is the same, its reserved flags apart."""
    made = parse_trace(str(Trace(trace, span[:16], flags)))
    valid = bool(trace.strip("0") and span[:16].strip("0"))
    assert (Trace(trace, span[:16], flags & 3) if valid else None) == made


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ([], ""),
        (["a=1"], "a=1"),
        (["a=1", "b=2"], "a=1,b=2"),
        (["a=1 , b=2\t,,c=3"], "a=1,b=2,c=3"),
        (["a=x y"], "a=x y"),
        (["tenant@vendor=1"], "tenant@vendor=1"),
        (["0tenant@v=1"], "0tenant@v=1"),
        (["a*/_-=1"], "a*/_-=1"),
    ],
)
def test_a_trace_state_is_passed_on(headers, expected):
    """Members of every field, in order, without the space around them."""
    assert expected == parse_state(headers)


@pytest.mark.parametrize(
    "header",
    [
        "a",
        "=1",
        "A=1",
        "a=",
        "a=1,a=2",
        "a=b=c",
        "a=é",
        "0a=1",
        "a@=1",
        "@v=1",
        "a b=1",
        "a=1\x00",
        f"{'a' * 257}=1",
        f"a={'1' * 257}",
    ],
)
def test_a_wrong_trace_state_is_dropped(header):
    """One wrong member spoils the list (§3.3.1)."""
    assert parse_state([header]) == ""


def test_a_trace_state_has_at_most_32_members():
    """32 are kept, 33 are dropped."""
    members = [f"k{n}=1" for n in range(33)]
    assert ",".join(members[:32]) == parse_state(members[:32])
    assert parse_state(members) == ""


def test_a_long_trace_state_loses_its_long_members_first():
    """Past 512 characters, members longer than 128 go before the others, and the last ones first (§3.3.1.5)."""
    short, long = [f"s{n}={'1' * 90}" for n in range(4)], [f"l{n}={'1' * 140}" for n in range(2)]
    assert ",".join(short) == parse_state([*long, *short])
    many = [f"s{n}={'1' * 90}" for n in range(8)]
    assert ",".join(many[:5]) == parse_state(many)

"""What holds for tools/bench whatever comes: any cuts of the input, any figures, any text."""

import asyncio
import doctest
import json
import math
import re
from itertools import pairwise
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("httptools")
pytest.importorskip("uvloop")

from tools.bench import load, report, words
from tools.bench.apps import raw, shared
from tools.bench.generators import script
from tools.bench.load import Connection, Plan, Tally, percentile
from tools.bench.plot import plot
from tools.bench.ratios import across, by, spread
from tools.bench.records import Options, Results, Sample
from tools.bench.scenarios import SCENARIOS
from tools.bench.servers import SERVERS

ORDER = json.dumps({"customer": "Ada", "express": True, "items": [{"sku": "a", "quantity": 2, "price": 50}]}).encode()
REQUESTS = (
    b"GET /plaintext HTTP/1.1\r\nhost: a\r\n\r\n",
    b"GET /json HTTP/1.1\r\nhost: a\r\nuser-agent: x\r\n\r\n",
    b"GET /items/7/a%20b?page=2&size=3&active=true HTTP/1.1\r\nhost: a\r\n\r\n",
    b"POST /validate HTTP/1.1\r\nhost: a\r\ncontent-length: %d\r\n\r\n%b" % (len(ORDER), ORDER),
    b"POST /upload HTTP/1.1\r\nhost: a\r\ncontent-length: 500\r\n\r\n" + b"x" * 500,
)


class Wire:
    """A transport that keeps what is written."""

    def __init__(self):
        self.data = b""
        self.closed = False

    def write(self, data):
        self.data += data

    def close(self):
        self.closed = True


class Loop:
    """A loop that calls nothing later."""

    def call_later(self, *_):
        pass


def answered(pieces):
    """What raw answers to input in these pieces, without the date."""
    raw.clock.tick(Loop())
    protocol, wire = raw.Bodies(), Wire()
    protocol.connection_made(wire)
    for piece in pieces:
        protocol.data_received(piece)
    return re.sub(rb"date: [^\r]*", b"date: now", wire.data), wire.closed


def cut(data, places):
    """The data in pieces, cut at these places."""
    ends = sorted({place % (len(data) + 1) for place in places} | {0, len(data)})
    return [data[begin:end] for begin, end in pairwise(ends) if begin < end]


@given(st.lists(st.sampled_from(REQUESTS), min_size=1, max_size=6), st.lists(st.integers(0, 5000), max_size=12))
def test_raw_answers_the_same_however_the_input_is_cut(requests, places):
    """TCP keeps no boundaries, so they mean nothing."""
    data = b"".join(requests)
    assert answered([data]) == answered(cut(data, places))


@given(st.lists(st.sampled_from(REQUESTS), min_size=1, max_size=6))
def test_raw_answers_every_request_once_and_in_order(requests):
    """As many heads as requests, each answer that of its request alone."""
    alone = [answered([request])[0] for request in requests]
    assert (b"".join(alone), False) == answered([b"".join(requests)])


@given(st.integers(-(2**63), 2**63), st.integers(0, 10**9), st.booleans())
def test_raw_converts_any_number(number, page, active):
    """And answers with it."""
    path = f"/items/{number}/x?page={page}&active={str(active).lower()}"
    data, _ = answered([f"GET {path} HTTP/1.1\r\nhost: a\r\n\r\n".encode()])
    body = json.loads(data.partition(b"\r\n\r\n")[2])
    assert (number, page, active) == (body["id"], body["page"], body["active"])


@given(st.binary(max_size=200))
def test_raw_survives_any_bytes(data):
    """It answers, waits or closes, and raises nothing."""
    answer, closed = answered([data])
    assert not answer or answer.startswith(b"HTTP/1.1 ")
    assert closed or b"connection: close" not in answer


@given(st.dictionaries(st.text(max_size=10), st.integers() | st.text(max_size=10) | st.none(), max_size=5))
def test_a_session_comes_back_whatever_is_in_it(session):
    """Text of any language, numbers, nothing."""
    try:
        cookie = shared.save_session(session).partition(";")[0]
    except (ValueError, OverflowError):  # half a surrogate pair, or a number of more than 64 bits
        return
    assert session == shared.load_session(cookie)


@given(st.text(max_size=200))
def test_a_session_is_never_read_from_anything_else(text):
    """Whatever a client makes up is an empty one, or an error that it sees; never somebody's session."""
    try:
        found = shared.load_session(text)
    except (TypeError, UnicodeEncodeError):  # compare_digest takes ASCII
        return
    assert {} == found


ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"


@given(st.sampled_from([ANSWER, CHUNKED]), st.lists(st.integers(0, 200), max_size=8))
def test_an_answer_is_counted_once_however_it_is_cut(answer, places):
    """Not before it is whole, and then the next is asked for."""

    async def counted():
        tally, wire = Tally(), Wire()
        connection = Connection(Plan(1, "/x"), tally)
        connection.connection_made(wire)
        connection.ask()
        asked = len(wire.data)
        pieces = cut(answer, places)
        for piece in pieces[:-1]:
            connection.data_received(piece)
            assert 0 == tally.requests
        connection.data_received(pieces[-1])
        return tally.requests, tally.errors, len(wire.data) // asked

    assert (1, 0, 2) == asyncio.run(counted())


FIGURES = st.floats(min_value=1e-3, max_value=1e9, allow_nan=False)


@given(st.lists(FIGURES, min_size=1, max_size=9))
def test_the_median_lies_between_the_ends(values):
    """Which are values themselves."""
    found = spread(values)
    assert found.low <= found.middle <= found.high
    assert {found.low, found.high} <= set(values)


@given(st.lists(FIGURES, min_size=1, max_size=50), st.floats(0, 100))
def test_a_percentile_is_always_a_value(values, percent):
    """And a larger percentile is not smaller."""
    ordered = sorted(values)
    found = percentile(ordered, percent)
    assert found in ordered
    assert percentile(ordered, 0) <= found <= percentile(ordered, 100)


def sample(server, scenario, number, rate, cpu):
    """One turn."""
    return Sample(scenario, server, number, 10, 0, 2.0, rate, cpu, 5.0, 9.0, 0.5, saturated=False)


@given(st.lists(st.tuples(FIGURES, FIGURES), min_size=1, max_size=9), FIGURES)
def test_a_ratio_does_not_care_how_noisy_a_round_was(rates, noise):
    """Both slower by the same factor are as before."""
    samples, noisy = [], []
    for number, (one, other) in enumerate(rates):
        factor = 1 + noise if number % 2 else 1.0
        for made, times in ((samples, 1.0), (noisy, factor)):
            made.append(sample("arlen", "json", number, one / times, None))
            made.append(sample("raw", "json", number, other / times, None))
    places = ("json", "arlen"), ("json", "raw")
    quiet, loud = across(samples, *places, by("rate")), across(noisy, *places, by("rate"))
    assert math.isclose(quiet.middle, loud.middle, rel_tol=1e-9)


SAMPLES = st.lists(
    st.builds(
        sample,
        st.sampled_from(list(SERVERS)),
        st.sampled_from(list(SCENARIOS)),
        st.integers(1, 5),
        FIGURES,
        st.none() | FIGURES,
    ),
    max_size=30,
)


@settings(max_examples=50)
@given(SAMPLES, st.booleans())
def test_any_results_can_be_written_and_read_again(samples, pinned):
    """A page, a plot that is well-formed, and JSON that is the same."""
    results = Results(samples=samples, options=Options(core=0 if pinned else None))
    page = report.report(results, "x")
    assert "## Goals" in page
    widths = [
        {line.count(" | ") for line in block.splitlines()} for block in page.split("\n\n") if block.startswith("| ")
    ]
    assert all(1 == len(counts) for counts in widths)
    assert ET.fromstring(plot(results)).tag.endswith("svg")
    assert results == Results.of(json.loads(json.dumps(results.data())))


@given(st.text(max_size=400))
def test_words_for_others_are_one_bounded_line(text):
    """Whatever a program printed."""
    found = words.plain(text)
    assert len(found) <= 300
    assert "\n" not in found
    assert "https://" not in words.plain(f"{text} https://index.example.org/x")


@given(st.text(st.characters(max_codepoint=127), min_size=1, max_size=60))
def test_a_script_quotes_any_body(body):
    """As Lua reads it: nothing ends the string early, no line is broken."""
    line = next(line for line in script(Plan(1, "/x", "POST", body)).splitlines() if line.startswith("wrk.body"))
    quoted = re.search(r'"((?:[^"\\]|\\\d{3})*)"', line)
    assert quoted
    undone = re.sub(r"\\(\d{3})", lambda found: chr(int(found[1])), quoted[1])
    assert undone in {body, body[0]}


@pytest.mark.parametrize("module", [words, report, load])
def test_the_examples_in_the_documentation_run(module):
    """Those of the tools too."""
    assert 0 == doctest.testmod(module).failed

"""The fuzzer: nothing is found in what is there, and every saboteur is caught."""

import json
import re
from random import Random, SystemRandom

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arlen_core import conditional, forms, parts, queries, ranges
from arlen_core.errors import HTTPError
from arlen_server import chunks, proxies, sockets, streams, targets
from arlen_server.chunks import Chunked
from arlen_server.connections import Connection
from arlen_server.heads import HeadParser
from arlen_server.sockets import Socket
from tools.fuzz import campaign, command, frames, mutations, parsers, rig
from tools.fuzz import forms as forms_fuzzer
from tools.fuzz.campaign import Failure

COUNTS = {"http": 8000, "tight": 5000, "frames": 6000, "forms": 15_000, "parsers": 30_000}


@pytest.mark.parametrize("target", COUNTS)
def test_nothing_is_found(target):
    """Random and mutated streams, other ones in each run, break no invariant."""
    seed = SystemRandom().randrange(2**32)
    report = campaign.run(target, seed, count=COUNTS[target])
    assert [] == report.failures, f"python -m tools.fuzz --target {target} --seed {seed} --count {COUNTS[target]}"
    assert COUNTS[target] == report.count
    assert sum(report.kinds.values()) == report.count


@settings(max_examples=30)
@given(st.randoms(use_true_random=False), st.sampled_from(sorted(campaign.TARGETS)))
def test_nothing_is_found_by_hypothesis(random, target):
    """Streams whose every choice hypothesis makes break no invariant either, and would be made small by it."""
    fuzzer = campaign.TARGETS[target]()
    for _ in range(500):  # past the corpus
        fuzzer._next = 500
        stream = fuzzer.streams(random)
        break
    assert [] == campaign.replay(target, stream)


# -- saboteurs: each breaks one rule


def _lengths_with_signs(patch):
    from arlen_server import heads

    patch.setattr(heads, "_length", re.compile(rb"\+?[0-9_ ]{1,18}").fullmatch)


def _any_coding(patch):
    patch.setattr(HeadParser, "_check_coding", lambda self, values: None)


def _any_expectation(patch):
    patch.setattr(HeadParser, "_expect", lambda self, values: None)


def _close_is_forgotten(patch):
    real = HeadParser._examine

    def forgetful(self):
        real(self)
        self.keep = True

    patch.setattr(HeadParser, "_examine", forgetful)


def _lenient_sizes(patch):
    patch.setattr(chunks, "_size", re.compile(rb"(?:0[xX])?([0-9A-Fa-f]{1,15})[ \t]*((?:;[^\r\n]*)*)").fullmatch)


def _lenient_trailers(patch):
    patch.setattr(chunks, "_trailer", re.compile(rb"[^\n]*").fullmatch)


def _bare_line_feeds(patch):
    def lenient(self, data, at):
        end = data.find(b"\n", at)
        if end < 0:
            self._line += data[at:]
            return len(data)
        line, self._line = self._line + data[at:end], b""
        (self._size, self._end, self._trailer)[self._step](line.removesuffix(b"\r"))
        return end + 1

    patch.setattr(Chunked, "_read_line", lenient)


def _endless_lines(patch):
    real = Chunked.__init__
    patch.setattr(Chunked, "__init__", lambda self, line, extra: real(self, 10**6, extra))


def _any_host(patch):
    patch.setattr(targets, "_valid", lambda authority: True)


def _hosts_may_differ(patch):
    patch.setattr(targets, "_plain", lambda scheme, authority: b"")


def _errors_in_the_decoder(patch):
    real = Chunked.take

    def broken(self, data, start=0):
        if b"x" in data:
            raise KeyError("x")
        return real(self, data, start)

    patch.setattr(Chunked, "take", broken)


def _bodies_lose_a_byte(patch):
    real = chunks.Sized.take

    def careless(self, data, start=0):
        found, end = real(self, data, start)
        return [part[:-1] for part in found], end

    patch.setattr(chunks.Sized, "take", careless)


def _answers_lose_a_byte(patch):
    real = rig.Wire.write
    patch.setattr(rig.Wire, "write", lambda self, data: real(self, bytes(data)[:-1]))


def _answers_come_twice(patch):
    real = rig.Wire.write
    patch.setattr(rig.Wire, "write", lambda self, data: real(self, bytes(data) * 2))


def _interim_answers_anywhere(patch):
    real = Connection._go_on

    def eager(self):
        started, self.started = self.started, False
        real(self)
        self.started = started

    patch.setattr(Connection, "_go_on", eager)


def _streams_lose_their_end(patch):
    patch.setattr(streams._Body, "end", lambda self: None)


HTTP = [
    _interim_answers_anywhere, _streams_lose_their_end, _lengths_with_signs, _any_coding, _any_expectation,
    _close_is_forgotten, _lenient_sizes, _lenient_trailers, _bare_line_feeds, _endless_lines, _any_host,
    _hosts_may_differ, _errors_in_the_decoder, _bodies_lose_a_byte, _answers_lose_a_byte, _answers_come_twice,
]  # fmt: skip


def _late_messages(patch):
    real = Socket._frame

    def deaf(self, frame):
        self._leaving = False
        real(self, frame)

    patch.setattr(Socket, "_frame", deaf)


def _control_frames_count(patch):
    patch.setattr(sockets, "_CONTROL", 0)


def _any_text(patch):
    class Lenient:
        def decode(self, data, final):
            return ""

    patch.setattr(sockets, "_decoder", Lenient)


def _messages_without_end(patch):
    real = frames.Fuzzer.__init__

    def roomy(self):
        real(self)
        self._rig = rig.Rig(self._upgrade, max_message=10**6)

    patch.setattr(frames.Fuzzer, "__init__", roomy)


FRAMES = [_late_messages, _control_frames_count, _any_text, _messages_without_end]


def _plus_stays(patch):
    real = queries.decode
    patch.setattr(forms, "decode", lambda raw, **options: real(raw.replace(b"+", b"%2B"), **options))


def _large_fields(patch):
    patch.setattr(parts._Collector, "_take_text", lambda self, chunk: self._chunks.append(chunk))


def _where_it_is_cut(patch):
    async def careless(parser, body, collector):
        while chunk := await body.next():
            await parts._parse(parser, chunk, collector)

    patch.setattr(parts, "_run", careless)


def _wrong_errors(patch):
    real = forms.decode

    def broken(raw, **options):
        if b"%zz" in raw:
            raise HTTPError(500)
        return real(raw, **options)

    patch.setattr(forms, "decode", broken)


FORMS = [_plus_stays, _large_fields, _where_it_is_cut, _wrong_errors]


def _one_byte_more(patch):
    patch.setattr(ranges, "_suffix", lambda length, size: (max(size - length - 1, 0), length + 1))


def _ranges_past_the_end(patch):
    patch.setattr(ranges, "_span", lambda first, last, size: (first, (last or size) - first + 1))


def _star_is_a_tag(patch):
    patch.setattr(conditional, "tags", conditional._tag.findall)


def _any_scheme(patch):
    patch.setattr(proxies, "_scheme", lambda text: text)


def _any_forwarded_host(patch):
    patch.setattr(proxies, "_host", lambda text: text)


def _zones(patch):
    patch.setattr(
        targets, "_authority", re.compile(rb"(?:[^\[]+|\[(?P<six>[^\]]+)\])(?::(?P<port>[0-9]{0,5}))?").fullmatch
    )


RULES = ("http", "frames", "forms", "parsers")
PARSERS = [_one_byte_more, _ranges_past_the_end, _star_is_a_tag, _any_scheme, _any_forwarded_host, _zones]
SABOTEURS = [(name, each) for name, all_ in zip(RULES, (HTTP, FRAMES, FORMS, PARSERS), strict=True) for each in all_]


@pytest.mark.parametrize(("target", "saboteur"), SABOTEURS, ids=lambda each: getattr(each, "__name__", None))
def test_saboteurs_are_caught(monkeypatch, target, saboteur):
    """The fuzzer sees it when the server, or a parser, breaks this rule."""
    saboteur(monkeypatch)
    report = campaign.run(target, 7, count=20_000)
    [failure] = report.failures
    assert failure.problems


# -- the engine


def test_the_same_seed_gives_the_same_streams():
    """A campaign can be repeated."""
    runs = [[mutations.pipeline(Random(5)) for _ in range(3)] for _ in range(2)]
    assert runs[0] == runs[1]
    assert campaign.run("parsers", 3, count=50).kinds == campaign.run("parsers", 3, count=50).kinds


def test_streams_are_cut_without_loss():
    """The parts of a stream are the stream."""
    random = Random(1)
    for size in (0, 1, 2, 50, 1000):
        data = random.randbytes(size)
        assert all(data == b"".join(mutations.cut(data, random)) for _ in range(50))


def test_the_corpus_is_what_streams_begin_with():
    """Every case of the corpus is a seed, with a good request behind it."""
    assert all(seed.endswith(mutations.CANARY) for seed in mutations.seeds())
    assert len(mutations.seeds()) > 400


@pytest.mark.anyio
async def test_failures_are_made_small():
    """What fails is cut down to what makes it fail, in as few parts as possible."""

    async def fails(parts):
        return b"bad" in b"".join(parts)

    assert [b"bad"] == await campaign.shrink([b"something b", b"a", b"d and more"], fails)


@pytest.mark.anyio
async def test_failures_that_need_their_parts_keep_them():
    """Parts are joined only where that fails as well."""

    async def fails(parts):
        return len(parts) == 2 and b"a" in parts[0] and b"b" in parts[1]

    assert [b"a", b"b"] == await campaign.shrink([b"xax", b"yby"], fails)


def test_time_ends_a_campaign():
    """A campaign without a count ends by its time."""
    assert 0 == campaign.run("parsers", 1, seconds=0).count


def test_the_command_saves_what_fails(monkeypatch, tmp_path, capsys):
    """A failing stream is saved, with how to see it again and how to add it to the corpus; the command fails."""
    _any_coding(monkeypatch)
    options = ["--target", "http", "--count", "3000", "--seconds", "1000", "--seed", "1", "--folder", str(tmp_path)]
    assert 1 == command.main(options)
    told = capsys.readouterr().out
    [path] = tmp_path.glob("http-*.json")
    assert f"python -m tools.fuzz --replay {path}" in told
    assert "[[case]]" in told
    assert json.loads(path.read_text())["problems"]
    assert 1 == command.main(["--replay", str(path)])
    monkeypatch.undo()
    assert 0 == command.main(["--replay", str(path)])
    assert "nothing is broken" in capsys.readouterr().out


def test_the_command_tells_what_it_did(capsys):
    """Without a failure there is a line for each target, and nothing is saved."""
    assert 0 == command.main(["--target", "parsers", "--count", "20", "--seconds", "1000", "--seed", "9"])
    assert "fuzz: parsers: 20 streams of seed 9: " in capsys.readouterr().out


def test_what_is_saved_for_the_corpus_is_toml(capsys, tmp_path):
    """The printed case can be put into the corpus as it is: strange bytes are written as TOML wants them."""
    import tomllib

    raw = bytes(range(256))
    command._save("http", Failure([raw], ["broken"]), tmp_path)
    told = capsys.readouterr().out
    [case] = tomllib.loads(told[told.index("    [[case]]") :])["case"]
    assert raw == case["raw"].encode("latin-1")


@pytest.mark.anyio
async def test_forms_are_judged_by_their_limits():
    """A form that is over a limit and is read all the same is a failure."""
    assert [] == forms_fuzzer._bounds([("a", "x" * 60)])
    for pairs in ([("a", "x" * 61)], [("a", b"x" * 91)], [("a" * 21, "x")], [("a", "")] * 7, [("a", b"")] * 4):
        assert [f"a limit does not hold: {pairs!r}"] == forms_fuzzer._bounds(pairs)


@pytest.mark.parametrize(
    ("header", "span"),
    [
        (b"bytes=0-9", (0, 10)),
        (b"bytes=-5", (995, 5)),
        (b"bytes=990-", (990, 10)),
        (b"bytes=990-99999", (990, 10)),
        (b"bytes=1000-", (-1, 0)),
        (b"bytes=-0", (-1, 0)),
        (b"bytes=5-4", None),
        (b"bytes=0-1,3-4", None),
        (b"lines=0-1", None),
        (b"bytes=-", None),
    ],
)
def test_the_reference_of_ranges(header, span):
    """Ranges of a thousand bytes, as RFC 9110 §14.1.2 has them."""
    assert span == parsers._span(header)

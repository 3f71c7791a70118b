"""Lines: records as text and JSON that cannot be forged and hold no secrets."""

import json
import re
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from arlen_core import lines
from arlen_core.clock import SystemClock, VirtualClock
from arlen_core.lines import Stamp, hide, json_line, printable, text_line
from arlen_core.vault import MASK, Secret

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
records = st.dictionaries(st.text(max_size=8), anything, max_size=5)
evil = "\x00\x07\n\r\x1b[31m\x7f\x85\x9b\u2028\u202e\u2066\ufeff\ud800"


class Broken:
    """Cannot even be shown."""

    def __str__(self):
        raise LookupError("no text")

    __repr__ = __str__


def test_the_stamp_is_utc_with_milliseconds():
    """In the form of RFC 3339, always 24 characters."""
    clock = VirtualClock(datetime(2026, 11, 22, 8, 30, 1, 7_900, tzinfo=UTC))
    stamp = Stamp(clock)
    assert stamp() == "2026-11-22T08:30:01.007Z"
    clock.shift(0.990)
    assert stamp() == "2026-11-22T08:30:01.997Z"
    clock.shift(0.010)
    assert stamp() == "2026-11-22T08:30:02.007Z"


def test_the_stamp_follows_a_clock_that_is_set_back():
    """The text of a second is not kept longer than the second."""
    clock = VirtualClock(datetime(2026, 1, 1, tzinfo=UTC))
    stamp = Stamp(clock)
    stamp()
    clock.set(datetime(2025, 12, 31, 23, 59, 59, tzinfo=UTC))
    assert stamp() == "2025-12-31T23:59:59.000Z"


@pytest.mark.parametrize("clock", [None, SystemClock()])
def test_the_stamp_of_the_machine_is_now(clock):
    """Between two readings."""
    before = datetime.now(UTC) - timedelta(milliseconds=1)
    read = datetime.fromisoformat(Stamp(clock)())
    assert before <= read <= datetime.now(UTC)


@given(st.datetimes(timezones=st.just(UTC)).filter(lambda moment: 1970 < moment.year < 2200))
def test_any_moment_is_stamped_right(moment):
    """Cut to milliseconds, never rounded into the next second."""
    shown = datetime.fromisoformat(Stamp(VirtualClock(moment))())
    assert timedelta(0) <= moment - shown < timedelta(milliseconds=1, microseconds=1)


@pytest.mark.parametrize("text", ["", "plain", "Grüße 😀 漢字", 'a b=c "d" \\'])
def test_harmless_text_stays_as_it_is(text):
    """Letters of any language are text."""
    assert text == printable(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a\nb", "a\\nb"),
        ("\x1b[31m", "\\x1b[31m"),
        ("\x9b31m", "\\x9b31m"),
        ("\u202eevil", "\\u202eevil"),
        ("\u2028", "\\u2028"),
        ("\ud800", "\\ud800"),
        ("\x7f\x00", "\\x7f\\x00"),
        ("ü\n", "ü\\n"),
    ],
)
def test_control_characters_are_escaped(text, expected):
    """Line breaks, escape sequences in both codings, direction overrides, halves of pairs."""
    assert expected == printable(text)


@given(st.text())
def test_what_is_printable_is_printable(text):
    """Whatever goes in."""
    assert printable(text).isprintable()


@pytest.mark.parametrize(
    "name",
    [
        "password",
        "Password",
        "db_password",
        "client_secret",
        "secret",
        "token",
        "access-token",
        "csrf_token",
        "Authorization",
        "Cookie",
        "Set-Cookie",
        "x-api-key",
        "api_key",
        "private_key",
        "signing_key",
        "session_id",
    ],
)
def test_values_are_masked_by_their_name(name):
    """Whatever they are, at any depth."""
    assert MASK == hide(name, "hunter2")
    assert MASK == hide(name, {"a": "hunter2"})
    assert {"x": [{name: MASK}]} == hide("", {"x": [{name: "hunter2"}]})


@pytest.mark.parametrize("name", ["tokens_used", "passwordless", "key", "secretary", "cookie_count", "id", ""])
def test_other_names_are_not_masked(name):
    """A name is masked by its last words, not because it holds one."""
    assert hide(name, 3) == 3


def test_an_empty_secret_is_shown_as_empty():
    """That nothing was given is no secret."""
    assert (None, "") == (hide("password", None), hide("password", ""))


def test_more_names_can_be_given():
    """Whole names and last words."""
    more = frozenset({"iban"})
    assert (MASK, MASK, "x") == (hide("iban", "x", more), hide("customer_iban", "x", more), hide("iban", "x"))


def test_secrets_are_masked_by_their_type():
    """Under any name."""
    assert {"a": MASK, "b": [MASK]} == hide("x", {"a": Secret("s"), "b": (Secret("s"),)})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("postgres://user:hunter2@host/db", f"postgres://user:{MASK}@host/db"),
        ("redis://:hunter2@host", f"redis://:{MASK}@host"),
        ("failed for https://a:b@c/d and e://f:g@h", f"failed for https://a:{MASK}@c/d and e://f:{MASK}@h"),
        ("amqp://user:p@ss:w@host:5672/", f"amqp://user:{MASK}@host:5672/"),
        ('{"a":"x://u:p@h","b":"m@n"}', f'{{"a":"x://u:{MASK}@h","b":"m@n"}}'),
        ("https://host/a@b", "https://host/a@b"),
        ("http://host:80/x@y", "http://host:80/x@y"),
        ("me@example.org", "me@example.org"),
    ],
)
def test_passwords_in_urls_are_masked(text, expected):
    """In any text, wherever it stands."""
    assert expected == hide("", text)
    assert [expected] == hide("", [text])


def test_what_lies_too_deep_is_left_out():
    """A secret cannot hide in the depth, and a circle ends."""
    deep = current = {}
    for _ in range(20):
        current["x"] = current = {}
    current["token"] = "hunter2"
    circle = []
    circle.append(circle)
    assert "hunter2" not in str(hide("", deep))
    assert str(hide("", circle)).count("[") == 9


@given(records)
def test_any_record_is_one_line_of_json(record):
    """Printable, valid, and ending in the only line break."""
    line = json_line(record)
    assert line.endswith(b"\n")
    assert line[:-1].decode().isprintable()
    assert isinstance(json.loads(line), dict)


@given(
    st.dictionaries(
        st.text(st.characters(codec="utf-8"), max_size=8), st.text(st.characters(codec="utf-8")) | st.integers(-9, 9)
    )
)
def test_json_says_what_was_logged(record):
    """Nothing is changed by the escaping."""
    assert record == json.loads(json_line(record))


def test_what_json_has_no_form_for_becomes_text():
    """Halves of pairs, huge numbers, secrets, broken objects: each alone, the others stay as they are."""
    record = {"a": 1, "half": "\ud800", "huge": 2**200, "secret": Secret("s"), "broken": Broken(), "set": {1}}
    found = json.loads(json_line(record))
    assert found["a"] == 1
    assert found["half"] == "\\ud800"
    assert str(2**200) == str(found["huge"])
    assert MASK == found["secret"]
    assert found["broken"] == "<Broken>"
    assert found["set"] == [1]


def test_json_escapes_what_a_terminal_would_obey():
    """Also above ASCII, where JSON itself would not."""
    line = json_line({"x": evil[:-1] + "😀\U000e0001"})
    assert line[:-1].decode().isprintable()
    assert evil[:-1] + "😀\U000e0001" == msgspec.json.decode(line)["x"]


@given(records)
def test_any_record_is_one_line_of_text(record):
    """No value and no name can begin a line of its own."""
    record.pop("exception", None)
    text = text_line(record).decode()
    assert text.endswith("\n")
    assert text[:-1].isprintable()


def test_text_is_for_people():
    """Time, level, event, then values; quotes only where they are needed."""
    record = {
        "timestamp": "T",
        "level": "info",
        "event": "order created",
        "id": 7,
        "name": "Ada L.",
        "empty": "",
        "none": None,
    }
    assert text_line(record) == b'T info     order created id=7 name="Ada L." empty="" none=None\n'


def test_structures_in_text_are_json():
    """In quotes, since they hold quotes."""
    assert b'T error    e a="{\\"b\\":[1]}"\n' == text_line(
        {"timestamp": "T", "level": "error", "event": "e", "a": {"b": [1]}}
    )


def test_an_exception_follows_with_a_bar():
    """Its lines cannot be taken for lines of the log, though its message holds line breaks."""
    record = {"timestamp": "T", "level": "error", "event": "e", "exception": f"Traceback\n  x{evil}\nT info forged"}
    lines = text_line(record).decode().splitlines()
    assert lines[0] == "T error    e"
    assert all(line.startswith("  | ") and line.isprintable() for line in lines[1:])
    assert "  | T info forged" in lines


@pytest.mark.parametrize("level", ["debug", "info", "warning", "error", "critical", "other"])
def test_levels_may_be_coloured(level):
    """And without the colours the line is the same."""
    record = {"timestamp": "T", "level": level, "event": "e"}
    plain = re.sub(rb"\x1b\[[0-9;]*m", b"", text_line(record, color=True))
    assert text_line(record) == plain


@pytest.mark.anyio
async def test_a_near_stamp_is_exact_for_a_clock_that_is_set():
    """Tests move their clock and read what it says."""
    clock = VirtualClock()
    stamp = Stamp(clock)
    first = stamp.near(0)
    await clock.advance(1)
    assert ("2026-01-01T00:00:00.000Z", "2026-01-01T00:00:01.000Z") == (first, stamp.near(1))


def test_a_near_stamp_is_made_four_times_a_millisecond(monkeypatch):
    """Within a quarter of a millisecond the last one serves again."""
    moments = iter([1.0, 1.5])
    monkeypatch.setattr(lines, "time", lambda: next(moments))
    stamp = Stamp()
    texts = [stamp.near(tick) for tick in (1_000_000, 1_249_999, 1_250_000)]
    assert ["1970-01-01T00:00:01.000Z", "1970-01-01T00:00:01.000Z", "1970-01-01T00:00:01.500Z"] == texts

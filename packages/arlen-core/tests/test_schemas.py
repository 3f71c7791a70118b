"""Schemas: values against their types."""

from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Meta, Struct, field

from arlen_core.schemas import SECRET_BYTES, child, fit, leaves, read_secret, seal, spell, unknown
from arlen_core.vault import Secret


class Limits(Struct):
    """A nested table."""

    body: int = 1
    head: Annotated[int, Meta(ge=1)] = 2


class Server(Struct, rename="kebab"):
    """A section."""

    port: int = 80
    key_file: str = ""
    token: Secret = Secret("")
    tokens: list[Secret] = field(default_factory=list)
    by_name: dict[str, Secret] = field(default_factory=dict)
    limits: Limits | None = None
    rows: list[Limits] = field(default_factory=list)
    extra: dict[str, Any] = field(default_factory=dict)
    free: dict = field(default_factory=dict)


@pytest.mark.parametrize(
    ("kind", "key", "expected"),
    [
        (Server, "port", int),
        (Server, "key-file", str),
        (Server, "key_file", None),
        (Server, "gone", None),
        (Limits | None, "body", int),
        (dict[str, Limits], "anything", Limits),
        (dict, "anything", Any),
        (Any, "anything", Any),
        (int, "anything", None),
        (Annotated[Limits, "x"], "body", int),
    ],
)
def test_the_type_of_a_key(kind, key, expected):
    """By the name on the wire; tables of free keys have one type for all."""
    assert expected == child(kind, key)


@pytest.mark.parametrize(("key", "expected"), [("port", "port"), ("key_file", "key-file"), ("gone", "gone")])
def test_variables_spell_keys_without_dashes(key, expected):
    """A variable cannot have a dash; the type says whether the key has one."""
    assert expected == spell(Server, key)


def test_unknown_keys_are_taken_out_and_named():
    """At every depth, in lists too, with the nearest name or the list of names."""
    data = {
        "prot": 1,
        "limits": {"boddy": 1, "body": 2},
        "rows": [{"body": 1}, {"xyzzy": 1}],
        "extra": {"what": {"ever": 1}},
        "free": {"what": 1},
    }
    rows = {row.field: row.message for row in unknown(data, Server)}
    assert rows == {
        "prot": "did you mean 'port'?",
        "limits.boddy": "did you mean 'body'?",
        "rows[1].xyzzy": "known here: body, head",
    }
    assert data == {
        "limits": {"body": 2},
        "rows": [{"body": 1}, {}],
        "extra": {"what": {"ever": 1}},
        "free": {"what": 1},
    }


def test_a_type_without_keys_says_so():
    """An empty section knows nothing."""

    class Empty(Struct):
        """Nothing."""

    assert ["known here: nothing"] == [row.message for row in unknown({"a": 1}, Empty)]


def test_what_is_no_table_has_no_unknown_keys():
    """The wrong type is somebody else's finding."""
    assert [] == unknown(3, Server)
    assert [] == unknown({"limits": 3}, Server)


def test_secrets_are_sealed():
    """Every text that the type calls a secret; nothing else; no other value changes."""
    data = {"token": "a", "tokens": ["b"], "by-name": {"x": "c"}, "key-file": "d", "port": 1}
    sealed = seal(data, Server)
    assert ("a", "b", "c") == (
        sealed["token"].reveal(),
        sealed["tokens"][0].reveal(),
        sealed["by-name"]["x"].reveal(),
    )
    assert ("d", 1) == (sealed["key-file"], sealed["port"])
    assert {"token": 3} == seal({"token": 3}, Server)


@pytest.mark.parametrize(
    ("text", "kind", "expected"),
    [
        ("8080", int, 8080),
        ("8080", str, "8080"),
        ("8080", int | str, "8080"),
        ("-1.5", float, -1.5),
        ("3", float, 3),
        ("true", bool, True),
        ("True", bool, True),
        ("yes", bool, True),
        ("1", bool, True),
        ("off", bool, False),
        ("0", bool, False),
        ("true", str, "true"),
        ('"quoted"', str, '"quoted"'),
        ("null", int | None, None),
        ('["a", "b"]', list[str], ["a", "b"]),
        ("['a', 'b']", list[str], ["a", "b"]),
        ("[1, 2]", tuple[int, ...], [1, 2]),
        ('{"a": 1}', dict[str, int], {"a": 1}),
        ("{ a = 1 }", dict[str, int], {"a": 1}),
        ('{"body": 3}', Limits, {"body": 3}),
        ("json", Literal["text", "json"], "json"),
        ("2026-01-02", str, "2026-01-02"),
        ("x\ny = 1", str, "x\ny = 1"),
        ("secret", Secret, "secret"),
        ('["a"]', list[Secret], ["a"]),
        ("", str, ""),
        ("anything", Any, "anything"),
    ],
)
def test_a_variable_means_what_its_type_says(text, kind, expected):
    """Text where text will do, else a value of TOML or JSON, else true and false in several spellings."""
    assert expected == fit(text, kind)


@pytest.mark.parametrize(
    ("text", "kind", "expected"),
    [
        ("eighty", int, "eighty"),
        ("", int, ""),
        ("0", Annotated[int, Meta(ge=1)], 0),
        ("a,b", list[str], "a,b"),
        ("1\nport = 2", int, "1\nport = 2"),
    ],
)
def test_a_variable_that_does_not_fit_is_left_for_the_check(text, kind, expected):
    """As the value that it looks like, or as text; one variable is one value."""
    assert expected == fit(text, kind)


@given(st.text())
def test_any_text_fits_text(text):
    """A text field takes a variable as it is."""
    assert text == fit(text, str)


@given(st.integers(-(2**63), 2**63 - 1))
def test_any_number_fits_a_number(number):
    """What Python prints is read."""
    assert number == fit(str(number), int)


@pytest.mark.parametrize(
    ("content", "expected"),
    [(b"abc", "abc"), (b"abc\n", "abc"), (b"abc\r\n", "abc"), (b"a\nb\n\n", "a\nb\n"), ("ü".encode(), "ü")],
)
def test_a_secret_is_read_from_a_file(tmp_path, content, expected):
    """Without the line break at its end, that an editor or `echo` put there."""
    (tmp_path / "secret").write_bytes(content)
    assert expected == read_secret(tmp_path, "secret")
    assert expected == read_secret(tmp_path / "elsewhere", str(tmp_path / "secret"))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "cannot be read: No such file"),
        (b"", "empty or not UTF-8"),
        (b"\n", "empty or not UTF-8"),
        (b"\xff", "empty or not UTF-8"),
        (b"x" * (SECRET_BYTES + 1), "more than 65536 bytes"),
    ],
)
def test_a_secret_that_cannot_be_read_says_why(tmp_path, content, words):
    """And nothing of its content."""
    if content is not None:
        (tmp_path / "secret").write_bytes(content)
    with pytest.raises(ValueError, match=words):
        read_secret(tmp_path, "secret")


def test_the_largest_secret_is_read(tmp_path):
    """64 KiB, exactly."""
    (tmp_path / "secret").write_bytes(b"x" * SECRET_BYTES)
    assert SECRET_BYTES == len(read_secret(tmp_path, "secret"))


def test_settings_have_leaves():
    """Every value with its path; tables are taken apart, lists and empty tables are not."""
    value = Server(limits=Limits(), by_name={"x": Secret("c")}, rows=[Limits()])
    found = dict(leaves(value))
    assert found == {
        ("port",): 80,
        ("key-file",): "",
        ("token",): Secret(""),
        ("tokens",): [],
        ("by-name", "x"): Secret("c"),
        ("limits", "body"): 1,
        ("limits", "head"): 2,
        ("rows",): [Limits()],
        ("extra",): {},
        ("free",): {},
    }

"""Sections: one typed object out of files and variables."""

from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Meta, Struct, field

from arlen_core.sections import Section
from arlen_core.sources import File, Variable
from arlen_core.vault import MASK, Secret


class Tls(Struct):
    """A nested table."""

    cert: str = ""
    password: Secret = Secret("")


class Command(Struct):
    """An entry of a list."""

    name: str
    count: int = 1


class Server(Struct, rename="kebab", frozen=True):
    """A section with everything."""

    host: str = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535)] = 8000
    mode: Literal["fast", "safe"] = "safe"
    keep_alive: float = 5.0
    tls: Tls = field(default_factory=Tls)
    commands: list[Command] = field(default_factory=list)
    labels: dict[str, str] = field(default_factory=dict)
    secret: Secret | None = None


class Strict(Struct):
    """A section with a rule of its own and a required key."""

    name: str
    low: int = 0
    high: int = 1

    def __post_init__(self):
        if self.low > self.high:
            raise ValueError("low must not be above high")


def section(kind, *texts, root=None, **words):
    """Make a section `server` of files with these texts and these variables."""
    import tomllib
    from pathlib import Path

    files = [File(f"{number}.toml", text, tomllib.loads(text)) for number, text in enumerate(texts)]
    made = [
        Variable(f"ARLEN_{name}", tuple(f"{name}".lower().split("__")), text) for name, text in sorted(words.items())
    ]
    return Section("server", kind, root or Path(), files, made)


def shown(made):
    """Return the problems as text."""
    return [str(each) for each in made.problems]


def test_nothing_written_gives_the_defaults():
    """Every origin is "default"."""
    made = section(Server)
    assert Server() == made.value
    assert {"default"} == {row["origin"] for row in made.rows().values()}


def test_later_sources_win_key_by_key():
    """The first file, the second, a variable: each only where it says something."""
    made = section(
        Server,
        '[server]\nhost = "a"\nport = 1\nmode = "fast"\n[server.tls]\ncert = "x"',
        '[server]\nport = 2\nmode = "safe"\n',
        SERVER__MODE="fast",
    )
    assert Server(host="a", port=2, mode="fast", tls=Tls(cert="x")) == made.value
    rows = made.rows()
    assert rows["server.host"] == {"value": "a", "origin": "0.toml"}
    assert rows["server.port"] == {"value": 2, "origin": "1.toml"}
    assert rows["server.mode"] == {"value": "fast", "origin": "ARLEN_SERVER__MODE"}
    assert rows["server.tls.cert"] == {"value": "x", "origin": "0.toml"}
    assert rows["server.keep-alive"] == {"value": 5.0, "origin": "default"}


def test_lists_are_replaced_and_tables_are_merged():
    """A list of the second file is the list; a table of the second file adds to the first."""
    made = section(
        Server,
        '[server]\nlabels = {a = "1", b = "2"}\n[[server.commands]]\nname = "x"\n[[server.commands]]\nname = "y"',
        '[server.labels]\nb = "3"\n[[server.commands]]\nname = "z"',
    )
    assert ({"a": "1", "b": "3"}, [Command("z")]) == (made.value.labels, made.value.commands)
    rows = made.rows()
    assert ("0.toml", "1.toml", "1.toml") == tuple(
        rows[key]["origin"] for key in ("server.labels.a", "server.labels.b", "server.commands")
    )


def test_variables_reach_every_key():
    """Nested with two underscores, dashes written as underscores, lists and tables as TOML or JSON."""
    made = section(
        Server,
        SERVER__KEEP_ALIVE="2.5",
        SERVER__TLS__CERT="c",
        SERVER__COMMANDS='[{"name": "x", "count": 2}]',
        SERVER__LABELS__SOME="thing",
        SERVER__SECRET="s",
    )
    value = made.value
    assert (2.5, "c", [Command("x", 2)], {"some": "thing"}) == (
        value.keep_alive,
        value.tls.cert,
        value.commands,
        value.labels,
    )
    assert value.secret.reveal() == "s"
    assert made.rows()["server.keep-alive"] == {"value": 2.5, "origin": "ARLEN_SERVER__KEEP_ALIVE"}


def test_a_variable_inside_a_table_that_a_file_made_a_value_wins():
    """The weightier source decides what the key is."""
    made = section(Server, "[server]\nlabels = 3", SERVER__LABELS__A="b")
    assert {"a": "b"} == made.value.labels


def test_other_sections_are_left_alone():
    """Only the keys of this one are read."""
    assert Server() == section(Server, "[other]\nport = 1", OTHER__PORT="2").value


def test_everything_that_is_wrong_is_said_at_once():
    """Unknown keys with the nearest name, wrong types, values out of bounds, missing keys, each with its place."""
    made = section(
        Server,
        '[server]\nprot = 1\nport = "x"\nmode = "slow"\n[server.tls]\ncret = ""\n[[server.commands]]\ncount = 1',
        "[server]\nkeep-alive = []",
        SERVER__HOST__X="1",
    )
    assert made.value is None
    assert shown(made) == [
        "0.toml:2: server.prot is not a key here (fix: did you mean 'port'?)",
        "0.toml:6: server.tls.cret is not a key here (fix: did you mean 'cert'?)",
        "ARLEN_SERVER__HOST__X: server.host must be text",
        "0.toml:3: server.port must be a whole number",
        "0.toml:4: server.mode must be one of: fast, safe",
        "1.toml:2: server.keep-alive must be a number",
        "0.toml:7: server.commands[0].name is required (fix: set it in config/app.toml)",
    ]


@pytest.mark.parametrize(
    ("port", "words"), [("65536", "must be at most 65535"), ("-1", "must be at least 0"), ("0", None)]
)
def test_bounds_are_checked_at_the_edge(port, words):
    """The message names the bound."""
    assert ([f"ARLEN_SERVER__PORT: server.port {words}"] if words else []) == shown(section(Server, SERVER__PORT=port))


def test_a_required_key_says_where_to_write_it():
    """In the file or as a variable."""
    assert shown(section(Strict)) == [
        "config/app.toml: server.name is required (fix: set it in config/app.toml, or as ARLEN_SERVER__NAME)"
    ]


def test_a_rule_of_the_type_itself_counts():
    """What `__post_init__` refuses is a problem of the section."""
    made = section(Strict, '[server]\nname = "x"\nlow = 3')
    assert made.value is None
    assert "low must not be above high" in shown(made)[0]


def test_a_section_is_a_table():
    """A value in its place is a problem with its line."""
    made = section(Server, "server = 3")
    assert shown(made) == ["0.toml:1: server is a section, not a value (fix: write [server] and its keys below)"]


@pytest.mark.parametrize("text", ['secret = "hunter2"\nport = "x"', 'secert = "hunter2"', 'secret = ["hunter2"]'])
def test_a_secret_is_never_in_a_problem(text):
    """Not when another key is wrong, not when its name is misspelt, not when its type is wrong."""
    made = section(Server, f"[server]\n{text}")
    assert made.problems
    assert "hunter2" not in " ".join(shown(made))


def test_a_secret_is_masked_in_the_rows():
    """With its origin, so that one sees where it comes from."""
    made = section(Server, SERVER__SECRET="hunter2", SERVER__TLS__PASSWORD="hunter3")
    rows = made.rows()
    assert rows["server.secret"] == {"value": MASK, "origin": "ARLEN_SERVER__SECRET"}
    assert rows["server.tls.password"] == {"value": MASK, "origin": "ARLEN_SERVER__TLS__PASSWORD"}
    assert "hunter" not in str(rows)


def test_a_wrong_secret_is_asked_to_be_text():
    """In the words of the file, not of the program."""
    assert ["0.toml:2: server.secret must be text"] == shown(section(Server, "[server]\nsecret = 3"))


@pytest.mark.parametrize("way", ["file", "variable", "nested"])
def test_a_secret_comes_from_a_file(tmp_path, way):
    """`<key>_file` names it, in a file of the configuration or as a variable; relative to the application's folder."""
    (tmp_path / "run").mkdir()
    (tmp_path / "run/key").write_text("hunter2\n")
    if way == "file":
        made = section(Server, '[server]\nsecret_file = "run/key"', root=tmp_path)
        origin = "0.toml (run/key)"
    elif way == "variable":
        made = section(Server, root=tmp_path, SERVER__SECRET_FILE=str(tmp_path / "run/key"))
        origin = f"ARLEN_SERVER__SECRET_FILE ({tmp_path / 'run/key'})"
    else:
        made = section(Server, '[server.tls]\npassword_file = "run/key"', root=tmp_path)
        assert made.value.tls.password.reveal() == "hunter2"
        return
    assert made.value.secret.reveal() == "hunter2"
    assert made.rows()["server.secret"] == {"value": MASK, "origin": origin}


def test_the_weightier_of_secret_and_file_wins(tmp_path):
    """A variable replaces the file that app.toml names, and the other way round."""
    (tmp_path / "key").write_text("from file")
    direct = section(Server, '[server]\nsecret_file = "key"', root=tmp_path, SERVER__SECRET="direct")
    assert direct.value.secret.reveal() == "direct"
    by_file = section(Server, '[server]\nsecret = "direct"', root=tmp_path, SERVER__SECRET_FILE="key")
    assert by_file.value.secret.reveal() == "from file"


def test_a_secret_and_its_file_in_one_place_are_refused(tmp_path):
    """Nobody could say which one counts."""
    made = section(Server, '[server]\nsecret = "a"\nsecret_file = "key"', root=tmp_path)
    assert shown(made) == ["0.toml:2: server.secret stands beside secret_file (fix: keep one of the two)"]
    words = section(Server, root=tmp_path, SERVER__SECRET="a", SERVER__SECRET_FILE="key")
    assert ["server.secret"] == [each.key for each in words.problems]


@pytest.mark.parametrize(
    ("given_file", "words"),
    [('"gone"', "cannot be read: No such file"), ("3", "must be text"), ('"empty"', "empty or not")],
)
def test_a_secret_file_that_is_no_good_is_a_problem(tmp_path, given_file, words):
    """With the line of the key that names it."""
    (tmp_path / "empty").touch()
    made = section(Server, f"[server]\nport = 1\nsecret_file = {given_file}", root=tmp_path)
    assert made.problems[0].line == 3
    assert words in shown(made)[0]


def test_a_field_that_ends_in_file_is_a_field():
    """When the type has both keys, the file key is nobody's shorthand."""

    class Both(Struct):
        """A secret, and a path of its own."""

        key: Secret = Secret("")
        key_file: str = ""

    made = section(Both, '[server]\nkey_file = "/etc/key.pem"')
    assert (Both(key_file="/etc/key.pem"), []) == (made.value, made.problems)


def test_tables_that_come_and_go_keep_their_origins():
    """A table that a later file replaces by a value is forgotten, with all its origins."""

    class Free(Struct):
        """Anything goes."""

        x: dict[str, Any] | int = 0

    made = section(Free, "[server.x]\na = 1", "[server]\nx = 3", SERVER__X='{"b" = 2}')
    assert {"b": 2} == made.value.x
    assert made.rows() == {"server.x.b": {"value": 2, "origin": "ARLEN_SERVER__X"}}


values = st.fixed_dictionaries(
    {},
    optional={
        "host": st.text("abc", max_size=3),
        "port": st.integers(0, 65535),
        "mode": st.sampled_from(["fast", "safe"]),
    },
)


@given(values, values, values)
def test_the_last_one_that_says_something_wins(one, two, words):
    """For any values in any of the three places."""
    texts = ["[server]\n" + "\n".join(f"{k} = {v!r}" for k, v in table.items()) for table in (one, two)]
    made = section(Server, *texts, **{f"SERVER__{k.upper()}": str(v) for k, v in words.items()})
    expected = one | two | words
    assert [] == made.problems
    for key, value in expected.items():
        origin = f"ARLEN_SERVER__{key.upper()}" if key in words else "1.toml" if key in two else "0.toml"
        assert {"value": value, "origin": origin} == made.rows()[f"server.{key}"]

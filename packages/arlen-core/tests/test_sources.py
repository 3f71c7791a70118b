"""Sources: files and variables as they were written."""

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arlen_core.sources import File, Problem, Variable, line_of, read_file, steps, variables

TEXT = """\
# a comment
title = "x"        # 2
[server]           # 3
port = 80          # 4
"quoted key" = 1   # 5
tls.cert = "a"     # 6
tls . 'key' = "b"  # 7

  [server.limits]  # 9
  body = 1         # 10
inline = { a = 1 } # 11
list = [           # 12
  1,
]
[[server.commands]] # 15
name = "a"          # 16
[[server.commands]] # 17
name = "b"          # 18
[server.commands.env] # 19
HOME = "/"          # 20
[[server.commands.args]] # 21
x = 1
[[server.commands.args]] # 23
x = 2               # 24
"""


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (["title"], 2),
        (["server"], 3),
        (["server", "port"], 4),
        (["server", "quoted key"], 5),
        (["server", "tls", "cert"], 6),
        (["server", "tls", "key"], 7),
        (["server", "limits"], 9),
        (["server", "limits", "body"], 10),
        (["server", "limits", "inline", "a"], 11),
        (["server", "limits", "list", 0], 12),
        (["server", "limits", "gone"], 9),
        (["server", "commands", 0, "name"], 16),
        (["server", "commands", 1], 17),
        (["server", "commands", 1, "name"], 18),
        (["server", "commands", 1, "env", "HOME"], 20),
        (["server", "commands", 1, "args", 1, "x"], 24),
        (["server", "gone"], 3),
        (["gone"], None),
        (["port"], None),
    ],
)
def test_the_line_of_a_key_is_found(path, line):
    """Tables, dotted and quoted keys, arrays of tables; the nearest table when the key is not written there."""
    tomllib.loads(TEXT)
    assert line == line_of(TEXT, path)


@given(
    st.dictionaries(
        st.text("abc_-", min_size=1, max_size=4), st.dictionaries(st.text("xyz", min_size=1), st.integers())
    )
)
def test_lines_are_right_for_any_tables(tables):
    """Every key of any two-level file is found where it was written."""
    lines, where = [], {}
    for name, table in tables.items():
        lines.append(f"[{name}]")
        where[name,] = len(lines)
        for key, value in table.items():
            lines.append(f"{key} = {value}")
            where[name, key] = len(lines)
    text = "\n".join(lines)
    assert tables == tomllib.loads(text)
    assert where == {path: line_of(text, path) for path in where}


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ("a", ["a"]),
        ("a.b", ["a", "b"]),
        ("a[0].b[12]", ["a", 0, "b", 12]),
        ("[3]", [3]),
        ("", []),
    ],
)
def test_a_field_path_is_split(field, expected):
    """Keys are text, positions are numbers."""
    assert expected == steps(field)


def test_a_file_is_read(tmp_path):
    """Its text is kept beside its tables, for the line numbers."""
    (tmp_path / "app.toml").write_text('[a]\nb = "ü"\n')
    assert File("app.toml", '[a]\nb = "ü"\n', {"a": {"b": "ü"}}) == read_file(tmp_path, "app.toml")


def test_a_missing_file_is_no_problem(tmp_path):
    """Both files are optional."""
    assert read_file(tmp_path, "config/app.toml") is None


@pytest.mark.parametrize(
    ("content", "words", "line"),
    [
        (b"a = 1\nb = = 2\n", "is not TOML", 2),
        (b"a = 1\na = 2\n", "is not TOML", 2),
        (b"a = 1\n[b\n", "is not TOML", 2),
        (b'a = "open', "is not TOML", 1),
        (b"\xff\xfe", "is not UTF-8", None),
    ],
)
def test_a_broken_file_is_a_problem_with_its_line(tmp_path, content, words, line):
    """The parser's reason is kept, the line is its own field."""
    (tmp_path / "app.toml").write_bytes(content)
    problem = read_file(tmp_path, "app.toml")
    assert words in problem.reason
    assert line == problem.line
    assert "(at line" not in problem.reason


def test_a_folder_in_place_of_a_file_is_a_problem(tmp_path):
    """Whatever the system says is in the reason."""
    (tmp_path / "app.toml").mkdir()
    assert "cannot be read: Is a directory" in read_file(tmp_path, "app.toml").reason


def test_variables_become_paths():
    """Only those of Arlen with two underscores; in lower case; sorted; deeper with more."""
    environ = {
        "ARLEN_SERVER__TLS__CERT": "c",
        "ARLEN_SERVER__PORT": "80",
        "ARLEN_ENV": "test",
        "ARLEN_X": "",
        "OTHER_SERVER__PORT": "1",
        "PATH": "/",
    }
    assert variables(environ) == [
        Variable("ARLEN_SERVER__PORT", ("server", "port"), "80"),
        Variable("ARLEN_SERVER__TLS__CERT", ("server", "tls", "cert"), "c"),
    ]


@pytest.mark.parametrize(
    ("problem", "text"),
    [
        (Problem("a.b", "f.toml", "is odd", "make it even", 3), "f.toml:3: a.b is odd (fix: make it even)"),
        (Problem("a.b", "ARLEN_A__B", "is odd"), "ARLEN_A__B: a.b is odd"),
        (Problem("", "f.toml", "cannot be read"), "f.toml: cannot be read"),
    ],
)
def test_a_problem_reads_like_a_compiler_message(problem, text):
    """Place, key, reason, fix; what is not known is left out."""
    assert text == str(problem)

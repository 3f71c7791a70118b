"""The benchmark of the builder: what it compares is comparable, and its table says what was measured."""

import re

import pytest

from tools.databench import builder

WHAT = ["Q1", "Q2", "Q3", "bind"]


def test_cases():
    """Each library makes the same statements; only ours binds a compiled one."""
    found = builder.cases()
    ours = [what.split()[0] for what, library in found if library == builder.OURS]
    assert WHAT == ours
    for library in {library for _, library in found} - {builder.OURS}:
        assert WHAT[:3] == [what.split()[0] for what, other in found if other == library]


@pytest.mark.parametrize("what", ["Q1", "Q2", "Q3"])
def test_same_statement(what):
    """The libraries' texts have the same words in the same order, but for quotes, placeholders and casts."""
    found = {library: case() for (name, library), case in builder.cases().items() if name.startswith(what)}
    words = {
        library: _words(getattr(made, "sql", None) or (made if isinstance(made, str) else made[0]))
        for library, made in found.items()
    }
    keywords = {library: [word for word in text if word in KEYWORDS] for library, text in words.items()}
    assert all(keywords[builder.OURS] == other for other in keywords.values())


def test_fresh_each_time():
    """A case keeps nothing: each run makes another compiled statement."""
    cases = builder.cases()
    for what in WHAT[:3]:
        case = next(
            case for (name, library), case in cases.items() if name.startswith(what) and library == builder.OURS
        )
        assert case() is not case()


def test_interleaved():
    """Each case runs in each round, as often as its calibration says."""
    runs = {"a": 0, "b": 0}

    def case(name):
        def run():
            runs[name] += 1

        return run

    rates = builder.interleaved({("x", "a"): case("a"), ("x", "b"): case("b")}, rounds=3, seconds=0.001)
    assert {("x", "a"), ("x", "b")} == set(rates)
    assert all(rate > 0 for rate in rates.values())
    assert runs["a"] > 3 < runs["b"]


def test_imported():
    """A fresh interpreter imports the module; one that is not there has no time."""
    assert builder.imported("arlen_sqlbuilder", 1) > 0
    assert builder.imported("no_such_module_anywhere", 1) is None
    assert builder.imported("arlen_sqlbuilder", 0) is None


def test_table():
    """The table has a row for each case, our rate over the peer's, and the times of the imports."""
    rates = {("Q1", builder.OURS): 1000.0, ("Q1", "Peer"): 125.0}
    text = builder.table(rates, {"arlen_sqlbuilder": 8.25, "peer": None}, 5)
    assert "| Q1 | Peer | 125 | 8.0 times as fast |" in text
    assert f"| Q1 | {builder.OURS} | 1,000 |  |" in text
    assert "| arlen_sqlbuilder | 8.2 |" in text
    assert "| peer |" not in text
    assert re.match(r"\d{4}-\d\d-\d\d, Python 3\.\d+", text)
    assert "medians of 5 interleaved rounds" in text


def test_main(capsys):
    """The command prints the table."""
    assert 0 == builder.main(["--rounds", "1", "--seconds", "0.0001", "--imports", "1"])
    assert "| Q1 select, 2 predicates, order, page | arlen-sqlbuilder |" in capsys.readouterr().out


KEYWORDS = {
    "SELECT",
    "FROM",
    "WHERE",
    "ORDER",
    "BY",
    "LIMIT",
    "OFFSET",
    "WITH",
    "JOIN",
    "GROUP",
    "HAVING",
    "INSERT",
    "INTO",
    "VALUES",
    "RETURNING",
    "DESC",
}


def _words(text):
    return re.findall(r"[A-Z]+", re.sub(r"'[^']*'", "", text.replace("\n", " ")))

"""The layers: marks around functions, and what lay between them, without what the marks cost."""

import shutil

import pytest

from tools.perf import callgrind, layers
from tools.perf.layers import HARNESS, Costs, Price, attribute, prices, table
from tools.perf.seams import LAYERS, STEPS, Seams

needs_valgrind = pytest.mark.skipif(shutil.which("valgrind") is None, reason="valgrind is not installed")
LOOP, CALL, INNER, OUTER = 10, 50, 100, 70


def calibration(count: int = 4) -> tuple[list, list[float]]:
    """Return what marks around functions that do nothing give: for coroutines twice what plain ones cost."""
    trail, costs = [], []
    for factor, label in ((1, "empty"), (2, "empty~")):
        trail += ["loop", "call", "marked", *[label, None] * count, "over"]
        costs += [LOOP * count, (LOOP + CALL) * count, LOOP + OUTER * factor]
        costs += [INNER * factor + CALL, LOOP + OUTER * factor] * (count - 1)
        costs += [INNER * factor + CALL, 0.0, 999.0]
    return trail, costs


def run(*steps: tuple[str | None, float]) -> tuple[list, list[float]]:
    """Return the trail and the costs of a whole run of so many equal steps."""
    trail, costs = calibration()
    for label, cost in [("step", 0.0), *steps * STEPS]:
        trail.append(label)
        costs.append(cost)
    return [*trail, "step"], costs


def test_prices():
    """The price of a mark is what it adds to the function inside, and to what is around it."""
    plain, waiting = prices(*calibration())
    assert (Price(INNER, OUTER), Price(2 * INNER, 2 * OUTER)) == (plain, waiting)


def test_one_layer():
    """A function costs what lay between its marks, less their price."""
    found = attribute(*run(("parse", 1000 + INNER), (None, 30 + OUTER)), 1030)
    assert pytest.approx(1000, rel=0.02) == found["parse"]
    assert pytest.approx(30, abs=20) == found[HARNESS]


def test_sum_is_the_count():
    """All layers add up to what the step takes without marks, whatever the marks cost."""
    trail, costs = run(("receive", 900), ("parse", 1500), (None, 800), ("driver~", 2000), (None, 700), (None, 300))
    whole = 4000
    last = costs[-1] / STEPS  # the last stretch belongs to the end of the program
    assert pytest.approx(whole, abs=last) == sum(attribute(trail, costs, whole).values())


def test_nested_layers_are_apart():
    """What a layer calls is not counted in it when it is a layer too."""
    steps = (("receive", 500 + INNER), ("parse", 200 + INNER), (None, 300 + OUTER), (None, 0 + OUTER))
    found = attribute(*run(*steps), 1000)
    assert (pytest.approx(800, rel=0.02), pytest.approx(200, rel=0.02)) == (found["receive"], found["parse"])


def test_layer_that_is_used_twice():
    """Two functions of one layer are added up."""
    steps = (("head", 100 + INNER), (None, OUTER), ("head", 100 + INNER), (None, OUTER))
    assert pytest.approx(200, rel=0.02) == attribute(*run(*steps), 200)["head"]


def test_table():
    """The table has a row for each layer that cost something, and the sum."""
    made = table({"a.a": Costs({"parse": 1000.4, "log": 0.0}, []), "a.b": Costs({"parse": 1.0, HARNESS: 2.0}, [])})
    assert [
        "| layer | a.a | a.b |",
        "|---|---:|---:|",
        "| parse | 1,000 | 1 |",
        "| harness | 0 | 2 |",
        "| all | 1,000 | 3 |",
    ] == made


def test_table_says_what_is_missing():
    """Functions that are not there any more are named, once, so that somebody brings the list up to date."""
    made = table({"a.a": Costs({"parse": 1.0}, ["m:f"]), "a.b": Costs({"parse": 1.0}, ["m:f"])})
    assert made[-1] == "not there: m:f"


# -- seams


@pytest.fixture
def seams():
    """Marks that are counted."""
    made = Seams(lambda: made.marks.append(len(made.trail)))
    made.marks = []
    return made


def test_wrap_plain(seams):
    """A plain function is marked at both ends, and gets and returns what it should."""
    assert seams.wrap("parse", lambda a, *, b: (a, b))(1, b=2) == (1, 2)
    assert (["parse", None], [1, 2]) == (seams.trail, seams.marks)


@pytest.mark.anyio
async def test_wrap_coroutine(seams):
    """A coroutine is marked when it begins to run and when it has returned."""

    async def function(a):
        return a

    waiting = seams.wrap("handler", function)(1)
    assert seams.trail == []
    assert await waiting == 1
    assert ["handler~", None] == seams.trail


def test_wrap_keeps_the_signature(seams):
    """A handler is bound by its signature, so the marked one must have the same."""
    import inspect

    async def handler(id: int, name: str = "x") -> str:
        return name

    assert inspect.signature(handler) == inspect.signature(seams.wrap("handler", handler))


def test_note(seams):
    """Something that is no function can be marked."""
    seams.note("loop")
    assert (["loop"], [1]) == (seams.trail, seams.marks)


@pytest.mark.parametrize("place", ["nowhere:f", "arlen_core.app:f", "arlen_core.app:App.f", "arlen_core.app:F.f"])
def test_install_of_what_is_gone(seams, place):
    """A function that is not there is left out and remembered."""
    seams.install([("parse", [place])])
    assert [place] == seams.missing


def test_install_in_a_class(seams, monkeypatch):
    """A method is marked for every instance."""
    from arlen_core import queries

    monkeypatch.setattr(queries.Query, "get", queries.Query.get)
    seams.install([("parse", ["arlen_core.queries:Query.get"])])
    assert (queries.Query.parse(b"a=1").get("a"), ["parse", None]) == ("1", seams.trail)


def test_layers_have_one_name_each():
    """No layer comes twice, and each has functions."""
    names = [name for name, places in LAYERS if places]
    assert (len(LAYERS), len(LAYERS)) == (len(names), len(set(names)))


@pytest.mark.soak
@needs_valgrind
def test_layers_of_a_path():
    """The layers of the parser's path are the parser and the loop, and add up to its count."""
    made = layers.measure("head.plain")
    assert {"parse", HARNESS} == {name for name, cost in made.layers.items() if cost}
    assert pytest.approx(callgrind.count(["head.plain"])["head.plain"], rel=0.03) == sum(made.layers.values())

"""Tests of arlen_core.ordering."""

import random
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arlen_core.errors import StartupError
from arlen_core.ordering import Node, ordered

NAMES = "abcdef"


@st.composite
def graphs(draw):
    """Nodes that wait for earlier ones of a secret order only, in every way that one can say so."""
    secret = draw(st.permutations(NAMES))
    asked = {name: {"depends_on": [], "after": [], "before": []} for name in secret}
    for at, name in enumerate(secret):
        for other in secret[:at]:
            way = draw(st.sampled_from(["", "", "depends_on", "after", "before"]))
            if way == "before":
                asked[other]["before"].append(name)
            elif way:
                asked[name][way].append(other)
    return [Node(name, **{word: tuple(names) for word, names in words.items()}) for name, words in asked.items()]


@given(graphs())
def test_everything_asked_for_is_kept(nodes):
    """Each name comes once, after what it waits for and before what waits for it."""
    order = ordered(nodes)
    assert sorted(NAMES) == sorted(order)
    for node in nodes:
        assert all(order.index(each) < order.index(node.name) for each in (*node.depends_on, *node.after))
        assert all(order.index(each) > order.index(node.name) for each in node.before)


@given(graphs(), st.randoms(use_true_random=False))
def test_the_order_does_not_depend_on_how_they_came(nodes, chance):
    """However they are shuffled, the order is the same."""
    shuffled = list(nodes)
    chance.shuffle(shuffled)
    assert ordered(nodes) == ordered(shuffled)


def test_every_permutation_of_five():
    """All 120 ways to register five plugins start them in one order."""
    nodes = [
        Node("web", after=("data",)),
        Node("data"),
        Node("shop", depends_on=("web", "data")),
        Node("audit", before=("web",)),
        Node("zebra"),
    ]
    found = {tuple(ordered(each)) for each in permutations(nodes)}
    assert {("audit", "data", "zebra", "web", "shop")} == found


def test_free_ones_are_sorted_by_name():
    """Nobody asks for anything: the alphabet decides."""
    assert ["a", "b", "c"] == ordered([Node("c"), Node("a"), Node("b")])
    assert [] == ordered([])


def test_names_that_are_not_there_are_passed_over():
    """`after` and `before` count only for what is there; what is missing is found elsewhere."""
    assert ["a"] == ordered([Node("a", depends_on=("x",), after=("y",), before=("z",))])


@pytest.mark.parametrize(
    ("nodes", "path", "asked"),
    [
        ([Node("a", depends_on=("a",))], "a -> a", "a depends_on a"),
        ([Node("a", after=("b",)), Node("b", depends_on=("a",))], "a -> b -> a", "a after b, b depends_on a"),
        ([Node("a", before=("b",)), Node("b", before=("a",))], "a -> b -> a", "b before a, a before b"),
        (
            [Node("c", after=("a",)), Node("b", after=("c",)), Node("a", after=("b",)), Node("d", after=("a",))],
            "a -> b -> c -> a",
            "a after b, b after c, c after a",
        ),
    ],
)
def test_a_circle_is_named_in_full(nodes, path, asked):
    """From its first name back to it, the same however they came, with who asked for what."""
    for _ in range(6):
        random.Random(7).shuffle(nodes)
        with pytest.raises(StartupError) as caught:
            ordered(nodes)
        assert f"plugins wait for each other in a circle: {path}" == caught.value.reason
        assert f"drop one of these: {asked}" == caught.value.fix
        assert "plugin_cycle" == caught.value.code

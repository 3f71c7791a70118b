"""Meters: declared once, whoever keeps the numbers."""

from __future__ import annotations

from math import inf, nan

import pytest

from arlen_core.app import App
from arlen_core.errors import StartupError
from arlen_core.meters import Meters


class Kept:
    """A registry that remembers what it was told."""

    def __init__(self):
        self.told, self.observed = [], {}

    def _teller(self, declaration, word):
        return lambda *values: self.told.append((declaration.name, word, *values))

    def counter(self, declaration):
        return self._teller(declaration, "add")

    def gauge(self, declaration):
        return self._teller(declaration, "set"), self._teller(declaration, "add")

    def histogram(self, declaration):
        return self._teller(declaration, "record")

    def observe(self, declaration, function):
        self.observed[declaration.name] = function


def test_instruments_tell_the_registry_whatever_comes_first():
    """What was declared before the registry came, and after, tells it; and nobody when it has left."""
    meters, kept = Meters(), Kept()
    before = meters.counter("mail.sent", "Mails.", labels=("result",))
    before.add(1, "lost")
    meters.observe("mail.waiting", "Mails that wait.", lambda: 3)
    meters.attach(kept)
    before.add(2, "ok")
    gauge = meters.gauge("mail.open", "Open connections.")
    gauge.set(4)
    gauge.add(-1)
    meters.histogram("mail.duration", "How long.").record(0.1)
    meters.observe("mail.size", "Bytes.", lambda: 5, kind="counter")
    assert [
        ("mail.sent", "add", 2, "ok"),
        ("mail.open", "set", 4),
        ("mail.open", "add", -1),
        ("mail.duration", "record", 0.1),
    ] == kept.told
    assert ({"mail.waiting", "mail.size"}, True) == (set(kept.observed), meters.attached)
    meters.attach(None)
    before.add(1, "ok")
    assert (4, False) == (len(kept.told), meters.attached)
    names = ["mail.duration", "mail.open", "mail.sent", "mail.size", "mail.waiting"]
    assert names == [each.name for each in meters.declarations]


def test_the_same_declaration_is_the_same_instrument():
    """Two parts may declare the same; one that differs is refused, as is a name that is observed."""
    meters = Meters()
    first = meters.counter("a.b", "Help.", labels=("x",))
    assert first is meters.counter("a.b", "Help.", labels=("x",))
    meters.observe("a.c", "Help.", lambda: 1)
    for attempt in (
        lambda: meters.counter("a.b", "Help.", labels=("y",)),
        lambda: meters.gauge("a.b", "Help.", labels=("x",)),
        lambda: meters.gauge("a.c", "Help."),
        lambda: meters.observe("a.b", "Help.", lambda: 1),
        lambda: meters.observe("a.c", "Help.", lambda: 1),
    ):
        with pytest.raises(StartupError):
            attempt()


@pytest.mark.parametrize("name", ["", "Upper", "a-b", "1a", "a..b", "a b", 'a"', "a\n"])
def test_names_are_those_of_the_field(name):
    """A name or label that cannot be exposed is refused with the way out."""
    for attempt in (
        lambda: Meters().counter(name, "Help."),
        lambda: Meters().counter("a", "Help.", labels=(name,)),
    ):
        with pytest.raises(StartupError, match="small letters"):
            attempt()


def test_bad_shapes_are_refused():
    """Bounds that do not rise, and a label named twice, are refused."""
    with pytest.raises(StartupError, match="do not rise"):
        Meters().histogram("a", "Help.", buckets=(1, 1))
    with pytest.raises(StartupError, match="do not rise"):
        Meters().histogram("a", "Help.", buckets=())
    with pytest.raises(StartupError, match="twice"):
        Meters().counter("a", "Help.", labels=("x", "x"))


@pytest.mark.parametrize("buckets", [(), (2, 1), (1, 1), ("a",), None, (-1, 1), (1, inf), (nan, 1), (1, nan)])
def test_buckets_rise_from_zero_and_end(buckets):
    """No reader takes a bound that is no number; the one without end is there by itself."""
    with pytest.raises(StartupError, match="do not rise"):
        Meters().histogram("a.b", "Help.", buckets=buckets)


def test_whole_bounds_are_the_same_as_others():
    """A bound of 1 is written as one of 1.0, and is the same metric."""
    meters = Meters()
    made = meters.histogram("a.b", "Help.", buckets=(1, 2))
    assert ("(1.0, 2.0)", made) == (str(made.declaration.buckets), meters.histogram("a.b", "Help.", buckets=[1.0, 2.0]))


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ({"labels": "kind"}, "no tuple"),
        ({"labels": ["kind"]}, "no tuple"),
        ({"labels": (1,)}, "no text"),
        ({"help": None}, "no text"),
        ({"unit": None}, "no text"),
        ({"combine": "avg"}, "cannot combine processes by 'avg'"),
    ],
)
def test_a_careless_declaration_is_refused_where_it_stands(said, reason):
    """It would break every answer of /metrics later, or count something else than was meant."""
    with pytest.raises(StartupError, match=reason):
        Meters().gauge("a.b", **{"help": "Help.", **said})


@pytest.mark.parametrize("kind", ["histogram", "", None])
def test_only_gauges_and_counters_are_observed(kind):
    """One number is no histogram."""
    with pytest.raises(StartupError, match="is observed as"):
        Meters().observe("a.b", "Help.", lambda: 1, kind=kind)


def test_one_registry_for_an_application():
    """A second registry is refused; the same one may come again."""
    meters, kept = Meters(), Kept()
    meters.attach(kept)
    meters.attach(kept)
    with pytest.raises(StartupError, match="two registries"):
        meters.attach(Kept())


def test_a_mounted_application_tells_the_registry_above():
    """What a mounted application counts goes to the registry of the one above, unless it has its own."""
    top, below, own, kept, mine = App("a"), App("b"), App("c"), Kept(), Kept()
    own.meters.attach(mine)
    below.meters.under(top.meters)
    own.meters.under(top.meters)
    top.meters.attach(kept)
    below.meters.counter("x", "Help.").add(1)
    own.meters.counter("x", "Help.").add(2)
    assert ([("x", "add", 1)], [("x", "add", 2)]) == (kept.told, mine.told)

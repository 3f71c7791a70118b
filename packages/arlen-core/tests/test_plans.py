"""Plans: every order is one in which nothing comes before what it needs."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arlen_core.errors import StartupError
from arlen_core.plans import index, needed, ordered
from arlen_core.providers import Need, Provider


def kind(number: int) -> type:
    """Return the same class for the same number."""
    return KINDS[number]


KINDS = [type(f"S{number}", (), {}) for number in range(12)]


def service(number, *needs, scope="app", optional=()):
    """Make a provider of one of the numbered types."""
    rows = [Need(f"p{each}", kind(each), each in optional) for each in needs]
    return Provider(kind(number), f"make_{number}", kind(number), tuple(rows), scope=scope)


def numbers(order):
    """Return the numbers of an order."""
    return [KINDS.index(each.type) for each in order]


def test_nothing_needs_nothing():
    """No providers, no order."""
    assert [] == ordered({})


def test_independent_services_keep_the_order_of_registration():
    """Where needs leave it open, the first registered comes first."""
    assert [3, 1, 2] == numbers(ordered(index([service(3), service(1), service(2)])))


def test_needs_come_first():
    """A chain registered backwards is turned round."""
    assert [0, 1, 2] == numbers(ordered(index([service(2, 1), service(1, 0), service(0)])))


@st.composite
def graphs(draw):
    """Random graphs without cycles, registered in random order."""
    count = draw(st.integers(1, 12))
    rows = [
        service(number, *draw(st.sets(st.integers(0, number - 1)) if number else st.just(())))
        for number in range(count)
    ]
    return draw(st.permutations(rows))


@given(graphs())
def test_every_order_is_right(providers):
    """Whatever the graph: everything once, each after all it needs, and the same order each time."""
    order = ordered(index(providers))
    assert sorted(numbers(providers)) == sorted(numbers(order))
    place = {each.type: at for at, each in enumerate(order)}
    assert all(place[need.type] < place[each.type] for each in order for need in each.needs)
    assert numbers(order) == numbers(ordered(index(providers)))


@given(graphs(), st.data())
def test_every_cycle_is_found(providers, data):
    """Close any path of any graph to a circle: it is refused, and the circle that is named is one."""
    order = ordered(index(providers))
    last = data.draw(st.sampled_from(order))
    below = _reach(last, index(providers))
    first = data.draw(st.sampled_from(sorted(below, key=lambda each: each.name)))
    closed = Provider(first.type, first.name, first.make, (*first.needs, Need("back", last.type)))
    with pytest.raises(StartupError) as caught:
        ordered(index([closed if each is first else each for each in providers]))
    names = caught.value.reason.rpartition(": ")[2].split(" -> ")
    assert names[0] == names[-1]
    wants = {
        f"S{KINDS.index(each.type)}": {f"S{KINDS.index(n.type)}" for n in each.needs} for each in [*providers, closed]
    }
    assert all(after in wants[before] for before, after in pairwise(names))


def _reach(each, known):
    found = {each}
    for need in each.needs:
        found |= _reach(known[need.type], known)
    return found


def test_a_cycle_is_named_in_the_order_of_needs():
    """S0 needs S1, S1 needs S2, S2 needs S0."""
    with pytest.raises(StartupError, match="in a circle: S") as caught:
        ordered(index([service(0, 1), service(1, 2), service(2, 0)]))
    assert caught.value.code == "service_cycle"
    path = caught.value.reason.rpartition(": ")[2]
    assert path in {"S0 -> S1 -> S2 -> S0", "S1 -> S2 -> S0 -> S1", "S2 -> S0 -> S1 -> S2"}


def test_a_service_that_needs_itself_is_a_cycle():
    """The shortest circle."""
    with pytest.raises(StartupError, match="S0 -> S0"):
        ordered(index([service(0, 0)]))


def test_a_need_that_nobody_fills_is_named():
    """With the service, the parameter and what to do; the nearest name helps."""
    with pytest.raises(StartupError) as caught:
        ordered(index([service(1, 0), service(10)]))
    assert caught.value.code == "service_missing"
    assert caught.value.reason == (
        "service S1 (make_1) needs S0 for its parameter 'p0', and nothing makes one; there is a S10"
    )
    assert "app.provide(make_it, type=S0)" in caught.value.fix


def test_a_need_with_a_default_may_be_missing():
    """When the service is there it comes first all the same."""
    assert [1] == numbers(ordered(index([service(1, 0, optional={0})])))
    assert [0, 1] == numbers(ordered(index([service(1, 0, optional={0}), service(0)])))


def test_two_services_of_one_type_are_refused():
    """Both factories are named."""
    with pytest.raises(StartupError, match="two services make S0: make_0 and other") as caught:
        index([service(0), Provider(kind(0), "other", kind(0))])
    assert caught.value.code == "service_twice"


def test_an_application_cannot_need_a_request():
    """A service that lives longer must not hold one that lives shorter."""
    with pytest.raises(
        StartupError, match=r"service S1 \(make_1\) lives as long as the application but needs service S0"
    ) as caught:
        ordered(index([service(0, scope="request"), service(1, 0)]))
    assert caught.value.code == "service_scope"
    with pytest.raises(StartupError, match="but needs S5 of one request"):
        ordered(index([service(1, 5)]), {kind(5)})


def test_a_request_gives_what_it_has():
    """Types that the request itself gives need no provider."""
    assert [0] == numbers(ordered(index([service(0, 5, scope="request")]), {kind(5)}))


def test_what_to_open_for_a_request():
    """Only the services of request scope, only those that are needed, in order."""
    order = ordered(
        index(
            [
                service(0),
                service(1, 0, scope="request"),
                service(2, 1, scope="request"),
                service(3, scope="request"),
                service(4, 2, 0, scope="request"),
            ]
        )
    )
    assert [1, 2, 4] == numbers(needed(kind(4), order))
    assert [3] == numbers(needed(kind(3), order))

"""Pool: the rules by which processes are started, judged and replaced, on a clock that the test moves."""

from __future__ import annotations

import signal
from math import inf
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arlen_server.backoff import Backoff
from arlen_server.channel import Beat, Failed, Ready
from arlen_server.failures import Failure
from arlen_server.pool import CAUSES, Pool, Rules


class Process:
    """A child that does what the test says."""

    def __init__(self, pid, slot, generation, sockets=()):
        self.pid, self.slot, self.generation, self.sockets = pid, slot, generation, tuple(sockets)
        self.state, self.reason, self.worn = "starting", "", ""
        self.started_at, self.ready_at, self.deadline = 0.0, None, inf
        self.requests = self.memory = 0
        self.max_requests = self.max_age = inf
        self.code, self.said, self.signals, self.calls = None, [], [], []

    def receive(self):
        said, self.said = self.said, []
        return said

    def poll(self):
        return self.code

    def retire(self):
        self.calls.append("retire")

    def signal(self, number):
        self.signals.append(number)

    def kill(self):
        self.signals.append(signal.SIGKILL)
        self.code = -signal.SIGKILL

    def close(self):
        self.calls.append("close")


class Bench:
    """A pool with its clock, its events and the processes that it started."""

    def __init__(self, grant=None, **rules):
        self.now = 100.0
        self.events = []
        self.started = []
        self.refuse = False
        backoff = Backoff(0.25, 30.0, jitter=0.0)
        self.pool = Pool(
            "web",
            self.launch,
            Rules(**({"size": 2, "jitter": 0.0, "heartbeat_timeout": 0.0} | rules)),
            emit=lambda event, **fields: self.events.append((event, fields)),
            grant=grant,
            backoff=backoff,
            clock=lambda: self.now,
            random=Random(1),
        )
        self.grant = grant

    def launch(self, slot, generation):
        if self.refuse:
            raise BlockingIOError(11, "Resource temporarily unavailable")
        sockets = self.grant(slot, self.pool.size) if self.grant else ()
        self.started.append(Process(len(self.started) + 1, slot, generation, sockets))
        return self.started[-1]

    def tick(self, seconds=0.0):
        self.now += seconds
        self.pool.tick()

    def ready(self):
        """Let every process that starts become ready, until nothing more is started."""
        self.tick()
        while starting := [child for child in self.pool.children if child.state == "starting"]:
            for child in starting:
                child.said.append(Ready())
            self.tick()
        return self

    def leave(self):
        """Let every process that was asked to leave end."""
        for child in self.pool.children:
            if child.state == "leaving":
                child.code = 0
        self.tick()

    def beat(self, seconds=1.0, **values):
        self.now += seconds
        for child in self.pool.children:
            child.said.append(Beat(**values))
        self.pool.tick()

    def names(self):
        return [event for event, _ in self.events]

    def last(self, event):
        return next(fields for name, fields in reversed(self.events) if name == event)

    def slots(self):
        return sorted((child.slot, child.state, child.generation) for child in self.pool.children)


# start


def test_first_process_is_started_alone():
    """The first process shows whether the application starts at all; the others wait for it."""
    bench = Bench(size=4)
    bench.tick()
    assert len(bench.started) == 1
    bench.started[0].said.append(Ready())
    bench.tick()
    assert len(bench.started) == 4


def test_first_start_that_fails_gives_up():
    """When the first process does not start, the pool is dead at once and starts no other."""
    bench = Bench()
    bench.tick()
    bench.started[0].said.append(Failed(Failure(stage="load", message="SyntaxError", file="app.py", line=3)))
    bench.started[0].code = 1
    bench.tick(60)
    assert bench.pool.dead == "the first worker did not start"
    assert len(bench.started) == 1
    assert bench.last("worker_failed")["place"] == "app.py:3"
    assert bench.last("worker_exited")["reason"] == "start_failed"


def test_slow_start_is_ended():
    """A process that is not ready in time gets TERM, then KILL, and counts as failed."""
    bench = Bench(start_timeout=10, kill_grace=2)
    bench.ready()
    bench.started[0].code = 1
    bench.tick(60)
    late = bench.started[2]
    bench.tick(10)
    assert late.signals == [signal.SIGTERM]
    assert bench.last("worker_late")["worker_pid"] == late.pid
    bench.tick(2)
    assert late.signals == [signal.SIGTERM, signal.SIGKILL]


def test_a_system_that_starts_no_process_is_asked_again_later():
    """When the system refuses to start a process, the pool waits and tries again."""
    bench = Bench().ready()
    bench.started[0].code, bench.refuse = -9, True
    bench.tick(60)
    assert bench.last("spawn_failed")["reason"].startswith("[Errno 11]")
    bench.refuse = False
    bench.tick(0.1)
    assert len(bench.started) == 2
    bench.tick(10)
    assert len(bench.started) == 3


# crashes


def test_healthy_process_that_dies_is_replaced_at_once():
    """A process that served for long enough is started again without a wait."""
    bench = Bench(healthy_after=10).ready()
    bench.beat(11)
    bench.started[0].code = -signal.SIGKILL
    bench.tick()
    assert bench.slots() == [(0, "starting", 1), (1, "ready", 1)]
    exited = bench.last("worker_exited")
    assert (exited["reason"], exited["exit_reason"], exited["restart_action"]) == (
        "crashed",
        "signal:SIGKILL",
        "respawn",
    )


def test_waits_double_while_starts_fail():
    """A process that dies young is started again after waits that double."""
    bench = Bench(size=1, max_failures=0).ready()
    waits = []
    for _ in range(4):
        bench.pool.children[0].code = 1
        bench.tick()
        assert bench.pool.children == []
        waits.append(bench.pool.wake - bench.now)
        bench.tick(waits[-1])
        assert len(bench.pool.children) == 1
    assert waits == pytest.approx([0.25, 0.5, 1.0, 2.0])


def test_pool_gives_up_when_nothing_serves():
    """With no process ready and too many failures in a row the pool gives up."""
    bench = Bench(size=1, max_failures=3, healthy_after=1000).ready()
    while not bench.pool.dead:
        for child in bench.pool.children:
            child.code = 1
        bench.tick(60)
    assert bench.pool.dead == "3 workers failed in a row and none serves"
    assert len(bench.started) == 3


def test_pool_does_not_give_up_while_one_serves():
    """However often one slot fails, the pool goes on as long as another one serves."""
    bench = Bench(size=2, max_failures=3, heartbeat_timeout=0).ready()
    for _ in range(10):
        for child in bench.pool.children:
            if child.slot == 1:
                child.code = 1
        bench.tick(60)
    assert bench.pool.dead == ""


def test_a_command_never_makes_the_pool_give_up():
    """A pool that is not vital tries for ever."""
    bench = Bench(size=1, vital=False, settle=1.0, max_failures=2)
    for _ in range(40):
        bench.tick(60)
        for child in bench.pool.children:
            child.code = 1
    assert bench.pool.dead == ""
    assert len(bench.started) == 20


# heartbeat


def test_stuck_process_is_replaced_and_killed():
    """Without a heartbeat a process is asked where it is, gets TERM, then KILL; its slot is filled meanwhile."""
    bench = Bench(size=1, heartbeat_timeout=5, kill_grace=2, healthy_after=0).ready()
    stuck = bench.started[0]
    bench.tick(4.9)
    assert stuck.signals == []
    bench.tick(0.1)
    assert stuck.signals == [signal.SIGUSR1, signal.SIGTERM]
    assert bench.slots() == [(0, "leaving", 1), (0, "starting", 1)]
    bench.tick(2)
    assert stuck.signals[-1] == signal.SIGKILL
    bench.tick()
    assert bench.last("worker_exited")["reason"] == "stuck"


def test_heartbeats_keep_a_process():
    """A process whose event loop runs stays."""
    bench = Bench(heartbeat_timeout=5).ready()
    for _ in range(20):
        bench.beat(4)
    assert len(bench.started) == 2


def test_no_heartbeat_timeout():
    """With a timeout of 0 heartbeats are not judged."""
    bench = Bench(heartbeat_timeout=0).ready()
    bench.tick(100_000)
    assert len(bench.started) == 2


def test_beats_that_waited_count_from_now():
    """Beats that arrived while the manager stood still are read before anybody is judged."""
    bench = Bench(size=1, heartbeat_timeout=5).ready()
    bench.beat(3600)
    assert bench.slots() == [(0, "ready", 1)]


def test_lost_time_is_forgiven():
    """When the manager itself stood still, deadlines move along."""
    bench = Bench(size=1, heartbeat_timeout=5).ready()
    bench.now += 60
    bench.pool.forgive(60)
    bench.tick()
    assert bench.slots() == [(0, "ready", 1)]


# reload


def test_reload_starts_new_before_old_leaves():
    """A reload replaces one process after the other; an old one leaves when its replacement is ready."""
    bench = Bench(size=2).ready()
    bench.pool.reload()
    bench.tick()
    assert bench.slots() == [(0, "ready", 1), (0, "starting", 2), (1, "ready", 1)]
    bench.started[2].said.append(Ready())
    bench.tick()
    assert bench.slots() == [(0, "leaving", 1), (0, "ready", 2), (1, "ready", 1), (1, "starting", 2)]
    assert bench.started[0].calls == ["retire"]
    bench.ready()
    bench.leave()
    assert bench.slots() == [(0, "ready", 2), (1, "ready", 2)]
    assert bench.names().count("reload_finished") == 1


def test_capacity_never_falls_during_a_reload():
    """At every step of a reload as many processes serve as were asked for."""
    bench = Bench(size=3).ready()
    bench.pool.reload()
    for _ in range(20):
        bench.tick()
        assert bench.pool.ready >= 3
        for child in bench.pool.children:
            if child.state == "starting":
                child.said.append(Ready())
                break
        bench.leave()
    assert bench.slots() == [(0, "ready", 2), (1, "ready", 2), (2, "ready", 2)]


def test_reload_with_broken_code_keeps_the_old():
    """When the first process with new code does not start, the old ones stay and no other is tried."""
    bench = Bench(size=2).ready()
    bench.pool.reload()
    bench.tick()
    bench.started[2].code = 1
    bench.tick(60)
    bench.beat(60)
    assert bench.slots() == [(0, "ready", 1), (1, "ready", 1)]
    assert bench.names().count("reload_failed") == 1
    bench.pool.reload()
    bench.ready()
    bench.leave()
    assert bench.slots() == [(0, "ready", 3), (1, "ready", 3)]


def test_reload_during_a_reload():
    """A second reload ends the process that starts with code of the first."""
    bench = Bench(size=1).ready()
    bench.pool.reload()
    bench.tick()
    bench.pool.reload()
    bench.tick()
    assert bench.started[1].signals == [signal.SIGTERM]
    bench.leave()
    bench.ready()
    bench.leave()
    assert bench.slots() == [(0, "ready", 3)]
    assert bench.names().count("reload_finished") == 1


def test_later_failure_of_a_reload_is_tried_again():
    """Once one process runs the new code, a failure of another is a respawn, not the end of the reload."""
    bench = Bench(size=2).ready()
    bench.pool.reload()
    bench.tick()
    bench.started[2].said.append(Ready())
    bench.tick()
    bench.started[3].code = 1
    bench.tick(0)
    assert "reload_failed" not in bench.names()
    bench.beat(1)
    bench.ready()
    bench.leave()
    assert bench.slots() == [(0, "ready", 2), (1, "ready", 2)]


def test_without_overlap_the_old_process_ends_first():
    """A program that must not run twice is started after the old one has gone."""
    bench = Bench(size=1, overlap=False, vital=False, settle=1.0)
    bench.tick()
    bench.tick(1)
    bench.pool.reload()
    bench.tick()
    assert bench.slots() == [(0, "leaving", 1)]
    bench.leave()
    bench.tick()
    assert bench.slots() == [(0, "starting", 2)]


# recycling


@pytest.mark.parametrize(
    ("rules", "beat", "reason"),
    [
        ({"max_requests": 100}, {"requests": 100}, "requests"),
        ({"max_age": 50.0}, {"seconds": 50.0}, "age"),
        ({"max_memory": 1000}, {"memory": 1001}, "memory"),
    ],
)
def test_worn_process_is_replaced_first(rules, beat, reason):
    """A process past a limit is replaced, its replacement first."""
    bench = Bench(size=1, heartbeat_timeout=0, **rules).ready()
    bench.beat(**beat)
    assert bench.last("worker_recycled")["reason"] == reason
    assert bench.slots() == [(0, "ready", 1), (0, "starting", 1)]
    bench.ready()
    bench.leave()
    assert bench.last("worker_exited")["reason"] == reason
    assert bench.last("worker_exited")["restart_action"] == "none"


@pytest.mark.parametrize(
    ("rules", "beat"),
    [
        ({"max_requests": 100}, {"requests": 99}),
        ({"max_age": 50.0}, {"seconds": 49.9}),
        ({"max_memory": 1000}, {"memory": 1000}),
    ],
)
def test_process_at_its_limit_stays(rules, beat):
    """A process that has not passed a limit stays."""
    bench = Bench(size=1, heartbeat_timeout=0, **rules).ready()
    bench.beat(**beat)
    assert len(bench.started) == 1


def test_recycling_takes_one_at_a_time():
    """However many processes are worn, one replacement starts at a time."""
    bench = Bench(size=4, max_requests=10).ready()
    bench.beat(requests=10)
    assert [child.state for child in bench.pool.children].count("starting") == 1


def test_limits_differ_by_jitter():
    """Processes that started together do not all reach their limit together."""
    bench = Bench(size=8, max_requests=1000, max_age=1000.0, jitter=0.1).ready()
    for limits in ({c.max_requests for c in bench.started}, {c.max_age for c in bench.started}):
        assert len(limits) == 8
        assert all(900 <= limit <= 1100 for limit in limits)


# size


def test_growing_starts_one_more():
    """A larger size starts processes in new slots."""
    bench = Bench(size=1).ready()
    bench.pool.resize(2)
    bench.ready()
    assert bench.slots() == [(0, "ready", 1), (1, "ready", 1)]
    assert bench.last("scaled") == {"name": "web", "old": 1, "new": 2}


def test_shrinking_retires_the_last_slot():
    """A smaller size asks the highest slots to finish."""
    bench = Bench(size=3).ready()
    bench.pool.resize(1)
    bench.tick()
    assert bench.slots() == [(0, "ready", 1), (1, "leaving", 1), (2, "leaving", 1)]


def test_no_socket_is_without_a_process_when_shrinking():
    """The processes of a larger pool leave only when those that stay serve their sockets too."""
    grants = {1: ((10, 11),), 2: ((10,), (11,))}
    bench = Bench(size=2, grant=lambda slot, size: grants[size][slot]).ready()
    bench.pool.resize(1)
    bench.tick()
    assert bench.slots() == [(0, "ready", 1), (0, "starting", 1), (1, "ready", 1)]
    assert bench.started[2].sockets == (10, 11)
    bench.started[2].said.append(Ready())
    bench.tick()
    bench.tick()
    assert bench.slots() == [(0, "leaving", 1), (0, "ready", 1), (1, "leaving", 1)]


# stop


def test_stop_asks_everybody_and_kills_the_slow():
    """A stop sends TERM to all, and KILL to those that take too long."""
    bench = Bench(size=2, stop_timeout=30).ready()
    bench.pool.stop()
    assert [child.signals for child in bench.started] == [[signal.SIGTERM], [signal.SIGTERM]]
    bench.started[0].code = 0
    bench.tick(30)
    assert bench.started[1].signals[-1] == signal.SIGKILL
    assert not bench.pool.done
    bench.tick()
    assert bench.pool.done


def test_nothing_is_started_during_a_stop():
    """A process that dies during a stop is not replaced."""
    bench = Bench(size=2).ready()
    bench.pool.stop()
    for child in bench.started:
        child.code = -9
    bench.tick()
    assert bench.pool.done
    assert bench.last("worker_exited")["restart_action"] == "none"
    assert len(bench.started) == 2


def test_kill_ends_everybody_now():
    """A kill waits for nobody."""
    bench = Bench(size=2).ready()
    bench.pool.kill()
    bench.tick()
    assert [child.code for child in bench.started] == [-9, -9]
    assert bench.pool.done


# commands


def test_command_is_ready_when_it_lasts():
    """A program that knows of no manager counts as ready when it still runs after a while."""
    bench = Bench(size=2, vital=False, settle=1.0)
    bench.tick()
    assert bench.slots() == [(0, "starting", 1), (1, "starting", 1)]
    bench.tick(1.0)
    assert bench.slots() == [(0, "ready", 1), (1, "ready", 1)]
    bench.tick(100_000)
    assert len(bench.started) == 2


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("reload")),
            st.tuples(st.just("resize"), st.integers(1, 4)),
            st.tuples(st.just("crash"), st.integers(0, 5)),
            st.tuples(st.just("wait"), st.floats(0, 20)),
            st.tuples(st.just("ready")),
            st.tuples(st.just("leave")),
            st.tuples(st.just("wear"), st.integers(0, 5)),
        ),
        max_size=30,
    )
)
def test_whatever_happens_the_pool_comes_to_rest(steps):
    """After any events, with processes that start and leave when asked, exactly the wanted ones serve."""
    bench = Bench(size=2, max_failures=0, heartbeat_timeout=0).ready()
    for name, *arguments in steps:
        children = bench.pool.children
        if name == "reload":
            bench.pool.reload()
        elif name == "resize":
            bench.pool.resize(*arguments)
        elif name == "crash" and children:
            children[arguments[0] % len(children)].code = 1
        elif name == "wear" and children:
            children[arguments[0] % len(children)].worn = "requests"
        elif name == "ready":
            bench.ready()
        elif name == "leave":
            bench.leave()
        bench.tick(*arguments if name == "wait" else ())
    for _ in range(20):
        bench.tick(60)
        bench.ready()
        bench.leave()
    assert [(slot, state) for slot, state, _ in bench.slots()] == [(slot, "ready") for slot in range(bench.pool.size)]
    assert all(child.generation >= bench.pool.floor and not child.worn for child in bench.pool.children)


# what is known


@pytest.mark.parametrize(
    ("happens", "expected"),
    [
        (lambda bench: setattr(bench.pool.children[0], "code", 3), "exit"),
        (lambda bench: bench.pool.children[0].kill(), "killed"),
        (lambda bench: bench.tick(31.0), "stuck"),
        (lambda bench: bench.beat(requests=5), "recycled"),
        (lambda bench: bench.pool.reload(), "reload"),
        (lambda bench: bench.pool.stop(), ""),
        (lambda bench: bench.pool.kill(), ""),
    ],
)
def test_restarts_are_counted_by_cause(happens, expected):
    """Each process that is replaced counts once, when it has ended, with why; one that ends for good does not."""
    bench = Bench(size=1, heartbeat_timeout=30.0, max_requests=5, healthy_after=0.0).ready()
    happens(bench)
    bench.tick()
    if not bench.pool.stopping:
        bench.ready()
    bench.leave()
    assert dict.fromkeys(CAUSES, 0) | ({expected: 1} if expected else {}) == bench.pool.restarts


def test_facts_are_what_is_there():
    """What others read: how many are wanted, run and serve, and which they are."""
    bench = Bench(size=2).ready()
    bench.pool.resize(3)
    bench.tick()
    facts = bench.pool.facts
    assert (3, 3, 2) == (facts["size"], facts["alive"], facts["ready"])
    assert [(0, 1, "ready"), (1, 2, "ready"), (2, 3, "starting")] == [
        (each["slot"], each["pid"], each["state"]) for each in facts["workers"]
    ]

"""Lanes and rounds of tools/bench: who is started, who is refused, who has his turn when, and what is noted."""

import sys
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import pytest

from tools.bench import lanes, rounds
from tools.bench.environments import Absent
from tools.bench.generators import Broken
from tools.bench.lanes import Kit, Lane, opened
from tools.bench.records import Options, Results
from tools.bench.rounds import measure, rotated
from tools.bench.scenarios import SCENARIOS, Ask, Check, Scenario
from tools.bench.servers import PLAIN, SERVERS, Server

ROOT = Path(__file__).parents[2]
FOUND = {"requests": 100, "errors": 0, "seconds": 2.0, "p50": 500.0, "p99": 900.0, "share": 0.5}


class Fake:
    """A generator that notes its plans and answers from a list, or always the same."""

    name = "fake"

    def __init__(self, *answers):
        self.answers = list(answers)
        self.plans = []

    def run(self, plan):
        self.plans.append(plan)
        answer = self.answers.pop(0) if self.answers else FOUND
        if isinstance(answer, Exception):
            raise answer
        return answer


class Process:
    """A child that is none: it tells processor times from a list."""

    def __init__(self, cpu=(), alive=True):
        self.times = list(cpu)
        self.alive = alive
        self.calls = []

    def cpu(self):
        return self.times.pop(0) if self.times else 0.0

    def tail(self):
        return "out of memory"

    def settle(self):
        self.calls.append("settle")

    def pause(self):
        self.calls.append("pause")

    def resume(self):
        self.calls.append("resume")


def lane(server="raw", scenario="json", child=None):
    """A lane without a process."""
    return Lane(SCENARIOS[scenario], SERVERS[server], child or Process(), 8000)


@pytest.fixture
def kit(tmp_path):
    """A kit with generators that generate nothing."""
    said = []
    made = Kit(lambda _: None, tmp_path, Fake(), Fake(), Options(rounds=2, seconds=2.0), Results(), said.append)
    made.said = said
    return made


@pytest.fixture
def running(monkeypatch):
    """Put lanes in the place of servers; `measure` finds them open."""

    def put(*made):
        @contextmanager
        def fake(scenarios, servers, kit):
            yield list(made)

        monkeypatch.setattr(rounds, "opened", fake)

    return put


def test_every_server_has_one_turn_a_round(kit, running):
    """Rounds are numbered from 1."""
    running(lane("raw"), lane("arlen"), lane("falcon"))
    measure([], [], kit)
    assert [
        ("raw", 1),
        ("arlen", 1),
        ("falcon", 1),
        ("arlen", 2),
        ("falcon", 2),
        ("raw", 2),
    ] == [(each.server, each.round) for each in kit.results.samples]


@pytest.mark.parametrize(
    ("count", "number", "expected"),
    [
        (3, 0, "abc"),
        (3, 1, "bca"),
        (3, 3, "abc"),
        (6, 1, "cdefab"),
        (6, 2, "efabcd"),
        (1, 5, "a"),
        (2, 1, "ba"),
        (0, 2, ""),
    ],
)
def test_each_round_begins_elsewhere(count, number, expected):
    """A third of the way further, and everybody has his turn."""
    assert list(expected) == rotated("abcdefgh"[:count], number)


def test_a_sample_has_rate_processor_time_and_latencies(kit, running):
    """0.0005 s of processor time over 100 requests are 5 µs each."""
    running(lane(child=Process([1.0, 1.0005])))
    kit.options = Options(rounds=1)
    measure([], [], kit)
    (found,) = kit.results.samples
    assert (50.0, 500.0, 900.0, 0.5, False) == (found.rate, found.p50, found.p99, found.share, found.saturated)
    assert 5.0 == pytest.approx(found.cpu)


def test_processor_time_that_nobody_tells_is_unknown(kit, running):
    """Not 0."""
    running(lane(child=Process([None, None])))
    kit.options = Options(rounds=1)
    measure([], [], kit)
    assert kit.results.samples[0].cpu is None


def test_a_saturated_generator_is_noted_and_said(kit, running):
    """Past nine tenths of its core."""
    kit.generator = Fake(FOUND | {"share": 0.95, "errors": 4})
    kit.options = Options(rounds=1)
    running(lane())
    measure([], [], kit)
    assert kit.results.samples[0].saturated
    assert "generator  95%, generator SATURATED, 4 ERRORS" in kit.said[0]


def test_load_comes_before_what_is_counted(kit, running):
    """By our generator, for the time of the warm-up, on the same port."""
    running(lane())
    kit.options = Options(rounds=1, warmup=0.25)
    measure([], [], kit)
    assert [0.25] == [plan.seconds for plan in kit.warmer.plans]
    assert [2.0] == [plan.seconds for plan in kit.generator.plans]
    assert kit.warmer.plans[0].port == kit.generator.plans[0].port


def test_there_may_be_no_warm_up(kit, running):
    """When it is 0."""
    running(lane())
    kit.options = Options(rounds=1, warmup=0.0)
    measure([], [], kit)
    assert [] == kit.warmer.plans


def test_numbers_in_urls_are_never_used_twice(kit, running):
    """Neither in another round nor by the warm-up; a turn may use 50 million."""
    running(lane(scenario="params"))
    measure([], [], kit)
    firsts = sorted(plan.first for plan in [*kit.generator.plans, *kit.warmer.plans])
    assert 4 == len(set(firsts))
    assert all(second - first >= 50_000_000 for first, second in pairwise(firsts))


@pytest.mark.parametrize("name", list(SCENARIOS))
def test_a_plan_is_what_the_scenario_asks(kit, running, name):
    """Path, method, body, header fields, connections."""
    running(lane(scenario=name))
    kit.options = Options(rounds=1)
    measure([], [], kit)
    (plan,), scenario = kit.generator.plans, SCENARIOS[name]
    assert (scenario.ask.path, scenario.ask.method, scenario.connections) == (plan.path, plan.method, plan.connections)
    assert (scenario.ask.body.decode(), scenario.ask.headers) == (plan.body, plan.headers)


def test_a_server_that_ends_is_out_and_the_others_go_on(kit, running):
    """What it did before counts."""
    ends = Process()
    running(lane("raw"), lane("arlen", child=ends))

    class Ending(Fake):
        def run(self, plan):
            ends.alive = len(self.plans) < 2
            return super().run(plan)

    kit.generator = Ending()
    measure([], [], kit)
    assert {"json/arlen": ["round 2: the server ended: out of memory"]} == kit.results.wrong
    assert [("raw", 1), ("arlen", 1), ("raw", 2)] == [
        (each.server, each.round) for each in sorted(kit.results.samples, key=lambda each: each.round)
    ]


def test_a_server_that_answers_nothing_is_out(kit, running):
    """There is no rate of nothing."""
    kit.generator = Fake(FOUND | {"requests": 0})
    running(lane())
    measure([], [], kit)
    assert {"json/raw": ["round 1: the server answered nothing"]} == kit.results.wrong
    assert [] == kit.results.samples


def test_a_generator_that_fails_is_a_failure_of_the_lane(kit, running):
    """Told with its reason, and the others go on."""
    kit.generator = Fake(Broken("the load generator ended with 1: no"))
    kit.options = Options(rounds=1)
    running(lane("raw"), lane("arlen"))
    measure([], [], kit)
    assert {"json/raw": ["round 1: the load generator ended with 1: no"]} == kit.results.wrong
    assert ["arlen"] == [each.server for each in kit.results.samples]


def test_idle_servers_that_work_are_named(kit, running, monkeypatch):
    """By their share of a core while another one was measured; 1 % is nothing."""
    clock = iter([0.0, 1.0] * 10)
    monkeypatch.setattr(rounds.time, "perf_counter", lambda: next(clock))
    kit.options = Options(rounds=1)
    measured, busy, calm = Process(), Process([5.0, 5.06]), Process([1.0, 1.009])
    running(lane("raw", child=measured), lane("emmett55", child=busy), lane("falcon", child=calm))
    measure([], [], kit)
    assert {"json/emmett55": 0.06} == kit.results.busy


def test_a_turn_ends_when_the_server_rests(kit, running):
    """It is resumed first and paused last, also when its turn failed."""
    good, bad = Process(), Process()
    kit.options = Options(rounds=1)
    kit.generator = Fake(FOUND, Broken("no"))
    running(lane("raw", child=good), lane("arlen", child=bad))
    measure([], [], kit)
    assert [["resume", "settle", "pause"]] * 2 == [good.calls, bad.calls]


SCRIPT = """
import http.server, sys

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        body = {body!r}
        self.send_response({status})
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass

class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

Server(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


def server(name, body=b"right", status=200):
    """A small server."""
    return Server(name, name, ("-c", SCRIPT.format(body=body, status=status), "{port}"))


def is_right(reply):
    """What the small scenario wants."""
    return "" if reply[2] == b"right" else f"body {reply[2]!r}"


SMALL = Scenario("small", "small", Ask("/x"), (Check(Ask("/x"), is_right),), connections=2)
OTHER = Scenario("other", "other", Ask("/y"), (Check(Ask("/y"), is_right),))


def test_servers_are_open_inside_and_gone_outside(kit):
    """Each with a port of its own, for each scenario."""
    with opened([SMALL, OTHER], [server("one"), server("two")], kit) as found:
        children = [each.child for each in found]
        assert ["small/one", "other/one", "small/two", "other/two"] == [each.name for each in found]
        assert 4 == len({each.port for each in found})
        assert all(child.alive for child in children)
    assert not any(child.alive for child in children)


def test_servers_are_gone_after_an_error(kit):
    """Whatever it was, Ctrl-C too."""
    children = []

    def interrupted():
        with opened([SMALL], [server("one")], kit) as found:
            children.extend(each.child for each in found)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert 1 == len(children)
    assert not any(child.alive for child in children)


def test_servers_are_gone_when_a_later_one_cannot_be_started(kit, monkeypatch):
    """Those that had been started do not stay."""
    started = []
    original = lanes.Child

    def second_fails(*arguments, **options):
        if started:
            raise OSError("no more processes")
        started.append(original(*arguments, **options))
        return started[0]

    monkeypatch.setattr(lanes, "Child", second_fails)
    with pytest.raises(OSError, match="no more processes"), opened([SMALL], [server("one"), server("two")], kit):
        pass
    assert not started[0].alive


def test_a_wrong_server_is_not_among_those_that_are_timed(kit):
    """It is ended at once, and noted with what was wrong."""
    with opened([SMALL], [server("good"), server("bad", b"wrong")], kit) as found:
        assert ["small/good"] == [each.name for each in found]
    assert {"small/bad": ["GET /x: body b'wrong'"]} == kit.results.wrong
    assert ["  small/bad: WRONG: GET /x: body b'wrong'"] == kit.said


def test_a_server_that_does_not_start_is_noted(kit):
    """With what it printed."""
    broken = Server("broken", "broken", ("-c", "raise SystemExit('no such port')"))
    with opened([SMALL], [broken], kit) as found:
        assert [] == found
    assert ["it did not start: it ended with 1: no such port"] == kit.results.wrong["small/broken"]


def test_a_peer_that_is_absent_is_noted_once(kit):
    """And not tried again for the next scenario."""
    asked = []

    def peer(server):
        asked.append(server.name)
        raise Absent("no network")

    kit.peer = peer
    for _ in range(2):
        with opened([SMALL, OTHER], [server("one")], kit) as found:
            assert [] == found
    assert {"one": "no network"} == kit.results.absent
    assert ["one"] == asked
    assert ["  one: absent: no network"] == kit.said


def test_a_real_round_from_end_to_end(kit):
    """A server, our generator, a sample."""
    from tools.bench.generators import Own

    kit.generator = kit.warmer = Own()
    kit.options = Options(rounds=1, seconds=0.2, warmup=0.1)
    measure([SMALL], [server("one")], kit)
    (found,) = kit.results.samples
    assert ("small", "one", 1, 0) == (found.scenario, found.server, found.round, found.errors)
    assert found.requests > 0
    assert {} == kit.results.wrong


def test_a_command_line_has_the_port():
    """And this interpreter, or the peer's."""
    assert [sys.executable, "-m", "tools.bench.apps.raw", "8000"] == SERVERS["raw"].line(None, 8000)
    line = SERVERS["falcon"].line(Path("/cache/falcon/bin/python"), 8000)
    assert ["/cache/falcon/bin/python", "-m", "uvicorn", "--host", "127.0.0.1", "--port", "8000"] == line[:7]
    assert "tools.bench.apps.falcon:app" == line[-1]


def test_arlen_under_uvicorn_borrows_the_peers_packages(tmp_path):
    """It runs in this environment, with that uvicorn."""
    packages = tmp_path / "uvicorn" / "lib" / "python3.11" / "site-packages"
    packages.mkdir(parents=True)
    peer = tmp_path / "uvicorn" / "bin" / "python"
    ours, bare = SERVERS["arlen-asgi"], SERVERS["uvicorn"]
    assert sys.executable == ours.line(peer, 1)[0]
    assert str(packages) in ours.variables(peer, "json", ROOT, tmp_path)["PYTHONPATH"]
    assert str(peer) == bare.line(peer, 1)[0]
    assert str(ROOT) == bare.variables(peer, "json", ROOT, tmp_path)["PYTHONPATH"]
    assert ours.line(peer, 1)[1:-1] == bare.line(peer, 1)[1:-1]


def test_a_server_knows_its_scenario_and_nothing_of_our_own_settings(tmp_path, monkeypatch):
    """Arlen's variables of whoever measures would change what is measured."""
    monkeypatch.setenv("ARLEN_LOG__LEVEL", "debug")
    monkeypatch.setenv("PYTHONPATH", "/elsewhere")
    monkeypatch.setenv("PYTHONASYNCIODEBUG", "1")
    found = SERVERS["arlen"].variables(None, "template", ROOT, tmp_path)
    assert ("template", "production", str(tmp_path)) == (
        found["BENCH_SCENARIO"],
        found["ARLEN_ENV"],
        found["BENCH_SCRATCH"],
    )
    assert str(ROOT) == found["PYTHONPATH"]
    assert PLAIN.items() <= found.items()
    assert not {"ARLEN_LOG__LEVEL", "PYTHONASYNCIODEBUG"} & found.keys()


def test_the_defaults_turn_nothing_off(tmp_path):
    """They only say where the access log is."""
    found = SERVERS["arlen-defaults"].variables(None, "json", ROOT, tmp_path)
    ours = {name: value for name, value in found.items() if name.startswith("ARLEN_")}
    assert {"ARLEN_ENV": "production", "ARLEN_LOG__TARGET": f"{tmp_path}/arlen-access.log"} == ours


COMPILED = "compiled"  # no peer from elsewhere: our own packages, built here


@pytest.mark.parametrize("name", list(SERVERS))
def test_every_server_has_an_application_and_pins(name):
    """Where its command says, and called as it is listed."""
    server = SERVERS[name]
    assert name == server.name
    module = next(part for part in server.command if part.startswith("tools.bench.apps."))
    path = ROOT / f"{module.partition(':')[0].replace('.', '/')}.py"
    assert path.is_file()
    if server.peer and server.peer != COMPILED:
        assert (ROOT / f"tools/bench/peers/{server.peer}.txt").is_file()


def test_every_peer_file_belongs_to_a_server():
    """None is left over."""
    pinned = {path.stem for path in (ROOT / "tools/bench/peers").glob("*.txt")}
    assert {each.peer for each in SERVERS.values() if each.peer} == pinned | {COMPILED}

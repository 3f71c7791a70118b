"""Propane: each signal and each promise, with real processes and real requests."""

from __future__ import annotations

import http.client
import os
import resource
import signal
import socket
import sys
import threading
from contextlib import closing, suppress

import pytest

FAST = {"ARLEN_SERVER__PROPANE__RESPAWN_DELAY": "0.01"}


def start(run, *options, workers=2, **variables):
    """A manager whose workers are ready."""
    propane = run("propane", "--workers", str(workers), *options, **{**FAST, **variables})
    propane.wait("worker_ready", workers)
    return propane


def configure(root, text):
    """Add to the configuration file."""
    with (root / "config" / "app.toml").open("a") as file:
        file.write(text)


def pids(propane):
    """The workers that are ready and not gone."""
    gone = {event["worker_pid"] for name in ("worker_exited", "worker_stopping") for event in propane.all(name)}
    return {event["worker_pid"] for event in propane.all("worker_ready")} - gone


# serving and stopping


def test_workers_serve(run):
    """Several workers serve one address, and lines tell of each."""
    propane = start(run, workers=2)
    assert (200, "one") == propane.get()[:2]
    assert 2 == propane.wait("manager_started")["workers"]
    assert propane.pid not in pids(propane)
    assert 2 == len(pids(propane))
    assert 0 == propane.stop()
    assert {"shutdown"} == {event["reason"] for event in propane.all("worker_exited")}
    assert 1 == propane.count("manager_stopped")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_request_in_flight_is_answered_on_stop(run, until, root, number):
    """After TERM and INT a request in flight is answered; then everything ends with 0."""
    propane = start(run, workers=1)
    answers = []
    asking = threading.Thread(target=lambda: answers.append(propane.get("/slow?seconds=0.3")[:2]))
    asking.start()
    until((root / "slow").exists)
    propane.signal(number)
    assert 0 == propane.join()
    asking.join()
    assert [(200, "slow")] == answers


def test_readiness_fails_first_while_everything_is_served(run, root):
    """After TERM `/readyz` says 503 while other requests are still answered on new connections."""
    (root / "config" / "app.toml").write_text("[server]\ndrain_delay = 30.0\n")
    propane = start(run, workers=1)
    assert 200 == propane.get("/readyz")[0]
    propane.signal(signal.SIGTERM)
    propane.wait("worker_stopping")
    while propane.get("/readyz")[0] != 503:
        pass
    assert (200, "one") == propane.get("/")[:2]
    assert [200, 200] == [propane.get(path)[0] for path in ("/healthz", "/livez")]
    propane.signal(signal.SIGTERM)
    assert 0 == propane.join()


def test_drain_delay_passes_before_anything_is_refused(run, root):
    """`/readyz` is 503 while all else is served on new connections, until `drain_delay` has passed."""
    (root / "config" / "app.toml").write_text("[log]\naccess = false\n[server]\ndrain_delay = 1.0\n")
    propane = start(run, workers=2)
    propane.signal(signal.SIGTERM)
    propane.wait("worker_stopping", 2)
    answers = []
    with suppress(OSError, http.client.HTTPException):
        while True:
            answers.append((propane.get("/healthz")[0], propane.get("/")[0], propane.get("/readyz")[0]))
    assert 0 == propane.join()
    assert (200, 200, 503) in answers
    assert {(200, 200)} == {answer[:2] for answer in answers}


@pytest.mark.parametrize("signals", [[signal.SIGQUIT], [signal.SIGTERM, signal.SIGINT]])
def test_stop_at_once(run, until, root, alive, signals):
    """QUIT, or a second INT or TERM, stops without waiting for a request in flight."""
    propane = start(run, workers=1)
    with propane.connect() as client:
        client.sendall(b"GET /slow?seconds=60 HTTP/1.1\r\nHost: x\r\n\r\n")
        until((root / "slow").exists)
        workers = pids(propane)
        for count, number in enumerate(signals):
            propane.signal(number)
            propane.wait("stopping" if count < len(signals) - 1 else "stopping_now")
        assert 0 == propane.join()
        assert b"" == client.recv(100)
    assert not any(alive(pid) for pid in workers)


def test_worker_that_does_not_stop_is_killed(run, root, until):
    """A worker that is stuck at the end is killed after its time."""
    configure(root, "drain_timeout = 0.1\n[server.propane]\nstop_timeout = 0.2\n")
    propane = start(run, workers=1)
    with propane.connect() as client:
        client.sendall(b"GET /block HTTP/1.1\r\nHost: x\r\n\r\n")
        until((root / "blocked").exists)
        assert 0 == propane.stop()
    assert 1 == propane.count("worker_killed", reason="shutdown")


# crashes


def test_kill_under_load_fails_only_what_it_had(run, load):
    """A worker that dies is replaced; it takes the requests that it was answering, and no other."""
    propane = start(run, workers=2)
    client = load(propane.address, clients=8)
    for count in range(2):
        propane.wait("worker_ready", 2 + count)
        victim = min(pids(propane))
        os.kill(victim, signal.SIGKILL)
        gone = propane.wait("worker_exited", worker_pid=victim)
        expected = {"reason": "crashed", "status": -9, "exit_reason": "signal:SIGKILL", "restart_action": "respawn"}
        assert expected.items() <= gone.items()
    propane.wait("worker_ready", 4)
    totals = client.finish()
    assert totals["requests"] > 300
    assert totals["failed"] <= 2 * 8
    assert 2 == len(pids(propane))


def test_stuck_worker_is_replaced(run, root):
    """A worker whose event loop is blocked prints where, is replaced at once, and killed."""
    configure(root, "[server.propane]\nheartbeat_timeout = 1.0\nkill_grace = 0.1\n")
    propane = start(run, workers=1)
    with propane.connect() as client:
        client.sendall(b"GET /block HTTP/1.1\r\nHost: x\r\n\r\n")
        stuck = propane.wait("worker_stuck")
        propane.wait("worker_ready", 2)
        assert (200, "one") == propane.get()[:2]
        gone = propane.wait("worker_exited")
    assert (stuck["worker_pid"], "stuck", -9) == (gone["worker_pid"], gone["reason"], gone["status"])
    assert "in block" in propane.log


def test_stopped_worker_is_replaced(run, root):
    """A worker that the system stopped (SIGSTOP) is stuck too."""
    configure(root, "[server.propane]\nheartbeat_timeout = 1.0\nkill_grace = 0.1\n")
    propane = start(run, workers=1)
    os.kill(min(pids(propane)), signal.SIGSTOP)
    assert "stuck" == propane.wait("worker_exited")["reason"]
    propane.wait("worker_ready", 2)
    assert (200, "one") == propane.get()[:2]


def test_manager_that_slept_forgives(run, root, until, alive):
    """After the manager itself was stopped for longer than the timeout no worker is blamed."""
    configure(root, "[server.propane]\nheartbeat_timeout = 2.0\n")
    propane = start(run, workers=1)
    propane.signal(signal.SIGSTOP)
    threading.Event().wait(3.5)  # the manager's clock is the one that must run
    propane.signal(signal.SIGCONT)
    propane.signal(signal.SIGTTIN)
    propane.wait("worker_ready", 2)
    assert 0 == propane.count("worker_stuck")


# start


def test_first_start_that_fails_exits(run, root):
    """When the application cannot be loaded propane says why, tries no second time, and exits with 1."""
    (root / "app.py").write_text("import nothing_like_this\n")
    propane = run("propane", "--workers", "4")
    assert 1 == propane.join()
    failed = propane.wait("worker_failed")
    assert ("load", "app.py:1") == (failed["stage"], failed["place"])
    assert 1 == propane.count("worker_started")
    assert "first worker did not start" in propane.wait("manager_failed")["reason"]
    assert "No module named 'nothing_like_this'" in propane.log


def test_stop_while_it_starts(run, root, until):
    """A stop while the first worker starts ends it at once, with 0."""
    (root / "app.py").write_text("import time\nfrom pathlib import Path\nPath('in').touch()\ntime.sleep(600)\n")
    propane = run("propane")
    until((root / "in").exists)
    assert 0 == propane.stop()
    assert 1 == propane.count("worker_exited", reason="shutdown")


def test_start_that_hangs_exits(run, root):
    """A first worker that is not ready in time is killed, and propane exits with 1."""
    (root / "app.py").write_text("import time\ntime.sleep(600)\n")
    configure(root, "[server.propane]\nstart_timeout = 0.5\nkill_grace = 0.1\n")
    propane = run("propane")
    assert 1 == propane.join()
    assert 1 == propane.count("worker_late")


def test_later_failures_do_not_spin(run, root):
    """When code breaks while propane runs, a dead worker is tried again with growing waits, then propane gives up."""
    configure(root, "[server.propane]\nmax_failures = 4\n")
    propane = start(run, workers=1)
    (root / "app.py").write_text("raise SystemExit(3)\n")
    os.kill(min(pids(propane)), signal.SIGKILL)
    assert 1 == propane.join()
    waits = [event["seconds"] for event in propane.all("respawn_delayed")]
    assert waits == sorted(waits)
    assert 4 == len(waits)
    assert 4 == propane.count("worker_started")


def test_address_in_use(run):
    """An address that is taken is an error that says so, with exit code 1."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        second = run("propane", "--port", str(other.getsockname()[1]))
        assert 1 == second.join()
    assert "cannot listen on 127.0.0.1" in second.log


def test_wrong_configuration(run, root):
    """A wrong setting is an error that names it, with exit code 1, before anything starts."""
    configure(root, "[server.propane]\nwokers = 3\n")
    propane = run("propane")
    assert 1 == propane.join()
    assert "wokers" in propane.log
    assert [] == propane.events


# reload


def test_reload_under_load_fails_no_request(run, load, root):
    """Reloads under load fail not one request, on connections that are kept and on new ones."""
    propane = start(run, workers=2)
    client = load(propane.address, clients=8)
    for count in range(1, 3):
        propane.signal(signal.SIGHUP)
        propane.wait("reload_finished", count)
        propane.wait("worker_exited", 2 * count)
    totals = client.finish()
    assert {} == totals["failures"]
    assert totals["requests"] > 1000


def test_reload_runs_new_code_and_refuses_broken_code(run, root):
    """HUP replaces every worker by one with new code; when that does not start, the old ones stay and serve."""
    propane = start(run, workers=2)
    old, good = pids(propane), (root / "app.py").read_text()
    (root / "app.py").write_text("def broken(:\n")
    propane.signal(signal.SIGHUP)
    propane.wait("reload_failed")
    assert (200, "one") == propane.get()[:2]
    assert old == pids(propane)
    assert 1 == propane.count("worker_failed", place="app.py:1")
    (root / "app.py").write_text(good.replace('"one"', '"two"'))
    propane.signal(signal.SIGHUP)
    propane.wait("reload_finished")
    assert {"reloaded"} == {propane.wait("worker_exited", worker_pid=pid)["reason"] for pid in old}
    assert (200, "two") == propane.get()[:2]
    assert not old & pids(propane)


def test_reload_with_wrong_configuration_keeps_everything(run, root):
    """A configuration that is wrong is told, and nothing is replaced."""
    propane = start(run, workers=1)
    configure(root, "[server.propane]\nwokers = 3\n")
    propane.signal(signal.SIGHUP)
    assert "wokers" in propane.wait("reload_failed")["reason"]
    assert 1 == propane.count("worker_started")


def test_reload_takes_new_settings(run, root):
    """A reload takes the number of workers and the limits from the configuration."""
    configure(root, "[server.propane]\nworkers = 2\n")
    propane = run("propane", **FAST)
    propane.wait("worker_ready", 2)
    settings = root / "config" / "app.toml"
    settings.write_text(settings.read_text().replace("workers = 2", "workers = 1"))
    propane.signal(signal.SIGHUP)
    propane.wait("reload_finished")
    propane.wait("worker_exited", 2)
    assert 1 == len(pids(propane))


def test_keep_alive_connection_is_told_before_it_ends(run):
    """During a reload a connection that is kept is not cut: it is told `Connection: close` with one of its answers."""
    propane = start(run, workers=1)
    connection = http.client.HTTPConnection(propane.address, timeout=30)
    answers = []
    with closing(connection):
        propane.signal(signal.SIGHUP)
        while not answers or connection.sock is not None:  # http.client closes when it is told to
            connection.request("GET", "/pid")
            answers.append(connection.getresponse().read())
    assert 1 == len(set(answers))
    assert answers[0].decode() == str(propane.wait("worker_exited")["worker_pid"])


# size and recycling


def test_scaling_up_and_down(run):
    """TTIN and TTOU run one worker more and one less, never less than one."""
    propane = start(run, workers=1)
    propane.signal(signal.SIGTTIN)
    propane.wait("worker_ready", 2)
    propane.signal(signal.SIGTTOU)
    propane.wait("worker_exited", reason="scaled_down")
    propane.signal(signal.SIGTTOU)
    propane.signal(signal.SIGTTIN)
    propane.wait("worker_ready", 3)
    assert (200, "one") == propane.get()[:2]
    assert [(1, 2), (2, 1), (1, 2)] == [(event["old"], event["new"]) for event in propane.all("scaled")]


@pytest.mark.parametrize(("limit", "reason"), [("max_requests = 200", "requests"), ("max_memory = 1000000", "memory")])
def test_recycling_under_load_fails_no_request(run, load, root, limit, reason):
    """A worker past its limit is replaced first and then drained: no request fails."""
    configure(root, f"[server.propane]\n{limit}\n")
    propane = start(run, workers=1)
    client = load(propane.address, clients=4)
    propane.wait("worker_exited", reason=reason)
    totals = client.finish()
    assert {} == totals["failures"]
    # a worker past its memory goes as soon as anybody looks, however few requests a slow machine has answered by then
    assert totals["requests"] > (100 if reason == "requests" else 0)


# the end of the manager


@pytest.mark.parametrize("path", ["/", "/block"])
def test_no_orphans(run, until, alive, root, path):
    """When the manager is killed its workers end, busy or stuck, and the address is free."""
    propane = start(run, workers=2)
    address = propane.address
    with propane.connect() as client:
        client.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        until(lambda: path == "/" or (root / "blocked").exists(), "the request")
        workers = pids(propane)
        propane.signal(signal.SIGKILL)
        assert -9 == propane.join()
        until(lambda: not any(alive(pid) for pid in workers), "the workers' end")
    host, _, port = address.rpartition(":")
    socket.create_server((host, int(port))).close()


def test_request_in_flight_outlives_the_manager(run, until, root):
    """A request that is being answered when the manager is killed is answered."""
    propane = start(run, workers=1)
    with propane.connect() as client:
        client.sendall(b"GET /slow?seconds=0.5 HTTP/1.1\r\nHost: x\r\n\r\n")
        until((root / "slow").exists)
        propane.signal(signal.SIGKILL)
        propane.join()
        assert client.recv(65536).endswith(b"slow")


# sockets, files, lines


@pytest.mark.skipif(sys.platform != "linux", reason="the system lacks: spreading over SO_REUSEPORT sockets")
def test_reuseport_loses_nothing(run, load, root):
    """With a socket for each worker, reloads and scaling under load fail no request either."""
    configure(root, '[server.propane]\nlistener = "reuseport"\n')
    propane = start(run, workers=2)
    client = load(propane.address, clients=8)
    propane.signal(signal.SIGHUP)
    propane.wait("reload_finished")
    propane.wait("worker_exited", 2)
    propane.signal(signal.SIGTTOU)
    propane.wait("worker_exited", reason="scaled_down")
    totals = client.finish()
    assert {} == totals["failures"]
    assert totals["requests"] > 500


def test_unix_socket_survives_a_reload(run, load, root, tmp_path):
    """A Unix socket is served across a reload without a failure, and its file stays."""
    path = tmp_path / "s"
    configure(root, f'bind = ["unix:{path}", "127.0.0.1:0"]\n')
    propane = start(run, workers=1)
    client = load(f"unix:{path}", clients=4)
    propane.signal(signal.SIGHUP)
    propane.wait("reload_finished")
    propane.wait("worker_exited")
    totals = client.finish()
    assert {} == totals["failures"]
    assert totals["requests"] > 100
    assert path.is_socket()
    assert 0 == propane.stop()
    assert not path.exists()


def test_pidfile_and_copy_of_the_lines(run, root, tmp_path):
    """The pidfile names the manager while it runs; the lines are copied as key=value or JSON."""
    copy = tmp_path / "lifecycle.log"
    propane = start(run, "--pidfile", str(tmp_path / "pid"), workers=1, ARLEN_PROPANE_LIFECYCLE_LOG=str(copy))
    assert f"{propane.pid}\n" == (tmp_path / "pid").read_text()
    assert 0 == propane.stop()
    assert not (tmp_path / "pid").exists()
    assert len(propane.events) == len(copy.read_text().splitlines())


# other commands

JOBS = """
[[server.propane.commands]]
name = "jobs"
command = ["sh", "-c", "{code}"]
count = {count}
settle = 0.05
"""

DRAIN = "trap 'exit 7' TERM; while :; do sleep 0.02; done"


def jobs(root, code=DRAIN, count=1, more=""):
    """Configure a job worker."""
    configure(root, JOBS.format(code=code, count=count) + more)


def test_commands_are_kept_alive(run, root):
    """Another command runs beside the workers, is started again when it dies, and gets TERM at the end."""
    jobs(root, count=2)
    propane = start(run, workers=1)
    propane.wait("worker_ready", 2, name="jobs")
    os.kill(propane.wait("worker_ready", name="jobs")["worker_pid"], signal.SIGKILL)
    propane.wait("worker_ready", 3, name="jobs")
    assert 0 == propane.stop()
    assert [7, 7] == [event["status"] for event in propane.all("worker_exited", name="jobs", reason="shutdown")]


def test_command_that_fails_does_not_stop_the_server(run, root):
    """A command that ends at once is tried again with waits; the web workers are not touched."""
    jobs(root, code="exit 3")
    propane = start(run, workers=1)
    propane.wait("worker_exited", 3, name="jobs")
    assert (200, "one") == propane.get()[:2]
    assert 1 == propane.count("worker_started", name="web")


@pytest.mark.parametrize(("overlap", "order"), [("true", ["ready", "exited"]), ("false", ["exited", "ready"])])
def test_reload_of_commands(run, root, overlap, order):
    """A reload replaces commands too: new first, or old first for what must not run twice."""
    jobs(root, more=f"overlap = {overlap}\n")
    propane = start(run, workers=1)
    old = propane.wait("worker_ready", name="jobs")["worker_pid"]
    propane.signal(signal.SIGHUP)
    propane.wait("worker_ready", 2, name="jobs")
    propane.wait("worker_exited", name="jobs", worker_pid=old)
    told = [event["event"] for event in propane.events if event.get("name") == "jobs"]
    later = [name.removeprefix("worker_") for name in told if name in {"worker_ready", "worker_exited"}][1:]
    assert order == later


def test_commands_change_with_the_configuration(run, root):
    """A reload starts commands that are new and ends those that are gone."""
    before = (root / "config" / "app.toml").read_text()
    jobs(root)
    propane = start(run, workers=1)
    propane.wait("worker_ready", name="jobs")
    (root / "config" / "app.toml").write_text(before)
    jobs(root)
    text = (root / "config" / "app.toml").read_text().replace('"jobs"', '"mail"')
    (root / "config" / "app.toml").write_text(text)
    propane.signal(signal.SIGHUP)
    propane.wait("worker_ready", name="mail")
    propane.wait("worker_exited", name="jobs", reason="shutdown")


@pytest.mark.skipif(sys.platform != "linux", reason="the system lacks: a signal at the parent's death")
def test_commands_end_with_the_manager(run, root, until, alive):
    """When the manager is killed, commands get TERM."""
    jobs(root)
    propane = start(run, workers=1)
    pid = propane.wait("worker_ready", name="jobs")["worker_pid"]
    propane.signal(signal.SIGKILL)
    propane.join()
    until(lambda: not alive(pid), "the command's end")


def test_reload_with_a_file_that_cannot_be_read(run, root):
    """Whatever is wrong with the configuration's file, a reload leaves the workers alone."""
    propane = start(run, workers=1)
    (root / "config" / "app.toml").write_bytes(b"\xff\xfe")
    propane.signal(signal.SIGHUP)
    propane.wait("reload_failed")
    assert (200, "one") == propane.get()[:2]


@pytest.mark.skipif(sys.platform != "linux", reason="the system lacks: limits of another process")
def test_growth_without_descriptors(run, root):
    """When the system gives no more sockets, TTIN is refused with a line, and everything else goes on."""
    configure(root, '[server.propane]\nlistener = "reuseport"\n')
    propane = start(run, workers=1)
    soft, hard = resource.prlimit(propane.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(propane.pid, resource.RLIMIT_NOFILE, (3, hard))
    propane.signal(signal.SIGTTIN)
    assert "Too many open files" in propane.wait("scale_failed")["reason"]
    assert (200, "one") == propane.get()[:2]
    resource.prlimit(propane.pid, resource.RLIMIT_NOFILE, (soft, hard))
    propane.signal(signal.SIGTTIN)
    propane.wait("worker_ready", 2)


def test_unknown_program_is_an_error(run, root):
    """A command whose program does not exist is named before anything starts."""
    configure(root, '[[server.propane.commands]]\nname = "jobs"\ncommand = ["no-such-program-here"]\n')
    propane = run("propane")
    assert 1 == propane.join()
    assert '"no-such-program-here" of command "jobs" is not found' in propane.log

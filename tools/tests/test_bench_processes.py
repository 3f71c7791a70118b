"""The children of tools/bench: pinned, watched, measured, ended with all they started; and the peers' environments."""

import os
import shlex
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tools.bench import environments, processes
from tools.bench.environments import Absent, made, make, pins
from tools.bench.processes import Child, Failed, cores, free_port, interruptible, launched, spent, stop
from tools.bench.words import ending, plain

ROOT = Path(__file__).parents[2]
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
SLEEP = "import signal; signal.pause()"
LISTEN = """
import socket, sys, signal
listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
signal.pause()
"""
STUBBORN = """
import signal, sys
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("deaf", flush=True)
while True:
    signal.pause()
"""
DEAF = "import signal; signal.signal(15, signal.SIG_IGN); print(0, flush=True); signal.pause(); signal.pause()"
FAMILY = f"""
import subprocess, sys, signal
child = subprocess.Popen([sys.executable, "-c", {DEAF!r}], stdout=subprocess.PIPE)
child.stdout.readline()
print(child.pid, flush=True)
signal.pause()
"""


@pytest.fixture
def child(tmp_path):
    """Start programs; whatever a test forgets is ended."""
    started = []

    def start(text, *arguments, **options):
        made = Child(
            [sys.executable, "-c", text, *map(str, arguments)],
            dict(os.environ),
            tmp_path / f"{len(started)}.log",
            **options,
        )
        started.append(made)
        return made

    yield start
    stop(started)


def wait_for(condition):
    """Until something is so, for a bounded time."""
    for _ in range(2000):
        if found := condition():
            return found
        os.sched_yield()
        processes.time.sleep(0.005)
    raise AssertionError("it did not happen")


def printed(child):
    """The first line that a child prints."""
    return wait_for(lambda: child.log.read_text().strip())


def test_a_child_is_awaited_until_it_listens(child):
    """And runs on."""
    port = free_port()
    server = child(LISTEN, port)
    server.wait_until_it_listens(port)
    assert server.alive
    with socket.create_connection(("127.0.0.1", port)):
        pass


def test_a_child_that_ends_at_once_says_why(child):
    """With its exit code and the last that it printed."""
    broken = child("import sys; print('one'); print('two'); sys.exit('no module named x')")
    with pytest.raises(Failed, match=r"it ended with 1: .*no module named x"):
        broken.wait_until_it_listens(free_port())


def test_a_child_that_never_listens_is_given_up(child):
    """After a time."""
    with pytest.raises(Failed, match=r"it does not listen after 0\.1 s: it printed nothing"):
        child(SLEEP).wait_until_it_listens(free_port(), timeout=0.1)


def test_a_program_that_is_not_there_is_a_child_that_ended(tmp_path):
    """The launcher says which."""
    missing = Child([str(tmp_path / "missing")], dict(os.environ), tmp_path / "log")
    with pytest.raises(Failed, match=r"it ended with 1: .*FileNotFoundError"):
        missing.wait_until_it_listens(free_port())
    missing.stop()


def test_a_child_stops_when_it_is_asked(child):
    """And may be stopped again."""
    server = child(SLEEP)
    server.stop()
    assert not server.alive
    server.stop()


def test_a_child_that_does_not_listen_to_the_signal_is_killed(child):
    """After its time is over."""
    server = child(STUBBORN)
    assert "deaf" == printed(server)
    server.stop(grace=0.1)
    assert not server.alive


@LINUX
def test_what_a_child_has_started_ends_with_it(child):
    """Also what ignores the signal."""
    server = child(FAMILY)
    grandchild = int(printed(server))
    assert Path(f"/proc/{grandchild}").is_dir()
    server.stop()
    wait_for(lambda: _gone(grandchild))


def _gone(pid):
    # Nobody of ours waits for a grandchild: it may be a zombie of whoever adopts it.
    try:
        return " Z " in Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return True


def test_children_are_stopped_together(child):
    """All are asked before the first is waited for."""
    servers = [child(SLEEP) for _ in range(3)]
    stop(servers)
    assert [False, False, False] == [server.alive for server in servers]


def test_stopping_is_not_interrupted(child, monkeypatch):
    """A second Ctrl-C meanwhile is ignored, and means something again afterwards."""
    seen = []
    original = Child.stop

    def interrupted(self, *arguments):
        signal.raise_signal(signal.SIGINT)
        seen.append(signal.getsignal(signal.SIGINT))
        original(self, *arguments)

    monkeypatch.setattr(Child, "stop", interrupted)
    stop([child(SLEEP)])
    assert [signal.SIG_IGN] == seen
    assert signal.SIG_IGN != signal.getsignal(signal.SIGINT)


@LINUX
def test_a_child_runs_on_its_core(child):
    """As do all that it starts, for they inherit that."""
    core = max(os.sched_getaffinity(0))
    server = child("import os, signal; print(os.sched_getaffinity(0), flush=True); signal.pause()", core=core)
    assert f"{{{core}}}" == printed(server)


@LINUX
def test_a_child_without_a_core_runs_on_all():
    """-1 pins to none."""
    text = "import os; print(sorted(os.sched_getaffinity(0)))"
    done = subprocess.run(launched([sys.executable, "-c", text], None), capture_output=True, text=True, check=True)
    assert str(sorted(os.sched_getaffinity(0))) == done.stdout.strip()


@LINUX
@pytest.mark.parametrize("death", [signal.SIGTERM, signal.SIGKILL])
def test_a_child_ends_when_we_are_killed(tmp_path, death):
    """Nobody is there to end it then, so the kernel does."""
    command = shlex.join(launched([sys.executable, "-c", f"print(1, flush=True); {SLEEP}"], None, death))
    middle = (
        f"import shlex, subprocess; p = subprocess.Popen(shlex.split({command!r})); print(p.pid, flush=True); p.wait()"
    )
    with subprocess.Popen([sys.executable, "-c", middle], stdout=subprocess.PIPE, text=True) as parent:
        lines = sorted(int(parent.stdout.readline()) for _ in range(2))
        parent.kill()
    wait_for(lambda: _gone(lines[1]))


@LINUX
def test_processor_time_is_that_of_all_that_a_child_started(child):
    """Threads and processes; it only grows."""
    text = """
import os, signal, threading
def work(): sum(range(3_000_000))
thread = threading.Thread(target=lambda: (work(), print("thread", flush=True), signal.pause()))
thread.daemon = True
pid = os.fork()
if not pid:
    work(); print("process", flush=True); signal.pause()
thread.start()
signal.pause()
"""
    server = child(text)
    wait_for(lambda: {"thread", "process"} <= set(server.log.read_text().split()))
    assert server.cpu() > 0.01


def test_processor_time_is_unknown_where_the_system_does_not_tell(child, monkeypatch, tmp_path):
    """There is no /proc everywhere."""
    server = child(SLEEP)
    monkeypatch.setattr(processes, "PROC", tmp_path / "none")
    assert server.cpu() is None
    server.settle()
    server.stop()


@LINUX
def test_processor_time_falls_back_to_ticks(monkeypatch, tmp_path):
    """A kernel without schedstat has them."""
    folder = tmp_path / "7"
    (folder / "task" / "7").mkdir(parents=True)
    numbers = ["0"] * 40
    numbers[3], numbers[11], numbers[12] = "7", "150", "50"
    (folder / "stat").write_text(f"7 (a (strange) name) {' '.join(numbers)}")
    monkeypatch.setattr(processes, "PROC", tmp_path)
    assert 200 / os.sysconf("SC_CLK_TCK") == spent(7)
    (folder / "task" / "7" / "schedstat").write_text("2500000000 11 3\n")
    assert 2.5 == spent(7)


def test_a_child_settles_when_it_uses_nothing(child):
    """One that waits rests at once."""
    child(SLEEP).settle()


def test_settling_has_an_end(child, monkeypatch):
    """One that never rests is not waited for forever."""
    used = iter(range(1000))
    monkeypatch.setattr(Child, "cpu", lambda _: float(next(used)))
    child(SLEEP).settle(timeout=0.1)


@LINUX
def test_a_restless_child_is_stopped_while_it_is_paused(child):
    """And runs when it is resumed."""
    server = child(f"print(1, flush=True); {SLEEP}", restless=True)
    printed(server)
    server.pause()
    wait_for(lambda: "T" == _state(server.pid))
    server.resume()
    wait_for(lambda: "T" != _state(server.pid))


def _state(pid):
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


@LINUX
def test_a_child_that_rests_is_never_stopped(child):
    """A pause is for the restless."""
    server = child(f"print(1, flush=True); {SLEEP}")
    printed(server)
    server.pause()
    assert "T" != _state(server.pid)


def test_a_paused_child_ends_like_any_other(child):
    """It is woken to hear that it should."""
    server = child(f"print(1, flush=True); {SLEEP}", restless=True)
    printed(server)
    server.pause()
    server.stop(grace=10.0)
    assert not server.alive


def test_server_and_load_have_a_core_each(monkeypatch):
    """The first two of those that we may use; with one, neither is pinned."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {5, 3, 9}, raising=False)
    assert (3, 5) == cores()
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {3})
    assert (None, None) == cores()
    monkeypatch.delattr(os, "sched_getaffinity")
    assert (None, None) == cores()


def test_a_port_that_is_taken_for_somebody_is_not_given_twice():
    """Even when nobody listens there yet."""

    class Once:
        def __init__(self):
            self.asked = []

        def __contains__(self, port):
            self.asked.append(port)
            return len(self.asked) < 3

    taken = Once()
    assert free_port(taken) == taken.asked[2]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_other_signals_interrupt_too(number):
    """So that whoever ends the command ends everything."""
    before = signal.getsignal(number)
    with pytest.raises(KeyboardInterrupt, match=number.name), interruptible():
        signal.raise_signal(number)
    assert before == signal.getsignal(number)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('File "/home/ada/site/app.py", line 3', 'File "app.py", line 3'),
        ("/usr/lib/python3.11/asyncio/runners.py: no", "runners.py: no"),
        ("GET /json: status 500", "GET /json: status 500"),
        ("from https://files.example.org/simple/x?y=1 failed", "from an address failed"),
        ("two\n  lines", "two lines"),
        ("ratio 1/2 and a/b/c", "ratio 1/2 and a/b/c"),
    ],
)
def test_words_for_others_name_no_folder_and_no_address(text, expected):
    """A report is read elsewhere."""
    assert expected == plain(text)


def test_words_are_bounded():
    """A report is no log."""
    assert 300 == len(plain("x" * 1000))
    assert "xxxx…" == plain("x" * 1000, limit=5)


def test_an_ending_is_the_last_three_lines():
    """Where programs say why they failed."""
    assert "b | c | d" == ending("a\n\nb\n  c\nd\n\n")
    assert "it printed nothing" == ending(" \n")


@pytest.fixture
def peers(tmp_path):
    """A folder of pins with one peer."""
    folder = tmp_path / "peers"
    folder.mkdir()
    (folder / "falcon.txt").write_text(
        "# Falcon\nfalcon==4.4.0 # the framework\n\nuvloop==0.23.0 ; sys_platform == 'linux'\n"
    )
    return folder


@pytest.fixture
def uv(tmp_path, monkeypatch):
    """A stand-in for uv that notes its calls and makes the interpreter; returns the notes."""
    folder, notes = tmp_path / "bin", tmp_path / "calls"
    folder.mkdir()
    text = f"""#!{sys.executable}
import os, pathlib, sys
notes = pathlib.Path({str(notes)!r})
notes.write_text((notes.read_text() if notes.exists() else "") + " ".join(sys.argv[1:]) + "\\n")
if sys.argv[1] == "venv":
    python = pathlib.Path(sys.argv[-1]) / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.touch()
elif os.environ.get("UV_CONSTRAINT") or os.environ.get("UV_BUILD_CONSTRAINT"):
    sys.exit("constrained")
elif os.environ.get("BROKEN"):
    sys.exit("Resolved 3 packages\\nerror: failed to fetch https://index.example.org/x\\ncaused by: no /etc/ssl/x.pem")
"""
    (folder / "uv").write_text(text)
    (folder / "uv").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.delenv("HATCH_UV", raising=False)
    return notes


def test_pins_are_read_without_comments(peers):
    """One requirement a line."""
    assert ["falcon==4.4.0", "uvloop==0.23.0 ; sys_platform == 'linux'"] == pins("falcon", peers)


def test_a_peer_that_is_not_pinned_is_absent(peers):
    """Whoever compares tomorrow must compare with the same."""
    (peers / "loose.txt").write_text("falcon==4.4.0\nuvloop>=0.20\nuvicorn\n")
    with pytest.raises(Absent, match=r"loose\.txt does not pin uvloop>=0\.20, uvicorn"):
        pins("loose", peers)
    with pytest.raises(Absent, match=r"there is no nobody\.txt"):
        pins("nobody", peers)


@pytest.mark.parametrize("path", sorted((ROOT / "tools/bench/peers").glob("*.txt")), ids=lambda path: path.stem)
def test_every_peer_of_ours_is_pinned(path):
    """Completely, and what it was compiled from is told."""
    assert pins(path.stem)
    assert path.read_text().splitlines()[1].startswith("# Compiled from: ")
    assert "://" not in path.read_text()


def test_an_environment_is_made_once(peers, uv, tmp_path):
    """On first use: an interpreter, then the pinned packages."""
    cache = tmp_path / "cache"
    assert not made("falcon", cache, peers)
    python = make("falcon", cache, peers)
    assert python.is_file()
    assert made("falcon", cache, peers)
    assert python == make("falcon", cache, peers)
    first, second = uv.read_text().splitlines()
    assert first.startswith("venv --quiet --python ")
    assert f"pip install --quiet --python {python} -r {peers / 'falcon.txt'}" == second


def test_an_environment_is_made_anew_when_its_pins_change(peers, uv, tmp_path):
    """Old packages never stay."""
    python = make("falcon", tmp_path, peers)
    (python.parent / "old").touch()
    (peers / "falcon.txt").write_text("falcon==4.5.0\n")
    assert not made("falcon", tmp_path, peers)
    make("falcon", tmp_path, peers)
    assert not (python.parent / "old").exists()
    assert 4 == len(uv.read_text().splitlines())


def test_an_environment_that_was_not_finished_is_made_anew(peers, uv, tmp_path):
    """As after Ctrl-C."""
    python = make("falcon", tmp_path, peers)
    (python.parents[1] / "pins").unlink()
    make("falcon", tmp_path, peers)
    assert 4 == len(uv.read_text().splitlines())


def test_our_own_lock_does_not_hold_for_peers(peers, uv, tmp_path, monkeypatch):
    """The daily environment says UV_CONSTRAINT to every install."""
    monkeypatch.setenv("UV_CONSTRAINT", "tools/lock.txt")
    monkeypatch.setenv("UV_BUILD_CONSTRAINT", "tools/lock.txt")
    assert make("falcon", tmp_path, peers).is_file()


def test_a_peer_that_cannot_be_installed_is_absent(peers, uv, tmp_path, monkeypatch):
    """With the reason, without addresses and folders of this machine, and it is tried again the next time."""
    monkeypatch.setenv("BROKEN", "1")
    with pytest.raises(Absent, match=r"uv failed: .*error: failed to fetch an address \| caused by: no x\.pem"):
        make("falcon", tmp_path, peers)
    assert not made("falcon", tmp_path, peers)


def test_the_uv_of_hatch_comes_first(peers, uv, tmp_path, monkeypatch):
    """Where hatch runs the command, uv need not be on the path."""
    monkeypatch.setenv("HATCH_UV", str(tmp_path / "bin" / "uv"))
    monkeypatch.setattr(environments.shutil, "which", lambda _: None)
    assert make("falcon", tmp_path, peers).is_file()
    assert 2 == len(uv.read_text().splitlines())


def test_without_uv_pip_does_it(peers, tmp_path, monkeypatch):
    """In an environment of the standard library."""
    monkeypatch.delenv("HATCH_UV", raising=False)
    monkeypatch.setattr(environments.shutil, "which", lambda _: None)
    home = tmp_path / "x"
    first, second = environments._commands(home, peers / "falcon.txt")
    assert [sys.executable, "-m", "venv", str(home)] == first
    assert [str(home / "bin/python"), "-m", "pip", "install"] == second[:4]
    assert ["-r", str(peers / "falcon.txt")] == second[-2:]


def test_an_installer_that_is_not_there_is_a_reason(peers, tmp_path, monkeypatch):
    """And no traceback."""
    monkeypatch.setattr(environments, "_commands", lambda *_: [[str(tmp_path / "no-such-program")]])
    with pytest.raises(Absent, match=r"no-such-program: .*No such file"):
        make("falcon", tmp_path, peers)

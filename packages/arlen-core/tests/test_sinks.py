"""Sinks: lines get where they belong, in order, and trouble there troubles nobody."""

import errno
import io
import os
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager

import pytest

from arlen_core import sinks
from arlen_core.errors import StartupError
from arlen_core.sinks import Sink


@pytest.fixture
def path(tmp_path):
    """A file to log to."""
    return tmp_path / "app.log"


@pytest.fixture
def make(path):
    """Make sinks that are stopped in the end."""
    made = []

    def one(target=path, **options):
        made.append(Sink(target, **options))
        return made[-1]

    yield one
    for each in made:
        each.stop()


def wait(condition, seconds=10):
    """Wait until the writer's thread has done something."""
    done = threading.Event()
    for _ in range(seconds * 1000):
        if condition():
            return True
        done.wait(0.001)
    return False


def test_lines_are_held_until_there_are_enough(make, path):
    """The size is a bound: at it the writer sleeps on, one byte past it everything is written."""
    sink = make(size=10, interval=3600)
    sink.start()
    sink.write(b"12345678\n")
    sink.write(b"\n")
    assert (b"", False) == (path.read_bytes(), not sink._full.locked())
    sink.write(b"\n")
    assert wait(lambda: path.read_bytes() == b"12345678\n\n\n")


def test_lines_are_written_at_once_while_nobody_would_write_them_later(make, path):
    """Before the start and after the stop there is no thread, so nothing is held, no file open either."""
    sink = make(size=65536, interval=3600)
    sink.write(b"early\n")
    assert path.read_bytes() == b"early\n"
    assert sink._fd == -1
    sink.start()
    sink.stop()
    sink.write(b"late\n")
    assert path.read_bytes() == b"early\nlate\n"


@pytest.mark.parametrize("options", [{"size": 0}, {"interval": 0}])
def test_lines_may_be_written_at_once(make, path, options):
    """With no buffer or no interval every line is there at once, also while it runs."""
    sink = make(**options)
    sink.start()
    sink.write(b"one\n")
    assert path.read_bytes() == b"one\n"
    assert sink._thread is None


def test_a_thread_writes_after_the_interval(make, path):
    """Nobody has to do anything for it."""
    sink = make(interval=0.01)
    sink.start()
    sink.write(b"one\n")
    assert wait(lambda: path.read_bytes() == b"one\n")
    sink.write(b"two\n")
    assert wait(lambda: path.read_bytes() == b"one\ntwo\n")


def test_a_thread_writes_when_there_is_enough(make, path):
    """Before the interval is over, again and again."""
    sink = make(size=10, interval=3600)
    sink.start()
    for times in (1, 2, 3):
        sink.write(b"x" * 20 + b"\n")
        assert wait(lambda times=times: path.read_bytes() == (b"x" * 20 + b"\n") * times)


def test_a_hurry_does_not_wait_for_the_interval(make, path):
    """For lines that matter."""
    sink = make(interval=3600)
    sink.start()
    sink.write(b"one\n")
    sink.hurry()
    assert wait(lambda: path.read_bytes() == b"one\n")


def test_a_stop_writes_what_is_held(make, path):
    """And ends the thread; a second stop does nothing; a start goes on."""
    sink = make(interval=3600)
    sink.start()
    sink.start()
    sink.write(b"one\n")
    sink.stop()
    sink.stop()
    assert path.read_bytes() == b"one\n"
    assert [] == [each for each in threading.enumerate() if each.name == "arlen-log"]
    sink.start()
    sink.write(b"two\n")
    sink.stop()
    assert path.read_bytes() == b"one\ntwo\n"


def test_no_line_is_lost_or_torn_between_threads(make, path):
    """Four threads, a thousand lines each, and the writer: every line once, the lines of each thread in order."""
    sink = make(size=100, interval=0.001)
    sink.start()

    def work(name):
        for number in range(1000):
            sink.write(f"{name} {number}\n".encode())

    threads = [threading.Thread(target=work, args=(name,)) for name in "abcd"]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    sink.stop()
    rows = [line.split() for line in path.read_text().splitlines()]
    for name in "abcd":
        assert [str(number) for number in range(1000)] == [number for who, number in rows if who == name]
    assert (4000, 0) == (len(rows), sink.lost)


def test_a_file_that_was_moved_away_is_opened_anew(make, path):
    """Rotation by renaming needs no signal."""
    sink = make(size=0)
    sink.start()
    sink.write(b"old\n")
    path.rename(path.with_suffix(".1"))
    sink.write(b"new\n")
    assert (b"old\n", b"new\n") == (path.with_suffix(".1").read_bytes(), path.read_bytes())


def test_a_file_that_was_replaced_is_opened_anew(make, path):
    """Also when the new file is there already."""
    sink = make(size=0)
    sink.start()
    sink.write(b"old\n")
    path.rename(path.with_suffix(".1"))
    path.touch()
    sink.write(b"new\n")
    assert path.read_bytes() == b"new\n"


def test_a_file_that_was_cut_goes_on_at_its_end(make, path):
    """Rotation by copy and truncate."""
    sink = make(size=0)
    sink.start()
    sink.write(b"old\n")
    os.truncate(path, 0)
    sink.write(b"new\n")
    assert path.read_bytes() == b"new\n"


def test_reopen_opens_the_file_anew(make, path):
    """At the next write."""
    sink = make(size=0)
    sink.start()
    sink.write(b"one\n")
    before = os.fstat(sink._fd)
    other = os.open(path, os.O_RDONLY)  # so that the number of the descriptor is another one
    number = sink._fd
    sink.reopen()
    assert number == sink._fd
    sink.write(b"two\n")
    assert before.st_ino == os.fstat(sink._fd).st_ino
    assert sink._stale is False
    os.close(other)
    assert path.read_bytes() == b"one\ntwo\n"


def test_a_new_file_is_not_for_everybody(make, path):
    """Logs hold addresses: owner and group only."""
    make(size=0).write(b"x\n")
    assert 0 == path.stat().st_mode & 0o007


def test_a_file_that_cannot_be_opened_stops_the_start(make, tmp_path):
    """With the path, the reason and the fix."""
    with pytest.raises(StartupError, match=r"gone/app.log cannot be opened: No such file .*\(fix: make its folder"):
        make(tmp_path / "gone/app.log").start()


def test_a_full_disk_is_counted_and_survived(make, path, monkeypatch):
    """Lines are lost, nobody gets an exception, and when there is room again the log says how many."""
    sink, real = make(size=0, notice=lambda lost: f"lost {lost}\n".encode()), os.write

    def full(fd, data):
        raise OSError(errno.ENOSPC, "No space left on device")

    sink.write(b"one\n")
    monkeypatch.setattr(sinks.os, "write", full)
    sink.write(b"two\n")
    sink.write(b"three\n")
    assert sink.lost == 2
    monkeypatch.setattr(sinks.os, "write", real)
    sink.write(b"four\n")
    sink.write(b"five\n")
    assert path.read_bytes() == b"one\nlost 2\nfour\nfive\n"


def test_a_slow_target_does_not_fill_the_memory(make, path):
    """Past the bound lines are dropped and counted; what was held is written."""
    sink = make(size=10_000, interval=3600, held=100)
    sink.start()
    with sink._lock:  # as a writer that is stuck would hold it
        for number in range(30):
            sink.write(b"%09d\n" % number)
    assert 30 - sink.lost == 11
    sink.flush()
    assert path.read_bytes() == b"".join(b"%09d\n" % number for number in range(11))
    sink.write(b"more\n")
    sink.flush()
    assert path.read_bytes().endswith(b"more\n")


@contextmanager
def piped(*, blocking=True):
    """Put a pipe in the place of the standard error; inside a test, because pytest sets its own between the phases."""
    read, write = os.pipe()
    os.set_blocking(write, blocking)
    before = sys.stderr
    with os.fdopen(write, "w") as stream:
        sys.stderr = stream
        try:
            yield read
        finally:
            sys.stderr = before
            os.close(read)


def test_standard_error_gets_whole_batches(make):
    """Straight to its descriptor."""
    with piped() as read:
        make(None, size=0).write("ü\n".encode())
        assert os.read(read, 100) == "ü\n".encode()


def test_a_pipe_that_nobody_reads_any_more_is_survived(make, monkeypatch):
    """Counted, like a full disk."""
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "w") as stream:
        monkeypatch.setattr(sys, "stderr", stream)
        sink = make(None, size=0)
        sink.write(b"one\n")
        assert sink.lost == 1
        monkeypatch.setattr(sys, "stderr", io.StringIO())
        sink.write(b"two\n")
        assert sys.stderr.getvalue() == "two\n"


def test_a_pipe_that_is_full_is_waited_for(make):
    """A non-blocking standard error takes what it can, then the rest."""
    data, got, sink = b"x" * 300_000 + b"\n", [], make(None, size=0)
    with piped(blocking=False) as pipe:

        def read():
            while sum(map(len, got)) < len(data):
                got.append(os.read(pipe, 65536))

        reader = threading.Thread(target=read)
        reader.start()
        sink.write(data)
        reader.join()
    assert data == b"".join(got)
    assert sink.lost == 0


def test_a_pipe_that_stays_full_is_given_up(make, monkeypatch):
    """After its patience the line is lost, and counted."""
    monkeypatch.setattr(sinks.select, "select", lambda *_: ([], [], []))
    sink = make(None, size=0)
    with piped(blocking=False):
        sink.write(b"x" * 300_000 + b"\n")
    assert sink.lost == 1


def test_a_stop_does_not_wait_for_a_reader_that_has_stopped_reading(make):
    """What the pipe does not take in time is lost, and counted; the process can end."""
    sink = make(None, size=10, interval=3600)
    with piped() as pipe:
        sink.start()
        writer = sink._thread
        sink.write(b"x" * 300_000 + b"\n")
        assert wait(lambda: not sink._lines)
        sink.write(b"more\n")
        sink.stop(timeout=0.01)
        assert sink.lost == 1
        while writer.is_alive():
            os.read(pipe, 65536)
            writer.join(0.001)


@pytest.mark.parametrize("stream", [None, "closed"])
def test_no_standard_error_is_survived(make, monkeypatch, stream):
    """A daemon may have none, or a closed one."""
    if stream == "closed":
        stream = io.StringIO()
        stream.close()
    monkeypatch.setattr(sys, "stderr", stream)
    sink = make(None, size=0)
    sink.write(b"one\n")
    assert sink.lost == 1


def test_a_stream_without_a_descriptor_gets_text(make, monkeypatch):
    """A notebook's or a test's own standard error."""
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    make(None, size=0).write("ü\n".encode())
    assert sys.stderr.getvalue() == "ü\n"


def test_a_process_that_ends_writes_what_it_holds(path):
    """Also when nobody stopped the sink: an unhandled exception is such an end."""
    code = (
        "import sys; from pathlib import Path; from arlen_core.sinks import Sink\n"
        "sink = Sink(Path(sys.argv[1]), interval=3600); sink.start(); sink.write(b'last words\\n')\n"
        "raise SystemExit(3)"
    )
    done = subprocess.run([sys.executable, "-c", code, path], check=False, timeout=60)
    assert (3, b"last words\n") == (done.returncode, path.read_bytes())


FORK = """
import os, sys
from pathlib import Path
from arlen_core.sinks import Sink

sink = Sink(Path(sys.argv[1]), interval=3600)
sink.start()
sink.write(b"parent\\n")
child = os.fork()
if child == 0:
    sink.write(b"child\\n")
    os._exit(0)
os.waitpid(child, 0)
sink.write(b"parent too\\n")
sink.stop()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_process_writes_its_own_lines(path):
    """At once, since it has no thread; what the parent held is written by the parent only."""
    subprocess.run([sys.executable, "-c", FORK, path], check=True, timeout=60)
    assert path.read_bytes() == b"child\nparent\nparent too\n"


def test_a_line_logged_while_a_line_is_written_does_not_hang(make, path):
    """As a signal handler may do that interrupts the writing."""
    sink = make(size=0)
    with sink._lock:
        sink.write(b"inner\n")
    assert path.read_bytes() == b"inner\n"


@pytest.mark.skipif(not hasattr(signal, "SIGUSR1"), reason="needs signals")
def test_reopen_may_be_called_in_a_signal_handler(make, path):
    """It takes no lock, so it cannot wait for the code that it interrupted."""
    sink = make(size=0)
    before = signal.signal(signal.SIGUSR1, lambda *_: sink.reopen())
    try:
        with sink._lock:
            signal.raise_signal(signal.SIGUSR1)
        assert sink._stale is True
    finally:
        signal.signal(signal.SIGUSR1, before)

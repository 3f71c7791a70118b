"""Child processes: started on a core, watched until they listen, measured with all they start, and always ended."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from tools.bench.words import ending

__all__ = ["Child", "Failed", "cores", "free_port", "interruptible", "launched", "spent", "stop"]

ROOT = Path(__file__).parents[2]
LAUNCH = Path(__file__).with_name("launch.py")
PROC = Path("/proc")
PAUSE, RESTS = 0.05, 0.1


class Failed(Exception):
    """A child did not start, or ended; the message says why."""


class Child:
    """A server in a session of its own.

    Args:
        command: the program and its arguments.
        environ: its whole environment.
        log: a file for what it prints.
        core: where it runs, or None.
        restless: it uses its core while idle too, so it is stopped while others are measured.
    """

    def __init__(
        self,
        command: Sequence[str],
        environ: Mapping[str, str],
        log: Path,
        *,
        core: int | None = None,
        restless: bool = False,
    ) -> None:
        self.log, self.restless = log, restless
        death = signal.SIGKILL if restless else signal.SIGTERM  # whoever is stopped hears nothing else
        with log.open("wb") as out:
            self._process = subprocess.Popen(
                launched(command, core, death),
                cwd=ROOT,
                env=dict(environ),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.pid, self._ended = self._process.pid, False

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self._process.poll() is None

    def wait_until_it_listens(self, port: int, timeout: float = 30.0) -> None:
        """Return when somebody accepts connections at the port; raise `Failed` when it ends or takes too long."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            if not self.alive:
                raise Failed(f"it ended with {self._process.returncode}: {self.tail()}")
            with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1.0):
                return
            time.sleep(0.02)
        raise Failed(f"it does not listen after {timeout:g} s: {self.tail()}")

    def tail(self) -> str:
        """Return the end of what it printed."""
        return ending(self.log.read_text(errors="replace"))

    def cpu(self) -> float | None:
        """Return the processor seconds of it and of all it started, or None where the system does not tell."""
        return spent(self.pid)

    def pause(self) -> None:
        """Stop it until `resume` if it is restless."""
        if self.restless:
            self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it run."""
        if self.restless:
            self._signal(signal.SIGCONT)

    def settle(self, timeout: float = 3.0) -> None:
        """Return when it rests: requests whose client has left may still be answered, at the next server's cost."""
        deadline, used = time.monotonic() + timeout, self.cpu()
        while used is not None and time.monotonic() < deadline:
            time.sleep(PAUSE)
            before, used = used, self.cpu()
            if used is None or used - before < RESTS * PAUSE:
                return

    def terminate(self) -> None:
        """Ask it to end."""
        self.resume()
        self._signal(signal.SIGTERM)

    def _signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.pid, number)

    def stop(self, grace: float = 3.0) -> None:
        """End it and all it started: TERM, and KILL after `grace` seconds. Call it as often as you like."""
        if self._ended:
            return
        if self.alive:
            self.terminate()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(grace)
        if self.alive:
            self._process.kill()
        for pid in _session(self.pid):
            if pid != self.pid:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        self._process.wait()
        self._ended = True  # another process may get the number now


def stop(children: Iterable[Child]) -> None:
    """End children together; Ctrl-C does not interrupt that."""
    ended = list(children)
    with _undisturbed():
        for child in ended:
            child.terminate() if child.alive else None
        for child in ended:
            child.stop()


def launched(command: Sequence[str], core: int | None, death: signal.Signals = signal.SIGKILL) -> list[str]:
    """Return the command that runs another one on a core, and sends it a signal when this process dies."""
    return [sys.executable, "-I", "-S", str(LAUNCH), str(-1 if core is None else core), str(int(death)), *command]


def spent(pid: int) -> float | None:
    """Return the processor seconds of the session that `pid` leads; only what still runs is counted."""
    if not PROC.is_dir():
        return None
    return sum(_seconds(each) for each in _session(pid))


def cores() -> tuple[int | None, int | None]:
    """Return a core for the server and one for the load generator, or None twice when there is but one."""
    if not hasattr(os, "sched_getaffinity"):
        return None, None
    allowed = sorted(os.sched_getaffinity(0))
    return (allowed[0], allowed[1]) if len(allowed) > 1 else (None, None)


def free_port(taken: Container[int] = ()) -> int:
    """Return a port of the loopback interface that nobody uses and that is not taken for somebody who will."""
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
        if port not in taken:
            return port


@contextmanager
def interruptible() -> Iterator[None]:
    """Make TERM and HUP raise `KeyboardInterrupt` as Ctrl-C does, so that everything that was started is ended."""

    def interrupt(number: int, _: object) -> None:
        raise KeyboardInterrupt(signal.Signals(number).name)

    before = {number: signal.signal(number, interrupt) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _undisturbed() -> Iterator[None]:
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    try:
        before = {number: signal.signal(number, signal.SIG_IGN) for number in numbers}
    except ValueError:  # only the main thread gets signals
        before = {}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _session(leader: int) -> list[int]:
    found = []
    for entry in os.scandir(PROC) if PROC.is_dir() else ():
        with suppress(OSError, ValueError, IndexError):
            if int(_stat(int(entry.name))[3]) == leader:
                found.append(int(entry.name))
    return found


def _stat(pid: int) -> list[str]:
    return (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()


def _seconds(pid: int) -> float:
    # schedstat counts nanoseconds; stat counts ticks of 10 ms, and is what there is when the kernel lacks the other.
    try:
        tasks = list((PROC / str(pid) / "task").iterdir())
        return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9
    except (OSError, ValueError, IndexError):
        with suppress(OSError):
            fields = _stat(pid)
            return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return 0.0

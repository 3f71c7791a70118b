"""Children: the processes that a runner starts, as it sees them."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
from math import inf
from typing import TYPE_CHECKING, Literal

import msgspec
from msgspec import Struct

from arlen_server.channel import Channel, Message, Refresh, Retire

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

__all__ = ["Child", "Plan", "spawn_command", "spawn_worker"]

_LINUX = sys.platform == "linux"
_HANDLED = ("TERM", "INT", "QUIT", "HUP", "TTIN", "TTOU", "CHLD")
_SIGNALS = tuple(getattr(signal, f"SIG{name}") for name in _HANDLED)

State = Literal["starting", "ready", "leaving"]


class Plan(Struct, frozen=True, kw_only=True):
    """What a worker process is told on its command line.

    Attributes:
        app: "module:attr", or "" for the default.
        root: the application's folder.
        sockets: descriptors of the listening sockets.
        channel: descriptor of its end of the `Channel`.
        development: serve for boomhauer: put the refresh script into pages, stop fast, report what was printed.
        browser: with `development`, whether to put the script into pages.
    """

    app: str = ""
    root: str = "."
    sockets: tuple[int, ...] = ()
    channel: int = -1
    development: bool = False
    browser: bool = True


class Child:
    """One process and what is known of it.

    Args:
        process: the process.
        channel: the manager's end of its channel; `None` when the program knows of none.
        slot: its place in the pool.
        generation: of the code, counted up by each reload.
        sockets: the listening sockets that it was given.

    Attributes:
        state: "starting", "ready" or "leaving".
        reason: why it is leaving, or "".
        worn: why it should be replaced, or "".
        deadline: when the manager must act next, in seconds of its clock.
        ready_at: when it became ready, or `None`.
        requests, memory: as it last reported.
    """

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        channel: Channel | None = None,
        *,
        slot: int = 0,
        generation: int = 1,
        sockets: tuple[int, ...] = (),
    ) -> None:
        self.process = process
        self.channel = channel
        self.pid = process.pid
        self.slot = slot
        self.generation = generation
        self.sockets = sockets
        self.state: State = "starting"
        self.reason = self.worn = ""
        self.started_at = 0.0
        self.ready_at: float | None = None
        self.deadline = inf
        self.requests = self.memory = 0
        self.max_requests = self.max_age = inf

    def receive(self) -> list[Message]:
        """What it said since the last call."""
        return list(self.channel.receive()) if self.channel else []

    def poll(self) -> int | None:
        """Its exit code, negative for a signal, or `None` while it runs."""
        return self.process.poll()

    def retire(self) -> None:
        """Ask it to finish because another one took over: readiness stays up. A plain command gets TERM."""
        if not (self.channel and self.channel.send(Retire())):
            self.signal(signal.SIGTERM)

    def refresh(self, paths: list[str], *, css: bool) -> None:
        """Tell a development worker which files changed."""
        if self.channel:
            self.channel.send(Refresh(paths, css))

    def signal(self, number: int) -> None:
        """Send it a signal; nothing when it has ended."""
        self.process.send_signal(number)

    def kill(self) -> None:
        """End it and every process of its group, now."""
        if self.process.poll() is None:
            try:
                os.killpg(self.pid, signal.SIGKILL)
            except (ProcessLookupError, PermissionError):  # it leads no group
                self.process.kill()

    def close(self) -> None:
        """Let go of its channel."""
        if self.channel:
            self.channel.close()


def spawn_worker(
    plan: Plan, environ: Mapping[str, str], *, slot: int = 0, generation: int = 1, interactive: bool = False
) -> Child:
    """Start a fresh interpreter that serves the application.

    A fresh one, not a fork: it sees new code, its libraries and even a new Python; nothing of the manager's state,
    threads or locks comes along; and the manager never imports the application, so the application cannot break it.

    Args:
        plan: what it serves; `channel` is filled in here.
        environ: its environment.
        slot: see `Child`.
        generation: see `Child`.
        interactive: share the terminal (for a debugger); otherwise it leads a process group of its own, so that Ctrl-C
            reaches the manager only.
    """
    mine, its = Channel.pair()
    argument = msgspec.json.encode(msgspec.structs.replace(plan, channel=its.fileno())).decode()
    try:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "arlen_server.worker", argument],  # -P: no `secrets.py` of theirs for ours
            stdin=None if interactive else subprocess.DEVNULL,
            cwd=plan.root,
            env=environ,
            pass_fds=(*plan.sockets, its.fileno()),
            process_group=None if interactive else 0,
        )
    except BaseException:
        mine.close()
        raise
    finally:
        its.close()
    return Child(process, mine, slot=slot, generation=generation, sockets=plan.sockets)


def spawn_command(
    command: Sequence[str], environ: Mapping[str, str], *, root: Path, slot: int = 0, generation: int = 1
) -> Child:
    """Start another program. On Linux it gets TERM when the manager dies."""
    # a signal between fork and exec would run the manager's handlers in the child
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS) if _LINUX else set()
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            cwd=root,
            env=environ,
            process_group=0,
            preexec_fn=_leash(mask) if _LINUX else None,  # noqa: PLW1509  # the manager has one thread
        )
    finally:
        if _LINUX:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    return Child(process, slot=slot, generation=generation)


def _leash(mask: Iterable[int]) -> Callable[[], None]:
    """What ties a program that knows nothing of us to the manager's life (prctl(2), PR_SET_PDEATHSIG)."""
    prctl, manager = ctypes.CDLL(None).prctl, os.getpid()

    def tie() -> None:
        for number in _SIGNALS:
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        prctl(1, int(signal.SIGTERM), 0, 0, 0)
        if os.getppid() != manager:  # it died before the call
            os._exit(1)

    return tie

"""Propane: the production manager: keeps workers alive, and replaces them without losing a request."""

from __future__ import annotations

import os
import selectors
import shutil
import signal
import socket
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from math import inf
from pathlib import Path
from typing import Any, Self

from arlen_core.errors import StartupError
from arlen_server.backoff import Backoff
from arlen_server.children import Child, Plan, spawn_command, spawn_worker
from arlen_server.pidfile import pidfile
from arlen_server.pool import Pool, Rules
from arlen_server.ports import Ports
from arlen_server.runfolder import WORKER, RunFolder, parent
from arlen_server.settings import Settings
from arlen_server.tuning import Propane, Supervised

__all__ = ["Manager"]

_LATE = 1.0  # seconds by which the manager's own clock may jump before it forgives its workers

_MOST = 1024  # workers, as in the configuration

_SIGNALS = ("TERM", "INT", "QUIT", "HUP", "TTIN", "TTOU", "CHLD")


class Manager:
    """Runs an application in several worker processes, and other commands beside them.

    Signals: TERM and INT stop gracefully, a second one or QUIT at once; HUP reads the configuration again and replaces
    every process, new ones first; TTIN and TTOU run one worker more or less.

    Args:
        configure: reads the configuration; called at the start and for HUP.
        app: "module:attr", or "" for the default.
        root: the application's folder.
        environ: the environment of the processes.
        emit: called with an event's name and its fields; see `arlen_server.lifecycle.Lifecycle`.
    """

    def __init__(
        self,
        configure: Callable[[], Settings],
        *,
        app: str = "",
        root: Path,
        environ: Mapping[str, str],
        emit: Callable[..., None],
    ) -> None:
        self.settings = configure()
        self.root = root
        self.pools: dict[str, Pool] = {}
        self._configure = configure
        self._app = app
        self._environ = dict(environ)
        self._emit = emit
        self._stopping = False
        self._started = time.time()
        self._ports: Ports

    def run(self) -> int:
        """Run until a signal says stop; the exit code: 0, or 1 when no worker could be kept alive.

        Raises:
            StartupError: an address cannot be had, a command does not exist, the pidfile is another's.
        """
        tuning = self.settings.propane
        _check(tuning)
        with ExitStack() as stack:
            if tuning.pidfile:
                stack.enter_context(pidfile(self.root / tuning.pidfile))
            self._ports = Ports(self.settings, tuning.listener)
            stack.callback(self._ports.close)
            self._ports.reserve(_size(tuning))
            folder = RunFolder(parent(tuning.run, self.root, self._environ), self._emit)
            self._folder = stack.enter_context(folder)
            self._environ = folder.environ(self._environ)
            inbox = stack.enter_context(_Inbox())
            stack.callback(self._kill)  # whatever happens, nothing outlives the manager
            self._make_pools()
            self._folder.keep(self._facts)  # before anybody is there to read it
            self._emit("manager_started", addresses=self._ports.addresses, workers=self._web.size, run=folder.path)
            return self._loop(inbox)

    @property
    def _web(self) -> Pool:
        return self.pools["web"]

    def _loop(self, inbox: _Inbox) -> int:
        while not all(pool.done for pool in self.pools.values()):
            for number in self._wait(inbox):
                self._signalled(number)
            for pool in list(self.pools.values()):
                pool.tick()
            self.pools = {name: pool for name, pool in self.pools.items() if name == "web" or not pool.done}
            self._folder.keep(self._facts)
            if self._web.dead:
                self._emit("manager_failed", reason=self._web.dead)
                self._kill()
                return 1
        self._emit("manager_stopped")
        return 0

    @property
    def _facts(self) -> dict[str, Any]:
        pools = {name: pool.facts for name, pool in self.pools.items()}
        return {"pid": os.getpid(), "started": self._started, "generation": self._web.generation, "pools": pools}

    def _wait(self, inbox: _Inbox) -> list[int]:
        """Sleep until a signal, a word from a worker, or the next deadline."""
        before = time.monotonic()
        due = max(0.0, min((pool.wake for pool in self.pools.values()), default=inf) - before)
        with selectors.PollSelector() as selector:
            selector.register(inbox, selectors.EVENT_READ)
            for pool in self.pools.values():
                for child in pool.children:
                    if child.channel and child.channel.open:
                        selector.register(child.channel, selectors.EVENT_READ)
            selector.select(None if due == inf else due + 0.001)
        late = time.monotonic() - before - due
        if late > _LATE and due != inf:  # the machine slept, or the manager was stopped: not the workers' fault
            for pool in self.pools.values():
                pool.forgive(late)
        return inbox.read()

    # signals

    def _signalled(self, number: int) -> None:
        if number in {signal.SIGTERM, signal.SIGINT, signal.SIGQUIT}:
            if self._stopping or number == signal.SIGQUIT:
                self._emit("stopping_now", signal=signal.Signals(number).name)
                self._kill()
            else:
                self._stop(signal.Signals(number).name)
        elif self._stopping:
            return
        elif number == signal.SIGHUP:
            self._reload()
        elif number == signal.SIGTTIN:
            self._resize(min(_MOST, self._web.size + 1))
        elif number == signal.SIGTTOU:
            self._resize(max(1, self._web.size - 1))

    def _resize(self, size: int) -> None:
        try:
            self._ports.reserve(size)
        except OSError as error:
            self._emit("scale_failed", reason=str(error))
        else:
            self._web.resize(size)

    def _stop(self, name: str) -> None:
        self._stopping = True
        self._emit("stopping", signal=name)
        for pool in self.pools.values():
            pool.stop()

    def _kill(self) -> None:
        self._stopping = True
        for pool in self.pools.values():
            pool.kill()
        for pool in self.pools.values():
            for child in pool.children:
                child.process.wait()
            pool.tick()

    def _reload(self) -> None:
        try:
            settings = self._configure()
            _check(settings.propane)
        except Exception as error:  # noqa: BLE001  # nothing in a file may stop the workers that serve
            self._emit("reload_failed", reason=str(error) or type(error).__name__)
            return
        old, self.settings = self.settings, settings
        if _where(old) != _where(settings):
            self._emit("reload_limited", reason="the addresses to listen on change with a restart only")
        if old.propane.workers != settings.propane.workers:
            self._resize(_size(settings.propane))
        self._make_pools()
        for pool in self.pools.values():
            if not pool.stopping:
                pool.reload()

    # pools

    def _make_pools(self) -> None:
        tuning = self.settings.propane
        wanted: dict[str, Supervised | None] = {"web": None} | {each.name: each for each in tuning.commands}
        for name, pool in self.pools.items():
            if name not in wanted:
                pool.stop()
        for name, command in wanted.items():
            rules = _command_rules(command, tuning) if command else _web_rules(self.settings)
            if name not in self.pools or self.pools[name].stopping:
                self.pools[name] = self._pool(name, rules)
            elif command:
                self.pools[name].resize(rules.size)
            self.pools[name].rules = rules
            self.pools[name].launch = self._command_launcher(command) if command else self._launch

    def _pool(self, name: str, rules: Rules) -> Pool:
        tuning = self.settings.propane
        backoff = Backoff(tuning.respawn_delay, tuning.respawn_delay_max, jitter=tuning.jitter)
        grant = self._ports.grant if name == "web" else None
        return Pool(name, self._launch, rules, emit=self._emit, backoff=backoff, grant=grant)

    def _launch(self, slot: int, generation: int) -> Child:
        sockets = self._ports.grant(slot, self._web.size)
        plan = Plan(app=self._app, root=str(self.root), sockets=sockets)
        return spawn_worker(plan, self._environ | {WORKER: f"web.{slot}"}, slot=slot, generation=generation)

    def _command_launcher(self, command: Supervised) -> Callable[[int, int], Child]:
        def launch(slot: int, generation: int) -> Child:
            environ = self._environ | {WORKER: f"{command.name}.{slot}"}
            return spawn_command(command.command, environ, root=self.root, slot=slot, generation=generation)

        return launch


class _Inbox:
    """Signals as something to wait for: their handlers only write to a socket."""

    def __init__(self) -> None:
        self._mine, self._theirs = socket.socketpair()
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        self._mine.setblocking(False)
        self._theirs.setblocking(False)
        self._fd = signal.set_wakeup_fd(self._theirs.fileno(), warn_on_full_buffer=False)
        for name in _SIGNALS:
            number = getattr(signal, f"SIG{name}")
            self._before[number] = signal.signal(number, lambda *_: None)
        return self

    def __exit__(self, *error: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._fd)
        self._mine.close()
        self._theirs.close()

    def fileno(self) -> int:
        return self._mine.fileno()

    def read(self) -> list[int]:
        """The signals that came, in order; any number of one kind within a moment may come as one."""
        with suppress(BlockingIOError):
            return list(self._mine.recv(4096))
        return []


def _web_rules(settings: Settings) -> Rules:
    tuning = settings.propane
    return Rules(
        size=_size(tuning),
        start_timeout=tuning.start_timeout,
        heartbeat_timeout=tuning.heartbeat_timeout,
        kill_grace=tuning.kill_grace,
        stop_timeout=settings.drain_delay + settings.drain_timeout + tuning.stop_timeout,
        healthy_after=tuning.healthy_after,
        max_failures=tuning.max_failures,
        max_requests=tuning.max_requests,
        max_age=tuning.max_age,
        max_memory=tuning.max_memory,
        jitter=tuning.jitter,
    )


def _command_rules(command: Supervised, tuning: Propane) -> Rules:
    return Rules(
        size=command.count,
        vital=False,
        overlap=command.overlap,
        settle=command.settle,
        stop_timeout=command.stop_timeout,
        healthy_after=tuning.healthy_after,
        jitter=tuning.jitter,
    )


def _size(tuning: Propane) -> int:
    if tuning.workers:
        return tuning.workers
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(2, usable)


def _check(tuning: Propane) -> None:
    for command in tuning.commands:
        if shutil.which(command.command[0]) is None:
            fix = "install it, write its whole path, or correct `command`"
            raise StartupError(f'the program "{command.command[0]}" of command "{command.name}" is not found', fix=fix)


def _where(settings: Settings) -> tuple[Any, ...]:
    return settings.host, settings.port, settings.bind, settings.unix_mode, settings.propane.listener

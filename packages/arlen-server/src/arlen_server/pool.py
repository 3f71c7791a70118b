"""Pool: keeps a number of processes of one kind alive, and replaces them without a gap."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from math import inf
from random import Random
from subprocess import SubprocessError
from typing import Any

from msgspec import Struct

from arlen_server.backoff import Backoff
from arlen_server.channel import Beat, Failed, Ready
from arlen_server.children import Child

__all__ = ["CAUSES", "Pool", "Rules"]

Launch = Callable[[int, int], Child]

CAUSES = ("exit", "killed", "stuck", "recycled", "reload")
"""Why processes were replaced: it ended by itself, by a signal, hung, had passed a limit, or its code was old."""

_CAUSE = {
    **dict.fromkeys(("stuck", "start_timeout"), "stuck"),
    **dict.fromkeys(("requests", "age", "memory"), "recycled"),
    "reloaded": "reload",
}


class Rules(Struct, frozen=True, kw_only=True):
    """How a pool treats its processes: times in seconds, sizes in bytes, 0 turns a limit off.

    Attributes:
        size: how many.
        vital: the manager cannot run without it: when no process ever became ready, or too many failed in a row, the
            pool gives up.
        overlap: start a replacement before the old process is asked to leave.
        settle: count a process as ready when it still runs after this time; 0 waits until it says so.
        start_timeout, heartbeat_timeout, kill_grace, stop_timeout: see `arlen_server.tuning.Propane`; here
            `stop_timeout` is the whole time from the request to leave until KILL.
        healthy_after, max_failures, max_requests, max_age, max_memory, jitter: see there.
    """

    size: int = 1
    vital: bool = True
    overlap: bool = True
    settle: float = 0.0
    start_timeout: float = 60.0
    heartbeat_timeout: float = 30.0
    kill_grace: float = 5.0
    stop_timeout: float = 40.0
    healthy_after: float = 10.0
    max_failures: int = 10
    max_requests: int = 0
    max_age: float = 0.0
    max_memory: int = 0
    jitter: float = 0.1


class Pool:
    """Processes in numbered slots. Call `tick` whenever something may have happened, and at `wake` at the latest.

    What is wanted is declared (`size`, the `floor` of generations, `child.worn`) and `tick` moves towards it: a slot
    without a fresh process gets one; when that is ready, the slot's other processes are asked to leave. A reload, a
    recycle, a crash and a change of size are all this one rule.

    Args:
        name: "web", or a command's name.
        launch: starts a process for a slot and a generation.
        rules: see `Rules`.
        emit: called with an event's name and its fields.
        grant: the listening sockets that a slot of a pool of some size must serve. A process that lacks one of them is
            replaced, and nothing of a larger pool ends before that, so that no socket is without a process.
        backoff: the waits after failures.
        clock: seconds that only go up.
        random: the source of jitter.

    Attributes:
        children: every process that has not ended.
        dead: why the pool gave up, or "".
        wake: when `tick` is due next.
        restarts: how many processes were replaced, by cause; see `CAUSES`.
    """

    def __init__(
        self,
        name: str,
        launch: Launch,
        rules: Rules,
        *,
        emit: Callable[..., None],
        grant: Callable[[int, int], tuple[int, ...]] | None = None,
        backoff: Backoff,
        clock: Callable[[], float] = time.monotonic,
        random: Random | None = None,
    ) -> None:
        self.name = name
        self.launch = launch
        self.rules = rules
        self.size = rules.size
        self.children: list[Child] = []
        self.generation = self.floor = 1
        self.dead = ""
        self.restarts = dict.fromkeys(CAUSES, 0)
        self.wake = -inf
        self.stopping = False
        self._emit = emit
        self._grant = grant
        self._backoff = backoff
        self._clock = clock
        self._random = random or Random()  # noqa: S311  # no secret
        self._proven = 0  # the newest generation of which a process became ready
        self._not_before = -inf
        self._reloading = False

    @property
    def ready(self) -> int:
        """How many processes serve."""
        return sum(child.state == "ready" for child in self.children)

    @property
    def facts(self) -> dict[str, Any]:
        """What is known of the pool, for others to read."""
        workers = [
            {"slot": child.slot, "pid": child.pid, "generation": child.generation, "state": child.state}
            for child in self.children
        ]
        alive, ready = len(workers), self.ready
        return {"size": self.size, "alive": alive, "ready": ready, "restarts": {**self.restarts}, "workers": workers}

    @property
    def done(self) -> bool:
        """Nothing runs any more, and nothing shall."""
        return self.stopping and not self.children

    def reload(self) -> None:
        """Replace every process by one with the code as it is now, one after the other."""
        self.generation += 1
        self.floor = self.generation
        self._reloading = True
        self._not_before = -inf
        self._tell("reload_started", generation=self.generation)

    def resize(self, size: int) -> None:
        """Run this many processes from now on."""
        if size != self.size:
            self._tell("scaled", old=self.size, new=size)
        self.size = size

    def stop(self) -> None:
        """Ask every process to shut down: TERM, and KILL when it takes too long."""
        self.stopping = True
        for child in self.children:
            if child.state != "leaving":
                child.signal(signal.SIGTERM)
                self._leave(child, "shutdown")
        self.tick()

    def kill(self) -> None:
        """End every process now."""
        self.stopping = True
        for child in self.children:
            child.reason = child.reason or "killed"
            child.state = "leaving"
            child.kill()

    def forgive(self, seconds: float) -> None:
        """The manager itself stood still: move every deadline by that much, rather than blame the processes."""
        for child in self.children:
            child.deadline += seconds

    def tick(self) -> None:
        """Read what the processes said, judge them, and move towards what is wanted."""
        now = self._clock()
        for child in list(self.children):
            self._hear(child, now)
            code = child.poll()
            if code is not None:
                self._exited(child, code, now)
            elif now >= child.deadline:
                self._overdue(child, now)
        if not self.stopping and not self.dead:
            self._reconcile(now)
        self.wake = self._next(now)

    # what processes say and do

    def _hear(self, child: Child, now: float) -> None:
        for message in child.receive():
            if isinstance(message, Ready) and child.state == "starting":
                self._became_ready(child, now)
            elif isinstance(message, Beat) and child.state == "ready":
                self._beat(child, message, now)
            elif isinstance(message, Failed):
                why = message.failure
                place = f"{why.file}:{why.line}" if why.file else None
                self._tell("worker_failed", child, stage=why.stage, message=why.message, place=place)

    def _became_ready(self, child: Child, now: float) -> None:
        child.state, child.ready_at, child.deadline = "ready", now, inf
        if self.rules.heartbeat_timeout and not self.rules.settle:
            child.deadline = now + self.rules.heartbeat_timeout
        self._proven = max(self._proven, child.generation)
        self._tell("worker_ready", child, seconds=now - child.started_at)

    def _beat(self, child: Child, beat: Beat, now: float) -> None:
        rules, child.requests, child.memory = self.rules, beat.requests, beat.memory
        if rules.heartbeat_timeout:
            child.deadline = now + rules.heartbeat_timeout
        if child.worn:
            return
        if beat.requests >= child.max_requests:
            child.worn = "requests"
        elif now - child.started_at >= child.max_age:
            child.worn = "age"
        elif rules.max_memory and beat.memory > rules.max_memory:
            child.worn = "memory"
        if child.worn:
            self._tell("worker_recycled", child, reason=child.worn, requests=beat.requests, memory=beat.memory)

    def _overdue(self, child: Child, now: float) -> None:
        rules = self.rules
        if child.state == "leaving":
            self._tell("worker_killed", child, reason=child.reason)
            child.kill()
            child.deadline = inf
        elif child.state == "starting" and rules.settle:
            self._became_ready(child, now)
        else:
            reason = "stuck" if child.state == "ready" else "start_timeout"
            self._tell("worker_stuck" if reason == "stuck" else "worker_late", child)
            self._failed(child, now)
            if reason == "stuck":
                child.signal(signal.SIGUSR1)  # the worker prints where it is stuck
            child.signal(signal.SIGTERM)
            self._leave(child, reason, rules.kill_grace)

    def _exited(self, child: Child, code: int, now: float) -> None:
        self.children.remove(child)
        child.close()
        asked = child.state == "leaving"
        reason = child.reason or ("crashed" if child.ready_at is not None else "start_failed")
        self._tell(
            "worker_exited",
            child,
            reason=reason,
            status=code,
            exit_reason=f"signal:{signal.Signals(-code).name}" if code < 0 else "exit",
            restart_action="none" if asked or self.stopping else "respawn",
        )
        if not asked:
            self._failed(child, now)
        cause = _CAUSE.get(reason) if asked else "killed" if code < 0 else "exit"
        if cause and not self.stopping:
            self.restarts[cause] += 1

    def _failed(self, child: Child, now: float) -> None:
        if child.ready_at is not None and now - child.ready_at >= self.rules.healthy_after:
            self._backoff.reset()
        else:
            wait = self._backoff.failed()
            self._not_before = now + wait
            self._tell("respawn_delayed", child, failures=self._backoff.failures, seconds=wait)
        if child.ready_at is None and child.generation == self.floor > self._proven > 0:
            self._abandon()
        self._give_up()

    def _abandon(self) -> None:
        """The first process with new code did not start: keep the old ones, which serve."""
        if any(c.state == "ready" and c.generation == self._proven for c in self.children):
            self.floor = self._proven
            self._reloading = False
            self._backoff.reset()
            self._tell("reload_failed", generation=self.generation)
            for child in self.children:
                if child.state == "starting":
                    self._retire(child, "reload_failed")

    def _give_up(self) -> None:
        rules = self.rules
        if self.stopping or not rules.vital or self.ready:
            return
        if not self._proven:
            self.dead = "the first worker did not start"
        elif rules.max_failures and self._backoff.failures >= rules.max_failures:
            self.dead = f"{self._backoff.failures} workers failed in a row and none serves"

    # what is wanted

    def _reconcile(self, now: float) -> None:
        for slot in range(self.size):
            self._fill(slot, now)
        if all(self._holds(child) for child in self.children):
            for child in self.children:
                if child.slot >= self.size:
                    self._retire(child, "scaled_down")
        if self._reloading and self._settled():
            self._reloading = False
            self._tell("reload_finished", generation=self.generation)

    def _fill(self, slot: int, now: float) -> None:
        present = [child for child in self.children if child.slot == slot]
        here = [child for child in present if child.state != "leaving"]
        fresh = [child for child in here if child.generation >= self.floor and not child.worn and self._holds(child)]
        stale = [child for child in here if child not in fresh]
        for child in stale:
            done = any(one.state == "ready" for one in fresh)
            if done or child.state == "starting" or not self.rules.overlap:
                self._retire(child, child.worn or "reloaded")
        if not fresh and self._may_start(now, replacing=bool(stale), present=bool(present)):
            self._start(slot, now)

    def _may_start(self, now: float, *, replacing: bool, present: bool) -> bool:
        starting = [child for child in self.children if child.state == "starting"]
        if now < self._not_before or (present and not self.rules.overlap):
            return False
        if not self._proven and self.rules.vital:
            return not starting  # the first one shows whether the application starts at all
        return not replacing or not starting  # a replacement costs memory: one at a time

    def _start(self, slot: int, now: float) -> None:
        rules = self.rules
        try:
            child = self.launch(slot, self.generation)
        except (OSError, SubprocessError) as error:
            self._not_before = now + self._backoff.failed()
            self._tell("spawn_failed", slot=slot, reason=str(error))
            self._give_up()
            return
        child.started_at = now
        child.deadline = now + (rules.settle or rules.start_timeout)
        spread = 1 + rules.jitter * (2 * self._random.random() - 1)
        child.max_requests = rules.max_requests * spread or inf
        child.max_age = rules.max_age * spread or inf
        self.children.append(child)
        self._tell("worker_started", child)

    def _retire(self, child: Child, reason: str) -> None:
        if child.state == "leaving":
            return
        if child.state == "starting":
            child.signal(signal.SIGTERM)
        else:
            child.retire()
        self._leave(child, reason)

    def _leave(self, child: Child, reason: str, grace: float | None = None) -> None:
        child.state, child.reason = "leaving", reason
        child.deadline = self._clock() + (self.rules.stop_timeout if grace is None else grace)
        self._tell("worker_stopping", child, reason=reason)

    def _holds(self, child: Child) -> bool:
        if self._grant is None or child.slot >= self.size or child.state == "leaving":
            return True
        return set(self._grant(child.slot, self.size)) <= set(child.sockets)

    def _settled(self) -> bool:
        here = [child for child in self.children if child.state != "leaving"]
        return len(here) == self.size and all(c.state == "ready" and c.generation >= self.floor for c in here)

    def _next(self, now: float) -> float:
        times = [child.deadline for child in self.children]
        if self._not_before > now:
            times.append(self._not_before)
        return min(times, default=inf)

    def _tell(self, event: str, child: Child | None = None, **fields: Any) -> None:
        if child is not None:
            fields = {"worker_pid": child.pid, "slot": child.slot, "generation": child.generation, **fields}
        self._emit(event, name=self.name, **fields)

"""Tuning: the settings of the two runners, `[server.boomhauer]` and `[server.propane]`."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct, field

__all__ = ["Boomhauer", "Propane", "Supervised"]

Seconds = Annotated[float, Meta(ge=0, le=86_400)]
Count = Annotated[int, Meta(ge=0)]
Some = Annotated[int, Meta(ge=1, le=1024)]
Name = Annotated[str, Meta(pattern="^[a-z][a-z0-9_-]{0,31}$")]

_RESTART = ["*.py", "*.toml", "*.pth", ".env"]
_REFRESH = ["*.html", "*.jinja", "*.jinja2", "*.j2", "*.css", "*.js", "*.mjs", "*.map", "*.json", "*.txt", "*.xml"]
_REFRESH += ["*.svg", "*.png", "*.jpg", "*.jpeg", "*.gif", "*.webp", "*.avif", "*.ico", "*.woff", "*.woff2", "*.md"]
_IGNORE = [".*", "__pycache__", "node_modules", "venv", "build", "dist", "*.egg-info", "*~", "#*#", "*.tmp"]


class Supervised(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Another command that propane keeps alive, such as a job worker: one `[[server.propane.commands]]` table.

    Attributes:
        name: what lifecycle lines call it; `[a-z][a-z0-9_-]*`, not "web", each name once.
        command: the program and its arguments; no shell reads it.
        count: how many processes, 0 to 1024.
        overlap: on a reload, start the new process before the old one gets TERM. `false` stops the old one first,
            for a program that must never run twice.
        settle: seconds after which a process that still runs counts as started.
        stop_timeout: seconds between TERM and KILL.

    >>> Supervised(name="jobs", command=["arlen", "jobs", "work"], count=2).overlap
    True
    """

    name: Name
    command: Annotated[list[str], Meta(min_length=1)]
    count: Annotated[int, Meta(ge=0, le=1024)] = 1
    overlap: bool = True
    settle: Seconds = 1.0
    stop_timeout: Seconds = 30.0

    def __post_init__(self) -> None:
        if self.name == "web":
            raise ValueError('the name "web" is taken by the server itself; choose another')


class Propane(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The production manager: `[server.propane]`. Times are in seconds, sizes in bytes, and 0 turns a limit off.

    Attributes:
        workers: processes that serve; 0 means one for each CPU that this process may use, but at least 2.
        listener: "shared" (all workers accept from one socket) or "reuseport" (one socket for each worker; Linux).
        start_timeout: how long a worker may take from its start until it is ready.
        heartbeat_timeout: a worker whose event loop is blocked for this long is replaced and killed.
        kill_grace: for a stuck worker, the time between TERM and KILL.
        stop_timeout: what a worker may take on top of `drain_delay` and `drain_timeout` before KILL.
        respawn_delay: the wait before the first respawn of a worker that did not live long; it doubles each time.
        respawn_delay_max: the longest such wait.
        healthy_after: a worker that was ready for this long is respawned at once, and ends a row of failures.
        max_failures: with no worker ready and this many failures in a row, propane gives up and exits with 1.
        max_requests: replace a worker after this many requests.
        max_age: replace a worker after this time.
        max_memory: replace a worker whose resident memory is larger.
        jitter: `max_requests`, `max_age` and the respawn waits differ from worker to worker by up to this part.
        pidfile: a file that holds the manager's process id while it runs; "" writes none.
        commands: other programs to keep alive, such as job workers.

    >>> Propane(workers=8, max_requests=10_000).heartbeat_timeout
    30.0
    """

    workers: Annotated[int, Meta(ge=0, le=1024)] = 4
    listener: Literal["shared", "reuseport"] = "shared"
    start_timeout: Annotated[float, Meta(gt=0, le=86_400)] = 60.0
    heartbeat_timeout: Seconds = 30.0
    kill_grace: Seconds = 5.0
    stop_timeout: Seconds = 10.0
    respawn_delay: Annotated[float, Meta(gt=0, le=3600)] = 0.25
    respawn_delay_max: Annotated[float, Meta(gt=0, le=3600)] = 30.0
    healthy_after: Seconds = 10.0
    max_failures: Count = 10
    max_requests: Count = 0
    max_age: Seconds = 0.0
    max_memory: Count = 0
    jitter: Annotated[float, Meta(ge=0, le=0.5)] = 0.1
    pidfile: str = ""
    commands: list[Supervised] = field(default_factory=list)

    def __post_init__(self) -> None:
        names = [command.name for command in self.commands]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f'two commands are named "{name}"; give each its own name')


class Boomhauer(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The development server: `[server.boomhauer]`. Times are in seconds.

    Attributes:
        watch: folders to watch, relative to the application's root.
        restart: a change of a file of such a name restarts the application.
        refresh: a change of a file of such a name only refreshes the browser.
        ignore: files and folders of such a name are not watched. The longer match of a name does not matter: ignored
            wins over restart, restart over refresh.
        watcher: "watchfiles", "poll", or "auto": watchfiles when it is installed.
        poll: how often the polling watcher looks.
        debounce: changes that come closer together than this are one change.
        retry: a failed start is tried again after this time (doubling up to 30); 0 waits for a change.
        page_refresh: how often an error page without JavaScript loads itself again.
        browser: put the refresh script into HTML pages.
        drain: how long requests in flight may run on when the application restarts.

    >>> Boomhauer(watch=[".", "../shared"]).browser
    True
    """

    watch: list[str] = field(default_factory=lambda: ["."])
    restart: list[str] = field(default_factory=lambda: list(_RESTART))
    refresh: list[str] = field(default_factory=lambda: list(_REFRESH))
    ignore: list[str] = field(default_factory=lambda: list(_IGNORE))
    watcher: Literal["auto", "watchfiles", "poll"] = "auto"
    poll: Annotated[float, Meta(gt=0, le=60)] = 0.5
    debounce: Annotated[float, Meta(gt=0, le=10)] = 0.1
    retry: Annotated[float, Meta(ge=0, le=30)] = 2.0
    page_refresh: Annotated[int, Meta(ge=1, le=60)] = 3
    browser: bool = True
    drain: Seconds = 0.5

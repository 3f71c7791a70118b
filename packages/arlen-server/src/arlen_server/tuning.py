"""Tuning: the settings of the two runners, `[server.boomhauer]` and `[server.propane]`."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

__all__ = ["Boomhauer", "Propane", "Supervised"]

_Pause = Meta(ge=0, le=86_400)
_Seconds = Meta(gt=0, le=86_400)
_Count = Meta(ge=0)
_Processes = Meta(ge=0, le=1024)
_RESTART = ("*.py", "*.toml", "*.pth")
_REFRESH = (
    *("*.html", "*.jinja", "*.jinja2", "*.j2", "*.css", "*.js", "*.mjs", "*.json", "*.txt", "*.xml", "*.md"),
    *("*.svg", "*.png", "*.jpg", "*.jpeg", "*.gif", "*.webp", "*.avif", "*.ico", "*.woff", "*.woff2"),
)
_IGNORE = (
    *(".git", ".hg", ".svn", ".venv", "venv", ".tox", ".nox", ".hatch", ".boot", ".idea", ".vscode", ".*_cache"),
    *("__pycache__", "node_modules", "site-packages", "build", "dist", "*.egg-info"),
    *("*~", ".#*", "#*#", ".*.sw?", "*.tmp"),
)


def _about(text: str) -> Meta:
    return Meta(description=text)


class Supervised(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Another command that propane keeps alive, such as a job worker: one `[[server.propane.commands]]` table.

    >>> Supervised(name="jobs", command=("arlen", "jobs", "work"), count=2).overlap
    True
    """

    name: Annotated[
        str, Meta(pattern="^[a-z][a-z0-9_-]{0,31}$"), _about("what lifecycle lines call it; not `web`, each name once")
    ]
    command: Annotated[
        tuple[str, ...], Meta(min_length=1), _about("the program and its arguments; no shell reads them")
    ]
    count: Annotated[int, _Processes, _about("number of processes")] = 1
    overlap: Annotated[
        bool, _about("on a reload start the new process first; `false` for a program that must never run twice")
    ] = True
    settle: Annotated[float, _Seconds, _about("a process that still runs after this time counts as started")] = 1.0
    stop_timeout: Annotated[float, _Pause, _about("time between TERM and KILL")] = 30.0

    def __post_init__(self) -> None:
        if self.name == "web":
            raise ValueError('the name "web" is taken by the server itself; choose another')


class Propane(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The production manager: `[server.propane]`. Times are in seconds, sizes in bytes.

    >>> Propane(workers=8, max_requests=10_000).heartbeat_timeout
    30.0
    """

    workers: Annotated[
        int, _Processes, _about("processes that serve; 0 is one for each CPU that this process may use, at least 2")
    ] = 4
    listener: Annotated[
        Literal["shared", "reuseport"],
        _about("`shared`: all workers accept from one socket; `reuseport`: a socket for each worker (Linux)"),
    ] = "shared"
    start_timeout: Annotated[float, _Seconds, _about("longest time from a worker's start until it is ready")] = 60.0
    heartbeat_timeout: Annotated[
        float, _Pause, _about("a worker whose event loop is blocked for this long is replaced and killed; 0 is off")
    ] = 30.0
    kill_grace: Annotated[float, _Pause, _about("time between TERM and KILL of a stuck worker")] = 5.0
    stop_timeout: Annotated[
        float, _Pause, _about("time that a worker may take on top of `drain_delay` and `drain_timeout` before KILL")
    ] = 10.0
    respawn_delay: Annotated[
        float, _Seconds, _about("wait before a worker that did not live long is started again; doubles each time")
    ] = 0.25
    respawn_delay_max: Annotated[float, _Seconds, _about("longest such wait")] = 30.0
    healthy_after: Annotated[
        float,
        _Pause,
        _about("a worker that was ready for this long is respawned at once, and ends a row of failures"),
    ] = 10.0
    max_failures: Annotated[
        int, _Count, _about("with no worker ready and so many failures in a row propane exits with 1; 0 is never")
    ] = 10
    max_requests: Annotated[int, _Count, _about("replace a worker after so many requests; 0 is never")] = 0
    max_age: Annotated[float, _Pause, _about("replace a worker after this time; 0 is never")] = 0.0
    max_memory: Annotated[int, _Count, _about("replace a worker whose resident memory is larger; 0 is never")] = 0
    jitter: Annotated[
        float,
        Meta(ge=0, le=0.5),
        _about("`max_requests`, `max_age` and the waits differ from worker to worker by up to this part"),
    ] = 0.1
    run: Annotated[str, _about("folder in which propane makes its private one when it starts; empty: see above")] = ""
    pidfile: Annotated[str, _about("file that holds the manager's process id while it runs; empty for none")] = ""
    commands: Annotated[tuple[Supervised, ...], _about("other programs to keep alive, such as job workers")] = ()

    def __post_init__(self) -> None:
        names = [command.name for command in self.commands]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f'two commands are named "{name}"; give each its own name')


class Boomhauer(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The development server: `[server.boomhauer]`. Times are in seconds.

    >>> Boomhauer(watch=(".", "../shared")).browser
    True
    """

    watch: Annotated[
        tuple[str, ...], Meta(min_length=1), _about("folders to watch, relative to the application's root")
    ] = (".",)
    restart: Annotated[tuple[str, ...], _about("a change of a file of such a name restarts the application")] = _RESTART
    refresh: Annotated[tuple[str, ...], _about("a change of a file of such a name refreshes the browser")] = _REFRESH
    ignore: Annotated[
        tuple[str, ...], _about("files and folders of such a name are not watched, whatever the two above say")
    ] = _IGNORE
    watcher: Annotated[
        Literal["auto", "watchfiles", "poll"], _about("how to watch; `auto` is watchfiles when it is installed")
    ] = "auto"
    poll: Annotated[float, Meta(gt=0, le=60), _about("how often the polling watcher looks")] = 0.5
    debounce: Annotated[
        float, Meta(gt=0, le=10), _about("changes that come closer together than this are one change")
    ] = 0.1
    retry: Annotated[
        float, Meta(ge=0, le=30), _about("a failed start is tried again after this time, doubling up to 30; 0 is never")
    ] = 2.0
    page_refresh: Annotated[
        int, Meta(ge=1, le=60), _about("an error page without JavaScript loads itself again this often")
    ] = 3
    browser: Annotated[bool, _about("put the refresh script into HTML pages")] = True
    requests: Annotated[
        int, Meta(ge=0, le=10_000), _about("requests that the page of recent ones shows; 0 is no page, nothing kept")
    ] = 200
    spans: Annotated[
        int,
        Meta(ge=100, le=1_000_000),
        _about("spans of all these requests together, a KiB of text counting as one; for more, old ones go"),
    ] = 20_000
    drain: Annotated[float, _Pause, _about("requests in flight may run on this long when the application restarts")] = (
        0.5
    )
